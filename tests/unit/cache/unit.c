#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

int temp_dir(char path[TEMP_PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(path, TEMP_PATH_MAX, "%s/itts-unit-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
	assert_int_equal(chmod(path, 0755), 0);
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
	if (err->code != code)
		fail_msg("%s instead of %s: %s", err_code_name(err->code),
			 err_code_name(code), err->msg);
	if (!strstr(err->msg, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err->msg);
	err_clear(err);
}

/* --- files -------------------------------------------------------------------- */

static void make_parents(int dirfd, const char *path)
{
	const char *base = path_base(path);
	struct error err = { 0 };

	if (base > path) {
		char *dir CLEANUP(free_ptr) = xstrndup(
			path, (size_t)(base - path) - 1);

		assert_ok(file_mkdirs(dirfd, dir, &err), &err);
	}
}

void put_file(int dirfd, const char *path, const void *bytes, size_t len)
{
	struct error err = { 0 };

	make_parents(dirfd, path);
	assert_ok(file_replace(dirfd, path, bytes, len, &err), &err);
}

void put_text(int dirfd, const char *path, const char *text)
{
	put_file(dirfd, path, text, strlen(text));
}

void put_link(int dirfd, const char *path, const char *target)
{
	make_parents(dirfd, path);
	if (unlinkat(dirfd, path, 0))
		assert_int_equal(errno, ENOENT);
	assert_int_equal(symlinkat(target, dirfd, path), 0);
}

void put_dir(int dirfd, const char *path)
{
	struct error err = { 0 };

	assert_ok(file_mkdirs(dirfd, path, &err), &err);
}

void remove_file(int dirfd, const char *path)
{
	assert_int_equal(unlinkat(dirfd, path, 0), 0);
}

void damage_file(int dirfd, const char *path, off_t offset)
{
	struct stat st = stat_of(dirfd, path);
	int fd CLEANUP(close_fd) = -1;
	char byte;

	assert_int_equal(fchmodat(dirfd, path, 0644, 0), 0);
	fd = openat(dirfd, path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x20;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	assert_int_equal(fchmod(fd, st.st_mode & 07777), 0);
}

void assert_bytes(int dirfd, const char *path, const void *want, size_t len)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	assert_ok(file_read_all(dirfd, path, 64 << 20, &s, &err), &err);
	if (s.len != len)
		fail_msg("%s: %zu bytes, expected %zu", path, s.len, len);
	if (len)
		assert_memory_equal(s.ptr, want, len);
}

void assert_text(int dirfd, const char *path, const char *want)
{
	assert_bytes(dirfd, path, want, strlen(want));
}

void assert_link(int dirfd, const char *path, const char *target)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(dirfd, path, text, sizeof(text) - 1);

	if (n < 0)
		fail_msg("%s: %s", path, strerror(errno));
	text[n] = '\0';
	assert_string_equal(text, target);
}

struct stat stat_of(int dirfd, const char *path)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW))
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

