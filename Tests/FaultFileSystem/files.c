// Passes operations through to the backing directory, after asking the rules.
//
// Uses libfuse's low-level interface. The high-level one finds files by path: it would lose files that are open and
// unlinked, and it locks paths, so that a hung operation would block others.
//
// Every inode that the kernel knows has an O_PATH descriptor here. So its number stays its own even if it has no
// name, and finding it does not depend on renames. Names are tracked for the rules only.

#define _GNU_SOURCE
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

// Data of a write that was answered with success but is not in the backing file. See `drop`.
struct extent {
    struct extent *next;
    off_t start;
    size_t length, room;
    char *data;
};

struct inode {
    struct inode *next;        // in its bucket
    dev_t device;
    ino_t number;
    int fd;                    // O_PATH
    uint64_t references;       // from the kernel, one for each handle, and one while pending_error is set
    char *path;                // inside the mount: the name by which it was last found
    pthread_mutex_t data;      // orders writes and reads, and protects the members below
    struct extent *pending;    // disjoint
    int pending_error;         // 0: nothing is pending
    unsigned pending_at;       // the operations that report the error, as bits
};

// An open file or directory.
struct handle {
    struct handle *previous, *next;
    struct inode *inode;
    char *path;                // the inode's path when this was opened
    int fd;
    DIR *listing;              // only for a directory; it owns the descriptor then
    pthread_mutex_t position;  // protects the position in the listing
};

#define BUCKETS 1024

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
// This lock protects the buckets, the references and path of every inode, and the list of handles.
static struct inode *buckets[BUCKETS];
static struct handle *handles;
static struct inode root = { .fd = -1, .data = PTHREAD_MUTEX_INITIALIZER };

// MARK: Inodes

static void *needed(void *memory)
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

static struct inode *to_inode(fuse_ino_t number)
{
    return number == FUSE_ROOT_ID ? &root : (struct inode *)(uintptr_t)number;
}

static struct handle *to_handle(const struct fuse_file_info *info)
{
    return (struct handle *)(uintptr_t)info->fh;
}

static char *path_of(const struct inode *inode)
{
    pthread_mutex_lock(&table);
    char *path = needed(strdup(inode->path));
    pthread_mutex_unlock(&table);
    return path;
}

static char *path_under(fuse_ino_t parent, const char *name)
{
    char *directory = path_of(to_inode(parent));
    char *path = joined(directory, name);
    free(directory);
    return path;
}

static int attributes(const struct inode *inode, struct stat *status)
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

static void retain(struct inode *inode)
{
    pthread_mutex_lock(&table);
    inode->references++;
    pthread_mutex_unlock(&table);
}

static void free_extents(struct inode *inode)
{
    while (inode->pending) {
        struct extent *extent = inode->pending;
        inode->pending = extent->next;
        free(extent->data);
        free(extent);
    }
}

static void free_inode(struct inode *inode)
{
    free_extents(inode);
    close(inode->fd);
    pthread_mutex_destroy(&inode->data);
    free(inode->path);
    free(inode);
}

static void let_go(struct inode *inode, uint64_t references)
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

// Finds a name in a directory for the kernel, which gets one more reference to the inode.
static int enter(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry)
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

// Updates the paths of a renamed file and of all below it. The replaced file keeps its path, since it has no other
// name.
static void follow_rename(const char *from, const char *to, const struct stat *moved, bool exchanged)
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

// Opens an inode again, even if its names have changed or are gone.
static int open_inode(const struct inode *inode, int flags)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", inode->fd);
    // fs_write chooses the place of an appending write. Direct I/O would need aligned buffers.
    int unwanted = O_NOFOLLOW | O_APPEND | O_DIRECT | O_CREAT | O_EXCL;
    return open(name, (flags & ~unwanted) | O_CLOEXEC);
}

// MARK: Asking the rules

static int refused(fuse_req_t request, enum operation operation, const char *path)
{
    const struct call call = { .operation = operation, .request = request, .path = path };
    return rules_judge(&call).error;
}

static int refused_two(fuse_req_t request, enum operation operation, const char *path, const char *other)
{
    const struct call call = { .operation = operation, .request = request, .path = path, .other = other };
    return rules_judge(&call).error;
}

