/*
 * The lock: what a manifest resolved to. JSON with canonical bytes, kept in
 * version control by people; described in docs/manifest.md. It stands alone:
 * everything from here on (fetch, pack, verify) needs no manifest.
 */
#ifndef ITTS_LOCK_H
#define ITTS_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "manifest/archive_ref.h"
#include "manifest/manifest.h"
#include "manifest/repo.h"

#define LOCK_VERSION	    1
#define LOCK_NAME	    "itts-pack.lock.json"
#define LOCK_RECORD_DIR	    ".itts-pack" /* in a model directory; no view there */
#define LOCK_LIMIT	    (64u << 20) /* bytes of text */
#define LOCK_MAX_FILES	    100000
#define LOCK_MAX_REPOS	    1000
#define LOCK_MAX_VIEWS	    200000 /* in all */
#define LOCK_MAX_FILE_VIEWS 100	   /* of one file */
#define LOCK_MAX_REFS	    100	   /* of one repo */
#define LOCK_MAX_GROUPS	    100
/* Files that people edit: not LFS and at most this size. Views get copies. */
#define LOCK_EDITABLE_MAX 65536

/* Its strings are the repo's. */
struct lock_file {
	char *path;
	uint64_t size;
	struct digest etag;   /* name of the blob: SHA-256 (LFS) or git SHA-1 */
	struct digest sha256; /* DIGEST_NONE only while locking */
	char *url;	      /* where it is, for files of no hub; or NULL */
	char **views; /* sorted, NULL-terminated, or NULL: paths in a model dir */
};

struct lock_repo {
	enum repo_type type;
	char *id;
	char *revision; /* as asked for */
	char commit[41];
	struct strlist refs;
	char *license, *notice, *hub_view; /* or NULL */
	/* NULL: commit is the Hub's; MIRROR_MODELSCOPE: it is that hub's, and the
	 * Hub knows the files as those of revision */
	char *hub;
	char *git; /* URL of a git repository, whose commit it is; or NULL */
	struct archive_ref archive; /* that the files are in */
	struct mirrors mirrors;
	bool complete;		 /* files are all that the commit has */
	struct lock_file *files; /* sorted by path bytes */
	size_t file_count, file_cap;
	struct arena strings; /* of the files */
};

struct lock {
	char *name;
	struct digest manifest;	 /* SHA-256 of the manifest's text, or none */
	struct strlist groups;	 /* that were on, sorted */
	struct lock_repo *repos; /* in the manifest's order */
	size_t repo_count, repo_cap;
};

/* Checks all that a hostile or hand-edited lock could say: paths, ids, digests,
 * duplicates (also under case and Unicode folding), views that collide, order,
 * limits. ERR_FORMAT, ERR_UNSAFE. */
int lock_parse(struct lock *out, const char *text, size_t len,
	       struct error *err) MUST_CHECK;
/* The same of an open file, from where it stands on; its text is never in memory
 * as a whole. Errors name the file, also those of reading. */
int lock_read(struct lock *out, int fd, const char *name, struct error *err)
	MUST_CHECK;
void lock_format(const struct lock *l, struct str *out); /* canonical bytes */
/* The same bytes, piece by piece: a lock may be long. */
void lock_drain(const struct lock *l,
		void (*drain)(void *ctx, const void *p, size_t n), void *ctx);
void lock_digest(const struct lock *l, struct digest *out); /* of those bytes */
void lock_release(struct lock *l);			    /* CLEANUP */

struct lock_repo *lock_add_repo(struct lock *l); /* zeroed, borrowed */
struct lock_file *lock_add_file(struct lock_repo *r,
				const char *path); /* copies path */
/* The same of a path that is in r->strings already. */
struct lock_file *lock_take_file(struct lock_repo *r, char *path);
void lock_file_set_url(struct lock_repo *r, struct lock_file *f,
		       const char *url); /* copies */
void lock_file_add_view(struct lock_repo *r, struct lock_file *f,
			const char *view); /* copies */
void lock_trim(struct lock_repo *r);	   /* gives back room for more files */
/* Borrowed, or NULL. The repo's files must be sorted. */
struct lock_file *lock_find_file(const struct lock_repo *r, const char *path);
/* Sorts files and views; the check that lock_parse() ends with, for a lock built
 * by hand. A SHA-256 may still lack. ERR_FORMAT, ERR_UNSAFE. */
int lock_finish(struct lock *l, struct error *err) MUST_CHECK;

/* Files that the model includes by their exact name and its groups leave on, but
 * that r (the whole, sorted listing) has not; appended. Patterns may match none. */
void lock_unmatched(const struct lock_repo *r,
		    const struct manifest_model *model,
		    const struct strlist *groups_on, struct strlist *out);

/* The "repos" array, shared with the bundle manifest: the value of the key "repos".
 * Reading refuses unknown keys and is not yet a check: lock_finish() is. */
void lock_put_repos(const struct lock *l, struct json_writer *w);
int lock_read_repos(struct lock *l, struct json_reader *r, struct error *err)
	MUST_CHECK;

bool lock_file_is_lfs(const struct lock_file *f); /* etag is a SHA-256 */
bool lock_file_is_editable(const struct lock_file *f);
uint64_t lock_total(const struct lock *l); /* bytes of distinct payloads */

/* Differences for people, one line each ("+ repo path size", "- ...",
 * "~ repo path: sha256 a -> b"); not gathered: there may be as many as files in both.
 * Returns how many: 0 exactly if the canonical bytes are the same. */
size_t lock_diff_each(const struct lock *from, const struct lock *to,
		      void (*put)(void *ctx, const char *line), void *ctx);

#endif
