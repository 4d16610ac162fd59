/* Which files other processes hold open or mapped. */
#ifndef ITTS_INUSE_H
#define ITTS_INUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inuse_entry {
	uint64_t dev, ino;
	pid_t pid;
};

struct inuse {
	struct inuse_entry *entries; /* sorted */
	size_t count, cap;
	bool blind; /* some processes could not be looked into */
};
void inuse_release(struct inuse *u); /* CLEANUP */
/* Reads /proc: all that is open or mapped now, but by this process. */
void inuse_read(struct inuse *out);
/* Who has it; 0: nobody that can be seen. */
pid_t inuse_by(const struct inuse *u, uint64_t dev, uint64_t ino);

/* One line of /proc/PID/maps: the inode, 0 if no file is mapped. */
uint64_t inuse_maps_inode(const char *line);

#endif
