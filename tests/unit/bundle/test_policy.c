#include "tests/unit/bundle/unit.h"

#include "base/mem.h"
#include "bundle/license.h"
#include "bundle/policy.h"
#include "bundle/scan.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD "{\"format\":\"itts-policy\",\"version\":1"

static void load(struct policy *p, const char *rules)
{
	char *text CLEANUP(free_ptr) = xasprintf(HEAD "%s%s}",
						 *rules ? "," : "", rules);
	struct error err = { 0 };

	assert_ok(policy_parse(p, "P", text, strlen(text), &err), &err);
}

/* model "acme/a" (MIT, a.py of 10 bytes), dataset "acme/b" (no licence, twice the
 * same 20 bytes) */
static void make_lock(struct lock *l)
{
	static const struct {
		const char *id, *license, *path[2];
		enum repo_type type;
	} repos[] = {
		{ "acme/a", "mit", { "a.txt", NULL }, REPO_MODEL },
		{ "acme/b", NULL, { "x.bin", "y.bin" }, REPO_DATASET },
	};

	l->name = xstrdup("sample");
	for (size_t i = 0; i < ARRAY_LEN(repos); i++) {
		struct lock_repo *r = lock_add_repo(l);

		r->type = repos[i].type;
		r->id = xstrdup(repos[i].id);
		r->license = repos[i].license ? xstrdup(repos[i].license)
					      : NULL;
		for (size_t k = 0; k < 2 && repos[i].path[k]; k++) {
			struct lock_file *f = lock_add_file(r,
							    repos[i].path[k]);

			f->size = 10 * (i + 1);
			digest_buf(DIGEST_SHA256, repos[i].id, 6, &f->sha256);
			f->etag = f->sha256;
		}
	}
}

static void rules(void **state)
{
	static const struct {
		const char *rules;
		const char *words[2]; /* NULL: taken */
	} rows[] = {
		{ "", { NULL } },
		{ "\"serial\":7", { NULL } },
		{ "\"serial\":8", { "\"serial\"", "least allowed is 8" } },
		{ "\"serial\":0", { NULL } },
		{ "\"serials\":{\"other\":9,\"sample\":7}", { NULL } },
		{ "\"serials\":{\"sample\":8}", { "\"serials\"", "sample" } },
		{ "\"repos\":[\"acme/*\"]",
		  { "\"repos\"", "datasets/acme/b" } },
		{ "\"repos\":[\"acme/?\",\"datasets/*\"]", { NULL } },
		{ "\"repos\":[\"*\"]", { NULL } },
		{ "\"licenses\":[\"MIT\"]", { "\"licenses\"", "acme/b" } },
		{ "\"licenses\":[\"Apache-2.0\"]", { "\"mit\"", "acme/a" } },
		{ "\"max_files\":3", { NULL } },
		{ "\"max_files\":2", { "\"max_files\"", "3 files" } },
		{ "\"max_bytes\":30", { NULL } }, /* one content counts once */
		{ "\"max_bytes\":29", { "\"max_bytes\"", "30 bytes" } },
		{ "\"max_file_bytes\":19", { "\"max_file_bytes\"", "x.bin" } },
		{ "\"no_code\":true", { NULL } },
	};
	struct bundle_manifest m = { .serial = 7 };

	(void)state;
	make_lock(&m.lock);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy p CLEANUP(policy_release) = { 0 };
		struct error err = { 0 };
		int rc;

		load(&p, rows[i].rules);
		rc = policy_check_bundle(&p, &m, &err);
		if (!rows[i].words[0]) {
			assert_ok(rc, &err);
			continue;
		}
		assert_non_null(strstr(err.msg, rows[i].words[0]));
		assert_non_null(strstr(err.msg, "the policy P"));
		assert_fails(rc, &err, ERR_UNSAFE, rows[i].words[1]);
	}
	lock_release(&m.lock);
}

