#define _GNU_SOURCE
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const operation_names[OPERATIONS] = {
    "lookup", "stat", "access", "readlink", "statfs",
    "open", "create", "read", "write", "fsync", "flush", "release", "fallocate",
    "truncate", "chmod", "chown", "utimens",
    "rename", "link", "symlink", "unlink", "mknod", "mkdir", "rmdir",
    "opendir", "readdir", "fsyncdir", "releasedir",
};

static const struct {
    const char *name;
    unsigned operations;
} groups[] = {
    { "any", BIT(OPERATIONS) - 1 },
    { "getattr", BIT(OP_LOOKUP) | BIT(OP_STAT) },
    { "setattr", BIT(OP_TRUNCATE) | BIT(OP_CHMOD) | BIT(OP_CHOWN) | BIT(OP_UTIMENS) },
};

char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t");
    if (!*word)
        return NULL;
    *rest = word + strcspn(word, " \t");
    if (**rest)
        *(*rest)++ = '\0';
    return word;
}

bool to_number(const char *text, unsigned long long most, unsigned long long *number)
{
    if (!text || !*text || text[strspn(text, "0123456789")])
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0 && *number <= most;
}

int to_error(const char *text)
{
    unsigned long long number;
    if (!text)
        return 0;
    // The kernel rejects errnos from 512 up, which are internal to it, and the request would wait forever.
    if (to_number(text, 511, &number))
        return (int)number;
    for (int error = 1; error < 200; error++) {
        const char *name = strerrorname_np(error);
        if (name && strcmp(name, text) == 0)
            return error;
    }
    return strcmp(text, "EWOULDBLOCK") == 0 ? EWOULDBLOCK : strcmp(text, "ENOTSUP") == 0 ? ENOTSUP : 0;
}

unsigned to_operations(char *list)
{
    unsigned operations = 0;
    char *rest = list;
    for (char *name; (name = strsep(&rest, ",")); ) {
        unsigned found = 0;
        for (size_t index = 0; index < OPERATIONS; index++)
            if (strcmp(name, operation_names[index]) == 0)
                found = BIT(index);
        for (size_t index = 0; index < sizeof groups / sizeof *groups; index++)
            if (strcmp(name, groups[index].name) == 0)
                found = groups[index].operations;
        if (!found)
            return 0;
        operations |= found;
    }
    return operations;
}
