#include "base/human.h"
#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/net.h"
#include "cmd/report.h"
#include "cmd/select.h"
#include "fetch/endpoint.h"
#include "fetch/measure.h"

#include <string.h>

static const struct option_group *const groups[] = { &group_selection,
						     &group_network,
						     &group_common, NULL };

static const char *const examples[] = {
	"Which of these is worth asking for the default recipe?",
	("itts-pack mirrors --endpoint https://huggingface.co \\\n"
	 "          --endpoint https://hf-mirror.com \\\n"
	 "          --endpoint https://modelscope.cn"),
	"For another repository, as JSON:",
	"itts-pack mirrors facebook/w2v-bert-2.0 --json", NULL
};

static const char *const range_words[] = {
	[RANGES_UNKNOWN] = "", [RANGES_NO] = "no", [RANGES_YES] = "yes"
};

/* All that is measured. */
struct survey {
	struct net net;
	struct manifest manifest;
	struct lock like; /* one repository: what is asked for */
	struct measure results[HUB_MAX_ENDPOINTS];
};

static void survey_free(struct survey **s)
{
	for (size_t i = 0; i < HUB_MAX_ENDPOINTS; i++)
		measure_release(&(*s)->results[i]);
	lock_release(&(*s)->like);
	manifest_release(&(*s)->manifest);
	net_close(&(*s)->net);
	free_ptr(s);
}

/* The first repository of a hub. */
static int choose_repo(struct survey *s, struct error *err)
{
	struct lock_repo *repo = lock_add_repo(&s->like);

	for (size_t i = 0; i < s->manifest.model_count; i++) {
		const struct manifest_model *m = &s->manifest.models[i];

		if (m->git || m->has_urls || m->archive.url)
			continue;
		repo->type = m->type;
		repo->id = xstrdup(m->id);
		repo->revision = xstrdup(m->revision);
		mirrors_copy(&repo->mirrors, &m->mirrors);
		return 0;
	}
	return err_set(err, ERR_USAGE,
		       "%s: has no repository of a hub to ask for",
		       s->manifest.name);
}

static const char *certificates(const struct survey *s, const char *origin)
{
	const struct http_config *c = &s->net.config.http;

	if (!str_starts(origin, "https:"))
		return NULL;
	if (c->ca_bundle)
		return c->ca_bundle;
	return c->ca_dir ? c->ca_dir : "system";
}

/* --- JSON ------------------------------------------------------------------------ */

static void put_optional(struct json_writer *j, const char *key,
			 const char *text)
{
	if (text)
		json_put_kv(j, key, text);
}

static void put_hop(struct json_writer *j, const struct survey *s,
		    const struct measure_hop *hop)
{
	json_begin_object(j);
	json_put_kv(j, "asked", hop->file ? "file" : "revision");
	json_put_kv(j, "host", hop->origin);
	json_put_kv(j, "address", hop->address);
	json_put_kv_u64(j, "status", (uint64_t)hop->status);
	json_put_kv_u64(j, "name_us", hop->name_us);
	json_put_kv_u64(j, "connect_us", hop->connect_us);
	json_put_kv_u64(j, "tls_us", hop->tls_us);
	json_put_kv_u64(j, "first_byte_us", hop->first_us);
	json_put_kv_u64(j, "bytes", hop->bytes);
	if (hop->ranges != RANGES_UNKNOWN) {
		json_put_kv_u64(j, "bytes_per_second", hop->rate);
		json_put_kv_bool(j, "ranges", hop->ranges == RANGES_YES);
	}
	put_optional(j, "proxy", hop->proxy);
	put_optional(j, "certificates", certificates(s, hop->origin));
	json_put_kv_bool(j, "token", hop->token);
	json_end_object(j);
}

static void put_json(struct app *app, const struct survey *s)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(app, &j, &text);
	json_put_kv(&j, "repository", s->like.repos[0].id);
	json_put_key(&j, "endpoints");
	json_begin_array(&j);
	for (size_t i = 0; i < s->net.hub.count; i++) {
		const struct hub_endpoint *e = &s->net.hub.endpoints[i];
		const struct measure *m = &s->results[i];

		json_begin_object(&j);
		json_put_kv(&j, "endpoint", e->name);
		json_put_kv(&j, "kind", endpoint_kind_name(e->kind));
		json_put_kv_bool(&j, "listings", m->lists);
		json_put_kv_bool(&j, "files", m->serves);
		if (m->err.code != ERR_NONE)
			json_put_kv(&j, "error", m->err.msg);
		json_put_key(&j, "hops");
		json_begin_array(&j);
		for (size_t k = 0; k < m->count; k++)
			put_hop(&j, s, &m->hops[k]);
		json_end_array(&j);
		json_end_object(&j);
	}
	json_end_array(&j);
	app_json_end(app, &j);
}

/* --- text ------------------------------------------------------------------------ */

static void add_time(struct table *t, uint64_t us)
{
	char *text CLEANUP(free_ptr) =
		us ? xasprintf("%llu.%llu ms", (unsigned long long)us / 1000,
			       (unsigned long long)us / 100 % 10)
		   : xstrdup("-");

	table_add(t, text);
}

