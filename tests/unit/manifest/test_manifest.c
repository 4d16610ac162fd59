#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "manifest/manifest.h"

#include <stdlib.h>
#include <string.h>

#define SHA    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define GIT    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"

#define HEAD	       "{\"format\":\"itts-manifest\",\"version\":1,\"name\":\"n\","
#define MODEL(members) HEAD "\"models\":[{\"id\":\"a/b\"" members "}]}"

static const char full[] =
	"{\n"
	"  \"format\": \"itts-manifest\",\n"
	"  \"version\": 1,\n"
	"  \"name\": \"full-1.0\",\n"
	"  \"about\": \"all keys there are\",\n"
	"  \"endpoints\": [\n"
	"    \"https://hub.example/hf\",\n"
	"    \"modelscope=https://ms.example\"\n"
	"  ],\n"
	"  \"groups\": {\n"
	"    \"qwen\": {\"default\": true, \"about\": \"words\"},\n"
	"    \"extra\": {\"default\": false}\n"
	"  },\n"
	"  \"models\": [\n"
	"    {\n"
	"      \"id\": \"IndexTeam/IndexTTS-2\",\n"
	"      \"type\": \"model\",\n"
	"      \"revision\": \"v1.0\",\n"
	"      \"refs\": [\"main\", \"v1.0\"],\n"
	"      \"include\": [\n"
	"        \"*.pth\",\n"
	"        \"x/*\",\n"
	"        \"qwen/*\"\n"
	"      ],\n"
	"      \"exclude\": [\n"
	"        \"*.bak\"\n"
	"      ],\n"
	"      \"license\": \"MIT\",\n"
	"      \"notice\": \"read the licence\",\n"
	"      \"hub_view\": \"hf_cache\",\n"
	"      \"views\": [\n"
	"        {\"files\": \"*\", \"to\": \"\"},\n"
	"        {\"files\": \"x/*\", \"strip\": \"x/\", \"to\": \"dir/\"},\n"
	"        {\"files\": \"x/gpt.pth\", \"to\": \"renamed.pth\"}\n"
	"      ],\n"
	"      \"digests\": {\n"
	"        \"gpt.pth\": {\"size\": 7, \"sha256\": \"" SHA
	"\", \"git\": \"" GIT "\"},\n"
	"        \"x/gpt.pth\": {\"git\": \"" GIT "\"}\n"
	"      },\n"
	"      \"groups\": {\n"
	"        \"qwen\": [\"qwen/*\"],\n"
	"        \"extra\": [\"x/*\", \"y*\"]\n"
	"      },\n"
	"      \"mirrors\": {\"modelscope\": \"other/name\"}\n"
	"    },\n"
	"    {\n"
	"      \"id\": \"gpt2\",\n"
	"      \"type\": \"dataset\",\n"
	"      \"revision\": \"" COMMIT "\",\n"
	"      \"refs\": [],\n"
	"      \"groups\": {\n"
	"        \"extra\": [\"*\"]\n"
	"      }\n"
	"    }\n"
	"  ],\n"
	"  \"requires\": {\n"
	"    \"python\": \">=3.10,<3.12\",\n"
	"    \"packages\": {\n"
	"      \"transformers\": \"==4.52.1\"\n"
	"    },\n"
	"    \"memory\": [\n"
	"      {\"profile\": \"fp32\", \"gpu_mib\": 8346, \"ram_mib\": "
	"16384},\n"
	"      {\"profile\": \"unknown\"}\n"
	"    ]\n"
	"  }\n"
	"}\n";

