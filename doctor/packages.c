#include "doctor/packages.h"

#include "base/mem.h"
#include "doctor/look.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MAX_NAMES    20000
#define METADATA_MAX (64u << 10) /* the headers come first */
#define NAME_MAX_LEN 200

void packages_release(struct packages *p)
{
	free_ptr(&p->site);
	free_ptr(&p->python);
	for (size_t i = 0; i < p->count; i++) {
		free_ptr(&p->items[i].name);
		free_ptr(&p->items[i].version);
	}
	free_ptr(&p->items);
	*p = (struct packages){ 0 };
}

/* PEP 503: lower case, runs of "-_." are one '-'. In place. */
static void normalise(char *name)
{
	char *to = name;

	for (const char *p = name; *p; p++) {
		char c = *p == '_' || *p == '.'
				 ? '-'
				 : (char)tolower((unsigned char)*p);

		if (c != '-' || (to > name && to[-1] != '-'))
			*to++ = c;
	}
	*to = '\0';
}

static bool is_plain(const char *s, const char *also)
{
	size_t len = strlen(s);

	/* PEP 508: letters or digits at both ends */
	if (!len || len > NAME_MAX_LEN || !isalnum((unsigned char)s[0]) ||
	    !isalnum((unsigned char)s[len - 1]))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(also, *s))
			return false;
	return true;
}

bool dist_info_parse(const char *dir_name, char **name, char **version)
{
	size_t len = strlen(dir_name);
	size_t end = strlen(".dist-info");
	char *copy CLEANUP(free_ptr) = NULL;
	char *dash;

	if (len <= end || !str_ends(dir_name, ".dist-info"))
		return false;
	copy = xstrndup(dir_name, len - end);
	dash = strrchr(copy, '-');
	if (!dash || dash == copy)
		return false;
	*dash = '\0';
	if (!is_plain(copy, "-_.") || !is_plain(dash + 1, "._+!-"))
		return false;
	*version = xstrdup(dash + 1);
	normalise(copy);
	*name = take_ptr(copy);
	return true;
}

/* The value of a header, NULL if there is none; caller frees. */
static char *header(const char *text, size_t len, const char *key)
{
	size_t key_len = strlen(key);
	const char *end = text + len;

	for (const char *line = text; line < end;) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((nl ? nl : end) - line);

		if (n && line[n - 1] == '\r')
			n--;
		if (n == 0)
			return NULL; /* the description follows */
		if (n > key_len && strncmp(line, key, key_len) == 0) {
			const char *p = line + key_len;
			size_t skip = 0;

			while (skip < n - key_len && p[skip] == ' ')
				skip++;
			return xstrndup(p + skip, n - key_len - skip);
		}
		line = nl ? nl + 1 : end;
	}
	return NULL;
}

bool metadata_parse(const char *text, size_t len, char **name, char **version)
{
	char *n CLEANUP(free_ptr) = header(text, len, "Name:");
	char *v CLEANUP(free_ptr) = header(text, len, "Version:");

	if (!n || !v || !is_plain(n, "-_.") || !is_plain(v, "._+!-"))
		return false;
	normalise(n);
	*name = take_ptr(n);
	*version = take_ptr(v);
	return true;
}

static void take_one(struct packages *out, const char *dir_name)
{
	char *name = NULL, *version = NULL;
	struct package *p;

	if (!dist_info_parse(dir_name, &name, &version)) {
		struct str text CLEANUP(str_release) = STR_INIT;
		char *path CLEANUP(free_ptr) = NULL;

		if (!str_ends(dir_name, ".dist-info") &&
		    !str_ends(dir_name, ".egg-info"))
			return;
		path = xasprintf("%s/%s/%s", out->site, dir_name,
				 str_ends(dir_name, ".dist-info") ? "METADATA"
								  : "PKG-INFO");
		if (!look_read(path, METADATA_MAX, &text) ||
		    !metadata_parse(text.ptr, text.len, &name, &version))
			return;
	}
	out->items = xgrow(out->items, &out->cap, out->count + 1,
			   sizeof(*out->items));
	p = &out->items[out->count++];
	p->name = name;
	p->version = version;
}

/* conda has lib/python3.1 as a link to lib/python3.11, too. */
static bool is_link(const char *dir, const char *name)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/%s", dir, name);
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* "3.11.13" and "python3.11" */
static bool is_version_of(const char *version, const char *name)
{
	const char *short_name = name + strlen("python");
	size_t n = strlen(short_name);

	return strncmp(version, short_name, n) == 0 &&
	       (version[n] == '.' || !version[n]);
}