static void licences(void **state)
{
	static const struct {
		const char *license;
		bool allowed;
		const char *expression; /* for the bill of materials */
	} rows[] = {
		{ "mit", true, NULL },
		{ "ISC", false, NULL },
		{ "mit OR isc", true, "MIT OR ISC" },
		{ "ISC or mit", true, "ISC OR MIT" },
		{ "ISC OR Zlib", false, "ISC OR Zlib" },
		{ "MIT AND Apache-2.0", true, "MIT AND Apache-2.0" },
		{ "MIT AND ISC", false, "MIT AND ISC" },
		/* AND binds more tightly */
		{ "MIT OR ISC AND Zlib", true, "MIT OR ISC AND Zlib" },
		{ "ISC AND Zlib OR MIT", true, "ISC AND Zlib OR MIT" },
		{ "ISC AND ( Zlib OR MIT)", false, "ISC AND (Zlib OR MIT)" },
		{ "(((MIT)))", true, NULL },
		{ "gpl-2.0-only  WITH classpath-exception-2.0", true,
		  "GPL-2.0-only WITH Classpath-exception-2.0" },
		{ "GPL-2.0-only", false, NULL },
		{ "MIT WITH a-wish", false, NULL },
		{ "epl-2.0+", true, "EPL-2.0+" },
		{ "EPL-2.0", false, NULL },
		{ "MIT+", false, "MIT+" },
		{ "LicenseRef-Own AND MIT", true, "LicenseRef-Own AND MIT" },
		{ "LicenseRef-Other OR ISC", false, "LicenseRef-Other OR ISC" },
		{ "MIT OR Unheard-1.0", true, NULL },
		{ "Our Licence (2)", true, NULL },
		{ "Our Licence (3)", false, NULL },
		/* no expressions */
		{ "MIT OR", false, NULL },
		{ "MIT OR (ISC", false, NULL },
		{ "MIT) OR (ISC", false, NULL },
		{ "MIT, ISC", false, NULL },
		{ "MIT ISC", false, NULL },
		{ "MIT Or ISC", false, NULL },
		{ "(MIT OR ISC) WITH LLVM-exception", false, NULL },
		{ "", false, NULL },
	};
	struct strlist allowed CLEANUP(strlist_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	(void)state;
	strlist_add(&allowed, "MIT");
	strlist_add(&allowed, "apache-2.0");
	strlist_add(&allowed, "GPL-2.0-only WITH Classpath-exception-2.0");
	strlist_add(&allowed, "EPL-2.0+");
	strlist_add(&allowed, "LicenseRef-Own");
	strlist_add(&allowed, "our licence (2)");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool is;

		if (license_allowed(rows[i].license, &allowed) !=
		    rows[i].allowed)
			fail_msg("\"%s\"", rows[i].license);
		is = license_expression(rows[i].license, &text);
		if (is != (rows[i].expression != NULL))
			fail_msg("\"%s\": %d", rows[i].license, is);
		if (is)
			assert_string_equal(text.ptr, rows[i].expression);
	}
	for (size_t depth = LICENSE_DEPTH; depth < 1000000; depth *= 1000) {
		str_clear(&text);
		str_fill(&text, '(', depth);
		str_adds(&text, "MIT");
		str_fill(&text, ')', depth);
		assert_int_equal(license_allowed(text.ptr, &allowed),
				 depth == LICENSE_DEPTH);
	}
}

