#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/import.h"
#include "bundle/import_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- names ------------------------------------------------------------------- */

#define C40 "cccccccccccccccccccccccccccccccccccccccc"
#define E64 "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

static void names(void **state)
{
	static const struct {
		const char *path;
		enum import_kind kind;
		const char *rest;
	} cases[] = {
		{ "models--a--b/blobs/" E64, IMPORT_BLOB, E64 },
		{ "home/x/hub/models--a--b/blobs/" C40, IMPORT_BLOB, C40 },
		{ "datasets--a--b/refs/refs/pr/1", IMPORT_REF, "refs/pr/1" },
		{ "models--gpt2/refs/main", IMPORT_REF, "main" },
		{ "models--a--b/snapshots/" C40 "/d/f", IMPORT_FILE, "d/f" },
		{ "models--a--b/trees/" C40 ".json", IMPORT_TREE, NULL },
		{ "hub/blobs/ee/" E64, IMPORT_SHARED, NULL },
		{ "models--a--b/blobs/" E64 ".incomplete", IMPORT_OTHER, NULL },
		{ "models--a--b/blobs/" C40 ".1234abcd.incomplete",
		  IMPORT_OTHER, NULL },
		{ "models--a--b/.no_exist/" C40 "/x", IMPORT_OTHER, NULL },
		{ ".locks/models--a--b/" E64 ".lock", IMPORT_OTHER, NULL },
		{ "models--a--b/snapshots/main/f", IMPORT_OTHER, NULL },
		{ "models--a--b/snapshots/" C40, IMPORT_OTHER, NULL },
		{ "models--a--b/trees/" C40 ".tmp", IMPORT_OTHER, NULL },
		{ "models--a--b", IMPORT_OTHER, NULL },
		{ "models--a----b/refs/main", IMPORT_OTHER, NULL },
		{ "token", IMPORT_OTHER, NULL },
		{ "version.txt", IMPORT_OTHER, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct import_name n;

		import_name_parse(&n, cases[i].path);
		if (n.kind != cases[i].kind)
			fail_msg("%s: kind %d", cases[i].path, n.kind);
		if (cases[i].rest)
			assert_string_equal(cases[i].path + n.rest,
					    cases[i].rest);
	}
}

static void where_links_lead(void **state)
{
	static const struct {
		const char *path, *target, *want;
		size_t hub;
	} cases[] = {
		{ "h/m/snapshots/c/f", "../../blobs/e", "h/m/blobs/e", 2 },
		{ "h/m/snapshots/c/d/f", "../../../blobs/e", "h/m/blobs/e", 2 },
		{ "h/m/blobs/e", "../../blobs/ee/x", "h/blobs/ee/x", 2 },
		{ "h/m/f", ".//g", "h/m/g", 2 },
		{ "m/f", "../g", "g", 0 },
		{ "m/f", "../../g", NULL, 0 },
		{ "h/m/f", "../../g", NULL, 2 },
		{ "h/m/f", "../../h/g", NULL, 2 },
		{ "h/m/f", "/etc/passwd", NULL, 2 },
		{ "h/m/f", "..", NULL, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got CLEANUP(free_ptr) = NULL;
		struct error err = { 0 };
		int rc = import_follow(&got, cases[i].path, cases[i].target,
				       cases[i].hub, &err);

		if (!cases[i].want) {
			assert_fails(rc, &err, ERR_UNSAFE, "leads out");
			continue;
		}
		assert_ok(rc, &err);
		assert_string_equal(got, cases[i].want);
	}
}

/* --- archives ------------------------------------------------------------------- */

struct fixture {
	char path[TEMP_PATH_MAX];
	char file[TEMP_PATH_MAX + 8], store[TEMP_PATH_MAX + 8];
	int dir;
	struct str said;
	struct import_stats st;
};

static void listen(void *ctx, const struct event *ev)
{
	struct fixture *f = ctx;

	if (ev->type == EVENT_INFO || ev->type == EVENT_WARN)
		str_addf(&f->said, "%s\n", ev->text);
}

/* src/hub: a cache as Python's client leaves it, with lock files, leftovers, a
 * ref that ends in a newline, a token. Shell functions to make more of it. */
static const char make_cache[] =
	"cat > lib.sh <<'END'\n"
	"C=cccccccccccccccccccccccccccccccccccccccc\n"
	"R=models--acme--tts\n"
	"sha() { sha256sum $1 | cut -c1-64; }\n"
	"git_id() { { printf 'blob %d\\0' $(stat -c %s $1); cat $1; } |"
	" sha1sum | cut -c1-40; }\n"
	"END\n"
	". ./lib.sh\n"
	"mkdir -p src/hub/$R/blobs src/hub/$R/refs src/hub/$R/snapshots/$C/sub "
	"src/hub/.locks/$R src/hub/$R/.no_exist/$C\n"
	"seq 99999 | head -c 300000 > big; echo '{}' > small; : > empty\n"
	"B=$(sha big); S=$(git_id small); E=$(git_id empty)\n"
	"cp big src/hub/$R/blobs/$B; cp small src/hub/$R/blobs/$S; "
	"cp empty src/hub/$R/blobs/$E\n"
	"ln -s ../../blobs/$B src/hub/$R/snapshots/$C/big.bin\n"
	"ln -s ../../../blobs/$S src/hub/$R/snapshots/$C/sub/small.json\n"
	"ln -s ../../blobs/$E src/hub/$R/snapshots/$C/empty.txt\n"
	"echo $C > src/hub/$R/refs/main\n"
	": > src/hub/.locks/$R/$B.lock; echo x > "
	"src/hub/$R/blobs/$B.1234abcd.incomplete\n"
	": > src/hub/$R/.no_exist/$C/x; echo secret > src/token; "
	"echo 1 > src/hub/version.txt\n";

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->said = (struct str)STR_INIT;
	f->dir = temp_dir(f->path);
	snprintf(f->file, sizeof(f->file), "%s/a", f->path);
	snprintf(f->store, sizeof(f->store), "%s/store", f->path);
	run_silent(f->path, make_cache);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	str_release(&f->said);
	temp_dir_end(f->dir, f->path);
	free(f);
	return 0;
}

static int import(struct fixture *f, const struct lock *l, bool dry_run,
		  struct error *err)
{
	struct event_sink sink = { listen, f };
	struct install_options o = { .cache_root = f->store,
				     .dry_run = dry_run,
				     .sink = &sink };

	str_clear(&f->said);
	return import_archive(f->file, l, &o, &f->st, err);
}

/* The store has what src/hub has, written the way it ought to be. */
static void assert_imported(struct fixture *f)
{
	run_silent(f->path, ". ./lib.sh\n"
			    "cmp store/$R/snapshots/$C/big.bin big\n"
			    "cmp store/$R/snapshots/$C/sub/small.json small\n"
			    "cmp store/$R/snapshots/$C/empty.txt empty\n"
			    "test -L store/$R/snapshots/$C/sub/small.json\n"
			    "test $(ls store/$R/blobs | wc -l) = 3\n"
			    "printf $C | cmp - store/$R/refs/main\n"
			    "test -s store/$R/trees/$C.json\n"
			    "! grep -r secret store\n"
			    "test ! -e store/version.txt && test ! -e "
			    "store/$R/.no_exist");
}

static void kinds_of_archives(void **state)
{
	static const char *const makers[] = {
		"tar -cf a -C src hub",
		"tar -cf a -C src/hub .",
		"tar -czf a -C src/hub .",
		"tar -cf a src",
		"tar -cf - -C src . | zstd -qc > a",
		"tar --sort=name --format=posix -cJf a -C src hub",
		/* snapshots, refs before blobs */
		(". ./lib.sh; tar -cf a -C src hub/$R/refs hub/$R/snapshots "
		 "hub/$R/blobs"),
		". ./lib.sh; cd src/hub/$R/.. && tar -cf ../../a $R",
		"bsdtar -cf a -C src hub",
		"cd src && zip -qyr ../a.zip hub && mv ../a.zip ../a",
		/* links followed: copies of the blobs */
		"cd src && zip -qr ../a.zip hub && mv ../a.zip ../a",
		"tar -chf a -C src hub",
	};
	struct fixture *f = *state;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		run_silent(f->path, makers[i]);
		if (import(f, NULL, false, &err))
			fail_msg("%s: %s", makers[i], err.msg);
		assert_imported(f);
		assert_int_equal(f->st.repos, 1);
		assert_int_equal(f->st.blobs, 3);
		assert_int_equal(f->st.bytes, 300003);
		assert_int_equal(f->st.snapshots, 1);
		assert_int_equal(f->st.refs, 1);
		run_silent(f->path, "rm -rf store a");
	}
}

