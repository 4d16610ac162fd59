#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "cmd/help.h"
#include "cmd/text.h"

#include <string.h>

static void check_lines(const char *text, size_t width)
{
	while (*text) {
		const char *end = strchr(text, '\n');
		struct str line CLEANUP(str_release) = STR_INIT;

		assert_non_null(end);
		str_add(&line, text, (size_t)(end - text));
		size_t in = strspn(line.ptr, " ");
		/* command lines, and one long word, are kept whole */
		bool kept = in == 6 || in == 10 || !strchr(line.ptr + in, ' ');

		if (text_columns(line.ptr) > width && !kept)
			fail_msg("more than %zu columns: %s", width, line.ptr);
		assert_false(str_ends(line.ptr, " "));
		text = end + 1;
	}
}

static void test_commands(void **state)
{
	const struct command *c;

	(void)state;
	for (size_t i = 0; (c = command_at(i)); i++)
		for (size_t width = 40; width <= 100; width += 20) {
			struct str s CLEANUP(str_release) = STR_INIT;

			help_command(&s, c, width);
			check_lines(s.ptr, width);
			assert_true(str_starts(s.ptr, "usage: itts-pack "));
			assert_non_null(strstr(s.ptr, c->name));
			for (size_t g = 0; c->groups[g]; g++)
				for (size_t k = 0; k < c->groups[g]->count; k++)
					assert_non_null(strstr(
						s.ptr,
						c->groups[g]->options[k].name));
		}
}

static void test_width(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	help_short(&s, 80);
	check_lines(s.ptr, 80);
	for (size_t i = 0; command_at(i); i++)
		assert_non_null(strstr(s.ptr, command_at(i)->name));
	str_clear(&s);
	assert_true(help_topic(&s, "exit-status", 72));
	check_lines(s.ptr, 72);
	for (size_t width = 40; width <= 72; width += 16) {
		str_clear(&s);
		assert_true(help_topic(&s, "environment", width));
		check_lines(s.ptr, width);
	}
	assert_false(help_topic(&s, "nothing", 72));
}

static void test_columns_of_options(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	help_command(&s, command_find("version"), 80);
	assert_non_null(strstr(
		s.ptr, "\n  -q, --quiet             only warnings, errors and "
		       "results\n"));
	assert_non_null(strstr(
		s.ptr, "\n  --jobs N                files to download at "
		       "a time"));
}

static void test_all(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	help_all(&s);
	assert_true(str_starts(s.ptr, "adopt\nadopt --as\nadopt --link\n"));
	assert_non_null(strstr(s.ptr, "\npack --output\n"));
	assert_non_null(strstr(s.ptr, "\ninstall --keep-refs\n"));
}

int run_help_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_columns_of_options),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests_name("help", tests, NULL, NULL);
}
