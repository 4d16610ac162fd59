#include "doctor/caches.h"

#include "base/mem.h"
#include "doctor/state.h"

#include <string.h>
#include <strings.h>

void cache_choice_release(struct cache_choice *c)
{
	free_ptr(&c->dir);
	free_ptr(&c->why);
}

/* A value with its '~' and $NAME expanded, and made absolute. */
static char *expanded(const struct doctor *d, const char *text)
{
	struct str out CLEANUP(str_release) = STR_INIT;

	d->in->env.expand(d->in->env.ctx, text, &out);
	while (str_starts(out.ptr, "./"))
		memmove(out.ptr, out.ptr + 2, strlen(out.ptr + 2) + 1);
	if (out.ptr[0] == '/' || !d->in->cwd)
		return str_detach(&out);
	return xasprintf("%s/%s", d->in->cwd, out.ptr);
}

static void choose(const struct doctor *d, const char *name, const char *sub,
		   struct cache_choice *out)
{
	char *dir CLEANUP(free_ptr) = expanded(d, env_get(d, name));

	out->dir = xasprintf("%s%s", dir, sub);
	out->why = xstrdup(name);
}

void choose_hub(const struct doctor *d, struct cache_choice *out)
{
	static const struct {
		const char *name, *sub;
	} order[] = {
		{ "HF_HUB_CACHE", "" },
		{ "HUGGINGFACE_HUB_CACHE", "" },
		{ "HF_HOME", "/hub" },
		{ "XDG_CACHE_HOME", "/huggingface/hub" },
	};

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (env_get(d, order[i].name)) {
			choose(d, order[i].name, order[i].sub, out);
			return;
		}
	out->dir = expanded(d, "~/.cache/huggingface/hub");
	out->why = xstrdup("the default");
}

void choose_transformers(const struct doctor *d, const struct cache_choice *hub,
			 struct cache_choice *out)
{
	static const char *const names[] = { "TRANSFORMERS_CACHE",
					     "PYTORCH_TRANSFORMERS_CACHE",
					     "PYTORCH_PRETRAINED_BERT_CACHE" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (env_get(d, names[i])) {
			choose(d, names[i], "", out);
			return;
		}
	out->dir = xstrdup(hub->dir);
	out->why = xstrdup(hub->why);
}

void choose_fixed(const struct doctor *d, struct cache_choice *out)
{
	out->dir = expanded(d, "checkpoints/hf_cache");
	out->why = xstrdup("infer_v2.py sets HF_HUB_CACHE to "
			   "./checkpoints/hf_cache, whatever the environment "
			   "says");
}

static void add_once(struct strlist *l, char *dir)
{
	if (strlist_has(l, dir))
		free_ptr(&dir);
	else
		strlist_take(l, dir);
}

void cache_candidates(const struct doctor *d, struct strlist *out)
{
	struct cache_choice hub CLEANUP(cache_choice_release) = { 0 };
	struct cache_choice tr CLEANUP(cache_choice_release) = { 0 };
	struct cache_choice fixed CLEANUP(cache_choice_release) = { 0 };

	choose_hub(d, &hub);
	choose_transformers(d, &hub, &tr);
	choose_fixed(d, &fixed);
	if (d->has_dir)
		add_once(out, model_path(d, "hf_cache"));
	add_once(out, take_ptr(fixed.dir));
	add_once(out, take_ptr(hub.dir));
	add_once(out, take_ptr(tr.dir));
	if (env_get(d, "HF_HOME"))
		add_once(out, expanded(d, "$HF_HOME/hub"));
	add_once(out, expanded(d, "~/.cache/huggingface/hub"));
}

bool is_true_value(const char *v)
{
	static const char *const yes[] = { "1", "ON", "YES", "TRUE" };

	for (size_t i = 0; v && i < ARRAY_LEN(yes); i++)
		if (strcasecmp(v, yes[i]) == 0)
			return true;
	return false;
}

bool is_offline(const struct doctor *d)
{
	const char *hub = env_get(d, "HF_HUB_OFFLINE");

	return is_true_value(hub ? hub : env_get(d, "TRANSFORMERS_OFFLINE"));
}
