/* What every test of cache/ needs. cmocka.h wants these headers before it. */
#ifndef ITTS_UNIT_CACHE_H
#define ITTS_UNIT_CACHE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/event.h"
#include "base/str.h"
#include "cache/hfcache.h"
#include "manifest/lock.h"

/* A new empty directory: its descriptor, and its name in path. */
#define TEMP_PATH_MAX 512
int temp_dir(char path[TEMP_PATH_MAX]);
/* Closes it and removes it with all that is in it. */
void temp_dir_end(int dirfd, const char *path);

void assert_ok(int result, const struct error *err);
/* The call failed with this code and these words in its message; clears err. */
void assert_fails(int result, struct error *err, enum err_code code,
		  const char *words);

/* --- files. Those that return nothing must succeed. --------------------------- */
/* Writes a file, making the directories it needs. */
void put_file(int dirfd, const char *path, const void *bytes, size_t len);
void put_text(int dirfd, const char *path, const char *text);
void put_link(int dirfd, const char *path, const char *target);
void put_dir(int dirfd, const char *path);
void remove_file(int dirfd, const char *path);
/* Changes the byte at offset, the size and the mode stay. */
void damage_file(int dirfd, const char *path, off_t offset);
void assert_bytes(int dirfd, const char *path, const void *want, size_t len);
void assert_text(int dirfd, const char *path, const char *want);
void assert_link(int dirfd, const char *path, const char *target);
struct stat stat_of(int dirfd, const char *path); /* follows no link */
bool is_there(int dirfd, const char *path);	  /* follows no link */
size_t count_names(int dirfd, const char *path);  /* 0 if it is not there */
size_t count_fds(void);
/* An empty file system of this size at path/name; false where that cannot be. */
bool mount_small(const char *path, const char *name, size_t size);
void unmount(const char *path, const char *name);
/* Runs fn as a user without rights, in a process of its own; what it returned. */
int run_as_nobody(int (*fn)(void *ctx), void *ctx);

/* --- a store with known content -------------------------------------------------- */
/* Bytes of a file of the sample, from its name and size alone. */
void sample_bytes(const char *name, uint64_t size, struct str *out);
struct lock_repo *sample_repo(struct lock *l, const char *id, char commit);
/* Adds a file with the bytes of its base name; lfs: named by its SHA-256. */
struct lock_file *sample_add(struct lock_repo *r, const char *path,
			     uint64_t size, bool lfs);
void text_add(struct lock_repo *r, const char *path, const char *text,
	      bool lfs);
/* Two repos with equal, empty, nested, oddly named and editable files and views;
 * the second with a Hub view hf_cache. */
void sample_lock(struct lock *out);
struct hfcache *open_store(const char *path, bool create);
void store_blob(struct hfcache *c, const struct lock_repo *r,
		const struct lock_file *f);
/* Blobs, links, listings and refs of the lock. */
void store_all(struct hfcache *c, const struct lock *l);
char *blob_path(const struct lock_repo *r, const struct lock_file *f);
char *snapshot_path(const struct lock_repo *r, const char *path);
char *repo_path(const struct lock_repo *r, const char *sub);

/* Keeps what it was told. */
struct heard {
	unsigned counts[EVENT_WARN + 1];
	uint64_t items, total; /* of the plan */
	struct str texts;      /* of messages and failures, one a line */
};
void heard_event(void *ctx, const struct event *ev);
void heard_release(struct heard *h);

/* The report says exactly this, one "state|where|path|detail" a line, found
 * digests left out; NULL: nothing. */
struct verify_report;
void assert_report(const struct verify_report *r, const char *want);

int run_audit_tests(void);
int run_beneath_tests(void);
int run_blocks_tests(void);
int run_follow_tests(void);
int run_census_tests(void);
int run_checked_tests(void);
int run_hashrun_tests(void);
int run_journal_tests(void);
int run_link_tests(void);
int run_localdir_tests(void);
int run_part_tests(void);
int run_store_tests(void);
int run_fresh_tests(void);
int run_tree_tests(void);
int run_verify_cache_tests(void);
int run_verify_tests(void);
int run_verify_view_tests(void);
int run_view_tests(void);

#endif
