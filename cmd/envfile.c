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
	const char *name, *value; /* value NULL: the cache */
};

static const struct variable set[] = {
	{ "HF_HUB_OFFLINE", "1" },
	{ "TRANSFORMERS_OFFLINE", "1" },
	{ "HF_HUB_CACHE", NULL },
	{ "HF_HUB_DISABLE_TELEMETRY", "1" },
	{ "HF_HUB_DISABLE_UPDATE_CHECK", "1" },
	{ "USE_MODELSCOPE", "false" },
	{ "GRADIO_ANALYTICS_ENABLED", "False" },
	{ "NO_PROXY", "localhost,127.0.0.1,::1" },
	{ "no_proxy", "localhost,127.0.0.1,::1" },
};

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
} forms[] = {
	{ "sh", sh_set, sh_unset },
	{ "fish", fish_set, fish_unset },
	{ "systemd", systemd_set, systemd_unset },
	{ "docker", docker_set, docker_unset },
};

static const struct form *find_form(const char *name)
{
	for (size_t i = 1; name && i < ARRAY_LEN(forms); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return &forms[0];
}

int envfile_format(const char *format, const char *cache, struct str *out,
		   struct error *err)
{
	const struct form *f = find_form(format);

	if (strchr(cache, '\n'))
		return err_set(err, ERR_USAGE,
			       "the path of the cache has a line break, which "
			       "not every shell and service can be given: %s",
			       cache);
	for (size_t i = 0; i < ARRAY_LEN(set); i++)
		f->set(out, set[i].name, set[i].value ? set[i].value : cache);
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		f->unset(out, unset[i]);
	return 0;
}

void envfile_lists(const char *cache, struct strlist *sets,
		   struct strlist *unsets)
{
	for (size_t i = 0; i < ARRAY_LEN(set); i++)
		strlist_take(sets,
			     xasprintf("%s=%s", set[i].name,
				       set[i].value ? set[i].value : cache));
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		strlist_add(unsets, unset[i]);
}

void envfile_json(struct json_writer *w, const char *cache)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	json_put_key(w, "set");
	json_begin_object(w);
	for (size_t i = 0; i < ARRAY_LEN(set); i++)
		json_put_kv(w, set[i].name,
			    set[i].value ? set[i].value : cache);
	json_end_object(w);
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		strlist_add(&names, unset[i]);
	json_put_kv_strings(w, "unset", &names);
}
