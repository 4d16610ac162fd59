/*
 * One component after the other, none of them opened through a link: links are read
 * and their text takes their place. ".." goes back to a directory that was come
 * through and is held open, so that nobody who renames things can lead out.
 */
#include "cache/beneath_walk.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's */
#define DEPTH_MAX 256

struct walk {
	int root;	     /* borrowed */
	int dirs[DEPTH_MAX]; /* below it, those that were come through */
	size_t depth;
	unsigned links;
	char rest[PATH_MAX]; /* what is still to go */
};

static void walk_release(struct walk *w)
{
	int saved = errno;

	while (w->depth)
		close(w->dirs[--w->depth]);
	errno = saved;
}

static int here(const struct walk *w)
{
	return w->depth ? w->dirs[w->depth - 1] : w->root;
}

static int fail(int errnum)
{
	errno = errnum;
	return -1;
}

/* The first component of rest into name. 1; 0: there is none; -1. */
static int next(struct walk *w, char name[NAME_MAX + 1])
{
	size_t skip = strspn(w->rest, "/");
	size_t n = strcspn(w->rest + skip, "/");

	if (n == 0)
		return 0;
	if (n > NAME_MAX)
		return fail(ENAMETOOLONG);
	memcpy(name, w->rest + skip, n);
	name[n] = '\0';
	memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
	return 1;
}

/* The text of a link in front of what is still to go. */
static int follow(struct walk *w, int link)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(link, "", text, sizeof(text) - 1);
	size_t rest = strlen(w->rest);

	if (n < 0)
		return -1;
	if (++w->links > LINKS_MAX)
		return fail(ELOOP);
	if (text[0] == '/')
		return fail(EXDEV);
	/* what is still to go is empty or begins with a slash */
	if ((size_t)n + rest >= sizeof(w->rest))
		return fail(ENAMETOOLONG);
	memmove(w->rest + n, w->rest, rest + 1);
	memcpy(w->rest, text, (size_t)n);
	return 0;
}

static int up(struct walk *w)
{
	if (w->depth == 0)
		return fail(EXDEV);
	close(w->dirs[--w->depth]);
	return 0;
}

/* What name is: *found a file's descriptor (O_PATH), or -1 where the way goes on. */
static int step(struct walk *w, const char *name, int *found)
{
	int fd CLEANUP(close_fd) = -1;
	struct stat st;

	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, ".."))
		return up(w);
	fd = openat(here(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -1;
	if (S_ISLNK(st.st_mode))
		return follow(w, fd);
	if (!S_ISDIR(st.st_mode)) {
		*found = take_fd(&fd);
		return 0;
	}
	if (w->depth == DEPTH_MAX)
		return fail(ELOOP);
	w->dirs[w->depth++] = take_fd(&fd);
	return 0;
}

int beneath_walk(int dirfd, const char *path, int flags)
{
	struct walk w CLEANUP(walk_release) = { .root = dirfd };
	char name[NAME_MAX + 1] = ".";
	int found CLEANUP(close_fd) = -1;
	int more;

	if (path[0] == '/')
		return fail(EXDEV);
	if (!*path)
		return fail(ENOENT);
	if (strlen(path) >= sizeof(w.rest))
		return fail(ENAMETOOLONG);
	memcpy(w.rest, path, strlen(path) + 1);
	while ((more = next(&w, name)) > 0) {
		if (found >= 0)
			return fail(ENOTDIR);
		if (step(&w, name, &found))
			return -1;
	}
	if (more < 0)
		return -1;
	if (found < 0)
		return openat(here(&w), ".", flags | O_CLOEXEC);
	if (w.rest[0] == '/')
		return fail(ENOTDIR);
	if (flags & O_PATH)
		return take_fd(&found);
	/* should it be a link by now, it is not followed */
	return openat(here(&w), name, flags | O_NOFOLLOW | O_CLOEXEC);
}
