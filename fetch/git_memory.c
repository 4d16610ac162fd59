/*
 * The allocator of libgit2 (git2/sys/alloc.h) with a limit: what asks for more gets
 * nothing, and the library fails with the words below.
 */
#include "fetch/git_memory.h"

#include "base/mem.h"
#include "fetch/git_pack.h"

#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdlib.h>
#include <string.h>

/* later versions have other members */
#if LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR <= 5

#define MOST ((size_t)GIT_BLOB_LIMIT + ((size_t)1 << 20))

static bool too_much(size_t count, size_t size)
{
	if (!mul_overflows(count, size) && count * size <= MOST)
		return false;
	git_error_set_str(GIT_ERROR_NOMEMORY,
			  "an object is larger than any may be");
	return true;
}

static void *get(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return too_much(n, 1) ? NULL : xmalloc(n);
}

static void *get_zeroed(size_t count, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return too_much(count, size) ? NULL : xcalloc(count, size);
}

static void *get_array(size_t count, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return too_much(count, size) ? NULL : xmalloc(count * size);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return too_much(n, 1) ? NULL : xrealloc(p, n);
}

static void *resize_array(void *p, size_t count, size_t size, const char *file,
			  int line)
{
	(void)file;
	(void)line;
	return too_much(count, size) ? NULL : xrealloc(p, count * size);
}

static char *copy(const char *s, const char *file, int line)
{
	(void)file;
	(void)line;
	return xstrdup(s);
}

static char *copy_most(const char *s, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return xstrndup(s, n);
}

static char *copy_bytes(const char *s, size_t n, const char *file, int line)
{
	char *out;

	(void)file;
	(void)line;
	if (too_much(n, 1))
		return NULL;
	out = xmalloc(n + 1);
	memcpy(out, s, n);
	out[n] = '\0';
	return out;
}

static void put(void *p)
{
	free(p);
}

void git_memory_bound(void)
{
	git_allocator bounded = { .gmalloc = get,
				  .gcalloc = get_zeroed,
				  .gstrdup = copy,
				  .gstrndup = copy_most,
				  .gsubstrdup = copy_bytes,
				  .grealloc = resize,
				  .greallocarray = resize_array,
				  .gmallocarray = get_array,
				  .gfree = put };

	git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &bounded);
}

#else

void git_memory_bound(void)
{
}

#endif
