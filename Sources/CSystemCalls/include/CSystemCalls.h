// Kernel and C library calls that Swift cannot import: variadic functions, functions behind _GNU_SOURCE, atomics in
// memory shared by two processes, and a spawn that leaks no descriptor.
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

/// A source in `duct_spawn_request.descriptors`: the child inherits this descriptor unchanged.
#define DUCT_SPAWN_INHERIT (-1)
/// A source in `duct_spawn_request.descriptors`: the descriptor is closed in the child.
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

/// Starts a program. Returns 0 and sets `pid`, or the errno of the step that failed, including exec.
/// Signals that the caller ignores stay ignored; signals that it catches get their default action.
int duct_spawn(const struct duct_spawn_request *request, pid_t *pid);

/// prctl(PR_SET_CHILD_SUBREAPER): makes orphans below this process its children, or ends that. 0 or -1.
int duct_set_subreaper(bool on);
/// prctl(PR_SET_NAME) for the calling thread; the kernel keeps at most 15 bytes.
void duct_name_thread(const char *name);

/// _exit(0), as fast as the kernel can end all threads: it wakes them on a processor where `other` does not run.
///
/// Otherwise, the end of this process may wait until `other` makes room for one of the threads.
_Noreturn void duct_exit_at_once(pid_t other);

/// How a child ended, from wait4(2).
struct duct_child {
  pid_t pid;
  int code;   ///< CLD_EXITED, CLD_KILLED, CLD_DUMPED
  int status; ///< exit code, or signal number
  struct rusage usage;
};
/// Reaps a child if it has ended, without blocking. 1 reaped, 0 still running, -1 errno.
int duct_reap(pid_t pid, struct duct_child *child);

/// Whether a child has ended and waits to be reaped. Does not reap it. -1 if this process has no such child.
int duct_has_ended(pid_t pid);
/// The pid of a child that has ended and waits to be reaped. Does not reap it. 0 if there is none.
pid_t duct_next_ended(void);

extern char **environ;
/// The environment of this process, for Swift (a C global is not concurrency-safe there).
char **duct_environment(void);

// --- memory ------------------------------------------------------------------------------------

void duct_share_heap(void);  ///< mallopt(M_ARENA_MAX): one heap for all threads, where glibc would have several
/// madvise(MADV_DONTNEED) for the parts of the program and its libraries that nobody can write: code and constants.
/// Whoever needs one of these pages again gets it from the page cache.
void duct_release_program_pages(void);

// --- descriptors -------------------------------------------------------------------------------

int duct_pipe(int ends[2]);         ///< pipe2(O_CLOEXEC)
int duct_socket_pair(int ends[2]);  ///< socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
int duct_memory_file(const char *name, size_t size);  ///< memfd_create + ftruncate
/// The same, with its size sealed: no process can shorten or lengthen it.
int duct_sealed_memory_file(const char *name, size_t size);
/// fallocate(PUNCH_HOLE): frees the blocks of a range and keeps the length of the file.
int duct_punch_hole(int fd, uint64_t offset, uint64_t length);
/// posix_fallocate: 0, or the errno.
int duct_allocate(int fd, size_t size);
int duct_lock(int fd);              ///< flock(LOCK_EX | LOCK_NB)
int duct_lock_shared(int fd);       ///< flock(LOCK_SH | LOCK_NB)
int duct_link(const char *from, const char *to);  ///< link(2)
/// syslog(3): a warning of duct.
void duct_log_to_system(const char *text);
/// renameat2(RENAME_NOREPLACE). Falls back to link(2) and unlink(2) where the file system does not support it.
/// Relative paths begin at the open directory, or with AT_FDCWD at the working directory.
int duct_rename_new(int directory, const char *from, const char *to);
/// renameat2(RENAME_NOREPLACE). Falls back to rename(2) where the file system does not support it: always one step.
int duct_move(const char *from, const char *to);
/// The longest file handle of the kernel (MAX_HANDLE_SZ).
#define DUCT_HANDLE_SIZE 128
struct duct_file_status {
  uint64_t device, inode, size, links;
  uint32_t mode, owner;
  struct timespec birth;         ///< zero if the file system does not record it
  struct timespec modification;
  int32_t handle_type;
  uint32_t handle_size;          ///< 0 if the file system has no persistent handles
  uint8_t handle[DUCT_HANDLE_SIZE];
};
/// statx(2) of `path`, or of `fd` if `path` is NULL, and the file handle from name_to_handle_at(2). The handle
/// contains the generation of the inode number and stays valid after a remount.
/// `follow`: if `path` ends in a symbolic link, describes its target and not the link.
int duct_file_status(int fd, const char *path, bool follow, struct duct_file_status *status);
int duct_exchange(const char *one, const char *other);  ///< renameat2(RENAME_EXCHANGE)
int duct_set_inherited(int fd, bool inherited);       ///< clears or sets FD_CLOEXEC
int duct_event_descriptor(void);    ///< eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
int duct_set_pipe_size(int pipe, int bytes);          ///< fcntl(F_SETPIPE_SZ)
int duct_bytes_readable(int fd);    ///< ioctl(FIONREAD); -1 errno
int duct_is_open(int fd);           ///< 1 if `fd` is open, else 0
int duct_set_nonblocking(int fd);
/// splice(2) without offsets. Does not block on the pipe.
ssize_t duct_splice(int from_pipe, int to, size_t bytes);

