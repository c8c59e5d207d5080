// The file system that fault-fs mounts: a directory whose operations the rules can disturb. See files.c.

#ifndef FILES_H
#define FILES_H

#include "rules.h"

extern const struct fuse_lowlevel_ops files_operations;

// Opens the backing directory. Returns 0 or an errno.
int files_start(const char *backing);

// Truncates a file of the backing directory without telling the kernel. Returns 0 or an errno.
int files_truncate(const char *path, off_t length);

// Closes what is open. Call it only when no operation runs any more.
void files_end(void);

#endif
