/*
 * What the cache holds, from names and at most one fstatat() or readlinkat() an
 * entry: for ls, gc and the quick check. Opens no file but listings and refs.
 * Reads all that Python's client has written since 0.8: links or files of their
 * own in snapshots/, trees/, .no_exist/, blobs that are links into a shared store.
 */
#ifndef ITTS_CENSUS_H
#define ITTS_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "cache/hfcache.h"
#include "manifest/repo.h"

#define CENSUS_NONE SIZE_MAX

enum census_kind {
	CENSUS_BLOB,  /* named by a digest */
	CENSUS_PART,  /* .itts-part, .incomplete */
	CENSUS_TRASH, /* .itts-trash: gc was interrupted */
	CENSUS_OTHER,
};

/* Of a file, as the kernel tells it. */
struct census_stat {
	uint64_t size, disk, dev, ino;
	int64_t mtime, ctime, atime; /* ns since 1970 */
	bool single;		     /* one name only: its space can be freed */
};

struct census_blob {
	char *name; /* in blobs/ */
	enum census_kind kind;
	bool there;    /* a regular file stands behind the name */
	bool is_link;  /* into a shared store */
	unsigned uses; /* by files of snapshots */
	struct census_stat st;
};

struct census_file {
	char *path;  /* in the snapshot */
	size_t blob; /* index; CENSUS_NONE: a file of its own, or broken */
	const char *problem; /* or NULL; text of static storage */
	char *wants;	     /* name of the blob that lacks, or NULL */
	bool foreign;	     /* a link to a file that is no blob of this repo */
	struct census_stat st; /* of a file of its own, or of that one */
};

struct census_revision {
	char *commit; /* name of the directory */
	struct census_file *files;
	size_t file_count, file_cap;
	struct strlist refs;
	uint64_t bytes;	       /* each blob once */
	size_t broken;	       /* files that lead to nothing */
	bool listed;	       /* trees/ has a listing that counts */
	size_t listed_missing; /* files that only the listing has */
	char *failed;	       /* as that of the repo, for its own tree */
	int64_t changed;       /* ns */
};

struct census_ref {
	char *name;
	char commit[41]; /* "" if it says none */
	char *problem;	 /* or NULL */
};

/* What cleaning could free of a file, from little to much need of it. */
enum census_use {
	CENSUS_UNFINISHED, /* a part, or trash */
	CENSUS_UNUSED,	   /* a blob that no snapshot uses */
	CENSUS_DETACHED,   /* only for revisions that no ref names */
	CENSUS_WANTED,
};

/* A file with other names (hard links), in this repo or elsewhere. */
struct census_name {
	uint64_t dev, ino, size, disk;
	enum census_use use; /* the highest of those of its names here */
};

/* Bytes: of each file once, however many names it has. */
struct census_sums {
	uint64_t size;	   /* all blobs and files of their own */
	uint64_t disk;	   /* the same in blocks of the disk */
	uint64_t unused;   /* of these: as CENSUS_UNUSED */
	uint64_t parts;	   /* CENSUS_UNFINISHED */
	uint64_t detached; /* CENSUS_DETACHED */
};

struct census {
	char *folder;
	enum repo_type type;
	char *id;
	struct census_blob *blobs; /* sorted by name */
	size_t blob_count, blob_cap;
	struct census_revision *revisions; /* sorted by commit */
	size_t revision_count, revision_cap;
	struct census_ref *refs; /* sorted by name */
	size_t ref_count, ref_cap;
	struct strlist lacking; /* blobs that snapshots lead to and that are not
				  * there: their names, sorted */
	struct strlist problems; /* what could not be read, and strangers */
	/* why what seems unused may be needed all the same: not all of snapshots/
	 * and refs/ could be read; NULL: it was */
	char *unread;
	/* the first place that the kernel did not let us look into, below the root of
	 * the cache, and why: what it holds is not here; NULL: there is none. What
	 * is so within a snapshot stands at its revision alone */
	char *failed;
	struct census_sums sums;
	struct census_name *names; /* sorted by dev, ino; each file once */
	size_t name_count, name_cap;
	int64_t used, changed; /* ns: last access, last change */
};
void census_release(struct census *c); /* CLEANUP */

enum census_flag {
	CENSUS_LISTINGS = 1, /* also read trees/ */
	CENSUS_FILES = 2,    /* keep blobs and files, not only their sums */
	/* also a folder that is a link out of the cache: only to see what is needed */
	CENSUS_OUTSIDE = 4,
};
/* One repo; what cannot be read is in problems. false: no such folder. */
bool census_repo(struct hfcache *c, const char *folder, unsigned flags,
		 struct census *out);

struct census_all {
	struct census *repos; /* sorted by folder */
	size_t count;
	struct strlist
		others; /* folders of kinds of repositories that only other
				   * clients know (kernels--ORG--NAME), sorted */
	struct strlist strangers; /* what else stands in the cache directory */
	uint64_t shared_bytes;	  /* shared blob store at the top */
};
void census_all_release(struct census_all *a); /* CLEANUP */
/* All of it, on several threads (0: all cores). */
int census_all(struct hfcache *c, unsigned flags, unsigned threads,
	       struct census_all *out, struct error *err) MUST_CHECK;

/* Of several repos together: a file that two of them have by hard links counts once.
 * chosen: one a repo. */
void census_sum(const struct census_all *a, const bool *chosen,
		struct census_sums *out);

/* Names of the folders of all repos, sorted, appended. */
int census_folders(struct hfcache *c, struct strlist *out, struct error *err)
	MUST_CHECK;

/* Borrowed, or NULL. */
const struct census_revision *census_find(const struct census *c,
					  const char *commit);
/* Everything that it should hold is there, as far as links and listing tell. */
bool census_is_whole(const struct census_revision *r);
/* The first that is not NULL of its own `failed` and those of its revisions. */
const char *census_failed(const struct census *c);
void census_read_stat(const struct stat *from, struct census_stat *to);

#endif