static void no_policy(void **state)
{
	struct bundle_manifest m = { .serial = 0 };
	struct policy p CLEANUP(policy_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_ok(policy_check_bundle(NULL, &m, &err), &err);
	assert_ok(policy_check_unsigned(NULL, "x", &err), &err);
	assert_false(policy_wants_bytes(NULL));
	load(&p, "\"signers\":[\"a@b\"],\"serials\":{\"x\":1}");
	assert_fails(policy_check_unsigned(&p, "x", &err), &err, ERR_UNSAFE,
		     "\"signers\": x");
	policy_release(&p);
	load(&p, "\"serials\":{\"x\":1}");
	assert_fails(policy_check_unsigned(&p, "x", &err), &err, ERR_UNSAFE,
		     "\"serials\": x");
	policy_release(&p);
	load(&p, "\"repos\":[\"*\"]");
	assert_ok(policy_check_unsigned(&p, "x", &err), &err);
}

/* POLICY_MAX entries of a list are read, one more is not. */
static void too_many(void **state)
{
	static const char *const keys[] = { "repos\":[", "serials\":{" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		for (int more = 0; more < 2; more++) {
			struct policy p CLEANUP(policy_release) = { 0 };
			struct str text CLEANUP(str_release) = STR_INIT;
			struct error err = { 0 };
			int rc;

			str_addf(&text, HEAD ",\"%s", keys[i]);
			for (int n = 0; n < POLICY_MAX + more; n++)
				str_addf(&text, "%s\"%d\"%s", n ? "," : "", n,
					 i ? ":1" : "");
			str_adds(&text, i ? "}}" : "]}");
			rc = policy_parse(&p, "P", text.ptr, text.len, &err);
			if (more)
				assert_fails(rc, &err, ERR_FORMAT, "more than");
			else
				assert_ok(rc, &err);
		}
}

static void too_large(void **state)
{
	struct policy p CLEANUP(policy_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_adds(&text, HEAD "}");
	while (text.len < POLICY_LIMIT)
		str_addc(&text, ' ');
	assert_ok(policy_parse(&p, "P", text.ptr, text.len, &err), &err);
	policy_release(&p);
	str_addc(&text, ' ');
	assert_fails(policy_parse(&p, "P", text.ptr, text.len, &err), &err,
		     ERR_FORMAT, "P: larger than");
}

static void names_of_code(void **state)
{
	static const struct {
		const char *path;
		bool code;
	} rows[] = {
		{ "model.py", true },
		{ "a/b/SETUP.PY", true },
		{ "lib/libx.so", true },
		{ "libx.so.1.2", true },
		{ "x.dll", true },
		{ "x.wasm", true },
		{ "py", false },
		{ ".py", false },
		{ "a.py/config.json", false },
		{ "happy", false },
		{ "model.safetensors", false },
		{ "also.sorted", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy p CLEANUP(policy_release) = { 0 };
		struct lock l CLEANUP(lock_release) = { 0 };
		struct lock_repo *r = lock_add_repo(&l);
		struct error err = { 0 };
		int rc;

		r->id = xstrdup("acme/a");
		lock_add_file(r, rows[i].path)->sha256.alg = DIGEST_SHA256;
		load(&p, "\"no_code\":true");
		rc = policy_check_lock(&p, &l, &err);
		if (rows[i].code)
			assert_fails(rc, &err, ERR_UNSAFE, rows[i].path);
		else
			assert_ok(rc, &err);
	}
}

static void bytes_of_code(void **state)
{
	static const struct {
		const char *name, *bytes, *words;
	} rows[] = {
		{ "a.bin", "\177ELF....", "ELF" },
		{ "a.json", "#!/bin/sh\n", "script" },
		{ "a.json", "#! /bin/sh\n", "script" },
		{ "a.md", "#!", NULL },
		{ "a.md", "#!\n/bin/sh\n",
		  NULL }, /* the kernel takes no such */
		{ "a.md", "# Title\n", NULL },
		{ "a.json", "\200\2cos\nsystem\n)R.", "os.system" },
		{ "a.bin", "cos\nsystem\n)R.", "os.system" },
		{ "a.txt", "cos\nsystem\n)R.", NULL },
		{ "a.bin", "\200\2}.", NULL },
		{ "a.bin", "\200\2}", "malformed" },
		{ "a.bin", "", NULL },
	};
	struct policy p CLEANUP(policy_release) = { 0 };
	struct policy lax CLEANUP(policy_release) = { 0 };

	(void)state;
	load(&p, "\"no_code\":true");
	load(&lax, "\"no_code\":false");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].bytes);
		int fd = memfd_create("x", MFD_CLOEXEC);
		struct error err = { 0 };
		int rc;

		assert_int_equal(write(fd, rows[i].bytes, len), len);
		assert_ok(
			policy_scan_fd(&lax, fd, len, rows[i].name, "L", &err),
			&err);
		rc = policy_scan_fd(&p, fd, len, rows[i].name, "L", &err);
		if (rows[i].words)
			assert_fails(rc, &err, ERR_UNSAFE, rows[i].words);
		else
			assert_ok(rc, &err);
		close(fd);
	}
}

int run_policy_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(licences),
		cmocka_unit_test(no_policy),
		cmocka_unit_test(too_many),
		cmocka_unit_test(too_large),
		cmocka_unit_test(names_of_code),
		cmocka_unit_test(bytes_of_code),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
