#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "cmd/commands.h"
#include "cmd/groups.h"
#include "cmd/options.h"

#include <stdio.h>
#include <stdbool.h>
#include <string.h>

static const struct option_group *const groups[] = {
	&group_selection, &group_lock, &group_network, &group_common, NULL
};

/* argv: one string, words divided by '|'. */
struct line {
	char text[256];
	char *argv[16];
	int argc;
};

static void split(struct line *l, const char *words)
{
	l->argc = 0;
	snprintf(l->text, sizeof(l->text), "%s", words);
	for (char *p = l->text; p && *words;) {
		l->argv[l->argc++] = p;
		p = strchr(p, '|');
		if (p)
			*p++ = '\0';
	}
}

/* l keeps the words that o borrows. */
static int parse(struct line *l, const char *words, bool leading,
		 struct options *o, int *used, struct error *err)
{
	struct words w = { 0 };
	int rc;

	split(l, words);
	w.argc = l->argc;
	w.argv = l->argv;
	rc = options_parse(groups, &w, leading, o, err);
	*used = w.at;
	return rc;
}

static void test_values(void **state)
{
	static const char *const same[] = {
		"-m|x.json|--jobs|3|--include|a|--include|b|-qv|R@main",
		"-mx.json|--jobs=3|--include=a|R@main|--include=b|-q|-v",
		"-m|x.json|--jobs|003|--include|a|--include=b|-vq|--|R@main",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct options o CLEANUP(options_release) = OPTIONS_INIT;
		struct error err = { 0 };
		struct line l;
		int used;

		assert_int_equal(parse(&l, same[i], false, &o, &used, &err), 0);
		assert_string_equal(o.manifest, "x.json");
		assert_int_equal(o.jobs, 3);
		assert_int_equal(o.include.count, 2);
		assert_string_equal(o.include.items[0], "a");
		assert_string_equal(o.include.items[1], "b");
		assert_true(o.quiet && o.verbose && !o.json);
		assert_int_equal(o.args.count, 1);
		assert_string_equal(o.args.items[0], "R@main");
		assert_int_equal(o.serial, 1);
	}
}

/* Only where it means something is 0 a number. */
static void test_zero(void **state)
{
	struct options o CLEANUP(options_release) = OPTIONS_INIT;
	struct error err = { 0 };
	struct line l;
	int used;

	(void)state;
	assert_true(o.retries == UINT64_MAX);
	assert_int_equal(parse(&l, "--retries|0", false, &o, &used, &err), 0);
	assert_int_equal(o.retries, 0);
	assert_int_equal(parse(&l, "--retries=100", false, &o, &used, &err), 0);
	assert_int_equal(o.retries, 100);
	assert_int_equal(parse(&l, "--connections|0", false, &o, &used, &err),
			 -1);
	assert_non_null(strstr(err.msg, "from 1 to 128, not '0'"));
	err_clear(&err);
	assert_int_equal(parse(&l, "--retries|101", false, &o, &used, &err),
			 -1);
	assert_non_null(strstr(err.msg, "from 0 to 100, not '101'"));
}

static void test_words(void **state)
{
	struct options o CLEANUP(options_release) = OPTIONS_INIT;
	struct error err = { 0 };
	struct line l;
	int used;

	(void)state;
	assert_int_equal(
		parse(&l, "-|a|--|--json|-q|--", false, &o, &used, &err), 0);
	assert_false(o.json || o.quiet);
	assert_int_equal(o.args.count, 5);
	assert_string_equal(o.args.items[0], "-");
	assert_string_equal(o.args.items[2], "--json");
	assert_string_equal(o.args.items[4], "--");
	assert_int_equal(used, 6);
}

static void test_leading(void **state)
{
	struct options o CLEANUP(options_release) = OPTIONS_INIT;
	struct error err = { 0 };
	struct line l;
	int used;

	(void)state;
	assert_int_equal(parse(&l, "--json|--cache|pack|verify|-q", true, &o,
			       &used, &err),
			 0);
	assert_int_equal(used, 3);
	assert_string_equal(o.cache, "pack");
	assert_true(o.json && !o.quiet);
	assert_int_equal(o.args.count, 0);
}

static void test_errors(void **state)
{
	static const struct {
		const char *words, *says;
	} rows[] = {
		{ "--cahce|x",
		  "unknown option --cahce (did you mean --cache?)" },
		{ "--cach|x", "unknown option --cach (did you mean --cache?)" },
		{ "--cahce=x",
		  "unknown option --cahce (did you mean --cache?)" },
		{ "--qqqqqqqqq", "unknown option --qqqqqqqqq" },
		{ "-Z", "unknown option -Z" },
		{ "-qZ", "unknown option -Z" },
		{ "--json=1", "--json takes no value" },
		{ "--cache", "--cache needs a value (DIR)" },
		{ "-qm", "--manifest needs a value (FILE)" },
		{ "--cache=", "the value of --cache is empty" },
		{ "--jobs=0", "whole number from 1 to 256" },
		{ "--jobs=257", "whole number" },
		{ "--jobs=-1", "whole number" },
		{ "--jobs=1x", "whole number" },
		{ "--jobs=99999999999999999999999", "whole number" },
		{ "--progress=fast",
		  "--progress takes one of auto, tty, plain, json, none" },
		{ "--type=models", "--type takes one of" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct options o CLEANUP(options_release) = OPTIONS_INIT;
		struct error err = { 0 };
		struct line l;
		int used;

		assert_int_equal(
			parse(&l, rows[i].words, false, &o, &used, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		if (!strstr(err.msg, rows[i].says))
			fail_msg("%s: %s", rows[i].words, err.msg);
	}
}

/* The tables themselves. */
static void check_option(const struct command *c, const struct option *o)
{
	assert_true(strspn(o->name, "abcdefghijklmnopqrstuvwxyz-") ==
		    strlen(o->name));
	assert_true((o->kind == OPTION_FLAG) == !o->value);
	assert_true((o->kind == OPTION_NUMBER) == (o->max > 0));
	assert_true(o->field < sizeof(struct options));
	assert_false(o->help[strlen(o->help) - 1] == '.');
	for (size_t g = 0, same = 0; c->groups[g]; g++)
		for (size_t k = 0; k < c->groups[g]->count; k++) {
			const struct option *other = &c->groups[g]->options[k];

			if (strcmp(o->name, other->name) == 0)
				assert_int_equal(++same, 1);
			if (other != o && o->letter)
				assert_true(other->letter != o->letter);
		}
}

static void test_tables(void **state)
{
	const struct command *c;

	(void)state;
	for (size_t i = 0; (c = command_at(i)); i++) {
		assert_ptr_equal(command_find(c->name), c);
		if (i)
			assert_true(strcmp(command_at(i - 1)->name, c->name) <
				    0);
		assert_non_null(c->run);
		assert_non_null(c->examples[0]);
		for (size_t g = 0; c->groups[g]; g++)
			for (size_t k = 0; k < c->groups[g]->count; k++)
				check_option(c, &c->groups[g]->options[k]);
	}
	assert_int_equal(c == NULL, 1);
	assert_null(command_find("nothing"));
}

static void test_unknown_command(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(command_unknown("instal", &err), -1);
	assert_non_null(strstr(err.msg, "did you mean install?"));
	err_clear(&err);
	assert_int_equal(command_unknown("frobnicate", &err), -1);
	assert_null(strstr(err.msg, "did you mean"));
	assert_int_equal(err.code, ERR_USAGE);
}

int run_options_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_leading),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_unknown_command),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
