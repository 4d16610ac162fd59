#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/sniff.h"
#include "bundle/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	char path[TEMP_PATH_MAX];
	char file[TEMP_PATH_MAX + 8];
	int dir;
	struct str bytes; /* of a whole bundle */
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };

	f->bytes = (struct str)STR_INIT;
	f->dir = temp_dir(f->path);
	snprintf(f->file, sizeof(f->file), "%s/b.tar", f->path);
	sample_lock(&l);
	sample_bundle(&l, &f->bytes);
	assert_ok(
		file_replace(f->dir, "b.tar", f->bytes.ptr, f->bytes.len, &err),
		&err);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	str_release(&f->bytes);
	temp_dir_end(f->dir, f->path);
	free(f);
	return 0;
}

/* Reads all of it as install does; payloads are skipped. */
static int walk(struct bundle_source *s, struct error *err)
{
	struct segment seg;

	do {
		if (layout_next(s->layout, &seg, err))
			return -1;
		if ((seg.kind == SEGMENT_BYTES ||
		     seg.kind == SEGMENT_SIGNATURE ||
		     seg.kind == SEGMENT_EXTRA) &&
		    bundle_source_expect(s, &seg, err))
			return -1;
		if ((seg.kind == SEGMENT_PAYLOAD ||
		     seg.kind == SEGMENT_STATES) &&
		    bundle_source_skip(s, seg.size, err))
			return -1;
	} while (seg.kind != SEGMENT_END);
	return bundle_source_end(s, err);
}

static void reads_a_file(void **state)
{
	struct fixture *f = *state;
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct error err = { 0 };

	assert_ok(bundle_source_open(&s, f->file, &err), &err);
	assert_true(s.seekable);
	assert_int_equal(s.file_size, f->bytes.len);
	assert_string_equal(s.manifest.lock.name, "sample");
	assert_ok(bundle_source_check_size(&s, &err), &err);
	assert_int_equal(s.offset, 0);
	assert_ok(walk(&s, &err), &err);
	assert_int_equal(s.offset, f->bytes.len);
}

static void reads_streams(void **state)
{
	static const char *const commands[] = { "cat b.tar", "zstd -qc b.tar",
						"gzip -c b.tar",
						"xz -0c b.tar" };
	struct fixture *f = *state;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct bundle_source s CLEANUP(
			bundle_source_close) = BUNDLE_SOURCE_INIT;
		char *line CLEANUP(free_ptr) = xasprintf("cd '%s' && %s",
							 f->path, commands[i]);
		FILE *p = popen(line, "r");

		assert_non_null(p);
		assert_ok(bundle_source_open_fd(&s, fileno(p), "pipe", &err),
			  &err);
		assert_false(s.seekable);
		assert_ok(walk(&s, &err), &err);
		pclose(p);
	}
}

static void reads_a_compressed_file(void **state)
{
	struct fixture *f = *state;
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct error err = { 0 };

	run_silent(f->path, "zstd -q b.tar -o c.zst && mv c.zst b.tar");
	assert_ok(bundle_source_open(&s, f->file, &err), &err);
	assert_false(s.seekable);
	assert_ok(walk(&s, &err), &err);
}

static void names_what_it_is(void **state)
{
	static const struct {
		const char *command, *words;
	} cases[] = {
		{ ": > b.tar", "an empty file" },
		{ "rm b.tar; zip -q t.zip path; mv t.zip b.tar", "--import" },
		{ "tar -cf b.tar path", "a tar archive; an archive of a Hub" },
		{ "tar -czf b.tar path", "a tar archive, compressed" },
		{ "printf '\\n<!DOCTYPE HTML>\\n' > b.tar", "web page" },
		{ "printf 'version https://git-lfs.github.com/spec/v1\\n' "
		  "> b.tar",
		  "LFS pointer" },
		{ "printf '{\"a\":1}' > b.tar", "JSON" },
		{ "head -c 4096 /dev/zero > b.tar", "zeros" },
		{ "head -c 4096 /dev/zero | tr '\\0' x > b.tar",
		  "something else" },
		{ "head -c 300 b.tar > c; mv c b.tar", "ends at byte 300" },
		{ "head -c 600 b.tar > c; mv c b.tar",
		  "ends at byte 600, in itts-bundle.json" },
		{ "rm b.tar; mkdir b.tar", "directory" },
	};
	struct fixture *f = *state;
	struct error err = { 0 };

	run_silent(f->path, "echo x > path; cp b.tar saved");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bundle_source s CLEANUP(
			bundle_source_close) = BUNDLE_SOURCE_INIT;

		run_silent(f->path, "cp saved b.tar");
		run_silent(f->path, cases[i].command);
		assert_fails(bundle_source_open(&s, f->file, &err), &err,
			     ERR_FORMAT, cases[i].words);
	}
}

