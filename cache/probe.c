#include "cache/probe.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/beneath.h"
#include "cache/hashrun.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POINTER_MAX 1024 /* bytes: Git LFS pointers are smaller */

/* The end of rel that is path, or NULL. */
static char *find_path(char *rel, const char *path)
{
	size_t whole = strlen(rel), len = strlen(path);

	return len <= whole && !strcmp(rel + whole - len, path)
		       ? rel + whole - len
		       : NULL;
}

static void probe_release(struct probe *p)
{
	if (!p->lent && p->path != find_path(p->rel, p->path))
		free_ptr(&p->path);
	free_ptr(&p->rel);
	free_ptr(&p->detail);
}

void probe_set_release(struct probe_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		probe_release(&s->items[i]);
	free_ptr(&s->items);
	s->count = s->cap = 0;
}

void probe_set_take(struct probe_set *s, struct probe_set *from)
{
	s->known_files += from->known_files;
	s->known_bytes += from->known_bytes;
	if (from->count) {
		s->items = xgrow(s->items, &s->cap, s->count + from->count,
				 sizeof(*s->items));
		memcpy(s->items + s->count, from->items,
		       from->count * sizeof(*s->items));
	}
	s->count += from->count;
	free_ptr(&from->items);
	*from = (struct probe_set){ 0 };
}

static bool is_pointer(int fd)
{
	static const char magic[] =
		"version https://git-lfs.github.com/spec/v1";
	struct error ignored = { 0 };
	char text[sizeof(magic) - 1];
	size_t got;

	return !file_pread_full(fd, text, sizeof(text), 0, &got, "pointer",
				&ignored) &&
	       got == sizeof(text) && !memcmp(text, magic, sizeof(text));
}

bool probe_knows(struct probe_set *s, const struct stat *st,
		 const struct digest *want)
{
	bool first = false;

	if (!s->checked || !checked_knows(s->checked, st, want, &first))
		return false;
	s->known_files++;
	s->known_bytes += first ? (uint64_t)st->st_size : 0;
	return true;
}

/* The cheap way first: nothing is opened. */
static bool is_known(struct probe_set *s, const struct probe *p)
{
	struct stat st;

	return s->checked && s->checked->quick &&
	       beneath_stat(p->dirfd, p->rel, &st) == BENEATH_FILE &&
	       (p->size == UINT64_MAX || p->size == (uint64_t)st.st_size) &&
	       probe_knows(s, &st, &p->want);
}

static void look(struct probe *p)
{
	bool sized = p->size != UINT64_MAX;
	int fd CLEANUP(close_fd) = -1;
	struct stamp stamp;
	struct stat st;
	enum beneath b = beneath_open(p->dirfd, p->rel, &fd, &st);

	if (b == BENEATH_MISSING) {
		p->state = VERIFY_MISSING;
		return;
	}
	if (b != BENEATH_FILE) {
		p->state = b == BENEATH_FAILED ? VERIFY_UNREADABLE
					       : VERIFY_NOT_FILE;
		p->detail = xstrdup(b == BENEATH_FAILED ? strerrordesc_np(errno)
							: beneath_text(b));
		return;
	}
	stamp_read(&stamp, &st);
	p->dev = stamp.dev;
	p->ino = stamp.ino;
	p->mtime = stamp.mtime;
	p->ctime = stamp.ctime;
	if (st.st_size < POINTER_MAX && is_pointer(fd) &&
	    !(sized && p->size == (uint64_t)st.st_size)) {
		p->state = VERIFY_POINTER;
	} else if (sized && p->size != (uint64_t)st.st_size) {
		p->state = VERIFY_WRONG_SIZE;
		p->detail = xasprintf("%" PRIu64 " bytes, expected %" PRIu64,
				      (uint64_t)st.st_size, p->size);
	}
	if (!sized)
		p->size = (uint64_t)st.st_size;
}

void probe_add(struct probe_set *s, const struct probe *like)
{
	struct probe *p;

	if (is_known(s, like))
		return;
	s->items = xgrow(s->items, &s->cap, s->count + 1, sizeof(*s->items));
	p = &s->items[s->count++];
	*p = *like;
	p->rel = xstrdup(like->rel);
	if (!p->lent)
		p->path = find_path(p->rel, like->path);
	if (!p->path)
		p->path = xstrdup(like->path);
	p->detail = NULL;
	p->state = VERIFY_OK;
	look(p);
}

