#define _GNU_SOURCE
#include "CSystemCalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <malloc.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

// --- processes ---------------------------------------------------------------------------------

// The child's descriptors are set in order, so an earlier dup2 or close can overwrite a source that a later one
// needs. Such a source is first duplicated to a number above the targets. Only these sources are duplicated, to the
// lowest such numbers, because the user's limit on descriptors may be low. Every source is close-on-exec; dup2
// clears that flag for the target only, even if source and target are the same.
int duct_spawn(const struct duct_spawn_request *request, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int moved[64];
  int moved_count = 0;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }

  for (int i = 0; error == 0 && i < request->descriptor_count; i++) {
    int source = request->descriptors[i];
    if (source == DUCT_SPAWN_INHERIT) continue;
    if (source == DUCT_SPAWN_CLOSED) {
      error = posix_spawn_file_actions_addclose(&actions, i);
      continue;
    }
    if (source < i) {
      if (moved_count == (int)(sizeof moved / sizeof *moved)) {
        error = E2BIG;
        break;
      }
      source = fcntl(source, F_DUPFD_CLOEXEC, request->descriptor_count);
      if (source < 0) {
        error = errno;
        break;
      }
      moved[moved_count++] = source;
    }
    error = posix_spawn_file_actions_adddup2(&actions, source, i);
  }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  if (error == 0 && request->close_others)
    error = posix_spawn_file_actions_addclosefrom_np(&actions, request->descriptor_count);
#endif

  short flags = POSIX_SPAWN_SETSIGMASK;
  if (request->new_session) flags |= POSIX_SPAWN_SETSID;
  if (error == 0) error = posix_spawnattr_setflags(&attributes, flags);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, request->mask);
  if (error == 0) {
    error = request->search_path
                ? posix_spawnp(pid, request->path, &actions, &attributes, request->argv, request->envp)
                : posix_spawn(pid, request->path, &actions, &attributes, request->argv, request->envp);
  }
  for (int i = 0; i < moved_count; i++) close(moved[i]);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

int duct_open_process(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int duct_set_subreaper(bool on) { return prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); }

void duct_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int duct_reap(pid_t pid, struct duct_child *child) {
  int status = 0;
  pid_t got;
  do {
    got = wait4(pid, &status, WNOHANG, &child->usage);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return (int)got;
  child->pid = got;
  if (WIFSIGNALED(status)) {
    child->code = WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
    child->status = WTERMSIG(status);
  } else {
    child->code = CLD_EXITED;
    child->status = WEXITSTATUS(status);
  }
  return 1;
}

int duct_has_ended(pid_t pid) {
  siginfo_t info;
  info.si_pid = 0;
  if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD ? -1 : 0;
  return info.si_pid == pid;
}

pid_t duct_next_ended(void) {
  siginfo_t info;
  info.si_pid = 0;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

char **duct_environment(void) { return environ; }

// --- memory ------------------------------------------------------------------------------------

void duct_share_heap(void) {
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, 1);
#endif
}

// --- descriptors -------------------------------------------------------------------------------

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

int duct_rename_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (link(from, to) != 0) return -1;
  if (unlink(from) == 0) return 0;
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

// --- signals -----------------------------------------------------------------------------------

int duct_signal_descriptor(const sigset_t *mask) { return signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK); }

int duct_next_signal(int fd, struct duct_signal *signal) {
  struct signalfd_siginfo info;
  ssize_t got;
  do {
    got = read(fd, &info, sizeof info);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? 0 : -1;
  if (got != (ssize_t)sizeof info) return 0;
  signal->number = (int)info.ssi_signo;
  signal->from_kernel = info.ssi_code == SI_KERNEL;
  signal->sender = (pid_t)info.ssi_pid;
  return 1;
}

bool duct_ignores(int number) {
  struct sigaction action;
  return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void duct_ignore(int number) { signal(number, SIG_IGN); }

void duct_do_not_ignore(int number) {
  if (duct_ignores(number)) signal(number, SIG_DFL);
}

bool duct_is_pending(int number) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, number) == 1;
}

// --- memory shared by two processes --------------------------------------------------------------

int duct_wait32(const uint32_t *p, uint32_t expected, int64_t nanoseconds) {
  struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  long result = syscall(SYS_futex, p, FUTEX_WAIT, expected, nanoseconds < 0 ? NULL : &limit, NULL, 0);
  if (result == 0 || errno == EAGAIN) return 0;
  return errno;
}

void duct_wake32(const uint32_t *p) { syscall(SYS_futex, p, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

// --- this process --------------------------------------------------------------------------------

static char **arguments;

// glibc passes argc, argv and envp to constructors, which run before main, also in static programs.
__attribute__((constructor)) static void keep_arguments(int argc, char **argv, char **envp) {
  (void)argc;
  (void)envp;
  arguments = argv;
}

char **duct_arguments(void) { return arguments; }

const char *duct_executed_path(void) { return (const char *)getauxval(AT_EXECFN); }

// --- /proc -----------------------------------------------------------------------------------------

int duct_open_process_file(int proc, pid_t pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "%d/%s", (int)pid, name);
  return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

bool duct_is_of_proc(int fd) {
  struct statfs system;
  return fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

ssize_t duct_list_directory(int directory, void *buffer, size_t size) {
  return syscall(SYS_getdents64, directory, buffer, size);
}

int64_t duct_process_cpu(pid_t pid) {
  // The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), computed here to save a call of
  // clock_getcpuclockid(3).
  clockid_t clock = (~(clockid_t)pid << 3) | 2;
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) return -1;
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int duct_allowed_processors(pid_t pid, void *mask, size_t size) {
  return (int)syscall(SYS_sched_getaffinity, pid, size, mask);
}

// --- text ----------------------------------------------------------------------------------------

int duct_format_double(char *buffer, size_t size, char conversion, bool alternate, int precision,
                       double value) {
  char format[8] = {'%', 0};
  int at = 1;
  if (alternate) format[at++] = '#';
  format[at++] = '.';
  format[at++] = '*';
  format[at++] = conversion;
  format[at] = 0;
  return snprintf(buffer, size, format, precision, value);
}

bool duct_contains(const void *bytes, size_t count, const void *text, size_t text_count) {
  return memmem(bytes, count, text, text_count) != NULL;
}
