/*
 * gitprotocol-http(5), gitprotocol-v2(5):
 *   GET  URL/info/refs?service=git-upload-pack       -> capabilities
 *   POST URL/git-upload-pack  command=ls-refs        -> names and commits
 *   POST URL/git-upload-pack  command=fetch          -> sections, the last of
 *        which is "packfile": band 1 the pack, 2 progress, 3 an error
 */
#include "fetch/git.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/pkt.h"
#include "fetch/retry.h"

#include <string.h>

#define REFS_QUERY "/info/refs?service=git-upload-pack"
#define REFS_PATH  "/info/refs"
#define ADVERT_MAX (1u << 20)
#define SLACK	   (64u << 20) /* framing and progress beside a pack */

void git_remote_release(struct git_remote *g)
{
	free_ptr(&g->base);
	free_ptr(&g->origin);
}

/* --- one exchange ------------------------------------------------------------------ */

/* An answer, packet by packet. begin() is called before each attempt. */
struct exchange {
	struct git_remote *g;
	struct http_request rq;
	struct strlist lines;
	int (*begin)(struct exchange *x, struct error *err);
	void *ctx;
	struct pkt_reader *reader;
	char *location;
	struct error err;
	struct retry_decision next;
	unsigned attempt;
};

static void exchange_release(struct exchange *x)
{
	strlist_release(&x->lines);
	free_ptr(&x->reader);
	free_ptr(&x->location);
}

static int on_body(void *ctx, const void *p, size_t n, struct error *err)
{
	struct exchange *x = ctx;

	return pkt_feed(x->reader, p, n, err);
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *err)
{
	struct exchange *x = ctx;
	const struct hub *h = x->g->hub;

	x->err = *err;
	x->next = retry_decide(res, err, x->attempt,
			       h->max_attempts ? h->max_attempts
					       : RETRY_ATTEMPTS,
			       clock_jitter());
	if (err->code == ERR_NONE && x->next.verdict != RETRY_OK)
		retry_explain(res, "git", x->g->origin, &x->err);
	else if (err->code == ERR_NONE && pkt_finish(x->reader, &x->err) < 0)
		x->next.verdict = RETRY_ELSEWHERE;
	free_ptr(&x->location);
	x->location = res->location ? xstrdup(res->location) : NULL;
}

static int exchange(struct exchange *x, struct error *err)
{
	unsigned delay_ms = 0;

	strlist_add(&x->lines, "Git-Protocol: version=2");
	x->rq.lines = &x->lines;
	x->rq.token = x->g->token;
	x->rq.api = true;
	x->rq.ctx = x;
	x->rq.body = on_body;
	x->rq.done = on_done;
	for (x->attempt = 1;; x->attempt++) {
		x->reader->have = 0;
		if ((x->begin && x->begin(x, err) < 0) ||
		    http_submit(x->g->hub->http, &x->rq, delay_ms, err) < 0 ||
		    http_run(x->g->hub->http, NULL, NULL, err) < 0)
			return -1;
		if (x->err.code == ERR_NONE)
			return 0;
		if (x->next.verdict != RETRY_AGAIN)
			break;
		event_info(x->g->hub->sink, "%s; asking again", x->err.msg);
		delay_ms = x->next.delay_ms;
	}
	*err = x->err;
	return strstr(err->msg, x->g->origin)
		       ? -1
		       : err_wrap(err, "%s: git", x->g->origin);
}

/* The words of a packet that says what went wrong. */
static int refused(const char *p, size_t n, struct error *err)
{
	char *text CLEANUP(free_ptr) = xstrndup(p, n < 200 ? n : 200);

	text[strcspn(text, "\n")] = '\0';
	return err_set(err, ERR_NOT_FOUND, "the server says: %s", text);
}

