#include "base/path.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>

/* A refused name may be endless; the reason behind it must still be seen. */
#define SHOWN 200

/* NULL: fine; else what is wrong with the characters of path */
static const char *bad_characters(const char *path, size_t len)
{
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(path + i, len - i, &cp);
		if (!n)
			return "is not UTF-8";
		if (utf8_is_control(cp))
			return "contains a control character";
		if (cp == '\\')
			return "contains a backslash";
	}
	return NULL;
}

static const char *bad_component(const char *name, size_t len)
{
	if (!len)
		return "has an empty component";
	if (len > 255)
		return "has a component of more than 255 bytes";
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return "has a \".\" or \"..\" component";
	return NULL;
}

static const char *path_fault(const char *path)
{
	size_t len = strlen(path);
	const char *why;

	if (!len)
		return "is empty";
	if (len > PATH_LIMIT)
		return "is longer than 1024 bytes";
	if (path[0] == '/')
		return "is absolute";
	if (path[len - 1] == '/')
		return "ends in a slash";
	why = bad_characters(path, len);
	for (const char *p = path; !why; p++) {
		size_t n = strcspn(p, "/");

		why = bad_component(p, n);
		p += n;
		if (!*p)
			break;
	}
	return why;
}

int path_check(const char *path, struct error *err)
{
	const char *why = path_fault(path);

	if (why)
		return err_set(err, ERR_UNSAFE, "path \"%.*s\" %s", SHOWN, path,
			       why);
	return 0;
}

static const char *repo_part_fault(const char *p, size_t len)
{
	if (!len)
		return "has an empty part";
	if (len > 96)
		return "has a part of more than 96 characters";
	for (size_t i = 0; i < len; i++)
		if (!isascii(p[i]) ||
		    (!isalnum((unsigned char)p[i]) && !strchr("._-", p[i])))
			return "may only contain letters, digits, '.', '_', "
			       "'-'";
	if (strchr("-.", p[0]) || strchr("-.", p[len - 1]))
		return "has a part that begins or ends with '-' or '.'";
	for (size_t i = 0; i + 1 < len; i++)
		if ((p[i] == '-' || p[i] == '.') && p[i] == p[i + 1])
			return "contains \"--\" or \"..\"";
	if (len >= 4 && !memcmp(p + len - 4, ".git", 4))
		return "has a part that ends in \".git\"";
	return NULL;
}

int repo_id_check(const char *id, struct error *err)
{
	const char *slash = strchr(id, '/'), *why;

	if (slash) {
		why = repo_part_fault(id, (size_t)(slash - id));
		if (!why && strchr(slash + 1, '/'))
			why = "has more than one '/'";
		if (!why)
			why = repo_part_fault(slash + 1, strlen(slash + 1));
	} else {
		why = repo_part_fault(id, strlen(id));
	}
	if (why)
		return err_set(err, ERR_USAGE, "repo id \"%.*s\" %s", SHOWN, id,
			       why);
	return 0;
}

/* The rules of git-check-ref-format(1), without "HEAD"'s special case. */
static const char *revision_fault(const char *r)
{
	const char *why = path_fault(r);

	if (why)
		return why;
	if (r[0] == '-')
		return "begins with '-'";
	if (strpbrk(r, " ~^:?*[\\"))
		return "contains a character that git does not allow";
	if (strstr(r, "..") || strstr(r, "@{") || !strcmp(r, "@"))
		return "contains \"..\" or \"@{\"";
	if (r[strlen(r) - 1] == '.')
		return "ends in '.'";
	for (const char *p = r;; p++) {
		size_t n = strcspn(p, "/");

		if (*p == '.')
			return "has a part that begins with '.'";
		if (n >= 5 && !memcmp(p + n - 5, ".lock", 5))
			return "has a part that ends in \".lock\"";
		p += n;
		if (!*p)
			return NULL;
	}
}

int revision_check(const char *revision, struct error *err)
{
	const char *why = revision_fault(revision);

	if (why)
		return err_set(err, ERR_USAGE, "revision \"%.*s\" %s", SHOWN,
			       revision, why);
	return 0;
}

void url_escape(struct str *out, const char *s, bool keep_slash)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((isascii(c) && isalnum(c)) || strchr("_.-~", c) ||
		    (c == '/' && keep_slash))
			str_addc(out, (char)c);
		else
			str_addf(out, "%%%02X", c);
	}
}

/* Bytes of the leading components that are equal, with their '/'. */
static size_t common_parents(const char *from_dir, const char *to)
{
	size_t same = 0, i = 0;

	for (;; i++) {
		bool from_ends = !from_dir[i] || from_dir[i] == '/';
		bool to_ends = to[i] == '/';

		if (from_ends && to_ends)
			same = i + 1;
		if (!from_dir[i] || from_dir[i] != to[i])
			return same;
	}
}

void path_relative(struct str *out, const char *from_dir, const char *to)
{
	size_t same = common_parents(from_dir, to);
	size_t from_len = strlen(from_dir);

	for (size_t i = same; i < from_len; i++) {
		if (i == same)
			str_adds(out, "../");
		if (from_dir[i] == '/' && i + 1 < from_len)
			str_adds(out, "../");
	}
	str_adds(out, to + same);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

size_t path_new_dirs(const char *path, const char *before)
{
	size_t dirs = 0, i = 0;

	while (path[i] && path[i] == before[i])
		i++;
	for (; path[i]; i++)
		dirs += path[i] == '/';
	return dirs;
}

int path_of_entry(char **out, const char *name, struct error *err)
{
	char *path CLEANUP(free_ptr) = NULL;
	size_t len;

	while (str_starts(name, "./"))
		name += 2 + strspn(name + 2, "/");
	path = xstrdup(strcmp(name, ".") ? name : "");
	len = strlen(path);
	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	*out = NULL;
	if (!*path)
		return 0;
	if (path_check(path, err))
		return -1;
	*out = take_ptr(path);
	return 0;
}

void path_cut(char *path)
{
	char *slash;

	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		memcpy(path, ".", 2);
	else
		slash[slash == path] = '\0';
}
