#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "manifest/lock.h"

#include <string.h>

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C1    "1111111111111111111111111111111111111111"
#define C2    "2222222222222222222222222222222222222222"

#define TOP "{\"format\":\"itts-lock\",\"version\":1,\"name\":\"n\",\"repos\":["
#define NAMED(id, commit)                                              \
	"{\"id\":\"" id "\",\"type\":\"model\",\"revision\":\"main\"," \
	"\"commit\":\"" commit "\",\"files\":["
#define FILE_OF(path, sha, more) \
	"{\"path\":\"" path "\",\"size\":1,\"sha256\":\"" sha "\"" more "}"
#define ARCHIVE(url, more)                                           \
	"\"archive\":{\"url\":\"" url "\",\"sha256\":\"" SHA_B "\"," \
	"\"size\":5" more "}"
#define A   FILE_OF("a", SHA_A, "")
#define B   FILE_OF("b", SHA_A, "")
#define ONE TOP NAMED("x/y", C1)
#define END "]}]}"

static const struct {
	const char *from, *to, *lines; /* joined with '|' */
} cases[] = {
	{ ONE A END, ONE A END, "" },
	{ ONE A END, ONE A "," B END, "+ x/y b 1" },
	{ ONE A "," B END, ONE B END, "- x/y a 1" },
	{ ONE A END, ONE FILE_OF("a", SHA_B, "") END,
	  "~ x/y a: sha256 aaaaaaaaaaaaaaaa -> bbbbbbbbbbbbbbbb|"
	  "~ x/y a: etag aaaaaaaaaaaaaaaa -> bbbbbbbbbbbbbbbb" },
	{ ONE A END, ONE FILE_OF("a", SHA_A, ",\"etag\":\"" C1 "\"") END,
	  "~ x/y a: etag aaaaaaaaaaaaaaaa -> 1111111111111111" },
	{ ONE "{\"path\":\"a\",\"size\":2,\"sha256\":\"" SHA_A "\"}" END,
	  ONE A END, "~ x/y a: size 2 -> 1" },
	{ ONE A END, ONE FILE_OF("a", SHA_A, ",\"views\":[\"v\",\"u\"]") END,
	  "~ x/y a: views none -> u, v" },
	{ ONE FILE_OF("a", SHA_A, ",\"views\":[\"u\",\"v\"]") END,
	  ONE FILE_OF("a", SHA_A, ",\"views\":[\"u, v\"]") END,
	  "~ x/y a: views u, v -> u, v" },
	{ ONE A END, TOP NAMED("x/y", C2) A END,
	  "~ x/y: commit " C1 " -> " C2 },
	{ ONE A "],\"refs\":[\"main\"]}]}",
	  ONE A "],\"refs\":[\"main\",\"v1\"]}]}",
	  "~ x/y: refs main -> main, v1" },
	{ ONE "],\"license\":\"MIT\"}]}",
	  ONE "],\"hub_view\":\"h\",\"notice\":\"n\",\"complete\":true}]}",
	  "~ x/y: license MIT -> none|~ x/y: notice none -> n|"
	  "~ x/y: hub_view none -> h|~ x/y: complete false -> true" },
	{ ONE A "]," ARCHIVE("https://h/a.tar", "") "}]}",
	  ONE A "]," ARCHIVE("https://h/a.tar", ",\"strip\":\"d/\"") "}]}",
	  "~ x/y: archive https://h/a.tar (" SHA_B ") -> https://h/a.tar "
	  "below d/ (" SHA_B ")" },
	{ ONE A "]," ARCHIVE("https://h/a.tar", "") "}]}", ONE A END,
	  "~ x/y: archive https://h/a.tar (" SHA_B ") -> none" },
	{ ONE A END, TOP "]}", "- model x/y (" C1 "), 1 file|- x/y a 1" },
	{ TOP "]}", ONE A END, "+ model x/y (" C1 "), 1 file|+ x/y a 1" },
	{ ONE "]}," NAMED("z", C1) END,
	  TOP NAMED("z", C1) "]}," NAMED("x/y", C1) END,
	  "~ order of the repos" },
	{ ONE "]}," NAMED("x/y", C2) END, ONE END,
	  "- model x/y (" C2 "), 0 files" },
	{ TOP "],\"groups\":[\"a\"]}", TOP "],\"groups\":[\"a\",\"b\"]}",
	  "~ groups a -> a, b" },
	{ TOP "]}", TOP "],\"manifest\":\"sha256:" SHA_B "\"}",
	  "~ manifest none -> bbbbbbbbbbbbbbbb" },
};

static void parse(struct lock *l, const char *text)
{
	struct error err = { 0 };

	if (lock_parse(l, text, strlen(text), &err) < 0)
		fail_msg("%s: %s", text, err.msg);
}

static void add_line(void *ctx, const char *line)
{
	strlist_add(ctx, line);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lock from CLEANUP(lock_release) = { 0 };
		struct lock to CLEANUP(lock_release) = { 0 };
		struct strlist out CLEANUP(strlist_release) = { 0 };
		struct str got CLEANUP(str_release) = STR_INIT;
		size_t count;

		parse(&from, cases[i].from);
		parse(&to, cases[i].to);
		count = lock_diff_each(&from, &to, add_line, &out);
		assert_int_equal(count, out.count);
		for (size_t k = 0; k < out.count; k++)
			str_addf(&got, "%s%s", k ? "|" : "", out.items[k]);
		assert_string_equal(got.ptr, cases[i].lines);
	}
}

int run_lock_diff_tests(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests_name("lock_diff", tests, NULL, NULL);
}
