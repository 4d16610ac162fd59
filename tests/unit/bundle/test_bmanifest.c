#include "tests/unit/bundle/unit.h"

#include "base/mem.h"
#include "bundle/bmanifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make(struct bundle_manifest *m, struct str *text)
{
	struct lock l CLEANUP(lock_release) = { 0 };

	sample_lock(&l);
	sample_manifest(&l, m, text);
}

static void format_and_parse_agree(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct bundle_manifest got CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str again CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	make(&m, &text);
	assert_memory_equal(text.ptr,
			    "{\"format\":\"itts-bundle\",\"version\":2,"
			    "\"name\":\"sample\",\"serial\":7,"
			    "\"epoch\":1700000000,\"align\":4096,"
			    "\"tool\":\"itts-pack\",\"lock_digest\":\"sha256:",
			    100);
	assert_true(str_ends(text.ptr, "]}\n"));
	assert_ok(bundle_manifest_parse(&got, text.ptr, text.len, &err), &err);
	bundle_manifest_format(&got, &again);
	assert_string_equal(text.ptr, again.ptr);
	assert_int_equal(got.serial, 7);
	assert_int_equal(got.epoch, 1700000000);
	assert_int_equal(got.blob_count, m.blob_count);
}

/* Distinct payloads in the order of first use, with all their uses. */
static void blobs_are_derived(void **state)
{
	static const struct {
		const char *path;
		size_t uses;
	} want[] = {
		{ "README.md", 2 },
		{ "config.yaml", 1 },
		{ NULL, 1 }, /* the long name: not looked at */
		{ "empty.txt", 2 },
		{ "gpt.pth", 2 },
		{ "sub/deep/a b+%ü文.bin", 1 },
		{ "big.bin", 1 },
		{ "a.bin", 1 },
	};
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct digest other = { .alg = DIGEST_SHA256 };

	(void)state;
	make(&m, &text);
	assert_int_equal(m.blob_count, ARRAY_LEN(want));
	for (size_t i = 0; i < m.blob_count; i++) {
		const struct bundle_blob *b = &m.blobs[i];

		assert_int_equal(b->use_count, want[i].uses);
		if (want[i].path)
			assert_string_equal(bundle_use_file(&m, b->uses)->path,
					    want[i].path);
		assert_int_equal(bundle_find_blob(&m, &b->sha256), i);
		for (size_t k = 0; k < b->use_count; k++)
			assert_true(digest_equal(
				&bundle_use_file(&m, &b->uses[k])->sha256,
				&b->sha256));
	}
	assert_true(bundle_find_blob(&m, &other) == SIZE_MAX);
}

/* text with the first `from` in it replaced by `to` */
static void edit(struct str *out, const struct str *text, const char *from,
		 const char *to)
{
	const char *at = strstr(text->ptr, from);

	assert_non_null(at);
	str_add(out, text->ptr, (size_t)(at - text->ptr));
	str_adds(out, to);
	str_adds(out, at + strlen(from));
}

static void strange_fields_are_ignored(void **state)
{
	static const char *const edits[][2] = {
		{ "\"version\":2,", "\"version\":2,\"new\":{\"a\":[1,2]}," },
		{ ",\"repos\":", ",\"x\":\"y\",\"z\":null,\"repos\":" },
		{ "]}\n", "],\"last\":true}\n" },
	};
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	(void)state;
	make(&m, &text);
	/* the end of "repos" is the last place where "]}\n" stands */
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		struct bundle_manifest got CLEANUP(
			bundle_manifest_release) = { 0 };
		struct str odd CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };

		edit(&odd, &text, edits[i][0], edits[i][1]);
		assert_ok(bundle_manifest_parse(&got, odd.ptr, odd.len, &err),
			  &err);
		assert_int_equal(got.blob_count, m.blob_count);
	}
}

struct refused {
	const char *from, *to, *words;
	enum err_code code;
};

