/* Memory. Running out of it ends the program with status 70. */
#ifndef ITTS_MEM_H
#define ITTS_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* All return memory that the caller frees with free(). */
void *xmalloc(size_t n) NEVER_NULL;
void *xcalloc(size_t n, size_t size) NEVER_NULL; /* checks n * size */
void *xrealloc(void *p, size_t n) NEVER_NULL;
char *xstrdup(const char *s) NEVER_NULL;
char *xstrndup(const char *s, size_t n) NEVER_NULL;
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) NEVER_NULL;
char *xvasprintf(const char *fmt, va_list args) PRINTF_LIKE(1, 0) NEVER_NULL;

/* Makes room for need elements of size bytes; returns the (moved) array and
 * updates *cap. New elements are zeroed. */
void *xgrow(void *array, size_t *cap, size_t need, size_t size);

/* Many small pieces that are freed all at once, without what malloc() keeps beside
 * each. All zero: empty. What moves it in memory takes it over. */
struct arena_block;
struct arena {
	struct arena_block *last;
};
/* align: as pointers need it; strings do not. */
void *arena_alloc(struct arena *a, size_t size, bool align) NEVER_NULL;
char *arena_strdup(struct arena *a, const char *s) NEVER_NULL;
void arena_release(struct arena *a); /* CLEANUP */

/* CLEANUP functions: take the address of the variable, keep errno. */
void free_ptr(void *pptr); /* char *p CLEANUP(free_ptr) = NULL; */
void close_fd(int *fd);	   /* int fd CLEANUP(close_fd) = -1; ignores -1 */

/* Hand over: returns the value and leaves NULL / -1 behind. */
#define take_ptr(p)                            \
	({                                     \
		__typeof__(p) take_tmp_ = (p); \
		(p) = NULL;                    \
		take_tmp_;                     \
	})
int take_fd(int *fd);

bool mul_overflows(size_t a, size_t b);

#endif