static void again_and_dry(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	run_silent(f->path, "tar -cf a -C src hub");
	assert_ok(import(f, NULL, true, &err), &err);
	assert_int_equal(f->st.blobs, 3);
	run_silent(f->path, "test ! -e store");
	assert_ok(import(f, NULL, false, &err), &err);
	assert_ok(import(f, NULL, false, &err), &err);
	assert_int_equal(f->st.blobs, 0);
	assert_int_equal(f->st.had_blobs, 3);
	assert_imported(f);
}

/* From standard input it goes through a temporary file. */
static void from_a_pipe(void **state)
{
	struct fixture *f = *state;
	struct install_options o = { .cache_root = f->store };
	struct error err = { 0 };
	int saved = dup(STDIN_FILENO);
	char *line CLEANUP(free_ptr) = xasprintf("tar -czf - -C '%s/src' hub",
						 f->path);
	FILE *p = popen(line, "r");

	assert_non_null(p);
	assert_int_equal(dup2(fileno(p), STDIN_FILENO), STDIN_FILENO);
	assert_ok(import_archive("-", NULL, &o, &f->st, &err), &err);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
	pclose(p);
	assert_imported(f);
}

/* blobs/ as links into a store that all repos share. */
static void shared_blobs(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	run_silent(f->path, ". ./lib.sh; B=$(sha big); X=" E64 "\n"
			    "mkdir -p src/hub/blobs/ee\n"
			    "mv src/hub/$R/blobs/$B src/hub/blobs/ee/$X\n"
			    "ln -s ../../blobs/ee/$X src/hub/$R/blobs/$B\n"
			    "tar -cf a -C src hub");
	assert_ok(import(f, NULL, false, &err), &err);
	assert_imported(f);
}

