#include "bundle/volumes.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/bmanifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void volumes_close(struct volumes **v)
{
	if (!*v)
		return;
	for (size_t i = 0; i < (*v)->dir_count; i++)
		close_fd(&(*v)->dirs[i]);
	free_ptr(&(*v)->dirs);
	strlist_release(&(*v)->dir_paths);
	free_ptr(&(*v)->states);
	free_ptr(&(*v)->places);
	free_ptr(&(*v)->card_file);
	free_ptr(&(*v)->base);
	volcard_release(&(*v)->card);
	free_ptr(v);
}

/* --- finding the card -------------------------------------------------------- */

static char *dir_of(const char *path)
{
	const char *base = path_base(path);

	if (base == path)
		return xstrdup(".");
	return xstrndup(path, (size_t)(base - path));
}

/* "x.tar.001" -> "x", "x.tar" -> "x"; NULL: no such name. */
static char *base_of_volume(const char *name)
{
	size_t len = strlen(name), digits = 0;

	while (digits < len && name[len - digits - 1] >= '0' &&
	       name[len - digits - 1] <= '9')
		digits++;
	if (digits < 3 || digits == len || name[len - digits - 1] != '.')
		return NULL;
	len -= digits + 1;
	if (len > 4 && !strncmp(name + len - 4, ".tar", 4))
		len -= 4;
	return len ? xstrndup(name, len) : NULL;
}

static char *card_beside(const char *path)
{
	char *base CLEANUP(free_ptr) = base_of_volume(path_base(path));
	char *dir CLEANUP(free_ptr) = dir_of(path);

	return base ? xasprintf("%s/%s" VOLUMES_CARD, dir, base) : NULL;
}

bool volumes_is(const char *path)
{
	char *card CLEANUP(free_ptr) = card_beside(path);
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	return str_ends(path, VOLUMES_CARD) || (card && !access(card, F_OK));
}

static int is_card(const struct dirent *d)
{
	return d->d_name[0] != '.' && str_ends(d->d_name, VOLUMES_CARD);
}

static int card_in_dir(const char *dir, char **out, struct error *err)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_card, alphasort);

	if (n < 0)
		return err_sys(err, errno, "%s", dir);
	if (n == 1)
		*out = xasprintf("%s/%s", dir, names[0]->d_name);
	else if (n == 0)
		err_set(err, ERR_FORMAT,
			"%s: a directory, not a bundle, and has no "
			"NAME" VOLUMES_CARD
			", the card of one in volumes; copy it there",
			dir);
	else
		err_set(err, ERR_USAGE,
			"%s: has cards of several bundles; give one of them: "
			"%s, %s",
			dir, names[0]->d_name, names[1]->d_name);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return *out ? 0 : -1;
}

bool volumes_in(const char *dir)
{
	char *card CLEANUP(free_ptr) = NULL;
	struct error why = { .code = ERR_NONE };

	return card_in_dir(dir, &card, &why) == 0 || why.code == ERR_USAGE;
}

static int find_card(const char *path, char **out, struct error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return card_in_dir(path, out, err);
	*out = str_ends(path, VOLUMES_CARD) ? xstrdup(path) : card_beside(path);
	if (*out)
		return 0;
	return err_set(err, ERR_NOT_FOUND, "%s: no card of volumes", path);
}

/* --- opening ------------------------------------------------------------------ */

/* dir: an index in dirs */
static char *path_in(const struct volumes *v, size_t dir, const char *name)
{
	const char *path = v->dir_paths.items[dir];

	if (!strcmp(path, "."))
		return xstrdup(name);
	return xasprintf("%s%s%s", path, str_ends(path, "/") ? "" : "/", name);
}

char *volumes_path(const struct volumes *v, size_t i)
{
	const char *name = v->card.volumes[i].file;

	return v->states[i] == VOLUME_ELSEWHERE
		       ? xstrdup(name)
		       : path_in(v, v->places[i], name);
}

static int add_dir(struct volumes *v, const char *path, struct error *err)
{
	int fd;

	if (file_open(AT_FDCWD, path, O_DIRECTORY, &fd, err))
		return -1;
	v->dirs = xgrow(v->dirs, &v->dir_cap, v->dir_count + 1,
			sizeof(*v->dirs));
	v->dirs[v->dir_count++] = fd;
	strlist_add(&v->dir_paths, path);
	return 0;
}

/* The first right one counts, else the first that is there. */
static void look_for(struct volumes *v, size_t i)
{
	const struct volume *one = &v->card.volumes[i];
	struct stat st;

	for (size_t d = 0; d < v->dir_count; d++) {
		if (fstatat(v->dirs[d], one->file, &st, 0) ||
		    !S_ISREG(st.st_mode))
			continue;
		if ((uint64_t)st.st_size == one->size) {
			v->states[i] = VOLUME_HERE;
			v->places[i] = d;
			v->here++;
			return;
		}
		if (v->states[i] == VOLUME_ELSEWHERE) {
			v->states[i] = VOLUME_WRONG_SIZE;
			v->places[i] = d;
		}
	}
}

static int read_card(struct volumes *v, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *name = path_base(v->card_file);

	if (file_read_all(AT_FDCWD, v->card_file, VOLCARD_LIMIT, &text, err))
		return -1;
	if (volcard_parse(&v->card, text.ptr, text.len, err))
		return err_wrap(err, "%s", v->card_file);
	v->base = xstrndup(name, strlen(name) - strlen(VOLUMES_CARD));
	return 0;
}