static bool packet_is(const char *p, size_t n, const char *text)
{
	return n >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

/* --- what it can ---------------------------------------------------------------------- */

struct advert {
	bool version2, can_fetch;
	struct git_remote *g;
};

static int on_advert(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		     struct error *err)
{
	struct advert *a = ctx;

	if (kind != PKT_DATA)
		return 0;
	if (packet_is(p, n, "ERR "))
		return refused(p + 4, n - 4, err);
	a->version2 |= packet_is(p, n, "version 2");
	if (packet_is(p, n, "fetch")) {
		a->can_fetch = true;
		a->g->can_filter = memmem(p, n, "filter", 6) != NULL;
	}
	return 0;
}

static int take_base(struct git_remote *g, const char *location,
		     struct error *err)
{
	size_t n = location ? strlen(location) : 0, m = strlen(REFS_PATH);
	char *origin CLEANUP(free_ptr) = NULL;

	if (n <= m || strcmp(location + n - m, REFS_PATH) != 0)
		return err_set(err, ERR_FORMAT,
			       "%s: git: redirects to something else",
			       g->origin);
	free_ptr(&g->base);
	g->base = xstrndup(location, n - m);
	if (http_origin(g->base, &origin, err) < 0)
		return -1;
	/* the token stays where it belongs */
	if (strcmp(origin, g->origin) != 0)
		g->token = NULL;
	free_ptr(&g->origin);
	g->origin = take_ptr(origin);
	return 0;
}

int git_remote_open(struct git_remote *g, struct hub *h, const char *url,
		    const char *token, struct error *err)
{
	char *refs CLEANUP(free_ptr) = xasprintf("%s" REFS_QUERY, url);
	struct advert a = { .g = g };
	struct exchange x CLEANUP(exchange_release) = {
		.g = g,
		.rq = { .url = refs, .max_body = ADVERT_MAX },
		.reader = xcalloc(1, sizeof(*x.reader)),
	};

	x.reader->packet = on_advert;
	x.reader->ctx = &a;
	*g = (struct git_remote){ .hub = h, .token = token };
	if (http_origin(url, &g->origin, err) < 0 || exchange(&x, err) < 0)
		return -1;
	if (!a.version2 || !a.can_fetch)
		return err_set(err, ERR_FORMAT,
			       "%s: git: does not speak protocol version 2",
			       g->origin);
	return take_base(g, x.location, err);
}

/* --- asking ------------------------------------------------------------------------------ */

static void begin_command(struct str *out, const char *command)
{
	pkt_put(out, "command=%s\n", command);
	pkt_put(out, "object-format=sha1");
	str_adds(out, PKT_DELIM_TEXT);
}

static int ask_command(struct exchange *x, const struct str *text,
		       struct error *err)
{
	char *url CLEANUP(free_ptr) = xasprintf("%s/git-upload-pack",
						x->g->base);

	strlist_add(&x->lines,
		    "Content-Type: application/x-git-upload-pack-request");
	strlist_add(&x->lines, "Accept: application/x-git-upload-pack-result");
	x->rq.url = url;
	x->rq.post = text->ptr;
	x->rq.post_len = text->len;
	return exchange(x, err);
}

/* Where a short name may stand, in git's own order. */
static const char *const places[] = { "", "refs/", "refs/tags/",
				      "refs/heads/" };

struct refs {
	const char *revision;
	char commits[ARRAY_LEN(places)][41];
};

static int on_ref(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		  struct error *err)
{
	struct refs *r = ctx;

	if (kind != PKT_DATA)
		return 0;
	if (packet_is(p, n, "ERR "))
		return refused(p + 4, n - 4, err);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *name CLEANUP(free_ptr) = xasprintf("%s%s", places[i],
							 r->revision);

		pkt_ref_is(p, n, name, r->commits[i]);
	}
	return 0;
}

int git_remote_resolve(struct git_remote *g, const char *revision,
		       char commit[41], struct error *err)
{
	struct refs r = { .revision = revision };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct exchange x CLEANUP(exchange_release) = {
		.g = g,
		.reader = xcalloc(1, sizeof(*x.reader)),
	};

	if (is_commit_id(revision)) {
		memcpy(commit, revision, 41);
		return 0;
	}
	begin_command(&text, "ls-refs");
	pkt_put(&text, "peel\n");
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		pkt_put(&text, "ref-prefix %s%s\n", places[i], revision);
	str_adds(&text, PKT_FLUSH_TEXT);
	x.reader->packet = on_ref;
	x.reader->ctx = &r;
	if (ask_command(&x, &text, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (r.commits[i][0]) {
			memcpy(commit, r.commits[i], 41);
			return 0;
		}
	return err_set(err, ERR_NOT_FOUND, "%s: git: no such revision: %s",
		       g->base, revision);
}

/* --- the pack ---------------------------------------------------------------------------- */

struct download {
	const char *dir;
	struct git_pack *pack;
	bool in_pack;
};

static int begin_pack(struct exchange *x, struct error *err)
{
	struct download *d = x->ctx;

	git_pack_close(&d->pack);
	d->in_pack = false;
	return git_pack_open(&d->pack, d->dir, err);
}

static int on_section(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		      struct error *err)
{
	struct download *d = ctx;

	if (kind != PKT_DATA)
		return 0;
	if (!d->in_pack) {
		if (packet_is(p, n, "ERR "))
			return refused(p + 4, n - 4, err);
		d->in_pack = packet_is(p, n, "packfile");
		return 0;
	}
	if (n > 1 && *p == 1)
		return git_pack_add(d->pack, p + 1, n - 1, err);
	return n > 1 && *p == 3 ? refused(p + 1, n - 1, err) : 0;
}

static void download_release(struct download *d)
{
	git_pack_close(&d->pack);
}

int git_remote_fetch(struct git_remote *g, const char *commit, bool names_only,
		     const char *dir, struct git_pack **out, struct error *err)
{
	struct download d CLEANUP(download_release) = { .dir = dir };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct exchange x CLEANUP(exchange_release) = {
		.g = g,
		.rq = { .max_body = GIT_PACK_LIMIT + SLACK },
		.begin = begin_pack,
		.ctx = &d,
		.reader = xcalloc(1, sizeof(*x.reader)),
	};

	begin_command(&text, "fetch");
	pkt_put(&text, "no-progress\n");
	pkt_put(&text, "deepen 1\n");
	if (names_only && g->can_filter)
		pkt_put(&text, "filter blob:limit=1024\n");
	pkt_put(&text, "want %s\n", commit);
	pkt_put(&text, "done\n");
	str_adds(&text, PKT_FLUSH_TEXT);
	x.reader->packet = on_section;
	x.reader->ctx = &d;
	if (ask_command(&x, &text, err) < 0)
		return -1;
	if (git_pack_finish(d.pack, err) < 0)
		return err_wrap(err, "%s", g->base);
	*out = take_ptr(d.pack);
	return 0;
}
