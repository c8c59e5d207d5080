// The control socket, over which commands come, and the thread that serves it.

#ifndef CONTROL_H
#define CONTROL_H

#include "rules.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLIENTS 64
#define LINE 8192

struct client {
    int fd;
    size_t used;
    char line[LINE];
};

struct service {
    struct fuse_session *session;
    pthread_t main_thread;
    int listener, signals, parent;   // descriptors; parent may be -1
    struct client clients[CLIENTS];
    atomic_bool loop_is_over;
};

// Returns a descriptor. If it cannot listen, prints the reason and returns -1.
int listen_at(const char *path);

// The main function of the thread. Serves the socket of the `struct service` until the end is commanded or the mount
// is gone, and ends the loop of the main thread.
void *control(void *service);

#endif