static int refused_inode(fuse_req_t request, enum operation operation, fuse_ino_t number)
{
    char *path = path_of(to_inode(number));
    int error = refused(request, operation, path);
    free(path);
    return error;
}

static int refused_name(fuse_req_t request, enum operation operation, fuse_ino_t parent, const char *name)
{
    char *path = path_under(parent, name);
    int error = refused(request, operation, path);
    free(path);
    return error;
}

// MARK: Dropped data

// Removes a range from the pending data, because it has been overwritten or truncated since.
static void cut(struct inode *inode, off_t start, off_t end)
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

// Copies pending data over what was read from the backing file.
static void overlay(const struct inode *inode, char *buffer, size_t size, off_t start)
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

// If this operation reports the error of dropped writes: returns that error and loses their data.
static int settle(struct inode *inode, enum operation operation)
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

// MARK: Names

static void fs_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry;
    int error = refused_name(request, OP_LOOKUP, parent, name);
    if (!error)
        error = enter(parent, name, &entry);
    if (error)
        fuse_reply_err(request, error);
    else if (fuse_reply_entry(request, &entry) != 0)
        let_go(to_inode(entry.ino), 1);
}

static void fs_forget(fuse_req_t request, fuse_ino_t number, uint64_t count)
{
    let_go(to_inode(number), count);
    fuse_reply_none(request);
}

static void fs_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t index = 0; index < count; index++)
        let_go(to_inode(forgets[index].ino), forgets[index].nlookup);
    fuse_reply_none(request);
}

// Answers an operation that has created a name, or failed to.
static void reply_made(fuse_req_t request, int error, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry;
    if (!error)
        error = enter(parent, name, &entry);
    if (error)
        fuse_reply_err(request, error);
    else if (fuse_reply_entry(request, &entry) != 0)
        let_go(to_inode(entry.ino), 1);
}

static void fs_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    int error = refused_name(request, OP_MKNOD, parent, name);
    if (!error && mknodat(to_inode(parent)->fd, name, mode, device) == -1)
        error = errno;
    reply_made(request, error, parent, name);
}

static void fs_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    int error = refused_name(request, OP_MKDIR, parent, name);
    if (!error && mkdirat(to_inode(parent)->fd, name, mode) == -1)
        error = errno;
    reply_made(request, error, parent, name);
}

static void fs_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    int error = refused_name(request, OP_SYMLINK, parent, name);
    if (!error && symlinkat(target, to_inode(parent)->fd, name) == -1)
        error = errno;
    reply_made(request, error, parent, name);
}

static void fs_link(fuse_req_t request, fuse_ino_t number, fuse_ino_t parent, const char *name)
{
    char *from = path_of(to_inode(number)), *to = path_under(parent, name), source[64];
    int error = refused_two(request, OP_LINK, from, to);
    snprintf(source, sizeof source, "/proc/self/fd/%d", to_inode(number)->fd);
    if (!error && linkat(AT_FDCWD, source, to_inode(parent)->fd, name, AT_SYMLINK_FOLLOW) == -1)
        error = errno;
    free(from);
    free(to);
    reply_made(request, error, parent, name);
}

static void fs_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    int error = refused_name(request, OP_UNLINK, parent, name);
    if (!error && unlinkat(to_inode(parent)->fd, name, 0) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

static void fs_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    int error = refused_name(request, OP_RMDIR, parent, name);
    if (!error && unlinkat(to_inode(parent)->fd, name, AT_REMOVEDIR) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

static void fs_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
    char *from = path_under(parent, name), *to = path_under(new_parent, new_name);
    int error = refused_two(request, OP_RENAME, from, to);
    int new_directory = to_inode(new_parent)->fd;
    if (!error && renameat2(to_inode(parent)->fd, name, new_directory, new_name, flags) == -1)
        error = errno;
    struct stat moved;
    if (!error && fstatat(new_directory, new_name, &moved, AT_SYMLINK_NOFOLLOW) == 0)
        follow_rename(from, to, &moved, (flags & RENAME_EXCHANGE) != 0);
    free(from);
    free(to);
    fuse_reply_err(request, error);
}

static void fs_readlink(fuse_req_t request, fuse_ino_t number)
{
    char target[PATH_MAX + 1];
    ssize_t length = 0;
    int error = refused_inode(request, OP_READLINK, number);
    if (!error && (length = readlinkat(to_inode(number)->fd, "", target, PATH_MAX)) == -1)
        error = errno;
    if (error) {
        fuse_reply_err(request, error);
        return;
    }
    target[length] = '\0';
    fuse_reply_readlink(request, target);
}

// MARK: Attributes

static void reply_attributes(fuse_req_t request, int error, const struct inode *inode)
{
    struct stat status;
    if (!error)
        error = attributes(inode, &status);
    if (error)
        fuse_reply_err(request, error);
    else
        fuse_reply_attr(request, &status, 0);
}

static void fs_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)info;
    reply_attributes(request, refused_inode(request, OP_STAT, number), to_inode(number));
}