/* Files in snapshots instead of links: proved by a listing or a lock. */
static void plain_files(void **state)
{
	struct fixture *f = *state;
	struct lock l CLEANUP(lock_release) = { .name = xstrdup("l") };
	struct lock_repo *r = lock_add_repo(&l);
	struct error err = { 0 };
	static const char *const files[][2] = { { "big", "big.bin" },
						{ "small", "sub/small.json" },
						{ "empty", "empty.txt" } };

	run_silent(f->path, ". ./lib.sh; cp -rL src/hub/$R/snapshots s; "
			    "rm -r src/hub/$R/snapshots src/hub/$R/blobs; "
			    "mv s src/hub/$R/snapshots; tar -cf a -C src hub");
	assert_fails(import(f, NULL, false, &err), &err, ERR_INTEGRITY,
		     "nothing proves");
	run_silent(f->path, "! find store -path '*refs/*' -o -path "
			    "'*snapshots/*' 2>/dev/null | grep .");
	r->id = xstrdup("acme/tts");
	r->revision = xstrdup("main");
	memset(r->commit, 'c', 40);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct str bytes CLEANUP(str_release) = STR_INIT;
		struct lock_file *lf = lock_add_file(r, files[i][1]);

		assert_ok(file_read_all(f->dir, files[i][0], 1 << 20, &bytes,
					&err),
			  &err);
		lf->size = bytes.len;
		digest_buf(DIGEST_SHA256, bytes.ptr, bytes.len, &lf->sha256);
		lf->etag = lf->sha256;
		if (i > 0)
			digest_buf(DIGEST_GIT_SHA1, bytes.ptr, bytes.len,
				   &lf->etag);
	}
	assert_ok(lock_finish(&l, &err), &err);
	assert_ok(import(f, &l, false, &err), &err);
	assert_imported(f);
	/* and with the listing that the store has now */
	run_silent(f->path, ". ./lib.sh; mkdir src/hub/$R/trees; "
			    "cp store/$R/trees/* src/hub/$R/trees; "
			    "tar -cf a -C src hub; rm -r store");
	assert_ok(import(f, NULL, false, &err), &err);
	assert_imported(f);
	/* a lock that is right in the name of the blob alone */
	r->files[2].sha256.bytes[0] ^= 1;
	run_silent(f->path, "rm -r store");
	assert_fails(import(f, &l, false, &err), &err, ERR_INTEGRITY,
		     "small.json: sha256 ");
	r->files[2].sha256.bytes[0] ^= 1;
	/* a lock that says something else */
	r->files[0].sha256.bytes[0] ^= 1;
	r->files[0].etag = r->files[0].sha256;
	run_silent(f->path, "rm -r store");
	assert_fails(import(f, &l, false, &err), &err, ERR_INTEGRITY,
		     "big.bin: ");
}

#define APART "E\xCC\x81te\xCC\x81.bin" /* as Mac OS writes it */
#define ONE   "\xC3\x89t\xC3\xA9.bin"

