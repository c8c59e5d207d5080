// The rules of fault-fs: they decide which operations fail, hang, are slow, are short or lose data. See rules.c.

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

// A request, before the file system performs it.
struct call {
    enum operation operation;
    fuse_req_t request;
    const char *path;    // inside the mount, from "/"
    const char *other;   // the second name of a rename or link, or NULL
    size_t size;         // bytes that a write wants to write
};

// What the rules decide about a call.
struct verdict {
    int error;           // answer this errno and do nothing; 0: perform the call
    size_t limit;        // a write takes at most this many bytes
    int drop_error;      // not 0: discard a write's data, and report this errno later, …
    unsigned drop_at;    // … at the first of these operations (bits 1 << OP_FSYNC, 1 << OP_FLUSH)
};

void rules_start(void);

// Counts the call, and returns when it may proceed, which is later for a call that hangs or is slow.
struct verdict rules_judge(const struct call *call);

// Counts an error of a `drop` rule that is answered at this moment.
void rules_note_error(enum operation operation);

// Whether a rule applies to this operation on this path. Does not count or judge a call.
bool rules_mention(enum operation operation, const char *path);

// Ends all hangs and delays, and prevents new ones.
void rules_end(void);

#endif
