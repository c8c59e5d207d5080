#define _GNU_SOURCE
#include "CSystemCalls.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

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