static void parse(struct manifest *m, const char *text)
{
	struct error err = { 0 };

	if (manifest_parse(m, text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_full(void **state)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct manifest_model *model;
	const struct manifest_pin *pin;
	struct digest d;

	(void)state;
	parse(&m, full);
	assert_string_equal(m.name, "full-1.0");
	assert_int_equal(m.model_count, 2);
	model = &m.models[0];
	assert_int_equal(model->type, REPO_MODEL);
	assert_int_equal(model->include.count, 3);
	assert_string_equal(model->hub_view, "hf_cache");
	assert_string_equal(model->views[1].strip, "x/");
	assert_string_equal(model->mirrors.items[0].id, "other/name");
	pin = manifest_find_pin(model, "gpt.pth");
	assert_non_null(pin);
	assert_int_equal(pin->size, 7);
	assert_int_equal(pin->git.alg, DIGEST_GIT_SHA1);
	pin = manifest_find_pin(model, "x/gpt.pth");
	assert_non_null(pin);
	assert_true(pin->size == UINT64_MAX);
	assert_int_equal(pin->sha256.alg, DIGEST_NONE);
	assert_null(manifest_find_pin(model, "gpt"));
	assert_null(manifest_find_pin(&m.models[1], "gpt.pth"));
	assert_int_equal(m.models[1].type, REPO_DATASET);
	assert_int_equal(m.models[1].refs.count, 0);
	assert_int_equal(m.memory[0].gpu_mib, 8346);
	assert_int_equal(m.memory[1].gpu_mib, 0);
	digest_buf(DIGEST_SHA256, full, strlen(full), &d);
	assert_true(digest_equal(&d, &m.digest));
	/* the text above is what the program itself would write */
	manifest_format(&m, &text);
	assert_string_equal(text.ptr, full);
}

static void test_defaults(void **state)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };

	(void)state;
	parse(&m, HEAD "\"models\":[{\"id\":\"a/b\"},"
		       "{\"id\":\"a/c\",\"revision\":\"v2\"},"
		       "{\"id\":\"a/d\",\"revision\":\"" COMMIT "\"}]}");
	assert_int_equal(m.models[0].type, REPO_MODEL);
	assert_string_equal(m.models[0].revision, "main");
	assert_string_equal(m.models[0].refs.items[0], "main");
	assert_string_equal(m.models[1].refs.items[0], "v2");
	assert_string_equal(m.models[2].refs.items[0], "main");
	assert_int_equal(m.models[2].refs.count, 1);
	assert_null(m.models[0].license);
}

#define KNOWN_MODEL                                                     \
	"id, type, revision, refs, include, exclude, license, notice, " \
	"views, hub_view, digests, groups, mirrors, git, urls, archive"

#define ARCHIVE(url, more) \
	",\"archive\":{\"url\":\"" url "\",\"sha256\":\"" SHA "\"" more "}"

