/*
 * What each form is, and what needs care in it:
 *   sh       POSIX, section 2.2: single quotes
 *   fish     single quotes; backslash and quote are escaped
 *   systemd  systemd.exec(5) Environment=: C escapes in double quotes, '%' is a
 *            specifier; '$' means nothing
 *   docker   docker run --env-file: NAME=VALUE as it stands, to the line's end;
 *            nothing can be unset
 */
#include "cmd/envfile.h"

#include "base/mem.h"
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
	str_addf(out, "set -e %s\n", name);
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
} forms[] = {
	{ "sh", sh_set, sh_unset, false },
	{ "fish", fish_set, fish_unset, false },
	{ "systemd", systemd_set, systemd_unset, true },
	{ "docker", docker_set, docker_unset, true },
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

	/* a form of one line cannot hold it, and no client reads it */
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

int envfile_format(const struct envfile *e, const char *format, struct str *out,
		   struct error *err)
{
	const struct form *f = find_form(format);
	struct envfile there = { .cache = e->cache,
				 .no_proxy = f->elsewhere ? NULL
							  : e->no_proxy };

	if (strchr(e->cache, '\n'))
		return err_set(err, ERR_USAGE,
			       "the path of the cache has a line break, which "
			       "not every shell and service can be given: %s",
			       e->cache);
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

void envfile_json(const struct envfile *e, struct json_writer *w)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

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
}
