#define _GNU_SOURCE
#include "handles.h"

#include "dropped-data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t list = PTHREAD_MUTEX_INITIALIZER;
static struct handle *handles;   // protected by `list`

struct handle *to_handle(const struct fuse_file_info *info)
{
    return (struct handle *)(uintptr_t)info->fh;
}

struct handle *make_handle(struct inode *inode, int fd, struct fuse_file_info *info)
{
    struct handle *handle = needed(calloc(1, sizeof *handle));
    retain(inode);
    handle->inode = inode;
    handle->path = path_of(inode);
    handle->fd = fd;
    pthread_mutex_init(&handle->position, NULL);
    pthread_mutex_lock(&list);
    handle->next = handles;
    if (handles)
        handles->previous = handle;
    handles = handle;
    pthread_mutex_unlock(&list);
    info->fh = (uint64_t)(uintptr_t)handle;
    return handle;
}

void free_handle(struct handle *handle)
{
    pthread_mutex_lock(&list);
    if (handle->next)
        handle->next->previous = handle->previous;
    if (handle->previous)
        handle->previous->next = handle->next;
    else
        handles = handle->next;
    pthread_mutex_unlock(&list);
    if (handle->listing)
        closedir(handle->listing);
    else
        close(handle->fd);
    let_go(handle->inode, 1);
    pthread_mutex_destroy(&handle->position);
    free(handle->path);
    free(handle);
}

int set_length(struct inode *inode, const struct handle *handle, off_t length)
{
    int fd = handle ? handle->fd : open_inode(inode, O_WRONLY), error = 0;
    if (fd == -1)
        return errno;
    pthread_mutex_lock(&inode->data);
    if (ftruncate(fd, length) == -1)
        error = errno;
    else
        cut(inode, length, INT64_MAX);
    pthread_mutex_unlock(&inode->data);
    if (!handle)
        close(fd);
    return error;
}

void handles_end(void)
{
    while (handles)
        free_handle(handles);
}
