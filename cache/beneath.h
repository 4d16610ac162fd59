/* Opening what lies below a directory, through the symbolic links that a Hub
 * cache is made of, but never out of it. */
#ifndef ITTS_BENEATH_H
#define ITTS_BENEATH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/attr.h"

/* What was found at a path. errno says more about BENEATH_FAILED. */
enum beneath {
	BENEATH_FILE, /* a regular file */
	BENEATH_DIR,
	BENEATH_OTHER,	 /* a device, socket, pipe */
	BENEATH_MISSING, /* nothing */
	BENEATH_NOWHERE, /* a link that leads to nothing, or in circles */
	BENEATH_OUT,	 /* a link that leads out of the directory */
	BENEATH_FAILED,
};

/* Looks, opening nothing. */
enum beneath beneath_stat(int dirfd, const char *path, struct stat *st);
/* *fd (for reading) and *st are set for BENEATH_FILE only; caller closes. */
enum beneath beneath_open(int dirfd, const char *path, int *fd,
			  struct stat *st);
/* A directory, for reading; -1 with errno. Caller closes. */
int beneath_open_dir(int dirfd, const char *path);
/* For messages: "leads out of the cache", ... */
const char *beneath_text(enum beneath b);

#endif
