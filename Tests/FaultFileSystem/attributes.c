// The operations on the attributes of a file and on those of the file system.

#define _GNU_SOURCE
#include "operations.h"

#include "handles.h"
#include "refused.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

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

void fs_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)info;
    reply_attributes(request, refused_inode(request, OP_STAT, number), to_inode(number));
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

void fs_setattr(fuse_req_t request, fuse_ino_t number, struct stat *wanted, int which,
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

void fs_access(fuse_req_t request, fuse_ino_t number, int mask)
{
    char name[64];
    int error = refused_inode(request, OP_ACCESS, number);
    snprintf(name, sizeof name, "/proc/self/fd/%d", to_inode(number)->fd);
    if (!error && access(name, mask) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

void fs_statfs(fuse_req_t request, fuse_ino_t number)
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
