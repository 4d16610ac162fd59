#include "tests/unit/doctor/unit.h"

#include "base/mem.h"
#include "doctor/weights.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_header(void **state)
{
	static const struct {
		const char *text;
		uint64_t data;
		enum err_code code;
	} rows[] = {
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":"
		  "[0,24]}}",
		  24, ERR_NONE },
		{ "{\"__metadata__\":{\"format\":\"pt\"}}   ", 0, ERR_NONE },
		/* a type that is not known yet: the library decides */
		{ "{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,"
		  "1]}}",
		  1, ERR_NONE },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":"
		  "[0,24]}}",
		  20, ERR_INTEGRITY },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":"
		  "[0,24]}}",
		  25, ERR_INTEGRITY },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":"
		  "[0,23]}}",
		  23, ERR_FORMAT },
		{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,"
		  "8]}}",
		  8, ERR_FORMAT },
		{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,"
		  "0]}}",
		  8, ERR_FORMAT },
		{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[-4],\"data_offsets\":["
		  "0,4]}}",
		  4, ERR_FORMAT },
		{ "{\"a\":{\"dtype\":\"U8\",\"shape\":4,\"data_offsets\":[0,"
		  "4]}}",
		  4, ERR_FORMAT },
		{ "{\"a\":{\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
		  ERR_FORMAT },
		{ "{\"a\":7}", 0, ERR_FORMAT },
		{ "{} x", 0, ERR_FORMAT },
		{ "<html>", 0, ERR_FORMAT },
		{ "", 0, ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = { 0 };
		struct weights w;
		int rc = safetensors_parse(rows[i].text, strlen(rows[i].text),
					   rows[i].data, &w, &err);

		if (err.code != rows[i].code || (rc == 0) != !rows[i].code)
			fail_msg("row %zu: %s", i, err.msg);
		if (rc == 0)
			assert_true(w.bytes == rows[i].data);
	}
}

static void test_sum(void **state)
{
	const char *text =
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":["
		"4,28]},\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_"
		"offsets\":[0,4]}}";
	struct error err = { 0 };
	struct weights w;

	(void)state;
	assert_int_equal(safetensors_parse(text, strlen(text), 28, &w, &err),
			 0);
	assert_int_equal(w.tensors, 2);
	assert_int_equal(w.params, 8);
	assert_int_equal(w.bytes, 28);
}

static int temp_file(const void *bytes, size_t len)
{
	char name[] = "/tmp/itts-weights.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	return fd;
}

/* The library's words for each kind of damage. */
static void test_says(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *says;
	} rows[] = {
		{ "abc", 3, "HeaderTooSmall" },
		{ "\377\377\377\377\0\0\0\0xx", 10, "HeaderTooLarge" },
		{ "\100\0\0\0\0\0\0\0{}", 10, "InvalidHeaderLength" },
		{ "\2\0\0\0\0\0\0\0{}xx", 12, "MetadataIncompleteBuffer" },
		{ "\2\0\0\0\0\0\0\0[]", 10, "InvalidHeaderDeserialization" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd CLEANUP(close_fd) = temp_file(rows[i].bytes,
						     rows[i].len);
		char says[WEIGHTS_SAYS_MAX];
		struct error err = { 0 };
		struct weights w;

		assert_int_equal(
			safetensors_read(fd, rows[i].len, &w, says, &err), -1);
		if (!strstr(says, rows[i].says))
			fail_msg("row %zu: %s", i, says);
	}
}

static void read_corpus(const char *name, struct str *out)
{
	char *path CLEANUP(free_ptr) = xasprintf(
		"tests/fuzz/corpus/torchzip/%s", name);
	char buf[4096];
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf));

	assert_true(n > 0);
	str_add(out, buf, (size_t)n);
}

static void test_zip(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = { { "small", true }, { "zip64", true }, { "cut", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str text CLEANUP(str_release) = STR_INIT;
		char says[WEIGHTS_SAYS_MAX];
		struct error err = { 0 };
		struct weights w;
		int fd CLEANUP(close_fd) = -1;

		read_corpus(rows[i].name, &text);
		fd = temp_file(text.ptr, text.len);
		if (torch_read(fd, text.len, &w, says, &err) == 0) {
			assert_true(rows[i].good);
			assert_int_equal(w.tensors, 1);
			assert_true(w.bytes > 300 && w.bytes < 600);
		} else {
			assert_false(rows[i].good);
			assert_non_null(strstr(says, "PytorchStreamReader"));
		}
	}
}

static void test_entry(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 }, outside = { 0 };
	struct weights w;

	(void)state;
	read_corpus("extra", &text);
	/* sizes beyond 4 GiB stand in the extra field; no data.pkl, though */
	assert_int_equal(zip_parse_directory((const unsigned char *)text.ptr,
					     text.len, 1, 6000000000, &w, &err),
			 -1);
	assert_int_equal(w.bytes, 5000000000);
	assert_non_null(strstr(err.msg, "no data.pkl"));
	assert_int_equal(zip_parse_directory((const unsigned char *)text.ptr,
					     text.len, 1, 4000000000, &w,
					     &outside),
			 -1);
	assert_int_equal(outside.code, ERR_INTEGRITY);
}

static void test_old(void **state)
{
	static const unsigned char old[] = { 0x80, 2,	 0x8a, 10,   0x6c, 0xfc,
					     0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8,
					     0x50, 0x19, '.',  '.' };
	int fd CLEANUP(close_fd) = temp_file(old, sizeof(old));
	int other CLEANUP(close_fd) = temp_file("version https://git-lfs", 23);
	char says[WEIGHTS_SAYS_MAX];
	struct error err = { 0 };
	struct weights w;

	(void)state;
	assert_int_equal(torch_read(fd, sizeof(old), &w, says, &err), 0);
	assert_int_equal(torch_read(other, 23, &w, says, &err), -1);
	assert_string_equal(says, "invalid load key, 'v'");
}

int run_weights_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header), cmocka_unit_test(test_sum),
		cmocka_unit_test(test_says),   cmocka_unit_test(test_zip),
		cmocka_unit_test(test_entry),  cmocka_unit_test(test_old),
	};

	return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