static bool in_store(const struct fixture *f, const char *name)
{
	char *path CLEANUP(free_ptr) = xasprintf(
		"%s/models--acme--tts/snapshots/" C40 "/%s", f->store, name);

	return access(path, F_OK) == 0;
}

/* Reading composes letters of names that are said to be UTF-8; a lock knows better,
 * and without one it is said. */
static void decomposed_names(void **state)
{
	static const struct {
		const char *maker;
		bool composes;
	} cases[] = {
		{ "tar --format=posix -cf a -C src hub", true },
		{ "bsdtar --format=pax -cf a -C src hub", true },
		{ "tar --format=gnu -cf a -C src hub", false },
		{ "tar --format=gnu -chf a -C src hub", false },
		{ "cd src && LC_ALL=C zip -qyr ../a.zip hub && "
		  "mv ../a.zip ../a",
		  false },
		{ "cd src && LC_ALL=C.UTF-8 python3 -m zipfile -c ../a hub",
		  true },
	};
	struct fixture *f = *state;
	struct lock l CLEANUP(lock_release) = { .name = xstrdup("l") };
	struct lock_repo *r = lock_add_repo(&l);
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct lock_file *lf = lock_add_file(r, APART);
	struct error err = { 0 };

	r->id = xstrdup("acme/tts");
	r->revision = xstrdup("main");
	memset(r->commit, 'c', 40);
	assert_ok(file_read_all(f->dir, "big", 1 << 20, &bytes, &err), &err);
	lf->size = bytes.len;
	digest_buf(DIGEST_SHA256, bytes.ptr, bytes.len, &lf->sha256);
	lf->etag = lf->sha256;
	assert_ok(lock_finish(&l, &err), &err);
	run_silent(f->path, ". ./lib.sh; cd src/hub/$R/snapshots/$C; "
			    "mv big.bin " APART);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run_silent(f->path, cases[i].maker);
		assert_ok(import(f, &l, false, &err), &err);
		if (!in_store(f, APART) || in_store(f, ONE) || f->said.len)
			fail_msg("%s: %s", cases[i].maker, f->said.ptr);
		run_silent(f->path, "rm -r store");
		assert_ok(import(f, NULL, false, &err), &err);
		if (in_store(f, ONE) != cases[i].composes ||
		    in_store(f, APART) == cases[i].composes ||
		    cases[i].composes !=
			    !!strstr(f->said.ptr ? f->said.ptr : "", "accents"))
			fail_msg("%s: %s", cases[i].maker, f->said.ptr);
		run_silent(f->path, "rm -r store a");
	}
}

static void wrong_bytes(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	run_silent(f->path,
		   ". ./lib.sh; printf x | dd of=src/hub/$R/blobs/$(sha big) "
		   "conv=notrunc bs=1 seek=777 2>/dev/null; "
		   "tar -cf a -C src hub");
	assert_fails(import(f, NULL, false, &err), &err, ERR_INTEGRITY,
		     "sha256 ");
	run_silent(f->path, ". ./lib.sh; test -z \"$(find . ! -type d "
			    "-path './store/*/refs/*' -o ! -type d "
			    "-path './store/*/snapshots/*')\" && "
			    "test ! -e store/$R/blobs/$(sha big)");
}

/* A snapshot without all its blobs gets no ref; what is right stays. */
static void incomplete(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	run_silent(f->path, ". ./lib.sh; rm src/hub/$R/blobs/$(sha big); "
			    "tar -cf a -C src hub");
	assert_ok(import(f, NULL, false, &err), &err);
	assert_non_null(strstr(f->said.ptr, "1 of 3 files are not in the "
					    "archive"));
	assert_int_equal(f->st.refs, 0);
	run_silent(f->path, ". ./lib.sh; test ! -e store/$R/refs/main && "
			    "test -e store/$R/blobs/$(git_id small)");
}

/* Hard links between snapshot and blobs, whichever stands first. */
static void hard_links(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	run_silent(f->path,
		   ". ./lib.sh; cd src/hub/$R; B=$(sha ../../../big)\n"
		   "rm snapshots/$C/big.bin; ln blobs/$B snapshots/$C/big.bin\n"
		   "cd ..; tar -cf ../../a $R/snapshots $R/blobs $R/refs");
	assert_ok(import(f, NULL, false, &err), &err);
	assert_imported(f);
}

/* --- hostile ones ------------------------------------------------------------------ */

