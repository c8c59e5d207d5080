// Open files and directories.

#ifndef HANDLES_H
#define HANDLES_H

#include "inodes.h"

#include <dirent.h>

// An open file or directory.
struct handle {
    struct handle *previous, *next;
    struct inode *inode;
    char *path;                // the inode's path when this was opened
    int fd;
    DIR *listing;              // only for a directory; it owns the descriptor then
    pthread_mutex_t position;  // protects the position in the listing
};

struct handle *to_handle(const struct fuse_file_info *info);

// Makes a handle that owns the descriptor, and sets `info->fh`.
struct handle *make_handle(struct inode *inode, int fd, struct fuse_file_info *info);

// Closes a file or directory.
void free_handle(struct handle *handle);

// Truncates a file, through the handle unless that is NULL. Returns 0 or an errno.
int set_length(struct inode *inode, const struct handle *handle, off_t length);

// Closes all files and directories.
void handles_end(void);

#endif