static void add_how(struct table *t, const struct survey *s,
		    const struct measure_hop *hop)
{
	const char *ca = certificates(s, hop->origin);
	struct str how CLEANUP(str_release) = STR_INIT;

	str_adds(&how, hop->file ? "file" : "revision");
	if (hop->status)
		str_addf(&how, ", status %ld", hop->status);
	else
		str_adds(&how, ", no answer");
	if (hop->ranges != RANGES_UNKNOWN)
		str_addf(&how, ", ranges: %s", range_words[hop->ranges]);
	if (hop->token)
		str_adds(&how, ", token");
	if (hop->proxy)
		str_addf(&how, ", proxy %s", hop->proxy);
	if (ca)
		str_addf(&how, ", certificates: %s", ca);
	table_add(t, how.ptr);
}

static void add_row(struct table *t, const struct survey *s, size_t i,
		    const struct measure_hop *hop)
{
	const struct hub_endpoint *e = &s->net.hub.endpoints[i];
	bool own = strcmp(hop->origin, e->origin) == 0;
	char rate[HUMAN_MAX];

	table_add(t, own ? e->name : hop->origin);
	add_time(t, hop->name_us);
	add_time(t, hop->connect_us);
	add_time(t, hop->tls_us);
	add_time(t, hop->first_us);
	if (hop->ranges == RANGES_UNKNOWN) {
		table_add(t, "-");
	} else {
		char *text CLEANUP(free_ptr) = xasprintf(
			"%s/s", human_size(hop->rate, rate));

		table_add(t, text);
	}
	add_how(t, s, hop);
}

/* What fetch and lock will make of it: the order is the user's. */
static void put_use(struct str *out, const struct survey *s, size_t i)
{
	const struct hub *h = &s->net.hub;
	const struct measure *m = &s->results[i];
	bool first = true, told = false;

	for (size_t k = 0; k < i; k++) {
		first &= !s->results[k].serves;
		told |= s->results[k].lists &&
			h->endpoints[k].kind != h->endpoints[i].kind;
	}
	str_addf(out, "%s: ", h->endpoints[i].name);
	if (!m->lists && !m->serves)
		str_adds(out, "of no use");
	if (m->lists)
		str_adds(out, told ? "listings if all before it are silent"
				   : "listings");
	if (m->serves)
		str_addf(out, ", files%s", first ? " (first choice)" : "");
	if (m->err.code != ERR_NONE)
		str_addf(out, "%s%s", m->lists ? ", no files: " : ": ",
			 m->err.msg);
	str_addc(out, '\n');
}

static void put_text(struct app *app, const struct survey *s)
{
	static const char *const heads[] = { "host",	   "name",
					     "connect",	   "TLS",
					     "first byte", "rate",
					     "asked for" };
	struct table t CLEANUP(table_release) = { .columns = ARRAY_LEN(heads) };
	struct str out CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&t, heads[i]);
	for (size_t i = 0; i < s->net.hub.count; i++)
		for (size_t k = 0; k < s->results[i].count; k++)
			add_row(&t, s, i, &s->results[i].hops[k]);
	table_format(&t, &out);
	str_addc(&out, '\n');
	for (size_t i = 0; i < s->net.hub.count; i++)
		put_use(&out, s, i);
	app_print(app, &out);
}

/* --- the command ------------------------------------------------------------------- */

/* No endpoint will do: the status is that of the first one's error. */
static void set_status(struct app *app, const struct survey *s)
{
	const struct error *first = NULL;

	for (size_t i = 0; i < s->net.hub.count; i++) {
		if (s->results[i].serves)
			return;
		if (!first && s->results[i].err.code != ERR_NONE)
			first = &s->results[i].err;
	}
	app->status = err_exit_status(first ? first->code : ERR_NET);
}

static int run(struct app *app, struct error *err)
{
	struct survey *s CLEANUP(survey_free) = xcalloc(1, sizeof(*s));

	s->net = (struct net)NET_INIT;
	if (config_offline(app->env, app->options))
		return err_set(err, ERR_USAGE,
			       "offline: there is nothing to measure");
	if (select_manifest(app->options, &s->manifest, err) != 0 ||
	    choose_repo(s, err) != 0 ||
	    net_open(&s->net, app, &s->manifest.endpoints, err) != 0)
		return -1;
	for (size_t i = 0; i < s->net.hub.count; i++) {
		struct hub_endpoint *e = &s->net.hub.endpoints[i];

		event_info(&app->sink, "measuring %s", e->name);
		if (measure_endpoint(&s->net.hub, e, &s->like.repos[0],
				     &s->results[i], err) != 0)
			return -1;
	}
	if (app->options->json)
		put_json(app, s);
	else
		put_text(app, s);
	set_status(app, s);
	return 0;
}

const struct command cmd_mirrors = {
	.name = "mirrors",
	.part = PART_MAKE,
	.args = "[RECIPE | REPO[@REVISION]]",
	.summary = "measure the endpoints and the hosts that they redirect to",
	.about = "Asks every endpoint that is configured for the first "
		 "repository and for the first 4 MiB of its largest file, once "
		 "and one after the other, and shows for each host on the way: "
		 "time for name, connection, TLS and first byte, rate, whether "
		 "ranges work, which proxy and certificates were used and "
		 "whether the token was sent. Below stands what each endpoint "
		 "will be used for. Ends with status 0 if one of them serves "
		 "files.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
