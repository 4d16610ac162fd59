#include "cmd/options.h"

#include "base/near.h"

#include <assert.h>
#include <string.h>

void options_release(struct options *o)
{
	strlist_release(&o->include);
	strlist_release(&o->exclude);
	strlist_release(&o->with);
	strlist_release(&o->without);
	strlist_release(&o->endpoints);
	strlist_release(&o->token_for);
	strlist_release(&o->only_mirrors);
	strlist_release(&o->filters);
	strlist_release(&o->from);
	strlist_release(&o->revoked);
	strlist_release(&o->reports);
	strlist_release(&o->args);
}

static const struct option *find_long(const struct option_group *const *groups,
				      const char *name, size_t len)
{
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->count; i++) {
			const struct option *o = &(*groups)->options[i];
			if (strlen(o->name) == len &&
			    memcmp(o->name, name, len) == 0)
				return o;
		}
	return NULL;
}

static const struct option *find_letter(
	const struct option_group *const *groups, char letter)
{
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->count; i++)
			if ((*groups)->options[i].letter == letter)
				return &(*groups)->options[i];
	return NULL;
}

static int unknown_long(const struct option_group *const *groups,
			const char *name, size_t len, struct error *err)
{
	struct nearest near = { 0 };

	nearest_begin(&near, name, len);
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->count; i++)
			nearest_offer(&near, (*groups)->options[i].name);
	if (near.best)
		return err_set(err, ERR_USAGE,
			       "unknown option --%.*s (did you mean --%s?)",
			       (int)len, name, near.best);
	return err_set(err, ERR_USAGE, "unknown option --%.*s", (int)len, name);
}

/* Whole numbers without sign. */
static int parse_number(const struct option *o, const char *text, uint64_t *out,
			struct error *err)
{
	uint64_t v = 0;
	unsigned least = o->may_be_0 ? 0 : 1;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && v <= o->max; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (*p || v < least || v > o->max)
		return err_set(
			err, ERR_USAGE,
			"--%s takes a whole number from %u to %llu, not '%s'",
			o->name, least, (unsigned long long)o->max, text);
	*out = v;
	return 0;
}

static int check_choice(const struct option *o, const char *text,
			struct error *err)
{
	struct str all CLEANUP(str_release) = STR_INIT;

	if (!o->choices)
		return 0;
	for (size_t i = 0; o->choices[i]; i++) {
		if (strcmp(o->choices[i], text) == 0)
			return 0;
		str_addf(&all, "%s%s", i ? ", " : "", o->choices[i]);
	}
	return err_set(err, ERR_USAGE, "--%s takes one of %s, not '%s'",
		       o->name, all.ptr, text);
}

/* text: NULL for flags. */
static int store(const struct option *o, const char *text, struct options *out,
		 struct error *err)
{
	void *field = (char *)out + o->field;

	if (o->kind == OPTION_FLAG) {
		*(bool *)field = true;
		return 0;
	}
	assert(text);
	/* mostly a shell variable that is not set */
	if (!*text)
		return err_set(err, ERR_USAGE, "the value of --%s is empty",
			       o->name);
	if (check_choice(o, text, err) != 0)
		return -1;
	if (o->kind == OPTION_NUMBER)
		return parse_number(o, text, field, err);
	if (o->kind == OPTION_LIST)
		strlist_add(field, text);
	else
		*(const char **)field = text;
	return 0;
}

static int value_of(const struct option *o, struct words *w, const char **out,
		    struct error *err)
{
	if (w->at + 1 >= w->argc)
		return err_set(err, ERR_USAGE, "--%s needs a value (%s)",
			       o->name, o->value);
	*out = w->argv[++w->at];
	return 0;
}

static int parse_long(const struct option_group *const *groups, struct words *w,
		      struct options *out, struct error *err)
{
	const char *name = w->argv[w->at] + 2;
	const char *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct option *o = find_long(groups, name, len);
	const char *text = eq ? eq + 1 : NULL;

	if (!o)
		return unknown_long(groups, name, len, err);
	if (o->kind == OPTION_FLAG && text)
		return err_set(err, ERR_USAGE, "--%s takes no value", o->name);
	if (o->kind != OPTION_FLAG && !text && value_of(o, w, &text, err) != 0)
		return -1;
	return store(o, text, out, err);
}

/* "-qv", "-mFILE", "-m FILE" */
static int parse_letters(const struct option_group *const *groups,
			 struct words *w, struct options *out,
			 struct error *err)
{
	for (const char *p = w->argv[w->at] + 1; *p; p++) {
		const struct option *o = find_letter(groups, *p);
		const char *text = p[1] ? p + 1 : NULL;

		if (!o)
			return err_set(err, ERR_USAGE, "unknown option -%c",
				       *p);
		if (o->kind == OPTION_FLAG) {
			if (store(o, NULL, out, err) != 0)
				return -1;
			continue;
		}
		if (!text && value_of(o, w, &text, err) != 0)
			return -1;
		return store(o, text, out, err);
	}
	return 0;
}

int options_parse(const struct option_group *const *groups, struct words *w,
		  bool leading, struct options *o, struct error *err)
{
	bool only_args = false;

	for (; w->at < w->argc; w->at++) {
		const char *word = w->argv[w->at];
		int rc = 0;

		if (only_args || word[0] != '-' || !word[1]) {
			if (leading)
				break;
			strlist_add(&o->args, word);
		} else if (strcmp(word, "--") == 0) {
			only_args = true;
		} else if (word[1] == '-') {
			rc = parse_long(groups, w, o, err);
		} else {
			rc = parse_letters(groups, w, o, err);
		}
		if (rc != 0)
			return -1;
	}
	return 0;
}
