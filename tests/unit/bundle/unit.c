#include "tests/unit/bundle/unit.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/layout.h"
#include "bundle/sbom.h"
#include "manifest/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int temp_dir(char path[TEMP_PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(path, TEMP_PATH_MAX, "%s/itts-unit-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void temp_dir_end(int dirfd, const char *path)
{
	assert_int_equal(close(dirfd), 0);
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void assert_ok(int result, const struct error *err)
{
	if (result || err->code)
		fail_msg("%d, %s: %s", result, err_code_name(err->code),
			 err->msg);
}

void assert_fails(int result, struct error *err, enum err_code code,
		  const char *words)
{
	assert_int_equal(result, -1);
	assert_string_equal(err_code_name(err->code), err_code_name(code));
	if (!strstr(err->msg, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err->msg);
	err_clear(err);
}

int run_shell(const char *dir, const char *command, struct str *said)
{
	char *line CLEANUP(free_ptr) = xasprintf("cd '%s' && { %s\n} 2>&1", dir,
						 command);
	FILE *f = popen(line, "r");
	char buf[4096];
	size_t n;
	int status;

	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_add(said, buf, n);
	status = pclose(f);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void run_silent(const char *dir, const char *command)
{
	struct str said CLEANUP(str_release) = STR_INIT;
	int status = run_shell(dir, command, &said);

	if (status || said.len)
		fail_msg("%s: status %d: %s", command, status, said.ptr);
}

void sample_bytes(const char *path, uint64_t size, struct str *out)
{
	uint64_t x = size + 1;
	size_t at = out->len;

	for (; *path; path++)
		x = x * 31 + (unsigned char)*path;
	/* room first: byte by byte this was a third of all the time of the tests */
	str_fill(out, 0, size);
	for (; at < out->len; at++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out->ptr[at] = (char)x;
	}
}

static void sample_digests(struct lock_file *f, const struct str *bytes,
			   bool lfs)
{
	f->size = bytes->len;
	digest_buf(DIGEST_SHA256, bytes->ptr, bytes->len, &f->sha256);
	if (lfs)
		f->etag = f->sha256;
	else
		digest_buf(DIGEST_GIT_SHA1, bytes->ptr, bytes->len, &f->etag);
}

struct lock_file *sample_add(struct lock_repo *r, const char *path,
			     uint64_t size, bool lfs)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct lock_file *f = lock_add_file(r, path);

	sample_bytes(path_base(path), size, &bytes);
	sample_digests(f, &bytes, lfs);
	return f;
}

static struct lock_repo *sample_repo(struct lock *l, const char *id,
				     char commit, const char *hub_view)
{
	struct lock_repo *r = lock_add_repo(l);

	r->id = xstrdup(id);
	r->revision = xstrdup("main");
	memset(r->commit, commit, 40);
	r->hub_view = hub_view ? xstrdup(hub_view) : NULL;
	r->license = xstrdup("Apache-2.0");
	strlist_add(&r->refs, "main");
	return r;
}

void sample_lock(struct lock *out)
{
	struct error err = { 0 };
	struct lock_repo *r;
	char deep[128];

	*out = (struct lock){ .name = xstrdup("sample") };
	digest_buf(DIGEST_SHA256, "manifest", 8, &out->manifest);
	r = sample_repo(out, "acme/tiny-tts", 'a', NULL);
	lock_file_add_view(r, sample_add(r, "README.md", 700, false),
			   "docs/README.md");
	lock_file_add_view(r, sample_add(r, "config.yaml", 2900, false),
			   "config.yaml");
	lock_file_add_view(r, sample_add(r, "gpt.pth", 70001, true), "gpt.pth");
	sample_add(r, "empty.txt", 0, false);
	lock_file_add_view(r,
			   sample_add(r, "sub/deep/a b+%ü文.bin", 4096, true),
			   "sub/a b+%ü文.bin");
	memset(deep, 'd', 110);
	memcpy(deep + 110, ".json", 6);
	sample_add(r, deep, 20, false);
	r = sample_repo(out, "acme/other", 'b', "hf_cache");
	sample_add(r, "README.md", 700, false);
	sample_add(r, "copy/gpt.pth", 70001, true);
	sample_add(r, "copy/empty.txt", 0, false);
	lock_file_add_view(r, sample_add(r, "big.bin", 3500000, true),
			   "big.bin");
	r = sample_repo(out, "gpt2", 'c', NULL);
	strlist_add(&r->refs, "refs/pr/1");
	sample_add(r, "a.bin", 4095, true);
	assert_ok(lock_finish(out, &err), &err);
}

void sample_store(const char *root, const struct lock *l)
{
	struct error err = { 0 };

	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
		char *blobs CLEANUP(free_ptr) = xasprintf("%s/blobs", folder);
		int rootfd CLEANUP(close_fd) = open(
			root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int fd CLEANUP(close_fd) = -1;

		assert_true(rootfd >= 0);
		assert_ok(file_mkdirs(rootfd, blobs, &err), &err);
		fd = openat(rootfd, blobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(fd >= 0);
		for (size_t k = 0; k < r->file_count; k++) {
			const struct lock_file *f = &r->files[k];
			struct str bytes CLEANUP(str_release) = STR_INIT;
			char hex[DIGEST_HEX_MAX];

			sample_bytes(path_base(f->path), f->size, &bytes);
			assert_ok(file_replace(fd, digest_hex(&f->etag, hex),
					       bytes.ptr, bytes.len, &err),
				  &err);
		}
	}
}

static void put_payload(const struct bundle_manifest *m, size_t blob,
			struct str *out)
{
	const struct lock_file *f = bundle_use_file(m, m->blobs[blob].uses);

	sample_bytes(path_base(f->path), f->size, out);
}

static void put_states(const struct bundle_manifest *m, struct str *out)
{
	for (size_t i = 0; i < m->blob_count; i++)
		assert_int_equal(bundle_state_count(m->blobs[i].size), 0);
	(void)out;
}

void sample_manifest(const struct lock *l, struct bundle_manifest *out,
		     struct str *text)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct error err = { 0 };

	assert_ok(bundle_manifest_from_lock(&m, l, 7, 1700000000, &err), &err);
	bundle_manifest_format(&m, text);
	assert_ok(bundle_manifest_parse(out, text->ptr, text->len, &err), &err);
}

static int append(void *ctx, const void *p, size_t n, struct error *err)
{
	(void)err;
	str_add(ctx, p, n);
	return 0;
}

static void put_extra(const struct lock *l, const char *path, struct str *out)
{
	struct extra_own own;
	struct error err = { 0 };

	if (!strcmp(path, SBOM_NAME)) {
		assert_ok(sbom_write(l, append, out, &err), &err);
		return;
	}
	assert_true(extra_own_find(path, &own));
	str_add(out, own.text, own.len);
}

void sample_bundle(const struct lock *l, struct str *out)
{
	sample_bundle_of(l, BUNDLE_VERSION, out);
}

void sample_bundle_of(const struct lock *l, unsigned version, struct str *out)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct layout *layout CLEANUP(layout_close) = NULL;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct segment s = { .kind = SEGMENT_BYTES };
	struct error err = { 0 };

	sample_manifest(l, &m, &text);
	m.version = version;
	str_clear(&text);
	bundle_manifest_format(&m, &text);
	assert_ok(layout_open(&layout, &m, text.ptr, text.len, &err), &err);
	while (s.kind != SEGMENT_END) {
		assert_ok(layout_next(layout, &s, &err), &err);
		assert_int_equal(s.offset, out->len);
		if (s.kind == SEGMENT_BYTES)
			str_add(out, s.ptr, (size_t)s.size);
		if (s.kind == SEGMENT_EXTRA)
			put_extra(l, s.name, out);
		if (s.kind == SEGMENT_SIGNATURE)
			str_fill(out, '\n', (size_t)s.size);
		if (s.kind == SEGMENT_PAYLOAD)
			put_payload(&m, s.blob, out);
		if (s.kind == SEGMENT_STATES)
			put_states(&m, out);
		assert_int_equal(s.offset + s.size, out->len);
	}
}

int read_memory(void *ctx, void *buf, size_t n, uint64_t offset, size_t *got,
		struct error *err)
{
	const struct memory *m = ctx;

	(void)err;
	*got = 0;
	if (offset >= m->size)
		return 0;
	*got = n < m->size - offset ? n : m->size - (size_t)offset;
	memcpy(buf, m->p + offset, *got);
	return 0;
}
