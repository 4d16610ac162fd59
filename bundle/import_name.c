#include "bundle/import_name.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/repo.h"

#include <stdbool.h>
#include <string.h>

#define COMMIT_LEN 40u

static bool is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

/* Is the component that begins here a repo's folder with something in it? */
static bool is_repo_folder(const char *p, size_t len)
{
	char *name CLEANUP(free_ptr) = xstrndup(p, len);
	char *id CLEANUP(free_ptr) = NULL;
	struct error ignored = { 0 };
	enum repo_type type;

	return p[len] == '/' && !repo_folder_parse(name, &type, &id) &&
	       !repo_id_check(id, &ignored);
}

static bool is_commit_dir(const char *p, char end)
{
	return is_hex(p, COMMIT_LEN) && p[COMMIT_LEN] == end;
}

/* sub: what stands behind the folder */
static void parse_inside(struct import_name *out, const char *path,
			 const char *sub)
{
	struct digest etag;

	if (str_starts(sub, "blobs/") && digest_from_hex(&etag, sub + 6)) {
		out->kind = IMPORT_BLOB;
		out->rest = (uint32_t)(sub + 6 - path);
	} else if (str_starts(sub, "refs/")) {
		out->kind = IMPORT_REF;
		out->rest = (uint32_t)(sub + 5 - path);
	} else if (str_starts(sub, "snapshots/") &&
		   is_commit_dir(sub + 10, '/')) {
		out->kind = IMPORT_FILE;
		out->commit = (uint32_t)(sub + 10 - path);
		out->rest = out->commit + COMMIT_LEN + 1;
	} else if (str_starts(sub, "trees/") && is_commit_dir(sub + 6, '.') &&
		   !strcmp(sub + 6 + COMMIT_LEN, ".json")) {
		out->kind = IMPORT_TREE;
		out->commit = (uint32_t)(sub + 6 - path);
	}
}

static bool is_shared(const char *p)
{
	return str_starts(p, "blobs/") && is_hex(p + 6, 2) && p[8] == '/' &&
	       is_hex(p + 9, 64) && p[9 + 64] == '\0';
}

void import_name_parse(struct import_name *out, const char *path)
{
	const char *p = path;

	*out = (struct import_name){ .kind = IMPORT_OTHER };
	for (;;) {
		size_t len = strcspn(p, "/");

		out->folder = (uint32_t)(p - path);
		if (is_shared(p)) {
			out->kind = IMPORT_SHARED;
			return;
		}
		if (is_repo_folder(p, len)) {
			out->folder_len = (uint32_t)len;
			parse_inside(out, path, p + len + 1);
			return;
		}
		if (p[len] == '\0')
			return;
		p += len + 1;
	}
}

bool import_name_lacks_folder(const char *path)
{
	struct import_name n = { .kind = IMPORT_OTHER };

	parse_inside(&n, path, path);
	return n.kind == IMPORT_BLOB || n.kind == IMPORT_FILE;
}

bool import_name_is_macos(const char *path)
{
	const char *base = path_base(path);

	return str_starts(base, "._") || !strcmp(base, ".DS_Store");
}

static int leads_out(const char *path, const char *target, struct error *err)
{
	return err_set(err, ERR_UNSAFE, "%s: leads out of the cache, to %s",
		       path, target);
}

int import_follow(char **out, const char *path, const char *target,
		  size_t hub_len, struct error *err)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	const char *p = target;

	if (*target == '/')
		return leads_out(path, target, err);
	/* the directory of the link, with its '/' */
	str_add(&s, path, (size_t)(path_base(path) - path));
	while (*p) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !strncmp(p, "..", 2)) {
			if (s.len == 0)
				return leads_out(path, target, err);
			str_truncate(&s, s.len - 1);
			while (s.len > 0 && s.ptr[s.len - 1] != '/')
				str_truncate(&s, s.len - 1);
			if (s.len < hub_len)
				return leads_out(path, target, err);
		} else if (len > 0 && !(len == 1 && *p == '.')) {
			str_add(&s, p, len);
			str_addc(&s, '/');
		}
		p += len;
		p += strspn(p, "/");
	}
	if (s.len <= hub_len)
		return leads_out(path, target, err);
	str_truncate(&s, s.len - 1);
	if (path_check(s.ptr, err))
		return err_wrap(err, "%s: leads to", path);
	*out = str_detach(&s);
	return 0;
}
