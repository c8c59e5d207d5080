// Small files that may lie on a file system that hangs.
#ifndef ASIDE_READING_H
#define ASIDE_READING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What is found out of a file before it is read.
struct duct_file_head {
  int32_t error; ///< errno, or 0
  uint32_t mode;
  uint32_t owner;
  uint32_t group;
  int64_t size;
};

/// Opens a regular file for reading, never waiting for a writer of a FIFO, and never opening a device.
///
/// Returns a descriptor, or -1 with the reason in `head`: its `error`, or 0 there and a `mode` of another kind
/// of file.
int duct_open_regular(const char *path, struct duct_file_head *head);

/// Reads files in a process of its own, one after another, and sends them through a pipe: of each a `duct_file_head`,
/// and where that tells of a regular file of at most `limit` bytes, its pieces: an int32_t before each, which is
/// their length, 0 at the end, or an errno made negative.
///
/// A thread would not do: one that waits in a FUSE file system cannot be ended, and its process neither. The
/// process is nobody's child, holds no descriptor of the caller, and ends by itself after a second if anything
/// but a signal-proof wait holds it up.
///
/// Returns the pipe's end to read from, or -1 with errno.
int duct_read_aside(const char *const *paths, size_t count, int64_t limit);

#endif
