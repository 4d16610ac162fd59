/* Text for people: columns, lines, near words, quoting. Pure. */
#ifndef ITTS_TEXT_H
#define ITTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Appends s with everything that could steer a terminal or hide text (control
 * bytes but newline, bidi overrides, broken UTF-8) replaced by '?'. */
void text_clean(struct str *out, const char *s, size_t len);

size_t text_columns(const char *s); /* on a terminal; s is clean */
/* Appends s in exactly n columns: filled with spaces or cut, with "..." in the
 * middle so that the end of a path stays. */
void text_fit(struct str *out, const char *s, size_t n);

/* Columns of a terminal; 0: it is none, or does not say. */
size_t text_terminal(int fd);

/* Appends text broken into lines of at most width columns, each with indent
 * spaces in front. A newline in it begins a new paragraph line; "\n\n" leaves an
 * empty line. The first line begins at column `at` (already indented that far). */
void text_wrap(struct str *out, const char *text, size_t indent, size_t width,
	       size_t at);

/* One word of a POSIX shell; as it is where that is safe. */
void quote_sh(struct str *out, const char *s);
void quote_fish(struct str *out, const char *s);
/* A whole "NAME=VALUE" for systemd's Environment=. */
void quote_systemd(struct str *out, const char *name, const char *value);

#endif
