// The operations on names: finding, making, removing and renaming them.

#define _GNU_SOURCE
#include "operations.h"

#include "inodes.h"
#include "refused.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fs_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
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

void fs_forget(fuse_req_t request, fuse_ino_t number, uint64_t count)
{
    let_go(to_inode(number), count);
    fuse_reply_none(request);
}

void fs_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
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

void fs_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    int error = refused_name(request, OP_MKNOD, parent, name);
    if (!error && mknodat(to_inode(parent)->fd, name, mode, device) == -1)
        error = errno;
    reply_made(request, error, parent, name);
}

void fs_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    int error = refused_name(request, OP_MKDIR, parent, name);
    if (!error && mkdirat(to_inode(parent)->fd, name, mode) == -1)
        error = errno;
    reply_made(request, error, parent, name);
}

void fs_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    int error = refused_name(request, OP_SYMLINK, parent, name);
    if (!error && symlinkat(target, to_inode(parent)->fd, name) == -1)
        error = errno;
    reply_made(request, error, parent, name);
}

void fs_link(fuse_req_t request, fuse_ino_t number, fuse_ino_t parent, const char *name)
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

void fs_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    int error = refused_name(request, OP_UNLINK, parent, name);
    if (!error && unlinkat(to_inode(parent)->fd, name, 0) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

void fs_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    int error = refused_name(request, OP_RMDIR, parent, name);
    if (!error && unlinkat(to_inode(parent)->fd, name, AT_REMOVEDIR) == -1)
        error = errno;
    fuse_reply_err(request, error);
}

void fs_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
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

void fs_readlink(fuse_req_t request, fuse_ino_t number)
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
