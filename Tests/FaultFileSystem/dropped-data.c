#define _GNU_SOURCE
#include "dropped-data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct extent {
    struct extent *next;
    off_t start;
    size_t length, room;
    char *data;
};

void free_extents(struct inode *inode)
{
    while (inode->pending) {
        struct extent *extent = inode->pending;
        inode->pending = extent->next;
        free(extent->data);
        free(extent);
    }
}

void cut(struct inode *inode, off_t start, off_t end)
{
    for (struct extent **place = &inode->pending; *place; ) {
        struct extent *extent = *place;
        off_t extent_end = extent->start + (off_t)extent->length;
        if (end <= extent->start || extent_end <= start) {
            place = &extent->next;
            continue;
        }
        if (end < extent_end) {
            // The part after the range becomes an extent of its own.
            struct extent *tail = needed(calloc(1, sizeof *tail));
            tail->start = end;
            tail->length = tail->room = (size_t)(extent_end - end);
            tail->data = needed(malloc(tail->length));
            memcpy(tail->data, extent->data + (end - extent->start), tail->length);
            tail->next = extent->next;
            extent->next = tail;
        }
        if (extent->start < start) {
            extent->length = (size_t)(start - extent->start);
            place = &extent->next;
        } else {
            *place = extent->next;
            free(extent->data);
            free(extent);
        }
    }
}

static void keep(struct inode *inode, const char *data, size_t size, off_t start)
{
    cut(inode, start, start + (off_t)size);
    struct extent *extent = inode->pending;
    // Lines that are appended one by one make one extent.
    while (extent && extent->start + (off_t)extent->length != start)
        extent = extent->next;
    if (!extent) {
        extent = needed(calloc(1, sizeof *extent));
        extent->start = start;
        extent->next = inode->pending;
        inode->pending = extent;
    }
    if (extent->length + size > extent->room) {
        extent->room = 2 * (extent->length + size);
        extent->data = needed(realloc(extent->data, extent->room));
    }
    memcpy(extent->data + extent->length, data, size);
    extent->length += size;
}

void overlay(const struct inode *inode, char *buffer, size_t size, off_t start)
{
    off_t end = start + (off_t)size;
    for (const struct extent *extent = inode->pending; extent; extent = extent->next) {
        off_t from = extent->start > start ? extent->start : start;
        off_t to = extent->start + (off_t)extent->length;
        if (to > end)
            to = end;
        if (from < to)
            memcpy(buffer + (from - start), extent->data + (from - extent->start), (size_t)(to - from));
    }
}

static int put_nulls(int fd, off_t start, size_t length)
{
    static const char nulls[4096];
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, (off_t)length) == 0)
        return 0;
    while (length > 0) {
        ssize_t count = pwrite(fd, nulls, length < sizeof nulls ? length : sizeof nulls, start);
        if (count == -1)
            return errno;
        start += count;
        length -= (size_t)count;
    }
    return 0;
}

int settle(struct inode *inode, enum operation operation)
{
    int error = 0;
    pthread_mutex_lock(&inode->data);
    if (inode->pending_error && (inode->pending_at & 1u << operation)) {
        error = inode->pending_error;
        inode->pending_error = 0;
        // The caller's handle may be open for reading only.
        int fd = open_inode(inode, O_WRONLY);
        for (const struct extent *extent = inode->pending; extent; extent = extent->next)
            if (fd == -1 || put_nulls(fd, extent->start, extent->length) != 0)
                fprintf(stderr, "fault-fs: dropped data could not be made NULs in the backing file\n");
        free_extents(inode);
        if (fd != -1) {
            // The new modification time tells the kernel that its cached pages for readers are stale.
            futimens(fd, NULL);
            close(fd);
        }
    }
    pthread_mutex_unlock(&inode->data);
    if (error) {
        rules_note_error(operation);
        let_go(inode, 1);
    }
    return error;
}

int drop(const struct handle *handle, const char *data, size_t size, off_t start, const struct verdict *verdict)
{
    struct inode *inode = handle->inode;
    struct stat status;
    if (fstat(handle->fd, &status) == -1)
        return errno;
    if (status.st_size < start + (off_t)size && ftruncate(handle->fd, start + (off_t)size) == -1)
        return errno;
    futimens(handle->fd, NULL);
    keep(inode, data, size, start);
    // Until the error is reported, the inode stays, even if the kernel forgets it.
    if (!inode->pending_error)
        retain(inode);
    inode->pending_error = verdict->drop_error;
    inode->pending_at = verdict->drop_at;
    return 0;
}