int volumes_open(struct volumes **out, const char *path,
		 const struct strlist *more, struct error *err)
{
	struct volumes *v CLEANUP(volumes_close) = xcalloc(1, sizeof(*v));
	char *dir CLEANUP(free_ptr) = NULL;

	if (find_card(path, &v->card_file, err))
		return -1;
	dir = dir_of(v->card_file);
	if (add_dir(v, dir, err) || read_card(v, err))
		return -1;
	for (size_t i = 0; more && i < more->count; i++)
		if (add_dir(v, more->items[i], err))
			return -1;
	v->states = xcalloc(v->card.count + 1, 1);
	v->places = xcalloc(v->card.count + 1, sizeof(*v->places));
	for (size_t i = 0; i < v->card.count; i++)
		look_for(v, i);
	*out = take_ptr(v);
	return 0;
}

int volumes_manifest(const struct volumes *v, struct str *out,
		     struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s" VOLUMES_MANIFEST,
						 v->base);
	char *path CLEANUP(free_ptr) = path_in(v, 0, name);
	struct digest d;

	if (file_read_all(AT_FDCWD, path, BUNDLE_MANIFEST_LIMIT, out, err)) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		return err_hint(err,
				"without %s, which begins with the manifest, "
				"this copy of it is needed beside the card",
				v->card.volumes[0].file);
	}
	digest_buf(DIGEST_SHA256, out->ptr, out->len, &d);
	if (digest_equal(&d, &v->card.set))
		return 0;
	err_set(err, ERR_INTEGRITY, "%s: belongs to another set than %s", path,
		v->card_file);
	return err_hint(err, "copy both again from the same set");
}

int volumes_check_sizes(const struct volumes *v, struct error *err)
{
	for (size_t i = 0; i < v->card.count; i++) {
		const struct volume *one = &v->card.volumes[i];
		char *path CLEANUP(free_ptr) = volumes_path(v, i);
		struct stat st;

		if (v->states[i] != VOLUME_WRONG_SIZE ||
		    fstatat(v->dirs[v->places[i]], one->file, &st, 0))
			continue;
		err_set(err, ERR_INTEGRITY,
			"%s: %" PRIu64 " bytes, expected %" PRIu64, path,
			(uint64_t)st.st_size, one->size);
		return err_hint(err, "copy this volume again");
	}
	return 0;
}

/* --- reading ------------------------------------------------------------------- */

int volumes_open_one(const struct volumes *v, size_t i, int *fd,
		     struct error *err)
{
	const struct volume *one = &v->card.volumes[i];
	char *path CLEANUP(free_ptr) = NULL;

	if (v->states[i] != VOLUME_HERE)
		return err_set(err, ERR_NOT_FOUND, "%s: is not here",
			       one->file);
	*fd = openat(v->dirs[v->places[i]], one->file,
		     O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd >= 0)
		return 0;
	path = volumes_path(v, i);
	return err_sys(err, errno, "%s", path);
}

int volumes_open_whole(const struct volumes *v, uint64_t offset, uint64_t size,
		       int *fd, uint64_t *at, struct error *err)
{
	size_t i = volcard_find(&v->card, offset);
	const struct volume *one = &v->card.volumes[i];

	if (i == v->card.count || offset + size > one->offset + one->size)
		return 0;
	*at = offset - one->offset;
	return volumes_open_one(v, i, fd, err);
}

bool volumes_have(const struct volumes *v, uint64_t offset, uint64_t size)
{
	size_t i = volcard_find(&v->card, offset);

	for (; i < v->card.count; i++) {
		if (v->card.volumes[i].offset >= offset + size)
			break;
		if (v->states[i] != VOLUME_HERE)
			return false;
	}
	return true;
}

int volumes_pread(const struct volumes *v, void *buf, size_t n, uint64_t offset,
		  size_t *got, struct error *err)
{
	size_t i = volcard_find(&v->card, offset);

	*got = 0;
	for (; *got < n && i < v->card.count; i++) {
		const struct volume *one = &v->card.volumes[i];
		uint64_t at = offset + *got - one->offset;
		uint64_t left = one->size - at;
		size_t want = n - *got < left ? n - *got : (size_t)left, have;
		char *path CLEANUP(free_ptr) = volumes_path(v, i);
		int fd CLEANUP(close_fd) = -1;

		if (volumes_open_one(v, i, &fd, err) ||
		    file_pread_full(fd, (char *)buf + *got, want, at, &have,
				    path, err))
			return -1;
		if (have < want)
			return err_set(err, ERR_INTEGRITY,
				       "%s: became shorter while it was read",
				       path);
		*got += have;
	}
	return 0;
}

bool volumes_blame(const struct volumes *v, uint64_t offset, uint64_t size,
		   struct error *err)
{
	for (size_t i = volcard_find(&v->card, offset);
	     i < v->card.count && v->card.volumes[i].offset < offset + size;
	     i++) {
		const struct volume *one = &v->card.volumes[i];
		char *path CLEANUP(free_ptr) = volumes_path(v, i);
		int fd CLEANUP(close_fd) = -1;
		struct error ignored = { 0 };
		struct digest got;

		if (v->states[i] != VOLUME_HERE)
			continue;
		if (volumes_open_one(v, i, &fd, &ignored) ||
		    digest_fd(DIGEST_SHA256, fd, 0, one->size, &got,
			      &ignored) ||
		    !digest_equal(&got, &one->sha256)) {
			err_hint(err,
				 "%s is damaged or of another set: copy this "
				 "volume again",
				 path);
			return true;
		}
	}
	return false;
}
