#include "manifest/check.h"

#include "base/path.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

int name_check(const char *name, struct error *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	if (len >= 1 && len <= NAME_LIMIT && strspn(name, first) >= 1 &&
	    strspn(name, rest) == len)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "\"%s\" is no name: a-z and 0-9, behind the first also "
		       "'.', '_' and '-', at most %d",
		       name, NAME_LIMIT);
}

/* C0, DEL, and C1 in UTF-8. */
static bool is_control(const char *s)
{
	unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];

	return c < 0x20 || c == 0x7F ||
	       (c == 0xC2 && next >= 0x80 && next <= 0x9F);
}

int text_check(const char *text, struct error *err)
{
	size_t len = strlen(text);

	if (len < 1 || len > TEXT_LIMIT)
		return err_set(err, ERR_FORMAT,
			       "text of %zu bytes, expected 1 to %d", len,
			       TEXT_LIMIT);
	for (size_t i = 0; i < len; i++)
		if (is_control(text + i))
			return err_set(err, ERR_FORMAT,
				       "control character in a text");
	return 0;
}

int url_check(const char *url, struct error *err)
{
	const char *rest = strstr(url, "://");
	size_t authority;

	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
		return err_set(err, ERR_FORMAT,
			       "must begin with https:// or http://");
	if (strlen(url) > URL_LIMIT)
		return err_set(err, ERR_FORMAT, "URL of more than %d bytes",
			       URL_LIMIT);
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"\\#<>", *p))
			return err_set(err, ERR_FORMAT,
				       "a character that no URL has, or "
				       "a fragment");
	rest += strlen("://");
	authority = strcspn(rest, "/?");
	if (authority == 0 || memchr(rest, '@', authority))
		return err_set(err, ERR_FORMAT,
			       "a URL with a host, and without user and "
			       "password, is needed");
	return 0;
}

int id_check(const char *id, struct error *err)
{
	int status = repo_id_check(id, err);

	if (status < 0)
		err->code = ERR_FORMAT;
	return status;
}

static bool leaves(const char *path)
{
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += len;
		if (*p == '\0')
			return false;
	}
}

int rev_check(const char *revision, struct error *err)
{
	int status = revision_check(revision, err);

	/* a ref is a path below refs/ */
	if (status < 0)
		err->code = leaves(revision) ? ERR_UNSAFE : ERR_FORMAT;
	return status;
}
