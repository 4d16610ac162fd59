/* Variables that decide about the start, those that are said to, and those that do
 * nothing. */
#include "base/mem.h"
#include "doctor/caches.h"
#include "doctor/look.h"
#include "doctor/state.h"

#include <string.h>
#include <strings.h>

#define VALUE_SHOWN 100 /* bytes of a value */

static struct finding *note(struct doctor *d, enum severity s, const char *id,
			    const char *title, const char *evidence,
			    const char *meaning)
{
	struct finding *f = FIND(d, s, id, "%s", title);

	finding_evidence(f, "%s", evidence);
	finding_meaning(f, "%s", meaning);
	remedy_env(d, f);
	return f;
}

/* Set and believed to do something, but read by nobody, or not like this. */
static void check_useless(struct doctor *d)
{
	static const struct {
		const char *name, *why;
	} useless[] = {
		{ "TRANSFORMERS_TIMEOUT", "no library reads it" },
		{ "HF_HUB_TIMEOUT", "no library reads it; HF_HUB_ETAG_TIMEOUT "
				    "and HF_HUB_DOWNLOAD_TIMEOUT are read" },
		{ "HF_DATASETS_OFFLINE",
		  "only the library datasets reads it, which is not used "
		  "here" },
		{ "HF_HUB_ENABLE_HF_TRANSFER",
		  "hf_transfer is gone; new versions only warn" },
	};
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str names CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(useless); i++)
		if (env_get(d, useless[i].name)) {
			str_addf(&text, "%s%s: %s", text.len ? "; " : "",
				 useless[i].name, useless[i].why);
			str_addf(&names, " %s", useless[i].name);
		}
	if (text.len)
		finding_remedy(note(d, SEV_NOTE, "env.useless",
				    "variables that change nothing here",
				    text.ptr,
				    "what they were set for does not happen"),
			       "unset%s", names.ptr);
}

static void check_offline(struct doctor *d)
{
	const char *hub = env_get(d, "HF_HUB_OFFLINE");
	const char *tr = env_get(d, "TRANSFORMERS_OFFLINE");
	char *text CLEANUP(free_ptr) = NULL;

	if (hub && !is_true_value(hub) && is_true_value(tr)) {
		text = xasprintf("HF_HUB_OFFLINE=%.*s TRANSFORMERS_OFFLINE=%s",
				 VALUE_SHOWN, hub, tr);
		note(d, SEV_WARNING, "env.offline",
		     "not offline, though TRANSFORMERS_OFFLINE says so", text,
		     "where HF_HUB_OFFLINE is set to anything, the other is "
		     "not looked at");
	} else if (hub && !is_true_value(hub) && strcmp(hub, "0") != 0 &&
		   strcasecmp(hub, "false") != 0 &&
		   strcasecmp(hub, "no") != 0) {
		text = xasprintf("HF_HUB_OFFLINE=%.*s", VALUE_SHOWN, hub);
		note(d, SEV_WARNING, "env.offline",
		     "not offline: the value is not understood", text,
		     "only 1, ON, YES and TRUE (in any case) count");
	}
}

