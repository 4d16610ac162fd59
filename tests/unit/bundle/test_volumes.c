#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/volumes.h"
#include "bundle/volumes_write.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* Every file of the corpus: those that are named bad are refused. */
static void corpus_is_judged(void **state)
{
	DIR *d = opendir("tests/fuzz/corpus/volcard");
	const struct dirent *e;
	size_t seen = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		struct volcard c CLEANUP(volcard_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int rc;

		if (e->d_name[0] == '.')
			continue;
		assert_ok(file_read_all(dirfd(d), e->d_name, VOLCARD_LIMIT,
					&text, &err),
			  &err);
		rc = volcard_parse(&c, text.ptr, text.len, &err);
		seen++;
		if (rc && err.code == ERR_UNSAFE)
			err.code = ERR_FORMAT;
		if (str_starts(e->d_name, "bad_"))
			assert_fails(rc, &err, ERR_FORMAT, "");
		else
			assert_ok(rc, &err);
	}
	closedir(d);
	assert_true(seen >= 18);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size; /* 0: refused */
	} cases[] = {
		{ "fat32", 4294963200 },
		{ "dvd", 4697620480 },
		{ "bd25", 24117248000 },
		{ "1M", 1048576 },
		{ "4096", 4096 },
		{ "4097", 4096 },
		{ "8191", 4096 },
		{ "1G", 1073741824 },
		{ "4095", 0 },
		{ "0", 0 },
		{ "", 0 },
		{ "FAT32", 0 },
		{ "-1", 0 },
		{ "16E", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = { 0 };
		uint64_t size = 0;
		int rc = volume_size_parse(cases[i].text, &size, &err);

		if (cases[i].size)
			assert_ok(rc, &err);
		else
			assert_fails(rc, &err, ERR_USAGE, "");
		assert_int_equal(size, cases[i].size);
		assert_int_equal(size % BUNDLE_ALIGN, 0);
	}
}

struct fixture {
	char path[TEMP_PATH_MAX], tar[TEMP_PATH_MAX + 8];
	int dir;
	struct str bytes;
};

static void begin(struct fixture *f, size_t size)
{
	f->dir = temp_dir(f->path);
	f->bytes = (struct str)STR_INIT;
	sample_bytes("volumes", size, &f->bytes);
	snprintf(f->tar, sizeof(f->tar), "%s/b.tar", f->path);
}

static void end(struct fixture *f)
{
	str_release(&f->bytes);
	temp_dir_end(f->dir, f->path);
}

/* In pieces of odd sizes. */
static void write_all(struct fixture *f, uint64_t size, size_t step,
		      bool commit)
{
	struct volume_writer w CLEANUP(volume_writer_release) = { 0 };
	struct str manifest CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	str_adds(&manifest, "{}\n");
	volume_writer_init(&w, f->tar, size);
	assert_ok(volume_writer_begin(&w, "b", &manifest, f->bytes.len, &err),
		  &err);
	for (size_t at = 0, n; at < f->bytes.len; at += n) {
		n = f->bytes.len - at < step ? f->bytes.len - at : step;
		assert_ok(volume_writer_write(&w, f->bytes.ptr + at, n, &err),
			  &err);
	}
	if (commit)
		assert_ok(volume_writer_commit(&w, &err), &err);
}

static void any_bytes_come_back(void **state)
{
	static const size_t steps[] = { 1000, 4096, 4097, 100000 };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct volumes *v CLEANUP(volumes_close) = NULL;
		struct str got CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		size_t n;

		begin(&f, 50000);
		write_all(&f, 8192, steps[i], true);
		assert_ok(volumes_open(&v, f.path, NULL, &err), &err);
		assert_int_equal(v->card.count, 7);
		assert_int_equal(v->here, 7);
		str_fill(&got, '\0', 50010);
		for (size_t at = 0; at < 50000; at += 777) {
			assert_ok(
				volumes_pread(v, got.ptr, 10000, at, &n, &err),
				&err);
			assert_int_equal(n, at > 40000 ? 50000 - at : 10000);
			assert_memory_equal(got.ptr, f.bytes.ptr + at, n);
		}
		run_silent(f.path, "sha256sum -c --quiet b.volumes.sha256");
		end(&f);
	}
}

static void what_is_here(void **state)
{
	struct volumes *v CLEANUP(volumes_close) = NULL;
	struct error err = { 0 };
	struct fixture f;
	char buf[100];
	size_t n;

	(void)state;
	begin(&f, 50000);
	write_all(&f, 8192, 5000, true);
	run_silent(f.path, "rm b.tar.003; truncate -s 1 b.tar.005");
	assert_ok(volumes_open(&v, f.path, NULL, &err), &err);
	assert_int_equal(v->here, 5);
	assert_true(volumes_have(v, 0, 16384));
	assert_false(volumes_have(v, 0, 16385));
	assert_true(volumes_have(v, 24576, 8192));
	assert_false(volumes_have(v, 24575, 2));
	assert_false(volumes_have(v, 32768, 1));
	assert_true(volumes_have(v, 49999, 1));
	assert_fails(volumes_pread(v, buf, 100, 16350, &n, &err), &err,
		     ERR_NOT_FOUND, "b.tar.003");
	assert_fails(volumes_check_sizes(v, &err), &err, ERR_INTEGRITY,
		     "b.tar.005: 1 bytes, expected 8192");
	end(&f);
}

static void nothing_without_commit(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 50000);
	write_all(&f, 8192, 5000, false);
	run_silent(f.path, "! ls -A | grep .");
	end(&f);
}

int run_volumes_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus_is_judged),
		cmocka_unit_test(sizes),
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(what_is_here),
		cmocka_unit_test(nothing_without_commit),
	};

	return cmocka_run_group_tests_name("volumes", tests, NULL, NULL);
}
