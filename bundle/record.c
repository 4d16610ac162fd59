#include "bundle/record.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_DIR ".locks/itts-pack"

static int open_record(struct hfcache *store, const char *name, bool create,
		       int *fd, struct error *err)
{
	char *dir CLEANUP(free_ptr) = xasprintf(RECORD_DIR "/%s", name);

	if (path_check(name, err))
		return -1;
	if (file_open_beneath(hfcache_fd(store), dir, create, fd, err))
		return err_inside(err, "%s", hfcache_root(store));
	return 0;
}

/* The message begins with the name of a file there. */
static int inside(struct error *err, const struct hfcache *store,
		  const char *name)
{
	return err_inside(err, "%s/" RECORD_DIR "/%s", hfcache_root(store),
			  name);
}

/* Is it there already? Then it is left alone. */
static bool is_kept(int dir, const char *name, uint64_t size,
		    const struct digest *sha256)
{
	int fd CLEANUP(close_fd) = openat(
		dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct error ignored = { 0 };
	struct digest got;
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size &&
	       !digest_fd(DIGEST_SHA256, fd, 0, size, &got, &ignored) &&
	       digest_equal(&got, sha256);
}

static int put(int dir, const char *name, const char *p, size_t n,
	       struct error *err)
{
	struct digest d;

	digest_buf(DIGEST_SHA256, p, n, &d);
	if (is_kept(dir, name, n, &d))
		return 0;
	return file_replace(dir, name, p, n, err);
}

/* By the manifest that it signs, so that it can never stand beside another. */
static char *signature_name(const struct str *text)
{
	char hex[DIGEST_HEX_MAX];
	struct digest d;

	digest_buf(DIGEST_SHA256, text->ptr, text->len, &d);
	return xasprintf("%s.sig", digest_hex(&d, hex));
}

/* That of the slot; where that is empty, none. */
static int put_signature(int dir, const struct bundle_source *s,
			 struct error *err)
{
	char *name CLEANUP(free_ptr) = signature_name(&s->text);
	size_t n = BUNDLE_SIGNATURE_SIZE;
	uint64_t at;
	const char *slot = bundle_source_slot(s, &at);

	if (!slot)
		return 0;
	if (slot_read(slot, n) != SLOT_SIGNED)
		return unlinkat(dir, name, 0) && errno != ENOENT
			       ? err_sys(err, errno, "%s", name)
			       : 0;
	while (n > 1 && slot[n - 2] == '\n')
		n--;
	return put(dir, name, slot, n, err);
}

/* Names that a record gives to signatures and extras. */
static bool is_digest_name(const char *name)
{
	size_t n = digest_len(DIGEST_SHA256) * 2;

	return strspn(name, "0123456789abcdef") == n &&
	       (!name[n] || !strcmp(name + n, ".sig"));
}

static void kept_names(const struct bundle_manifest *m, const struct str *text,
		       struct strlist *out)
{
	char *sig CLEANUP(free_ptr) = signature_name(text);
	char hex[DIGEST_HEX_MAX];

	strlist_add(out, sig);
	for (size_t i = 0; i < m->extras.count; i++)
		strlist_add(out, digest_hex(&m->extras.items[i].sha256, hex));
}

/* What bundles of that name had which were installed before. Nothing asks for it again:
 * the manifest, which is on the disk by now, names the rest. */
static int drop_superseded(int fd, const struct bundle_manifest *m,
			   const struct str *text, struct error *err)
{
	struct strlist kept CLEANUP(strlist_release) = { 0 };
	struct strlist old CLEANUP(strlist_release) = { 0 };
	DIR *dir = file_dir_open(fd, ".");
	const struct dirent *d;
	int failed = dir ? 0 : errno;

	kept_names(m, text, &kept);
	while (dir && (d = file_dir_next(dir, &failed)))
		if (is_digest_name(d->d_name) && !strlist_has(&kept, d->d_name))
			strlist_add(&old, d->d_name);
	if (dir)
		closedir(dir);
	if (failed)
		return err_sys(err, failed, ".");
	for (size_t i = 0; i < old.count; i++)
		if (unlinkat(fd, old.items[i], 0) && errno != ENOENT)
			return err_sys(err, errno, "%s", old.items[i]);
	return 0;
}

int record_write(struct hfcache *store, const struct bundle_source *s,
		 struct error *err)
{
	struct bundle_manifest full = s->manifest;
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct str *kept = &s->text;
	int dir CLEANUP(close_fd) = -1;

	if (open_record(store, full.lock.name, true, &dir, err))
		return -1;
	if (full.absent_count > 0) {
		full.absent_count = 0;
		bundle_manifest_format(&full, &text);
		kept = &text;
	}
	if ((kept == &s->text && put_signature(dir, s, err)) ||
	    put(dir, BUNDLE_MANIFEST_NAME, kept->ptr, kept->len, err) ||
	    drop_superseded(dir, &full, kept, err))
		return inside(err, store, full.lock.name);
	return 0;
}

int record_take_extra(struct hfcache *store, struct bundle_source *s,
		      const struct segment *seg, struct strlist *made,
		      struct error *err)
{
	const struct bundle_extra *e = &s->manifest.extras.items[seg->extra];
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;
	char *path CLEANUP(free_ptr) = NULL;
	int dir CLEANUP(close_fd) = -1;
	char hex[DIGEST_HEX_MAX];

	if (open_record(store, s->manifest.lock.name, true, &dir, err))
		return -1;
	digest_hex(&e->sha256, hex);
	if (is_kept(dir, hex, e->size, &e->sha256))
		return bundle_source_expect(s, seg, err);
	if (atomic_open_unnamed(&f, dir, hex, 0644, err))
		return inside(err, store, s->manifest.lock.name);
	path = xasprintf("%s/" RECORD_DIR "/%s/%s", hfcache_root(store),
			 s->manifest.lock.name, hex);
	if (bundle_source_copy_extra(s, seg, f.fd, path, err))
		return -1;
	if (atomic_commit(&f, err))
		return inside(err, store, s->manifest.lock.name);
	strlist_add(made, hex);
	return 0;
}

void record_drop_extras(struct hfcache *store, const char *name,
			const struct strlist *made)
{
	char *path CLEANUP(free_ptr) = xasprintf(RECORD_DIR "/%s", name);
	int dir CLEANUP(close_fd) = -1;
	struct error ignored = { 0 };

	if (made->count == 0 || open_record(store, name, false, &dir, &ignored))
		return;
	for (size_t i = 0; i < made->count; i++)
		if (unlinkat(dir, made->items[i], 0))
			errno = 0;
	/* those that are empty */
	if (unlinkat(hfcache_fd(store), path, AT_REMOVEDIR) ||
	    unlinkat(hfcache_fd(store), RECORD_DIR, AT_REMOVEDIR))
		errno = 0;
}

static int not_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Extras stand there before the manifest, which comes with the last payload. */
static bool has_manifest(int dir, const char *name)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/" BUNDLE_MANIFEST_NAME,
						 name);

	return !faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

