#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/layout.h"
#include "bundle/layout_members.h"
#include "bundle/tar.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define GIB8 ((uint64_t)8 << 30)

static void make(struct bundle_manifest *m)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	sample_lock(&l);
	sample_manifest(&l, m, &text);
}

/* One file of this size, never looked into. */
static void make_sized(struct bundle_manifest *m, const uint64_t *sizes,
		       size_t count)
{
	struct lock l CLEANUP(lock_release) = { .name = xstrdup("sizes") };
	struct lock_repo *r = lock_add_repo(&l);
	struct str text CLEANUP(str_release) = STR_INIT;

	r->id = xstrdup("acme/sizes");
	r->revision = xstrdup("main");
	memset(r->commit, '1', 40);
	for (size_t i = 0; i < count; i++) {
		char name[32];
		struct lock_file *f;

		snprintf(name, sizeof(name), "f%05zu", i);
		f = lock_add_file(r, name);
		f->size = sizes[i];
		digest_buf(DIGEST_SHA256, name, strlen(name), &f->sha256);
		f->etag = f->sha256;
	}
	sample_manifest(&l, m, &text);
}

static const char type_letters[] = { 'f', 'l', 'h', 'd' };

/* "f 0444 path" or "l 0777 path -> target"; digests and commits cut short. */
static void list_members(const struct bundle_manifest *m, struct str *out)
{
	struct members it CLEANUP(members_release) = { 0 };
	struct oci_bundle bundle;
	struct member one;

	oci_bundle_of(m, "", 0, &bundle);
	members_init(&it, m, &bundle, false);
	while (members_next(&it, &one)) {
		str_addf(out, "%c %04o %s", type_letters[one.tar.type],
			 one.tar.mode, one.tar.path);
		if (one.tar.target)
			str_addf(out, " -> %s", one.tar.target);
		str_addc(out, '\n');
	}
}

/* Runs of 20 hex digits and more become "#". */
static void shorten(const struct str *text, struct str *out)
{
	const char *p = text->ptr;

	while (*p) {
		size_t n = strspn(p, "0123456789abcdef");

		if (n >= 20)
			str_addc(out, '#');
		else
			str_add(out, p, n ? n : 1);
		p += n ? n : 1;
	}
}