static void assert_refused(const struct refused *cases, size_t count)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	make(&m, &text);
	for (size_t i = 0; i < count; i++) {
		struct bundle_manifest got CLEANUP(
			bundle_manifest_release) = { 0 };
		struct str odd CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };

		edit(&odd, &text, cases[i].from, cases[i].to);
		assert_fails(
			bundle_manifest_parse(&got, odd.ptr, odd.len, &err),
			&err, cases[i].code, cases[i].words);
	}
}

static void all_else_is_refused(void **state)
{
	static const struct refused cases[] = {
		{ "itts-bundle", "itts-bundel", "format", ERR_FORMAT },
		{ "\"version\":2", "\"version\":3", "as new as", ERR_FORMAT },
		{ "\"version\":2", "\"version\":0", "version 0 of the bundle",
		  ERR_FORMAT },
		{ "\"version\":2", "\"version\": 2", "canonical form",
		  ERR_FORMAT },
		{ "\"align\":4096", "\"align\":512", "align", ERR_FORMAT },
		{ "\"epoch\":1700000000", "\"epoch\":8589934592", "epoch",
		  ERR_FORMAT },
		{ "\"epoch\":1700000000", "\"epoch\":-1", "epoch", ERR_FORMAT },
		{ "\"serial\":7", "\"serial\":7.5", "serial", ERR_FORMAT },
		{ "\"serial\":7", "\"serial\":7,\"serial\":7", "serial",
		  ERR_FORMAT },
		{ "\"serial\":7,", "", "serial", ERR_FORMAT },
		{ "\"serial\":7", "\"serial\":07", "serial", ERR_FORMAT },
		{ "\"tool\":\"itts-pack\"", "\"tool\":\"other\"",
		  "canonical form", ERR_FORMAT },
		{ "\"lock_digest\":\"sha256:", "\"lock_digest\":\"sha256:0",
		  "canonical form", ERR_FORMAT },
		{ "\"manifest\":\"sha256:", "\"manifest\":\"sha256:0",
		  "manifest", ERR_FORMAT },
		{ "\"manifest\":\"sha256:", "\"manifest\":\"sha1024",
		  "must be \"sha256:\"", ERR_FORMAT },
		{ "\"repos\":", "\"repo\":", "itts-bundle.json", ERR_FORMAT },
		{ "]}\n", "],\"repos\":[]}\n", "twice", ERR_FORMAT },
		{ "]}\n", "]}\n\n", "canonical form", ERR_FORMAT },
		{ "]}\n", "]}", "canonical form", ERR_FORMAT },
		{ "]}\n", "]}x", "end", ERR_FORMAT },
		{ "sub/deep/", "../deep/", "deep", ERR_UNSAFE },
		{ "\"path\":\"config.yaml\"", "\"path\":\"zonfig.yaml\"",
		  "canonical form", ERR_FORMAT },
		{ "\"size\":2900", "\"size\":2901", "canonical form",
		  ERR_FORMAT },
		{ "\"size\":70001", "\"size\":70002", "one digest",
		  ERR_FORMAT },
	};

	(void)state;
	assert_refused(cases, ARRAY_LEN(cases));
}

static void extras_are_looked_at(void **state)
{
	static const struct refused cases[] = {
		{ "\"extras\":", "\"extra\":", "extras: must be", ERR_FORMAT },
		{ "\"extras\":[", "\"extras\":[7,", "extras[0]", ERR_FORMAT },
		{ "{\"path\":\"INSTALL.txt\"",
		  "{\"x\":1,\"path\":\"INSTALL.txt\"", "extras[0]",
		  ERR_FORMAT },
		{ "\"executable\":true", "\"executable\":false",
		  "canonical form", ERR_FORMAT },
		{ "\"path\":\"INSTALL.txt\"", "\"path\":\"../x\"", "extras[0]",
		  ERR_UNSAFE },
		{ "\"path\":\"INSTALL.txt\"", "\"path\":\"hub/x\"",
		  "another member", ERR_UNSAFE },
		{ "\"path\":\"INSTALL.txt\"", "\"path\":\"Blobs\"",
		  "another member", ERR_UNSAFE },
		{ "\"path\":\"INSTALL.txt\"",
		  "\"path\":\"ITTS-bundle.json.sig\"", "another member",
		  ERR_UNSAFE },
		{ "\"path\":\"INSTALL.txt\"", "\"path\":\"Install.sh\"",
		  "extras: ", ERR_UNSAFE },
		{ "\"path\":\"INSTALL.txt\"", "\"path\":\"install.sh/x\"",
		  "extras: ", ERR_UNSAFE },
		{ "\"path\":\"INSTALL.txt\"", "\"path\":\"two words\"",
		  "plain name", ERR_UNSAFE },
	};

	(void)state;
	assert_refused(cases, ARRAY_LEN(cases));
}

