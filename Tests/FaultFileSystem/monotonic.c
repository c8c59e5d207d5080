#define _GNU_SOURCE
#include "monotonic.h"

struct timespec now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

struct timespec after_milliseconds(unsigned long long milliseconds)
{
    struct timespec time = now();
    time.tv_sec += (time_t)(milliseconds / 1000);
    time.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

bool is_past(struct timespec time)
{
    struct timespec present = now();
    return present.tv_sec != time.tv_sec ? present.tv_sec > time.tv_sec : present.tv_nsec >= time.tv_nsec;
}
