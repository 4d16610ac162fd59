/* What a file is by its first bytes, for messages that help. Pure. */
#ifndef ITTS_SNIFF_H
#define ITTS_SNIFF_H

#include <stddef.h>

#define SNIFF_BYTES 512 /* that are enough */

enum sniff_kind {
	SNIFF_UNKNOWN,
	SNIFF_EMPTY,
	SNIFF_BUNDLE,
	SNIFF_COMPRESSED,
	SNIFF_ARCHIVE, /* tar or zip: maybe a Hub cache */
	SNIFF_WRONG,   /* surely something else */
};

/* *what: static text such as "a zip archive". */
enum sniff_kind sniff(const void *head, size_t len, const char **what);

#endif
