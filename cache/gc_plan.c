#include "cache/gc.h"
#include "cache/gc_priv.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/held.h"
#include "cache/lease.h"
#include "cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

const char *gc_kind_name(enum gc_kind k)
{
	static const char *const names[GC_KINDS] = {
		[GC_BLOB] = "unused blob",
		[GC_PART] = "unfinished download",
		[GC_TRASH] = "left by an interrupted gc",
		[GC_LINK] = "temporary name",
		[GC_REVISION] = "revision",
		[GC_REPO] = "repository",
	};

	return names[k];
}

const char *gc_state_name(enum gc_state s)
{
	static const char *const names[GC_STATES] = {
		[GC_PLANNED] = "to be deleted",
		[GC_DELETED] = "deleted",
		[GC_YOUNG] = "too young",
		[GC_LOCKED] = "in use",
		[GC_OPEN] = "open",
		[GC_NEEDED] = "needed again",
		[GC_FAILED] = "failed",
	};

	return names[s];
}

void gc_report_release(struct gc_report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free_ptr(&r->items[i].folder);
		free_ptr(&r->items[i].path);
		free_ptr(&r->items[i].trash);
		free_ptr(&r->items[i].detail);
	}
	free_ptr(&r->items);
	*r = (struct gc_report){ 0 };
}

uint64_t gc_bytes(const struct gc_report *r, enum gc_state state)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->items[i].state == state && r->items[i].frees)
			sum += r->items[i].size;
	return sum;
}

/* --- one repo ------------------------------------------------------------------ */

struct planner {
	struct hfcache *cache;
	const struct census *repo;
	const struct gc_rules *rules;
	const struct inuse *inuse;
	const struct foreign *foreign;
	struct gc_report *out;
	int64_t oldest; /* ns: what has changed since then is too young */
	struct held locks;
	int held;      /* by a client, some of it; -1: not looked yet */
	bool *dropped; /* one a revision */
	bool *wanted;  /* one a blob: by a revision that stays */
	bool *touched; /* one a blob: by a revision that goes */
};

static void planner_release(struct planner *p)
{
	held_close(&p->locks);
	free_ptr(&p->dropped);
	free_ptr(&p->wanted);
	free_ptr(&p->touched);
}

static struct gc_item *add(struct gc_report *out, enum gc_kind kind,
			   const char *folder, const char *path)
{
	struct gc_item *it;

	out->items = xgrow(out->items, &out->cap, out->count + 1,
			   sizeof(*out->items));
	it = &out->items[out->count++];
	it->kind = kind;
	it->folder = xstrdup(folder);
	it->path = xstrdup(path);
	return it;
}

static bool is_young(const struct planner *p, const struct census_stat *st)
{
	return st->mtime > p->oldest || st->ctime > p->oldest;
}

static void judge(struct planner *p, struct gc_item *it,
		  const struct census_stat *st)
{
	pid_t pid = inuse_by(p->inuse, st->dev, st->ino);

	it->size = st->size;
	it->dev = st->dev;
	it->ino = st->ino;
	it->frees = st->single;
	if (pid) {
		it->state = GC_OPEN;
		it->detail = xasprintf("process %d", (int)pid);
	} else if (is_young(p, st)) {
		it->state = GC_YOUNG;
	}
}

/* The same for what has a lock of Python's client. */
static void judge_locked(struct planner *p, struct gc_item *it,
			 const struct census_blob *b)
{
	judge(p, it, &b->st);
	if (it->state == GC_PLANNED && held_blob(&p->locks, b->name))
		it->state = GC_LOCKED;
}

/* Who has a file of it open, 0 if nobody. */
static pid_t revision_user(const struct planner *p,
			   const struct census_revision *r)
{
	pid_t pid = 0;

	for (size_t i = 0; i < r->file_count && !pid; i++) {
		const struct census_file *f = &r->files[i];
		const struct census_stat *st =
			f->blob == CENSUS_NONE ? &f->st
					       : &p->repo->blobs[f->blob].st;

		if (st->ino)
			pid = inuse_by(p->inuse, st->dev, st->ino);
	}
	return pid;
}