static const struct {
	const char *text, *message;
} errors[] = {
	{ "", "line 1, column 1: the text ends too early" },
	{ "[]", "a manifest is a JSON object: {...}" },
	{ "{}", "not a manifest: \"format\" must be \"itts-manifest\"" },
	{ "{\"format\":\"itts-lock\"}",
	  "not a manifest: \"format\" must be \"itts-manifest\"" },
	{ "{\"format\":1}", "format: must be a string" },
	{ "{\"format\":\"itts-manifest\"}", "version: is missing" },
	{ "{\"format\":\"itts-manifest\",\"version\":2}",
	  "manifest version 2, but this program reads version 1; a newer "
	  "itts-pack may be needed" },
	{ "{\"format\":\"itts-manifest\",\"version\":1}", "name: is missing" },
	{ HEAD "\"models\":[],\"model\":[]}",
	  "model: unknown key; known here: format, version, name, about, "
	  "endpoints, groups, models, requires" },
	{ "{\"format\":\"itts-manifest\",\"version\":1,\"name\":\"N\"}",
	  "name: \"N\" is no name: a-z and 0-9, behind the first also '.', "
	  "'_' and '-', at most 64" },
	{ "{\"format\":\"itts-manifest\",\"version\":1,\"name\":\".n\"}",
	  "name: \".n\" is no name: a-z and 0-9, behind the first also '.', "
	  "'_' and '-', at most 64" },
	{ HEAD "\"about\":\"a\\nb\"}", "about: control character in a text" },
	{ HEAD "\"about\":\"\"}",
	  "about: text of 0 bytes, expected 1 to 2000" },
	{ HEAD "\"a\":1,\"a\":2}", "key \"a\" appears twice" },
	{ HEAD "\"models\":{}}", "models: must be a list" },
	{ HEAD "\"endpoints\":\"https://a\"}", "endpoints: must be a list" },
	{ HEAD "\"endpoints\":[\"ftp://a\"]}",
	  "endpoints: must begin with https:// or http://" },
	{ HEAD "\"endpoints\":[\"https://u:p@a\"]}",
	  "endpoints: a URL with a host, and without user and password, is "
	  "needed" },
	{ HEAD "\"endpoints\":[\"modelscope=\"]}",
	  "endpoints: must begin with https:// or http://" },
	{ HEAD "\"models\":[]}", "models: a manifest needs at least one" },
	{ HEAD "\"groups\":{}}", "models: a manifest needs at least one" },
	{ HEAD "\"models\":[1]}", "models[0]: must be an object" },
	{ HEAD "\"models\":[{}]}", "models[0].id: is missing" },
	{ HEAD "\"models\":[{\"id\":\"a/b\"},{\"id\":\"c\"},"
	       "{\"id\":\"d\",\"vews\":[]}]}",
	  "models[2].vews: unknown key; known here: " KNOWN_MODEL },
	{ HEAD "\"models\":[{\"id\":\"a/b\"},{\"id\":\"a/b\"}]}",
	  "models[1]: the same as models[0] (a/b); join their patterns" },
	{ HEAD "\"models\":[{\"id\":\"../b\"}]}",
	  "models[0].id: repo id \"../b\" has a part that begins or ends with "
	  "'-' or '.'" },
	{ MODEL(",\"type\":\"models\""),
	  "models[0].type: repository type \"models\" is none of model, "
	  "dataset, space" },
	{ MODEL(",\"revision\":\"a..b\""),
	  "models[0].revision: revision \"a..b\" contains \"..\" or \"@{\"" },
	{ MODEL(",\"refs\":[\"-x\"]"),
	  "models[0].refs: revision \"-x\" begins with '-'" },
	{ MODEL(",\"refs\":\"main\""),
	  "models[0].refs: must be a list of strings" },
	{ MODEL(",\"include\":[1]"),
	  "models[0].include: must be a list of strings" },
	{ MODEL(",\"include\":[\"\"]"),
	  "models[0].include: text of 0 bytes, expected 1 to 2000" },
	{ MODEL(",\"exclude\":[\"a\\u0007\"]"),
	  "models[0].exclude: control character in a text" },
	{ MODEL(",\"license\":3"), "models[0].license: must be a string" },
	{ MODEL(",\"hub_view\":\"../x\""),
	  "models[0].hub_view: path \"../x\" has a \".\" or \"..\" component" },
	{ MODEL(",\"views\":{}"), "models[0].views: must be a list" },
	{ MODEL(",\"views\":[\"*\"]"),
	  "models[0].views[0]: must be an object" },
	{ MODEL(",\"views\":[{\"files\":\"*\"}]"),
	  "models[0].views[0].to: is missing" },
	{ MODEL(",\"views\":[{\"to\":\"\"}]"),
	  "models[0].views[0].files: is missing" },
	{ MODEL(",\"views\":[{\"files\":\"*\",\"into\":\"\"}]"),
	  "models[0].views[0].into: unknown key; known here: files, strip, "
	  "to" },
	{ MODEL(",\"views\":[{\"files\":\"a\",\"to\":\"\"},"
		"{\"files\":\"*\",\"to\":\"x\"}]"),
	  "models[0].views[1].to: several files cannot have one name; end it "
	  "in '/' to make it a directory" },
	{ MODEL(",\"views\":[{\"files\":\"*\",\"to\":\"/x/\"}]"),
	  "models[0].views[0].to: path \"/x\" is absolute" },
	{ MODEL(",\"views\":[{\"files\":\"*\",\"to\":\"/\"}]"),
	  "models[0].views[0].to: path \"\" is empty" },
	{ MODEL(",\"views\":[{\"files\":\"a\",\"to\":\"../a\"}]"),
	  "models[0].views[0].to: path \"../a\" has a \".\" or \"..\" "
	  "component" },
	{ MODEL(",\"views\":[{\"files\":\"*\",\"strip\":\"x\",\"to\":\"\"}]"),
	  "models[0].views[0].strip: must end in '/'" },
	{ MODEL(",\"views\":[{\"files\":\"x/a\",\"strip\":\"x/\","
		"\"to\":\"b\"}]"),
	  "models[0].views[0].strip: has no use where \"to\" is a file name" },
	{ MODEL(",\"digests\":[]"), "models[0].digests: must be an object" },
	{ MODEL(",\"digests\":{\"a\":1}"),
	  "models[0].digests[\"a\"]: must be an object" },
	{ MODEL(",\"digests\":{\"a\":{}}"),
	  "models[0].digests[\"a\"]: expected size, sha256 or git" },
	{ MODEL(",\"digests\":{\"a/../b\":{\"size\":1}}"),
	  "models[0].digests[\"a/../b\"].path: path \"a/../b\" has a \".\" or "
	  "\"..\" component" },
	{ MODEL(",\"digests\":{\"a\":{\"sha256\":\"" GIT "\"}}"),
	  "models[0].digests[\"a\"].sha256: must be 64 lower-case hex digits" },
	{ MODEL(",\"digests\":{\"a\":{\"git\":\"" SHA "\"}}"),
	  "models[0].digests[\"a\"].git: must be 40 lower-case hex digits" },
	{ MODEL(",\"digests\":{\"a\":{\"size\":-1}}"),
	  "models[0].digests[\"a\"].size: must be a whole number" },
	{ MODEL(",\"digests\":{\"a\":{\"sha1\":\"\"}}"),
	  "models[0].digests[\"a\"].sha1: unknown key; known here: size, "
	  "sha256, git" },
	{ MODEL(",\"groups\":{\"x\":[\"*\"]}"),
	  "models[0].groups.x: no such group; add it to \"groups\" at the "
	  "top" },
	{ MODEL(",\"groups\":{\"x\":\"*\"}"),
	  "models[0].groups.x: must be a list of strings" },
	{ MODEL(",\"mirrors\":{\"gitee\":\"a/b\"}"),
	  "models[0].mirrors.gitee: unknown key; known here: modelscope" },
	{ MODEL(",\"mirrors\":{\"modelscope\":\"a/b\",\"gitee\":\"a/b\"}"),
	  "models[0].mirrors.gitee: unknown key; known here: modelscope" },
	{ MODEL(",\"mirrors\":{\"modelscope\":\"a/b@..\"}"),
	  "models[0].mirrors.modelscope: " },
	{ MODEL(",\"urls\":{\"a\":\"https://h/a\"}"),
	  "models[0].urls.a: needs a sha256 in digests" },
	{ MODEL(",\"urls\":{\"a\":\"ftp://h/a\"}"),
	  "models[0].urls.a: must begin with https:// or http://" },
	{ MODEL(",\"git\":\"https://u:p@h/a\""),
	  "models[0].git: a URL with a host, and without user and password" },
	{ MODEL(",\"git\":\"https:///a\""),
	  "models[0].git: a URL with a host" },
	{ MODEL(",\"git\":\"https://h/a b\""),
	  "models[0].git: a character that no URL has" },
	{ MODEL(",\"git\":\"https://h/a\",\"urls\":{}"),
	  "models[0].git: cannot stand beside urls" },
	{ MODEL(",\"git\":\"https://h/a\",\"mirrors\":{\"modelscope\":"
		"\"a/b\"}"),
	  "models[0].mirrors: are for repositories of the Hub" },
	{ MODEL(",\"archive\":[]"), "models[0].archive: must be an object" },
	{ MODEL(",\"archive\":{\"sha256\":\"" SHA "\"}"),
	  "models[0].archive.url: is missing" },
	{ MODEL(",\"archive\":{\"url\":\"https://h/a.tar\"}"),
	  "models[0].archive.sha256: is missing" },
	{ MODEL(ARCHIVE("ftp://h/a.tar", "")),
	  "models[0].archive: url: must begin with https:// or http://" },
	{ MODEL(",\"archive\":{\"url\":\"https://h/a.tar\",\"sha256\":"
		"\"" GIT "\"}"),
	  "models[0].archive: sha256: must be 64 lower-case hex digits" },
	{ MODEL(ARCHIVE("https://h/a.tar", ",\"size\":-1")),
	  "models[0].archive.size: must be a whole number" },
	{ MODEL(ARCHIVE("https://h/a.tar", ",\"strip\":\"a\"")),
	  "models[0].archive: strip: must end in '/'" },
	{ MODEL(ARCHIVE("https://h/a.tar", ",\"strip\":\"../a/\"")),
	  "models[0].archive: strip: path \"../a\" has a \".\" or \"..\"" },
	{ MODEL(ARCHIVE("https://h/a.tar", ",\"path\":\"a\"")),
	  "models[0].archive.path: unknown key; known here: url, sha256, "
	  "size, strip" },
	{ MODEL(ARCHIVE("https://h/a.tar", "") ",\"git\":\"https://h/a\""),
	  "models[0].archive: cannot stand beside urls or git" },
	{ MODEL(ARCHIVE("https://h/a.tar", "") ",\"mirrors\":"
					       "{\"modelscope\":\"a/b\"}"),
	  "models[0].mirrors: are for repositories of the Hub" },
	{ MODEL(",\"refs\":[\"a/../../x\"]"),
	  "models[0].refs: revision \"a/../../x\" has a \".\" or \"..\"" },
	{ MODEL(",\"mirrors\":{\"modelscope\":\"a b\"}"),
	  "models[0].mirrors.modelscope: repo id \"a b\" may only contain "
	  "letters, digits, '.', '_', '-'" },
	{ HEAD "\"groups\":{\"A\":{}},\"models\":[{\"id\":\"a\"}]}",
	  "groups.A: \"A\" is no name: a-z and 0-9, behind the first also "
	  "'.', '_' and '-', at most 64" },
	{ HEAD "\"groups\":{\"a\":true}}", "groups.a: must be an object" },
	{ HEAD "\"groups\":{\"a\":{\"on\":true}}}",
	  "groups.a.on: unknown key; known here: default, about" },
	{ HEAD "\"groups\":{\"a\":{\"default\":1}}}",
	  "groups.a.default: must be true or false" },
	{ HEAD "\"models\":[{\"id\":\"a\"}],\"requires\":[]}",
	  "requires: must be an object" },
	{ HEAD "\"models\":[{\"id\":\"a\"}],\"requires\":{\"py\":\"\"}}",
	  "requires.py: unknown key; known here: python, packages, memory" },
	{ HEAD "\"models\":[{\"id\":\"a\"}],\"requires\":{\"packages\":"
	       "{\"torch\":2}}}",
	  "requires.packages.torch: must be a string" },
	{ HEAD "\"models\":[{\"id\":\"a\"}],\"requires\":{\"memory\":"
	       "[{\"gpu_mib\":2}]}}",
	  "requires.memory[0].profile: is missing" },
	{ HEAD "\"models\":[{\"id\":\"a\"}],\"requires\":{\"memory\":"
	       "[{\"profile\":\"x\",\"gpu_mib\":1.5}]}}",
	  "requires.memory[0].gpu_mib: must be a whole number" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct manifest m = { .name = NULL, .model_count = 77 };
		struct error err = { 0 };

		if (manifest_parse(&m, errors[i].text, strlen(errors[i].text),
				   &err) == 0)
			fail_msg("taken: %s", errors[i].text);
		if (strncmp(err.msg, errors[i].message,
			    strlen(errors[i].message)) != 0)
			fail_msg("expected \"%s\", got \"%s\"",
				 errors[i].message, err.msg);
		assert_true(err.code == ERR_FORMAT || err.code == ERR_UNSAFE);
		assert_int_equal(m.model_count, 77); /* untouched */
	}
}

