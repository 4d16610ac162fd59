/*
 * gitprotocol-http(5), gitprotocol-v2(5):
 *   GET  URL/info/refs?service=git-upload-pack       -> capabilities
 *   POST URL/git-upload-pack  command=ls-refs        -> names and commits
 *   POST URL/git-upload-pack  command=fetch          -> sections, the last of
 *        which is "packfile": band 1 the pack, 2 progress, 3 an error
 *
 * gitprotocol-pack(5), versions 0 and 1, where the server does not know 2:
 *   GET  URL/info/refs?service=git-upload-pack       -> all names and commits, what
 *        annotated tags stand for as NAME^{}; capabilities behind a NUL of the first
 *   POST URL/git-upload-pack  want, deepen, done     -> "shallow" lines, NAK, bands
 */
#include "fetch/git.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/pkt.h"
#include "fetch/retry.h"

#include <string.h>

#define REFS_QUERY "/info/refs?service=git-upload-pack"
#define REFS_PATH  "/info/refs"
#define ADVERT_MAX (16u << 20) /* older servers name all of their refs */
#define SLACK	   (64u << 20) /* framing and progress beside a pack */

void git_remote_release(struct git_remote *g)
{
	free_ptr(&g->base);
	free_ptr(&g->origin);
	free_ptr(&g->name);
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
		retry_explain_as(x->g->asker, res, "git", x->g->name, &x->err);
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
	http_say_late(x->g->hub->http, err);
	return strstr(err->msg, x->g->name)
		       ? -1
		       : err_wrap(err, "%s: git", x->g->name);
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
	bool service, version2, can_fetch, sha256;
	struct git_remote *g;
};

/* Among words that are set apart by what stands between capabilities. */
static bool has_word(const char *p, size_t n, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < n;) {
		size_t end = i;

		while (end < n && p[end] && !strchr(" =\n", p[end]))
			end++;
		if (end - i == len && memcmp(p + i, word, len) == 0)
			return true;
		i = end + 1;
	}
	return false;
}

static void note_features(struct advert *a, const char *p, size_t n)
{
	a->g->can_filter = has_word(p, n, "filter");
	a->g->can_shallow = has_word(p, n, "shallow");
	a->g->can_sideband = has_word(p, n, "side-band-64k");
}

static int on_advert(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		     struct error *err)
{
	static const char sha256[] = "object-format=sha256";
	struct advert *a = ctx;
	const char *features = kind == PKT_DATA ? memchr(p, '\0', n) : NULL;

	if (kind != PKT_DATA)
		return 0;
	if (packet_is(p, n, "ERR "))
		return refused(p + 4, n - 4, err);
	a->service |= packet_is(p, n, "# service=git-upload-pack");
	a->version2 |= packet_is(p, n, "version 2");
	a->sha256 |= packet_is(p, n, sha256) ||
		     (features && memmem(p, n, sha256, strlen(sha256)) != NULL);
	if (packet_is(p, n, "fetch")) {
		a->can_fetch = true;
		note_features(a, p, n);
	} else if (features && !a->version2) {
		note_features(a, features + 1, n - (size_t)(features + 1 - p));
	}
	return 0;
}

static int judge_advert(struct advert *a, struct error *err)
{
	struct git_remote *g = a->g;

	if (a->sha256)
		return err_set(err, ERR_FORMAT,
			       "%s: git: names its objects by SHA-256, which "
			       "cannot be read; give the URL of a repository "
			       "with SHA-1 names",
			       g->name);
	g->old = !a->version2;
	if (a->version2 ? a->can_fetch : a->service)
		return 0;
	err_set(err, ERR_FORMAT,
		"%s: git: the answer is not that of a git server", g->name);
	return err_hint(err, "is this the address of a repository?");
}

static int take_base(struct git_remote *g, const char *location,
		     struct error *err)
{
	size_t n = location ? strlen(location) : 0, m = strlen(REFS_PATH);
	char *origin CLEANUP(free_ptr) = NULL;

	if (n <= m || strcmp(location + n - m, REFS_PATH) != 0)
		return err_set(err, ERR_FORMAT,
			       "%s: git: redirects to something else", g->name);
	free_ptr(&g->base);
	g->base = xstrndup(location, n - m);
	if (http_origin(g->base, &origin, err) < 0)
		return -1;
	/* the token stays where it belongs */
	if (strcmp(origin, g->origin) != 0)
		g->token = NULL;
	free_ptr(&g->origin);
	g->origin = take_ptr(origin);
	free_ptr(&g->name);
	g->name = http_redact(g->base);
	return 0;
}

int git_remote_open(struct git_remote *g, struct hub *h, const char *url,
		    const char *token, enum retry_asker asker,
		    struct error *err)
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
	*g = (struct git_remote){ .hub = h,
				  .token = token,
				  .asker = asker,
				  .name = http_redact(url),
				  .in_time = http_in_time(h->http) };
	if (http_origin(url, &g->origin, err) < 0 || exchange(&x, err) < 0 ||
	    judge_advert(&a, err) < 0)
		return -1;
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
	bool peeled[ARRAY_LEN(places)]; /* commits has the tag's */
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
		char *peeled CLEANUP(free_ptr) = xasprintf("%s^{}", name);

		if (pkt_ref_is(p, n, peeled, r->commits[i]))
			r->peeled[i] = true;
		else if (!r->peeled[i])
			pkt_ref_is(p, n, name, r->commits[i]);
	}
	return 0;
}

