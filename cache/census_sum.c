/* What all takes on the disk, and what cleaning could free: a file counts once, however
 * many names it has, as du of coreutils counts. */
#include "base/mem.h"
#include "cache/census_priv.h"

#include <stdlib.h>

static void count(struct census_sums *s, const struct census_name *n)
{
	s->size += n->size;
	s->disk += n->disk;
	if (n->use == CENSUS_UNFINISHED)
		s->parts += n->size;
	else if (n->use == CENSUS_UNUSED)
		s->unused += n->size;
	else if (n->use == CENSUS_DETACHED)
		s->detached += n->size;
}

static void add(struct census *c, const struct census_stat *st,
		enum census_use use)
{
	const struct census_name n = { st->dev, st->ino, st->size, st->disk,
				       use };

	if (!st->ino) /* nothing there */
		return;
	if (st->single) {
		count(&c->sums, &n);
		return;
	}
	c->names = xgrow(c->names, &c->name_cap, c->name_count + 1,
			 sizeof(*c->names));
	c->names[c->name_count++] = n;
}

static int by_inode(const void *a, const void *b)
{
	const struct census_name *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

/* One of each file, with the most that anybody needs of it. */
static size_t merge(struct census_name *names, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(names, n, sizeof(*names), by_inode);
	for (size_t i = 0; i < n; i++) {
		struct census_name *last = kept ? &names[kept - 1] : NULL;

		if (!last || by_inode(last, &names[i]) != 0)
			names[kept++] = names[i];
		else if (last->use < names[i].use)
			last->use = names[i].use;
	}
	return kept;
}

static enum census_use use_of(const struct census *c,
			      const struct census_blob *b, bool wanted)
{
	if (b->kind == CENSUS_PART || b->kind == CENSUS_TRASH)
		return CENSUS_UNFINISHED;
	if (b->uses)
		return wanted ? CENSUS_WANTED : CENSUS_DETACHED;
	return b->kind == CENSUS_BLOB && !c->unread ? CENSUS_UNUSED
						    : CENSUS_WANTED;
}

void census_sum_repo(struct census *c)
{
	bool *wanted CLEANUP(free_ptr) = xcalloc(c->blob_count + 1,
						 sizeof(*wanted));

	for (size_t i = 0; i < c->revision_count; i++) {
		const struct census_revision *r = &c->revisions[i];

		for (size_t k = 0; k < r->file_count; k++) {
			const struct census_file *f = &r->files[k];

			if (f->blob != CENSUS_NONE)
				wanted[f->blob] |= r->refs.count > 0;
			else if (!f->foreign) /* that is another's */
				add(c, &f->st,
				    r->refs.count ? CENSUS_WANTED
						  : CENSUS_DETACHED);
		}
	}
	for (size_t i = 0; i < c->blob_count; i++)
		if (!c->blobs[i].is_link)
			add(c, &c->blobs[i].st,
			    use_of(c, &c->blobs[i], wanted[i]));
	c->name_count = merge(c->names, c->name_count);
	for (size_t i = 0; i < c->name_count; i++)
		count(&c->sums, &c->names[i]);
}

void census_sum(const struct census_all *a, const bool *chosen,
		struct census_sums *out)
{
	struct census_name *all CLEANUP(free_ptr) = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct census *c = &a->repos[i];
		struct census_sums named = { 0 };

		if (!chosen[i])
			continue;
		for (size_t k = 0; k < c->name_count; k++) {
			all = xgrow(all, &cap, n + 1, sizeof(*all));
			all[n++] = c->names[k];
			count(&named, &c->names[k]);
		}
		out->size += c->sums.size - named.size;
		out->disk += c->sums.disk - named.disk;
		out->unused += c->sums.unused - named.unused;
		out->parts += c->sums.parts - named.parts;
		out->detached += c->sums.detached - named.detached;
	}
	n = merge(all, n);
	for (size_t i = 0; i < n; i++)
		count(out, &all[i]);
}
