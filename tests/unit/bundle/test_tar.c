#include "tests/unit/bundle/unit.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "bundle/tar.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GIB8 ((uint64_t)8 << 30)

static char a120[121], a100[101], p150[156], deep1000[1001], far_away[200];

/* Names and links that readers have trouble with. */
static const struct tar_member members[] = {
	{ TAR_FILE, "blobs/sha256/abc", NULL, 0, 0444, 0, false },
	{ TAR_HARDLINK, "hub/link", "blobs/sha256/abc", 0, 0444, 0, false },
	{ TAR_SYMLINK, "hub/snap/x", "../../blobs/sha256/abc", 0, 0777, 0,
	  false },
	{ TAR_FILE, "a b+%/üß文 😀.txt", NULL, 0, 0644, 1, false },
	{ TAR_SYMLINK, "sub/ü", "../a b+%/üß文 😀.txt", 0, 0777, 1, false },
	{ TAR_FILE, a100, NULL, 0, 0644, 0, false },
	{ TAR_FILE, a120, NULL, 0, 0755, 1700000000, false },
	{ TAR_FILE, p150, NULL, 0, 0644, 0, false },
	{ TAR_FILE, deep1000, NULL, 0, 0644, 0, false },
	{ TAR_HARDLINK, "hub/to-deep", deep1000, 0, 0644, 0, false },
	{ TAR_SYMLINK, "1/2/3/4/5/6/7/8/9/10/11/12/x", far_away, 0, 0777, 0,
	  false },
	{ TAR_DIR, "blobs/sha256/", NULL, 0, 0755, 0, false },
};

static int make_names(void **state)
{
	(void)state;
	memset(a100, 'a', 100);
	memset(a120, 'b', 120);
	memset(p150, 'p', 155);
	p150[150] = '/';
	for (int i = 0; i < 1000; i++)
		deep1000[i] = i % 100 == 99 ? '/' : 'd';
	memcpy(deep1000 + 990, "\xc3\xbc.bin", 7);
	snprintf(far_away, sizeof(far_away), "%s%s",
		 "../../../../../../../../../../../../", a120);
	return 0;
}

static void put_zeros(struct str *out)
{
	str_fill(out, '\0', 1024);
}

static void all_headers(struct str *out)
{
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		assert_ok(tar_header(&members[i], out, &err), &err);
		assert_int_equal(out->len % 512, 0);
	}
}

/* The bytes are part of the format: they may never change. */
static void header_bytes_are_fixed(void **state)
{
	static const char *const locales[] = { "C", "C.UTF-8", "POSIX" };
	char hex[DIGEST_HEX_MAX];
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(locales); i++) {
		struct str out CLEANUP(str_release) = STR_INIT;

		assert_non_null(setlocale(LC_ALL, locales[i]));
		all_headers(&out);
		digest_buf(DIGEST_SHA256, out.ptr, out.len, &d);
		assert_string_equal(digest_hex(&d, hex),
				    "2a1b330e0413bc8e770f72b450ff6c02d683f253e7"
				    "bd34ad532bbe2d6c417186");
	}
	setlocale(LC_ALL, "C");
}

static void big_header_bytes_are_fixed(void **state)
{
	struct tar_member m = {
		TAR_FILE, "blobs/sha256/0123", NULL, GIB8, 0444, 0, false
	};
	struct str out CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char hex[DIGEST_HEX_MAX];
	struct digest d;

	(void)state;
	assert_ok(tar_header(&m, &out, &err), &err);
	assert_int_equal(out.len, 1536);
	digest_buf(DIGEST_SHA256, out.ptr, out.len, &d);
	assert_string_equal(digest_hex(&d, hex),
			    "b1ece84d4ac2d451f67bbf7258b673a6e76caf954d28ccec4b"
			    "b6e18d6b6bd778");
	m.size = GIB8 - 1;
	str_clear(&out);
	assert_ok(tar_header(&m, &out, &err), &err);
	assert_int_equal(out.len, 512);
	assert_memory_equal(out.ptr + 124, "77777777777", 11);
}

