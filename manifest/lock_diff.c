#include "manifest/lock.h"

#include "base/human.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_DIGEST 16 /* digits that tell two apart for people */

struct lines {
	void (*put)(void *ctx, const char *line);
	void *ctx;
	size_t count;
};

/* Frees the line. */
static void take(struct lines *out, char *line)
{
	out->put(out->ctx, line);
	out->count++;
	free(line);
}

/* what: "" or the repo, maybe with a path. NULL is shown as "none". */
static void put_line(struct lines *out, const char *what, const char *field,
		     const char *from, const char *to)
{
	take(out, xasprintf("~ %s%s%s %s -> %s", what, *what ? ": " : "", field,
			    from ? from : "none", to ? to : "none"));
}

static void put_change(struct lines *out, const char *what, const char *field,
		       const char *from, const char *to)
{
	if (from && to ? strcmp(from, to) != 0 : from != to)
		put_line(out, what, field, from, to);
}

static void put_digests(struct lines *out, const char *what, const char *field,
			const struct digest *from, const struct digest *to)
{
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];

	if (digest_equal(from, to))
		return;
	digest_hex(from, a);
	digest_hex(to, b);
	if (strncmp(a, b, SHORT_DIGEST) != 0)
		a[SHORT_DIGEST] = b[SHORT_DIGEST] = '\0';
	put_line(out, what, field, *a ? a : NULL, *b ? b : NULL);
}

static bool lists_equal(const struct strlist *a, const struct strlist *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

/* "a, b"; NULL for none. Caller frees. */
static char *join(const struct strlist *l)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < l->count; i++)
		str_addf(&text, "%s%s", i ? ", " : "", l->items[i]);
	return l->count ? str_detach(&text) : NULL;
}

static void put_lists(struct lines *out, const char *what, const char *field,
		      const struct strlist *from, const struct strlist *to)
{
	char *a CLEANUP(free_ptr) = join(from);
	char *b CLEANUP(free_ptr) = join(to);

	if (!lists_equal(from, to))
		put_line(out, what, field, a, b);
}

static struct strlist views_of(const struct lock_file *f)
{
	struct strlist l = { .items = f->views }; /* borrowed */

	while (f->views && f->views[l.count])
		l.count++;
	return l;
}

static void put_file(struct lines *out, char sign, const struct lock_repo *r,
		     const struct lock_file *f)
{
	take(out,
	     xasprintf("%c %s %s %" PRIu64, sign, r->id, f->path, f->size));
}

static void diff_file(struct lines *out, const struct lock_repo *r,
		      const struct lock_file *from, const struct lock_file *to)
{
	char *what CLEANUP(free_ptr) = xasprintf("%s %s", r->id, from->path);
	struct strlist a = views_of(from), b = views_of(to);

	if (from->size != to->size)
		take(out, xasprintf("~ %s: size %" PRIu64 " -> %" PRIu64, what,
				    from->size, to->size));
	put_digests(out, what, "sha256", &from->sha256, &to->sha256);
	put_digests(out, what, "etag", &from->etag, &to->etag);
	put_change(out, what, "url", from->url, to->url);
	put_lists(out, what, "views", &a, &b);
}

/* Both are sorted by path: one walk. */
static void diff_files(struct lines *out, const struct lock_repo *from,
		       const struct lock_repo *to)
{
	size_t i = 0, k = 0;

	while (i < from->file_count && k < to->file_count) {
		const struct lock_file *a = &from->files[i];
		const struct lock_file *b = &to->files[k];
		int order = strcmp(a->path, b->path);

		if (order < 0)
			put_file(out, '-', from, a);
		else if (order > 0)
			put_file(out, '+', to, b);
		else
			diff_file(out, to, a, b);
		i += order <= 0;
		k += order >= 0;
	}
	for (; i < from->file_count; i++)
		put_file(out, '-', from, &from->files[i]);
	for (; k < to->file_count; k++)
		put_file(out, '+', to, &to->files[k]);
}

