// The rules of fault-fs: which operations fail, hang, are slow, are short or are lost. See rules.c.

#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

// One value for each kind of FUSE request, in the order in which `count` prints them.
enum operation {
    OP_LOOKUP, OP_STAT, OP_ACCESS, OP_READLINK, OP_STATFS,
    OP_OPEN, OP_CREATE, OP_READ, OP_WRITE, OP_FSYNC, OP_FLUSH, OP_RELEASE, OP_FALLOCATE,
    OP_TRUNCATE, OP_CHMOD, OP_CHOWN, OP_UTIMENS,
    OP_RENAME, OP_LINK, OP_SYMLINK, OP_UNLINK, OP_MKNOD, OP_MKDIR, OP_RMDIR,
    OP_OPENDIR, OP_READDIR, OP_FSYNCDIR, OP_RELEASEDIR,
    OPERATIONS
};

// What a request says about itself before it does anything.
struct call {
    enum operation operation;
    fuse_req_t request;
    const char *path;    // inside the mount, from "/"
    const char *other;   // the second name of a rename or link, or NULL
    size_t size;         // how much a write wants to write
};

// What becomes of it.
struct verdict {
    int error;           // answer this errno and do nothing; 0: do it
    size_t limit;        // a write takes no more bytes than this
    int drop_error;      // not 0: a write's data are not written, and this is told later, …
    unsigned drop_at;    // … by the first of these (bits 1 << OP_FSYNC, 1 << OP_FLUSH)
};

void rules_start(void);

// Counts the call, and returns when it may go on: that is later for a call that hangs or is slow.
struct verdict rules_judge(const struct call *call);

// Counts an error that was promised by a `drop` rule and is answered now.
void rules_note_error(enum operation operation);

// Whether a rule is about this operation on this path. Judges and counts nothing.
bool rules_mention(enum operation operation, const char *path);

// Carries out a command, which it cuts into words. The answer has no newline.
void rules_command(char *command, char *answer, size_t size);

// The next word of a line, or NULL at its end.
char *next_word(char **rest);

// Whether the text is a decimal number that is not greater than `most`.
bool to_number(const char *text, unsigned long long most, unsigned long long *number);

// From now on nothing hangs or is slow, and what does is let go.
void rules_end(void);

#endif
