/*
 * Listings (trees/COMMIT.json) that are malformed, or name less than the snapshot
 * holds. Clients take a listing for the whole truth about its commit: who knows all of
 * it (a lock, a bundle, an endpoint) says what it must be. Where nobody does, one that
 * is short gets what the snapshot holds and is right; one that is malformed goes: none
 * at all is no lie, and clients get one themselves.
 */
#include "cmd/mending.h"

#include "base/mem.h"
#include "cache/derive.h"
#include "cache/tree.h"

#include <string.h>

static void add_row(struct mending *m, const struct lock_repo *r,
		    enum mending_result result, const char *from)
{
	char *path CLEANUP(free_ptr) = xasprintf("trees/%s.json", r->commit);

	mending_add_row(m, r->id, arena_strdup(&m->strings, path),
			"bad listing", result, from);
}

/* A listing needs the Hub's own name of each file. */
static bool is_whole(const struct lock_repo *r)
{
	for (size_t i = 0; i < r->file_count; i++)
		if (r->files[i].etag.alg == DIGEST_NONE ||
		    r->files[i].size == DERIVE_NO_SIZE)
			return false;
	return r->file_count > 0;
}

/* All that the commit has, and *from who says so: borrowed, or in asked; NULL: nobody. */
static const struct lock_repo *find_truth(struct mending *m,
					  const struct lock_repo *r,
					  struct lock *asked, const char **from,
					  struct error *err)
{
	const struct lock_repo *told = r->complete ? r : NULL;
	struct lock_repo *listing;
	int rc;

	*from = "the lock";
	if (!told && (told = supplies_listing(&m->places, r)))
		*from = "the bundle";
	if (told || !m->network || m->dry_run)
		return told && is_whole(told) ? told : NULL;
	listing = lock_add_repo(asked);
	listing->type = r->type;
	listing->id = xstrdup(r->id);
	rc = mending_ask(m, r->commit, listing, err);
	*from = "the network";
	return rc == 0 && is_whole(listing) ? listing : NULL;
}

/* What the derived lock does not know is known once the bytes are found right. */
static void fill_sizes(const struct audit *a, const struct lock_repo *r)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->files[i].repo == r &&
		    a->files[i].file->size == DERIVE_NO_SIZE)
			a->files[i].file->size = a->files[i].size;
}

static int lengthen(struct mending *m, const struct audit *a,
		    const struct lock_repo *r, struct error *err)
{
	fill_sizes(a, r);
	if (!is_whole(r))
		return 0;
	if (hfcache_write_tree(m->store, r, err) != 0)
		return -1;
	if (tree_look(m->store, r) == TREE_GOOD)
		add_row(m, r, MENDING_LISTED, "the snapshot");
	else
		event_warn(&m->app->sink,
			   "%s trees/%s.json: lacks files of the snapshot, and "
			   "nothing tells what they should be (--lock FILE or "
			   "--endpoint URL would)",
			   r->id, r->commit);
	return 0;
}

int mending_listing(struct mending *m, struct audit *a,
		    const struct lock_repo *r, bool right, struct error *err)
{
	enum tree_state state = tree_look(m->store, r);
	struct lock asked CLEANUP(lock_release) = { 0 };
	const struct lock_repo *truth;
	const char *from;

	if (state != TREE_MALFORMED && state != TREE_SHORT)
		return 0;
	truth = find_truth(m, r, &asked, &from, err);
	if (err->code != ERR_NONE)
		return -1;
	if (truth && tree_is(m->store, truth))
		return 0; /* it is the snapshot that has more than the commit */
	if (m->dry_run) {
		add_row(m, r, MENDING_WOULD, truth ? from : NULL);
		return 0;
	}
	if (truth) {
		if (tree_replace(m->store, truth, err) != 0)
			return -1;
		add_row(m, r, MENDING_LISTED, from);
		return 0;
	}
	if (state == TREE_SHORT)
		return right ? lengthen(m, a, r, err) : 0;
	if (tree_remove(m->store, r, err) != 0)
		return -1;
	add_row(m, r, MENDING_UNLISTED, NULL);
	return 0;
}
