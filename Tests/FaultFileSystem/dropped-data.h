// Data of writes that were answered with success but are not in the backing file: the rule `drop`.
//
// The caller of a function holds the lock `data` of the inode, unless the function says otherwise.

#ifndef DROPPED_DATA_H
#define DROPPED_DATA_H

#include "handles.h"

// Drops the data of a write, as the verdict says. Returns 0 or an errno.
int drop(const struct handle *handle, const char *data, size_t size, off_t start, const struct verdict *verdict);

// Removes a range from the pending data, because it has been overwritten or truncated since.
void cut(struct inode *inode, off_t start, off_t end);

// Copies pending data over what was read from the backing file.
void overlay(const struct inode *inode, char *buffer, size_t size, off_t start);

// If this operation reports the error of dropped writes: returns that error and loses their data. Takes the lock
// itself.
int settle(struct inode *inode, enum operation operation);

// Frees the pending data.
void free_extents(struct inode *inode);

#endif
