/*
 * Two passes. The first gives each name, and each directory that a name needs, a
 * number that names which cannot stand side by side have in common: there is
 * nothing more to do where no number is met twice, as is so for all names that
 * belong together, and 100,000 long names need not be held twice. The numbers have a
 * random base, so nobody can choose names that meet by number alone.
 *
 * The second judges, and it alone. Each name becomes a key: folded (base/path), with
 * '/' as the byte 1, the lowest of all that path_check() lets through. In the order
 * of these keys a name stands directly in front of those below it, so that one sort
 * and one look at the neighbours finds every conflict, whatever an attacker chose.
 */
#include "manifest/twins.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void twins_add(struct twins *t, const char *path)
{
	t->paths = xgrow(t->paths, &t->cap, t->count + 1, sizeof(*t->paths));
	t->paths[t->count++] = path;
}

void twins_release(struct twins *t)
{
	free_ptr(&t->paths);
	t->count = t->cap = 0;
}

/* --- does any number meet? ----------------------------------------------- */

/* Numbers are values of a polynomial whose coefficients are the bytes, modulo this
 * prime: two names of n bytes meet with a chance of n in 2^61. */
#define PRIME ((UINT64_C(1) << 61) - 1)

struct numbers {
	uint64_t base;
	uint64_t *slots; /* open addressing; 0: free */
	size_t mask;
};

static void numbers_release(struct numbers *n)
{
	free_ptr(&n->slots);
}

static void numbers_init(struct numbers *n, size_t count)
{
	size_t room = 16;

	while (room < 2 * count)
		room *= 2;
	n->slots = xcalloc(room, sizeof(*n->slots));
	n->mask = room - 1;
	n->base = ((uint64_t)clock_jitter() << 32 | clock_jitter()) % PRIME;
}

/* Never 0 for a name of at least one byte, but by chance. */
static uint64_t add_byte(const struct numbers *n, uint64_t number, char c)
{
	unsigned __int128 product = (unsigned __int128)number * n->base;

	uint64_t sum;

	product += (unsigned char)c;
	/* 2^61 is 1 */
	sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);
	return sum >= PRIME ? sum - PRIME : sum;
}

/* Where the number stands, or the free slot for it. */
static uint64_t *find(const struct numbers *n, uint64_t number)
{
	size_t i = number & n->mask;

	while (n->slots[i] && n->slots[i] != number)
		i = (i + 1) & n->mask;
	return &n->slots[i];
}

/* false: it was there. */
static bool put_name(struct numbers *n, const char *path)
{
	char *key CLEANUP(free_ptr) = path_fold(path);
	uint64_t number = 0, *slot;

	for (const char *p = key; *p; p++)
		number = add_byte(n, number, *p);
	slot = find(n, number);
	if (*slot || !number)
		return false;
	*slot = number;
	return true;
}

/* Is a directory above this path a name itself? */
static bool meets_above(const struct numbers *n, const char *path)
{
	char *key CLEANUP(free_ptr) = path_fold(path);
	uint64_t number = 0;

	for (const char *p = key; *p; p++) {
		if (*p == '/' && *find(n, number))
			return true;
		number = add_byte(n, number, *p);
	}
	return false;
}

/* Bytes of the directory that the path stands in. */
static size_t dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static bool may_meet(const struct twins *t)
{
	struct numbers n CLEANUP(numbers_release) = { 0 };
	const char *before = "";
	size_t before_len = 0;

	numbers_init(&n, t->count);
	for (size_t i = 0; i < t->count; i++)
		if (!put_name(&n, t->paths[i]))
			return true;
	for (size_t i = 0; i < t->count; i++) {
		size_t len = dir_len(t->paths[i]);

		/* most stand where the one before does */
		if (len == before_len && memcmp(before, t->paths[i], len) == 0)
			continue;
		if (meets_above(&n, t->paths[i]))
			return true;
		before = t->paths[i];
		before_len = len;
	}
	return false;
}

/* --- which two cannot stand side by side? -------------------------------- */

struct name {
	union {
		size_t offset; /* in keys, while names are added */
		const char *ptr;
	} key;
	const char *path;
};

struct judge {
	struct str keys;
	struct name *names;
	size_t count;
};

static void judge_release(struct judge *j)
{
	str_release(&j->keys);
	free_ptr(&j->names);
}

static void add_name(struct judge *j, const char *path)
{
	char *key CLEANUP(free_ptr) = path_fold(path);

	for (char *p = key; *p; p++)
		if (*p == '/')
			*p = '\1';
	j->names[j->count].key.offset = j->keys.len;
	j->names[j->count++].path = path;
	str_add(&j->keys, key, strlen(key) + 1);
}

static int compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = strcmp(x->key.ptr, y->key.ptr);

	/* a fixed order of equals, for the same message everywhere */
	return order ? order : strcmp(x->path, y->path);
}

static int check_pair(const struct name *a, const struct name *b,
		      struct error *err)
{
	size_t len = strlen(a->key.ptr);

	if (strncmp(a->key.ptr, b->key.ptr, len) != 0)
		return 0;
	if (strcmp(a->path, b->path) == 0)
		return err_set(err, ERR_FORMAT, "%s is there twice", a->path);
	if (b->key.ptr[len] == '\0')
		return err_set(err, ERR_FORMAT,
			       "%s and %s differ only by case or Unicode form",
			       a->path, b->path);
	if (b->key.ptr[len] == '\1')
		return err_set(err, ERR_FORMAT,
			       "%s stands where %s needs a directory", a->path,
			       b->path);
	return 0;
}

int twins_check(struct twins *t, struct error *err)
{
	struct judge j CLEANUP(judge_release) = { .keys = STR_INIT };

	if (!may_meet(t))
		return 0;
	j.names = xcalloc(t->count, sizeof(*j.names));
	for (size_t i = 0; i < t->count; i++)
		add_name(&j, t->paths[i]);
	for (size_t i = 0; i < j.count; i++)
		j.names[i].key.ptr = j.keys.ptr + j.names[i].key.offset;
	if (j.count > 1)
		qsort(j.names, j.count, sizeof(*j.names), compare);
	for (size_t i = 0; i + 1 < j.count; i++)
		if (check_pair(&j.names[i], &j.names[i + 1], err) < 0)
			return -1;
	return 0;
}
