#include "cache/blocks.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/follow.h"
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct blocks {
	struct hfcache_part part;
	struct journal journal;
	char *journal_name; /* in blobs/ */
	int journal_fd;	    /* -1: what is there is not looked at yet */
	struct follow *follow;
	uint32_t front;	  /* first block that is missing */
	uint32_t missing; /* how many are */
	bool committed;
	_Atomic bool closing;
};
#define RESERVE_STEP ((uint64_t)64 << 20)

/* --- open and close ------------------------------------------------------------- */

/* An empty journal if there is none that can be believed: then nothing in the part
 * can be, either. */
static int read_journal(struct blocks *b, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error bad = { 0 };
	struct stat st;

	if (fstat(b->part.fd, &st))
		return store_part_failed(&b->part, errno, "", err);
	if (st.st_size == 0)
		return 0;
	if ((uint64_t)st.st_size <= b->part.size &&
	    file_read_all(b->part.dirfd, b->journal_name, JOURNAL_LIMIT, &text,
			  &bad) == 0 &&
	    journal_parse(&b->journal, text.ptr, text.len, &bad) == 0)
		return 0;
	return hfcache_part_restart(&b->part, err);
}

static struct blocks *make_blocks(const struct lock_file *file)
{
	struct blocks *b = xcalloc(1, sizeof(*b));
	char hex[DIGEST_HEX_MAX];

	b->part = (struct hfcache_part)HFCACHE_PART_INIT;
	b->journal_fd = -1;
	b->journal_name = xasprintf("%s" JOURNAL_SUFFIX,
				    digest_hex(&file->etag, hex));
	journal_init(&b->journal, &file->etag, &file->sha256, file->size);
	return b;
}

int blocks_open(struct blocks **out, struct hfcache *c,
		const struct lock_repo *repo, const struct lock_file *file,
		int lockfd, struct error *err)
{
	struct blocks *b CLEANUP(blocks_close) = make_blocks(file);

	if (store_part_open(&b->part, c, repo, file, lockfd, err) ||
	    read_journal(b, err))
		return -1;
	*out = take_ptr(b);
	return 0;
}

/* Memory has no layout that could be good or bad, and giving out its pages takes as
 * long as writing does. */
static bool is_memory(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_type == TMPFS_MAGIC;
}

/* Space for all of it, in steps: some file systems let nobody write meanwhile. */
static int reserve(void *ctx, struct error *err)
{
	struct blocks *b = ctx;

	if (is_memory(b->part.fd))
		return 0;
	for (uint64_t at = 0; at < b->part.size; at += RESERVE_STEP) {
		if (atomic_load(&b->closing))
			return 0;
		if (store_part_reserve(&b->part, at, RESERVE_STEP, err))
			return -1;
	}
	return 0;
}

int blocks_start(struct blocks *b, void (*wake)(void *ctx), void *ctx,
		 struct error *err)
{
	const struct follow_hooks hooks = { .prepare = reserve,
					    .prepare_ctx = b,
					    .wake = wake,
					    .wake_ctx = ctx };

	return follow_start(&b->follow, b->part.fd, &b->journal, &hooks, err);
}

static bool holds_nothing(const struct blocks *b)
{
	for (uint32_t i = 0; i < b->journal.count; i++)
		if (b->journal.blocks[i].have)
			return false;
	return true;
}

void blocks_close(struct blocks **blocks)
{
	struct blocks *b = *blocks;
	int saved = errno;

	if (!b)
		return;
	*blocks = NULL;
	atomic_store(&b->closing, true);
	follow_end(&b->follow);
	close_fd(&b->journal_fd);
	/* hfcache_part_close() keeps a part that has something */
	b->part.offset = !holds_nothing(b);
	if (b->part.dirfd >= 0 && (b->committed || !b->part.offset))
		unlinkat(b->part.dirfd, b->journal_name, 0);
	hfcache_part_close(&b->part);
	journal_release(&b->journal);
	free_ptr(&b->journal_name);
	free_ptr(&b);
	errno = saved;
}

/* --- what is there --------------------------------------------------------------- */

const struct journal *blocks_journal(const struct blocks *b)
{
	return &b->journal;
}

static int no_journal(const struct blocks *b, struct error *err)
{
	err_wrap(err, "%s: journal of the download, %s/%s" JOURNAL_SUFFIX,
		 b->part.label, b->part.cache->root, b->part.path);
	return store_hint_space(b->part.cache, err);
}

/* Anew, with nothing in it that was not seen to hold. */
static int rewrite_journal(struct blocks *b, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char *fresh CLEANUP(free_ptr) = xasprintf("%s" JOURNAL_NEW_SUFFIX,
						  b->part.name);

	journal_format(&b->journal, &text);
	/* one name, for only the holder of the blob's lock writes here: what is
	 * there was left by a killed run, perhaps of another user */
	(void)unlinkat(b->part.dirfd, fresh, 0);
	b->journal_fd = openat(b->part.dirfd, fresh,
			       O_WRONLY | O_CREAT | O_EXCL | O_APPEND |
				       O_NOFOLLOW | O_CLOEXEC,
			       0644);
	if (b->journal_fd < 0) {
		err_sys(err, errno, "opening it");
		return no_journal(b, err);
	}
	if (file_write_all(b->journal_fd, text.ptr, text.len, fresh, err))
		return no_journal(b, err);
	if (fsync(b->journal_fd) ||
	    renameat(b->part.dirfd, fresh, b->part.dirfd, b->journal_name)) {
		err_sys(err, errno, "writing it");
		return no_journal(b, err);
	}
	return file_sync_dir(b->part.dirfd, err);
}

