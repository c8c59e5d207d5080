// The operations on open directories.

#define _GNU_SOURCE
#include "operations.h"

#include "handles.h"
#include "refused.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void fs_opendir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    struct inode *inode = to_inode(number);
    int fd = -1, error = refused_inode(request, OP_OPENDIR, number);
    DIR *listing = NULL;
    if (!error && (fd = openat(inode->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
        error = errno;
    if (!error && !(listing = fdopendir(fd))) {
        error = errno;
        close(fd);
    }
    if (error) {
        fuse_reply_err(request, error);
        return;
    }
    make_handle(inode, fd, info)->listing = listing;
    if (fuse_reply_open(request, info) != 0)
        free_handle(to_handle(info));
}

void fs_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t start,
                struct fuse_file_info *info)
{
    (void)number;
    struct handle *handle = to_handle(info);
    int error = refused(request, OP_READDIR, handle->path);
    if (error) {
        fuse_reply_err(request, error);
        return;
    }
    char *buffer = needed(malloc(size));
    size_t used = 0;
    pthread_mutex_lock(&handle->position);
    if (start == 0)
        rewinddir(handle->listing);
    else
        seekdir(handle->listing, (long)start);
    struct dirent *entry;
    while (errno = 0, (entry = readdir(handle->listing))) {
        struct stat status = { .st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type) };
        size_t needs = fuse_add_direntry(request, buffer + used, size - used, entry->d_name, &status,
                                         entry->d_off);
        if (needs > size - used)
            break;
        used += needs;
    }
    // An error after some entries occurs again when the kernel asks for the next ones.
    error = !entry && used == 0 ? errno : 0;
    pthread_mutex_unlock(&handle->position);
    if (error)
        fuse_reply_err(request, error);
    else
        fuse_reply_buf(request, buffer, used);
    free(buffer);
}

void fs_fsyncdir(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    int error = refused(request, OP_FSYNCDIR, handle->path);
    if (!error && (data_only ? fdatasync(handle->fd) : fsync(handle->fd)) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

void fs_releasedir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    struct handle *handle = to_handle(info);
    int error = refused(request, OP_RELEASEDIR, handle->path);
    free_handle(handle);
    fuse_reply_err(request, error);
}
