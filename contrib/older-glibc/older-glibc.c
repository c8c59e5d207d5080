// Three functions that glibc has only since 2.35, or of which it has a new version since then. With them, a release build
// also runs with glibc 2.34 (RHEL 9).
//
// The static libraries in the executables need them: hypot and hypotf (in Swift's Glibc module; never called), and
// _dl_find_object, which the unwinder in libgcc_eh calls to find the tables of the code at an address (on glibc
// 2.34, dl_iterate_phdr does the same, but slower). They are visible only within the executable: shared libraries
// continue to use glibc's. They are weak, because the relay is linked with all of glibc, which has them, too.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define OWN __attribute__((visibility("hidden"), weak))

/// A double holds the sum of the squares of two floats exactly enough, and it never overflows.
OWN float hypotf(float x, float y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return (float)__builtin_sqrt((double)x * x + (double)y * y);
}

/// The larger one is taken out of the root, so that the squares do not overflow.
OWN double hypot(double x, double y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  double larger = __builtin_fmax(__builtin_fabs(x), __builtin_fabs(y));
  double smaller = __builtin_fmin(__builtin_fabs(x), __builtin_fabs(y));
  if (isnan(x) || isnan(y) || larger == 0) return __builtin_fabs(x + y);
  return larger * __builtin_sqrt(1 + (smaller / larger) * (smaller / larger));
}

#if defined __x86_64__ && defined DLFO_EH_SEGMENT_TYPE

struct search {
  uintptr_t address;
  struct dl_find_object *found;
};

static int look(struct dl_phdr_info *object, size_t size, void *data) {
  (void)size;
  struct search *search = data;
  const void *tables = NULL;
  uintptr_t first = UINTPTR_MAX, end = 0;
  int contains = 0;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[i];
    uintptr_t start = object->dlpi_addr + part->p_vaddr;
    if (part->p_type == PT_GNU_EH_FRAME) tables = (const void *)start;
    if (part->p_type != PT_LOAD) continue;
    if (search->address >= start && search->address < start + part->p_memsz) contains = 1;
    if (start < first) first = start;
    if (start + part->p_memsz > end) end = start + part->p_memsz;
  }
  if (!contains) return 0;
  if (tables == NULL) return -1;
  search->found->dlfo_flags = 0;
  search->found->dlfo_map_start = (void *)first;
  search->found->dlfo_map_end = (void *)end;
  search->found->dlfo_link_map = NULL;
  search->found->dlfo_eh_frame = (void *)tables;
  return 1;
}

/// Like glibc's: 0, or -1 if no object with tables contains the address. Does not fill in the link map, which
/// libgcc does not read.
OWN int _dl_find_object(void *address, struct dl_find_object *found) {
  struct search search = {(uintptr_t)address, found};
  return dl_iterate_phdr(look, &search) == 1 ? 0 : -1;
}

#endif
