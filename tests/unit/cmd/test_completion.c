#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "cmd/commands.h"
#include "cmd/completion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gives a shell the script on standard input; returns its status. */
static int feed(const char *command, const struct str *script)
{
	FILE *f = popen(command, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(script->ptr, 1, script->len, f), script->len);
	return pclose(f);
}

static int have(const char *shell)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", shell);
	return system(command) == 0;
}

static void test_syntax(void **state)
{
	static const struct {
		const char *shell, *check;
		void (*make)(struct str *out);
	} rows[] = {
		{ "bash", "bash -n", completion_bash },
		{ "zsh", "zsh -n", completion_zsh },
		{ "fish", "fish -n", completion_fish },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;

		rows[i].make(&s);
		for (size_t k = 0; command_at(k); k++)
			assert_non_null(strstr(s.ptr, command_at(k)->name));
		if (have(rows[i].shell))
			assert_int_equal(feed(rows[i].check, &s), 0);
	}
}

/* What bash offers behind a line of words. */
static void test_bash(void **state)
{
	static const struct {
		const char *words, *offers;
	} rows[] = {
		{ "itts-pack ins", "inspect install" },
		{ "itts-pack pack --ser", "--serial" },
		{ "itts-pack --cache DIR pack --ser", "--serial" },
		{ "itts-pack lock --progress pl", "plain" },
		{ "itts-pack lock --progress = pl", "plain" },
		{ "itts-pack env --format do", "docker" },
		{ "itts-pack help comp", "completion" },
		{ "itts-pack completion f", "fish" },
		{ "itts-pack pack --include x", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;

		completion_bash(&s);
		str_addf(&s,
			 "COMP_WORDS=(%s)\n"
			 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
			 "compopt() { :; }\n_itts_pack\n"
			 "[ \"${COMPREPLY[*]}\" = '%s' ] || {\n"
			 "echo \"%s: ${COMPREPLY[*]}\" >&2; exit 1; }\n",
			 rows[i].words, rows[i].offers, rows[i].words);
		assert_int_equal(feed("bash", &s), 0);
	}
}

int run_completion_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_bash),
	};

	return cmocka_run_group_tests_name("completion", tests, NULL, NULL);
}