static int set_length(struct inode *inode, const struct handle *handle, off_t length)
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

static int set_times(const struct inode *inode, const struct stat *wanted, int which)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };
    if (which & FUSE_SET_ATTR_ATIME_NOW)
        times[0].tv_nsec = UTIME_NOW;
    else if (which & FUSE_SET_ATTR_ATIME)
        times[0] = wanted->st_atim;
    if (which & FUSE_SET_ATTR_MTIME_NOW)
        times[1].tv_nsec = UTIME_NOW;
    else if (which & FUSE_SET_ATTR_MTIME)
        times[1] = wanted->st_mtim;
    return utimensat(inode->fd, "", times, AT_EMPTY_PATH) == -1 ? errno : 0;
}

static void fs_setattr(fuse_req_t request, fuse_ino_t number, struct stat *wanted, int which,
                       struct fuse_file_info *info)
{
    static const struct {
        enum operation operation;
        int which;
    } parts[] = {
        { OP_CHMOD, FUSE_SET_ATTR_MODE },
        { OP_CHOWN, FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID },
        { OP_TRUNCATE, FUSE_SET_ATTR_SIZE },
        { OP_UTIMENS, FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME
              | FUSE_SET_ATTR_MTIME_NOW },
    };
    struct inode *inode = to_inode(number);
    const struct handle *handle = info ? to_handle(info) : NULL;
    char *path = handle ? needed(strdup(handle->path)) : path_of(inode);
    int error = 0;
    for (size_t index = 0; index < sizeof parts / sizeof *parts && !error; index++)
        if (which & parts[index].which)
            error = refused(request, parts[index].operation, path);
    free(path);