static void mark(const struct census_revision *r, bool *blobs)
{
	for (size_t i = 0; i < r->file_count; i++)
		if (r->files[i].blob != CENSUS_NONE)
			blobs[r->files[i].blob] = true;
}

/* What is being fetched may be for any of its snapshots. */
static bool is_held(struct planner *p)
{
	if (p->held < 0)
		p->held = held_any(&p->locks);
	return p->held;
}

static void spare_held(struct planner *p, struct gc_item *it)
{
	if (is_held(p)) {
		it->state = GC_LOCKED;
	} else if (p->locks.failed) {
		it->state = GC_FAILED;
		it->detail = xasprintf("left alone, its locks cannot be looked "
				       "at: .locks/%s: %s",
				       p->repo->folder,
				       strerrordesc_np(p->locks.failed));
	}
}

static void plan_revision(struct planner *p, size_t n)
{
	const struct census_revision *r = &p->repo->revisions[n];
	bool drop = p->rules->drop && p->rules->drop(p->rules->ctx, p->repo, r);
	char *path CLEANUP(free_ptr) = NULL;
	struct gc_item *it;
	pid_t pid;

	if (!drop) {
		mark(r, p->wanted);
		if (!r->refs.count) {
			p->out->detached++;
			p->out->detached_bytes += r->bytes;
		}
		return;
	}
	path = xasprintf("snapshots/%s", r->commit);
	it = add(p->out, GC_REVISION, p->repo->folder, path);
	for (size_t i = 0; i < r->file_count; i++)
		if (r->files[i].blob == CENSUS_NONE)
			it->size += r->files[i].st.size;
	it->frees = true;
	pid = revision_user(p, r);
	if (pid) {
		it->state = GC_OPEN;
		it->detail = xasprintf("process %d", (int)pid);
	} else if (r->changed > p->oldest) {
		it->state = GC_YOUNG;
	} else {
		spare_held(p, it);
	}
	p->dropped[n] = it->state == GC_PLANNED;
	mark(r, p->dropped[n] ? p->touched : p->wanted);
}

/* However young or open: what it was taken from may be waiting for it. */
static void plan_trash(struct planner *p, const char *path,
		       const struct census_stat *st)
{
	struct gc_item *it = add(p->out, GC_TRASH, p->repo->folder, path);
	char origin[512];

	judge(p, it, st);
	if (it->state == GC_YOUNG)
		it->state = GC_PLANNED;
	if (gc_trash_origin(path_base(path), origin, sizeof(origin)) &&
	    strlist_sorted_has(&p->repo->lacking, origin)) {
		free_ptr(&it->detail);
		it->state = GC_NEEDED;
	}
}

/* Nothing that could be read needs it. */
static void judge_blob(struct planner *p, struct gc_item *it,
		       const struct census_blob *b)
{
	judge_locked(p, it, b);
	if (b->is_link) {
		/* what it leads to stays */
		it->size = 0;
		it->frees = false;
	}
	if (it->state != GC_PLANNED || !p->foreign->unread)
		return;
	it->state = GC_FAILED;
	it->detail = xasprintf("left alone, not all that may need it can be "
			       "read: %s",
			       p->foreign->unread);
}

static void plan_blob(struct planner *p, size_t n)
{
	const struct census_blob *b = &p->repo->blobs[n];
	char *path CLEANUP(free_ptr) = xasprintf("blobs/%s", b->name);
	bool foreign = b->st.ino && foreign_has(p->foreign, b, NULL);
	struct gc_item *it;

	/* that a blob is needed from elsewhere is nothing to report */
	if (b->kind == CENSUS_OTHER || p->wanted[n] || foreign)
		return;
	if (b->kind == CENSUS_BLOB && (p->rules->garbage || p->touched[n])) {
		it = add(p->out, GC_BLOB, p->repo->folder, path);
		judge_blob(p, it, b);
	} else if (b->kind == CENSUS_PART && p->rules->garbage) {
		it = add(p->out, GC_PART, p->repo->folder, path);
		judge_locked(p, it, b);
	} else if (b->kind == CENSUS_TRASH && p->rules->garbage) {
		plan_trash(p, path, &b->st);
	}
}