static void move_front(struct blocks *b)
{
	while (b->front < b->journal.count && b->journal.blocks[b->front].have)
		b->front++;
	follow_front(b->follow, b->front);
}

int blocks_checked(struct blocks *b, bool *ready, struct error *err)
{
	*ready = follow_checked(b->follow);
	if (!*ready || b->journal_fd >= 0)
		return 0;
	for (uint32_t i = 0; i < b->journal.count; i++)
		b->missing += !b->journal.blocks[i].have;
	if (rewrite_journal(b, err))
		return -1;
	move_front(b);
	return 0;
}

static int append(struct blocks *b, const struct str *line, struct error *err)
{
	if (file_write_all(b->journal_fd, line->ptr, line->len, "writing it",
			   err))
		return no_journal(b, err);
	return 0;
}

int blocks_source(struct blocks *b, const char *text, uint32_t *out,
		  struct error *err)
{
	struct strlist *all = &b->journal.sources;
	struct str line CLEANUP(str_release) = STR_INIT;
	uint32_t i = 0;

	while (i < all->count && strcmp(all->items[i], text) != 0)
		i++;
	*out = i;
	if (i < all->count)
		return 0;
	if (i == JOURNAL_MAX_SOURCES || strlen(text) > JOURNAL_MAX_TEXT ||
	    strchr(text, '\n') || !*text) {
		/* more than anybody needs to know */
		*out = i ? i - 1 : 0;
		return i ? 0
			 : err_set(err, ERR_FORMAT,
				   "%s: a source with a strange name",
				   b->part.label);
	}
	strlist_add(all, text);
	journal_add_source(&b->journal, i, &line);
	return append(b, &line, err);
}

/* --- bytes ------------------------------------------------------------------------ */

int blocks_write(struct blocks *b, uint64_t offset, const void *p, size_t n,
		 struct error *err)
{
	if (!file_pwrite_all(b->part.fd, p, n, offset, b->part.label, err))
		return 0;
	return store_not_written(&b->part, err);
}

static int note(struct blocks *b, uint32_t i, struct error *err)
{
	struct str line CLEANUP(str_release) = STR_INIT;

	journal_add_block(&b->journal, i, &line);
	return append(b, &line, err);
}

int blocks_done(struct blocks *b, uint32_t i, uint64_t sum, uint32_t source,
		struct error *err)
{
	struct journal_block *k = &b->journal.blocks[i];
	bool again = k->have;

	*k = (struct journal_block){ .sum = sum,
				     .source = source,
				     .have = true };
	if (again)
		follow_again(b->follow, i);
	else
		b->missing--;
	if (i == b->front)
		move_front(b);
	return note(b, i, err);
}

int blocks_lose(struct blocks *b, uint32_t i, struct error *err)
{
	if (!b->journal.blocks[i].have)
		return 0;
	b->journal.blocks[i].have = false;
	b->missing++;
	if (i < b->front) {
		b->front = i;
		follow_front(b->follow, i);
		follow_again(b->follow, i);
	}
	return note(b, i, err);
}

/* --- the end ----------------------------------------------------------------------- */

static bool differs(const struct blocks *b, const struct digest *got,
		    const struct digest *want, struct error *why)
{
	char x[DIGEST_HEX_MAX], y[DIGEST_HEX_MAX];

	if (want->alg == DIGEST_NONE || digest_equal(got, want))
		return false;
	err_set(why, ERR_INTEGRITY, "%s: %s %s, expected %s", b->part.label,
		want->alg == DIGEST_SHA256 ? "sha256" : "git sha1",
		digest_hex(got, x), digest_hex(want, y));
	return true;
}

/* A second fsync() would say yes to bytes that are lost, and memory still has those
 * that the journal vouches for: no later run may see them. */
static int not_on_disk(struct blocks *b, struct error *err)
{
	for (uint32_t i = 0; i < b->journal.count; i++)
		b->journal.blocks[i].have = false;
	err_wrap(err, "%s: %s/%s" PART_SUFFIX, b->part.label,
		 b->part.cache->root, b->part.path);
	return store_hint_space(b->part.cache, err);
}

int blocks_verdict(struct blocks *b, enum blocks_verdict *out,
		   struct error *why, struct error *err)
{
	struct follow_result r;

	*out = BLOCKS_OPEN;
	if (b->journal_fd < 0 || !follow_result(b->follow, &r))
		return 0;
	if (r.err.code != ERR_NONE) {
		*err = r.err;
		return r.unsynced ? not_on_disk(b, err)
				  : err_wrap(err, "%s: %s/%s" PART_SUFFIX,
					     b->part.label, b->part.cache->root,
					     b->part.path);
	}
	if (b->missing)
		return 0;
	*out = differs(b, &r.etag, &b->part.etag, why) ||
			       differs(b, &r.sha256, &b->part.sha256, why)
		       ? BLOCKS_WRONG
		       : BLOCKS_RIGHT;
	b->part.got = r.sha256;
	return 0;
}

int blocks_commit(struct blocks *b, struct error *err)
{
	/* the follower has hashed it, and it is on disk */
	b->part.offset = b->part.size;
	b->part.adopted = true;
	if (hfcache_part_commit(&b->part, NULL, err))
		return -1;
	b->committed = true;
	return 0;
}
