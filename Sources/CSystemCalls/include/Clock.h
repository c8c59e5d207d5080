#ifndef CLOCK_H
#define CLOCK_H

/// A timerfd(2) that reads as ready each second from now on, until it is read. -1 with errno.
int duct_second_clock(void);

#endif