#define IN_MODEL(key) HEAD "\"models\":[{\"id\":\"a\",\"" key "\":"

/* before, then count times open + number + close, then after */
static const struct {
	const char *before, *open, *close, *after;
	size_t count;
	const char *message;
} limits[] = {
	{ HEAD "\"models\":[", "{\"id\":\"a", "\"}", "]}", 1000, NULL },
	{ HEAD "\"models\":[", "{\"id\":\"a", "\"}", "]}", 1001,
	  "models: has 1001 entries, at most 1000" },
	{ IN_MODEL("include") "[", "\"", "\"", "]}]}", 1000, NULL },
	{ IN_MODEL("include") "[", "\"", "\"", "]}]}", 1001,
	  "models[0].include: has 1001 entries, at most 1000" },
	{ IN_MODEL("views") "[", "{\"files\":\"", "\",\"to\":\"\"}", "]}]}",
	  100, NULL },
	{ IN_MODEL("views") "[", "{\"files\":\"", "\",\"to\":\"\"}", "]}]}",
	  101, "models[0].views: has 101 entries, at most 100" },
	{ IN_MODEL("digests") "{", "\"", "\":{\"size\":1}", "}}]}", 10000,
	  NULL },
	{ IN_MODEL("digests") "{", "\"", "\":{\"size\":1}", "}}]}", 10001,
	  "models[0].digests: has 10001 entries, at most 10000" },
	{ IN_MODEL("refs") "[", "\"", "\"", "]}]}", 101,
	  "models[0].refs: has 101 entries, at most 100" },
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int status;

		str_adds(&text, limits[i].before);
		for (size_t k = 0; k < limits[i].count; k++)
			str_addf(&text, "%s%s%zu%s", k ? "," : "",
				 limits[i].open, k, limits[i].close);
		str_adds(&text, limits[i].after);
		status = manifest_parse(&m, text.ptr, text.len, &err);
		assert_string_equal(err.msg,
				    limits[i].message ? limits[i].message : "");
		assert_int_equal(status, limits[i].message ? -1 : 0);
	}
}

