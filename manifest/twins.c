/*
 * Each name becomes a key: folded (base/path), with '/' as the byte 1, the
 * lowest of all that path_check() lets through. In the order of these keys a
 * name stands directly in front of those below it, so that one sort and one
 * look at the neighbours finds every conflict, whatever an attacker chose.
 */
#include "manifest/twins.h"

#include "base/mem.h"
#include "base/path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct twins_name {
	union {
		size_t offset; /* in keys, while names are added */
		const char *ptr;
	} key;
	const char *path;
};

void twins_add(struct twins *t, const char *path)
{
	char *key CLEANUP(free_ptr) = path_fold(path);

	for (char *p = key; *p; p++)
		if (*p == '/')
			*p = '\1';
	t->names = xgrow(t->names, &t->cap, t->count + 1, sizeof(*t->names));
	t->names[t->count].key.offset = t->keys.len;
	t->names[t->count++].path = path;
	str_add(&t->keys, key, strlen(key) + 1);
}

static int compare(const void *a, const void *b)
{
	const struct twins_name *x = a, *y = b;
	int order = strcmp(x->key.ptr, y->key.ptr);

	/* a fixed order of equals, for the same message everywhere */
	return order ? order : strcmp(x->path, y->path);
}

static int check_pair(const struct twins_name *a, const struct twins_name *b,
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
	for (size_t i = 0; i < t->count; i++)
		t->names[i].key.ptr = t->keys.ptr + t->names[i].key.offset;
	if (t->count > 1)
		qsort(t->names, t->count, sizeof(*t->names), compare);
	for (size_t i = 0; i + 1 < t->count; i++)
		if (check_pair(&t->names[i], &t->names[i + 1], err) < 0)
			return -1;
	return 0;
}

void twins_release(struct twins *t)
{
	str_release(&t->keys);
	free_ptr(&t->names);
	t->count = t->cap = 0;
}
