// Kernel and C library calls that Swift cannot import by itself: variadic functions, functions behind
// _GNU_SOURCE, atomics in memory shared by two processes, and a spawn that leaks no descriptor.
#ifndef C_SYSTEM_CALLS_H
#define C_SYSTEM_CALLS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

#include "AsideReading.h"
#include "Clock.h"

// --- processes ---------------------------------------------------------------------------------

/// A source in `duct_spawn_request.descriptors`: the child inherits this number as it is.
#define DUCT_SPAWN_INHERIT (-1)
/// A source in `duct_spawn_request.descriptors`: the number is closed in the child.
#define DUCT_SPAWN_CLOSED (-2)

struct duct_spawn_request {
  const char *path;
  bool search_path;       ///< look `path` up in PATH, as execvp does, when it has no slash
  char *const *argv;
  char *const *envp;
  const int *descriptors; ///< descriptor i of the child is a duplicate of descriptors[i]
  int descriptor_count;
  bool close_others;      ///< close every descriptor from descriptor_count on
  bool new_session;
  const sigset_t *mask;   ///< the child's signal mask
};

/// Starts a program. Returns 0 and sets `pid`, or the errno of what failed, exec included.
/// Signal dispositions are those of the caller: ignored stays ignored, caught becomes default.
int duct_spawn(const struct duct_spawn_request *request, pid_t *pid);

/// prctl(PR_SET_CHILD_SUBREAPER): orphans below this process become its children, or no longer. 0 or -1.
int duct_set_subreaper(bool on);
/// prctl(PR_SET_NAME) for the calling thread; at most 15 bytes are kept.
void duct_name_thread(const char *name);

/// What ended or changed in a child, by waitid(2).
struct duct_child {
  pid_t pid;
  int code;   ///< CLD_EXITED, CLD_KILLED, CLD_DUMPED
  int status; ///< exit code, or signal number
  struct rusage usage;
};
/// Reaps a child if it has ended, without blocking. 1 reaped, 0 it has not, -1 errno.
int duct_reap(pid_t pid, struct duct_child *child);

/// Whether a child has ended and waits to be reaped: it stays so. -1 where this process has no such child.
int duct_has_ended(pid_t pid);
/// A child that has ended and waits to be reaped: it stays so. 0 where there is none.
pid_t duct_next_ended(void);

extern char **environ;
/// The environment of this process, for Swift (a C global is not concurrency-safe there).
char **duct_environment(void);

// --- memory ------------------------------------------------------------------------------------

void duct_share_heap(void);  ///< mallopt(M_ARENA_MAX): one heap for all threads, where the C library has several

// --- descriptors -------------------------------------------------------------------------------

int duct_pipe(int ends[2]);         ///< pipe2(O_CLOEXEC)
int duct_socket_pair(int ends[2]);  ///< socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
int duct_memory_file(const char *name, size_t size);  ///< memfd_create + ftruncate
/// The same; nobody can make it shorter or longer afterwards.
int duct_sealed_memory_file(const char *name, size_t size);
/// fallocate(PUNCH_HOLE): gives the blocks of a range back, and keeps the length.
int duct_punch_hole(int fd, uint64_t offset, uint64_t length);
/// posix_fallocate: 0, or the errno.
int duct_allocate(int fd, size_t size);
int duct_lock(int fd);              ///< flock(LOCK_EX | LOCK_NB)
int duct_link(const char *from, const char *to);  ///< link(2)
/// renameat2(RENAME_NOREPLACE), or link(2) and unlink(2) where the file system has no such rename.
int duct_rename_new(const char *from, const char *to);
/// renameat2(RENAME_NOREPLACE), or rename(2) where the file system has no such rename: one step in any case.
int duct_move(const char *from, const char *to);
/// The longest file handle of the kernel (MAX_HANDLE_SZ).
#define DUCT_HANDLE_SIZE 128
struct duct_file_status {
  uint64_t device, inode, size, links;
  uint32_t mode, owner;
  struct timespec birth;         ///< zero where the file system does not keep it
  struct timespec modification;
  int32_t handle_type;
  uint32_t handle_size;          ///< 0 where the file system has no handles that last
  uint8_t handle[DUCT_HANDLE_SIZE];
};
/// statx(2) of `path` or, where that is NULL, of `fd`; with it the file handle of name_to_handle_at(2), which
/// holds the generation of the inode's number and outlives a remount.
/// `follow`: of what a link at the end of `path` leads to, and not of the link.
int duct_file_status(int fd, const char *path, bool follow, struct duct_file_status *status);
int duct_exchange(const char *one, const char *other);  ///< renameat2(RENAME_EXCHANGE)
int duct_set_inherited(int fd, bool inherited);       ///< clears or sets FD_CLOEXEC
int duct_event_descriptor(void);    ///< eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
int duct_set_pipe_size(int pipe, int bytes);          ///< fcntl(F_SETPIPE_SZ)
int duct_bytes_readable(int fd);    ///< ioctl(FIONREAD); -1 errno
int duct_is_open(int fd);           ///< 1 if `fd` is open, else 0
int duct_set_nonblocking(int fd);
/// splice(2) without offsets, non-blocking on the pipe's side.
ssize_t duct_splice(int from_pipe, int to, size_t bytes);