/* "main.0a1b2c3d.tmp": Python's client, interrupted while it wrote a ref; or our
 * own, store_temp_name(). Other names may be those of a repository's files. */
static bool is_temp(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = 1 + 8 + strlen(suffix);

	return len > tail && str_ends(name, suffix) &&
	       name[len - tail] == '.' &&
	       strspn(name + len - tail + 1, "0123456789abcdef") == 8;
}

static void plan_link(struct planner *p, const char *path)
{
	char *full CLEANUP(free_ptr) = xasprintf("%s/%s", p->repo->folder,
						 path);
	struct census_stat cs;
	struct stat st;

	if (fstatat(p->cache->fd, full, &st, AT_SYMLINK_NOFOLLOW))
		return;
	census_read_stat(&st, &cs);
	judge(p, add(p->out, GC_LINK, p->repo->folder, path), &cs);
}

static void plan_temps(struct planner *p)
{
	const struct census *c = p->repo;

	for (size_t i = 0; i < c->revision_count; i++)
		for (size_t k = 0; k < c->revisions[i].file_count; k++) {
			const struct census_file *f = &c->revisions[i].files[k];
			char *path CLEANUP(free_ptr) = NULL;

			if (p->dropped[i] ||
			    !is_temp(path_base(f->path), PART_SUFFIX))
				continue;
			path = xasprintf("snapshots/%s/%s",
					 c->revisions[i].commit, f->path);
			plan_link(p, path);
		}
	for (size_t i = 0; i < c->ref_count; i++) {
		char *path CLEANUP(free_ptr) = xasprintf("refs/%s",
							 c->refs[i].name);

		if (is_temp(c->refs[i].name, ".tmp") ||
		    is_temp(c->refs[i].name, PART_SUFFIX))
			plan_link(p, path);
	}
}

/* rm of every revision is rm of the repo. */
static bool drops_all(const struct planner *p)
{
	const struct census *c = p->repo;

	if (p->rules->garbage || !p->rules->drop)
		return false;
	for (size_t i = 0; i < c->revision_count; i++)
		if (!p->rules->drop(p->rules->ctx, c, &c->revisions[i]))
			return false;
	/* an empty one is named as such, as has one to be that shows not all */
	return (c->revision_count && !c->unread) ||
	       p->rules->drop(p->rules->ctx, c, NULL);
}

static void plan_all(struct planner *p)
{
	const struct census *c = p->repo;
	struct gc_item *it = add(p->out, GC_REPO, c->folder, "");
	pid_t pid = 0;

	it->size = c->sums.size;
	it->frees = true;
	for (size_t i = 0; i < c->blob_count && !pid; i++) {
		const struct census_stat *st = &c->blobs[i].st;

		if (!c->blobs[i].there)
			continue;
		pid = inuse_by(p->inuse, st->dev, st->ino);
		if (foreign_has(p->foreign, &c->blobs[i], c->folder)) {
			it->state = GC_NEEDED;
			it->detail = xasprintf("another repository leads to "
					       "blobs/%s",
					       c->blobs[i].name);
			return;
		}
	}
	for (size_t i = 0; i < c->revision_count && !pid; i++)
		pid = revision_user(p, &c->revisions[i]);
	if (pid) {
		it->state = GC_OPEN;
		it->detail = xasprintf("process %d", (int)pid);
	} else {
		spare_held(p, it);
	}
}