/* By name, or by what it leads to. */
static bool is_same_dir(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 ||
	       (look_at(a, &x) == LOOK_DIR && look_at(b, &y) == LOOK_DIR &&
		x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* Of a path that is not there the link that is to blame, or NULL; caller frees. */
static char *dangling_part(const char *path)
{
	char *part CLEANUP(free_ptr) = xstrdup(path);
	enum look is = look_at(part, NULL);
	char *end;

	while (is == LOOK_MISSING && (end = strrchr(part, '/')) && end > part) {
		*end = '\0';
		is = look_at(part, NULL);
	}
	return is == LOOK_DANGLING ? take_ptr(part) : NULL;
}

/* As when the disk with the cache is not mounted. */
static void check_lost(struct doctor *d, const struct cache_choice *c)
{
	char *link CLEANUP(free_ptr) = dangling_part(c->dir);
	bool is_set = env_get(d, c->why) != NULL;
	struct finding *f;

	if (!link)
		return;
	f = FIND(d, d->is_local ? SEV_NOTE : SEV_WARNING, "env.lost-cache",
		 "the cache is behind a link that leads nowhere");
	finding_evidence(f, "%s%s%s: %s is a link to what is not there",
			 is_set ? c->why : "", is_set ? "=" : "",
			 is_set ? env_get(d, c->why) : c->dir, link);
	finding_meaning(f, "nothing is found there, and what is fetched cannot "
			   "be kept (FileNotFoundError, FileExistsError). Is "
			   "it a disk that is not mounted? Else another cache "
			   "must do");
	if (is_set)
		finding_remedy(f, "unset %s", c->why);
	else
		remedy_env(d, f);
}

static void check_caches(struct doctor *d)
{
	struct cache_choice hub CLEANUP(cache_choice_release) = { 0 };
	struct cache_choice tr CLEANUP(cache_choice_release) = { 0 };
	char *text CLEANUP(free_ptr) = NULL;

	choose_hub(d, &hub);
	choose_transformers(d, &hub, &tr);
	check_lost(d, &hub);
	if (strcmp(hub.dir, tr.dir) != 0)
		check_lost(d, &tr);
	if (d->is_local || is_same_dir(hub.dir, tr.dir))
		return;
	text = xasprintf("the hub library uses %s (%s), transformers %s (%s)",
			 hub.dir, hub.why, tr.dir, tr.why);
	note(d, SEV_WARNING, "env.split-cache",
	     "the libraries use two different caches", text,
	     "w2v-bert-2.0 is looked for in the second, everything else in "
	     "the first (up to v2.0.0 in ./checkpoints/hf_cache besides): a "
	     "download into one does not help the other");
}

static const char *const proxies[] = { "https_proxy", "HTTPS_PROXY",
				       "all_proxy",   "ALL_PROXY",
				       "http_proxy",  "HTTP_PROXY" };

static const char *proxy_of(const struct doctor *d, const char **name)
{
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
		if (env_get(d, proxies[i])) {
			*name = proxies[i];
			return env_get(d, proxies[i]);
		}
	return NULL;
}

static bool covers_localhost(const struct doctor *d)
{
	static const char *const names[] = { "no_proxy", "NO_PROXY" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = env_get(d, names[i]);

		if (v && (strstr(v, "localhost") || strcmp(v, "*") == 0))
			return true;
	}
	return false;
}

/* A URL without user and password, with or without its scheme, and not without end. */
static void add_url(char **text, const char *url)
{
	const char *at = strrchr(url, '@');
	char *old CLEANUP(free_ptr) = *text;

	*text = xasprintf("%s%s%.*s", old, at ? "***" : "", VALUE_SHOWN,
			  at ? at : url);
}

/* httpx, which gradio brings, makes a client for each variable, whether it is used or
 * not; so offline does not help. */
static void check_socks(struct doctor *d)
{
	struct str names CLEANUP(str_release) = STR_INIT;

	if (!d->packages.site || packages_find(&d->packages, "pysocks") ||
	    packages_find(&d->packages, "socksio"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
		const char *v = env_get(d, proxies[i]);

		if (v && str_starts(v, "socks"))
			str_addf(&names, " %s", proxies[i]);
	}
	if (names.len)
		finding_remedy(
			note(d, SEV_WARNING, "env.socks",
			     "Python cannot use a SOCKS proxy here",
			     names.ptr + 1,
			     "\"Missing dependencies for SOCKS support\""),
			"unset%s", names.ptr);
}

static void check_proxy(struct doctor *d)
{
	const char *name, *proxy = proxy_of(d, &name);
	char *text CLEANUP(free_ptr) = NULL;

	if (!proxy)
		return;
	text = xasprintf("%s=", name);
	add_url(&text, proxy);
	if (!is_offline(d) && !d->is_local)
		note(d, SEV_WARNING, "env.proxy",
		     "a proxy that is dead ends the start", text,
		     "ProxyError is an error even where the cache is full; "
		     "doctor --online tells whether it answers");
	if (!covers_localhost(d))
		note(d, SEV_WARNING, "env.no-proxy",
		     "the proxy is used for localhost, too", text,
		     "the web interface fails with \"When localhost is not "
		     "accessible, a shareable link must be created\"");
	check_socks(d);
}

/* Never what it is, only that it is there. */
static void check_token(struct doctor *d)
{
	static const char *const names[] = { "HF_TOKEN",
					     "HUGGING_FACE_HUB_TOKEN" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = env_get(d, names[i]);

		if (!v)
			continue;
		fact_add(d, "environment", "%s is set", names[i]);
		if (!is_offline(d))
			note(d, SEV_NOTE, "env.token", "an access token is set",
			     names[i],
			     "one that has expired or been revoked gives 401 "
			     "even for public models (\"Invalid credentials "
			     "in Authorization header\"); none is needed "
			     "here");
		return;
	}
}

static void check_endpoint(struct doctor *d)
{
	const char *v = env_get(d, "HF_ENDPOINT");
	char *text CLEANUP(free_ptr) = NULL;

	if (!v)
		return;
	text = xstrdup("HF_ENDPOINT=");
	add_url(&text, v);
	if (!str_starts(v, "http://") && !str_starts(v, "https://"))
		finding_remedy(note(d, SEV_WARNING, "env.endpoint",
				    "the endpoint is no URL", text,
				    "it must begin with https://: "
				    "MissingSchema, \"Invalid URL\""),
			       "unset HF_ENDPOINT");
	else if (!is_offline(d) &&
		 !is_true_value(env_get(d, "HF_HUB_DISABLE_XET")))
		note(d, SEV_NOTE, "env.xet",
		     "big files may go around the mirror", text,
		     "the library fetches them from other hosts (Xet), which "
		     "a mirror does not have: \"CAS service error\"; "
		     "HF_HUB_DISABLE_XET=1 stops that");
}

static void check_cuda(struct doctor *d)
{
	const char *visible = d->in->env.get(d->in->env.ctx,
					     "CUDA_VISIBLE_DEVICES");
	const char *alloc = env_get(d, "PYTORCH_CUDA_ALLOC_CONF");
	char *text CLEANUP(free_ptr) = NULL;

	if (visible && (!*visible || *visible == '-')) {
		text = xasprintf("CUDA_VISIBLE_DEVICES=%.*s", VALUE_SHOWN,
				 visible);
		finding_remedy(
			note(d, SEV_WARNING, "env.no-gpu",
			     "the graphics cards are hidden from the program",
			     text,
			     "it runs on the processor: minutes for a "
			     "sentence"),
			"unset CUDA_VISIBLE_DEVICES");
	}
	if (is_true_value(env_get(d, "CUDA_LAUNCH_BLOCKING")))
		finding_remedy(note(d, SEV_NOTE, "env.blocking",
				    "CUDA waits after each kernel",
				    "CUDA_LAUNCH_BLOCKING=1",
				    "for finding errors only: slows all down, "
				    "prevents no hang"),
			       "unset CUDA_LAUNCH_BLOCKING");
	if (alloc)
		fact_add(d, "environment",
			 "PYTORCH_CUDA_ALLOC_CONF=%.*s: helps against "
			 "fragmentation only, not against a card that is too "
			 "small, and not against a hang",
			 VALUE_SHOWN, alloc);
}

void check_environment(struct doctor *d)
{
	fact_add(d, "environment", "%s",
		 is_offline(d) ? "offline (HF_HUB_OFFLINE)"
			       : "not offline: the libraries may ask the "
				 "network");
	check_offline(d);
	check_caches(d);
	check_proxy(d);
	check_token(d);
	check_endpoint(d);
	check_useless(d);
	check_cuda(d);
}