static void test_too_long(void **state)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_adds(&text, MODEL(""));
	str_fill(&text, ' ', MANIFEST_LIMIT - text.len);
	assert_int_equal(manifest_parse(&m, text.ptr, text.len, &err), 0);
	manifest_release(&m);
	str_addc(&text, ' ');
	assert_int_equal(manifest_parse(&m, text.ptr, text.len, &err), -1);
	assert_string_equal(err.msg,
			    "a manifest of 4194305 bytes, at most 4194304");
}

/* Comma-separated; NULL for none. */
static struct strlist list(const char *text)
{
	struct strlist l = { 0 };

	while (text && *text) {
		size_t n = strcspn(text, ",");

		strlist_take(&l, xstrndup(text, n));
		text += n + (text[n] == ',');
	}
	return l;
}

static char *joined(const struct strlist *l)
{
	struct str s = STR_INIT;

	for (size_t i = 0; i < l->count; i++)
		str_addf(&s, "%s%s", i ? "," : "", l->items[i]);
	return str_detach(&s);
}

static const struct {
	const char *with, *without, *on, *message;
} group_cases[] = {
	{ NULL, NULL, "qwen", NULL },
	{ "extra", NULL, "extra,qwen", NULL },
	{ "qwen,qwen", NULL, "qwen", NULL },
	{ NULL, "qwen", "", NULL },
	{ "extra", "qwen", "extra", NULL },
	{ "exta", NULL, NULL,
	  "manifest full-1.0 has no group \"exta\" (it has: qwen, extra)" },
	{ NULL, "x", NULL,
	  "manifest full-1.0 has no group \"x\" (it has: qwen, extra)" },
	{ "qwen", "qwen", NULL,
	  "group qwen is asked for and left out at the same time" },
};

