/* A cache directory that one run makes and finds no use for is taken away again: a
 * fetch or an install that is refused leaves the disk as it was. */
#ifndef ITTS_FRESH_H
#define ITTS_FRESH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"

struct fresh {
	bool made;	/* the directory was not there */
	unsigned above; /* so many directories above it were not there either */
	dev_t dev;	/* what was there is this one */
	ino_t ino;
};

/* Makes the directory and those above it, opens it and says, by a shared flock()
 * for as long as it is open, that nobody takes it away. Caller closes *out. */
int fresh_open(struct fresh *f, const char *root, int *out, struct error *err)
	MUST_CHECK;
/* Before fd is closed, behind traces_end(). root: its real path. Takes away what
 * fresh_open() made, if nothing is in it but what every cache has and nobody else has
 * it open so. */
void fresh_end(const struct fresh *f, const char *root, int fd);

#endif
