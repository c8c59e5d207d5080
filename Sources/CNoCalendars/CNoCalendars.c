// Stands in for ICU's tables (names of languages, calendars, currencies: 34 MB) in a static build of duct-template.
//
// swift-mustache uses a lock of Foundation, and Foundation links ICU with its tables. Nothing in duct-template asks ICU for
// anything, so the linker finds this first: an empty table, which ICU refuses to open. The name contains ICU's version. If
// another toolchain has another one, the real tables are linked, and the program is only larger. In a dynamic build, ICU is
// in a library of its own and does not see this.

#include "CNoCalendars.h"
#include <stdint.h>

__attribute__((visibility("hidden"), aligned(16))) const uint8_t icudt76_dat[32] = {0};
