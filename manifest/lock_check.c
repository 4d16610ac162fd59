/*
 * The checks that a lock goes through before anything is done with it,
 * whoever made it. All of them are sorts and looks at neighbours, so that a
 * hostile lock costs no more than an honest one of its size.
 */
#include "manifest/lock.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/check.h"
#include "manifest/twins.h"

#include <stdlib.h>
#include <string.h>

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_strings(char **items, size_t count)
{
	if (count > 1)
		qsort(items, count, sizeof(*items), compare_strings);
}

static int compare_files(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int check_limit(const char *what, uint64_t count, uint64_t limit,
		       struct error *err)
{
	if (count <= limit)
		return 0;
	return err_set(err, ERR_FORMAT, "%llu %s, at most %llu",
		       (unsigned long long)count, what,
		       (unsigned long long)limit);
}

/* --- one file, one repo -------------------------------------------------- */

static int check_digests(const struct lock_file *f, struct error *err)
{
	if (f->etag.alg == DIGEST_NONE)
		return err_set(err, ERR_FORMAT, "etag is missing");
	if (f->sha256.alg == DIGEST_GIT_SHA1)
		return err_set(err, ERR_FORMAT, "sha256 is no SHA-256");
	if (f->etag.alg == DIGEST_SHA256 && f->sha256.alg == DIGEST_SHA256 &&
	    !digest_equal(&f->etag, &f->sha256))
		return err_set(err, ERR_FORMAT,
			       "etag is a SHA-256 other than sha256");
	return 0;
}

/* Adds the views to the count. */
static int check_file(struct lock_file *f, uint64_t *views, struct error *err)
{
	size_t n = 0;

	if (path_check(f->path, err) < 0)
		return -1;
	if ((f->url && url_check(f->url, err) < 0) ||
	    check_digests(f, err) < 0 ||
	    check_limit("bytes", f->size, JSON_MAX_INT, err) < 0)
		return err_wrap(err, "%s", f->path);
	while (f->views && f->views[n])
		n++;
	if (check_limit("views", n, LOCK_MAX_FILE_VIEWS, err) < 0)
		return err_wrap(err, "%s", f->path);
	for (size_t i = 0; i < n; i++)
		if (path_check(f->views[i], err) < 0)
			return err_wrap(err, "view of %s", f->path);
	sort_strings(f->views, n);
	*views += n;
	return 0;
}

static int check_texts(const struct lock_repo *r, struct error *err)
{
	if (!is_commit_id(r->commit))
		return err_set(err, ERR_FORMAT,
			       "commit must be 40 lower-case hex digits");
	if (rev_check(r->revision, err) < 0)
		return -1;
	if (check_limit("refs", r->refs.count, LOCK_MAX_REFS, err) < 0)
		return -1;
	for (size_t i = 0; i < r->refs.count; i++)
		if (rev_check(r->refs.items[i], err) < 0)
			return -1;
	if (r->hub && strcmp(r->hub, MIRROR_MODELSCOPE) != 0)
		return err_set(err, ERR_FORMAT,
			       "hub can only be \"" MIRROR_MODELSCOPE "\"");
	if (r->git && url_check(r->git, err) < 0)
		return err_wrap(err, "git");
	if (archive_ref_check(&r->archive, err) < 0)
		return err_wrap(err, "archive");
	if (r->archive.url && r->archive.size == UINT64_MAX)
		return err_set(err, ERR_FORMAT, "archive: size is missing");
	if (r->license && text_check(r->license, err) < 0)
		return err_wrap(err, "license");
	if (r->notice && text_check(r->notice, err) < 0)
		return err_wrap(err, "notice");
	if (r->hub_view && path_check(r->hub_view, err) < 0)
		return err_wrap(err, "hub_view");
	return 0;
}

static int check_repo(struct lock_repo *r, uint64_t *views, struct error *err)
{
	struct twins paths CLEANUP(twins_release) = TWINS_INIT;

	if (check_texts(r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->file_count; i++) {
		if (check_file(&r->files[i], views, err) < 0)
			return -1;
		twins_add(&paths, r->files[i].path);
	}
	if (twins_check(&paths, err) < 0)
		return -1;
	if (r->file_count > 1)
		qsort(r->files, r->file_count, sizeof(*r->files),
		      compare_files);
	return 0;
}

/* --- between repos ------------------------------------------------------- */

static int check_names(const struct strlist *names, struct error *err)
{
	struct twins t CLEANUP(twins_release) = TWINS_INIT;

	for (size_t i = 0; i < names->count; i++)
		twins_add(&t, names->items[i]);
	return twins_check(&t, err);
}

/* Two commits of one repo may stand side by side: each once, and a ref leads to
 * one of them. Ids that a case-folding file system takes for one would share
 * their folder there. */
static int check_cache_names(const struct lock *l, struct error *err)
{
	struct strlist folders CLEANUP(strlist_release) = { 0 };
	struct strlist names CLEANUP(strlist_release) = { 0 };

	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);

		strlist_take(&names,
			     xasprintf("%s/snapshots/%s", folder, r->commit));
		for (size_t k = 0; k < r->refs.count; k++)
			strlist_take(&names, xasprintf("%s/refs/%s", folder,
						       r->refs.items[k]));
		if (!strlist_has(&folders, folder))
			strlist_take(&folders, take_ptr(folder));
	}
	if (check_names(&folders, err) < 0 || check_names(&names, err) < 0)
		return err_wrap(err, "repos");
	return 0;
}