    if (!error && (which & FUSE_SET_ATTR_MODE)) {
        char name[64];
        snprintf(name, sizeof name, "/proc/self/fd/%d", inode->fd);
        if (chmod(name, wanted->st_mode) == -1)
            error = errno;
    }
    if (!error && (which & parts[1].which)) {
        uid_t owner = which & FUSE_SET_ATTR_UID ? wanted->st_uid : (uid_t)-1;
        gid_t group = which & FUSE_SET_ATTR_GID ? wanted->st_gid : (gid_t)-1;
        if (fchownat(inode->fd, "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == -1)
            error = errno;
    }
    if (!error && (which & FUSE_SET_ATTR_SIZE))
        error = set_length(inode, handle, wanted->st_size);
    if (!error && (which & parts[3].which))
        error = set_times(inode, wanted, which);
    reply_attributes(request, error, inode);
}

static void fs_access(fuse_req_t request, fuse_ino_t number, int mask)
{
    char name[64];
    int error = refused_inode(request, OP_ACCESS, number);
    snprintf(name, sizeof name, "/proc/self/fd/%d", to_inode(number)->fd);
    if (!error && access(name, mask) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

static void fs_statfs(fuse_req_t request, fuse_ino_t number)
{
    struct statvfs status;
    int error = refused_inode(request, OP_STATFS, number);
    if (!error && fstatvfs(to_inode(number)->fd, &status) == -1)
        error = errno;
    if (error)
        fuse_reply_err(request, error);
    else
        fuse_reply_statfs(request, &status);
}

// MARK: Open files

static struct handle *make_handle(struct inode *inode, int fd, struct fuse_file_info *info)
{
    struct handle *handle = needed(calloc(1, sizeof *handle));
    retain(inode);
    handle->inode = inode;
    handle->path = path_of(inode);
    handle->fd = fd;
    pthread_mutex_init(&handle->position, NULL);
    pthread_mutex_lock(&table);
    handle->next = handles;
    if (handles)
        handles->previous = handle;
    handles = handle;
    pthread_mutex_unlock(&table);
    info->fh = (uint64_t)(uintptr_t)handle;
    return handle;
}

static void free_handle(struct handle *handle)
{
    pthread_mutex_lock(&table);
    if (handle->next)
        handle->next->previous = handle->previous;
    if (handle->previous)
        handle->previous->next = handle->next;
    else
        handles = handle->next;
    pthread_mutex_unlock(&table);
    if (handle->listing)
        closedir(handle->listing);
    else
        close(handle->fd);
    let_go(handle->inode, 1);
    pthread_mutex_destroy(&handle->position);
    free(handle->path);
    free(handle);
}

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

static void fs_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
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

static void fs_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
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

static void fs_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t start,
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

// The caller holds the lock of the inode's data.
static int drop(const struct handle *handle, const char *data, size_t size, off_t start,
                const struct verdict *verdict)
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

static void fs_write(fuse_req_t request, fuse_ino_t number, const char *data, size_t size, off_t start,
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

static void fs_fsync(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info)
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

static void fs_flush(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    int error = refused(request, OP_FLUSH, handle->path);
    if (!error)
        error = settle(handle->inode, OP_FLUSH);
    fuse_reply_err(request, error);
}

static void fs_release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    struct handle *handle = to_handle(info);
    int error = refused(request, OP_RELEASE, handle->path);
    // Close the file in any case: the kernel sends only one release.
    free_handle(handle);
    fuse_reply_err(request, error);
}

static void fs_fallocate(fuse_req_t request, fuse_ino_t number, int mode, off_t start, off_t length,
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

// MARK: Directories

static void fs_opendir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
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

static void fs_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t start,
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

static void fs_fsyncdir(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info)
{
    (void)number;
    const struct handle *handle = to_handle(info);
    int error = refused(request, OP_FSYNCDIR, handle->path);
    if (!error && (data_only ? fdatasync(handle->fd) : fsync(handle->fd)) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

static void fs_releasedir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    struct handle *handle = to_handle(info);
    int error = refused(request, OP_RELEASEDIR, handle->path);
    free_handle(handle);
    fuse_reply_err(request, error);
}

const struct fuse_lowlevel_ops files_operations = {
    .lookup = fs_lookup, .forget = fs_forget, .forget_multi = fs_forget_multi,
    .mknod = fs_mknod, .mkdir = fs_mkdir, .symlink = fs_symlink, .link = fs_link,
    .unlink = fs_unlink, .rmdir = fs_rmdir, .rename = fs_rename, .readlink = fs_readlink,
    .getattr = fs_getattr, .setattr = fs_setattr, .access = fs_access, .statfs = fs_statfs,
    .open = fs_open, .create = fs_create, .read = fs_read, .write = fs_write, .fsync = fs_fsync,
    .flush = fs_flush, .release = fs_release, .fallocate = fs_fallocate,
    .opendir = fs_opendir, .readdir = fs_readdir, .fsyncdir = fs_fsyncdir, .releasedir = fs_releasedir,
};

// MARK: From start to end

int files_start(const char *backing)
{
    root.fd = open(backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root.fd == -1)
        return errno;
    root.path = needed(strdup("/"));
    return 0;
}

int files_truncate(const char *path, off_t length)
{
    struct stat status;
    path += strspn(path, "/");
    int fd = openat(root.fd, path, O_WRONLY | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &status) == -1) {
        int error = errno;
        if (fd != -1)
            close(fd);
        return error;
    }
    pthread_mutex_lock(&table);
    struct inode *inode = find(status.st_dev, status.st_ino);
    if (inode)
        inode->references++;
    pthread_mutex_unlock(&table);
    int error = 0;
    if (inode) {
        error = set_length(inode, NULL, length);
        let_go(inode, 1);
    } else if (ftruncate(fd, length) == -1) {
        error = errno;
    }
    close(fd);
    return error;
}

void files_end(void)
{
    while (handles)
        free_handle(handles);
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