static void test_groups(void **state)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };

	(void)state;
	parse(&m, full);
	for (size_t i = 0; i < ARRAY_LEN(group_cases); i++) {
		struct strlist with CLEANUP(strlist_release) = list(
			group_cases[i].with);
		struct strlist without CLEANUP(strlist_release) = list(
			group_cases[i].without);
		struct strlist on CLEANUP(strlist_release) = { 0 };
		struct error err = { 0 };
		int status = manifest_groups(&m, &with, &without, &on, &err);
		char *got CLEANUP(free_ptr) = joined(&on);

		if (group_cases[i].message) {
			assert_int_equal(status, -1);
			assert_int_equal(err.code, ERR_USAGE);
			assert_string_equal(err.msg, group_cases[i].message);
		} else {
			assert_int_equal(status, 0);
			assert_string_equal(got, group_cases[i].on);
		}
	}
}

static const struct {
	const char *on, *path;
	bool selected;
} select_cases[] = {
	{ "qwen", "gpt.pth", true },	  { "qwen", "gpt.bin", false },
	{ "qwen", "qwen/a/b", true },	  { "", "qwen/a/b", false },
	{ "extra", "qwen/a.pth", false }, { "qwen", "qwen/a.bak", false },
	{ "qwen", "x/a", false },	  { "extra", "x/a", true },
	{ "extra", "y.pth", true },	  { "qwen", "y.pth", false },
};

