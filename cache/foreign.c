#include "cache/foreign.h"

#include "base/mem.h"
#include "cache/census.h"

#include <stdlib.h>

void foreign_release(struct foreign *f)
{
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

static void add_revision(struct foreign *f, const struct census_revision *r)
{
	for (size_t i = 0; i < r->file_count; i++) {
		const struct census_file *file = &r->files[i];

		if (!file->foreign)
			continue;
		f->items = xgrow(f->items, &f->cap, f->count + 1,
				 sizeof(*f->items));
		f->items[f->count++] = (struct foreign_file){ file->st.dev,
							      file->st.ino };
	}
}

int foreign_read(struct foreign *f, struct hfcache *c,
		 const struct cancel *cancel, struct error *err)
{
	struct strlist folders CLEANUP(strlist_release) = { 0 };

	if (census_folders(c, &folders, err))
		return -1;
	for (size_t i = 0; i < folders.count; i++) {
		struct census repo CLEANUP(census_release) = { 0 };
		const char *failed;

		if (cancel_check(cancel, err))
			return -1;
		if (!census_repo(c, folders.items[i], CENSUS_FILES, &repo))
			continue;
		failed = census_failed(&repo);
		if (failed && !f->unread)
			f->unread = xstrdup(failed);
		for (size_t k = 0; k < repo.revision_count; k++)
			add_revision(f, &repo.revisions[k]);
	}
	if (f->count)
		qsort(f->items, f->count, sizeof(*f->items), by_inode);
	return 0;
}

bool foreign_has(const struct foreign *f, uint64_t dev, uint64_t ino)
{
	const struct foreign_file key = { dev, ino };

	return f->count &&
	       bsearch(&key, f->items, f->count, sizeof(key), by_inode);
}
