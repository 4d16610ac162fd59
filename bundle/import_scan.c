/* Pass 1 over an archive: which names it has, and are they safe. */
#include "bundle/import_run.h"

#include "base/mem.h"
#include "base/path.h"
#include "bundle/bmanifest.h"
#include "bundle/sniff.h"
#include "manifest/twins.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So that 60 MiB are enough for an import: an entry of a tar takes some 350 bytes, its
 * name included, one of a zip 500. */
#define MAX_ENTRIES	100000
#define MAX_ZIP_ENTRIES 60000
#define MAX_NAMES	((size_t)24 << 20) /* bytes of all paths and targets */
#define REF_LIMIT	256
#define KEPT_TREE_LIMIT ((size_t)16 << 20)

int import_reader(const struct import_run *run, struct tar_reader **out,
		  struct error *err)
{
	if (lseek(run->fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "%s", run->name);
	if (tar_open_archive(out, run->fd, err))
		return err_wrap(err, "%s", run->name);
	tar_reader_cancel(*out, run->o->cancel);
	tar_reader_limit(*out, MAX_ZIP_ENTRIES);
	return 0;
}

int import_repo(struct import_run *run, const char *folder, size_t len,
		const char *commit, uint32_t *out, struct error *err)
{
	char *name CLEANUP(free_ptr) = xstrndup(folder, len);
	char *id CLEANUP(free_ptr) = NULL;
	enum repo_type type = REPO_MODEL;
	struct lock_repo *r;

	if (repo_folder_parse(name, &type, &id))
		return err_set(err, ERR_UNSAFE, "%s: not a repo", name);
	/* entries come sorted: it is mostly one of the last */
	for (size_t i = run->found.repo_count; i-- > 0;) {
		r = &run->found.repos[i];
		if (r->type == type && !strcmp(r->id, id) &&
		    !strcmp(r->commit, commit)) {
			*out = (uint32_t)i;
			return 0;
		}
	}
	if (run->found.repo_count >= LOCK_MAX_REPOS)
		return err_set(err, ERR_FORMAT,
			       "more than %d repos or snapshots",
			       LOCK_MAX_REPOS);
	r = lock_add_repo(&run->found);
	r->type = type;
	r->id = take_ptr(id);
	memcpy(r->commit, commit, strlen(commit) + 1);
	*out = (uint32_t)(run->found.repo_count - 1);
	return 0;
}

static int read_text(const struct import_run *run, struct tar_reader *r,
		     const struct tar_member *m, size_t limit, struct str *out,
		     struct error *err)
{
	char *buf CLEANUP(free_ptr) = NULL;
	size_t got;

	if (m->size > limit)
		return err_set(err, ERR_FORMAT, "%s: %s: larger than %zu bytes",
			       run->name, m->path, limit);
	buf = xmalloc((size_t)m->size + 1);
	if (tar_reader_read(r, buf, (size_t)m->size, &got, err))
		return err_wrap(err, "%s", run->name);
	str_add(out, buf, got);
	return 0;
}

/* Newlines and blanks around the commit are what other tools leave there. */
static int scan_ref(struct import_run *run, struct tar_reader *r,
		    const struct tar_member *m, const struct import_entry *e,
		    struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *ref = e->path + e->name.rest;
	struct error ignored = { 0 };
	uint32_t repo = 0;
	char *p;

	if (read_text(run, r, m, REF_LIMIT, &text, err))
		return -1;
	while (text.len > 0 && isspace((unsigned char)text.ptr[text.len - 1]))
		str_truncate(&text, text.len - 1);
	p = text.ptr + strspn(text.ptr, " \t\r\n");
	if (!is_commit_id(p) || revision_check(ref, &ignored)) {
		event_warn(run->o->sink, "%s: not a ref, skipped", e->path);
		run->st->skipped++;
		return 0;
	}
	if (import_repo(run, e->path + e->name.folder, e->name.folder_len, p,
			&repo, err))
		return -1;
	strlist_add(&run->found.repos[repo].refs, ref);
	return 0;
}

static int scan_tree(struct import_run *run, struct tar_reader *r,
		     const struct tar_member *m, const struct import_entry *e,
		     struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char *name CLEANUP(free_ptr) = xstrndup(e->path + e->name.folder,
						e->name.folder_len);
	struct import_listing own = { .type = REPO_MODEL };
	struct error bad = { 0 };

	if (read_text(run, r, m, KEPT_TREE_LIMIT, &text, err))
		return -1;
	if (tree_parse(&own.tree, text.ptr, text.len, &bad)) {
		event_warn(run->o->sink, "%s: not a listing, skipped: %s",
			   e->path, bad.msg);
		run->st->skipped++;
		return 0;
	}
	if (run->listing_count >= LOCK_MAX_REPOS ||
	    repo_folder_parse(name, &own.type, &own.id)) {
		tree_release(&own.tree);
		return err_set(err, ERR_FORMAT, "%s: more than %d listings",
			       run->name, LOCK_MAX_REPOS);
	}
	memcpy(own.commit, e->path + e->name.commit, 40);
	run->listings = xgrow(run->listings, &run->listing_cap,
			      run->listing_count + 1, sizeof(own));
	run->listings[run->listing_count++] = own;
	return 0;
}

static int set_target(const struct tar_member *m, struct import_entry *e,
		      struct error *err)
{
	size_t hub = e->name.folder;

