/* Looking at files of others: never blocks, follows links, changes nothing. */
#ifndef ITTS_LOOK_H
#define ITTS_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/str.h"

enum look {
	LOOK_MISSING,
	LOOK_FILE,
	LOOK_DIR,
	LOOK_DANGLING, /* a link that leads nowhere */
	LOOK_OTHER,    /* a device, pipe, socket */
	LOOK_DENIED,   /* errno says why */
};
/* st may be NULL. */
enum look look_at(const char *path, struct stat *st);
bool look_is_file(const char *path);
bool look_is_dir(const char *path);
/* A regular file for reading, *size its bytes; -1 if it is none. Caller closes. */
int look_open(const char *path, uint64_t *size);
/* The first limit bytes of a file (of /proc too) appended to out; false if it cannot
 * be read. */
bool look_read(const char *path, size_t limit, struct str *out);
/* look_read() of a text of one line without its newline; false if it is empty. */
bool look_line(const char *path, struct str *out);
/* Names in a directory but "." and "..", sorted, at most limit; false: no directory. */
bool look_list(const char *path, size_t limit, struct strlist *out);
/* Could this user create a file there? */
bool look_writable(const char *path);

#endif