static const char expected_members[] =
	"f 0644 itts-bundle.json\n"
	"f 0644 itts-bundle.json.sig\n"
	"f 0644 SHA256SUMS\n"
	"f 0644 INSTALL.txt\n"
	"f 0755 install.sh\n"
	"f 0644 sbom.cdx.json\n"
	"f 0644 oci-layout\n"
	"f 0644 index.json\n"
	"f 0444 blobs/sha256/#\n"
	"f 0444 blobs/sha256/#\n"
	"f 0444 blobs/sha256/#\n"
	"f 0444 blobs/sha256/#\n"
	/* README.md: two repos, an editable view, a Hub view */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--acme--tiny-tts/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--tiny-tts/snapshots/#/README.md -> "
	"../../blobs/#\n"
	"f 0644 checkpoints/docs/README.md\n"
	"h 0444 hub/models--acme--other/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--other/snapshots/#/README.md -> "
	"../../blobs/#\n"
	"h 0444 checkpoints/hf_cache/models--acme--other/blobs/# -> "
	"blobs/sha256/#\n"
	"l 0777 checkpoints/hf_cache/models--acme--other/snapshots/#/README.md "
	"-> ../../blobs/#\n"
	/* config.yaml */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--acme--tiny-tts/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--tiny-tts/snapshots/#/config.yaml -> "
	"../../blobs/#\n"
	"f 0644 checkpoints/config.yaml\n"
	/* the long name */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--acme--tiny-tts/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--tiny-tts/snapshots/#/#.json -> "
	"../../blobs/#\n"
	/* empty.txt, twice */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--acme--tiny-tts/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--tiny-tts/snapshots/#/empty.txt -> "
	"../../blobs/#\n"
	"h 0444 hub/models--acme--other/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--other/snapshots/#/copy/empty.txt -> "
	"../../../blobs/#\n"
	"h 0444 checkpoints/hf_cache/models--acme--other/blobs/# -> "
	"blobs/sha256/#\n"
	"l 0777 checkpoints/hf_cache/models--acme--other/snapshots/#/copy/"
	"empty.txt -> ../../../blobs/#\n"
	/* gpt.pth, twice */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--acme--tiny-tts/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--tiny-tts/snapshots/#/gpt.pth -> "
	"../../blobs/#\n"
	"h 0444 checkpoints/gpt.pth -> blobs/sha256/#\n"
	"h 0444 hub/models--acme--other/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--other/snapshots/#/copy/gpt.pth -> "
	"../../../blobs/#\n"
	"h 0444 checkpoints/hf_cache/models--acme--other/blobs/# -> "
	"blobs/sha256/#\n"
	"l 0777 checkpoints/hf_cache/models--acme--other/snapshots/#/copy/"
	"gpt.pth -> ../../../blobs/#\n"
	/* sub/deep/a b+%ü文.bin */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--acme--tiny-tts/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--tiny-tts/snapshots/#/sub/deep/a b+%ü文.bin "
	"-> ../../../../blobs/#\n"
	"h 0444 checkpoints/sub/a b+%ü文.bin -> blobs/sha256/#\n"
	/* big.bin */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--acme--other/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--acme--other/snapshots/#/big.bin -> ../../blobs/#\n"
	"h 0444 checkpoints/big.bin -> blobs/sha256/#\n"
	"h 0444 checkpoints/hf_cache/models--acme--other/blobs/# -> "
	"blobs/sha256/#\n"
	"l 0777 checkpoints/hf_cache/models--acme--other/snapshots/#/big.bin "
	"-> ../../blobs/#\n"
	/* a.bin */
	"f 0444 blobs/sha256/#\n"
	"h 0444 hub/models--gpt2/blobs/# -> blobs/sha256/#\n"
	"l 0777 hub/models--gpt2/snapshots/#/a.bin -> ../../blobs/#\n"
	"f 0644 hub/models--acme--tiny-tts/trees/#.json\n"
	"f 0644 hub/models--acme--other/trees/#.json\n"
	"f 0644 checkpoints/hf_cache/models--acme--other/trees/#.json\n"
	"f 0644 hub/models--gpt2/trees/#.json\n"
	"f 0644 checkpoints/.itts-pack/sample.lock.json\n"
	"f 0644 itts-bundle.states\n"
	"f 0644 hub/CACHEDIR.TAG\n"
	"f 0644 checkpoints/hf_cache/models--acme--other/refs/main\n"
	"f 0644 hub/models--acme--tiny-tts/refs/main\n"
	"f 0644 hub/models--acme--other/refs/main\n"
	"f 0644 hub/models--gpt2/refs/main\n"
	"f 0644 hub/models--gpt2/refs/refs/pr/1\n";

static void members_and_their_order(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct str all CLEANUP(str_release) = STR_INIT;
	struct str cut CLEANUP(str_release) = STR_INIT;

	(void)state;
	make(&m);
	list_members(&m, &all);
	shorten(&all, &cut);
	assert_string_equal(cut.ptr, expected_members);
}

/* The bytes of all headers, texts taken as empty: a change here is a change of
 * the format. */
static void headers_digest(unsigned version, char hex[DIGEST_HEX_MAX])
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct members it CLEANUP(members_release) = { 0 };
	struct oci_bundle bundle;
	struct str all CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct digest d;
	struct member one;

	make(&m);
	m.version = version;
	oci_bundle_of(&m, "", 0, &bundle);
	members_init(&it, &m, &bundle, false);
	while (members_next(&it, &one)) {
		if (one.data == MEMBER_TEXT || one.data == MEMBER_EXTRA)
			one.tar.size = 0;
		assert_ok(tar_header(&one.tar, &all, &err), &err);
	}
	digest_buf(DIGEST_SHA256, all.ptr, all.len, &d);
	digest_hex(&d, hex);
}

