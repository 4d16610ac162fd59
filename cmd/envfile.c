/*
 * What each form is, and what needs care in it:
 *   sh       POSIX, section 2.2: single quotes
 *   fish     single quotes; backslash and quote are escaped
 *   systemd  systemd.exec(5) Environment=: C escapes in double quotes, '%' is a
 *            specifier; '$' means nothing; a file that is not UTF-8 is refused
 *   docker   docker run --env-file: NAME=VALUE as it stands, to the line's end (LF
 *            or CR LF); not UTF-8 is refused; nothing can be unset
 */
#include "cmd/envfile.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/text.h"

#include <string.h>

struct variable {
	const char *name, *value; /* value NULL: to be worked out */
};

static const struct variable set[] = {
	{ "HF_HUB_OFFLINE", "1" },
	{ "TRANSFORMERS_OFFLINE", "1" },
	{ "HF_HUB_CACHE", NULL },
	{ "HF_HUB_DISABLE_TELEMETRY", "1" },
	{ "HF_HUB_DISABLE_UPDATE_CHECK", "1" },
	{ "USE_MODELSCOPE", "false" },
	{ "GRADIO_ANALYTICS_ENABLED", "False" },
	{ "NO_PROXY", NULL },
	{ "no_proxy", NULL },
};

/* Not through a proxy: where gradio looks for its own server. */
static const char *const local[] = { "localhost", "127.0.0.1", "::1" };

/* They would lead a part of the libraries to another cache. */
static const char *const unset[] = { "HF_HOME", "TRANSFORMERS_CACHE",
				     "PYTORCH_TRANSFORMERS_CACHE" };

static void sh_set(struct str *out, const char *name, const char *value)
{
	str_addf(out, "export %s=", name);
	quote_sh(out, value);
	str_addc(out, '\n');
}

static void sh_unset(struct str *out, const char *name)
{
	str_addf(out, "unset %s\n", name);
}

static void fish_set(struct str *out, const char *name, const char *value)
{
	str_addf(out, "set -gx %s ", name);
	quote_fish(out, value);
	str_addc(out, '\n');
}

static void fish_unset(struct str *out, const char *name)
{
	/* of what is not set it fails, and so would the last line of the source */
	str_addf(out, "set -e %s; or true\n", name);
}

static void systemd_set(struct str *out, const char *name, const char *value)
{
	str_adds(out, "Environment=");
	quote_systemd(out, name, value);
	str_addc(out, '\n');
}

static void systemd_unset(struct str *out, const char *name)
{
	str_addf(out, "UnsetEnvironment=%s\n", name);
}

static void docker_set(struct str *out, const char *name, const char *value)
{
	str_addf(out, "%s=%s\n", name, value);
}

static void docker_unset(struct str *out, const char *name)
{
	str_addf(out, "# %s must not be set\n", name);
}

static const struct form {
	const char *name;
	void (*set)(struct str *out, const char *name, const char *value);
	void (*unset)(struct str *out, const char *name);
	bool elsewhere; /* not for the environment that it is written in */
	bool lines;	/* a value ends with its line */
} forms[] = {
	{ "sh", sh_set, sh_unset, false, false },
	{ "fish", fish_set, fish_unset, false, false },
	{ "systemd", systemd_set, systemd_unset, true, false },
	{ "docker", docker_set, docker_unset, true, true },
};

static const struct form *find_form(const char *name)
{
	for (size_t i = 1; name && i < ARRAY_LEN(forms); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return &forms[0];
}

/* --- values -------------------------------------------------------------------- */

/* Names are separated by commas, spaces around them; "*" is all. */
static bool names_host(const char *list, const char *host)
{
	while (*list) {
		size_t skip = strspn(list, ", \t");
		size_t n = strcspn(list + skip, ", \t");

		if ((n == strlen(host) && !strncmp(list + skip, host, n)) ||
		    (n == 1 && list[skip] == '*'))
			return true;
		list += skip + n;
	}
	return false;
}

static char *no_proxy_with_local(const char *now)
{
	struct str s CLEANUP(str_release) = STR_INIT;

	/* no client reads it, and not every form can hold it */
	if (now && !strpbrk(now, "\r\n"))
		str_adds(&s, now);
	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		if (!s.ptr || !names_host(s.ptr, local[i]))
			str_addf(&s, "%s%s", s.len ? "," : "", local[i]);
	return xstrdup(s.ptr);
}

/* Caller frees it. */
static char *value_of(const struct variable *v, const struct envfile *e)
{
	if (v->value)
		return xstrdup(v->value);
	return strcmp(v->name, "HF_HUB_CACHE") == 0
		       ? xstrdup(e->cache)
		       : no_proxy_with_local(e->no_proxy);
}

static int needs_utf8(const char *cache, const char *option, const char *value,
		      struct error *err)
{
	if (utf8_valid(cache, strlen(cache)))
		return 0;
	return err_set(err, ERR_USAGE,
		       "%s%s cannot hold the path of the cache, which is not "
		       "UTF-8: %s; rename the directory, or use --format sh",
		       option, value, cache);
}

int envfile_format(const struct envfile *e, const char *format, struct str *out,
		   struct error *err)
{
	const struct form *f = find_form(format);
	struct envfile there = { .cache = e->cache,
				 .no_proxy = f->elsewhere ? NULL
							  : e->no_proxy };

	if (f->lines && strpbrk(e->cache, "\r\n"))
		return err_set(err, ERR_USAGE,
			       "--format %s cannot hold the path of the cache, "
			       "which has a line break: %s; rename the "
			       "directory",
			       f->name, e->cache);
	if (f->elsewhere &&
	    needs_utf8(e->cache, "--format ", f->name, err) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		char *value CLEANUP(free_ptr) = value_of(&set[i], &there);

		f->set(out, set[i].name, value);
	}
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		f->unset(out, unset[i]);
	return 0;
}

void envfile_lists(const struct envfile *e, struct strlist *sets,
		   struct strlist *unsets)
{
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		char *value CLEANUP(free_ptr) = value_of(&set[i], e);

		strlist_take(sets, xasprintf("%s=%s", set[i].name, value));
	}
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		strlist_add(unsets, unset[i]);
}

int envfile_json(const struct envfile *e, struct json_writer *w,
		 struct error *err)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	if (needs_utf8(e->cache, "--json", "", err) != 0)
		return -1;
	json_put_key(w, "set");
	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		char *value CLEANUP(free_ptr) = value_of(&set[i], e);

		json_put_kv(w, set[i].name, value);
	}
	json_end_object(w);
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		strlist_add(&names, unset[i]);
	json_put_kv_strings(w, "unset", &names);
	return 0;
}