static void absent_file(void **state)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct error err = { 0 };

	(void)state;
	assert_fails(bundle_source_open(&s, "/nowhere/b.tar", &err), &err,
		     ERR_NOT_FOUND, "/nowhere/b.tar");
}

static int open_and_walk(struct fixture *f, bool check, struct error *err)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;

	if (bundle_source_open(&s, f->file, err) ||
	    (check && bundle_source_check_size(&s, err)))
		return -1;
	return walk(&s, err);
}

static void every_truncation(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	int fd = open(f->file, O_RDWR | O_CLOEXEC);
	size_t step = 512;

	assert_true(fd >= 0);
	for (size_t at = f->bytes.len - step; at > 0; at -= step) {
		assert_int_equal(ftruncate(fd, (off_t)at), 0);
		assert_fails(open_and_walk(f, at % 1024, &err), &err,
			     ERR_FORMAT, "ends at byte");
		if (at < 200000)
			continue;
		at -= 64 * step; /* within payloads */
	}
	close(fd);
}

static void trailing_byte(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	run_silent(f->path, "printf x >> b.tar");
	assert_fails(open_and_walk(f, false, &err), &err, ERR_FORMAT,
		     "follows the end");
	assert_fails(open_and_walk(f, true, &err), &err, ERR_FORMAT,
		     "follows the end");
}

static void flip_is_named(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	int fd = open(f->file, O_RDWR | O_CLOEXEC);
	char *at;

	assert_true(fd >= 0);
	at = memmem(f->bytes.ptr, f->bytes.len, "SHA256SUMS", 10);
	assert_non_null(at);
	at[0] ^= 1;
	assert_int_equal(pwrite(fd, at, 1, at - f->bytes.ptr), 1);
	assert_fails(open_and_walk(f, true, &err), &err, ERR_INTEGRITY,
		     "b.tar: SHA256SUMS: byte ");
	close(fd);
}

static void put_signature(struct fixture *f, const char *text)
{
	int fd = open(f->file, O_RDWR | O_CLOEXEC);
	char *at = memmem(f->bytes.ptr, f->bytes.len, "\n\n\n\n\n\n\n\n", 8);

	assert_true(fd >= 0);
	assert_non_null(at);
	assert_int_equal(pwrite(fd, text, strlen(text), at - f->bytes.ptr),
			 strlen(text));
	close(fd);
}

static void signature_slot(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	put_signature(f, "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n"
			 "-----END SSH SIGNATURE-----\n");
	assert_ok(open_and_walk(f, true, &err), &err);
	put_signature(f, "-----BEGIN SSH SIGNATURE-----\nU1N*U0lH\n");
	assert_fails(open_and_walk(f, true, &err), &err, ERR_INTEGRITY,
		     "signature");
	put_signature(f, "x");
	assert_fails(open_and_walk(f, true, &err), &err, ERR_INTEGRITY,
		     "signature");
}

int run_source_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_streams, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_a_compressed_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(names_what_it_is, setup,
						teardown),
		cmocka_unit_test(absent_file),
		cmocka_unit_test_setup_teardown(every_truncation, setup,
						teardown),
		cmocka_unit_test_setup_teardown(trailing_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(flip_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(signature_slot, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
