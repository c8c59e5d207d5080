// fault-fs - a file system for tests, whose faults are commanded over a socket
//
// It shows a backing directory at a mount point, and passes all operations through to it unless a rule says
// otherwise. Rules are lines sent over a Unix socket. They say which operations fail and how, and which hang, are
// slow, are short, or succeed and lose their data later. The text of --help below is the whole grammar.
//
//   fault-fs.c   this file: the mount, the socket, the end
//   rules.c      the rules and the commands that make them
//   files.c      the file system

#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static const char help[] =
"Usage: fault-fs [--keep] BACKING MOUNTPOINT CONTROL\n"
"\n"
"Shows the directory BACKING at MOUNTPOINT, with the faults that are ordered over the Unix socket\n"
"CONTROL, which is created (and must not lie under MOUNTPOINT). Stays in the foreground, writes \"ready\"\n"
"when it serves, and ends, unmounted, on SIGTERM, SIGINT or SIGHUP, when somebody else unmounts it, or,\n"
"without --keep, when the process that started it has ended.\n"
"\n"
"A connection to CONTROL sends commands, one a line. Each is answered by one line, \"ok ...\" or\n"
"\"error ...\".\n"
"\n"
"Rules, answered \"ok ID\":\n"
"\n"
"  fail OPERATIONS ERRNO [CLAUSES]\n"
"      The operation is not done, and fails.\n"
"  hang OPERATIONS [killable] [CLAUSES]\n"
"      It waits until the rule is gone (release, clear) or expires, and is then done. The caller cannot be\n"
"      killed meanwhile. With killable it can (by SIGKILL, and by the exit of its process), as on NFS.\n"
"  slow OPERATIONS MILLISECONDS [CLAUSES]\n"
"      It is done later.\n"
"  short BYTES [CLAUSES]\n"
"      A write of more than this takes only this many.\n"
"  drop [at fsync|flush|fsync,flush] [ERRNO] [CLAUSES]\n"
"      Writes succeed and read back, but the data stay in memory. The next fsync (or what `at` says) of the\n"
"      file fails with ERRNO (EIO if none is given), once. From then on there are NUL bytes where the data\n"
"      were. The backing file has its new length at once.\n"
"\n"
"A call meets the rules in the order of their making, up to the first that makes it fail. CLAUSES are:\n"
"\n"
"  after N          the first N matching calls are left alone\n"
"  times N          of the others, only the first N are not\n"
"  for SECONDS      until then (may have a fraction)\n"
"  path SUBSTRING   only if the path within the mount (\"/logs/a b\") has this in it. It is the last\n"
"                   clause: it takes the rest of the line. A rename or link matches by either name, an\n"
"                   open file by the name that it was opened by.\n"
"\n"
"OPERATIONS is a comma list of requests of the kernel:\n"
"\n"
"  lookup     a name is looked for in a directory: each step of every path, also in stat and open\n"
"  stat       attributes are asked for: stat, fstat, and now and then read, write and others\n"
"  getattr    lookup,stat\n"
"  open       without making the file; open(O_TRUNC) truncates here\n"
"  create     open that makes the file\n"
"  read write fsync fallocate\n"
"  flush      each close of a descriptor of the file, by any process that has a copy, also by exec and exit\n"
"  release    the last close; nobody sees its error\n"
"  truncate chmod chown utimens\n"
"  setattr    truncate,chmod,chown,utimens\n"
"  rename link symlink unlink mknod mkdir rmdir readlink access statfs\n"
"  opendir readdir fsyncdir releasedir\n"
"             a directory is opened, listed, fsynced, closed\n"
"  any        all\n"
"\n"
"ERRNO is a name (ENOSPC) or a number. ENOSYS is refused: after it the kernel never asks again.\n"
"\n"
"Other commands:\n"
"\n"
"  clear [ID]            removes all rules, or one, and answers how many; what hangs or is delayed by them\n"
"                        goes on. Data that were dropped are still lost.\n"
"  release [ID]          the same, but only for rules that make calls hang\n"
"  truncate PATH LENGTH  sets the length of a file, and does not tell the kernel\n"
"  count                 \"ok write=12/3 fsync=2/0 ... hung=1\": calls, and how many of them failed, were\n"
"                        short or were dropped; and how many hang now\n"
"  count ID              \"ok seen=12 applied=3\": calls that the rule matched, and did something to\n"
"  count reset           sets all counts of calls to 0\n"
"  log on|off            tells each call on standard error\n"
"\n"
"What the kernel makes of it:\n"
"\n"
"  - It tries once more by itself when a path operation fails with ESTALE or ECHILD, and when `lookup` of a\n"
"    name that it has seen before fails with whatever: `times 1` is not seen then.\n"
"  - readdir(3) takes ENOENT for the end; posix_fallocate(3) writes instead upon EOPNOTSUPP.\n"
"  - Writes above 1 MiB come in parts. If a later part fails, the write is a short one.\n"
"  - A write, fsync, fallocate or setattr that hangs holds up others of these on the same file. A create,\n"
"    mkdir, unlink or rename that hangs holds up others of these in the same directory, and there also\n"
"    lists and lookups of names that were not seen before. Nothing else waits.\n"
"  - Files that are open for writing bypass the page cache, and cannot be mapped with MAP_SHARED. Those\n"
"    open for reading do so if a rule about `read` matches when they are opened: with the cache, reads need\n"
"    not come here, and a failed one is tried again.\n"
"  - A process that hangs in `flush` in its exit cannot be killed, even if the rule says killable.\n";

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

