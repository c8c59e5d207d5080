// The inodes that the kernel knows, and the names under which they were last found. See inodes.c.

#ifndef INODES_H
#define INODES_H

#include "rules.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct inode {
    struct inode *next;        // in its bucket
    dev_t device;
    ino_t number;
    int fd;                    // O_PATH
    uint64_t references;       // from the kernel, one for each handle, and one while pending_error is set
    char *path;                // inside the mount: the name by which it was last found
    pthread_mutex_t data;      // orders writes and reads, and protects the members below
    struct extent *pending;    // disjoint: see dropped-data.c
    int pending_error;         // 0: nothing is pending
    unsigned pending_at;       // the operations that report the error, as bits
};

// Returns its argument, the result of an allocation. Aborts if that is NULL.
void *needed(void *memory);

struct inode *to_inode(fuse_ino_t number);

// A copy of the inode's path, which the caller frees.
char *path_of(const struct inode *inode);

// The path of a name in a directory, which the caller frees.
char *path_under(fuse_ino_t parent, const char *name);

// Reads the attributes of the file in the backing directory. Returns 0 or an errno.
int attributes(const struct inode *inode, struct stat *status);

// Adds a reference to an inode.
void retain(struct inode *inode);

// Removes references. The inode is freed with its last one.
void let_go(struct inode *inode, uint64_t references);

// Finds a name in a directory for the kernel, which gets one more reference to the inode. Returns 0 or an errno.
int enter(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry);

// Updates the paths of a renamed file and of all below it. The replaced file keeps its path, since it has no other
// name.
void follow_rename(const char *from, const char *to, const struct stat *moved, bool exchanged);

// Opens an inode again, even if its names have changed or are gone.
int open_inode(const struct inode *inode, int flags);

// Opens the backing directory. Returns 0 or an errno.
int inodes_start(const char *backing);

// Opens a file of the backing directory by its path. Returns a descriptor, or -1 with errno set.
int open_backing(const char *path, int flags);

// The inode of a file of the backing directory, with one more reference, or NULL if the kernel does not know it.
struct inode *find_retained(const struct stat *status);

// Closes all inodes, whatever references they have.
void inodes_end(void);

#endif
