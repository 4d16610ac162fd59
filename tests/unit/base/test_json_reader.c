#include "tests/unit/base/unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* Reads {"key": [n, ...], ...} and writes what it saw: "key=n+n;" */
static int read_lists(struct json_reader *r, struct str *seen,
		      struct error *err)
{
	int more;

	if (json_enter_object(r, err))
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;

		more = json_next_key(r, &key, err);
		if (more <= 0)
			break;
		str_addf(seen, "%s=", key);
		if (json_enter_array(r, err))
			return -1;
		while ((more = json_next_item(r, err)) > 0) {
			struct json *n CLEANUP(json_free) = NULL;

			if (json_read_value(r, &n, err))
				return -1;
			str_addf(seen, "%s+", json_string_or(n, "?"));
		}
		if (more < 0)
			return -1;
		str_addc(seen, ';');
	}
	return more ? -1 : json_reader_end(r, err);
}

/* The text as a file; caller closes it. */
static int as_file(const char *text, size_t len)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	struct error err = { 0 };

	assert_true(fd >= 0);
	assert_ok(file_pwrite_all(fd, text, len, 0, "text", &err), &err);
	return fd;
}

/* Of a file the same is to be read, and the same said of it. */
static void read_again(const char *text, int rc, const struct str *seen,
		       const struct error *err)
{
	int fd CLEANUP(close_fd) = as_file(text, strlen(text));
	struct json_reader r CLEANUP(json_reader_close);
	struct str again CLEANUP(str_release) = STR_INIT;
	struct error other = { 0 };

	json_reader_open(&r, fd, "text", 1000);
	assert_int_equal(read_lists(&r, &again, &other), rc);
	assert_string_equal(again.ptr, seen->ptr);
	assert_int_equal(other.code, err->code);
	if (rc)
		assert_string_equal(other.msg, err->msg);
}

static int read_text(const char *text, struct str *seen, struct error *err)
{
	struct json_reader r;
	size_t len = strlen(text);
	char *copy CLEANUP(free_ptr) = xmalloc(len);
	int rc;

	memcpy(copy, text, len);
	json_reader_init(&r, copy, len);
	rc = read_lists(&r, seen, err);
	read_again(text, rc, seen, err);
	return rc;
}

static void test_reads(void **state)
{
	static const struct {
		const char *text, *seen;
	} table[] = {
		{ "{}", "" },
		{ " { } ", "" },
		{ "{\"a\":[]}", "a=;" },
		{ "{\"a\":[\"x\"],\"b\\u0062\":[ \"y\" , \"z\" ]}\n",
		  "a=x+;bb=y+z+;" },
		{ "{\"a\":[{\"b\":[1,2]},3],\"c\":[[]]}", "a=?+?+;c=?+;" },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_ok(read_text(table[i].text, &seen, &err), &err);
		assert_string_equal(seen.ptr, table[i].seen);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "", "an object" },
		{ "[]", "an object" },
		{ "\xEF\xBB\xBF{}", "an object" },
		{ "{", "a key" },
		{ "{,", "a key" },
		{ "{]", "a key" },
		{ "{a", "a key" },
		{ "{\"a\"", "a colon" },
		{ "{\"a\":", "a list" },
		{ "{\"a\":1}", "a list" },
		{ "{\"a\":[", "too early" },
		{ "{\"a\":[1", "a comma" },
		{ "{\"a\":[1}", "a comma" },
		{ "{\"a\":[1 2]}", "a comma" },
		{ "{\"a\":[,1]}", "unexpected" },
		{ "{\"a\":[1,]}", "bracket" },
		{ "{\"a\":[1,,1]}", "unexpected" },
		{ "{\"a\":[]", "a comma" },
		{ "{\"a\":[] \"b\":[]}", "a comma" },
		{ "{\"a\":[],}", "a key" },
		{ "{\"a\":[]}x", "the end" },
		{ "{\"a\":[]}{}", "the end" },
		{ "{\"a\\u0000\":[]}", "NUL" },
		{ "{\"a\":[01]}", "unexpected" },
		{ "{\"a\":[{\"b\":1,\"b\":1}]}", "twice" },
		{ "{\"a\":[{\"b\":1]}", "bracket" },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_fails(read_text(table[i].text, &seen, &err), &err,
			     ERR_FORMAT, table[i].why);
	}
}

