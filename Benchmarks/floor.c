// floor PID INTERVAL - the lowest possible cost of sampling a session
//
// Every INTERVAL seconds, until PID has ended, it reads and parses the stat line of each process in PID's session,
// and opens each file anew. It reads no names and keeps no records or sums. Prints the number of samples and the
// processor time per sample in milliseconds.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double used(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    pid_t session = atoi(arguments[1]);
    double interval = atof(arguments[2]), start = used();
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    long samples = 0;
    unsigned long long ticks = 0, pages = 0;
    int is_over = 0;
    while (!is_over && getsid(session) == session) {
        DIR *proc = opendir("/proc");
        if (!proc)
            return 1;
        int directory = dirfd(proc);
        struct dirent *entry;
        while ((entry = readdir(proc))) {
            if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || getsid(atoi(entry->d_name)) != session)
                continue;
            char path[300], line[4096];
            snprintf(path, sizeof path, "%s/stat", entry->d_name);
            int file = openat(directory, path, O_RDONLY | O_CLOEXEC);
            if (file < 0)
                continue;
            ssize_t length = read(file, line, sizeof line - 1);
            close(file);
            if (length <= 0)
                continue;
            line[length] = 0;
            char *name_end = strrchr(line, ')');
            // Ends at the zombie: its parent may wait for it only after floor has ended.
            is_over |= name_end && name_end[2] == 'Z' && atoi(entry->d_name) == session;
            unsigned long long user, system, size;
            long resident;
            if (name_end
                && sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d "
                                        "%*d %*u %llu %ld", &user, &system, &size, &resident) == 4) {
                ticks += user + system;
                pages += (unsigned long long)resident;
            }
        }
        closedir(proc);
        samples++;
        long nanoseconds = next.tv_nsec + (long)(interval * 1e9);
        next.tv_sec += nanoseconds / 1000000000;
        next.tv_nsec = nanoseconds % 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    // Uses the sums, so that the compiler does not optimize the parsing away.
    fprintf(stderr, "%llu %llu\n", ticks, pages);
    printf("%ld %.4f\n", samples, samples ? (used() - start) * 1000 / samples : 0);
    return 0;
}
