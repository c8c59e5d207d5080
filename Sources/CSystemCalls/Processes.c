#define _GNU_SOURCE
#include "CSystemCalls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child's descriptors are set in order, so an earlier dup2 or close can overwrite a source that a later one
// needs. Such a source is first duplicated to a number above the targets. Only these sources are duplicated, to the
// lowest such numbers, because the user's limit on descriptors may be low. Every source is close-on-exec; dup2
// clears that flag for the target only, even if source and target are the same.
int duct_spawn(const struct duct_spawn_request *request, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int moved[64];
  int moved_count = 0;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }

  for (int i = 0; error == 0 && i < request->descriptor_count; i++) {
    int source = request->descriptors[i];
    if (source == DUCT_SPAWN_INHERIT) continue;
    if (source == DUCT_SPAWN_CLOSED) {
      error = posix_spawn_file_actions_addclose(&actions, i);
      continue;
    }
    if (source < i) {
      if (moved_count == (int)(sizeof moved / sizeof *moved)) {
        error = E2BIG;
        break;
      }
      source = fcntl(source, F_DUPFD_CLOEXEC, request->descriptor_count);
      if (source < 0) {
        error = errno;
        break;
      }
      moved[moved_count++] = source;
    }
    error = posix_spawn_file_actions_adddup2(&actions, source, i);
  }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  if (error == 0 && request->close_others)
    error = posix_spawn_file_actions_addclosefrom_np(&actions, request->descriptor_count);
#endif

  short flags = POSIX_SPAWN_SETSIGMASK;
  if (request->new_session) flags |= POSIX_SPAWN_SETSID;
  if (error == 0) error = posix_spawnattr_setflags(&attributes, flags);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, request->mask);
  if (error == 0) {
    error = request->search_path
                ? posix_spawnp(pid, request->path, &actions, &attributes, request->argv, request->envp)
                : posix_spawn(pid, request->path, &actions, &attributes, request->argv, request->envp);
  }
  for (int i = 0; i < moved_count; i++) close(moved[i]);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

int duct_open_process(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int duct_set_subreaper(bool on) { return prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); }

void duct_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int duct_reap(pid_t pid, struct duct_child *child) {
  int status = 0;
  pid_t got;
  do {
    got = wait4(pid, &status, WNOHANG, &child->usage);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return (int)got;
  child->pid = got;
  if (WIFSIGNALED(status)) {
    child->code = WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
    child->status = WTERMSIG(status);
  } else {
    child->code = CLD_EXITED;
    child->status = WEXITSTATUS(status);
  }
  return 1;
}

int duct_has_ended(pid_t pid) {
  siginfo_t info;
  info.si_pid = 0;
  if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD ? -1 : 0;
  return info.si_pid == pid;
}

pid_t duct_next_ended(void) {
  siginfo_t info;
  info.si_pid = 0;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

char **duct_environment(void) { return environ; }

// --- this process --------------------------------------------------------------------------------

static char **arguments;

// glibc passes argc, argv and envp to constructors, which run before main, also in static programs.
__attribute__((constructor)) static void keep_arguments(int argc, char **argv, char **envp) {
  (void)argc;
  (void)envp;
  arguments = argv;
}

char **duct_arguments(void) { return arguments; }

const char *duct_executed_path(void) { return (const char *)getauxval(AT_EXECFN); }

// The processor on which a process runs, or ran last, from /proc/PID/stat. -1 if it is not known.
static int processor_of(pid_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  if (length <= 0) return -1;
  text[length] = 0;
  // The name ends with the last parenthesis. The processor is the 37th field behind it, see proc(5).
  const char *field = strrchr(text, ')');
  for (int i = 0; field && i < 37; i++) field = strchr(field + 1, ' ');
  return field ? (int)strtol(field + 1, NULL, 10) : -1;
}

// The next processor that this process may use. `processor` itself if there is no other one.
static int next_processor(int processor) {
  cpu_set_t allowed;
  if (processor < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return processor;
  for (int i = 1; i < CPU_SETSIZE; i++) {
    int next = (processor + i) % CPU_SETSIZE;
    if (CPU_ISSET(next, &allowed)) return next;
  }
  return processor;
}

// In C and in one piece: after duct_release_program_pages, each other part of the program would have to be mapped first.
_Noreturn void duct_exit_at_once(pid_t other) {
  int processor = sched_getcpu();
  if (processor == processor_of(other)) processor = next_processor(processor);
  int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (processor >= 0 && processor < CPU_SETSIZE && folder >= 0) {
    cpu_set_t there;
    CPU_ZERO(&there);
    CPU_SET(processor, &there);
    char entries[4096] __attribute__((aligned(8)));
    ssize_t length = duct_list_directory(folder, entries, sizeof entries);
    for (ssize_t at = 0; at < length;) {
      const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
      at += entry->d_reclen;
      pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
      if (thread > 0) sched_setaffinity(thread, sizeof there, &there);
    }
  }
  _exit(0);
}