/* A tar made by Python: one line of code an entry. */
static const char python[] =
	"python3 -S - <<'END'\n"
	"import tarfile, io, hashlib, json\n"
	"t = tarfile.open('a', 'w')\n"
	"C = 'c' * 40\n"
	"R = 'hub/models--acme--tts/'\n"
	"def add(name, data=b'x', type=tarfile.REGTYPE, link=''):\n"
	"    i = tarfile.TarInfo(name)\n"
	"    i.type = type; i.linkname = link\n"
	"    i.size = len(data) if type == tarfile.REGTYPE else 0\n"
	"    t.addfile(i, io.BytesIO(data) if i.size else None)\n"
	"def blob(data):\n"
	"    h = hashlib.sha256(data).hexdigest()\n"
	"    add(R + 'blobs/' + h, data)\n"
	"    return h\n"
	"def sym(name, to): add(name, type=tarfile.SYMTYPE, link=to)\n"
	"def hard(name, to): add(name, type=tarfile.LNKTYPE, link=to)\n"
	"def tree(repo, commit, size):\n"
	"    f = {'size': size,\n"
	"         'blob_id': hashlib.sha1(b'blob 5\\0plain').hexdigest()}\n"
	"    t = {'format_version': 1, 'files': {'plain': f}}\n"
	"    add(repo + 'trees/' + commit + '.json', json.dumps(t).encode())\n"
	"D = 'hub/datasets--acme--tts/'\n"
	"h = blob(b'data')\n"
	"snap = R + 'snapshots/' + C + '/'\n"
	"sym(snap + 'ok', '../../blobs/' + h)\n"
	"%s\n"
	"t.close()\n"
	"END";

static const struct {
	const char *code;
	enum err_code want;
} hostile[] = {
	{ "add('hub/../../evil')", ERR_UNSAFE },
	{ "add('/tmp/itts-evil')", ERR_UNSAFE },
	{ "add(snap + '../../../../evil')", ERR_UNSAFE },
	{ "sym(snap + 'e', '/etc/passwd')", ERR_UNSAFE },
	{ "sym(snap + 'e', '../../../../../etc/passwd')", ERR_UNSAFE },
	{ "sym(snap + 'e', '../../../../token'); add('token')", ERR_UNSAFE },
	{ "sym(snap + 'd', '../../..'); add(snap + 'd/f')", ERR_UNSAFE },
	{ "sym('hub', 'x')", ERR_UNSAFE },
	{ "sym(R + 'snapshots', 'x')", ERR_UNSAFE },
	{ "hard(snap + 'e', '/etc/passwd')", ERR_UNSAFE },
	{ "hard(snap + 'e', '../etc/passwd')", ERR_UNSAFE },
	{ "hard(snap + 'e', 'token'); add('token')", ERR_UNSAFE },
	{ "add(snap + 'e', type=tarfile.CHRTYPE)", ERR_UNSAFE },
	{ "add('hub/fifo', type=tarfile.FIFOTYPE)", ERR_UNSAFE },
	{ "sym(snap + 'ok', '../../blobs/' + h)", ERR_UNSAFE },
	{ "sym(snap + 'OK', '../../blobs/' + h)", ERR_UNSAFE },
	{ "sym(snap + 'a\\x1bb', '../../blobs/' + h)", ERR_UNSAFE },
	{ "sym(snap + 'a\\nb', '../../blobs/' + h)", ERR_UNSAFE },
	{ "sym(snap + 'a\\\\b', '../../blobs/' + h)", ERR_UNSAFE },
	{ "sym(snap + 'l1', 'l2'); sym(snap + 'l2', 'l1')", ERR_UNSAFE },
	{ "blob(b'data')", ERR_UNSAFE },
	{ "sym('other/models--acme--tts/snapshots/' + C + '/ok', 'x')",
	  ERR_UNSAFE },
	{ "add(R + 'blobs/' + 'e' * 64, b'not it')", ERR_INTEGRITY },
	{ "add(snap + 'plain', b'who knows')", ERR_INTEGRITY },
	{ "add(R + 'refs/main', b'c' * 1000)", ERR_FORMAT },
	{ "for i in range(1, 9): sym(snap + f'l{i}', f'l{i + 1}')\n"
	  "sym(snap + 'l9', '../../blobs/' + h)",
	  ERR_UNSAFE },
	{ "sym(snap + 'e', '../../a\\x01b')", ERR_UNSAFE },
	/* what a listing proves, it proves for its own snapshot */
	{ "tree(R, C, 6); add(snap + 'plain', b'plain')", ERR_INTEGRITY },
	{ "tree(R, C, 5); add(snap + 'plain', b'plane')", ERR_INTEGRITY },
	{ "tree(R, 'd' * 40, 5); add(snap + 'plain', b'plain')",
	  ERR_INTEGRITY },
	{ "tree(D, C, 5); add(snap + 'plain', b'plain')", ERR_INTEGRITY },
	{ "for i in range(1000): add(f'models--a--{i}/blobs/{h}', "
	  "b'data')",
	  ERR_FORMAT },
	{ "for i in range(1001): tree(R, f'{i:040x}', 5)", ERR_FORMAT },
};

