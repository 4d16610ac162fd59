#include "cache/foreign.h"

#include "base/mem.h"
#include "cache/census.h"

#include <stdlib.h>
#include <string.h>

void foreign_release(struct foreign *f)
{
	strlist_release(&f->folders);
	free_ptr(&f->items);
	free_ptr(&f->unread);
	f->count = f->cap = 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct foreign_file *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static void add(struct foreign *f, const struct census_stat *st, const char *by,
		bool blob)
{
	f->items = xgrow(f->items, &f->cap, f->count + 1, sizeof(*f->items));
	f->items[f->count++] = (struct foreign_file){
		.dev = st->dev, .ino = st->ino, .by = by, .blob = blob
	};
}

static void add_repo(struct foreign *f, const struct census *c, const char *by)
{
	for (size_t k = 0; k < c->revision_count; k++) {
		const struct census_revision *r = &c->revisions[k];

		for (size_t i = 0; i < r->file_count; i++)
			if (r->files[i].foreign)
				add(f, &r->files[i].st, by, false);
	}
	for (size_t i = 0; i < c->blob_count; i++)
		if (c->blobs[i].is_link && c->blobs[i].st.ino)
			add(f, &c->blobs[i].st, by, true);
}

int foreign_read(struct foreign *f, struct hfcache *c,
		 const struct cancel *cancel, struct error *err)
{
	if (census_folders(c, &f->folders, err))
		return -1;
	for (size_t i = 0; i < f->folders.count; i++) {
		const char *folder = f->folders.items[i];
		struct census repo CLEANUP(census_release) = { 0 };
		const char *failed;

		if (cancel_check(cancel, err))
			return -1;
		if (!census_repo(c, folder, CENSUS_FILES | CENSUS_OUTSIDE,
				 &repo))
			continue;
		failed = census_failed(&repo);
		if (failed && !f->unread)
			f->unread = xstrdup(failed);
		add_repo(f, &repo, folder);
	}
	if (f->count)
		qsort(f->items, f->count, sizeof(*f->items), by_inode);
	return 0;
}

/* The first that is not before key. */
static size_t lower_bound(const struct foreign *f,
			  const struct foreign_file *key)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_inode(&f->items[mid], key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool foreign_has(const struct foreign *f, const struct census_blob *b,
		 const char *but)
{
	const struct foreign_file key = { .dev = b->st.dev, .ino = b->st.ino };

	for (size_t i = lower_bound(f, &key);
	     i < f->count && !by_inode(&f->items[i], &key); i++) {
		const struct foreign_file *e = &f->items[i];

		if ((!e->blob || !b->is_link) && (!but || strcmp(e->by, but)))
			return true;
	}
	return false;
}