// --- signals -----------------------------------------------------------------------------------

int duct_signal_descriptor(const sigset_t *mask);     ///< signalfd, O_CLOEXEC | O_NONBLOCK
struct duct_signal {
  int number;
  bool from_kernel;  ///< sent by the terminal driver, to a whole process group
  pid_t sender;
};
/// The next waiting signal: 1, 0 when there is none, -1 errno.
int duct_next_signal(int fd, struct duct_signal *signal);
/// Whether the calling process ignores `number`.
bool duct_ignores(int number);
/// Ignores `number` from now on, for a program that starts no other.
void duct_ignore(int number);
/// Gives `number` its default action if it is ignored.
void duct_do_not_ignore(int number);
/// Whether `number` has arrived and is blocked.
bool duct_is_pending(int number);

// --- memory shared by two processes --------------------------------------------------------------

static inline uint64_t duct_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint32_t duct_load32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void duct_store32(uint32_t *p, uint32_t n) { __atomic_store_n(p, n, __ATOMIC_RELEASE); }
static inline uint32_t duct_add32(uint32_t *p, uint32_t n) {
  return __atomic_add_fetch(p, n, __ATOMIC_ACQ_REL);
}
/// FUTEX_WAIT on shared memory while *p == expected. `nanoseconds` < 0: without limit.
/// 0 woken (or the value had changed), else errno (ETIMEDOUT, EINTR).
int duct_wait32(const uint32_t *p, uint32_t expected, int64_t nanoseconds);
/// FUTEX_WAKE of all waiters.
void duct_wake32(const uint32_t *p);

static inline void duct_store64(uint64_t *p, uint64_t n) { __atomic_store_n(p, n, __ATOMIC_RELEASE); }

