#include "tests/unit/base/unit.h"

#include "base/event.h"

#include <stdio.h>
#include <string.h>

struct seen {
	int count;
	enum event_type type;
	char text[2000];
};

static void record(void *ctx, const struct event *ev)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->type = ev->type;
	snprintf(seen->text, sizeof(seen->text), "%s", ev->text);
}

static void test_messages(void **state)
{
	struct seen seen = { 0 };
	const struct event_sink sink = { record, &seen };

	(void)state;
	event_info(&sink, "%s: %d", "lock", 3);
	assert_int_equal(seen.type, EVENT_INFO);
	assert_string_equal(seen.text, "lock: 3");
	event_warn(&sink, "from a server: %s", "\x1b[31m");
	assert_int_equal(seen.type, EVENT_WARN);
	assert_string_equal(seen.text, "from a server: ?[31m");
	event_warn(&sink, "%01999d", 0);
	assert_true(strlen(seen.text) > 500);
	assert_int_equal(seen.count, 3);
}

static void test_no_sink(void **state)
{
	const struct event_sink deaf = { NULL, NULL };

	(void)state;
	event_emit(NULL, &(struct event){ .type = EVENT_PLAN });
	event_emit(&deaf, &(struct event){ .type = EVENT_PLAN });
	event_info(NULL, "nobody");
	event_warn(&deaf, "nobody");
}

int run_event_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_no_sink),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