int record_list(struct hfcache *store, struct strlist *out, struct error *err)
{
	struct dirent **names = NULL;
	int dir CLEANUP(close_fd) = -1;
	int n;

	if (file_open_beneath(hfcache_fd(store), RECORD_DIR, false, &dir,
			      err)) {
		if (err->code != ERR_NOT_FOUND)
			return err_inside(err, "%s", hfcache_root(store));
		err_clear(err);
		return 0;
	}
	n = scandirat(dir, ".", &names, not_dots, alphasort);
	if (n < 0)
		return err_sys(err, errno, "%s/" RECORD_DIR,
			       hfcache_root(store));
	for (int i = 0; i < n; i++) {
		if (has_manifest(dir, names[i]->d_name))
			strlist_add(out, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}

static int no_record(const struct hfcache *store, const char *name,
		     struct error *err)
{
	if (err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err);
	return err_set(err, ERR_NOT_FOUND,
		       "%s: no bundle named \"%s\" was installed there",
		       hfcache_root(store), name);
}

int record_read(struct hfcache *store, const char *name,
		struct bundle_manifest *out, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	int dir CLEANUP(close_fd) = -1;

	if (open_record(store, name, false, &dir, err))
		return no_record(store, name, err);
	if (file_read_all(dir, BUNDLE_MANIFEST_NAME, BUNDLE_MANIFEST_LIMIT,
			  &text, err)) {
		inside(err, store, name);
		return no_record(store, name, err);
	}
	if (bundle_manifest_parse(out, text.ptr, text.len, err))
		return err_wrap(err, "%s: record of \"%s\"",
				hfcache_root(store), name);
	return 0;
}

int record_read_signature(struct hfcache *store, const char *name,
			  const struct str *text, char *slot, struct error *err)
{
	char *file CLEANUP(free_ptr) = signature_name(text);
	struct str kept CLEANUP(str_release) = STR_INIT;
	int dir CLEANUP(close_fd) = -1;

	memset(slot, '\n', BUNDLE_SIGNATURE_SIZE);
	if (open_record(store, name, false, &dir, err))
		return no_record(store, name, err);
	if (file_read_all(dir, file, BUNDLE_SIGNATURE_SIZE, &kept, err)) {
		if (err->code != ERR_NOT_FOUND)
			return inside(err, store, name);
		err_clear(err);
		return 0;
	}
	memcpy(slot, kept.ptr, kept.len);
	if (slot_read(slot, BUNDLE_SIGNATURE_SIZE) == SLOT_SIGNED)
		return 0;
	err_set(err, ERR_FORMAT, "%s: record of \"%s\": %s: not a signature",
		hfcache_root(store), name, file);
	return err_hint(err, "install the bundle once more");
}

int record_open_extra(struct hfcache *store, const char *name,
		      const struct bundle_extra *e, int *fd, struct error *err)
{
	int dir CLEANUP(close_fd) = -1;
	char hex[DIGEST_HEX_MAX];

	if (open_record(store, name, false, &dir, err))
		return no_record(store, name, err);
	*fd = openat(dir, digest_hex(&e->sha256, hex),
		     O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd >= 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, errno, "%s: %s/" RECORD_DIR "/%s/%s",
			       e->path, hfcache_root(store), name, hex);
	err_set(err, ERR_NOT_FOUND,
		"%s: its bytes (sha256 %s) were not kept: an image in a "
		"registry has no extras, and those in volumes that were never "
		"here together are not kept",
		e->path, hex);
	return err_hint(err, "run itts-pack install once more with the "
			     "bundle's file, or where all volumes are");
}
