#include "cache/verify_report.h"

#include "base/attr.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool damage;
} states[VERIFY_STATES] = {
	[VERIFY_OK] = { "ok", false },
	[VERIFY_MISSING] = { "missing", true },
	[VERIFY_WRONG_SIZE] = { "wrong size", true },
	[VERIFY_WRONG_DIGEST] = { "wrong digest", true },
	[VERIFY_NOT_FILE] = { "not a regular file", true },
	[VERIFY_EXTRA] = { "extra", false },
	[VERIFY_POINTER] = { "pointer instead of content", true },
	[VERIFY_BAD_REF] = { "bad ref", true },
	[VERIFY_BAD_LINK] = { "bad link", true },
	[VERIFY_LEFTOVER] = { "leftover", false },
	[VERIFY_BAD_LISTING] = { "bad listing", false },
	[VERIFY_UNREADABLE] = { "unreadable", true },
};

const char *verify_state_name(enum verify_state s)
{
	return states[s].name;
}

bool verify_state_is_damage(enum verify_state s)
{
	return states[s].damage;
}

void verify_report_release(struct verify_report *r)
{
	free_ptr(&r->items);
	arena_release(&r->strings);
	*r = (struct verify_report){ 0 };
}

/* What is found in one place comes in a row: its name is kept once. */
static const char *keep_where(struct verify_report *r, const char *where)
{
	const char *last = r->count ? r->items[r->count - 1].where : NULL;

	return last && !strcmp(last, where) ? last
					    : arena_strdup(&r->strings, where);
}

void verify_report_add(struct verify_report *r, enum verify_state state,
		       const char *where, const char *path, uint64_t size,
		       const char *detail)
{
	where = keep_where(r, where);
	r->items = xgrow(r->items, &r->cap, r->count + 1, sizeof(*r->items));
	r->items[r->count++] = (struct verify_item){
		.state = state,
		.where = where,
		.path = arena_strdup(&r->strings, path),
		.detail = detail ? arena_strdup(&r->strings, detail) : NULL,
		.size = size,
	};
	r->damaged += verify_state_is_damage(state);
}

static int place_cmp(const struct verify_item *x, const char *where,
		     const char *path)
{
	int order = strcmp(x->where, where);

	return order ? order : strcmp(x->path, path);
}

static int by_place(const void *a, const void *b)
{
	const struct verify_item *x = a, *y = b;
	int order = place_cmp(x, y->where, y->path);

	return order ? order : (int)x->state - (int)y->state;
}

void verify_report_sort(struct verify_report *r)
{
	if (r->count)
		qsort(r->items, r->count, sizeof(*r->items), by_place);
}

bool verify_report_damages(const struct verify_report *r, const char *where,
			   const char *path)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (place_cmp(&r->items[mid], where, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	/* of one place there are few, in order of their states */
	for (; low < r->count && !place_cmp(&r->items[low], where, path); low++)
		if (verify_state_is_damage(r->items[low].state))
			return true;
	return false;
}
