/* The fuzzers' corpora: what begins with bad_ is refused, all else is taken. */
#include "tests/unit/bundle/unit.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/tar_reader.h"
#include "bundle/bmanifest.h"
#include "bundle/import_name.h"
#include "bundle/npy.h"
#include "bundle/policy.h"
#include "bundle/scan.h"
#include "bundle/serials.h"
#include "bundle/signers.h"
#include "bundle/sshsig.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool take_bmanifest(const char *name, const struct str *text)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct error err = { 0 };

	(void)name;
	return !bundle_manifest_parse(&m, text->ptr, text->len, &err);
}

static bool take_policy(const char *name, const struct str *text)
{
	struct policy p CLEANUP(policy_release) = { 0 };
	struct error err = { 0 };

	if (!policy_parse(&p, name, text->ptr, text->len, &err))
		return true;
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.msg, name));
	return false;
}

static bool take_serials(const char *name, const struct str *text)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct error err = { 0 };

	(void)name;
	return !serials_parse(&s, text->ptr, text->len, &err);
}

static bool take_sshsig(const char *name, const struct str *text)
{
	struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct error err = { 0 };

	(void)name;
	return !sshsig_parse(&s, text->ptr, text->len, &err);
}

/* All of it can be looked at, and nothing of it is taken for harmless but what
 * torch writes for tensors. */
static bool take_scan(const char *name, const struct str *text)
{
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	struct memory m = { text->ptr, text->len };
	struct scan_input in = { read_memory, &m, m.size };
	struct error err = { 0 };

	assert_ok(scan_file(&in, name, &r, &err), &err);
	assert_int_equal(r.word >= SCAN_NEEDS_CODE, r.notes.count > 0);
	return true;
}

static bool take_npy(const char *name, const struct str *text)
{
	uint64_t size;
	enum npy_kind kind = npy_judge(text->ptr, text->len, &size);

	if (kind == NPY_UNKNOWN)
		return false;
	assert_int_equal(kind == NPY_OBJECTS, !strcmp(name, "object"));
	return true;
}

