#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "manifest/lock.h"

#include <stdlib.h>
#include <string.h>

#define SHA_A	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B	 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GIT_C	 "cccccccccccccccccccccccccccccccccccccccc"
#define GIT_D	 "dddddddddddddddddddddddddddddddddddddddd"
#define COMMIT_1 "1111111111111111111111111111111111111111"
#define COMMIT_2 "2222222222222222222222222222222222222222"

static const char golden[] =
	"{\n"
	"  \"format\": \"itts-lock\",\n"
	"  \"version\": 1,\n"
	"  \"name\": \"demo\",\n"
	"  \"manifest\": \"sha256:" SHA_B "\",\n"
	"  \"groups\": [\"examples\", \"qwen\"],\n"
	"  \"repos\": [\n"
	"    {\n"
	"      \"id\": \"IndexTeam/IndexTTS-2\",\n"
	"      \"type\": \"model\",\n"
	"      \"revision\": \"main\",\n"
	"      \"commit\": \"" COMMIT_1 "\",\n"
	"      \"refs\": [\"main\"],\n"
	"      \"license\": \"MIT\",\n"
	"      \"notice\": \"caf\xc3\xa9\",\n"
	"      \"hub_view\": \"hf_cache\",\n"
	"      \"complete\": true,\n"
	"      \"files\": [\n"
	"        {\"path\": \"a/config.json\", \"size\": 7, \"sha256\": "
	"\"" SHA_B "\", \"etag\": \"" GIT_C
	"\", \"views\": [\"config.json\", \"hf_cache/x.json\"]},\n"
	"        {\"path\": \"gpt.pth\", \"size\": 3484663079, \"sha256\": "
	"\"" SHA_A "\"}\n"
	"      ]\n"
	"    },\n"
	"    {\n"
	"      \"id\": \"gpt2\",\n"
	"      \"type\": \"dataset\",\n"
	"      \"revision\": \"" COMMIT_2 "\",\n"
	"      \"commit\": \"" COMMIT_2 "\",\n"
	"      \"refs\": [],\n"
	"      \"complete\": false,\n"
	"      \"files\": []\n"
	"    }\n"
	"  ]\n"
	"}\n";

static struct digest digest(const char *hex)
{
	struct digest d = { 0 };

	assert_true(digest_from_hex(&d, hex));
	return d;
}

static void build(struct lock *l)
{
	struct lock_repo *r;
	struct lock_file *f;

	l->name = xstrdup("demo");
	l->manifest = digest(SHA_B);
	strlist_add(&l->groups, "qwen");
	strlist_add(&l->groups, "examples");
	r = lock_add_repo(l);
	r->id = xstrdup("IndexTeam/IndexTTS-2");
	r->revision = xstrdup("main");
	memcpy(r->commit, COMMIT_1, sizeof(COMMIT_1));
	strlist_add(&r->refs, "main");
	r->license = xstrdup("MIT");
	r->notice = xstrdup("caf\xc3\xa9");
	r->hub_view = xstrdup("hf_cache");
	r->complete = true;
	f = lock_add_file(r, "gpt.pth");
	f->size = 3484663079;
	f->etag = f->sha256 = digest(SHA_A);
	f = lock_add_file(r, "a/config.json");
	f->size = 7;
	f->etag = digest(GIT_C);
	f->sha256 = digest(SHA_B);
	lock_file_add_view(r, f, "hf_cache/x.json");
	lock_file_add_view(r, f, "config.json");
	r = lock_add_repo(l);
	r->type = REPO_DATASET;
	r->id = xstrdup("gpt2");
	r->revision = xstrdup(COMMIT_2);
	memcpy(r->commit, COMMIT_2, sizeof(COMMIT_2));
}

static void test_golden(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct digest d, want;

	(void)state;
	build(&l);
	if (lock_finish(&l, &err) < 0)
		fail_msg("%s", err.msg);
	lock_format(&l, &text);
	assert_string_equal(text.ptr, golden);
	lock_digest(&l, &d);
	digest_buf(DIGEST_SHA256, golden, strlen(golden), &want);
	assert_true(digest_equal(&d, &want));
}

