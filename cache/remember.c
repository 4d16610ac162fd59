/* Blobs that pass through a store are hashed anyway: what was right is kept for the
 * quick check. */
#include "cache/checked.h"
#include "cache/store.h"

#include "base/mem.h"

#include <string.h>

/* Beyond that a full check will do it. */
#define NOTES_MAX 32768

void store_note(struct hfcache *c, const char *path, const struct stat *before,
		const struct digest *sha256, const struct digest *etag)
{
	struct stamp s;

	if (!c->writable)
		return;
	stamp_read(&s, before);
	pthread_mutex_lock(&c->notes_lock);
	if (c->note_count < NOTES_MAX) {
		c->notes = xgrow(c->notes, &c->note_cap, c->note_count + 1,
				 sizeof(*c->notes));
		c->notes[c->note_count++] = (struct store_note){
			.path = arena_strdup(&c->note_paths, path),
			.dev = s.dev,
			.ino = s.ino,
			.size = s.size,
			.links = before->st_nlink,
			.mtime = s.mtime,
			.ctime = s.ctime,
			.sha256 = *sha256,
			.etag = *etag,
		};
	}
	pthread_mutex_unlock(&c->notes_lock);
}

void store_forget_notes(struct hfcache *c)
{
	arena_release(&c->note_paths);
	free_ptr(&c->notes);
	c->note_count = c->note_cap = 0;
}

/* Still the file of the note? A hard link to it changes its ctime, too. */
static bool is_unchanged(const struct store_note *n, const struct stamp *now,
			 uint64_t links)
{
	return n->dev == now->dev && n->ino == now->ino &&
	       n->size == now->size && n->mtime == now->mtime &&
	       (now->ctime <= n->ctime || links != n->links);
}

void hfcache_remember(struct hfcache *c)
{
	struct checked k CLEANUP(checked_release) = CHECKED_INIT;
	struct error ignored = { 0 };

	if (!c->note_count)
		return;
	checked_open(&k, c->fd, CHECKED_CACHE_DIR, CHECKED_CACHE_NAME, false);
	for (size_t i = 0; i < c->note_count; i++) {
		const struct store_note *n = &c->notes[i];
		struct stamp s;
		struct stat st;

		if (beneath_stat(c->fd, n->path, &st) != BENEATH_FILE)
			continue;
		stamp_read(&s, &st);
		if (!is_unchanged(n, &s, st.st_nlink))
			continue;
		checked_add_made(&k, &s, &n->sha256, &n->etag);
	}
	store_forget_notes(c);
	/* a help and no more */
	if (checked_save(&k, false, &ignored))
		err_clear(&ignored);
}