/* PREFIX/LIB/python3.X/{site,dist}-packages; python: the version that is wanted, or
 * NULL: the newest of several. */
static bool find_site_in(const char *prefix, const char *lib_name,
			 const char *python, struct packages *out)
{
	static const char *const kinds[] = { "site-packages", "dist-packages" };
	char *lib CLEANUP(free_ptr) = xasprintf("%s/%s", prefix, lib_name);
	struct strlist names CLEANUP(strlist_release) = { 0 };

	look_list(lib, MAX_NAMES, &names);
	for (size_t i = 0; i < names.count; i++) {
		const char *n = names.items[i];

		for (size_t k = 0;
		     str_starts(n, "python3.") && k < ARRAY_LEN(kinds); k++) {
			char *site CLEANUP(free_ptr) = xasprintf(
				"%s/%s/%s", lib, n, kinds[k]);

			if (!look_is_dir(site) || is_link(lib, n) ||
			    (python && !is_version_of(python, n)) ||
			    (out->python &&
			     version_cmp(out->python, n + strlen("python")) >
				     0))
				continue;
			free_ptr(&out->site);
			free_ptr(&out->python);
			out->site = take_ptr(site);
			out->python = xstrdup(n + strlen("python"));
		}
	}
	return out->site != NULL;
}

static bool find_site(const char *prefix, const char *python,
		      struct packages *out)
{
	/* the last: pip's place in Debian */
	static const char *const libs[] = { "lib", "lib64", "local/lib" };

	for (size_t i = 0; i < ARRAY_LEN(libs); i++)
		if (find_site_in(prefix, libs[i], python, out))
			return true;
	return false;
}

/* What pyvenv.cfg says (PEP 405); all caller frees, or NULL. */
struct cfg {
	char *version; /* "version_info = 3.11.13" (virtualenv, uv), "version =" (venv) */
	char *home; /* the bin/ of the Python below it, if its packages count, too */
};

static void read_cfg(const char *venv, struct cfg *out)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/pyvenv.cfg", venv);
	struct str text CLEANUP(str_release) = STR_INIT;
	char *v CLEANUP(free_ptr) = NULL, *system CLEANUP(free_ptr) = NULL;

	if (!look_read(path, METADATA_MAX, &text))
		return;
	v = header(text.ptr, text.len, "version_info =");
	if (!v)
		v = header(text.ptr, text.len, "version =");
	if (v && is_plain(v, ".+"))
		out->version = take_ptr(v);
	system = header(text.ptr, text.len, "include-system-site-packages =");
	if (system && strcasecmp(system, "true") == 0)
		out->home = header(text.ptr, text.len, "home =");
}

static void read_site(struct packages *out)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	look_list(out->site, MAX_NAMES, &names);
	for (size_t i = 0; i < names.count; i++)
		take_one(out, names.items[i]);
}

/* Behind those of the environment, which come first when Python looks for one. */
static void read_system(const char *home, struct packages *out)
{
	char *prefix CLEANUP(free_ptr) = xasprintf("%s/..", home);
	struct packages below CLEANUP(packages_release) = { 0 };

	if (!find_site(prefix, out->python, &below))
		return;
	read_site(&below);
	for (size_t i = 0; i < below.count; i++) {
		if (packages_find(out, below.items[i].name))
			continue;
		out->items = xgrow(out->items, &out->cap, out->count + 1,
				   sizeof(*out->items));
		out->items[out->count++] = below.items[i];
		below.items[i] = (struct package){ 0 };
	}
}

void packages_read(const char *venv, struct packages *out)
{
	struct cfg cfg = { 0 };

	read_cfg(venv, &cfg);
	if ((cfg.version && find_site(venv, cfg.version, out)) ||
	    find_site(venv, NULL, out)) {
		if (cfg.version) {
			free_ptr(&out->python);
			out->python = take_ptr(cfg.version);
			cfg.version = NULL;
		}
		read_site(out);
		if (cfg.home)
			read_system(cfg.home, out);
	}
	free_ptr(&cfg.version);
	free_ptr(&cfg.home);
}

const struct package *packages_find(const struct packages *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->items[i].name, name) == 0)
			return &p->items[i];
	return NULL;
}