bool is_there(int dirfd, const char *path)
{
	return !faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

size_t count_names(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!d)
		return 0;
	for (const struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

size_t count_fds(void)
{
	return count_names(AT_FDCWD, "/proc/self/fd");
}

bool mount_small(const char *path, const char *name, size_t size)
{
	char *dir CLEANUP(free_ptr) = xasprintf("%s/%s", path, name);
	char *option CLEANUP(free_ptr) = xasprintf("size=%zu,mode=755", size);

	return (!mkdir(dir, 0755) || errno == EEXIST) &&
	       !mount("tmpfs", dir, "tmpfs", 0, option);
}

void unmount(const char *path, const char *name)
{
	char *dir CLEANUP(free_ptr) = xasprintf("%s/%s", path, name);

	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

int run_as_nobody(int (*fn)(void *ctx), void *ctx)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (!geteuid() &&
		    (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		     setresuid(NOBODY, NOBODY, NOBODY)))
			_exit(99);
		_exit(fn(ctx));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* --- a store with known content ------------------------------------------------- */

void sample_bytes(const char *name, uint64_t size, struct str *out)
{
	uint64_t x = size + 1;

	for (; *name; name++)
		x = x * 31 + (unsigned char)*name;
	while (size-- > 0) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		str_addc(out, (char)x);
	}
}

static struct lock_file *bytes_add(struct lock_repo *r, const char *path,
				   const void *bytes, size_t len, bool lfs)
{
	struct lock_file *f = lock_add_file(r, path);

	f->size = len;
	digest_buf(DIGEST_SHA256, bytes, len, &f->sha256);
	if (lfs)
		f->etag = f->sha256;
	else
		digest_buf(DIGEST_GIT_SHA1, bytes, len, &f->etag);
	return f;
}

struct lock_file *sample_add(struct lock_repo *r, const char *path,
			     uint64_t size, bool lfs)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;

	sample_bytes(path_base(path), size, &bytes);
	return bytes_add(r, path, bytes.ptr, bytes.len, lfs);
}

void text_add(struct lock_repo *r, const char *path, const char *text, bool lfs)
{
	bytes_add(r, path, text, strlen(text), lfs);
}

struct lock_repo *sample_repo(struct lock *l, const char *id, char commit)
{
	struct lock_repo *r = lock_add_repo(l);

	r->id = xstrdup(id);
	r->revision = xstrdup("main");
	memset(r->commit, commit, 40);
	strlist_add(&r->refs, "main");
	return r;
}

void sample_lock(struct lock *out)
{
	struct error err = { 0 };
	struct lock_repo *r;

	*out = (struct lock){ .name = xstrdup("sample") };
	digest_buf(DIGEST_SHA256, "manifest", 8, &out->manifest);
	r = sample_repo(out, "acme/tiny-tts", 'a');
	lock_file_add_view(r, sample_add(r, "README.md", 700, false),
			   "docs/README.md");
	lock_file_add_view(r, sample_add(r, "config.yaml", 2900, false),
			   "config.yaml");
	lock_file_add_view(r, sample_add(r, "gpt.pth", 70001, true), "gpt.pth");
	sample_add(r, "empty.txt", 0, false);
	lock_file_add_view(r,
			   sample_add(r, "sub/deep/a b+%ü文.bin", 4096, true),
			   "sub/a b+%ü文.bin");
	r = sample_repo(out, "acme/other", 'b');
	r->hub_view = xstrdup("hf_cache");
	strlist_add(&r->refs, "refs/pr/1");
	sample_add(r, "README.md", 700, false);
	sample_add(r, "copy/gpt.pth", 70001, true);
	sample_add(r, "again/gpt.pth", 70001, true);
	lock_file_add_view(r, sample_add(r, "big.bin", 350000, true),
			   "big.bin");
	assert_ok(lock_finish(out, &err), &err);
}

struct hfcache *open_store(const char *path, bool create)
{
	struct hfcache *c = NULL;
	struct error err = { 0 };

	assert_ok(hfcache_open(&c, path, create, &err), &err);
	assert_non_null(c);
	return c;
}

void store_blob(struct hfcache *c, const struct lock_repo *r,
		const struct lock_file *f)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct error err = { 0 };

	sample_bytes(path_base(f->path), f->size, &bytes);
	assert_ok(hfcache_part_open(&p, c, r, f, false, -1, &err), &err);
	assert_ok(hfcache_part_write(&p, bytes.ptr, bytes.len, &err), &err);
	assert_ok(hfcache_part_commit(&p, NULL, &err), &err);
}

void store_all(struct hfcache *c, const struct lock *l)
{
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		enum ref_change change;
		struct error err = { 0 };
		char old[41];

		for (size_t k = 0; k < r->file_count; k++) {
			store_blob(c, r, &r->files[k]);
			assert_ok(hfcache_link(c, r, &r->files[k], &err), &err);
		}
		assert_ok(hfcache_write_tree(c, r, &err), &err);
		for (size_t k = 0; k < r->refs.count; k++)
			assert_ok(hfcache_set_ref(c, r, r->refs.items[k], false,
						  &change, old, &err),
				  &err);
	}
}

char *repo_path(const struct lock_repo *r, const char *sub)
{
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);

	return xasprintf("%s/%s", folder, sub);
}

char *blob_path(const struct lock_repo *r, const struct lock_file *f)
{
	char hex[DIGEST_HEX_MAX];
	char *sub CLEANUP(free_ptr) = xasprintf("blobs/%s",
						digest_hex(&f->etag, hex));

	return repo_path(r, sub);
}

char *snapshot_path(const struct lock_repo *r, const char *path)
{
	char *sub CLEANUP(free_ptr) = xasprintf("snapshots/%s/%s", r->commit,
						path);

	return repo_path(r, sub);
}

void heard_event(void *ctx, const struct event *ev)
{
	struct heard *h = ctx;

	h->counts[ev->type]++;
	if (ev->type == EVENT_PLAN) {
		h->items = ev->items;
		h->total = ev->total;
	}
	if (ev->text)
		str_addf(&h->texts, "%s\n", ev->text);
}

void heard_release(struct heard *h)
{
	str_release(&h->texts);
}

void assert_report(const struct verify_report *r, const char *want)
{
	struct str got CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < r->count; i++) {
		const struct verify_item *item = &r->items[i];
		const char *detail = item->detail ? item->detail : "";

		if (str_starts(detail, "found "))
			detail = "found ";
		str_addf(&got, "%s|%s|%s|%s\n", verify_state_name(item->state),
			 item->where, item->path, detail);
	}
	assert_string_equal(got.ptr, want ? want : "");
}
