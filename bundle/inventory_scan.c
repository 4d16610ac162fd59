/* The blobs of a store, for an inventory. */
#include "bundle/inventory.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/beneath.h"
#include "cache/hashrun.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A blob by its own name: one that is a git SHA-1 is hashed twice. */
struct found {
	char *path; /* below the root */
	struct digest name;
	uint64_t size;
};

struct scan {
	struct hfcache *cache;
	const struct inventory_options *o;
	struct found *list;
	size_t count, cap;
};

static void scan_release(struct scan *s)
{
	for (size_t i = 0; i < s->count; i++)
		free_ptr(&s->list[i].path);
	free_ptr(&s->list);
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

/* Names in a directory of the store, sorted; none if there is no such one, -1 with
 * errno. */
static int list_dir(const struct scan *s, const char *path,
		    struct dirent ***names)
{
	int fd CLEANUP(close_fd) = beneath_open_dir(hfcache_fd(s->cache), path);

	*names = NULL;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	return scandirat(fd, ".", names, not_dots, alphasort);
}

static void look_at(struct scan *s, const char *folder, const char *name)
{
	struct digest digest;
	struct stat st;
	char *path CLEANUP(free_ptr) = NULL;
	enum beneath b;

	if (!digest_from_hex(&digest, name))
		return;
	path = xasprintf("%s/blobs/%s", folder, name);
	b = beneath_stat(hfcache_fd(s->cache), path, &st);
	if (b == BENEATH_FAILED)
		event_warn(s->o->sink, "%s: %s, left out of the inventory",
			   path, strerrordesc_np(errno));
	if (b != BENEATH_FILE || (uint64_t)st.st_size < BUNDLE_ABSENT_MIN)
		return;
	s->list = xgrow(s->list, &s->cap, s->count + 1, sizeof(*s->list));
	s->list[s->count++] = (struct found){ .path = take_ptr(path),
					      .name = digest,
					      .size = (uint64_t)st.st_size };
}

static int look_into(struct scan *s, const char *folder, struct error *err)
{
	char *blobs CLEANUP(free_ptr) = xasprintf("%s/blobs", folder);
	struct dirent **names;
	int n = list_dir(s, blobs, &names);

	if (n < 0)
		return err_sys(err, errno, "%s/%s", hfcache_root(s->cache),
			       blobs);
	for (int i = 0; i < n; i++) {
		look_at(s, folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}

static int look_everywhere(struct scan *s, struct error *err)
{
	struct dirent **names = NULL;
	int rc = 0;
	int n = scandirat(hfcache_fd(s->cache), ".", &names, not_dots,
			  alphasort);

	if (n < 0)
		return err_sys(err, errno, "%s", hfcache_root(s->cache));
	for (int i = 0; i < n; i++) {
		enum repo_type type;
		char *id = NULL;

		if (!rc && !repo_folder_parse(names[i]->d_name, &type, &id))
			rc = look_into(s, names[i]->d_name, err);
		free(id);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int open_found(void *ctx, const struct hash_task *task, int *fd,
		      uint64_t *offset, struct error *err)
{
	const struct scan *s = ctx;
	const struct found *f = task->item;
	struct stat st;
	enum beneath b = beneath_open(hfcache_fd(s->cache), f->path, fd, &st);

	*offset = 0;
	if (b == BENEATH_FILE)
		return 0;
	return err_set(err, ERR_IO, "%s: %s", f->path, beneath_text(b));
}

/* Two tasks for a name that is a git SHA-1: its name, and the SHA-256. */
static size_t add_tasks(const struct scan *s, struct hash_task *tasks)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct found *f = &s->list[i];
		struct hash_task t = { .item = f,
				       .name = f->path,
				       .size = f->size,
				       .want = f->name };

		if (f->name.alg == DIGEST_SHA256 && s->o->quick)
			continue;
		tasks[n++] = t;
		if (f->name.alg == DIGEST_SHA256)
			continue;
		t.want = (struct digest){ 0 }; /* to be learned */
		tasks[n++] = t;
	}
	return n;
}

static void judge(const struct scan *s, const struct hash_task *tasks,
		  size_t count, struct inventory *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct found *f = tasks[i].item;
		bool right = digest_equal(&tasks[i].got, &f->name);

		if (!right)
			event_warn(s->o->sink,
				   "%s: %s, left out of the inventory", f->path,
				   tasks[i].failed ? "cannot be read"
						   : "is damaged");
		if (f->name.alg != DIGEST_SHA256)
			i++; /* the SHA-256 of the same bytes */
		if (right && tasks[i].got.alg == DIGEST_SHA256)
			inventory_add(out, &tasks[i].got, f->size);
	}
}

int inventory_scan(struct inventory *out, struct hfcache *c,
		   const struct inventory_options *o, struct error *err)
{
	struct scan s CLEANUP(scan_release) = { .cache = c, .o = o };
	struct hash_task *tasks CLEANUP(free_ptr) = NULL;
	struct hash_run job = { .threads = o->threads,
				.open = open_found,
				.ctx = &s,
				.cancel = o->cancel,
				.sink = o->sink,
				.phase = "checking what is there" };

	if (look_everywhere(&s, err))
		return -1;
	tasks = xcalloc(2 * s.count + 1, sizeof(*tasks));
	job.tasks = tasks;
	job.count = add_tasks(&s, tasks);
	if (hash_run(&job, err))
		return -1;
	judge(&s, tasks, job.count, out);
	for (size_t i = 0; i < s.count; i++)
		if (o->quick && s.list[i].name.alg == DIGEST_SHA256)
			inventory_add(out, &s.list[i].name, s.list[i].size);
	return inventory_settle(out, err);
}