	if (m->type == TAR_SYMLINK)
		return import_follow(&e->target, e->path, m->target, hub, err);
	if (path_of_entry(&e->target, m->target, err))
		return err_wrap(err, "%s: hard link", e->path);
	if (!e->target || strncmp(e->target, e->path, hub) != 0)
		return err_set(err, ERR_UNSAFE,
			       "%s: hard link out of the cache, to %s", e->path,
			       m->target);
	return 0;
}

/* No part of a cache even where a ref would lie: git has no such names. */
static bool is_macos(const struct tar_member *m, const struct import_entry *e)
{
	return m->type == TAR_FILE &&
	       (e->name.kind == IMPORT_OTHER || e->name.kind == IMPORT_REF) &&
	       import_name_is_macos(e->path);
}

static bool is_kept(const struct tar_member *m, const struct import_entry *e)
{
	return m->type == TAR_SYMLINK ||
	       (e->name.kind != IMPORT_OTHER && m->type != TAR_DIR);
}

static int scan_content(struct import_run *run, struct tar_reader *r,
			const struct tar_member *m, struct import_entry *e,
			struct error *err)
{
	if (e->name.kind == IMPORT_OTHER)
		return 0; /* a link that leads nowhere we go */
	if (m->type != TAR_FILE)
		return set_target(m, e, err);
	if (e->name.kind == IMPORT_REF)
		return scan_ref(run, r, m, e, err);
	if (e->name.kind == IMPORT_TREE)
		return scan_tree(run, r, m, e, err);
	return 0;
}

static int check_names_size(const struct import_run *run, size_t names,
			    struct error *err)
{
	if (names <= MAX_NAMES)
		return 0;
	err_set(err, ERR_FORMAT, "%s: the names alone need more than %zu MiB",
		run->name, MAX_NAMES >> 20);
	return err_hint(err, "make an archive of each repository");
}

/* Of what is kept: directories, and what is no part of a cache, are none. */
static int check_count(const struct import_run *run, const struct tar_reader *r,
		       struct error *err)
{
	bool zip = tar_is_zip(r);

	if (run->count < (size_t)(zip ? MAX_ZIP_ENTRIES : MAX_ENTRIES))
		return 0;
	err_set(err, ERR_FORMAT, "%s: %s %d entries", run->name,
		zip ? "a zip of more than" : "more than",
		zip ? MAX_ZIP_ENTRIES : MAX_ENTRIES);
	return err_hint(err, zip ? "a tar may have more"
				 : "make an archive of each repository");
}

static int scan_entry(struct import_run *run, struct tar_reader *r,
		      const struct tar_member *m, size_t *names,
		      struct error *err)
{
	struct import_entry e = { .content = IMPORT_NONE, .size = m->size };
	bool macos;

