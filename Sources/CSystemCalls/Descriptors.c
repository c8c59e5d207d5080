#define _GNU_SOURCE
#include "CSystemCalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

int duct_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int duct_socket_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }

int duct_memory_file(const char *name, size_t size) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return -1;
  if (size > 0 && ftruncate(fd, (off_t)size) != 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

int duct_sealed_memory_file(const char *name, size_t size) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  if (ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int duct_punch_hole(int fd, uint64_t offset, uint64_t length) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
}

int duct_allocate(int fd, size_t size) { return posix_fallocate(fd, 0, (off_t)size); }

int duct_lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }

int duct_lock_shared(int fd) { return flock(fd, LOCK_SH | LOCK_NB); }

int duct_rename_new(int directory, const char *from, const char *to) {
  if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (linkat(directory, from, directory, to, 0) != 0) return -1;
  if (unlinkat(directory, from, 0) == 0) return 0;
  // The file has both names. After EEXIST, the caller checks `to` and finds its own file there.
  errno = EEXIST;
  return -1;
}

int duct_move(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  return rename(from, to);
}

int duct_link(const char *from, const char *to) { return link(from, to); }

int duct_exchange(const char *one, const char *other) {
  return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

// FUSE's handle types. The daemon of a FUSE file system chooses the numbers in them freely, so they identify
// nothing. xfs uses the same types for 64-bit inode numbers, but it also reports when a file was created.
static bool is_handle_of_fuse(int type) { return type == 0x81 || type == 0x82; }

int duct_file_status(int fd, const char *path, bool follow, struct duct_file_status *status) {
  struct statx found;
  // Like stat(2), this triggers no automount.
  int flags = AT_NO_AUTOMOUNT | (path ? 0 : AT_EMPTY_PATH) | (follow ? 0 : AT_SYMLINK_NOFOLLOW);
  int at = path ? AT_FDCWD : fd;
  if (statx(at, path ? path : "", flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) return -1;
  bool has_birth = (found.stx_mask & STATX_BTIME) != 0;
  *status = (struct duct_file_status){
      .device = (uint64_t)found.stx_dev_major << 32 | found.stx_dev_minor,
      .inode = found.stx_ino,
      .size = found.stx_size,
      .links = found.stx_nlink,
      .mode = found.stx_mode,
      .owner = found.stx_uid,
      .birth = {has_birth ? found.stx_btime.tv_sec : 0, has_birth ? found.stx_btime.tv_nsec : 0},
      .modification = {found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec},
  };
  struct {
    struct file_handle head;
    uint8_t bytes[DUCT_HANDLE_SIZE];
  } handle = {.head = {.handle_bytes = DUCT_HANDLE_SIZE}};
  int mount;
  int handle_flags = (path ? 0 : AT_EMPTY_PATH) | (path && follow ? AT_SYMLINK_FOLLOW : 0);
  // Between the two calls another file can take the path; then the comparison of birth time and inode number
  // detects it.
  if (S_ISREG(found.stx_mode) && name_to_handle_at(at, path ? path : "", &handle.head, &mount, handle_flags) == 0
      && handle.head.handle_bytes <= DUCT_HANDLE_SIZE && !is_handle_of_fuse(handle.head.handle_type)) {
    status->handle_type = handle.head.handle_type;
    status->handle_size = handle.head.handle_bytes;
    memcpy(status->handle, handle.head.f_handle, handle.head.handle_bytes);
  }
  return 0;
}

int duct_set_inherited(int fd, bool inherited) { return fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC); }

int duct_event_descriptor(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int duct_set_pipe_size(int pipe, int bytes) { return fcntl(pipe, F_SETPIPE_SZ, bytes); }

int duct_bytes_readable(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) < 0 ? -1 : bytes;
}

int duct_is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int duct_set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

ssize_t duct_splice(int from_pipe, int to, size_t bytes) {
  return splice(from_pipe, NULL, to, NULL, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

void duct_log_to_system(const char *text) {
  openlog("duct", LOG_PID, LOG_USER);
  syslog(LOG_WARNING, "%s", text);
  closelog();
}
