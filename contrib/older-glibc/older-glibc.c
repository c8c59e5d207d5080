// Two functions that are new in glibc 2.35, so that a release build runs with glibc 2.34 (RHEL 9) as well.
//
// The static libraries that go into the executables ask for them: hypotf (Swift's Glibc module; nobody calls it), and
// _dl_find_object, by which the unwinder in libgcc_eh finds the tables of the code it stands in (glibc 2.34 has
// dl_iterate_phdr for that, which is slower). They are the executable's alone: libraries go on using glibc's.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define OWN __attribute__((visibility("hidden")))

/// The sum of two squares of floats is exact enough in a double, and never too large for one.
OWN float hypotf(float x, float y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return (float)__builtin_sqrt((double)x * x + (double)y * y);
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

/// As glibc's: 0, or -1 where no object with tables holds the address. The link map is not told; libgcc does not ask.
OWN int _dl_find_object(void *address, struct dl_find_object *found) {
  struct search search = {(uintptr_t)address, found};
  return dl_iterate_phdr(look, &search) == 1 ? 0 : -1;
}

#endif