static void test_depth(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct json *v CLEANUP(json_free) = NULL;
	struct error err = { 0 };
	struct json_reader r;

	(void)state;
	/* the containers that were entered count too */
	str_fill(&s, '[', JSON_MAX_DEPTH + 1);
	str_fill(&s, ']', JSON_MAX_DEPTH + 1);
	json_reader_init(&r, s.ptr, s.len);
	assert_ok(json_enter_array(&r, &err), &err);
	assert_int_equal(json_next_item(&r, &err), 1);
	assert_fails(json_read_value(&r, &v, &err), &err, ERR_FORMAT,
		     "too deeply");
	json_reader_init(&r, s.ptr, s.len);
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		assert_ok(json_enter_array(&r, &err), &err);
	assert_fails(json_enter_array(&r, &err), &err, ERR_FORMAT,
		     "too deeply");
}

static void test_place(void **state)
{
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	assert_fails(read_text("{\n\"a\": [\n\n  \"x\", ~]}", &seen, &err),
		     &err, ERR_FORMAT, "line 4, column 8: ");
}

/* --- of a file ------------------------------------------------------------- */

static int read_file(const struct str *text, size_t limit, struct str *seen,
		     struct error *err)
{
	int fd CLEANUP(close_fd) = as_file(text->ptr, text->len);
	struct json_reader r CLEANUP(json_reader_close);

	json_reader_open(&r, fd, "text", limit);
	return read_lists(&r, seen, err);
}

/* Values, keys and white space on every side of the window's end. */
static void test_file(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct str want CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_addc(&text, '{');
	for (unsigned i = 0; i < 3000; i++) {
		str_addf(&text, "%s\"k%u\"", i ? ",\n" : "", i);
		str_fill(&text, ' ', i % 700);
		str_adds(&text, ": [ \"");
		str_fill(&text, 'x', i % 811);
		str_addf(&text, "\",\n\"%u\"]", i);
		str_addf(&want, "k%u=", i);
		str_fill(&want, 'x', i % 811);
		str_addf(&want, "+%u+;", i);
	}
	str_addc(&text, '}');
	assert_true(text.len > 3 * JSON_WINDOW);
	assert_ok(read_file(&text, text.len, &seen, &err), &err);
	assert_string_equal(seen.ptr, want.ptr);

	/* places count from the beginning, not from that of the window */
	str_truncate(&text, text.len - 1);
	str_adds(&text, ",\n  ~");
	str_clear(&seen);
	assert_fails(read_file(&text, text.len, &seen, &err), &err, ERR_FORMAT,
		     "line 6001, column 3: ");
}

static void test_file_limits(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_adds(&text, "{\"a\":[\"x\"]}");
	assert_ok(read_file(&text, text.len, &seen, &err), &err);
	assert_fails(read_file(&text, text.len - 1, &seen, &err), &err,
		     ERR_FORMAT, "text: larger than 10 bytes");
	/* white space may be as long as it likes, a value may not */
	str_clear(&text);
	str_adds(&text, "{\"a\":[");
	str_fill(&text, '\n', 3 * JSON_WINDOW);
	str_adds(&text, "\"y\"]}");
	str_clear(&seen);
	assert_ok(read_file(&text, text.len, &seen, &err), &err);
	assert_string_equal(seen.ptr, "a=y+;");
	for (unsigned digits = 0; digits < 2; digits++) {
		str_clear(&text);
		str_adds(&text, digits ? "{\"a\":[" : "{\"a\":[\"");
		str_fill(&text, '1', 3 * JSON_WINDOW);
		str_adds(&text, digits ? "]}" : "\"]}");
		assert_fails(read_file(&text, text.len, &seen, &err), &err,
			     ERR_FORMAT, digits ? "too long" : "or more than");
	}
}

/* What cannot be read is told with its name, whatever the text seemed to be. */
static void test_file_unreadable(void **state)
{
	int fd CLEANUP(close_fd) = open("/", O_RDONLY | O_CLOEXEC);
	struct json_reader r CLEANUP(json_reader_close);
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	json_reader_open(&r, fd, "the root", 1000);
	assert_fails(read_lists(&r, &seen, &err), &err, ERR_IO, "the root: ");
	assert_true(json_reader_failed(&r));
}

static void test_skip(void **state)
{
	static const char text[] =
		"[{\"a\":[1,{\"b\":[]}],\"c\":2},[],3,\"x\"]";
	struct json_reader r;
	struct json *v CLEANUP(json_free) = NULL;
	struct error err = { 0 };

	(void)state;
	json_reader_init(&r, text, sizeof(text) - 1);
	assert_ok(json_enter_array(&r, &err), &err);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(json_next_item(&r, &err), 1);
		assert_ok(json_skip_value(&r, &err), &err);
	}
	assert_int_equal(json_next_item(&r, &err), 1);
	assert_int_equal(json_peek(&r), '"');
	assert_ok(json_read_value(&r, &v, &err), &err);
	assert_string_equal(json_string_or(v, ""), "x");
	assert_int_equal(json_next_item(&r, &err), 0);
	assert_ok(json_reader_end(&r, &err), &err);
	json_reader_init(&r, "[1,", 3);
	assert_fails(json_skip_value(&r, &err), &err, ERR_FORMAT, "too early");
}