static void put_mirrors(struct lines *out, const char *what,
			const struct mirrors *from, const struct mirrors *to)
{
	const struct mirror *old = mirrors_find(from, MIRROR_MODELSCOPE);
	const struct mirror *new = mirrors_find(to, MIRROR_MODELSCOPE);
	char *a CLEANUP(free_ptr) = old ? mirror_text(old) : NULL;
	char *b CLEANUP(free_ptr) = new ? mirror_text(new) : NULL;

	put_change(out, what, "mirrors." MIRROR_MODELSCOPE, a, b);
}

static void put_archive(struct lines *out, const char *what,
			const struct archive_ref *from,
			const struct archive_ref *to)
{
	char *a CLEANUP(free_ptr) = archive_ref_text(from);
	char *b CLEANUP(free_ptr) = archive_ref_text(to);

	put_change(out, what, "archive", a, b);
}

static void diff_repo(struct lines *out, const struct lock_repo *from,
		      const struct lock_repo *to)
{
	const char *id = to->id;

	put_change(out, id, "revision", from->revision, to->revision);
	put_change(out, id, "commit", from->commit, to->commit);
	put_lists(out, id, "refs", &from->refs, &to->refs);
	put_change(out, id, "license", from->license, to->license);
	put_change(out, id, "notice", from->notice, to->notice);
	put_change(out, id, "hub_view", from->hub_view, to->hub_view);
	put_change(out, id, "hub", from->hub, to->hub);
	put_change(out, id, "git", from->git, to->git);
	put_archive(out, id, &from->archive, &to->archive);
	put_mirrors(out, id, &from->mirrors, &to->mirrors);
	put_change(out, id, "complete", from->complete ? "true" : "false",
		   to->complete ? "true" : "false");
	diff_files(out, from, to);
}

/* The n-th entry of this repo (two commits of one may stand side by side). */
static const struct lock_repo *nth(const struct lock *l, size_t n,
				   const struct lock_repo *like, size_t *at)
{
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		if (r->type != like->type || strcmp(r->id, like->id) != 0)
			continue;
		if (n-- == 0) {
			*at = i;
			return r;
		}
	}
	return NULL;
}

/* How many entries of the same repo stand in front of entry i. */
static size_t rank(const struct lock *l, size_t i)
{
	size_t n = 0;

	for (size_t k = 0; k < i; k++)
		if (l->repos[k].type == l->repos[i].type &&
		    strcmp(l->repos[k].id, l->repos[i].id) == 0)
			n++;
	return n;
}

static void whole_repo(struct lines *out, char sign, const struct lock_repo *r)
{
	take(out,
	     xasprintf("%c %s %s (%s), %zu %s", sign, repo_type_name(r->type),
		       r->id, r->commit, r->file_count,
		       human_plural(r->file_count, "file", "files")));
	for (size_t i = 0; i < r->file_count; i++)
		put_file(out, sign, r, &r->files[i]);
}

size_t lock_diff_each(const struct lock *from, const struct lock *to,
		      void (*put)(void *ctx, const char *line), void *ctx)
{
	struct lines lines = { put, ctx, 0 }, *out = &lines;
	size_t last = 0, at = 0;
	bool moved = false;

	put_change(out, "", "name", from->name, to->name);
	put_digests(out, "", "manifest", &from->manifest, &to->manifest);
	put_lists(out, "", "groups", &from->groups, &to->groups);
	for (size_t i = 0; i < from->repo_count; i++)
		if (!nth(to, rank(from, i), &from->repos[i], &at))
			whole_repo(out, '-', &from->repos[i]);
	for (size_t i = 0; i < to->repo_count; i++) {
		const struct lock_repo *old = nth(from, rank(to, i),
						  &to->repos[i], &at);

		if (!old) {
			whole_repo(out, '+', &to->repos[i]);
			continue;
		}
		moved = moved || at < last;
		last = at;
		diff_repo(out, old, &to->repos[i]);
	}
	if (moved)
		take(out, xstrdup("~ order of the repos"));
	return out->count;
}