static void header_bytes_are_fixed(void **state)
{
	char hex[DIGEST_HEX_MAX];

	(void)state;
	headers_digest(1, hex);
	assert_string_equal(hex, "8a3fea4b07228070f9559e31da71f965f77a1c52d0027"
				 "a5a63f8bc4e662b22f0");
	headers_digest(2, hex);
	assert_string_equal(hex, "ed6c0ad613e58286fc86b569ca1bd854cd00ea2833b88"
				 "d8b72c8adc353f5f335");
}

struct walk {
	uint64_t payloads, again, end;
};

/* Walks it all; offsets must be gapless, payloads aligned. */
static void walk(const struct bundle_manifest *m, struct walk *out)
{
	struct layout *l CLEANUP(layout_close) = NULL;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct segment s = { .kind = SEGMENT_BYTES };
	struct error err = { 0 };
	uint64_t at = 0, total;

	*out = (struct walk){ 0 };
	bundle_manifest_format(m, &text);
	assert_ok(layout_open(&l, m, text.ptr, text.len, &err), &err);
	while (s.kind != SEGMENT_END) {
		assert_ok(layout_next(l, &s, &err), &err);
		assert_int_equal(s.offset, at);
		at += s.size;
		if (s.kind != SEGMENT_PAYLOAD)
			continue;
		assert_int_equal(s.size, m->blobs[s.blob].size);
		assert_true(s.size > 0);
		if (s.size >= BUNDLE_ALIGN && !s.again)
			assert_int_equal(s.offset % BUNDLE_ALIGN, 0);
		out->payloads += !s.again;
		out->again += s.again;
	}
	assert_int_equal(s.size, 0);
	out->end = at;
	assert_int_equal(at % 10240, 0);
	assert_ok(layout_total(l, &total, &err), &err);
	assert_int_equal(total, at);
	layout_rewind(l);
	assert_ok(layout_next(l, &s, &err), &err);
	assert_int_equal(s.offset, 0);
	assert_string_equal(s.name, "itts-bundle.json");
	assert_ok(layout_next(l, &s, &err), &err);
	assert_int_equal(s.offset, 512);
	assert_string_equal(s.ptr, text.ptr);
}

static void segments_have_no_gaps(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct walk w;

	(void)state;
	make(&m);
	walk(&m, &w);
	assert_int_equal(w.payloads, m.blob_count - 1); /* one is empty */
	assert_int_equal(w.again, 2);
}

/* Around every limit, in every order of neighbours. */
static void all_sizes_are_aligned(void **state)
{
	static const uint64_t edges[] = {
		0,	     1,		  511,
		512,	     4095,	  4096,
		4097,	     4607,	  4608,
		5632,	     0x7fffffff,  0x80000000,
		0xffffffff,  0x100000000, GIB8 - 1,
		GIB8,	     GIB8 + 1,	  GIB8 + 512,
		GIB8 + 3072, GIB8 + 4096, 9 * (GIB8 / 8) + 1,
	};
	uint64_t sizes[ARRAY_LEN(edges) * ARRAY_LEN(edges) * 2];
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	size_t n = 0;
	struct walk w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		for (size_t k = 0; k < ARRAY_LEN(edges); k++) {
			sizes[n++] = edges[i];
			sizes[n++] = edges[k];
		}
	make_sized(&m, sizes, n);
	walk(&m, &w);
	assert_int_equal(w.payloads, n - 2 * ARRAY_LEN(edges));
}

