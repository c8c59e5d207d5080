#define _GNU_SOURCE
#include "control.h"

#include "files.h"
#include "rule-commands.h"
#include "words.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void truncate_file(char *rest, char *answer, size_t size)
{
    // The length is the last word. The path may contain blanks.
    char *path = rest + strspn(rest, " \t");
    char *blank = strrchr(path, ' ');
    unsigned long long length;
    if (!blank || !to_number(blank + 1, INT64_MAX, &length)) {
        snprintf(answer, size, "error truncate needs a path and a length");
        return;
    }
    *blank = '\0';
    int error = files_truncate(path, (off_t)length);
    if (error)
        snprintf(answer, size, "error %s", strerror(error));
    else
        snprintf(answer, size, "ok");
}

static bool answer_line(int fd, char *line)
{
    static const char truncate_command[] = "truncate ";
    char answer[2048];
    for (size_t end = strlen(line); end > 0 && strchr(" \t\r", line[end - 1]); )
        line[--end] = '\0';
    if (strncmp(line, truncate_command, sizeof truncate_command - 1) == 0)
        truncate_file(line + sizeof truncate_command - 1, answer, sizeof answer - 1);
    else
        rules_command(line, answer, sizeof answer - 1);
    strcat(answer, "\n");
    // Do not wait for a client that does not read its answers: that would hold up the other clients and the end.
    size_t length = strlen(answer);
    return send(fd, answer, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

// Reads what has arrived, and answers all complete lines. Returns false if the connection must be closed.
static bool serve(struct client *client)
{
    ssize_t count = recv(client->fd, client->line + client->used, LINE - client->used, MSG_DONTWAIT);
    if (count <= 0)
        return count == -1 && (errno == EAGAIN || errno == EINTR);
    client->used += (size_t)count;
    char *newline;
    while ((newline = memchr(client->line, '\n', client->used))) {
        *newline = '\0';
        if (!answer_line(client->fd, client->line))
            return false;
        size_t taken = (size_t)(newline + 1 - client->line);
        client->used -= taken;
        memmove(client->line, newline + 1, client->used);
    }
    return client->used < LINE;
}

static void accept_client(struct service *service)
{
    int fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd == -1)
        return;
    for (size_t index = 0; index < CLIENTS; index++) {
        if (service->clients[index].fd == -1) {
            service->clients[index].fd = fd;
            service->clients[index].used = 0;
            return;
        }
    }
    close(fd);
}

// Ends the loop of the main thread. That thread may be about to wait for a semaphore, and a signal interrupts the
// wait only after it has begun, so this function sends the signal until the loop is over.
static void end_loop(struct service *service)
{
    rules_end();
    fuse_session_exit(service->session);
    while (!atomic_load(&service->loop_is_over)) {
        pthread_kill(service->main_thread, SIGUSR1);
        poll(NULL, 0, 10);
    }
}

void *control(void *argument)
{
    struct service *service = argument;
    for (;;) {
        struct pollfd wanted[3 + CLIENTS] = {
            { .fd = service->signals, .events = POLLIN },
            { .fd = service->parent, .events = POLLIN },
            { .fd = service->listener, .events = POLLIN },
        };
        for (size_t index = 0; index < CLIENTS; index++)
            wanted[3 + index] = (struct pollfd){ .fd = service->clients[index].fd, .events = POLLIN };
        // libfuse does not report an unmount by another process while calls hang, so poll with a timeout.
        if (poll(wanted, 3 + CLIENTS, 100) == -1 && errno != EINTR)
            break;
        if (wanted[0].revents || wanted[1].revents || fuse_session_exited(service->session))
            break;
        for (size_t index = 0; index < CLIENTS; index++) {
            struct client *client = &service->clients[index];
            if (wanted[3 + index].revents && !serve(client)) {
                close(client->fd);
                client->fd = -1;
            }
        }
        if (wanted[2].revents)
            accept_client(service);
    }
    end_loop(service);
    return NULL;
}

int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat status;
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "fault-fs: the path of a socket has at most %zu bytes: %s\n",
                sizeof address.sun_path - 1, path);
        return -1;
    }
    strcpy(address.sun_path, path);
    // Remove a socket that an earlier process left behind.
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(077);
    bool listens = fd != -1 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0
        && listen(fd, 16) == 0;
    umask(mask);
    if (!listens) {
        fprintf(stderr, "fault-fs: cannot listen at %s: %s\n", path, strerror(errno));
        if (fd != -1)
            close(fd);
        return -1;
    }
    return fd;
}
