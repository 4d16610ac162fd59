/* What a run has made in a cache on the way and nothing came of: directories that are
 * empty, locks of blobs that did not come. They go again when the cache is closed, so
 * that what is refused leaves the disk as it was. */
#ifndef ITTS_TRACES_H
#define ITTS_TRACES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct hfcache;

/* A repo that this run works in, and what was there before. */
struct trace {
	char *folder;
	bool had_folder, had_blobs, had_snapshots, had_refs, had_locks;
};

struct traces {
	struct trace *items;
	size_t count, cap;
	atomic_size_t unnamed; /* locks taken of blobs that have no name yet */
	atomic_bool came;      /* something stays: blob, part, link, ref */
	bool had_lock;	       /* HFCACHE_INSTALL_LOCK */
};

void traces_begin(struct hfcache *c);
/* Before anything of the repo is made. Any thread. */
void traces_note(struct hfcache *c, const char *folder);
/* The lock of a blob was taken; a blob that is locked got its name. Any thread. */
void traces_locked(struct hfcache *c);
void traces_named(struct hfcache *c);
/* Something else than a blob is there for good. */
void traces_came(struct hfcache *c);
/* Before the cache is closed. Where another process is at work in a repo, ours or a
 * Python client, all of it stays. */
void traces_end(struct hfcache *c);

#endif