static void test_selects(void **state)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct strlist none = { 0 };
	struct strlist extra CLEANUP(strlist_release) = list("extra");

	(void)state;
	parse(&m, full);
	for (size_t i = 0; i < ARRAY_LEN(select_cases); i++) {
		struct strlist on CLEANUP(strlist_release) = list(
			select_cases[i].on);

		if (manifest_selects(&m.models[0], &on, select_cases[i].path) !=
		    select_cases[i].selected)
			fail_msg("%s with %s", select_cases[i].path,
				 select_cases[i].on);
	}
	assert_true(manifest_model_is_on(&m.models[0], &none));
	assert_false(manifest_model_is_on(&m.models[1], &none));
	assert_true(manifest_model_is_on(&m.models[1], &extra));
}

static const struct {
	const char *path, *places;
} place_cases[] = {
	{ "gpt.pth", "gpt.pth" },
	{ "x/a", "x/a,dir/a" },
	{ "x/y/a", "x/y/a,dir/y/a" },
	{ "x/gpt.pth", "x/gpt.pth,dir/gpt.pth,renamed.pth" },
};

static void test_place(void **state)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct manifest_view twice[2] = { 0 };
	struct strlist out CLEANUP(strlist_release) = { 0 };
	struct manifest_model model = { .views = twice, .view_count = 2 };
	char star[] = "*", empty[] = "";

	(void)state;
	parse(&m, full);
	for (size_t i = 0; i < ARRAY_LEN(place_cases); i++) {
		struct strlist to CLEANUP(strlist_release) = { 0 };
		char *got CLEANUP(free_ptr) = NULL;

		manifest_place(&m.models[0], place_cases[i].path, &to);
		got = joined(&to);
		assert_string_equal(got, place_cases[i].places);
	}
	manifest_place(&m.models[1], "a", &out);
	assert_int_equal(out.count, 0);
	twice[0] = twice[1] = (struct manifest_view){ star, NULL, empty };
	manifest_place(&model, "a", &out);
	assert_int_equal(out.count, 1);
}

static void test_for_repo(void **state)
{
	struct strlist include CLEANUP(strlist_release) = list("*.json,a/");
	struct strlist none = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct manifest pinned CLEANUP(manifest_release) = { 0 };
	struct error err = { 0 };
	struct digest d;

	(void)state;
	assert_int_equal(manifest_for_repo(&m, REPO_MODEL,
					   "Facebook/w2v_BERT-2.0@v1/x",
					   &include, &none, &err),
			 0);
	assert_string_equal(m.name, "facebook-w2v_bert-2.0");
	assert_string_equal(m.models[0].id, "Facebook/w2v_BERT-2.0");
	assert_string_equal(m.models[0].revision, "v1/x");
	assert_string_equal(m.models[0].refs.items[0], "v1/x");
	assert_string_equal(m.models[0].include.items[1], "a/");
	assert_string_equal(m.models[0].views[0].to, "");
	manifest_format(&m, &text);
	digest_buf(DIGEST_SHA256, text.ptr, text.len, &d);
	assert_true(digest_equal(&d, &m.digest));

	assert_int_equal(manifest_for_repo(&pinned, REPO_SPACE, "_a@" COMMIT,
					   &none, &none, &err),
			 0);
	assert_string_equal(pinned.name, "xa");
	assert_string_equal(pinned.models[0].refs.items[0], "main");
	assert_int_equal(pinned.models[0].type, REPO_SPACE);
}

static const struct {
	const char *spec, *include, *message;
} bad_specs[] = {
	{ "", NULL,
	  "repo id \"\" has an empty part; expected "
	  "NAMESPACE/NAME[@REVISION]" },
	{ "a/b/c", NULL,
	  "repo id \"a/b/c\" has more than one '/'; expected "
	  "NAMESPACE/NAME[@REVISION]" },
	{ "a/b@", NULL,
	  "revision \"\" is empty; expected "
	  "NAMESPACE/NAME[@REVISION]" },
	{ "a/b", "\x01",
	  "a/b: models[0].include: control character in a "
	  "text" },
};

static void test_bad_repo(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_specs); i++) {
		struct strlist include CLEANUP(strlist_release) = list(
			bad_specs[i].include);
		struct strlist none = { 0 };
		struct manifest m = { 0 };
		struct error err = { 0 };

		assert_int_equal(manifest_for_repo(&m, REPO_MODEL,
						   bad_specs[i].spec, &include,
						   &none, &err),
				 -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_string_equal(err.msg, bad_specs[i].message);
		assert_null(m.name);
	}
}

int run_manifest_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_selects),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_for_repo),
		cmocka_unit_test(test_bad_repo),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