static const char *const readers[] = {
	"tar -xf ../t.tar",
	"LC_ALL=C.UTF-8 bsdtar -xf ../t.tar",
	"busybox tar -xf ../t.tar",
	("python3 -S -c 'import tarfile; "
	 "tarfile.open(\"../t.tar\").extractall(filter=\"data\")'"),

};

static const char listing[] =
	"LC_ALL=C find . -type l -printf '%P -> %l\\n' -o -type f "
	"-printf '%P %s %n\\n' | LC_ALL=C sort";

static void expected_listing(struct str *out)
{
	FILE *sort;
	char buf[4096];
	size_t n;
	char name[] = "/tmp/itts-unit-XXXXXX";
	int fd = mkstemp(name);
	char *line CLEANUP(free_ptr) = xasprintf("LC_ALL=C sort %s", name);
	FILE *f = fdopen(fd, "w");

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct tar_member *m = &members[i];
		bool two = !strcmp(m->path, "blobs/sha256/abc") ||
			   m->path == deep1000 || m->type == TAR_HARDLINK;

		if (m->type == TAR_SYMLINK)
			fprintf(f, "%s -> %s\n", m->path, m->target);
		else if (m->type != TAR_DIR)
			fprintf(f, "%s 0 %d\n", m->path, two ? 2 : 1);
	}
	assert_int_equal(fclose(f), 0);
	sort = popen(line, "r");
	while ((n = fread(buf, 1, sizeof(buf), sort)) > 0)
		str_add(out, buf, n);
	pclose(sort);
	unlink(name);
}

static void four_readers_agree(void **state)
{
	struct str tar CLEANUP(str_release) = STR_INIT;
	struct str want CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX], sub[TEMP_PATH_MAX + 16];
	int dir = temp_dir(path);

	(void)state;
	all_headers(&tar);
	put_zeros(&tar);
	assert_ok(file_replace(dir, "t.tar", tar.ptr, tar.len, &err), &err);
	expected_listing(&want);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		struct str got CLEANUP(str_release) = STR_INIT;

		snprintf(sub, sizeof(sub), "%s/%zu", path, i);
		assert_int_equal(mkdir(sub, 0755), 0);
		run_silent(sub, readers[i]);
		assert_int_equal(run_shell(sub, listing, &got), 0);
		assert_string_equal(got.ptr, want.ptr);
	}
	temp_dir_end(dir, path);
}

static void padding_is_exact(void **state)
{
	struct error err = { 0 };

	(void)state;
	for (uint64_t size = 1024; size < 130000; size += 512) {
		struct str out CLEANUP(str_release) = STR_INIT;
		char digits[32];

		assert_ok(tar_padding(size, &out, &err), &err);
		assert_int_equal(out.len, size);
		assert_int_equal(out.ptr[156], 'x');
		assert_int_equal(out.ptr[size - 1], '\n');
		snprintf(digits, sizeof(digits),
			 "%llu comment= ", (unsigned long long)size - 512);
		assert_memory_equal(out.ptr + 512, digits, strlen(digits));
	}
}

static void padding_has_limits(void **state)
{
	static const uint64_t wrong[] = {
		0, 512, 1000, 1025, 1536 + 1, TAR_PADDING_MAX + 512
	};
	struct str out CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_fails(tar_padding(wrong[i], &out, &err), &err, ERR_OTHER,
			     "padding");
	assert_int_equal(out.len, 0);
}

static void put_file(struct str *out, const char *path, const char *text)
{
	struct tar_member m = { TAR_FILE, path, NULL, strlen(text),
				0444,	  0,	false };
	struct error err = { 0 };

	assert_ok(tar_header(&m, out, &err), &err);
	str_adds(out, text);
	str_fill(out, '\0', -m.size % 512);
}

