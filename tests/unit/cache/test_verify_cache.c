/* verify_cache(): caches of any client, with nothing but themselves to tell what
 * is right. The fixture is laid out by hand, as huggingface_hub does it. */
#include "tests/unit/cache/unit.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "cache/verify.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define COMMIT	"0123456789abcdef0123456789abcdef01234567"
#define OTHER	"fedcba9876543210fedcba9876543210fedcba98"
#define REPO	"models--acme--tiny-tts"
#define SNAP	REPO "/snapshots/" COMMIT
#define TREE	REPO "/trees/" COMMIT ".json"
#define CONFIG	"{\"sample_rate\": 22050}\n"
#define WEIGHTS "not really weights, but as long as it takes"

struct fixture {
	struct hfcache *c;
	struct verify_report r;
	char config[DIGEST_HEX_MAX], weights[DIGEST_HEX_MAX];
	char *config_blob, *weights_blob;
	int dir;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void hash(enum digest_alg alg, const char *text,
		 char hex[DIGEST_HEX_MAX])
{
	struct digest d;

	digest_buf(alg, text, strlen(text), &d);
	digest_hex(&d, hex);
}

/* trees/<commit>.json as Python writes it, for both files and one more. */
static void put_listing(struct fixture *x, const char *more)
{
	char *text CLEANUP(free_ptr) = xasprintf(
		"{\n \"format_version\": 1,\n \"files\": {\n"
		"  \"config.json\": {\n   \"size\": %zu,\n"
		"   \"blob_id\": \"%s\"\n  },\n"
		"  \"sub/model.bin\": {\n   \"size\": %zu,\n"
		"   \"blob_id\": \"" OTHER "\",\n   \"lfs_sha256\": \"%s\",\n"
		"   \"lfs_size\": %zu,\n   \"xet_hash\": \"%s\"\n  }%s\n }\n}",
		strlen(CONFIG), x->config, strlen(WEIGHTS), x->weights,
		strlen(WEIGHTS), x->weights, more);

	put_text(x->dir, TREE, text);
}

static void fixture_open(struct fixture *x)
{
	char *link CLEANUP(free_ptr) = NULL, *deep CLEANUP(free_ptr) = NULL;

	*x = (struct fixture){ 0 };
	x->dir = temp_dir(x->path);
	hash(DIGEST_GIT_SHA1, CONFIG, x->config);
	hash(DIGEST_SHA256, WEIGHTS, x->weights);
	x->config_blob = xasprintf(REPO "/blobs/%s", x->config);
	x->weights_blob = xasprintf(REPO "/blobs/%s", x->weights);
	put_text(x->dir, x->config_blob, CONFIG);
	put_text(x->dir, x->weights_blob, WEIGHTS);
	link = xasprintf("../../blobs/%s", x->config);
	deep = xasprintf("../../../blobs/%s", x->weights);
	put_link(x->dir, SNAP "/config.json", link);
	put_link(x->dir, SNAP "/sub/model.bin", deep);
	put_text(x->dir, REPO "/refs/main", COMMIT);
	put_text(x->dir, REPO "/refs/refs/pr/1", COMMIT);
	put_text(x->dir, REPO "/.no_exist/" COMMIT "/adapter_config.json", "");
	put_text(x->dir, ".locks/" REPO "/x.lock", "");
	put_text(x->dir, "CACHEDIR.TAG", hfcache_tag_text());
	put_text(x->dir, "version.txt", "1");
	put_listing(x, "");
	x->c = open_store(x->path, false);
}

static void fixture_close(struct fixture *x)
{
	verify_report_release(&x->r);
	hfcache_close(&x->c);
	free_ptr(&x->config_blob);
	free_ptr(&x->weights_blob);
	temp_dir_end(x->dir, x->path);
}

static void verify(struct fixture *x, const char *only)
{
	struct strlist ids CLEANUP(strlist_release) = { 0 };
	const struct verify_options o = { .threads = 2 };

	if (only)
		strlist_add(&ids, only);
	verify_report_release(&x->r);
	assert_ok(verify_cache(x->c, &ids, &o, &x->r, &x->err), &x->err);
}

/* .no_exist, .locks, an old version.txt, nested refs: all in order. */
static void test_as_python_leaves_it(void **state)
{
	size_t fds = count_fds();
	struct fixture x;

	(void)state;
	fixture_open(&x);
	verify(&x, NULL);
	assert_report(&x.r, NULL);
	assert_int_equal(x.r.files, 2);
	assert_int_equal(x.r.bytes, strlen(CONFIG) + strlen(WEIGHTS));
	remove_file(x.dir, TREE);
	verify(&x, NULL);
	assert_report(&x.r, NULL);
	fixture_close(&x);
	assert_int_equal(count_fds(), fds);
}

static void damage_blob(struct fixture *x)
{
	damage_file(x->dir, x->weights_blob, 3);
}

static void cut_blob(struct fixture *x)
{
	put_text(x->dir, x->config_blob, "");
}

static void put_pointer(struct fixture *x)
{
	put_text(x->dir, x->weights_blob,
		 "version https://git-lfs.github.com/spec/v1\n"
		 "oid sha256:00\nsize 43\n");
}

static void remove_blob(struct fixture *x)
{
	remove_file(x->dir, x->config_blob);
}

static void newline_in_ref(struct fixture *x)
{
	put_text(x->dir, REPO "/refs/main", COMMIT "\n");
}

static void ref_to_nowhere(struct fixture *x)
{
	put_text(x->dir, REPO "/refs/v2", OTHER);
}

static void ref_of_an_editor(struct fixture *x)
{
	put_text(x->dir, REPO "/refs/main~", "what an editor leaves");
}

static void leftovers(struct fixture *x)
{
	put_text(x->dir, REPO "/blobs/0a.incomplete", "1");
	put_text(x->dir, REPO "/blobs/0a.01234567.incomplete", "2");
	put_text(x->dir, REPO "/blobs/0a.itts-part", "3");
	put_text(x->dir, SNAP "/sub/model.bin.01234567.itts-part", "4");
}

static void link_out(struct fixture *x)
{
	put_link(x->dir, SNAP "/sub/model.bin", "/etc/passwd");
}

static void crossed_links(struct fixture *x)
{
	char *deep CLEANUP(free_ptr) = xasprintf("../../../blobs/%s",
						 x->config);

	put_link(x->dir, SNAP "/sub/model.bin", deep);
}

static void lacks_a_listed_file(struct fixture *x)
{
	put_listing(x, ",\n  \"zz.txt\": {\n   \"size\": 5,\n   \"blob_id\": "
		       "\"" OTHER "\"\n  }");
}

static void unreadable_listing(struct fixture *x)
{
	put_text(x->dir, TREE, "{\"format_version\": 1, \"files\": {");
}

static void short_listing(struct fixture *x)
{
	char *link CLEANUP(free_ptr) = xasprintf("../../blobs/%s", x->config);

	put_link(x->dir, SNAP "/more.json", link);
}

static void own_file(struct fixture *x)
{
	remove_file(x->dir, SNAP "/config.json");
	put_text(x->dir, SNAP "/config.json", "{\"sample_rate\": 22051}\n");
}

static void own_file_unknown(struct fixture *x)
{
	remove_file(x->dir, TREE);
	remove_file(x->dir, SNAP "/config.json");
	put_text(x->dir, SNAP "/config.json", CONFIG);
}

static void odd_names(struct fixture *x)
{
	put_text(x->dir, REPO "/blobs/d41d8cd98f00b204e9800998ecf8427e-12",
		 "an S3 etag");
	put_text(x->dir, REPO "/snapshots/0123456/x", "a short commit");
}

static void folder_is_link_out(struct fixture *x)
{
	put_link(x->dir, "models--acme--moved", "/tmp");
}

static void folder_is_file(struct fixture *x)
{
	put_text(x->dir, "models--acme--file", "x");
}

static void blobs_are_elsewhere(struct fixture *x)
{
	put_dir(x->dir, "models--acme--disk");
	put_link(x->dir, "models--acme--disk/blobs", "/tmp");
}

static const struct {
	void (*act)(struct fixture *x);
	const char *says;
	unsigned damaged;
} damages[] = {
	{ damage_blob, "wrong digest|acme/tiny-tts|blobs/%W|found \n", 1 },
	{ cut_blob, "wrong digest|acme/tiny-tts|blobs/%C|found \n", 1 },
	{ put_pointer, "pointer instead of content|acme/tiny-tts|blobs/%W|\n",
	  1 },
	{ remove_blob,
	  "bad link|acme/tiny-tts|snapshots/" COMMIT "/config.json|is "
	  "a link that leads nowhere\n",
	  1 },
	{ newline_in_ref,
	  "bad ref|acme/tiny-tts|refs/main|has white space behind the "
	  "commit, which clients take for a part of it\n",
	  1 },
	{ ref_to_nowhere,
	  "bad ref|acme/tiny-tts|refs/v2|points to " OTHER
	  ", which has no snapshot\n",
	  1 },
	{ ref_of_an_editor,
	  "bad ref|acme/tiny-tts|refs/main~|does not hold a commit\n", 1 },
	{ leftovers,
	  "leftover|acme/tiny-tts|blobs/0a.01234567.incomplete|\n"
	  "leftover|acme/tiny-tts|blobs/0a.incomplete|\n"
	  "leftover|acme/tiny-tts|blobs/0a.itts-part|\n"
	  "leftover|acme/tiny-tts|snapshots/" COMMIT
	  "/sub/model.bin.01234567.itts-part|\n",
	  0 },
	{ link_out,
	  "bad link|acme/tiny-tts|snapshots/" COMMIT "/sub/model.bin|"
	  "is a link that leads out of the directory\n",
	  1 },
	{ crossed_links,
	  "wrong size|acme/tiny-tts|snapshots/" COMMIT
	  "/sub/model.bin|23 bytes, expected 43\n",
	  1 },
	{ lacks_a_listed_file,
	  "missing|acme/tiny-tts|snapshots/" COMMIT
	  "/zz.txt|named by the listing in trees/\n",
	  1 },
	{ unreadable_listing,
	  "bad listing|acme/tiny-tts|trees/" COMMIT
	  ".json|malformed, clients pay no heed to it\n",
	  0 },
	{ short_listing,
	  "bad listing|acme/tiny-tts|trees/" COMMIT
	  ".json|lacks 1 of the files that the snapshot holds\n",
	  0 },
	{ own_file,
	  "wrong digest|acme/tiny-tts|snapshots/" COMMIT
	  "/config.json|found \n",
	  1 },
	{ own_file_unknown,
	  "extra|acme/tiny-tts|snapshots/" COMMIT "/config.json|no "
	  "digest is known for it, cannot be checked\n",
	  0 },
	{ odd_names,
	  "extra|acme/tiny-tts|blobs/d41d8cd98f00b204e9800998ecf8427e-"
	  "12|not named by a digest\n"
	  "extra|acme/tiny-tts|snapshots/0123456|not named by a "
	  "commit\n",
	  0 },
	{ folder_is_link_out,
	  "bad link|acme/moved|models--acme--moved|is a link that "
	  "leads out of the directory\n",
	  1 },
	{ folder_is_file,
	  "unreadable|acme/file|models--acme--file|is not a "
	  "directory\n",
	  1 },
	{ blobs_are_elsewhere,
	  "bad link|acme/disk|blobs|is a link that leads out of the "
	  "directory\n",
	  1 },
};

static void test_damages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		struct str want CLEANUP(str_release) = STR_INIT;
		struct fixture x;