/* What another version of the program brings along is as good as ours. */
static void extras_may_be_others(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct bundle_manifest got CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str other CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct digest d;

	(void)state;
	make(&m, &text);
	digest_buf(DIGEST_SHA256, "later", 5, &d);
	m.extras.items[0].size = 5;
	m.extras.items[0].sha256 = d;
	assert_ok(
		extra_add(&m.extras, "bin/itts-pack-x86_64", 7, &d, true, &err),
		&err);
	bundle_manifest_format(&m, &other);
	assert_ok(bundle_manifest_parse(&got, other.ptr, other.len, &err),
		  &err);
	assert_int_equal(got.extras.count, 4);
	assert_string_equal(got.extras.items[3].path, "bin/itts-pack-x86_64");
	assert_true(got.extras.items[3].executable);
	assert_false(got.extras.items[0].executable);
	assert_true(digest_equal(&got.extras.items[0].sha256, &d));
}

static void extras_have_limits(void **state)
{
	struct extra_list l = { .count = 0 };
	struct digest d = { .alg = DIGEST_SHA256 };
	struct error err = { 0 };
	char name[EXTRA_PATH_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_fails(extra_add(&l, name, 1, &d, false, &err), &err, ERR_USAGE,
		     "too long");
	assert_fails(extra_add(&l, "a", 0, &d, false, &err), &err, ERR_USAGE,
		     "0 bytes");
	assert_fails(extra_add(&l, "a", EXTRA_SIZE_MAX + 1, &d, false, &err),
		     &err, ERR_USAGE, "are allowed");
	for (size_t i = 0; i < EXTRA_MAX; i++)
		assert_ok(extra_add(&l, "a", EXTRA_SIZE_MAX, &d, false, &err),
			  &err);
	assert_fails(extra_add(&l, "a", 1, &d, false, &err), &err, ERR_USAGE,
		     "more than");
	assert_fails(extra_check(&l, &err), &err, ERR_UNSAFE, "extras");
}

static void any_flipped_bit_is_seen(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	(void)state;
	make(&m, &text);
	for (size_t i = 0; i < text.len; i++) {
		struct bundle_manifest got CLEANUP(
			bundle_manifest_release) = { 0 };
		struct error err = { 0 };

		text.ptr[i] ^= 1 << (i % 8);
		if (bundle_manifest_parse(&got, text.ptr, text.len, &err) ==
		    0) {
			struct str own CLEANUP(str_release) = STR_INIT;

			/* another name, serial or epoch is one that is right */
			bundle_manifest_format(&got, &own);
			assert_string_equal(own.ptr, text.ptr);
		}
		text.ptr[i] ^= 1 << (i % 8);
	}
}

static void huge_members_are_refused_early(void **state)
{
	struct bundle_manifest got CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_adds(&text, "{\"format\":\"itts-bundle\",\"x\":[");
	for (int i = 0; i < 100000; i++)
		str_adds(&text, "[],");
	str_adds(&text, "1]}");
	assert_fails(bundle_manifest_parse(&got, text.ptr, text.len, &err),
		     &err, ERR_FORMAT, "x: ");
	/* nor may many be huge together */
	str_clear(&text);
	str_adds(&text, "{\"format\":\"itts-bundle\"");
	for (char c = 'a'; c <= 'c'; c++) {
		str_addf(&text, ",\"%c\":\"", c);
		str_fill(&text, c, 30000);
		str_addc(&text, '"');
	}
	str_addc(&text, '}');
	assert_fails(bundle_manifest_parse(&got, text.ptr, text.len, &err),
		     &err, ERR_FORMAT, "c: too long");
	str_clear(&text);
	str_fill(&text, ' ', BUNDLE_MANIFEST_LIMIT + 1);
	assert_fails(bundle_manifest_parse(&got, text.ptr, text.len, &err),
		     &err, ERR_FORMAT, "limit");
}

static void no_repos(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct bundle_manifest got CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	make(&m, &text);
	str_truncate(&text,
		     (size_t)(strstr(text.ptr, ",\"repos\":") - text.ptr));
	str_adds(&text, "}\n");
	assert_fails(bundle_manifest_parse(&got, text.ptr, text.len, &err),
		     &err, ERR_FORMAT, "repos: is missing");
}

/* More text than is compared at a time; one file more than there may be. */
static void large_ones(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct bundle_manifest got CLEANUP(bundle_manifest_release) = { 0 };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	size_t at = 1;

	(void)state;
	sample_lock(&l);
	for (size_t n = 0; n < BUNDLE_MAX_FILES; n++) {
		char path[32];
		struct lock_file *f;

		snprintf(path, sizeof(path), "many/%05zu", n);
		f = lock_add_file(&l.repos[0], path);
		f->sha256 = l.repos[0].files[0].sha256;
		f->etag = f->sha256;
		f->size = l.repos[0].files[0].size;
	}
	assert_fails(bundle_manifest_from_lock(&m, &l, 1, 0, &err), &err,
		     ERR_FORMAT, "at most 50000");
	while (l.repos[0].file_count > 5000)
		l.repos[0].file_count--;
	assert_ok(lock_finish(&l, &err), &err);
	assert_ok(bundle_manifest_from_lock(&m, &l, 1, 0, &err), &err);
	bundle_manifest_format(&m, &text);
	assert_true(text.len > 300000);
	assert_ok(bundle_manifest_parse(&got, text.ptr, text.len, &err), &err);
	assert_true(bundle_manifest_is(&m, text.ptr, text.len, &at));
	assert_false(bundle_manifest_is(&m, text.ptr, text.len - 1, &at));
	assert_int_equal(at, text.len - 1);
	str_addc(&text, 'x');
	assert_false(bundle_manifest_is(&m, text.ptr, text.len, &at));
	assert_int_equal(at, text.len - 1);
	for (size_t i = 1; i < text.len; i += 65537) {
		text.ptr[i] ^= 1;
		assert_false(
			bundle_manifest_is(&m, text.ptr, text.len - 1, &at));
		assert_int_equal(at, i);
		text.ptr[i] ^= 1;
	}
}

static void a_lock_must_be_whole(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	sample_lock(&l);
	assert_fails(bundle_manifest_from_lock(&m, &l, 0, BUNDLE_EPOCH_MAX + 1,
					       &err),
		     &err, ERR_USAGE, "epoch");
	assert_fails(bundle_manifest_from_lock(&m, &l, UINT64_MAX, 0, &err),
		     &err, ERR_USAGE, "serial");
	l.repos[0].files[0].sha256.alg = DIGEST_NONE;
	assert_fails(bundle_manifest_from_lock(&m, &l, 0, 0, &err), &err,
		     ERR_FORMAT, "sha256");
}

int run_bmanifest_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_and_parse_agree),
		cmocka_unit_test(blobs_are_derived),
		cmocka_unit_test(strange_fields_are_ignored),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(extras_are_looked_at),
		cmocka_unit_test(extras_may_be_others),
		cmocka_unit_test(extras_have_limits),
		cmocka_unit_test(any_flipped_bit_is_seen),
		cmocka_unit_test(huge_members_are_refused_early),
		cmocka_unit_test(no_repos),
		cmocka_unit_test(large_ones),
		cmocka_unit_test(a_lock_must_be_whole),
	};

	return cmocka_run_group_tests_name("bmanifest", tests, NULL, NULL);
}