/* What seems unused may be needed by what could not be read. */
static void leave(struct planner *p)
{
	struct gc_item *it = add(p->out, GC_REPO, p->repo->folder, "");

	it->state = GC_FAILED;
	it->detail = xasprintf("left alone, not all of it can be read: %s",
			       p->repo->unread);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t oldest_of(const struct gc_rules *rules)
{
	/* without a grace time clocks do not matter */
	if (!rules->grace)
		return INT64_MAX;
	if (rules->grace > (uint64_t)now_ns() / 1000000000)
		return INT64_MIN;
	return now_ns() - (int64_t)rules->grace * 1000000000;
}

void gc_plan_repo(struct hfcache *c, const struct census *repo,
		  const struct gc_rules *rules, const struct inuse *inuse,
		  const struct foreign *foreign, struct gc_report *out)
{
	struct planner p CLEANUP(planner_release) = {
		.cache = c,
		.repo = repo,
		.rules = rules,
		.inuse = inuse,
		.foreign = foreign,
		.out = out,
		.oldest = oldest_of(rules),
		.locks = HELD_INIT,
		.held = -1,
		.dropped = xcalloc(repo->revision_count + 1, sizeof(bool)),
		.wanted = xcalloc(repo->blob_count + 1, sizeof(bool)),
		.touched = xcalloc(repo->blob_count + 1, sizeof(bool)),
	};

	held_open(&p.locks, c, repo->folder);
	if (drops_all(&p)) {
		plan_all(&p);
		return;
	}
	if (repo->unread) {
		leave(&p);
		return;
	}
	for (size_t i = 0; i < repo->revision_count; i++)
		plan_revision(&p, i);
	for (size_t i = 0; i < repo->blob_count; i++)
		plan_blob(&p, i);
	if (rules->garbage)
		plan_temps(&p);
}

/* --- all of them --------------------------------------------------------------- */

int gc_folders(struct hfcache *c, const struct gc_rules *rules,
	       struct strlist *out, struct error *err)
{
	struct strlist all CLEANUP(strlist_release) = { 0 };

	if (census_folders(c, &all, err))
		return -1;
	for (size_t i = 0; i < all.count; i++)
		if (!rules->folders ||
		    strlist_has(rules->folders, all.items[i]))
			strlist_add(out, all.items[i]);
	return 0;
}

bool gc_trash_origin(const char *trash, char *out, size_t cap)
{
	const size_t tail = 1 + 8 + strlen(TRASH_SUFFIX);
	size_t len = strlen(trash);

	if (!str_ends(trash, TRASH_SUFFIX) || len <= tail ||
	    len - tail >= cap || trash[len - tail] != '.')
		return false;
	memcpy(out, trash, len - tail);
	out[len - tail] = '\0';
	return true;
}

bool gc_is_due(const struct gc_item *it)
{
	return it->state == GC_PLANNED ||
	       (it->state == GC_NEEDED && it->kind == GC_TRASH);
}

void gc_lock_out(struct gc_report *out, size_t from)
{
	for (size_t i = from; i < out->count; i++)
		if (gc_is_due(&out->items[i]))
			out->items[i].state = GC_LOCKED;
}

void gc_plan_trash(struct hfcache *c, const struct gc_rules *rules,
		   struct gc_report *out)
{
	DIR *dir = file_dir_open(c->fd, ".locks");
	struct dirent *d;

	while (dir && rules->garbage && (d = readdir(dir)))
		if (str_ends(d->d_name, TRASH_SUFFIX))
			add(out, GC_TRASH, ".locks", d->d_name);
	if (dir)
		closedir(dir);
}

int gc_plan(struct hfcache *c, const struct gc_rules *rules,
	    struct gc_report *out, struct error *err)
{
	struct strlist folders CLEANUP(strlist_release) = { 0 };
	struct inuse inuse CLEANUP(inuse_release) = { 0 };
	struct foreign foreign CLEANUP(foreign_release) = { 0 };

	if (gc_folders(c, rules, &folders, err) ||
	    foreign_read(&foreign, c, rules->cancel, err))
		return -1;
	inuse_read(&inuse);
	out->blind = inuse.blind;
	for (size_t i = 0, from; i < folders.count; i++) {
		struct census repo CLEANUP(census_release) = { 0 };

		if (cancel_check(rules->cancel, err))
			return -1;
		if (!census_repo(c, folders.items[i], CENSUS_FILES, &repo))
			continue;
		from = out->count;
		gc_plan_repo(c, &repo, rules, &inuse, &foreign, out);
		if (from < out->count && lease_is_held(c, folders.items[i]))
			gc_lock_out(out, from);
	}
	gc_plan_trash(c, rules, out);
	return 0;
}
