// Passes operations through to the backing directory, after asking the rules.
//
// Uses libfuse's low-level interface. The high-level one finds files by path: it would lose files that are open and
// unlinked, and it locks paths, so that a hung operation would block others.

#define _GNU_SOURCE
#include "files.h"

#include "handles.h"
#include "operations.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

const struct fuse_lowlevel_ops files_operations = {
    .lookup = fs_lookup, .forget = fs_forget, .forget_multi = fs_forget_multi,
    .mknod = fs_mknod, .mkdir = fs_mkdir, .symlink = fs_symlink, .link = fs_link,
    .unlink = fs_unlink, .rmdir = fs_rmdir, .rename = fs_rename, .readlink = fs_readlink,
    .getattr = fs_getattr, .setattr = fs_setattr, .access = fs_access, .statfs = fs_statfs,
    .open = fs_open, .create = fs_create, .read = fs_read, .write = fs_write, .fsync = fs_fsync,
    .flush = fs_flush, .release = fs_release, .fallocate = fs_fallocate,
    .opendir = fs_opendir, .readdir = fs_readdir, .fsyncdir = fs_fsyncdir, .releasedir = fs_releasedir,
};

int files_start(const char *backing)
{
    return inodes_start(backing);
}

int files_truncate(const char *path, off_t length)
{
    struct stat status;
    int fd = open_backing(path, O_WRONLY);
    if (fd == -1 || fstat(fd, &status) == -1) {
        int error = errno;
        if (fd != -1)
            close(fd);
        return error;
    }
    struct inode *inode = find_retained(&status);
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
    handles_end();
    inodes_end();
}
