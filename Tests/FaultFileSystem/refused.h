// Asks the rules whether an operation fails. Each function returns 0, or the errno to answer. See rules.h.

#ifndef REFUSED_H
#define REFUSED_H

#include "rules.h"

int refused(fuse_req_t request, enum operation operation, const char *path);

// For an operation with two names: a rename or link.
int refused_two(fuse_req_t request, enum operation operation, const char *path, const char *other);

int refused_inode(fuse_req_t request, enum operation operation, fuse_ino_t number);

int refused_name(fuse_req_t request, enum operation operation, fuse_ino_t parent, const char *name);

#endif
