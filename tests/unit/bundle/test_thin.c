#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/inventory.h"
#include "bundle/layout.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Every file of the corpus: those that are named bad are refused. */
static void corpus_is_judged(void **state)
{
	static const char dir[] = "tests/fuzz/corpus/inventory";
	DIR *d = opendir(dir);
	const struct dirent *e;
	size_t seen = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		struct inventory inv CLEANUP(inventory_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };

		if (e->d_name[0] == '.')
			continue;
		assert_ok(file_read_all(dirfd(d), e->d_name, INVENTORY_LIMIT,
					&text, &err),
			  &err);
		seen++;
		if (str_starts(e->d_name, "bad_"))
			assert_fails(
				inventory_parse(&inv, text.ptr, text.len, &err),
				&err, ERR_FORMAT, "");
		else
			assert_ok(
				inventory_parse(&inv, text.ptr, text.len, &err),
				&err);
	}
	closedir(d);
	assert_true(seen >= 8);
}

static void found_by_digest_and_size(void **state)
{
	struct inventory inv CLEANUP(inventory_release) = { 0 };
	struct inventory got CLEANUP(inventory_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct digest d;

	(void)state;
	for (unsigned i = 200; i-- > 0;) {
		digest_buf(DIGEST_SHA256, &i, sizeof(i), &d);
		inventory_add(&inv, &d, i);
		if (i % 3 == 0)
			inventory_add(&inv, &d, i);
	}
	assert_ok(inventory_settle(&inv, &err), &err);
	assert_int_equal(inv.count, 200);
	inventory_format(&inv, &text);
	assert_ok(inventory_parse(&got, text.ptr, text.len, &err), &err);
	for (unsigned i = 0; i < 210; i++) {
		digest_buf(DIGEST_SHA256, &i, sizeof(i), &d);
		assert_int_equal(inventory_has(&got, &d, i), i < 200);
		assert_false(inventory_has(&got, &d, i + 1));
	}
}

static size_t blob_of(const struct bundle_manifest *m, uint64_t size)
{
	for (size_t i = 0; i < m->blob_count; i++)
		if (m->blobs[i].size == size)
			return i;
	fail_msg("no such blob");
	return 0;
}

struct totals {
	uint64_t payloads, bytes, sums;
};

static struct totals walk(const struct bundle_manifest *m,
			  const struct str *text)
{
	struct layout *l CLEANUP(layout_close) = NULL;
	struct segment s = { .kind = SEGMENT_BYTES };
	struct totals t = { 0 };
	struct error err = { 0 };

	assert_ok(layout_open(&l, m, text->ptr, text->len, &err), &err);
	while (s.kind != SEGMENT_END) {
		assert_ok(layout_next(l, &s, &err), &err);
		if (s.kind == SEGMENT_PAYLOAD && !s.again) {
			assert_false(m->blobs[s.blob].absent);
			t.payloads++;
			t.bytes += s.size;
		}
		if (s.kind == SEGMENT_BYTES && !strcmp(s.name, "SHA256SUMS"))
			t.sums += s.size;
	}
	return t;
}

/* One text for one meaning, and a layout without what is left out, while the list
 * for sha256sum is the same. */
static void left_out(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct bundle_manifest thin CLEANUP(bundle_manifest_release) = { 0 };
	struct lock lock CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str less CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct totals full, now;
	size_t big;

	(void)state;
	sample_lock(&lock);
	sample_manifest(&lock, &m, &text);
	full = walk(&m, &text);
	assert_false(bundle_leave_out(&m, blob_of(&m, 4096)));
	assert_false(bundle_leave_out(&m, blob_of(&m, 0)));
	assert_true(bundle_leave_out(&m, blob_of(&m, 3500000)));
	assert_false(bundle_leave_out(&m, blob_of(&m, 3500000)));
	bundle_manifest_format(&m, &less);
	assert_ok(bundle_manifest_parse(&thin, less.ptr, less.len, &err), &err);
	assert_int_equal(thin.absent_count, 1);
	assert_int_equal(thin.absent_bytes, 3500000);
	big = blob_of(&thin, 3500000);
	assert_true(thin.blobs[big].absent);
	assert_int_equal(bundle_blob_states(&thin.blobs[big]), 0);
	now = walk(&thin, &less);
	assert_int_equal(now.payloads, full.payloads - 1);
	assert_int_equal(now.bytes, full.bytes - 3500000);
	assert_int_equal(now.sums, full.sums);
}

/* Other texts of "requires" are refused. */
static void bad_requires(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{ "[]", "not in canonical form" },
		{ "{}", "requires: " },
		{ "[1]", "64 hex digits" },
		{ "[\"\"]", "64 hex digits" },
		/* a digest, but a SHA-1 */
		{ "[\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"]",
		  "64 hex digits" },
		/* that of nothing, and of no file here */
		{ "[\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
		  "7852b854\"]",
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852"
		  "b854 is not a file of this bundle" },
		{ "[\"%s\",\"%s\"]", "stands there twice" },
		{ "[\"%s\",1]", "64 hex digits" },
		{ "[[\"%s\"]]", "64 hex digits" },
		{ "\"%s\"", "requires: " },
		{ "[\"%s\"],\"requires\":[\"%s\"]",
		  "key \"requires\" appears twice" },
	};
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct lock lock CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	char big[DIGEST_HEX_MAX], small[DIGEST_HEX_MAX];

	(void)state;
	sample_lock(&lock);
	sample_manifest(&lock, &m, &text);
	digest_hex(&m.blobs[blob_of(&m, 3500000)].sha256, big);
	digest_hex(&m.blobs[blob_of(&m, 4096)].sha256, small);
	str_truncate(&text, text.len - 2); /* "}\n" */
	for (size_t i = 0; i < ARRAY_LEN(bad) + 2; i++) {
		struct bundle_manifest got CLEANUP(
			bundle_manifest_release) = { 0 };
		struct str one CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		const char *p = i < ARRAY_LEN(bad) ? bad[i].text : "[\"%s\"]";
		const char *words = i < ARRAY_LEN(bad) ? bad[i].words
						       : "too small";
		const char *hex = i == ARRAY_LEN(bad) ? small : big;

		str_addf(&one, "%s,\"requires\":", text.ptr);
		for (; *p; p++)
			if (*p == '%')
				str_adds(&one, hex), p++;
			else
				str_addc(&one, *p);
		str_adds(&one, "}\n");
		if (i <= ARRAY_LEN(bad))
			assert_fails(bundle_manifest_parse(&got, one.ptr,
							   one.len, &err),
				     &err, ERR_FORMAT, words);
		else
			assert_ok(bundle_manifest_parse(&got, one.ptr, one.len,
							&err),
				  &err);
	}
}

int run_thin_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus_is_judged),
		cmocka_unit_test(found_by_digest_and_size),
		cmocka_unit_test(left_out),
		cmocka_unit_test(bad_requires),
	};

	return cmocka_run_group_tests_name("thin", tests, NULL, NULL);
}
