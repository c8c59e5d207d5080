// Reads small files that may be on a file system that hangs.
#ifndef ASIDE_READING_H
#define ASIDE_READING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Metadata of a file, read before its contents.
struct duct_file_head {
  int32_t error; ///< errno, or 0
  uint32_t mode;
  uint32_t owner;
  uint32_t group;
  int64_t size;
};

/// Opens a regular file for reading. Never waits for the writer of a FIFO, and never opens a device.
///
/// Returns a descriptor, or -1 with the reason in `head`: an `error`, or 0 and a `mode` that shows another type of
/// file.
int duct_open_regular(const char *path, struct duct_file_head *head);

/// Reads files one after another in a separate process, which sends them through a pipe.
///
/// For each file it sends a `duct_file_head`. If that describes a regular file of at most `limit` bytes, the
/// contents follow in pieces. Before each piece it sends an int32_t: the length of the piece, 0 at the end, or a
/// negated errno.
///
/// A thread would not do: a thread that waits in a FUSE file system cannot be ended, so its process cannot end
/// either. The separate process is not the caller's child and holds no descriptor of the caller. An alarm ends it
/// after one second, unless it hangs in a wait that signals cannot interrupt.
///
/// Returns the read end of the pipe, or -1 with errno.
int duct_read_aside(const char *const *paths, size_t count, int64_t limit);

#endif