		fixture_open(&x);
		damages[i].act(&x);
		verify(&x, NULL);
		for (const char *p = damages[i].says; *p; p++) {
			if (*p != '%') {
				str_addc(&want, *p);
				continue;
			}
			str_adds(&want, *++p == 'W' ? x.weights : x.config);
		}
		assert_report(&x.r, want.ptr);
		assert_int_equal(x.r.damaged, damages[i].damaged);
		fixture_close(&x);
	}
}

/* Blobs of another name than their listing's digest are held against it. */
static void test_other_blob_names(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, REPO "/blobs/W-etag", WEIGHTS);
	put_link(x.dir, SNAP "/sub/model.bin", "../../../blobs/W-etag");
	verify(&x, NULL);
	assert_report(&x.r, "extra|acme/tiny-tts|blobs/W-etag|not named by a "
			    "digest\n");
	damage_file(x.dir, REPO "/blobs/W-etag", 0);
	verify(&x, NULL);
	assert_report(&x.r,
		      "extra|acme/tiny-tts|blobs/W-etag|not named by a digest\n"
		      "wrong digest|acme/tiny-tts|snapshots/" COMMIT
		      "/sub/model.bin|found \n");
	fixture_close(&x);
}

static void test_shared_blobs(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, "blobs/.huggingface-shared-blobs", "1\n");
	put_text(x.dir, "blobs/5c/5c00", WEIGHTS);
	put_text(x.dir, "blobs/5c/5c00.refs", "a list of blobs");
	put_text(x.dir, "blobs/5c/5c00.lock", "");
	put_link(x.dir, x.weights_blob, "../../blobs/5c/5c00");
	verify(&x, NULL);
	assert_report(&x.r, NULL);
	assert_int_equal(x.r.files, 2);
	damage_file(x.dir, "blobs/5c/5c00", 5);
	verify(&x, NULL);
	assert_int_equal(x.r.count, 1);
	assert_int_equal(x.r.items[0].state, VERIFY_WRONG_DIGEST);
	fixture_close(&x);
}

