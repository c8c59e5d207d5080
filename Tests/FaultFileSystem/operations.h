// The operations of the file system: libfuse calls each with a request of the kernel, which it answers.

#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "rules.h"

// names.c
void fs_lookup(fuse_req_t request, fuse_ino_t parent, const char *name);
void fs_forget(fuse_req_t request, fuse_ino_t number, uint64_t count);
void fs_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets);
void fs_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void fs_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode);
void fs_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name);
void fs_link(fuse_req_t request, fuse_ino_t number, fuse_ino_t parent, const char *name);
void fs_unlink(fuse_req_t request, fuse_ino_t parent, const char *name);
void fs_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name);
void fs_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
               const char *new_name, unsigned flags);
void fs_readlink(fuse_req_t request, fuse_ino_t number);

// attributes.c
void fs_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info);
void fs_setattr(fuse_req_t request, fuse_ino_t number, struct stat *wanted, int which,
                struct fuse_file_info *info);
void fs_access(fuse_req_t request, fuse_ino_t number, int mask);
void fs_statfs(fuse_req_t request, fuse_ino_t number);

// open-files.c
void fs_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info);
void fs_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *info);
void fs_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t start, struct fuse_file_info *info);
void fs_write(fuse_req_t request, fuse_ino_t number, const char *data, size_t size, off_t start,
              struct fuse_file_info *info);
void fs_fsync(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info);
void fs_flush(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info);
void fs_release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info);
void fs_fallocate(fuse_req_t request, fuse_ino_t number, int mode, off_t start, off_t length,
                  struct fuse_file_info *info);

// directories.c
void fs_opendir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info);
void fs_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t start, struct fuse_file_info *info);
void fs_fsyncdir(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info);
void fs_releasedir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info);

#endif
