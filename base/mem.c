#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

NORETURN static void out_of_memory(void)
{
	static const char text[] = "itts-pack: out of memory\n";

	/* nothing is left to do if this fails too */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(70);
	_exit(70);
}

static void *checked(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

bool mul_overflows(size_t a, size_t b)
{
	size_t product;

	return __builtin_mul_overflow(a, b, &product);
}

void *xmalloc(size_t n)
{
	return checked(malloc(n ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
	return checked(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return checked(strndup(s, n));
}

char *xvasprintf(const char *fmt, va_list args)
{
	char *text = NULL;

	return checked(vasprintf(&text, fmt, args) < 0 ? NULL : text);
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	return text;
}

void *xgrow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t room = *cap > SIZE_MAX / 2 ? SIZE_MAX : *cap * 2;

	if (need <= *cap)
		return array;
	if (room < need)
		room = need;
	if (room < 8)
		room = 8;
	if (mul_overflows(room, size))
		out_of_memory();
	array = xrealloc(array, room * size);
	memset((char *)array + *cap * size, 0, (room - *cap) * size);
	*cap = room;
	return array;
}

/* --- arena --------------------------------------------------------------- */

#define BLOCK_SIZE ((size_t)64 << 10)

struct arena_block {
	struct arena_block *before;
	size_t used, size; /* of bytes */
	_Alignas(void *) char bytes[];
};

/* Where a piece would begin. */
static size_t place_in(const struct arena_block *b, bool align)
{
	size_t mask = align ? sizeof(void *) - 1 : 0;

	return (b->used + mask) & ~mask;
}

void *arena_alloc(struct arena *a, size_t size, bool align)
{
	struct arena_block *b = a->last;
	size_t at = b ? place_in(b, align) : 0;

	if (!b || at > b->size || size > b->size - at) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		b = xmalloc(sizeof(*b) + room);
		*b = (struct arena_block){ .before = a->last, .size = room };
		a->last = b;
		at = 0;
	}
	b->used = at + size;
	return b->bytes + at;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(arena_alloc(a, size, false), s, size);
}

void arena_release(struct arena *a)
{
	while (a->last) {
		struct arena_block *b = a->last;

		a->last = b->before;
		free(b);
	}
}

/* ------------------------------------------------------------------------- */

void free_ptr(void *pptr)
{
	void **p = pptr;
	int saved = errno;

	free(*p);
	*p = NULL;
	errno = saved;
}

void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int take_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}
