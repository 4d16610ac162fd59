#include "cache/verify.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/probe.h"
#include "cache/store.h"
#include "cache/verify_priv.h"
#include "cache/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXTRAS_MAX 1000
#define DEPTH_MAX  64

struct extras {
	const char *where;
	int dirfd;
	struct strlist files; /* sorted */
	struct strlist folders;
	struct verify_report *out;
	unsigned found;
};

/* Paths that belong to a lock: its views, and the folders of its Hub views. */
static void add_known(void *ctx, const struct lock *l)
{
	struct extras *x = ctx;

	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		if (r->hub_view) {
			char *folder CLEANUP(free_ptr) = repo_folder(r->type,
								     r->id);

			strlist_take(&x->folders,
				     xasprintf("%s/%s", r->hub_view, folder));
		}
		for (size_t k = 0; k < r->file_count; k++)
			for (char **v = r->files[k].views; v && *v; v++)
				strlist_add(&x->files, *v);
	}
}

/* Set aside by an install: "NAME.orig", "NAME.orig.7". */
static bool is_set_aside(const char *name)
{
	const char *orig = strstr(name, ".orig");

	if (orig && orig[5] == '.' && orig[6])
		return !orig[6 + strspn(orig + 6, "0123456789")];
	return str_ends(name, ".orig");
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static void find_extras(struct extras *x, const char *dir, unsigned depth)
{
	struct dirent **names = NULL;
	int fd CLEANUP(close_fd) = beneath_open_dir(x->dirfd, *dir ? dir : ".");
	int n = fd < 0 ? -1 : scandirat(fd, ".", &names, not_dots, alphasort);

	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		char *path CLEANUP(free_ptr) = xasprintf("%s%s%s", dir,
							 *dir ? "/" : "", name);
		struct stat st;

		if (x->found >= EXTRAS_MAX ||
		    fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
			/* enough, or gone meanwhile */
		} else if (S_ISDIR(st.st_mode)) {
			if (strcmp(path, VIEW_RECORD_DIR) &&
			    !strlist_has(&x->folders, path) &&
			    depth < DEPTH_MAX)
				find_extras(x, path, depth + 1);
		} else if (!strlist_sorted_has(&x->files, path) &&
			   !is_set_aside(name)) {
			x->found++;
			verify_report_add(
				x->out,
				verify_is_leftover(name) ? VERIFY_LEFTOVER
							 : VERIFY_EXTRA,
				x->where, path, (uint64_t)st.st_size, NULL);
		}
		free(names[i]);
	}
	free(names);
}

/* Files that neither this lock nor another record of the directory names. */
static void report_extras(int dirfd, const char *model_dir,
			  const struct lock *l, struct verify_report *out)
{
	struct extras x = { .where = model_dir, .dirfd = dirfd, .out = out };

	add_known(&x, l);
	view_other_records(model_dir, l, add_known, &x);
	strlist_sort(&x.files);
	find_extras(&x, "", 0);
	strlist_release(&x.files);
	strlist_release(&x.folders);
}

static void collect_flat(int dirfd, const char *model_dir,
			 const struct lock_repo *r, struct probe_set *probes)
{
	for (size_t i = 0; i < r->file_count; i++) {
		const struct lock_file *f = &r->files[i];

		for (char **v = f->views; v && *v; v++)
			probe_add(probes, &(struct probe){ .dirfd = dirfd,
							   .rel = (char *)*v,
							   .where = model_dir,
							   .path = (char *)*v,
							   .size = f->size,
							   .want = f->sha256 });
	}
}

/* The Hub view of a repo is a cache of its own. */
static void collect_hub(int dirfd, const char *where, const struct lock_repo *r,
			struct hfcache **hub, struct probe_set *probes,
			struct verify_report *out)
{
	int fd = beneath_open_dir(dirfd, r->hub_view);

	if (fd < 0) {
		verify_report_add(out, VERIFY_MISSING, where, r->id, 0,
				  strerrordesc_np(errno));
		return;
	}
	store_from_fd(hub, fd, where, false);
	verify_collect_repo(*hub, r, where, probes, out);
}

struct hub_views {
	struct hfcache **caches;
	char **names;
	size_t count;
};

static void hub_views_release(struct hub_views *h)
{
	for (size_t i = 0; i < h->count; i++) {
		hfcache_close(&h->caches[i]);
		free_ptr(&h->names[i]);
	}
	free_ptr(&h->caches);
	free_ptr(&h->names);
}

int verify_model_dir(const char *model_dir, const struct lock *l,
		     const struct verify_options *o, struct verify_report *out,
		     struct error *err)
{
	struct probe_set probes CLEANUP(probe_set_release) = {
		.checked = o->checked,
	};
	struct hub_views hubs CLEANUP(hub_views_release) = {
		.caches = xcalloc(l->repo_count + 1, sizeof(struct hfcache *)),
		.names = xcalloc(l->repo_count + 1, sizeof(char *)),
		.count = l->repo_count,
	};
	int dirfd CLEANUP(close_fd) = -1;

	if (file_open(AT_FDCWD, model_dir, O_DIRECTORY, &dirfd, err))
		return -1;
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		collect_flat(dirfd, model_dir, r, &probes);
		if (!r->hub_view)
			continue;
		hubs.names[i] = xasprintf("%s/%s: %s", model_dir, r->hub_view,
					  r->id);
		collect_hub(dirfd, hubs.names[i], r, &hubs.caches[i], &probes,
			    out);
	}
	if (probe_run(&probes, o, out, err))
		return -1;
	probe_set_release(&probes);
	report_extras(dirfd, model_dir, l, out);
	verify_report_sort(out);
	return 0;
}
