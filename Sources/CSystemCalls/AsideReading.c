#define _GNU_SOURCE
#include "AsideReading.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void fill(struct duct_file_head *head, const struct stat *information) {
  head->mode = information->st_mode;
  head->owner = information->st_uid;
  head->group = information->st_gid;
  head->size = information->st_size;
}

int duct_open_regular(const char *path, struct duct_file_head *head) {
  struct stat information;
  *head = (struct duct_file_head){0};
  // Checks before opening: opening some devices has side effects.
  if (stat(path, &information) != 0) {
    head->error = errno;
    return -1;
  }
  fill(head, &information);
  if (!S_ISREG(information.st_mode)) return -1;
  int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0 || fstat(file, &information) != 0) {
    head->error = errno;
  } else {
    // Another file may have taken the path since stat: the opened one counts.
    fill(head, &information);
    if (S_ISREG(information.st_mode)) return file;
  }
  if (file >= 0) close(file);
  return -1;
}

// The code below runs in a forked process: only calls that are safe after fork(2).

static bool send_all(int pipe, const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    ssize_t done = write(pipe, at, count);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    count -= (size_t)done;
  }
  return true;
}

static bool send_contents(int pipe, int file, int64_t limit) {
  char buffer[16384];
  int64_t sent = 0;
  // Sends up to limit + 1 bytes, so that the reader detects that the file has grown.
  while (sent <= limit) {
    int64_t most = limit + 1 - sent;
    ssize_t got = read(file, buffer, most < (int64_t)sizeof buffer ? (size_t)most : sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    int32_t length = got < 0 ? -errno : (int32_t)got;
    if (!send_all(pipe, &length, sizeof length)) return false;
    if (got <= 0) return true;
    if (!send_all(pipe, buffer, (size_t)got)) return false;
    sent += got;
  }
  int32_t end = 0;
  return send_all(pipe, &end, sizeof end);
}

static void close_all_but(int kept) {
  if (kept > 0) syscall(SYS_close_range, 0, kept - 1, 0);
  if (syscall(SYS_close_range, kept + 1, ~0u, 0) == 0) return;
  // Linux before 5.9 has no close_range(2).
  long most = sysconf(_SC_OPEN_MAX);
  if (most < 0 || most > 65536) most = 65536;
  for (int number = 0; number < most; number++) {
    if (number != kept) close(number);
  }
}

static void reset_signal(int number, sigset_t *unblocked) {
  signal(number, SIG_DFL);
  sigaddset(unblocked, number);
}

static _Noreturn void read_and_send(int pipe, const char *const *paths, size_t count, int64_t limit) {
  close_all_but(pipe);
  sigset_t unblocked;
  sigemptyset(&unblocked);
  reset_signal(SIGALRM, &unblocked);
  reset_signal(SIGPIPE, &unblocked);
  sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
  alarm(1);
  for (size_t index = 0; index < count; index++) {
    struct duct_file_head head;
    int file = duct_open_regular(paths[index], &head);
    if (!send_all(pipe, &head, sizeof head)) break;
    if (file < 0) continue;
    bool went_well = head.size > limit || send_contents(pipe, file, limit);
    close(file);
    if (!went_well) break;
  }
  _exit(0);
}

int duct_read_aside(const char *const *paths, size_t count, int64_t limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  pid_t first = fork();
  if (first == 0) {
    // The first child exits, so that the second becomes a child of init, and the caller need not reap it.
    pid_t second = fork();
    if (second == 0) read_and_send(ends[1], paths, count, limit);
    _exit(second < 0 ? errno : 0);
  }
  int error = first < 0 ? errno : 0;
  close(ends[1]);
  if (first > 0) {
    int status = 0;
    pid_t got;
    do {
      got = waitpid(first, &status, 0);
    } while (got < 0 && errno == EINTR);
    if (got == first && WIFEXITED(status)) error = WEXITSTATUS(status);
  }
  if (error == 0) return ends[0];
  close(ends[0]);
  errno = error;
  return -1;
}
