#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

/// Creates a timerfd(2) that becomes readable each second. -1 with errno.
int duct_second_clock(void);

/// Reads a local time at the beginning of `text` by strptime(3). The number of bytes that it took, or -1.
long duct_parse_local_time(const char *text, const char *format, time_t *seconds);

#endif
