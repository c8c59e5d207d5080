// The file system that fault-fs mounts: a directory, as far as the rules let it through. See files.c.

#ifndef FILES_H
#define FILES_H

#include "rules.h"

extern const struct fuse_lowlevel_ops files_operations;

// Opens the backing directory. Returns 0 or an errno.
int files_start(const char *backing);

// Truncates a file of the backing directory; the kernel is not told. Returns 0 or an errno.
int files_truncate(const char *path, off_t length);

// Closes what is open. Only when no operation runs any more.
void files_end(void);

#endif
