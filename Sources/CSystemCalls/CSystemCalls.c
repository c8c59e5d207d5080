#define _GNU_SOURCE
#include "CSystemCalls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// --- memory ------------------------------------------------------------------------------------

void duct_share_heap(void) {
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, 1);
#endif
}

static int release_pages(struct dl_phdr_info *object, size_t size, void *argument) {
  (void)size;
  (void)argument;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    // The loader has changed what can be written, and MADV_DONTNEED would lose that.
    if (part->p_type != PT_LOAD || (part->p_flags & PF_W)) continue;
    uintptr_t start = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
    uintptr_t end = object->dlpi_addr + part->p_vaddr + part->p_filesz;
    madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

void duct_release_program_pages(void) { dl_iterate_phdr(release_pages, NULL); }

// --- memory shared by two processes --------------------------------------------------------------

int duct_wait32(const uint32_t *p, uint32_t expected, int64_t nanoseconds) {
  struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  long result = syscall(SYS_futex, p, FUTEX_WAIT, expected, nanoseconds < 0 ? NULL : &limit, NULL, 0);
  if (result == 0 || errno == EAGAIN) return 0;
  return errno;
}

void duct_wake32(const uint32_t *p) { syscall(SYS_futex, p, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

// --- /proc -----------------------------------------------------------------------------------------

int duct_open_process_file(int proc, pid_t pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "%d/%s", (int)pid, name);
  return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

bool duct_is_of_proc(int fd) {
  struct statfs system;
  return fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

ssize_t duct_list_directory(int directory, void *buffer, size_t size) {
  return syscall(SYS_getdents64, directory, buffer, size);
}

int64_t duct_process_cpu(pid_t pid) {
  // The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), computed here to save a call of
  // clock_getcpuclockid(3).
  clockid_t clock = (~(clockid_t)pid << 3) | 2;
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) return -1;
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int duct_allowed_processors(pid_t pid, void *mask, size_t size) {
  return (int)syscall(SYS_sched_getaffinity, pid, size, mask);
}

// --- text ----------------------------------------------------------------------------------------

int duct_format_double(char *buffer, size_t size, char conversion, bool alternate, int precision,
                       double value) {
  char format[8] = {'%', 0};
  int at = 1;
  if (alternate) format[at++] = '#';
  format[at++] = '.';
  format[at++] = '*';
  format[at++] = conversion;
  format[at] = 0;
  return snprintf(buffer, size, format, precision, value);
}

bool duct_contains(const void *bytes, size_t count, const void *text, size_t text_count) {
  return memmem(bytes, count, text, text_count) != NULL;
}