/* To its last entry and byte. */
static bool take_tar(const char *name, const struct str *text)
{
	int fd CLEANUP(close_fd) = memfd_create(name, MFD_CLOEXEC);
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	struct error err = { 0 };
	struct tar_member m;
	int more;

	assert_int_equal(write(fd, text->ptr, text->len), text->len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	if (tar_open_archive(&r, fd, &err))
		return false;
	while ((more = tar_reader_next(r, &m, &err)) > 0) {
		char buf[4096];
		size_t got = 1;

		while (got > 0)
			if (tar_reader_read(r, buf, sizeof(buf), &got, &err))
				return false;
	}
	assert_int_equal(more < 0, err.code != ERR_NONE);
	return more == 0;
}

static void replay(const char *corpus,
		   bool (*take)(const char *name, const struct str *text))
{
	char *place CLEANUP(free_ptr) = xasprintf("tests/fuzz/corpus/%s",
						  corpus);
	DIR *dir = opendir(place);
	struct dirent *d;
	size_t taken = 0, seen = 0;

	assert_non_null(dir);
	while ((d = readdir(dir))) {
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		bool got;

		if (d->d_name[0] == '.')
			continue;
		assert_ok(file_read_all(dirfd(dir), d->d_name, 1 << 20, &text,
					&err),
			  &err);
		got = take(d->d_name, &text);
		if (got == (strncmp(d->d_name, "bad_", 4) == 0))
			fail_msg("%s/%s is %s", place, d->d_name,
				 got ? "taken" : "refused");
		taken += got;
		seen++;
	}
	closedir(dir);
	assert_true(taken >= 2 && seen >= 6);
}

static void corpora(void **state)
{
	(void)state;
	replay("bmanifest", take_bmanifest);
	replay("npy", take_npy);
	replay("policy", take_policy);
	replay("serials", take_serials);
	replay("sshsig", take_sshsig);
	replay("scan", take_scan);
	replay("tar", take_tar);
}

static void read_seed(const char *corpus, const char *name, struct str *out)
{
	char *path CLEANUP(free_ptr) = xasprintf("tests/fuzz/corpus/%s/%s",
						 corpus, name);
	struct error err = { 0 };

	assert_ok(file_read_all(AT_FDCWD, path, 1 << 20, out, &err), &err);
}

/* As lists of signers and as lists of revoked keys. */
static void lists_of_keys(void **state)
{
	static const char text[] =
		"AAAAC3NzaC1lZDI1NTE5AAAAIKxQbzpTSfLDYmDWpHTg"
		"TW28NwGEpq3j8VLDppaIWId5";
	static const struct {
		const char *name, *who;
		enum err_code find, revoked;
	} rows[] = {
		{ "plain", "a@example.com", ERR_NONE, ERR_FORMAT },
		{ "authority", NULL, ERR_INTEGRITY, ERR_FORMAT },
		{ "revoked", NULL, ERR_FORMAT, ERR_INTEGRITY },
		{ "krl", NULL, ERR_FORMAT, ERR_FORMAT },
	};
	struct str blob CLEANUP(str_release) = STR_INIT;
	struct signers_query q = { .name_space = SSHSIG_NAMESPACE,
				   .now = 1764000000 };

	(void)state;
	assert_true(base64_decode(text, strlen(text), false, &blob));
	q.key = (struct wire){ (unsigned char *)blob.ptr, blob.len };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str list CLEANUP(str_release) = STR_INIT;
		char *who CLEANUP(free_ptr) = NULL;
		struct error a = { 0 }, b = { 0 };

		read_seed("signers", rows[i].name, &list);
		(void)!signers_find(list.ptr, list.len, "l", &q, &who, &a);
		(void)!signers_check_revoked(list.ptr, list.len, "l", &q.key,
					     &b);
		if (a.code != rows[i].find || b.code != rows[i].revoked)
			fail_msg("%s: \"%s\" (%d), \"%s\" (%d)", rows[i].name,
				 a.msg, (int)a.code, b.msg, (int)b.code);
		assert_int_equal(!who, !rows[i].who);
		if (who)
			assert_string_equal(who, rows[i].who);
	}
}

static void names_of_entries(void **state)
{
	static const struct {
		const char *name;
		enum import_kind kind;
		bool is_path, follows;
	} rows[] = {
		{ "absolute", IMPORT_FILE, true, false },
		{ "blob", IMPORT_BLOB, true, false },
		{ "dot", IMPORT_OTHER, false, false },
		{ "link", IMPORT_FILE, true, true },
		{ "out", IMPORT_FILE, true, false },
		{ "ref", IMPORT_REF, true, false },
		{ "self", IMPORT_OTHER, false, false },
		{ "shared", IMPORT_SHARED, true, false },
		{ "tree", IMPORT_TREE, true, false },
		{ "up", IMPORT_OTHER, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str text CLEANUP(str_release) = STR_INIT;
		char *path CLEANUP(free_ptr) = NULL,
			   *to CLEANUP(free_ptr) = NULL;
		struct import_name name = { .kind = IMPORT_OTHER };
		struct error err = { 0 };
		char *target;

		read_seed("import", rows[i].name, &text);
		target = strchr(text.ptr, '\n');
		if (target)
			*target++ = '\0';
		(void)!path_of_entry(&path, text.ptr, &err);
		if (path)
			import_name_parse(&name, path);
		if (path && target && *target)
			(void)!import_follow(&to, path, target, name.folder,
					     &err);
		if (!path != !rows[i].is_path || name.kind != rows[i].kind ||
		    !to != !rows[i].follows)
			fail_msg("%s: kind %d, %s", rows[i].name,
				 (int)name.kind, to ? to : err.msg);
	}
}

int run_corpus_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpora),
		cmocka_unit_test(lists_of_keys),
		cmocka_unit_test(names_of_entries),
	};

	return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
