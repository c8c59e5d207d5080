#define _GNU_SOURCE
#include "Clock.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

int duct_second_clock(void) {
  int clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (clock < 0) return -1;
  struct itimerspec each = {{1, 0}, {1, 0}};
  if (timerfd_settime(clock, 0, &each, 0) == 0) return clock;
  int error = errno;
  close(clock);
  errno = error;
  return -1;
}

long duct_parse_local_time(const char *text, const char *format, time_t *seconds) {
  struct tm parts = {0};
  parts.tm_isdst = -1;
  const char *rest = strptime(text, format, &parts);
  if (!rest) return -1;
  *seconds = mktime(&parts);
  return rest - text;
}