static void test_only(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	damage_blob(&x);
	put_text(x.dir, "datasets--acme--set/refs/main", "rubbish");
	verify(&x, "acme/set");
	assert_report(&x.r,
		      "bad ref|acme/set|refs/main|does not hold a commit\n");
	verify(&x, "acme/nothing");
	assert_report(&x.r, NULL);
	verify(&x, NULL);
	assert_int_equal(x.r.damaged, 2);
	fixture_close(&x);
}

/* A hundred directories in one another end the walk, not the stack. */
static void test_deep(void **state)
{
	struct str path CLEANUP(str_release) = STR_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	str_adds(&path, REPO "/refs");
	for (int i = 0; i < 100; i++)
		str_adds(&path, "/d");
	put_dir(x.dir, path.ptr);
	verify(&x, NULL);
	assert_int_equal(x.r.count, 1);
	assert_int_equal(x.r.items[0].state, VERIFY_UNREADABLE);
	assert_string_equal(x.r.items[0].detail, "nested too deeply");
	fixture_close(&x);
}

static int verify_as_nobody(void *ctx)
{
	struct fixture *x = ctx;
	const struct verify_options o = { .threads = 1 };
	const struct strlist all = { 0 };

	if (verify_cache(x->c, &all, &o, &x->r, &x->err))
		return 1;
	/* the folder that is closed, the links that lead into it, the listing */
	for (size_t i = 0; i < x->r.count; i++)
		if (x->r.items[i].state == VERIFY_UNREADABLE &&
		    !strcmp(x->r.items[i].path, "blobs"))
			return 0;
	return 2;
}

static void test_closed_folder(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	assert_int_equal(fchmodat(x.dir, REPO "/blobs", 0, 0), 0);
	assert_int_equal(run_as_nobody(verify_as_nobody, &x), 0);
	assert_int_equal(fchmodat(x.dir, REPO "/blobs", 0755, 0), 0);
	fixture_close(&x);
}

int run_verify_cache_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_python_leaves_it),
		cmocka_unit_test(test_damages),
		cmocka_unit_test(test_other_blob_names),
		cmocka_unit_test(test_shared_blobs),
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_closed_folder),
	};

	return cmocka_run_group_tests_name("verify_cache", tests, NULL, NULL);
}
