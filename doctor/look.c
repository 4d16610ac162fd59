#include "doctor/look.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum look look_at(const char *path, struct stat *st)
{
	struct stat own;

	st = st ? st : &own;
	if (stat(path, st) == 0) {
		if (S_ISREG(st->st_mode))
			return LOOK_FILE;
		return S_ISDIR(st->st_mode) ? LOOK_DIR : LOOK_OTHER;
	}
	if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR)
		return LOOK_DENIED;
	return lstat(path, st) == 0 ? LOOK_DANGLING : LOOK_MISSING;
}

bool look_is_file(const char *path)
{
	return look_at(path, NULL) == LOOK_FILE;
}

bool look_is_dir(const char *path)
{
	return look_at(path, NULL) == LOOK_DIR;
}

int look_open(const char *path, uint64_t *size)
{
	int fd CLEANUP(close_fd) = -1;
	struct stat st;

	/* looked at first: opening a pipe or device could do things */
	if (!look_is_file(path))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -1;
	*size = (uint64_t)st.st_size;
	return take_fd(&fd);
}

bool look_read(const char *path, size_t limit, struct str *out)
{
	uint64_t size;
	int fd CLEANUP(close_fd) = look_open(path, &size);
	struct error unreadable = { 0 };
	char buf[4096];

	if (fd < 0)
		return false;
	while (limit) {
		size_t want = limit < sizeof(buf) ? limit : sizeof(buf), got;

		if (file_read_full(fd, buf, want, &got, path, &unreadable))
			return false;
		str_add(out, buf, got);
		limit -= got;
		if (got < want)
			break;
	}
	return true;
}

bool look_line(const char *path, struct str *out)
{
	if (!look_read(path, 4096, out))
		return false;
	str_truncate(out, strcspn(out->ptr, "\r\n"));
	return out->len > 0;
}

bool look_list(const char *path, size_t limit, struct strlist *out)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	if (!d)
		return false;
	while (out->count < limit && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strlist_add(out, e->d_name);
	closedir(d);
	strlist_sort(out);
	return true;
}

bool look_writable(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
}
