#include "tests/unit/cache/unit.h"

#include "base/mem.h"
#include "cache/hashrun.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MANY 500

struct source {
	int dir;
	uint64_t offset;
};

static int open_source(void *ctx, const struct hash_task *task, int *fd,
		       uint64_t *offset, struct error *err)
{
	const struct source *s = ctx;

	*fd = openat(s->dir, task->item, O_RDONLY | O_CLOEXEC);
	*offset = s->offset;
	if (*fd < 0)
		return err_set(err, ERR_NOT_FOUND, "%s: none", task->name);
	return 0;
}

static void run_ok(struct hash_run *run)
{
	struct error err = { 0 };

	assert_ok(hash_run(run, &err), &err);
}

static void test_many(void **state)
{
	static char names[MANY][16];
	struct hash_task *tasks CLEANUP(free_ptr) = xcalloc(MANY,
							    sizeof(*tasks));
	struct heard heard CLEANUP(heard_release) = { .texts = STR_INIT };
	const struct event_sink sink = { heard_event, &heard };
	char path[TEMP_PATH_MAX];
	struct source from = { .dir = temp_dir(path) };
	struct hash_run run = { .tasks = tasks,
				.count = MANY,
				.open = open_source,
				.ctx = &from,
				.sink = &sink,
				.phase = "test" };
	size_t fds = count_fds();
	uint64_t total = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		struct str bytes CLEANUP(str_release) = STR_INIT;
		uint64_t size = i % 97 * (i % 5) * 100;

		snprintf(names[i], sizeof(names[i]), "f%zu", i);
		sample_bytes(names[i], size, &bytes);
		put_file(from.dir, names[i], bytes.ptr, bytes.len);
		tasks[i] = (struct hash_task){ .item = names[i],
					       .name = names[i],
					       .size = size };
		digest_buf(i & 1 ? DIGEST_SHA256 : DIGEST_GIT_SHA1, bytes.ptr,
			   bytes.len, &tasks[i].want);
		total += size;
	}
	for (run.threads = 0; run.threads < 5; run.threads++) {
		heard_release(&heard);
		heard = (struct heard){ .texts = STR_INIT };
		for (size_t i = 0; i < MANY; i++)
			tasks[i].got = (struct digest){ 0 };
		run_ok(&run);
		for (size_t i = 0; i < MANY; i++) {
			assert_ptr_equal(tasks[i].item, names[i]);
			assert_int_equal(tasks[i].failed, ERR_NONE);
			assert_true(
				digest_equal(&tasks[i].got, &tasks[i].want));
		}
		assert_int_equal(heard.items, MANY);
		assert_int_equal(heard.total, total);
		assert_int_equal(heard.counts[EVENT_PLAN], 1);
		assert_int_equal(heard.counts[EVENT_START], MANY);
		assert_int_equal(heard.counts[EVENT_DONE], MANY);
		assert_int_equal(heard.counts[EVENT_FAIL], 0);
	}
	assert_int_equal(count_fds(), fds);
	temp_dir_end(from.dir, path);
}

static void test_large(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	char path[TEMP_PATH_MAX];
	struct source from = { .dir = temp_dir(path), .offset = 4099 };
	struct hash_task t = { .item = "a", .name = "a", .size = 5000001 };
	struct hash_run run = { .tasks = &t,
				.count = 1,
				.open = open_source,
				.ctx = &from,
				.phase = "test" };

	(void)state;
	sample_bytes("a", 4099 + t.size + 7, &bytes);
	put_file(from.dir, "a", bytes.ptr, bytes.len);
	digest_buf(DIGEST_SHA256, bytes.ptr + 4099, (size_t)t.size, &t.want);
	run_ok(&run);
	assert_true(digest_equal(&t.got, &t.want));
	temp_dir_end(from.dir, path);
}

static void test_failures(void **state)
{
	struct hash_task tasks[] = {
		{ .item = "right", .name = "right", .size = 5 },
		{ .item = "wrong", .name = "wrong", .size = 5 },
		{ .item = "short", .name = "short", .size = 6 },
		{ .item = "none", .name = "none", .size = 5 },
		{ .item = "dir", .name = "dir", .size = 5 },
	};
	struct heard heard CLEANUP(heard_release) = { .texts = STR_INIT };
	const struct event_sink sink = { heard_event, &heard };
	char path[TEMP_PATH_MAX];
	struct source from = { .dir = temp_dir(path) };
	struct hash_run run = { .tasks = tasks,
				.count = ARRAY_LEN(tasks),
				.open = open_source,
				.ctx = &from,
				.sink = &sink,
				.phase = "test" };

	(void)state;
	put_text(from.dir, "right", "right");
	put_text(from.dir, "wrong", "wrxng");
	put_text(from.dir, "short", "short");
	put_dir(from.dir, "dir");
	for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
		digest_buf(DIGEST_SHA256, tasks[i].name, strlen(tasks[i].name),
			   &tasks[i].want);
	run_ok(&run);
	assert_int_equal(tasks[0].failed, ERR_NONE);
	assert_true(digest_equal(&tasks[0].got, &tasks[0].want));
	assert_int_equal(tasks[1].failed, ERR_NONE);
	assert_int_equal(tasks[1].got.alg, DIGEST_SHA256);
	assert_false(digest_equal(&tasks[1].got, &tasks[1].want));
	assert_int_equal(tasks[2].failed, ERR_INTEGRITY);
	assert_int_equal(tasks[3].failed, ERR_NOT_FOUND);
	assert_int_equal(tasks[4].failed, ERR_IO);
	assert_int_not_equal(tasks[4].sys, 0);
	for (size_t i = 2; i < ARRAY_LEN(tasks); i++)
		assert_int_equal(tasks[i].got.alg, DIGEST_NONE);
	assert_int_equal(heard.counts[EVENT_START], 5);
	assert_int_equal(heard.counts[EVENT_DONE], 1);
	assert_int_equal(heard.counts[EVENT_FAIL], 4);
	assert_non_null(strstr(heard.texts.ptr, "wrong digest"));
	temp_dir_end(from.dir, path);
}

static void test_cancelled(void **state)
{
	struct hash_task t = { .item = "a", .name = "a", .size = 1 };
	char path[TEMP_PATH_MAX];
	struct source from = { .dir = temp_dir(path) };
	struct cancel cancel;
	struct hash_run run = { .tasks = &t,
				.count = 1,
				.open = open_source,
				.ctx = &from,
				.cancel = &cancel,
				.phase = "test" };
	struct error err = { 0 };

	(void)state;
	put_text(from.dir, "a", "a");
	assert_ok(cancel_init(&cancel, &err), &err);
	cancel_set(&cancel);
	assert_fails(hash_run(&run, &err), &err, ERR_CANCELLED, "");
	assert_int_equal(t.got.alg, DIGEST_NONE);
	cancel_release(&cancel);
	temp_dir_end(from.dir, path);
}

static void test_nothing(void **state)
{
	struct hash_run run = { .open = open_source, .phase = "test" };

	(void)state;
	run_ok(&run);
}

int run_hashrun_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests_name("hashrun", tests, NULL, NULL);
}
