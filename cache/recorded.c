#include "cache/recorded.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- the records ---------------------------------------------------------------- */

static int read_record(int dirfd, const char *name, struct lock *out,
		       struct error *err)
{
	char *path CLEANUP(free_ptr) = xasprintf(VIEW_RECORD_DIR "/%s", name);
	int fd CLEANUP(close_fd) = -1;

	if (file_open_read(dirfd, name, &fd, err))
		return err_inside(err, VIEW_RECORD_DIR);
	return lock_read(out, fd, path, err);
}

static int is_record(const struct dirent *d)
{
	return d->d_name[0] != '.' && str_ends(d->d_name, ".lock.json");
}

int recorded_check_dir(const char *model_dir, struct error *err)
{
	struct str word CLEANUP(str_release) = STR_INIT;
	struct stat st;
	bool found = stat(model_dir, &st) == 0;

	if (found && S_ISDIR(st.st_mode))
		return 0;
	if (found || errno != ENOENT)
		return err_sys(err, found ? ENOTDIR : errno,
			       "model directory %s", model_dir);
	str_add_sh(&word, model_dir);
	err_set(err, ERR_NOT_FOUND, "there is no model directory %s",
		model_dir);
	return err_hint(err, "itts-pack install BUNDLE --model-dir %s makes it",
			word.ptr);
}

static int no_records(const char *model_dir, struct error *err)
{
	if (recorded_check_dir(model_dir, err) != 0)
		return -1;
	err_set(err, ERR_NOT_FOUND, "%s: no record of what was installed there",
		model_dir);
	return err_hint(err, "name the lock with --lock FILE");
}

int view_records(const char *model_dir, struct lock **locks, size_t *count,
		 struct error *err)
{
	char *dir CLEANUP(free_ptr) = xasprintf("%s/" VIEW_RECORD_DIR,
						model_dir);
	int dirfd CLEANUP(close_fd) = open(dir,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names = NULL;
	struct lock *list = NULL;
	int n = dirfd < 0 ? -1 : scandir(dir, &names, is_record, alphasort);
	size_t read = 0;
	int rc = 0;

	*locks = NULL;
	*count = 0;
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(err, errno, "%s", dir);
	if (n > 0)
		list = xcalloc((size_t)n, sizeof(*list));
	for (int i = 0; i < n && !rc; i++)
		rc = read_record(dirfd, names[i]->d_name, &list[read++], err);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (n <= 0)
		return no_records(model_dir, err);
	if (rc) {
		for (size_t i = 0; i < read; i++)
			lock_release(&list[i]);
		free(list);
		return err_inside(err, "%s", model_dir);
	}
	*locks = list;
	*count = read;
	return 0;
}

static bool is_text_of(int dirfd, const char *name, const struct digest *want)
{
	int fd CLEANUP(close_fd) = openat(
		dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct error unread = { 0 };
	struct digest got;
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       !digest_fd(want->alg, fd, 0, (uint64_t)st.st_size, &got,
			  &unread) &&
	       digest_equal(&got, want);
}

void view_other_records(const char *model_dir, const struct lock *l,
			void (*use)(void *ctx, const struct lock *l), void *ctx)
{
	char *dir CLEANUP(free_ptr) = xasprintf("%s/" VIEW_RECORD_DIR,
						model_dir);
	int dirfd CLEANUP(close_fd) = open(dir,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names = NULL;
	int n = dirfd < 0 ? 0 : scandir(dir, &names, is_record, alphasort);
	struct digest own;

	lock_digest(l, &own);
	for (int i = 0; i < n; i++) {
		struct lock other CLEANUP(lock_release) = { 0 };
		struct error unread = { 0 };

		if (!is_text_of(dirfd, names[i]->d_name, &own) &&
		    !read_record(dirfd, names[i]->d_name, &other, &unread))
			use(ctx, &other);
		free(names[i]);
	}
	free(names);
}

/* --- by path ---------------------------------------------------------------------- */

struct recorded_file {
	const char *view;
	const struct lock_file *file;
};

void recorded_release(struct recorded *r)
{
	for (size_t i = 0; i < r->lock_count; i++)
		lock_release(&r->locks[i]);
	free_ptr(&r->locks);
	free_ptr(&r->items);
	*r = (struct recorded){ .model_dir = r->model_dir };
}

static int by_view(const void *a, const void *b)
{
	const struct recorded_file *x = a, *y = b;

	return strcmp(x->view, y->view);
}

static void add_file(struct recorded *r, const struct lock_file *f)
{
	for (char **view = f->views; view && *view; view++) {
		r->items = xgrow(r->items, &r->cap, r->count + 1,
				 sizeof(*r->items));
		r->items[r->count++] = (struct recorded_file){ .view = *view,
							       .file = f };
	}
}

static void read_all(struct recorded *r)
{
	struct error none = { 0 };

	r->read = true;
	if (view_records(r->model_dir, &r->locks, &r->lock_count, &none))
		return;
	for (size_t i = 0; i < r->lock_count; i++)
		for (size_t k = 0; k < r->locks[i].repo_count; k++) {
			const struct lock_repo *repo = &r->locks[i].repos[k];

			for (size_t n = 0; n < repo->file_count; n++)
				add_file(r, &repo->files[n]);
		}
	if (r->count)
		qsort(r->items, r->count, sizeof(*r->items), by_view);
}

const struct lock_file *recorded_find(struct recorded *r, const char *view)
{
	const struct recorded_file key = { .view = view };
	const struct recorded_file *found;

	if (!r->read)
		read_all(r);
	found = r->count ? bsearch(&key, r->items, r->count, sizeof(key),
				   by_view)
			 : NULL;
	return found ? found->file : NULL;
}