	if (path_of_entry(&e.path, m->path, err))
		return err_wrap(err, "%s", run->name);
	if (!e.path)
		return 0;
	import_name_parse(&e.name, e.path);
	run->inside |= e.name.kind == IMPORT_OTHER &&
		       import_name_lacks_folder(e.path);
	e.is_file = m->type == TAR_FILE;
	e.composed = m->composed;
	*names += strlen(e.path) * 2;
	if (m->type == TAR_SYMLINK || m->type == TAR_HARDLINK)
		*names += strlen(m->target);
	if (check_names_size(run, *names, err)) {
		free_ptr(&e.path);
		return -1;
	}
	if (m->type == TAR_OTHER) {
		err_set(err, ERR_UNSAFE, "%s: %s: a device or pipe", run->name,
			e.path);
		free_ptr(&e.path);
		return -1;
	}
	macos = is_macos(m, &e);
	if (macos || !is_kept(m, &e)) {
		run->st->macos += macos;
		run->st->skipped += !macos && m->type != TAR_DIR;
		free_ptr(&e.path);
		return 0;
	}
	if (check_count(run, r, err)) {
		free_ptr(&e.path);
		return -1;
	}
	run->entries = xgrow(run->entries, &run->cap, run->count + 1,
			     sizeof(e));
	run->entries[run->count++] = e;
	return scan_content(run, r, m, &run->entries[run->count - 1], err);
}

static int by_path(const void *a, const void *b)
{
	const struct import_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

struct import_entry *import_find(const struct import_run *run, const char *path)
{
	struct import_entry key = { 0 };
	union {
		const char *in;
		char *out;
	} drop = { .in = path };

	key.path = drop.out;
	if (run->count == 0)
		return NULL;
	return bsearch(&key, run->entries, run->count, sizeof(key), by_path);
}

/* places: in the cache, of those that have one; else paths in the archive. */
static int check_twins(const struct import_run *run, bool places,
		       struct error *err)
{
	struct twins t CLEANUP(twins_release) = TWINS_INIT;

	for (size_t i = 0; i < run->count; i++) {
		const struct import_entry *e = &run->entries[i];

		if (!places)
			twins_add(&t, e->path);
		else if (e->name.kind != IMPORT_OTHER)
			twins_add(&t, e->path + e->name.folder);
	}
	return twins_check(&t, err);
}

/* No entry may stand below one that is no directory, none may be there twice,
 * also not under another case, and no two hubs may claim one place. */
static int check_names(struct import_run *run, struct error *err)
{
	if (!check_twins(run, false, err) && !check_twins(run, true, err))
		return 0;
	err->code = ERR_UNSAFE;
	return err_wrap(err, "%s", run->name);
}

static int first_entry(const struct import_run *run, const struct tar_member *m,
		       struct error *err)
{
	if (strcmp(m->path, BUNDLE_MANIFEST_NAME) != 0)
		return 0;
	err_set(err, ERR_FORMAT, "%s: a bundle of itts-pack", run->name);
	return err_hint(err, "install it without --import");
}

int import_scan(struct import_run *run, struct error *err)
{
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	struct tar_member m;
	size_t names = 0;
	bool first = true;
	int more;

	if (import_reader(run, &r, err))
		return -1;
	while ((more = tar_reader_next(r, &m, err)) > 0) {
		if (cancel_check(run->o->cancel, err) ||
		    (first && first_entry(run, &m, err)) ||
		    scan_entry(run, r, &m, &names, err))
			return -1;
		first = false;
	}
	if (more < 0) {
		err_wrap(err, "%s", run->name);
		return tar_has_too_many(r)
			       ? err_hint(err, "a tar may have more")
			       : -1;
	}
	if (run->count > 0) {
		run->cap = run->count; /* what grew beyond that goes back */
		run->entries = xrealloc(run->entries,
					run->cap * sizeof(*run->entries));
		qsort(run->entries, run->count, sizeof(*run->entries), by_path);
	}
	return check_names(run, err);
}