// MARK: The control socket

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

// Serves the socket until the end is commanded or the mount is gone.
static void *control(void *argument)
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

// Prints the reason and returns -1 if it cannot listen.
static int listen_at(const char *path)
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

// MARK: The mount

static ssize_t receive(int fd, void *buffer, size_t size, void *userdata)
{
    (void)userdata;
    return read(fd, buffer, size);
}

// Sends an answer to the kernel. The very first answer gets the flag that allows parallel lookups: libfuse before
// 3.17 promises to set it and does not, so a lookup that hangs would hold up all others in its directory.
static ssize_t reply(int fd, struct iovec *parts, int count, void *userdata)
{
    static atomic_bool begun;
    (void)userdata;
    if (!atomic_exchange(&begun, true) && count == 2 && parts[1].iov_len >= FUSE_COMPAT_22_INIT_OUT_SIZE)
        ((struct fuse_init_out *)parts[1].iov_base)->flags |= FUSE_PARALLEL_DIROPS;
    return writev(fd, parts, count);
}

static void started(void *userdata, struct fuse_conn_info *connection)
{
    (void)userdata;
    // A write must arrive here when the application makes it.
    connection->want &= ~(unsigned)FUSE_CAP_WRITEBACK_CACHE;
    // The kernel sends releases and read-ahead in the background. By default, 12 of them that hang hold up all
    // others.
    connection->max_background = 4096;
    puts("ready");
    fflush(stdout);
}

static void interrupt(int signal)
{
    (void)signal;
}

static sigset_t prepare_signals(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    // Blocked in all threads. The thread that serves the socket reads them from a descriptor.
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    // No SA_RESTART, since the signal must interrupt the wait.
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = interrupt }, NULL);
    return ends;
}

// Runs until the end. Returns the exit code.
static int run(struct service *service, const char *mountpoint)
{
    char *words[] = { "fault-fs", "-o", "fsname=fault-fs,subtype=fault-fs", NULL };
    struct fuse_args arguments = FUSE_ARGS_INIT(3, words);
    struct fuse_lowlevel_ops operations = files_operations;
    operations.init = started;
    service->session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    fuse_opt_free_args(&arguments);
    if (!service->session)
        return 1;
    int status = 1;
    static const struct fuse_custom_io io = { .read = receive, .writev = reply };
    if (fuse_session_mount(service->session, mountpoint) == 0
        && fuse_session_custom_io(service->session, &io, fuse_session_fd(service->session)) == 0) {
        pthread_t controller;
        struct fuse_loop_config *config = fuse_loop_cfg_create();
        // Every call that hangs occupies a thread.
        fuse_loop_cfg_set_max_threads(config, 1024);
        if (pthread_create(&controller, NULL, control, service) == 0) {
            status = fuse_session_loop_mt(service->session, config) == 0 ? 0 : 1;
            fuse_session_exit(service->session);
            atomic_store(&service->loop_is_over, true);
            pthread_join(controller, NULL);
        }
        fuse_loop_cfg_destroy(config);
        fuse_session_unmount(service->session);
    }
    fuse_session_destroy(service->session);
    return status;
}

int main(int count, char **arguments)
{
    bool keep = false;
    int first = 1;
    for (; first < count && strncmp(arguments[first], "--", 2) == 0; first++) {
        if (strcmp(arguments[first], "--help") == 0) {
            fputs(help, stdout);
            return 0;
        }
        if (strcmp(arguments[first], "--keep") != 0)
            break;
        keep = true;
    }
    if (count - first != 3 || arguments[first][0] == '-') {
        fputs("Usage: fault-fs [--keep] BACKING MOUNTPOINT CONTROL (--help explains)\n", stderr);
        return 2;
    }
    const char *backing = arguments[first], *mountpoint = arguments[first + 1], *path = arguments[first + 2];

    // The kernel has already applied the caller's umask to the modes.
    umask(0);
    // This process has a descriptor for every inode that the kernel knows.
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    sigset_t ends = prepare_signals();

    static struct service service;
    service.parent = -1;
    service.main_thread = pthread_self();
    for (size_t index = 0; index < CLIENTS; index++)
        service.clients[index].fd = -1;
    // Not PR_SET_PDEATHSIG: it reports the end of the thread that started this process. In a program with a pool of
    // threads that comes long before the end of the process.
    pid_t parent = getppid();
    if (!keep && parent > 0 && (service.parent = (int)syscall(SYS_pidfd_open, parent, 0)) == -1) {
        fprintf(stderr, "fault-fs: cannot watch process %ld, which started this: %s\n", (long)parent,
                strerror(errno));
        return 1;
    }
    service.signals = signalfd(-1, &ends, SFD_CLOEXEC);
    int error = files_start(backing);
    if (error) {
        fprintf(stderr, "fault-fs: cannot open %s: %s\n", backing, strerror(error));
        return 1;
    }
    rules_start();
    service.listener = listen_at(path);
    if (service.listener == -1)
        return 1;

    int status = run(&service, mountpoint);

    unlink(path);
    close(service.listener);
    for (size_t index = 0; index < CLIENTS; index++)
        if (service.clients[index].fd != -1)
            close(service.clients[index].fd);
    files_end();
    return status;
}
