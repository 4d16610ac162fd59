#include "cmd/listing.h"

#include "base/human.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void listing_row_release(struct listing_row *r)
{
	strlist_release(&r->claimed);
}

uint64_t listing_age(int64_t then, int64_t now)
{
	return now > then ? (uint64_t)(now - then) / 1000000000 : 0;
}

/* --- filters ------------------------------------------------------------------- */

static const char *const words[] = { "complete", "incomplete", "detached",
				     "claimed", "unclaimed" };

static int bad_filter(const char *text, struct error *err)
{
	return err_set(err, ERR_USAGE,
		       "\"%s\" is no filter: write size>1G, used>30d, "
		       "changed<2h, type=dataset, complete, incomplete, "
		       "detached, claimed or unclaimed",
		       text);
}

static int parse_word(const char *text, struct listing_filter *out,
		      struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], text) == 0) {
			out->key = LIST_WORD;
			out->word = words[i];
			return 0;
		}
	return bad_filter(text, err);
}

int listing_filter_parse(const char *text, struct listing_filter *out,
			 struct error *err)
{
	size_t len = strcspn(text, "<>=");
	char *key CLEANUP(free_ptr) = xstrndup(text, len);
	const char *value = text + len + 1;
	struct listing_filter f = { .op = text[len] };

	if (!text[len])
		return parse_word(text, out, err);
	/* types are equal or not, the others are more or less */
	if ((strcmp(key, "type") == 0) != (f.op == '='))
		return bad_filter(text, err);
	if (strcmp(key, "type") == 0) {
		f.key = LIST_TYPE;
		if (repo_type_parse(&f.type, value, err) != 0)
			return err_wrap(err, "\"%s\"", text);
	} else if (strcmp(key, "size") == 0) {
		f.key = LIST_SIZE;
		if (human_parse_size(value, &f.value, err) != 0)
			return err_wrap(err, "\"%s\"", text);
	} else if (strcmp(key, "used") == 0 || strcmp(key, "changed") == 0) {
		f.key = *key == 'u' ? LIST_USED : LIST_CHANGED;
		if (human_parse_time(value, &f.value, err) != 0)
			return err_wrap(err, "\"%s\"", text);
	} else {
		return bad_filter(text, err);
	}
	*out = f;
	return 0;
}

static bool word_fits(const char *word, const struct listing_row *r)
{
	if (strcmp(word, "complete") == 0)
		return r->whole;
	if (strcmp(word, "incomplete") == 0)
		return !r->whole;
	if (strcmp(word, "detached") == 0)
		return r->detached;
	return (r->claimed.count > 0) == (*word == 'c');
}

bool listing_filter_fits(const struct listing_filter *f,
			 const struct listing_row *r, int64_t now)
{
	uint64_t value = r->size;

	if (f->key == LIST_WORD)
		return word_fits(f->word, r);
	if (f->key == LIST_TYPE)
		return r->repo->type == f->type;
	if (f->key == LIST_USED)
		value = listing_age(r->used, now);
	if (f->key == LIST_CHANGED)
		value = listing_age(r->changed, now);
	return f->op == '<' ? value < f->value : value > f->value;
}

/* --- order --------------------------------------------------------------------- */

const char *const listing_orders[] = { "name", "size", "used", "changed",
				       NULL };

static int by_name(const void *a, const void *b)
{
	const struct listing_row *x = a, *y = b;
	int order = strcmp(x->repo->folder, y->repo->folder);

	if (!order && x->revision && y->revision)
		order = strcmp(x->revision->commit, y->revision->commit);
	return order;
}

static int by_size(const void *a, const void *b)
{
	const struct listing_row *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return by_name(a, b);
}

static int by_used(const void *a, const void *b)
{
	const struct listing_row *x = a, *y = b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return by_name(a, b);
}

static int by_changed(const void *a, const void *b)
{
	const struct listing_row *x = a, *y = b;

	if (x->changed != y->changed)
		return x->changed < y->changed ? -1 : 1;
	return by_name(a, b);
}

void listing_sort(struct listing_row *rows, size_t count, const char *order)
{
	static int (*const orders[])(const void *,
				     const void *) = { by_name, by_size,
						       by_used, by_changed };
	size_t which = 0;

	for (size_t i = 0; order && listing_orders[i]; i++)
		if (strcmp(listing_orders[i], order) == 0)
			which = i;
	if (count)
		qsort(rows, count, sizeof(*rows), orders[which]);
}
