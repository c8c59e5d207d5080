// fault-fs - a file system for tests, whose faults are commanded over a socket
//
// It shows a backing directory at a mount point, and passes all operations through to it unless a rule says
// otherwise. Rules are lines sent over a Unix socket. They say which operations fail and how, and which hang, are
// slow, are short, or succeed and lose their data later. The text of --help (help.c) is the whole grammar.
//
//   fault-fs.c       this file: the mount, from start to end
//   control.c        the socket
//   rule-commands.c  the commands that make rules; words.c has their words
//   rules.c          the list of rules, which decides about each operation
//   files.c          the file system: names.c, attributes.c, open-files.c and directories.c have its operations,
//                    inodes.c and handles.c what the kernel knows, dropped-data.c what `drop` does

#define _GNU_SOURCE
#include "control.h"
#include "files.h"
#include "help.h"

#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

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
            // After an unmount, the kernel ends the connection with ENODEV, and sometimes with ECONNABORTED.
            int result = fuse_session_loop_mt(service->session, config);
            status = result == 0 || result == -ECONNABORTED ? 0 : 1;
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
