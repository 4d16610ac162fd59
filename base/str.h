/* A growable string: ptr is never NULL and always terminated. */
#ifndef ITTS_STR_H
#define ITTS_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct str {
	char *ptr;
	size_t len, cap;
};

extern const char str_empty_[1]; /* stands for "no memory yet", never written */
#define STR_INIT                          \
	{                                 \
		.ptr = (char *)str_empty_ \
	}

void str_release(struct str *s); /* CLEANUP; s is empty and usable again */
void str_clear(struct str *s);	 /* keeps the memory */
void str_add(struct str *s, const void *p, size_t len);
void str_adds(struct str *s, const char *text);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_fill(struct str *s, char c, size_t count);
void str_add_sh(struct str *out, const char *s); /* quoted for a POSIX shell */
void str_reserve(struct str *s, size_t more);	 /* so that it grows once */
void str_truncate(struct str *s, size_t len);
char *str_detach(struct str *s); /* caller frees; s is empty again */

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Decimal digits at the beginning of s (none: 0; too many: UINT64_MAX). Returns
 * where they end. */
const char *str_digits(const char *s, uint64_t *value);

/* A list of strings that it owns. */
struct strlist {
	char **items;
	size_t count, cap;
};
void strlist_add(struct strlist *l, const char *s); /* copies */
void strlist_take(struct strlist *l, char *s);	    /* takes */
bool strlist_has(const struct strlist *l, const char *s);
void strlist_sort(struct strlist *l); /* by bytes */
/* As strlist_has(), of a list that is sorted. */
bool strlist_sorted_has(const struct strlist *l, const char *s);
void strlist_copy(struct strlist *to, const struct strlist *from);
void strlist_release(struct strlist *l); /* CLEANUP */

#endif