static int open_probe(void *ctx, const struct hash_task *task, int *fd,
		      uint64_t *offset, struct error *err)
{
	const struct probe *p = task->item;
	struct stat st;

	(void)ctx;
	*offset = 0;
	return beneath_open(p->dirfd, p->rel, fd, &st) == BENEATH_FILE
		       ? 0
		       : err_sys(err, errno, "%s", p->path);
}

static int by_inode(const void *a, const void *b)
{
	const struct probe *x = *(const struct probe *const *)a;
	const struct probe *y = *(const struct probe *const *)b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return digest_cmp(&x->want, &y->want);
}

static void judge(struct probe *p, const struct hash_task *t)
{
	char hex[DIGEST_HEX_MAX];

	if (t->failed == ERR_INTEGRITY) {
		p->state = VERIFY_WRONG_SIZE;
		p->detail = xstrdup("became shorter while it was read");
	} else if (t->failed) {
		p->state = VERIFY_UNREADABLE;
		p->detail = xstrdup(t->sys ? strerrordesc_np(t->sys)
					   : "cannot be read");
	} else if (!digest_equal(&t->got, &t->want)) {
		p->state = VERIFY_WRONG_DIGEST;
		p->detail = xasprintf("found %s", digest_hex(&t->got, hex));
	}
}

/* Same file and same wish: one task. Returns the tasks; of[i] is the task of
 * sorted[i]. */
static struct hash_task *plan(struct probe **sorted, size_t count, size_t *of,
			      size_t *task_count)
{
	struct hash_task *tasks = xcalloc(count + 1, sizeof(*tasks));
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct probe *p = sorted[i];

		if (i && !by_inode(&sorted[i - 1], &sorted[i])) {
			of[i] = n - 1;
			continue;
		}
		of[i] = n;
		tasks[n++] = (struct hash_task){ .item = p,
						 .name = p->path,
						 .size = p->size,
						 .want = p->want };
	}
	*task_count = n;
	return tasks;
}

/* What is right, and was not changed while it was read. */
static void remember(struct probe_set *s, const struct probe *p)
{
	const struct stamp then = { .dev = p->dev,
				    .ino = p->ino,
				    .size = p->size,
				    .mtime = p->mtime,
				    .ctime = p->ctime };
	struct stamp now;
	struct stat st;

	if (!s->checked || beneath_stat(p->dirfd, p->rel, &st) != BENEATH_FILE)
		return;
	stamp_read(&now, &st);
	if (stamp_same(&now, &then))
		checked_add(s->checked, &now, &p->want);
}

/* Into the report, which grows as the set goes: there may be many. */
static void report(struct probe_set *s, struct verify_report *out)
{
	out->files += s->known_files;
	out->bytes += s->known_bytes;
	out->known_files += s->known_files;

	for (size_t i = 0; i < s->count; i++) {
		struct probe *p = &s->items[i];

		if (p->state != VERIFY_OK) {
			verify_report_add(out, p->state, p->where, p->path,
					  p->size, p->detail);
		} else {
			out->files++;
			remember(s, p);
		}
		probe_release(p);
	}
	s->count = 0;
}

int probe_run(struct probe_set *s, const struct verify_options *o,
	      struct verify_report *out, struct error *err)
{
	struct probe **sorted CLEANUP(free_ptr) = xcalloc(
		s->count + 1, sizeof(struct probe *));
	size_t *of CLEANUP(free_ptr) = xcalloc(s->count + 1, sizeof(*of));
	struct hash_task *tasks CLEANUP(free_ptr) = NULL;
	struct hash_run run = { .threads = o->threads,
				.open = open_probe,
				.cancel = o->cancel,
				.sink = o->sink,
				.phase = "verify" };
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].state == VERIFY_OK)
			sorted[count++] = &s->items[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), by_inode);
	tasks = plan(sorted, count, of, &run.count);
	run.tasks = tasks;
	if (hash_run(&run, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		judge(sorted[i], &tasks[of[i]]);
		/* bytes that were read for several names count once */
		if (sorted[i]->state == VERIFY_OK && (!i || of[i] != of[i - 1]))
			out->bytes += sorted[i]->size;
	}
	free_ptr(&tasks);
	report(s, out);
	return 0;
}
