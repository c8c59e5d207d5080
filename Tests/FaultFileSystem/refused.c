#define _GNU_SOURCE
#include "refused.h"

#include "inodes.h"

#include <stdlib.h>

int refused(fuse_req_t request, enum operation operation, const char *path)
{
    const struct call call = { .operation = operation, .request = request, .path = path };
    return rules_judge(&call).error;
}

int refused_two(fuse_req_t request, enum operation operation, const char *path, const char *other)
{
    const struct call call = { .operation = operation, .request = request, .path = path, .other = other };
    return rules_judge(&call).error;
}

int refused_inode(fuse_req_t request, enum operation operation, fuse_ino_t number)
{
    char *path = path_of(to_inode(number));
    int error = refused(request, operation, path);
    free(path);
    return error;
}

int refused_name(fuse_req_t request, enum operation operation, fuse_ino_t parent, const char *name)
{
    char *path = path_under(parent, name);
    int error = refused(request, operation, path);
    free(path);
    return error;
}
