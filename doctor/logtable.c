#include "doctor/logtable.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

__asm__(".pushsection .rodata\n"
	"itts_log_table: .incbin \"doctor/log_table.json\"\n"
	".byte 0\n"
	".popsection\n");

extern const char itts_log_table[] __attribute__((visibility("hidden")));

void log_table_release(struct log_table *t)
{
	free_ptr(&t->stages);
	free_ptr(&t->rules);
	json_free(&t->doc);
	*t = (struct log_table){ 0 };
}

struct wanted {
	const char *key, **to;
};

static int read_strings(const struct json *obj, const struct wanted *w,
			size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (json_get_string(obj, w[i].key, w[i].to, "log table", err))
			return -1;
	return 0;
}

static int read_stage(const struct json *n, struct log_stage *s,
		      struct error *err)
{
	const struct wanted w[] = {
		{ "id", &s->id },	  { "line", &s->line },
		{ "what", &s->what },	  { "next", &s->next },
		{ "remedy", &s->remedy },
	};

	return read_strings(n, w, ARRAY_LEN(w), err);
}

static int read_rule(const struct json *n, struct log_rule *r,
		     struct error *err)
{
	const char *severity = NULL;
	const struct wanted w[] = {
		{ "id", &r->id },	    { "title", &r->title },
		{ "meaning", &r->meaning }, { "remedy", &r->remedy },
		{ "example", &r->example }, { "severity", &severity },
	};

	if (read_strings(n, w, ARRAY_LEN(w), err))
		return -1;
	r->any = json_member(n, "any");
	r->all = json_member(n, "all");
	if (!r->any && !r->all)
		return err_set(err, ERR_FORMAT, "log table: %s matches nothing",
			       r->id);
	r->severity = strcmp(severity, "error") == 0	 ? SEV_ERROR
		      : strcmp(severity, "warning") == 0 ? SEV_WARNING
							 : SEV_NOTE;
	return 0;
}

static int read_table(struct log_table *t, struct error *err)
{
	const struct json *stages = json_member(t->doc, "stages");
	const struct json *rules = json_member(t->doc, "rules");

	t->noise = json_member(t->doc, "noise");
	t->stages = xcalloc(json_count(stages) + 1, sizeof(*t->stages));
	t->rules = xcalloc(json_count(rules) + 1, sizeof(*t->rules));
	for (const struct json *n = json_first(stages); n; n = json_next(n))
		if (read_stage(n, &t->stages[t->stage_count++], err))
			return -1;
	for (const struct json *n = json_first(rules); n; n = json_next(n))
		if (read_rule(n, &t->rules[t->rule_count++], err))
			return -1;
	return 0;
}

static void take_shortest(struct log_table *t, const struct json *list)
{
	for (const struct json *n = json_first(list); n; n = json_next(n)) {
		size_t len = strlen(json_string_or(n, ""));

		if (len && len < t->shortest)
			t->shortest = len;
	}
}

/* Most lines of a log of nothing are shorter than anything that is looked for. */
static void find_shortest(struct log_table *t)
{
	t->shortest = SIZE_MAX;
	for (size_t i = 0; i < t->stage_count; i++) {
		size_t len = strlen(t->stages[i].line);

		if (len && len < t->shortest)
			t->shortest = len;
	}
	for (size_t i = 0; i < t->rule_count; i++) {
		take_shortest(t, t->rules[i].any);
		take_shortest(t, t->rules[i].all);
	}
}

int log_table_load(struct log_table *out, struct error *err)
{
	struct log_table t CLEANUP(log_table_release) = { 0 };

	if (json_parse(&t.doc, itts_log_table, strlen(itts_log_table), err) ||
	    read_table(&t, err))
		return -1;
	find_shortest(&t);
	*out = t;
	t = (struct log_table){ 0 };
	return 0;
}

static bool has(const char *text, const struct json *list, bool all)
{
	for (const struct json *n = json_first(list); n; n = json_next(n))
		if ((strstr(text, json_string_or(n, "")) != NULL) != all)
			return !all;
	return all;
}

const struct log_rule *log_table_match(const struct log_table *t,
				       const char *text)
{
	for (size_t i = 0; i < t->rule_count; i++) {
		const struct log_rule *r = &t->rules[i];

		if ((!r->any || has(text, r->any, false)) &&
		    (!r->all || has(text, r->all, true)))
			return r;
	}
	return NULL;
}

bool log_table_is_noise(const struct log_table *t, const char *line)
{
	return has(line, t->noise, false);
}