static void readers_skip_padding(void **state)
{
	struct str tar CLEANUP(str_release) = STR_INIT;
	struct tar_member d = { TAR_DIR, "blobs/sha256/", NULL, 0, 0755, 0,
				false };
	struct error err = { 0 };
	char path[TEMP_PATH_MAX], sub[TEMP_PATH_MAX + 16];
	int dir = temp_dir(path);

	(void)state;
	assert_ok(tar_padding(1024, &tar, &err), &err);
	put_file(&tar, "blobs/sha256/1", "one");
	assert_ok(tar_padding(4608, &tar, &err), &err);
	put_file(&tar, "blobs/sha256/2", "two");
	assert_ok(tar_padding(3584, &tar, &err), &err);
	assert_ok(tar_header(&d, &tar, &err), &err);
	put_file(&tar, "3", "three");
	put_zeros(&tar);
	assert_ok(file_replace(dir, "t.tar", tar.ptr, tar.len, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		struct str got CLEANUP(str_release) = STR_INIT;

		snprintf(sub, sizeof(sub), "%s/%zu", path, i);
		assert_int_equal(mkdir(sub, 0755), 0);
		run_silent(sub, readers[i]);
		assert_int_equal(run_shell(sub,
					   "cat blobs/sha256/1 blobs/sha256/2 "
					   "3",
					   &got),
				 0);
		assert_string_equal(got.ptr, "onetwothree");
	}
	temp_dir_end(dir, path);
}

static const char *const listers[] = {
	"tar -tvf t.tar | awk '{print $3, $6}'",
	"bsdtar -tvf t.tar | awk '{print $5, $9}'",
	"busybox tar -tvf t.tar | awk '{print $3, $6}'",
	("python3 -S -c 'import tarfile\nfor m in tarfile.open(\"t.tar\"): "
	 "print(m.size, m.name + \"/\" * m.isdir())'"),

};

/* 9 GiB as holes: a member with its own 'x' header between padded ones. */
static void readers_see_big_sizes(void **state)
{
	static const struct tar_member d = {
		TAR_DIR, "blobs/sha256/", NULL, 0, 0755, 0, false
	};
	struct tar_member big = {
		TAR_FILE, "blobs/sha256/big", NULL, GIB8 + 1, 0444, 0, false
	};
	struct str front CLEANUP(str_release) = STR_INIT;
	struct str back CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path), fd;
	uint64_t end;

	(void)state;
	assert_ok(tar_padding(2048, &front, &err), &err);
	assert_ok(tar_header(&d, &front, &err), &err);
	assert_ok(tar_header(&big, &front, &err), &err);
	assert_int_equal(front.len, 4096);
	put_file(&back, "last", "x");
	put_zeros(&back);
	fd = openat(dir, "t.tar", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	end = front.len + GIB8 + 512;
	assert_ok(file_pwrite_all(fd, front.ptr, front.len, 0, "t", &err),
		  &err);
	assert_ok(file_pwrite_all(fd, back.ptr, back.len, end, "t", &err),
		  &err);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(listers); i++) {
		struct str got CLEANUP(str_release) = STR_INIT;

		assert_int_equal(run_shell(path, listers[i], &got), 0);
		assert_string_equal(got.ptr, "0 blobs/sha256/\n"
					     "8589934593 blobs/sha256/big\n"
					     "1 last\n");
	}
	temp_dir_end(dir, path);
}

int run_tar_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_bytes_are_fixed),
		cmocka_unit_test(big_header_bytes_are_fixed),
		cmocka_unit_test(four_readers_agree),
		cmocka_unit_test(padding_is_exact),
		cmocka_unit_test(padding_has_limits),
		cmocka_unit_test(readers_skip_padding),
		cmocka_unit_test(readers_see_big_sizes),
	};

	return cmocka_run_group_tests_name("tar", tests, make_names, NULL);
}
