// The clock that nobody can set.

#ifndef MONOTONIC_H
#define MONOTONIC_H

#include <stdbool.h>
#include <time.h>

struct timespec now(void);

struct timespec after_milliseconds(unsigned long long milliseconds);

bool is_past(struct timespec time);

#endif