/* Everything that will stand in a model directory. */
static int check_views(const struct lock *l, struct error *err)
{
	struct strlist hubs CLEANUP(strlist_release) = { 0 };
	struct twins t CLEANUP(twins_release) = TWINS_INIT;

	twins_add(&t, LOCK_RECORD_DIR);
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		char *folder CLEANUP(free_ptr) = NULL;
		char *hub CLEANUP(free_ptr) = NULL;

		for (size_t k = 0; k < r->file_count; k++)
			for (char **v = r->files[k].views; v && *v; v++)
				twins_add(&t, *v);
		if (!r->hub_view)
			continue;
		folder = repo_folder(r->type, r->id);
		hub = xasprintf("%s/%s", r->hub_view, folder);
		if (!strlist_has(&hubs, hub))
			strlist_take(&hubs, take_ptr(hub));
	}
	for (size_t i = 0; i < hubs.count; i++)
		twins_add(&t, hubs.items[i]);
	if (twins_check(&t, err) < 0)
		return err_wrap(err, "places in the model directory");
	return 0;
}

/* --- payloads ------------------------------------------------------------ */

/* What makes two files one payload. */
static const struct digest *payload(const struct lock_file *f)
{
	return f->sha256.alg == DIGEST_NONE ? &f->etag : &f->sha256;
}

static int compare_payloads(const void *a, const void *b)
{
	const struct lock_file *x = *(struct lock_file *const *)a;
	const struct lock_file *y = *(struct lock_file *const *)b;

	return digest_cmp(payload(x), payload(y));
}

static int compare_etags(const void *a, const void *b)
{
	const struct lock_file *x = *(struct lock_file *const *)a;
	const struct lock_file *y = *(struct lock_file *const *)b;

	return digest_cmp(&x->etag, &y->etag);
}

/* All files of all repos in the order of compare; caller frees. */
static struct lock_file **sorted_files(const struct lock *l, size_t *count,
				       int (*compare)(const void *,
						      const void *))
{
	struct lock_file **files = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		files = xgrow(files, &cap, n + r->file_count,
			      sizeof(struct lock_file *));
		for (size_t k = 0; k < r->file_count; k++)
			files[n++] = &r->files[k];
	}
	if (n > 1)
		qsort(files, n, sizeof(struct lock_file *), compare);
	*count = n;
	return files;
}

uint64_t lock_total(const struct lock *l)
{
	size_t count;
	struct lock_file **files CLEANUP(free_ptr) = sorted_files(
		l, &count, compare_payloads);
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		if (!i || compare_payloads(&files[i - 1], &files[i]) != 0)
			total += files[i]->size;
	return total;
}

static int check_payloads(const struct lock *l, struct error *err)
{
	size_t count;
	struct lock_file **files CLEANUP(free_ptr) = sorted_files(
		l, &count, compare_payloads);
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++) {
		if (i && compare_payloads(&files[i - 1], &files[i]) == 0) {
			if (files[i - 1]->size != files[i]->size)
				return err_set(err, ERR_FORMAT,
					       "%s and %s have one digest, but "
					       "not one size",
					       files[i - 1]->path,
					       files[i]->path);
			continue;
		}
		total += files[i]->size;
		if (check_limit("bytes in all", total, JSON_MAX_INT, err) < 0)
			return -1;
	}
	return 0;
}

/* A blob's name must mean one content. */
static int check_etags(const struct lock *l, struct error *err)
{
	size_t count;
	struct lock_file **files CLEANUP(free_ptr) = sorted_files(
		l, &count, compare_etags);

	for (size_t i = 1; i < count; i++) {
		const struct lock_file *a = files[i - 1], *b = files[i];

		if (compare_etags(&files[i - 1], &files[i]) == 0 &&
		    (a->size != b->size ||
		     !digest_equal(&a->sha256, &b->sha256)))
			return err_set(err, ERR_FORMAT,
				       "%s and %s have one etag, but not one "
				       "size and sha256",
				       a->path, b->path);
	}
	return 0;
}

/* --- the whole ----------------------------------------------------------- */

static int check_groups(struct lock *l, struct error *err)
{
	if (check_limit("groups", l->groups.count, LOCK_MAX_GROUPS, err) < 0)
		return -1;
	sort_strings(l->groups.items, l->groups.count);
	for (size_t i = 0; i < l->groups.count; i++) {
		if (name_check(l->groups.items[i], err) < 0)
			return err_wrap(err, "groups");
		if (i &&
		    strcmp(l->groups.items[i - 1], l->groups.items[i]) == 0)
			return err_set(err, ERR_FORMAT,
				       "groups: %s is there twice",
				       l->groups.items[i]);
	}
	return 0;
}

static int check_counts(const struct lock *l, struct error *err)
{
	uint64_t files = 0;

	for (size_t i = 0; i < l->repo_count; i++)
		files += l->repos[i].file_count;
	if (check_limit("repos", l->repo_count, LOCK_MAX_REPOS, err) < 0)
		return -1;
	return check_limit("files", files, LOCK_MAX_FILES, err);
}

int lock_finish(struct lock *l, struct error *err)
{
	uint64_t views = 0;

	if (name_check(l->name, err) < 0)
		return err_wrap(err, "name");
	if (check_groups(l, err) < 0 || check_counts(l, err) < 0)
		return -1;
	for (size_t i = 0; i < l->repo_count; i++) {
		struct lock_repo *r = &l->repos[i];

		lock_trim(r);
		if (id_check(r->id, err) < 0)
			return err_wrap(err, "repos[%zu]", i);
		if (check_repo(r, &views, err) < 0)
			return err_wrap(err, "%s", r->id);
	}
	if (check_limit("views", views, LOCK_MAX_VIEWS, err) < 0 ||
	    check_cache_names(l, err) < 0 || check_views(l, err) < 0 ||
	    check_payloads(l, err) < 0)
		return -1;
	return check_etags(l, err);
}
