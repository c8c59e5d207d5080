// The table of the inodes that the kernel knows.
//
// Every inode has an O_PATH descriptor here. So its number stays its own even if it has no name, and finding it does
// not depend on renames. Names are tracked for the rules only.

#define _GNU_SOURCE
#include "inodes.h"

#include "dropped-data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 1024

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
// This lock protects the buckets, and the references and path of every inode.
static struct inode *buckets[BUCKETS];
static struct inode root = { .fd = -1, .data = PTHREAD_MUTEX_INITIALIZER };

void *needed(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static char *joined(const char *directory, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, name) == -1)
        abort();
    return path;
}

struct inode *to_inode(fuse_ino_t number)
{
    return number == FUSE_ROOT_ID ? &root : (struct inode *)(uintptr_t)number;
}

char *path_of(const struct inode *inode)
{
    pthread_mutex_lock(&table);
    char *path = needed(strdup(inode->path));
    pthread_mutex_unlock(&table);
    return path;
}

char *path_under(fuse_ino_t parent, const char *name)
{
    char *directory = path_of(to_inode(parent));
    char *path = joined(directory, name);
    free(directory);
    return path;
}

int attributes(const struct inode *inode, struct stat *status)
{
    return fstatat(inode->fd, "", status, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == -1 ? errno : 0;
}

static struct inode **bucket_of(dev_t device, ino_t number)
{
    return &buckets[(number ^ device) % BUCKETS];
}

// The caller holds the lock.
static struct inode *find(dev_t device, ino_t number)
{
    struct inode *inode = *bucket_of(device, number);
    while (inode && (inode->device != device || inode->number != number))
        inode = inode->next;
    return inode;
}

void retain(struct inode *inode)
{
    pthread_mutex_lock(&table);
    inode->references++;
    pthread_mutex_unlock(&table);
}

static void free_inode(struct inode *inode)
{
    free_extents(inode);
    close(inode->fd);
    pthread_mutex_destroy(&inode->data);
    free(inode->path);
    free(inode);
}

void let_go(struct inode *inode, uint64_t references)
{
    if (inode == &root)
        return;
    pthread_mutex_lock(&table);
    inode->references -= references;
    bool unused = inode->references == 0;
    if (unused) {
        struct inode **place = bucket_of(inode->device, inode->number);
        while (*place != inode)
            place = &(*place)->next;
        *place = inode->next;
    }
    pthread_mutex_unlock(&table);
    if (unused)
        free_inode(inode);
}

int enter(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry)
{
    memset(entry, 0, sizeof *entry);   // both timeouts are 0, so the kernel caches nothing
    int fd = openat(to_inode(parent)->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd == -1)
        return errno;
    if (fstatat(fd, "", &entry->attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == -1) {
        int error = errno;
        close(fd);
        return error;
    }
    char *path = path_under(parent, name);
    pthread_mutex_lock(&table);
    struct inode *inode = find(entry->attr.st_dev, entry->attr.st_ino);
    if (inode) {
        close(fd);
        free(inode->path);
    } else {
        inode = needed(calloc(1, sizeof *inode));
        inode->device = entry->attr.st_dev;
        inode->number = entry->attr.st_ino;
        inode->fd = fd;
        pthread_mutex_init(&inode->data, NULL);
        struct inode **bucket = bucket_of(inode->device, inode->number);
        inode->next = *bucket;
        *bucket = inode;
    }
    inode->path = path;
    inode->references++;
    pthread_mutex_unlock(&table);
    entry->ino = (fuse_ino_t)(uintptr_t)inode;
    return 0;
}

static void set_path(struct inode *inode, const char *from, const char *to)
{
    size_t length = strlen(from);
    if (strncmp(inode->path, from, length) != 0)
        return;
    char *path;
    if (inode->path[length] == '\0')
        path = needed(strdup(to));
    else if (inode->path[length] == '/')
        path = joined(to, inode->path + length + 1);
    else
        return;
    free(inode->path);
    inode->path = path;
}

void follow_rename(const char *from, const char *to, const struct stat *moved, bool exchanged)
{
    static const char aside[] = "//";   // no path begins like this
    pthread_mutex_lock(&table);
    for (size_t index = 0; index < BUCKETS; index++) {
        for (struct inode *inode = buckets[index]; inode; inode = inode->next) {
            if (exchanged)
                set_path(inode, to, aside);
            bool replaced = strcmp(inode->path, from) == 0
                && (inode->number != moved->st_ino || inode->device != moved->st_dev);
            if (!replaced)
                set_path(inode, from, to);
            if (exchanged)
                set_path(inode, aside, from);
        }
    }
    pthread_mutex_unlock(&table);
}

int open_inode(const struct inode *inode, int flags)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", inode->fd);
    // fs_write chooses the place of an appending write. Direct I/O would need aligned buffers.
    int unwanted = O_NOFOLLOW | O_APPEND | O_DIRECT | O_CREAT | O_EXCL;
    return open(name, (flags & ~unwanted) | O_CLOEXEC);
}

// MARK: The backing directory

int inodes_start(const char *backing)
{
    root.fd = open(backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root.fd == -1)
        return errno;
    root.path = needed(strdup("/"));
    return 0;
}

int open_backing(const char *path, int flags)
{
    return openat(root.fd, path + strspn(path, "/"), flags | O_CLOEXEC);
}

struct inode *find_retained(const struct stat *status)
{
    pthread_mutex_lock(&table);
    struct inode *inode = find(status->st_dev, status->st_ino);
    if (inode)
        inode->references++;
    pthread_mutex_unlock(&table);
    return inode;
}

void inodes_end(void)
{
    for (size_t index = 0; index < BUCKETS; index++) {
        while (buckets[index]) {
            struct inode *inode = buckets[index];
            buckets[index] = inode->next;
            free_inode(inode);
        }
    }
    close(root.fd);
    free(root.path);
}