static int list_refs(struct exchange *x, const char *revision,
		     struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char *url CLEANUP(free_ptr) = NULL;

	if (x->g->old) {
		url = xasprintf("%s" REFS_QUERY, x->g->base);
		x->rq.url = url;
		x->rq.max_body = ADVERT_MAX;
		return exchange(x, err);
	}
	begin_command(&text, "ls-refs");
	pkt_put(&text, "peel\n");
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		pkt_put(&text, "ref-prefix %s%s\n", places[i], revision);
	str_adds(&text, PKT_FLUSH_TEXT);
	return ask_command(x, &text, err);
}

/* Digits of a commit, but not all? */
static bool is_short_id(const char *revision)
{
	size_t n = strspn(revision, "0123456789abcdef");

	return n >= 4 && n < 40 && !revision[n];
}

int git_remote_resolve(struct git_remote *g, const char *revision,
		       char commit[41], struct error *err)
{
	struct refs r = { .revision = revision };
	struct exchange x CLEANUP(exchange_release) = {
		.g = g,
		.reader = xcalloc(1, sizeof(*x.reader)),
	};

	if (is_commit_id(revision)) {
		memcpy(commit, revision, 41);
		return 0;
	}
	x.reader->packet = on_ref;
	x.reader->ctx = &r;
	if (list_refs(&x, revision, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (r.commits[i][0]) {
			memcpy(commit, r.commits[i], 41);
			return 0;
		}
	err_set(err, ERR_NOT_FOUND, "%s: git: no such revision: %s", g->name,
		revision);
	return err_hint(err, is_short_id(revision)
				     ? "give all 40 digits of the commit"
				     : "check the name of the branch or tag");
}

/* --- the pack ---------------------------------------------------------------------------- */

struct download {
	const char *dir;
	struct git_pack *pack;
	bool old, in_pack;
};

static int begin_pack(struct exchange *x, struct error *err)
{
	struct download *d = x->ctx;

	git_pack_close(&d->pack);
	d->in_pack = false;
	return git_pack_open(&d->pack, d->dir, &x->g->in_time, err);
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
		d->in_pack = packet_is(p, n, d->old ? "NAK" : "packfile");
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

/* What both ways of asking have in common: how much of it. */
static void put_limits(struct str *out, const struct git_remote *g,
		       bool names_only)
{
	if (g->can_shallow)
		pkt_put(out, "deepen 1\n");
	if (names_only && g->can_filter)
		pkt_put(out, "filter blob:limit=1024\n");
}

static void put_old_question(struct str *out, const struct git_remote *g,
			     const char *commit, bool names_only)
{
	pkt_put(out, "want %s side-band-64k no-progress%s%s\n", commit,
		g->can_shallow ? " shallow" : "",
		names_only && g->can_filter ? " filter" : "");
	put_limits(out, g, names_only);
	str_adds(out, PKT_FLUSH_TEXT);
	pkt_put(out, "done\n");
}

static void put_question(struct str *out, const struct git_remote *g,
			 const char *commit, bool names_only)
{
	begin_command(out, "fetch");
	pkt_put(out, "no-progress\n");
	put_limits(out, g, names_only);
	pkt_put(out, "want %s\n", commit);
	pkt_put(out, "done\n");
	str_adds(out, PKT_FLUSH_TEXT);
}

int git_remote_fetch(struct git_remote *g, const char *commit, bool names_only,
		     const char *dir, struct git_pack **out, struct error *err)
{
	struct download d CLEANUP(download_release) = { .dir = dir,
							.old = g->old };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct exchange x CLEANUP(exchange_release) = {
		.g = g,
		.rq = { .max_body = GIT_PACK_LIMIT + SLACK },
		.begin = begin_pack,
		.ctx = &d,
		.reader = xcalloc(1, sizeof(*x.reader)),
	};

	if (g->old && !g->can_sideband)
		return err_set(err, ERR_FORMAT,
			       "%s: git: the server is too old (it has no "
			       "side-band-64k)",
			       g->name);
	if (g->old)
		put_old_question(&text, g, commit, names_only);
	else
		put_question(&text, g, commit, names_only);
	x.reader->packet = on_section;
	x.reader->ctx = &d;
	if (ask_command(&x, &text, err) < 0)
		/* a refusal in Git's own words */
		return err->code == ERR_NOT_FOUND && !err->http
			       ? err_hint(err, "is this commit one that a "
					       "branch or tag leads to?")
			       : -1;
	if (git_pack_finish(d.pack, err) < 0) {
		http_say_late(g->hub->http, err);
		return err_wrap(err, "%s: git: commit %s", g->name, commit);
	}
	*out = take_ptr(d.pack);
	return 0;
}