/* Time must grow with the text, not with text times values. */
static void test_many_values(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct json_reader r;
	uint64_t begin, sum = 0, n;
	int more;

	(void)state;
	str_addc(&s, '[');
	for (int i = 0; i < 100000; i++)
		str_addf(&s,
			 "%s{\"path\":\"dir/file-%06d\",\"size\":%d,"
			 "\"lfs\":{\"oid\":\"%064d\"}}",
			 i ? ",\n" : "", i, i, i);
	str_addc(&s, ']');
	begin = clock_ms();
	json_reader_init(&r, s.ptr, s.len);
	assert_ok(json_enter_array(&r, &err), &err);
	while ((more = json_next_item(&r, &err)) > 0) {
		struct json *v CLEANUP(json_free) = NULL;

		assert_ok(json_read_value(&r, &v, &err), &err);
		assert_ok(json_get_u64(v, "size", &n, "", &err), &err);
		sum += n;
	}
	assert_int_equal(more, 0);
	assert_ok(json_reader_end(&r, &err), &err);
	assert_int_equal(sum, (uint64_t)99999 * 50000);
	/* 0.1 s without sanitizers; quadratic would be minutes */
	assert_true(clock_ms() - begin < 10000);
}

static int add_head(void *ctx, const struct json *doc, struct error *err)
{
	(void)err;
	str_addf(ctx, "%s:", json_string_or(json_member(doc, "a"), "-"));
	return 0;
}

static int add_item(void *ctx, const struct json *item, struct error *err)
{
	if (!json_is_string(item))
		return err_set(err, ERR_FORMAT, "no string");
	str_addf(ctx, "%s+", json_string_or(item, "?"));
	return 0;
}

static int read_listing(const char *text, struct str *seen, struct error *err)
{
	const struct json_listing listing = { .list = "l",
					      .limit = 40,
					      .head = add_head,
					      .item = add_item,
					      .ctx = seen };
	size_t len = strlen(text);
	char *copy CLEANUP(free_ptr) = xmalloc(len);

	memcpy(copy, text, len);
	return json_read_listing(copy, len, &listing, err);
}

static void test_listing(void **state)
{
	static const struct {
		const char *text, *seen;
	} table[] = {
		{ "{\"l\":[]}", "-:" },
		{ "{\"l\":[\"x\",\"y\"],\"a\":\"1\"}", "1:x+y+" },
		{ " { \"l\" : [ \"x\" ] , \"a\" : \"1\" , \"b\":2 } ", "1:x+" },
		{ "{\"a\":\"1\",\"b\":{\"l\":[]},\"l\":[\"x\"]}", "1:x+" },
		{ "{\"b\":2,\"\\u006c\":[\"x\"],\"a\":\"1\"}", "1:x+" },
	};
	static const struct {
		const char *text, *why, *seen;
	} bad[] = {
		{ "[]", "an object", "" },
		{ "{\"a\":\"1\"}", "l: is missing", "1:" },
		{ "{\"l\":[],\"l\":[]}", "\"l\" appears twice", "" },
		{ "{\"a\":1,\"l\":[],\"a\":1}", "a", "" },
		{ "{\"l\":[\"x\"],\"a\":\"1\"", "comma or the end", "" },
		{ "{\"l\":[\"x\"]} 1", "the end", "" },
		{ "{\"l\":{}}", "l: ", "" },
		{ "{\"l\":[\"x\",1],\"a\":\"1\"}", "l[1]: no string", "1:x+" },
		{ "{\"l\":[\"x\",\"0123456789012345678901234567890123456789\"]"
		  "}",
		  "l[1]: ", "" },
		{ "{\"a\":\"0123456789012345678901234567890123456789\",\"l\":[]"
		  "}",
		  "a: ", "" },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_ok(read_listing(table[i].text, &seen, &err), &err);
		assert_string_equal(seen.ptr, table[i].seen);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_fails(read_listing(bad[i].text, &seen, &err), &err,
			     ERR_FORMAT, bad[i].why);
		assert_string_equal(seen.ptr, bad[i].seen);
	}
}

static void test_listing_limit(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_adds(&text, "{\"l\":[]");
	for (int i = 0; i < 100; i++)
		str_addf(&text, ",\"k%d\":%d", i, i);
	str_addc(&text, '}');
	assert_fails(read_listing(text.ptr, &seen, &err), &err, ERR_FORMAT,
		     "too many keys");
}

int run_json_reader_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_limits),
		cmocka_unit_test(test_file_unreadable),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_listing_limit),
	};

	return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
