#ifndef CLOCK_H
#define CLOCK_H

/// Creates a timerfd(2) that becomes readable each second. -1 with errno.
int duct_second_clock(void);

#endif
