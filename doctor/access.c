/* What keeps this user from a file, and the command that lets him. */
#include "base/mem.h"
#include "doctor/look.h"
#include "doctor/state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 8

static bool may_pass(const char *dir)
{
	return access(dir, X_OK) == 0 || errno != EACCES;
}

/* The first directory on the way that may not be passed; caller frees, NULL: none. */
static char *closed_dir(const char *path)
{
	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		char *dir CLEANUP(free_ptr) = xstrndup(path,
						       (size_t)(p - path));

		if (!may_pass(dir))
			return take_ptr(dir);
	}
	return NULL;
}

/* What path leads to, if it is a link; caller frees, NULL: it is none. */
static char *target_of(const char *path)
{
	char text[PATH_MAX];
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	const char *name = strrchr(path, '/');

	if (n <= 0)
		return NULL;
	text[n] = '\0';
	return *text == '/'
		       ? xstrdup(text)
		       : xasprintf("%.*s/%s", (int)(name - path), path, text);
}

/* A directory on the way to path, or itself; caller frees. */
static char *find_barrier(const char *path)
{
	char *at = xstrdup(path);

	for (int i = 0; i < LINKS_MAX; i++) {
		char *dir = closed_dir(at);
		char *next CLEANUP(free_ptr) = dir ? NULL : target_of(at);

		if (!dir && !next)
			return at;
		free_ptr(&at);
		at = dir ? dir : take_ptr(next);
		if (dir)
			return at;
	}
	return at;
}

static bool is_below(const char *path, const char *dir)
{
	char *a CLEANUP(free_ptr) = NULL, *b CLEANUP(free_ptr) = NULL;
	char *real_dir = realpath(dir, NULL), *real = realpath(path, NULL);
	size_t len;

	a = real_dir ? real_dir : xstrdup(dir);
	b = real ? real : xstrdup(path);
	len = strlen(a);
	return strncmp(a, b, len) == 0 && (!b[len] || b[len] == '/');
}

void remedy_readable(const struct doctor *d, struct finding *f,
		     const char *path)
{
	char *barrier CLEANUP(free_ptr) = find_barrier(path);
	bool inside = is_below(barrier, d->in->model_dir);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct stat st = { .st_uid = geteuid() };

	if (stat(barrier, &st) == 0 && st.st_uid != geteuid())
		str_adds(&text, "sudo ");
	/* what root may not, its owner may: a file system without root's rights */
	if (text.len && geteuid() == 0)
		str_addf(&text, "-u '#%u' ", (unsigned)st.st_uid);
	str_adds(&text, inside		      ? "chmod -R a+rX "
			: S_ISDIR(st.st_mode) ? "chmod a+x "
					      : "chmod a+r ");
	add_shell(&text, inside ? d->in->model_dir : barrier);
	finding_remedy(f, "%s", text.ptr);
}
