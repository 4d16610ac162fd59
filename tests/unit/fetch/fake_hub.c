#include "tests/unit/fetch/fake_hub.h"

#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/fetch/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void digests_of(const struct fake_file *f, char git[DIGEST_HEX_MAX],
		       char sha[DIGEST_HEX_MAX])
{
	struct digest d;

	digest_buf(DIGEST_GIT_SHA1, f->bytes, f->len, &d);
	digest_hex(&d, git);
	digest_buf(DIGEST_SHA256, f->bytes, f->len, &d);
	digest_hex(&d, sha);
}

static void put_entry(struct str *out, const struct fake_file *f, bool tree)
{
	char git[DIGEST_HEX_MAX], sha[DIGEST_HEX_MAX];

	digests_of(f, git, sha);
	str_addf(out,
		 tree ? "{\"type\":\"file\",\"path\":\"%s\",\"size\":%zu,"
			"\"oid\":\"%s\""
		      : "{\"rfilename\":\"%s\",\"size\":%zu,\"blobId\":\"%s\"",
		 f->path, f->len, git);
	if (f->lfs)
		str_addf(out, ",\"lfs\":{\"%s\":\"%s\",\"size\":%zu}",
			 tree ? "oid" : "sha256", sha, f->len);
	str_addc(out, '}');
}

static bool serve_info(const struct fake_hub *h, const struct exchange *x)
{
	struct str body CLEANUP(str_release) = STR_INIT;

	if (strstr(x->path, "/revision/gone"))
		return answer(x, "404 Not Found",
			      "X-Error-Code: RevisionNotFound\r\n", "", 0);
	str_addf(&body, "{\"id\":\"%s\",\"sha\":\"%s\",\"siblings\":[", h->id,
		 h->commit);
	if (strstr(x->path, "blobs=true"))
		for (size_t i = 0; i < h->count; i++) {
			str_adds(&body, i ? "," : "");
			put_entry(&body, &h->files[i], false);
		}
	str_adds(&body, "]}");
	return answer(x, "200 OK", "", body.ptr, body.len);
}

static bool serve_tree(const struct fake_hub *h, const struct exchange *x)
{
	struct str body CLEANUP(str_release) = STR_INIT;
	char *own CLEANUP(free_ptr) = server_url(h->front, "");
	const char *cursor = strstr(x->path, "cursor=");
	size_t first = cursor ? strtoul(cursor + 7, NULL, 10) : 0;
	size_t end = h->page ? first + h->page : h->count;
	char link[256] = "";

	if (h->no_tree)
		return answer(x, "404 Not Found", "", "", 0);
	if (h->web_page)
		return answer(x, "200 OK", "Content-Type: text/html\r\n",
			      "<html>", 6);
	if (end < h->count)
		snprintf(link, sizeof(link),
			 "Link: <%s/api/models/%s/tree/%s?cursor=%zu>; "
			 "rel=\"next\"\r\n",
			 h->link_host ? h->link_host : own, h->id, h->commit,
			 end);
	else
		end = h->count;
	str_adds(&body, "[{\"type\":\"directory\",\"path\":\"d\"}");
	for (size_t i = first; i < end; i++) {
		str_addc(&body, ',');
		put_entry(&body, &h->files[i], true);
	}
	str_addc(&body, ']');
	return answer(x, "200 OK", link, body.ptr, body.len);
}

const struct fake_file *fake_find(const struct fake_hub *h, const char *path)
{
	for (size_t i = 0; i < h->count; i++) {
		const char *at = strstr(path, h->files[i].path);

		if (at && !at[strlen(h->files[i].path)])
			return &h->files[i];
	}
	return NULL;
}

static bool serve_bytes(const struct fake_hub *h, const struct exchange *x)
{
	const struct fake_file *f = fake_find(h, x->path);
	char *to CLEANUP(free_ptr) = NULL;
	char more[600];

	if (!f)
		return answer(x, "404 Not Found",
			      "X-Error-Code: EntryNotFound\r\n", "", 0);
	if (!f->lfs || x->server == h->cdn)
		return serve_file(x, "ETag: \"strong\"\r\n", f->bytes, f->len);
	to = server_url(h->cdn, "/cdn/");
	snprintf(
		more, sizeof(more),
		"Location: %s%s\r\nX-Linked-Size: %zu\r\nX-Repo-Commit: %s\r\n",
		to, f->path, f->len, h->commit);
	return answer(x, "302 Found", more, "", 0);
}

static bool serve_hub(const struct exchange *x)
{
	struct fake_hub *h = x->ctx;
	bool (*fault)(struct fake_hub *, const struct exchange *,
		      bool *) = h->fault;
	bool keep = true;

	if (fault && fault(h, x, &keep))
		return keep;
	if (strstr(x->path, "/tree/"))
		return serve_tree(h, x);
	if (strstr(x->path, "/revision/"))
		return serve_info(h, x);
	return serve_bytes(h, x);
}

void fake_start(struct fake_hub *h)
{
	h->front = server_start(serve_hub, h);
	h->cdn = server_start(serve_hub, h);
}

void fake_stop(struct fake_hub *h)
{
	server_stop(&h->front);
	server_stop(&h->cdn);
}

void fake_lock(const struct fake_hub *h, struct lock *l)
{
	struct lock_repo *r = lock_add_repo(l);

	if (!l->name)
		l->name = xstrdup("test");
	r->id = xstrdup(h->id);
	r->revision = xstrdup("main");
	memcpy(r->commit, h->commit, 41);
	strlist_add(&r->refs, "main");
	r->complete = true;
	for (size_t i = 0; i < h->count; i++) {
		const struct fake_file *from = &h->files[i];
		struct lock_file *f = lock_add_file(r, from->path);

		f->size = from->len;
		digest_buf(from->lfs ? DIGEST_SHA256 : DIGEST_GIT_SHA1,
			   from->bytes, from->len, &f->etag);
		digest_buf(DIGEST_SHA256, from->bytes, from->len, &f->sha256);
	}
}
