/* UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF). */
#ifndef ITTS_UTF8_H
#define ITTS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const char *s, size_t len);
/* Bytes (1..4) of the character that s begins with, 0 if they are not UTF-8. */
size_t utf8_decode(const char *s, size_t len, uint32_t *cp);
/* Writes cp's bytes (no NUL) and returns how many. */
size_t utf8_encode(uint32_t cp, char out[4]);
/* Would cp do something to a terminal or to the reading order of a line?
 * Controls (C0, DEL, C1), line separators, bidirectional marks and overrides. */
bool utf8_is_control(uint32_t cp);
/* In place: such characters and bytes that are not UTF-8 become '?'. */
void utf8_make_printable(char *s);

#endif