static void state_counts(void **state)
{
	static const struct {
		uint64_t size, count;
	} cases[] = {
		{ 0, 0 },
		{ 1, 0 },
		{ BUNDLE_STATE_STEP - 1, 0 },
		{ BUNDLE_STATE_STEP, 0 },
		{ BUNDLE_STATE_STEP + 1, 1 },
		{ 2 * BUNDLE_STATE_STEP, 1 },
		{ 2 * BUNDLE_STATE_STEP + 1, 2 },
		{ 9 * BUNDLE_STATE_STEP + 5, 9 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(bundle_state_count(cases[i].size),
				 cases[i].count);
}

static void a_lock_without_files(void **state)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct walk w;

	(void)state;
	make_sized(&m, NULL, 0);
	walk(&m, &w);
	assert_int_equal(w.payloads, 0);
}

static const char *const readers[] = {
	"tar -xf ../b.tar",
	"LC_ALL=C bsdtar -xf ../b.tar",
	"busybox tar -xf ../b.tar",
	("python3 -S -c 'import tarfile; "
	 "tarfile.open(\"../b.tar\").extractall(filter=\"data\")'"),

};

static const char listing[] =
	"LC_ALL=C find . -type l -printf '%P -> %l\\n' -o -type f "
	"-printf '%P %s %n\\n' | LC_ALL=C sort";

static const char checks[] = "LC_ALL=C sha256sum -c --quiet SHA256SUMS && "
			     "[ $(wc -l < SHA256SUMS) = 32 ] && "
			     "[ -z \"$(find . -xtype l)\" ] && "
			     "[ \"$(cat hub/models--gpt2/refs/refs/pr/1)\" = "
			     "cccccccccccccccccccccccccccccccccccccccc ]";

static void four_readers_unpack_it(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str bundle CLEANUP(str_release) = STR_INIT;
	struct str first CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX], sub[TEMP_PATH_MAX + 16];
	int dir = temp_dir(path);

	(void)state;
	sample_lock(&l);
	sample_bundle(&l, &bundle);
	assert_ok(file_replace(dir, "b.tar", bundle.ptr, bundle.len, &err),
		  &err);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		struct str got CLEANUP(str_release) = STR_INIT;

		snprintf(sub, sizeof(sub), "%s/%zu", path, i);
		assert_int_equal(mkdir(sub, 0755), 0);
		run_silent(sub, readers[i]);
		run_silent(sub, checks);
		assert_int_equal(run_shell(sub, listing, &got), 0);
		if (i == 0)
			str_adds(&first, got.ptr);
		assert_string_equal(got.ptr, first.ptr);
	}
	temp_dir_end(dir, path);
}

/* bundle/files/install.sh on an unpacked bundle */
static void script_installs(void **state)
{
	static const char *const steps[] = {
		"mkdir t && tar -xf b.tar -C t",
		/* damage is found before anything is placed */
		("cp -a t bad && chmod u+w bad/checkpoints/gpt.pth && "
		 "printf x | dd of=bad/checkpoints/gpt.pth bs=1 seek=9 "
		 "conv=notrunc 2>/dev/null && ! sh bad/install.sh m h "
		 ">/dev/null 2>out && grep -q 'gpt.pth: "
		 "FAILED\\|blobs/sha256/.*"
		 ": FAILED' out && ! ls m h 2>/dev/null | grep ."),
		"sh t/install.sh m h >out && grep -q 'HF_HUB_OFFLINE=1' out",
		"diff -r t/hub h/hub && diff -r t/checkpoints m",
		"[ t/checkpoints/gpt.pth -ef m/gpt.pth ]",
		"! [ t/checkpoints/config.yaml -ef m/config.yaml ]",
		"[ \"$(stat -c %a m/config.yaml)\" = 644 ]",
		/* again, after an edit, a cut file and a lost link */
		("echo mine > m/config.yaml && rm h/hub/models--gpt2/snapshots/"
		 "*/a.bin && rm -f m/gpt.pth && echo cut > m/gpt.pth"),
		"sh t/install.sh m h >out && grep -q 'config.yaml.orig' out",
		"[ \"$(cat m/config.yaml.orig)\" = mine ] && rm m/*.orig",
		"diff -r t/hub h/hub && diff -r t/checkpoints m",
		"! sh t/install.sh 2>/dev/null",

	};
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str bundle CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	sample_lock(&l);
	sample_bundle(&l, &bundle);
	assert_ok(file_replace(dir, "b.tar", bundle.ptr, bundle.len, &err),
		  &err);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		run_silent(path, steps[i]);
	temp_dir_end(dir, path);
}

int run_layout_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_their_order),
		cmocka_unit_test(header_bytes_are_fixed),
		cmocka_unit_test(segments_have_no_gaps),
		cmocka_unit_test(all_sizes_are_aligned),
		cmocka_unit_test(state_counts),
		cmocka_unit_test(a_lock_without_files),
		cmocka_unit_test(four_readers_unpack_it),
		cmocka_unit_test(script_installs),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