static void test_parse(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	const struct lock_file *f;

	(void)state;
	if (lock_parse(&l, golden, strlen(golden), &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(l.repo_count, 2);
	f = lock_find_file(&l.repos[0], "gpt.pth");
	assert_non_null(f);
	assert_true(f->size == 3484663079);
	assert_true(lock_file_is_lfs(f));
	assert_false(lock_file_is_editable(f));
	assert_null(f->views);
	f = lock_find_file(&l.repos[0], "a/config.json");
	assert_non_null(f);
	assert_false(lock_file_is_lfs(f));
	assert_true(lock_file_is_editable(f));
	assert_string_equal(f->views[1], "hf_cache/x.json");
	assert_null(f->views[2]);
	assert_null(lock_find_file(&l.repos[0], "gpt"));
	assert_null(lock_find_file(&l.repos[1], "gpt.pth"));
	assert_true(lock_total(&l) == 3484663079 + 7);
	lock_format(&l, &text);
	assert_string_equal(text.ptr, golden);
}

/* Any order of keys, files, views and groups leads to the same bytes. */
static void test_other_order(void **state)
{
	static const char text[] =
		"{\"repos\":[{\"files\":[{\"size\":3484663079,\"path\":"
		"\"gpt.pth\",\"etag\":\"" SHA_A "\",\"sha256\":\"" SHA_A
		"\",\"views\":[]},{\"views\":[\"hf_cache/x.json\","
		"\"config.json\"],\"path\":\"a\\/config.json\",\"sha256\":"
		"\"" SHA_B "\",\"etag\":\"" GIT_C "\",\"size\":7}],"
		"\"complete\": true ,\"refs\":[\"main\"],\"notice\":"
		"\"caf\\u00e9\",\"hub_view\":\"hf_cache\",\"license\":\"MIT\","
		"\"commit\":\"" COMMIT_1 "\",\"revision\":\"main\",\"type\":"
		"\"model\",\"id\":\"IndexTeam/IndexTTS-2\"},{\"id\":\"gpt2\","
		"\"type\":\"dataset\",\"revision\":\"" COMMIT_2
		"\",\"commit\":\"" COMMIT_2 "\",\"files\":[]}],\"groups\":"
		"[\"qwen\",\"examples\"],\"manifest\":\"sha256:" SHA_B
		"\",\"name\":\"demo\",\"version\":1,\"format\":\"itts-lock\"}";
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str out CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	if (lock_parse(&l, text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
	lock_format(&l, &out);
	assert_string_equal(out.ptr, golden);
}

#define TOP "{\"format\":\"itts-lock\",\"version\":1,\"name\":\"n\",\"repos\":["
#define REPO_OF(id, commit)                                            \
	"{\"id\":\"" id "\",\"type\":\"model\",\"revision\":\"main\"," \
	"\"commit\":\"" commit "\",\"files\":["
#define REPO REPO_OF("a/b", COMMIT_1)
#define FILE_OF(path, size, more)                              \
	"{\"path\":\"" path "\",\"size\":" size ",\"sha256\":" \
	"\"" SHA_A "\"" more "}"
#define END	"]}]}"
#define VIEW(v) FILE_OF("a", "1", ",\"views\":[\"" v "\"]")

static const struct {
	const char *text, *message;
	enum err_code code;
} errors[] = {
	{ "", "line 1, column 1: an object is expected here", 0 },
	{ "{}", "format: is missing", 0 },
	{ "{\"format\":\"itts-manifest\"}",
	  "format: not a lock file: it must be \"itts-lock\"", 0 },
	{ "{\"format\":{}}", "format: must be a plain value", 0 },
	{ "{\"format\":1}", "format: must be a string", 0 },
	{ "{\"version\":2}",
	  "version: 2, but this program reads 1; a newer itts-pack may be "
	  "needed",
	  0 },
	{ "{\"name\":\"a\",\"name\":\"b\"}", "key \"name\" appears twice", 0 },
	{ "{\"nam\":\"a\"}",
	  "nam: unknown key; known here: format, version, name, manifest, "
	  "groups, repos",
	  0 },
	{ TOP "]} x", "line 1, column 58: the end is expected here", 0 },
	{ TOP "]", "line 1, column 56: a comma or the end is expected here",
	  0 },
	{ "{\"format\":\"itts-lock\",\"version\":1,\"repos\":[]}",
	  "name: is missing", 0 },
	{ "{\"format\":\"itts-lock\",\"version\":1,\"repos\":[],\"name\":"
	  "\"A\"}",
	  "name: \"A\" is no name", 0 },
	{ "{\"manifest\":\"" SHA_A "\"}",
	  "manifest: must be \"sha256:\" and 64 lower-case hex digits", 0 },
	{ "{\"groups\":[\"a\",1]}", "groups: must be a string", 0 },
	{ "{\"format\":\"itts-lock\",\"version\":1,\"name\":\"n\",\"repos\":"
	  "[],\"groups\":[\"a\",\"b\",\"a\"]}",
	  "groups: a is there twice", 0 },
	{ TOP "{}]}", "repos[0]: id: is missing", 0 },
	{ TOP "{\"idd\":1}]}", "repos[0]: idd: unknown key; known here: id, ",
	  0 },
	{ TOP "{\"complete\":1}]}", "repos[0]: complete: must be true or false",
	  0 },
	{ TOP REPO_OF("a", COMMIT_1) "]},{\"id\":[]}]}",
	  "repos[1]: id: must be a plain value", 0 },
	{ TOP REPO_OF("a/../b", COMMIT_1) END, "repos[0]: repo id \"a/../b\"",
	  0 },
	{ TOP REPO_OF("a", "abc") END,
	  "repos[0]: commit: must be 40 lower-case hex digits", 0 },
	{ TOP REPO "],"
		   "\"license\":\"a\\nb\"}]}",
	  "a/b: license: control character in a text", 0 },
	{ TOP REPO "],\"hub_view\":\"../x\"}]}", "a/b: hub_view: path",
	  ERR_UNSAFE },
	{ TOP REPO "],\"refs\":[\"../../x\"]}]}", "a/b: revision \"../../x\"",
	  ERR_UNSAFE },
	{ TOP REPO "],\"refs\":[\"a/../x\"]}]}", "a/b: revision \"a/../x\"",
	  ERR_UNSAFE },
	{ TOP REPO "],\"refs\":[\"..\"]}]}", "a/b: revision \"..\"",
	  ERR_UNSAFE },
	{ TOP REPO "],\"refs\":[\"a..b\"]}]}", "a/b: revision \"a..b\"", 0 },
	{ TOP REPO "],\"archive\":[]}]}",
	  "repos[0]: archive: must be an object", 0 },
	{ TOP REPO "],\"archive\":{\"url\":\"https://h/a\",\"sha256\":"
		   "\"" SHA_A "\"}}]}",
	  "a/b: archive: size is missing", 0 },
	{ TOP REPO "],\"archive\":{\"url\":\"https://h/a\",\"sha256\":"
		   "\"" SHA_A "\",\"size\":1,\"strip\":\"../\"}}]}",
	  "repos[0]: archive: strip: path \"..\" has", ERR_UNSAFE },
	{ TOP REPO "],\"type\":\"model\"}]}",
	  "repos[0]: key \"type\" appears twice", 0 },
	{ TOP REPO "1" END, "repos[0]: files: [0]: must be an object", 0 },
	{ TOP REPO "{\"path\":\"a\"}" END,
	  "repos[0]: files: [1]: a.size: is missing", 0 },
	{ TOP REPO "{\"path\":\"a\",\"size\":1}" END,
	  "repos[0]: files: [1]: a.sha256: must be 64 lower-case hex digits",
	  0 },
	{ TOP REPO FILE_OF("a", "1.5", "") END,
	  "repos[0]: files: [1]: a.size: must be a whole number", 0 },
	{ TOP REPO FILE_OF("a", "18014398509481984", "") END,
	  "repos[0]: files: [1]: a.size: must be a whole number", 0 },
	{ TOP REPO FILE_OF("a", "1", ",\"etag\":\"zz\"") END,
	  "repos[0]: files: [1]: a: etag: \"zz\" is no digest", 0 },
	{ TOP REPO FILE_OF("a", "1", ",\"etag\":\"" SHA_B "\"") END,
	  "a/b: a: etag is a SHA-256 other than sha256", 0 },
	{ TOP REPO FILE_OF("a", "1", ",\"mode\":1") END,
	  "repos[0]: files: [0]: mode: unknown key", 0 },
	{ TOP REPO FILE_OF("../a", "1", "") END, "a/b: path \"../a\" has",
	  ERR_UNSAFE },
	{ TOP REPO FILE_OF("/a", "1", "") END, "a/b: path \"/a\" is absolute",
	  ERR_UNSAFE },
	{ TOP REPO FILE_OF("a", "1", "") "," FILE_OF("a", "1", "") END,
	  "a/b: a is there twice", 0 },
	{ TOP REPO FILE_OF("a", "1", "") "," FILE_OF("A", "1", "") END,
	  "a/b: A and a differ only by case or Unicode form", 0 },
	{ TOP REPO FILE_OF("a/b", "1", "") "," FILE_OF("a", "1", "") END,
	  "a/b: a stands where a/b needs a directory", 0 },
	{ TOP REPO VIEW("../x") END, "a/b: view of a: path \"../x\" has",
	  ERR_UNSAFE },
	{ TOP REPO VIEW(".itts-pack/x") END,
	  "places in the model directory: .itts-pack stands where "
	  ".itts-pack/x needs a directory",
	  0 },
	{ TOP REPO VIEW(".ITTS-pack") END,
	  "places in the model directory: .ITTS-pack and .itts-pack differ "
	  "only",
	  0 },
	{ TOP REPO VIEW("x") "]}," REPO_OF("c", COMMIT_1) VIEW("x") END,
	  "places in the model directory: x is there twice", 0 },
	{ TOP REPO VIEW("x") "]}," REPO_OF("c", COMMIT_1) VIEW("X/y") END,
	  "places in the model directory: x stands where X/y needs", 0 },
	{ TOP REPO VIEW("h") "],\"hub_view\":\"h\"}]}",
	  "places in the model directory: h stands where h/models--a--b needs "
	  "a directory",
	  0 },
	{ TOP REPO VIEW("h/models--A--b/x") "],\"hub_view\":\"h\"}]}",
	  "places in the model directory: h/models--a--b stands where "
	  "h/models--A--b/x needs",
	  0 },
	{ TOP REPO "]}," REPO END,
	  "repos: models--a--b/snapshots/" COMMIT_1 " is there twice", 0 },
	{ TOP REPO "]}," REPO_OF("A/b", COMMIT_2) END,
	  "repos: models--A--b and models--a--b differ only by case", 0 },
	{ TOP REPO "],\"refs\":[\"main\"]}," REPO_OF(
		  "a/b", COMMIT_2) "],\"refs\":[\"main\"]}]}",
	  "repos: models--a--b/refs/main is there twice", 0 },
	{ TOP REPO "],\"refs\":[\"x\",\"x/y\"]}]}",
	  "repos: models--a--b/refs/x stands where", 0 },
	{ TOP REPO FILE_OF("a", "1", "") "," FILE_OF("b", "2", "") END,
	  "a and b have one digest, but not one size", 0 },
	{ TOP REPO FILE_OF("a", "1",
			   ",\"etag\":\"" GIT_C
			   "\"") ",{\"path\":"
				 "\"b\",\"size\":1,\"sha256\":\"" SHA_B
				 "\",\"etag\":\"" GIT_C "\"}" END,
	  "a and b have one etag, but not one size and sha256", 0 },
	{ TOP REPO FILE_OF("a", "9007199254740991",
			   "") ",{\"path\":\"b\","
			       "\"size\":1,\"sha256\":\"" SHA_B "\"}" END,
	  "9007199254740992 bytes in all, at most 9007199254740991", 0 },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct lock l = { .repo_count = 77 };
		struct error err = { 0 };

		if (lock_parse(&l, errors[i].text, strlen(errors[i].text),
			       &err) == 0)
			fail_msg("taken: %s", errors[i].text);
		if (strncmp(err.msg, errors[i].message,
			    strlen(errors[i].message)) != 0)
			fail_msg("expected \"%s\", got \"%s\"",
				 errors[i].message, err.msg);
		assert_int_equal(err.code,
				 errors[i].code ? errors[i].code : ERR_FORMAT);
		assert_int_equal(l.repo_count, 77); /* untouched */
	}
}

/* Two commits of one repo, one Hub view, one payload under two names: fine. */
static void test_allowed(void **state)
{
	static const char text[] = TOP REPO FILE_OF(
		"a", "1",
		",\"etag\":\"" GIT_C
		"\"") "],\"hub_view\":\"h\","
		      "\"refs\":[\"main\"]}," REPO_OF("a/b", COMMIT_2)
			      FILE_OF("b", "1", "") "," FILE_OF(
				      "a", "1", "") "],\"hub_view\":\"h\","
						    "\"refs\":[\"v1\"]}]}";
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	if (lock_parse(&l, text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(lock_total(&l) == 1);
	assert_string_equal(l.repos[1].files[0].path, "a");
}

/* While locking, the SHA-256 of small files is not known yet. */
static void test_unfinished(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock parsed CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	build(&l);
	l.repos[0].files[1].sha256 = (struct digest){ 0 };
	assert_int_equal(lock_finish(&l, &err), 0);
	assert_true(lock_total(&l) == 3484663079 + 7);
	lock_format(&l, &text);
	assert_int_equal(lock_parse(&parsed, text.ptr, text.len, &err), -1);
	assert_string_equal(err.msg,
			    "repos[0]: files: [1]: a/config.json."
			    "sha256: must be 64 lower-case hex digits");
}

static void add_many(struct lock *l, size_t count)
{
	struct lock_repo *r = lock_add_repo(l);

	r->id = xstrdup("a/b");
	r->revision = xstrdup("main");
	memcpy(r->commit, COMMIT_1, sizeof(COMMIT_1));
	for (size_t i = 0; i < count; i++) {
		char *path CLEANUP(free_ptr) = xasprintf(
			"part-%03zu/shard-%06zu.safetensors", i % 317, i);
		struct lock_file *f = lock_add_file(r, path);

		f->size = i;
		digest_buf(DIGEST_SHA256, path, strlen(path), &f->sha256);
		f->etag = f->sha256;
		lock_file_add_view(r, f, path);
	}
}

static void test_many(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock parsed CLEANUP(lock_release) = { 0 };
	struct str first CLEANUP(str_release) = STR_INIT;
	struct str second CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	l.name = xstrdup("many");
	add_many(&l, LOCK_MAX_FILES);
	if (lock_finish(&l, &err) < 0)
		fail_msg("%s", err.msg);
	lock_format(&l, &first);
	if (lock_parse(&parsed, first.ptr, first.len, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(parsed.repos[0].file_count, LOCK_MAX_FILES);
	lock_format(&parsed, &second);
	assert_string_equal(first.ptr, second.ptr);
}

static void test_limits(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock parsed CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	l.name = xstrdup("many");
	add_many(&l, LOCK_MAX_FILES + 1);
	assert_int_equal(lock_finish(&l, &err), -1);
	assert_string_equal(err.msg, "100001 files, at most 100000");
	lock_format(&l, &text);
	err_clear(&err);
	assert_int_equal(lock_parse(&parsed, text.ptr, text.len, &err), -1);
	assert_string_equal(
		err.msg, "repos[0]: files: [100000]: more than 100000 files");
	/* a value that never ends is not read to its end */
	str_clear(&text);
	str_adds(&text, TOP REPO "{\"path\":[");
	for (size_t i = 0; i < 1u << 20; i++)
		str_adds(&text, "0,");
	str_adds(&text, "0]}" END);
	err_clear(&err);
	assert_int_equal(lock_parse(&parsed, text.ptr, text.len, &err), -1);
	assert_non_null(strstr(err.msg, "more than 262144 bytes of text"));
}

static void test_unmatched(void **state)
{
	char one[] = "gpt.pth", two[] = "none.pth", three[] = "*.none";
	char off[] = "qwen/x", excluded[] = "gone", group[] = "qwen";
	char *include[] = { one, two, three, off, excluded };
	char *exclude[] = { excluded }, *files[] = { off };
	struct manifest_group_use use = { group, { files, 1, 0 } };
	struct manifest_model model = { .include = { include, 5, 0 },
					.exclude = { exclude, 1, 0 },
					.groups = &use,
					.group_count = 1 };
	struct strlist none = { 0 }, out CLEANUP(strlist_release) = { 0 };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	build(&l);
	assert_int_equal(lock_finish(&l, &err), 0);
	lock_unmatched(&l.repos[0], &model, &none, &out);
	assert_int_equal(out.count, 1);
	assert_string_equal(out.items[0], "none.pth");
}

int run_lock_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_other_order),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_unmatched),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