// --- signals -----------------------------------------------------------------------------------

int duct_signal_descriptor(const sigset_t *mask);     ///< signalfd, O_CLOEXEC | O_NONBLOCK
struct duct_signal {
  int number;
  bool from_kernel;  ///< the kernel sent it: the terminal driver, to a whole process group
  pid_t sender;
};
/// Reads the next pending signal: 1, 0 if there is none, -1 errno.
int duct_next_signal(int fd, struct duct_signal *signal);
/// Whether the calling process ignores `number`.
bool duct_ignores(int number);
/// Ignores `number`, and programs started later inherit that.
void duct_ignore(int number);
/// Gives `number` its default action if it is ignored.
void duct_do_not_ignore(int number);
/// Whether `number` has arrived and is pending because it is blocked.
bool duct_is_pending(int number);

// --- memory shared by two processes --------------------------------------------------------------

static inline uint64_t duct_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint32_t duct_load32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void duct_store32(uint32_t *p, uint32_t n) { __atomic_store_n(p, n, __ATOMIC_RELEASE); }
static inline uint32_t duct_add32(uint32_t *p, uint32_t n) {
  return __atomic_add_fetch(p, n, __ATOMIC_ACQ_REL);
}
/// FUTEX_WAIT on shared memory while *p == expected. `nanoseconds` < 0: without limit.
/// 0 if woken or if the value differs, else errno (ETIMEDOUT, EINTR).
int duct_wait32(const uint32_t *p, uint32_t expected, int64_t nanoseconds);
/// FUTEX_WAKE of all waiters.
void duct_wake32(const uint32_t *p);

static inline void duct_store64(uint64_t *p, uint64_t n) { __atomic_store_n(p, n, __ATOMIC_RELEASE); }

