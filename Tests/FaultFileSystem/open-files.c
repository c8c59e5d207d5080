// The operations on open files: opening, reading, writing and closing them.

#define _GNU_SOURCE
#include "operations.h"

#include "dropped-data.h"
#include "handles.h"
#include "refused.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void make_file_handle(struct inode *inode, int fd, struct fuse_file_info *info)
{
    const struct handle *handle = make_handle(inode, fd, info);
    pthread_mutex_lock(&inode->data);
    if (info->flags & O_TRUNC)
        cut(inode, 0, INT64_MAX);
    bool pending = inode->pending_error != 0;
    pthread_mutex_unlock(&inode->data);
    // Without the page cache the application sees the count that a write here returns; with it, the kernel would
    // write the rest itself. For reads, the kernel repeats a failed request through the cache. Avoid the cache only
    // where it would interfere, since files without it cannot be mapped with MAP_SHARED.
    bool writes = (info->flags & O_ACCMODE) != O_RDONLY;
    info->direct_io = writes || pending || rules_mention(OP_READ, handle->path);
}

void fs_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    struct inode *inode = to_inode(number);
    int fd = -1, error = refused_inode(request, OP_OPEN, number);
    if (!error && (fd = open_inode(inode, info->flags)) == -1)
        error = errno;
    if (error) {
        fuse_reply_err(request, error);
        return;
    }
    make_file_handle(inode, fd, info);
    // If the caller has been killed, the kernel wants no answer, and no release follows.
    if (fuse_reply_open(request, info) != 0)
        free_handle(to_handle(info));
}

void fs_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *info)
{
    struct fuse_entry_param entry;
    int fd = -1, error = refused_name(request, OP_CREATE, parent, name);
    if (!error) {
        int flags = (info->flags & ~(O_APPEND | O_DIRECT)) | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
        fd = openat(to_inode(parent)->fd, name, flags, mode);
        error = fd == -1 ? errno : enter(parent, name, &entry);
    }
    if (error) {
        if (fd != -1)
            close(fd);
        fuse_reply_err(request, error);
        return;
    }
    struct inode *inode = to_inode(entry.ino);
    make_file_handle(inode, fd, info);
    if (fuse_reply_create(request, &entry, info) != 0) {
        free_handle(to_handle(info));
        let_go(inode, 1);
    }
}

void fs_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t start,
             struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    int error = refused(request, OP_READ, handle->path);
    if (error) {
        fuse_reply_err(request, error);
        return;
    }
    char *buffer = needed(malloc(size));
    pthread_mutex_lock(&handle->inode->data);
    ssize_t count = pread(handle->fd, buffer, size, start);
    error = errno;
    if (count > 0)
        overlay(handle->inode, buffer, (size_t)count, start);
    pthread_mutex_unlock(&handle->inode->data);
    if (count == -1)
        fuse_reply_err(request, error);
    else
        fuse_reply_buf(request, buffer, (size_t)count);
    free(buffer);
}

void fs_write(fuse_req_t request, fuse_ino_t number, const char *data, size_t size, off_t start,
              struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    struct inode *inode = handle->inode;
    const struct call call = {
        .operation = OP_WRITE, .request = request, .path = handle->path, .size = size,
    };
    const struct verdict verdict = rules_judge(&call);
    if (verdict.error) {
        fuse_reply_err(request, verdict.error);
        return;
    }
    if (size > verdict.limit)
        size = verdict.limit;

    int error = 0;
    ssize_t count = (ssize_t)size;
    struct stat status;
    pthread_mutex_lock(&inode->data);
    // The kernel's idea of the file's end is stale if the file was truncated behind its back.
    if ((info->flags & O_APPEND) && fstat(handle->fd, &status) == 0)
        start = status.st_size;
    if (verdict.drop_error && size > 0) {
        error = drop(handle, data, size, start, &verdict);
    } else {
        count = pwrite(handle->fd, data, size, start);
        if (count == -1)
            error = errno;
        else
            cut(inode, start, start + count);
    }
    pthread_mutex_unlock(&inode->data);
    if (error)
        fuse_reply_err(request, error);
    else
        fuse_reply_write(request, (size_t)count);
}

void fs_fsync(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    int error = refused(request, OP_FSYNC, handle->path);
    if (!error)
        error = settle(handle->inode, OP_FSYNC);
    if (!error && (data_only ? fdatasync(handle->fd) : fsync(handle->fd)) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

void fs_flush(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    int error = refused(request, OP_FLUSH, handle->path);
    if (!error)
        error = settle(handle->inode, OP_FLUSH);
    fuse_reply_err(request, error);
}

void fs_release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    struct handle *handle = to_handle(info);
    int error = refused(request, OP_RELEASE, handle->path);
    // Close the file in any case: the kernel sends only one release.
    free_handle(handle);
    fuse_reply_err(request, error);
}

void fs_fallocate(fuse_req_t request, fuse_ino_t number, int mode, off_t start, off_t length,
                  struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    int error = refused(request, OP_FALLOCATE, handle->path);
    if (!error) {
        pthread_mutex_lock(&handle->inode->data);
        if (fallocate(handle->fd, mode, start, length) == -1)
            error = errno;
        else if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
            cut(handle->inode, start, start + length);
        pthread_mutex_unlock(&handle->inode->data);
    }
    fuse_reply_err(request, error);
}