/// Stores what another thread or process must see before this one reads what that one stores (a fence).
static inline void duct_store64_first(uint64_t *p, uint64_t n) { __atomic_store_n(p, n, __ATOMIC_SEQ_CST); }
static inline uint64_t duct_load64_after(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
/// The larger of what is there and `n`, whoever else raises it at the same time. True if it was raised.
static inline bool duct_raise64(uint64_t *p, uint64_t n) {
  uint64_t old = __atomic_load_n(p, __ATOMIC_SEQ_CST);
  while (old < n) {
    if (__atomic_compare_exchange_n(p, &old, n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return true;
  }
  return false;
}

/// Where a stream's bytes can be: its log file, a file in the spool, memory.
#define DUCT_RELAY_STORES 3
/// A store that holds nothing yet.
#define DUCT_RELAY_UNUSED UINT64_MAX
/// Ranges of a list that are remembered at a time. The simulator has fewer, to come to the end of them.
#ifndef DUCT_RELAY_RANGES
#define DUCT_RELAY_RANGES 64
#endif
/// The same for Swift, which does not see what the compiler was told.
enum { DUCT_RELAY_RANGE_COUNT = DUCT_RELAY_RANGES };
/// Files in the log directory that are remembered: stdout, stderr, usage.jsonl, info.json.
#define DUCT_RELAY_TARGETS 4

/// Bytes `start` to `end` of a stream that are replaced by a mark in the log file.
struct duct_relay_range {
  uint64_t start;
  uint64_t end;
  int64_t shift;  ///< what the ranges of the list before this one add to positions in the log file
};

/// The oldest ranges of a list and what lies between them, of which only the ends are known any more.
struct duct_relay_merged {
  uint64_t start;
  uint64_t end;
  int64_t shift;    ///< as of a range
  uint64_t length;  ///< bytes of the log file that it takes
  uint64_t first;   ///< the number of the first range that is not in it
};

/// Ranges in order. Number n stands at n modulo DUCT_RELAY_RANGES.
struct duct_relay_ranges {
  uint64_t merges;  ///< how often ranges were merged to make room; merged[merges % 2] holds unless it is 0
  uint64_t count;   ///< all that there ever were
  struct duct_relay_merged merged[2];
  struct duct_relay_range items[DUCT_RELAY_RANGES];
};

/// What is known of one stream. Bytes are counted from the start of the run, and
/// written >= claimed >= proven >= released.
struct duct_relay_stream {
  uint64_t written;    ///< bytes taken from the pipe: each is in a store or was dropped (set by the relay)
  uint64_t claimed;    ///< bytes that delivery has begun with: they are not dropped any more (set by delivery)
  uint64_t proven;     ///< bytes that an fsync in the log directory has covered (set by delivery)
  uint64_t released;   ///< bytes that no store holds any more; it only grows (raised by relay and delivery)
  uint64_t needed;     ///< bytes from here on are shown to a reader still (set by duct); the largest: none
  uint64_t starts[DUCT_RELAY_STORES];  ///< the first byte of each store
  struct duct_relay_ranges dropped;    ///< for lack of space (set by the relay)
  struct duct_relay_ranges unreadable; ///< in a store that lost them (set by delivery)
  uint32_t is_dropping; ///< the end of the last dropped range still moves
  uint32_t stop_dropping; ///< delivery asks for its end to be fixed
  uint32_t leave_log;   ///< duct asks for the log file to be left: it is not ours any more
  uint32_t error;       ///< errno that made the relay leave a store last, 0 while all is well
  uint32_t ended;       ///< 1 once the pipe has reached end of file
};

/// Which file in the log directory is ours.
struct duct_relay_identity {
  uint64_t device, inode, size;
  int64_t birth_seconds, birth_nanoseconds, modification_seconds, modification_nanoseconds;
  uint32_t name;        ///< 0: its own; n: the nth name beside it
  uint32_t link;        ///< n: it has the temporary name n - 1 as well; 0: it has not
  int32_t handle_type;
  uint32_t handle_size;
  uint8_t handle[DUCT_HANDLE_SIZE];
};

/// What is remembered of a file in the log directory, for whoever goes on with it.
struct duct_relay_target {
  struct duct_relay_identity identities[2];
  uint32_t valid;       ///< which of them hold: see RelayStatus+Targets.swift
};

/// The page that a relay and its duct share. In a spool there is a copy, which `recover` reads.
///
/// What makes a value count stands behind the value: both go into the copy by one write, and should only a part of
/// that be carried out, it is the value without what makes it count.
struct duct_relay_status {
  uint32_t version;
  uint32_t sequence;        ///< grows with every change: the word to wait on
  uint32_t sync_requested;  ///< duct asks: move all that is in the pipes by now
  uint32_t sync_done;       ///< the last such request that was carried out
  uint64_t spool_limit;     ///< bytes that the stores of a run may hold on disk; 0: no limit
  uint64_t memory_limit;    ///< bytes in memory
  uint64_t command_start;   ///< ticks from boot to the start of the command, to know it again
  uint32_t command_pid;     ///< 0: not started yet
  uint32_t ending;          ///< how duct has ended, see RelayStatus.Ending
  uint64_t command_end;     ///< milliseconds since 1970, where the relay saw it; else 0
  struct duct_relay_stream streams[2];
  struct duct_relay_target targets[DUCT_RELAY_TARGETS];
};

/// pidfd_open(2). A descriptor, or -1.
int duct_open_process(pid_t pid);

// --- this process --------------------------------------------------------------------------------

/// argv of main, without a look at /proc.
char **duct_arguments(void);
/// What execve(2) was given as the file to execute: AT_EXECFN of getauxval(3). NULL if not known.
const char *duct_executed_path(void);

// --- /proc -----------------------------------------------------------------------------------------

/// Opens PID/NAME below an open /proc for reading. A descriptor, or -1.
int duct_open_process_file(int proc, pid_t pid, const char *name);
/// Whether an open file is one of the kernel's own /proc, and not of something mounted over it. See fstatfs(2).
bool duct_is_of_proc(int fd);
/// getdents64(2): the next entries of an open directory. Bytes, 0 at the end, or -1.
ssize_t duct_list_directory(int directory, void *buffer, size_t size);
/// Nanoseconds of processor time that a process has used with all its threads, by its CPU clock (see
/// clock_getcpuclockid(3)); that of children is not in it. -1 if there is no such process.
int64_t duct_process_cpu(pid_t pid);
/// sched_getaffinity(2) of any size: sets the bits of the processors that a process may run on. Bytes that
/// were written to `mask`, or -1.
int duct_allowed_processors(pid_t pid, void *mask, size_t size);

// --- text ----------------------------------------------------------------------------------------

/// printf's %.*f, %.*e, %.*g and %.*F … of one double: `conversion` is the letter. Length as snprintf.
int duct_format_double(char *buffer, size_t size, char conversion, bool alternate, int precision,
                       double value);

/// Whether `text` stands somewhere in `bytes` (memmem).
bool duct_contains(const void *bytes, size_t count, const void *text, size_t text_count);

#endif