static void hostile_archives(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		char *script CLEANUP(free_ptr) = NULL;
		const char *at = strstr(python, "%s");

		script = xasprintf("%.*s%s%s", (int)(at - python), python,
				   hostile[i].code, at + 2);
		run_silent(f->path, script);
		if (!import(f, NULL, false, &err))
			fail_msg("%s: is taken", hostile[i].code);
		if (err.code != hostile[i].want)
			fail_msg("%s: %s", hostile[i].code, err.msg);
		err_clear(&err);
		run_silent(f->path,
			   "! find store -path '*/refs/*' -o -path "
			   "'*/snapshots/*' 2>/dev/null | grep .\n"
			   "test ! -e evil && test ! -e ../evil && test ! -e "
			   "/tmp/itts-evil\nrm -rf store");
	}
}

static void odd_but_harmless(void **state)
{
	static const char *const cases[] = {
		"add(R + 'refs/main', C.encode() + b'\\r\\n')",
		"add(R + 'refs/broken', b'no commit')",
		"add(R + 'trees/' + C + '.json', b'{')",
		"sym('docs/readme', '/usr/share/doc'); add('docs2')",
		"add('./hub/x')",
		"add(R + 'refs/main', b'd' * 40)",
		"add(R + 'refs/a..b', C.encode())",
		"for i in range(1, 8): sym(snap + f'l{i}', f'l{i + 1}')\n"
		"sym(snap + 'l8', '../../blobs/' + h)",
		"tree(R, C, 5); add(snap + 'plain', b'plain')",
		"add(D + 'blobs/' + h, b'data')\n"
		"sym(D + 'snapshots/' + C + '/x', '../../blobs/' + h)",
	};
	struct fixture *f = *state;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *script CLEANUP(free_ptr) = NULL;
		const char *at = strstr(python, "%s");

		script = xasprintf("%.*s%s%s", (int)(at - python), python,
				   cases[i], at + 2);
		run_silent(f->path, script);
		if (import(f, NULL, false, &err))
			fail_msg("%s: %s", cases[i], err.msg);
		assert_int_equal(f->st.refs, i == 0);
		run_silent(f->path, ". ./lib.sh; test $(cat "
				    "store/$R/snapshots/$C/ok) = data; "
				    "rm -r store");
	}
}

static void no_archives(void **state)
{
	static const struct {
		const char *command, *words;
	} cases[] = {
		{ ": > a", "an empty file" },
		{ "echo '<html>' > a", "web page" },
		{ "tar -cf a big", "no Hub cache in it" },
		{ "printf 'itts-bundle.json\\0....' > a", "without --import" },
		{ "mv big itts-bundle.json; tar -czf a itts-bundle.json",
		  "without --import" },
		{ "head -c 9999 /dev/urandom > a", "a: " },
		{ "tar -czf b src; head -c 3000 b > a", "truncated" },
	};
	struct fixture *f = *state;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run_silent(f->path, cases[i].command);
		assert_fails(import(f, NULL, false, &err), &err, ERR_FORMAT,
			     cases[i].words);
		run_silent(f->path, "test ! -e store");
	}
	run_silent(f->path, "rm a");
	assert_fails(import(f, NULL, false, &err), &err, ERR_NOT_FOUND, "/a");
}

#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int run_import_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(where_links_lead),
		WITH_CACHE(kinds_of_archives),
		WITH_CACHE(again_and_dry),
		WITH_CACHE(from_a_pipe),
		WITH_CACHE(shared_blobs),
		WITH_CACHE(plain_files),
		WITH_CACHE(decomposed_names),
		WITH_CACHE(wrong_bytes),
		WITH_CACHE(incomplete),
		WITH_CACHE(hard_links),
		WITH_CACHE(hostile_archives),
		WITH_CACHE(odd_but_harmless),
		WITH_CACHE(no_archives),
	};

	return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