/// A store that is ordered before a later `duct_load64_after`. Two threads or processes that each store a value and
/// then load the other's cannot both miss the other's store (a full fence).
static inline void duct_store64_first(uint64_t *p, uint64_t n) { __atomic_store_n(p, n, __ATOMIC_SEQ_CST); }
static inline uint64_t duct_load64_after(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
/// Raises the value to `n`, atomically if others raise it at the same time. True if it was lower.
static inline bool duct_raise64(uint64_t *p, uint64_t n) {
  uint64_t old = __atomic_load_n(p, __ATOMIC_SEQ_CST);
  while (old < n) {
    if (__atomic_compare_exchange_n(p, &old, n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return true;
  }
  return false;
}

/// The stores of a stream: its log file, a file in the spool, memory.
#define DUCT_RELAY_STORES 3
/// The start of a store that holds nothing yet.
#define DUCT_RELAY_UNUSED UINT64_MAX
/// How many ranges a list remembers. The simulator is compiled with fewer, so that it reaches the limit.
#ifndef DUCT_RELAY_RANGES
#define DUCT_RELAY_RANGES 64
#endif
/// The same number for Swift, which does not see the macro given on the compiler's command line.
enum { DUCT_RELAY_RANGE_COUNT = DUCT_RELAY_RANGES };
/// Remembered files in the log directory: stdout, stderr, usage.jsonl, info.json.
#define DUCT_RELAY_TARGETS 4

/// Bytes `start` to `end` of a stream, in whose place a mark stands in the log file.
struct duct_relay_range {
  uint64_t start;
  uint64_t end;
  int64_t shift;  ///< position in the log file minus stream offset, from the ranges before this one
};

/// The oldest ranges of a list and the bytes between them, merged to make room: only the ends are known.
struct duct_relay_merged {
  uint64_t start;
  uint64_t end;
  int64_t shift;    ///< as in duct_relay_range, for the first byte
  uint64_t length;  ///< bytes that it takes in the log file
  uint64_t first;   ///< the number of the first range that is not merged
};

/// A list of ranges in ascending order. Range n is at index n modulo DUCT_RELAY_RANGES.
struct duct_relay_ranges {
  uint64_t merges;  ///< number of merges so far; if it is not 0, merged[merges % 2] is valid
  uint64_t count;   ///< all ranges ever added
  struct duct_relay_merged merged[2];
  struct duct_relay_range items[DUCT_RELAY_RANGES];
};

/// The state of one stream. Offsets are bytes from the start of the run, with written >= claimed >= proven >=
/// released.
struct duct_relay_stream {
  uint64_t written;    ///< bytes read from the pipe: each is in a store or was dropped (set by the relay)
  uint64_t claimed;    ///< bytes handed to delivery: the relay does not drop them (set by delivery)
  uint64_t proven;     ///< bytes that an fsync in the log directory has covered (set by delivery)
  uint64_t released;   ///< bytes that no store holds any longer; never shrinks (raised by relay and delivery)
  uint64_t needed;     ///< first byte that duct still has to echo (set by duct); UINT64_MAX: none
  uint64_t starts[DUCT_RELAY_STORES];  ///< the offset of the first byte in each store
  struct duct_relay_ranges dropped;    ///< bytes dropped for lack of space (set by the relay)
  struct duct_relay_ranges unreadable; ///< bytes that a store has lost (set by delivery)
  uint32_t is_dropping; ///< 1 while bytes are dropped: the end of the last dropped range still moves
  uint32_t stop_dropping; ///< delivery asks the relay to fix that end
  uint32_t leave_log;   ///< duct asks the relay to leave the log file, because it is not ours any longer
  uint32_t error;       ///< errno for which the relay last left a store, 0 while all is well
  uint32_t ended;       ///< 1 after end of file on the pipe
};

/// Identity of a file that duct wrote in the log directory.
struct duct_relay_identity {
  uint64_t device, inode, size;
  int64_t birth_seconds, birth_nanoseconds, modification_seconds, modification_nanoseconds;
  uint32_t name;        ///< 0: its own name; n: the nth alternative name
  uint32_t link;        ///< n: it also has the temporary name n - 1; 0: it has none
  int32_t handle_type;
  uint32_t handle_size;
  uint8_t handle[DUCT_HANDLE_SIZE];
};

/// The remembered identities of a file in the log directory, for the process that continues to write it.
struct duct_relay_target {
  struct duct_relay_identity identities[2];
  uint32_t valid;       ///< which of the two are valid: see RelayStatus+Targets.swift
};

/// The page that duct, relay and carrier share. The spool has a copy, which `con-duct recover` reads.
///
/// The field that makes a value valid follows the value. One write puts both into the copy, so an incomplete write
/// leaves only a value that is not yet valid.
struct duct_relay_status {
  uint32_t version;
  uint32_t sequence;        ///< grows with every change; waiters wait on this word
  uint32_t sync_requested;  ///< duct asks the relay to read all that is in the pipes: number of requests
  uint32_t sync_done;       ///< the last such request that the relay has completed
  uint64_t spool_limit;     ///< bytes that the stores of a run may take on disk; 0: no limit
  uint64_t memory_limit;    ///< bytes that they may take in memory
  uint64_t command_start;   ///< ticks from boot to the start of the command: identifies it together with its pid
  uint32_t command_pid;     ///< 0: not yet started
  uint32_t ending;          ///< how duct has ended, see RelayStatus.Ending
  uint64_t command_end;     ///< milliseconds since 1970, if the relay saw it; else 0
  struct duct_relay_stream streams[2];
  struct duct_relay_target targets[DUCT_RELAY_TARGETS];
};

/// pidfd_open(2). A descriptor, or -1.
int duct_open_process(pid_t pid);

// --- this process --------------------------------------------------------------------------------

/// argv of main, obtained without /proc.
char **duct_arguments(void);
/// The path that execve(2) was called with: AT_EXECFN of getauxval(3). NULL if not known.
const char *duct_executed_path(void);

// --- /proc -----------------------------------------------------------------------------------------

/// Opens PID/NAME below an open /proc for reading. Returns a descriptor, or -1.
int duct_open_process_file(int proc, pid_t pid, const char *name);
/// Whether an open file belongs to the kernel's /proc, and not to something mounted over it. See fstatfs(2).
bool duct_is_of_proc(int fd);
/// getdents64(2): reads the next entries of an open directory. Returns bytes, 0 at the end, or -1.
ssize_t duct_list_directory(int directory, void *buffer, size_t size);
/// Nanoseconds of CPU time that all threads of a process have used, from its CPU clock (see
/// clock_getcpuclockid(3)). Does not include children. -1 if there is no such process.
int64_t duct_process_cpu(pid_t pid);
/// sched_getaffinity(2) for any mask size: sets the bits of the processors that a process may run on. Returns the
/// bytes written to `mask`, or -1.
int duct_allowed_processors(pid_t pid, void *mask, size_t size);

// --- text ----------------------------------------------------------------------------------------

/// Formats a double with printf's %.*f, %.*e, %.*g, %.*F ...; `conversion` is the letter. Returns the length as
/// snprintf does.
int duct_format_double(char *buffer, size_t size, char conversion, bool alternate, int precision,
                       double value);

/// Whether `bytes` contain `text` (memmem).
bool duct_contains(const void *bytes, size_t count, const void *text, size_t text_count);

#endif
