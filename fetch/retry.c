/*
 * Statuses and error codes of the Hub: 401 without a code hides a missing and a
 * private repository alike; X-Error-Code tells GatedRepo, RepoNotFound,
 * RevisionNotFound, EntryNotFound apart. Behind a redirect a 401 or 403 is the
 * CDN's: its signed URL has expired.
 */
#include "fetch/retry.h"

#include "fetch/http_response.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SOON_DELAY_MS 250u /* once is an accident */
#define BASE_DELAY_MS 1000u
#define TOP_DELAY_MS  30000u

static const long passing[] = { 408, 429, 500, 502, 503, 504, 520, 522, 524 };

static bool may_pass(long status)
{
	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (passing[i] == status)
			return true;
	return false;
}

static unsigned back_off(const struct http_response *res, unsigned attempt,
			 uint32_t jitter)
{
	unsigned doublings = attempt < 6 ? attempt - 1 : 5;
	unsigned span = attempt > 1 ? BASE_DELAY_MS << doublings
				    : SOON_DELAY_MS;

	if (res->retry_after_ms != UINT64_MAX)
		return res->retry_after_ms < RETRY_MAX_DELAY_MS
			       ? (unsigned)res->retry_after_ms
			       : RETRY_MAX_DELAY_MS;
	if (span > TOP_DELAY_MS)
		span = TOP_DELAY_MS;
	return jitter % (span + 1);
}

/* While attempts last; then another endpoint may have more luck. */
static struct retry_decision again(const struct http_response *res,
				   unsigned attempt, unsigned max_attempts,
				   uint32_t jitter)
{
	if (attempt >= max_attempts)
		return (struct retry_decision){ RETRY_ELSEWHERE, 0 };
	return (struct retry_decision){ RETRY_AGAIN,
					back_off(res, attempt, jitter) };
}

/* What the transfer itself ended with. */
static const enum retry_verdict failures[ERR_CODES] = {
	[ERR_NONE] = RETRY_OK,
	[ERR_OTHER] = RETRY_NEVER,
	[ERR_USAGE] = RETRY_NEVER,
	[ERR_IO] = RETRY_NEVER,
	[ERR_NET] = RETRY_AGAIN,
	[ERR_HTTP] = RETRY_ELSEWHERE,
	[ERR_AUTH] = RETRY_NEVER,
	[ERR_NOT_FOUND] = RETRY_ELSEWHERE,
	[ERR_FORMAT] = RETRY_ELSEWHERE,
	[ERR_UNSAFE] = RETRY_ELSEWHERE,
	[ERR_INTEGRITY] = RETRY_ELSEWHERE,
	[ERR_BUSY] = RETRY_NEVER,
	[ERR_CANCELLED] = RETRY_NEVER,
};

/* One that has trouble of its own reaching the host may get over it; one that says
 * no to this host may say yes to another, but not without a password. */
static enum retry_verdict judge_proxy(long status)
{
	if (http_is_login(status))
		return RETRY_NEVER;
	return may_pass(status) ? RETRY_AGAIN : RETRY_ELSEWHERE;
}

static enum retry_verdict judge_failure(const struct http_response *res,
					const struct error *err)
{
	/* the deadline of all the work: http_late() */
	if (err->sys == ETIME)
		return RETRY_NEVER;
	if (res->untrusted && err->code == ERR_NET)
		return RETRY_ELSEWHERE;
	if (res->proxy_refused && (err->code == ERR_NET || err->http > 0))
		return judge_proxy(err->http);
	return failures[err->code];
}

static enum retry_verdict judge_status(const struct http_response *res,
				       unsigned attempt)
{
	long s = res->status;

	if (s == 200 || s == 206)
		return RETRY_OK;
	if (res->proxy_refused)
		return judge_proxy(s);
	if ((s == 401 || s == 403) && res->redirected && !res->error_code[0])
		return attempt < 3 ? RETRY_REFRESH : RETRY_ELSEWHERE;
	return may_pass(s) ? RETRY_AGAIN : RETRY_ELSEWHERE;
}

struct retry_decision retry_decide(const struct http_response *res,
				   const struct error *err, unsigned attempt,
				   unsigned max_attempts, uint32_t jitter)
{
	enum retry_verdict v = err->code != ERR_NONE
				       ? judge_failure(res, err)
				       : judge_status(res, attempt);

	if (v == RETRY_AGAIN)
		return again(res, attempt, max_attempts, jitter);
	return (struct retry_decision){ v, 0 };
}

/* --- words ------------------------------------------------------------------ */

static bool contains(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

static bool is_gated(const struct http_response *res)
{
	return (res->status == 401 || res->status == 403) &&
	       strcmp(res->error_code, "GatedRepo") == 0;
}

static bool is_disabled(const struct http_response *res)
{
	return res->status == 403 && contains(res->error_message, "disabled");
}

static bool is_bad_token(const struct http_response *res)
{
	return res->status == 401 &&
	       contains(res->error_message, "invalid credentials");
}

static bool is_expired(const struct http_response *res)
{
	return (res->status == 401 || res->status == 403) && res->redirected &&
	       !res->error_code[0];
}

static bool is_hidden(const struct http_response *res)
{
	return res->status == 401;
}

static bool is_forbidden(const struct http_response *res)
{
	return res->status == 403;
}

static bool is_no_repo(const struct http_response *res)
{
	return strcmp(res->error_code, "RepoNotFound") == 0;
}

static bool is_no_revision(const struct http_response *res)
{
	return strcmp(res->error_code, "RevisionNotFound") == 0;
}

static bool is_no_entry(const struct http_response *res)
{
	return strcmp(res->error_code, "EntryNotFound") == 0;
}

static bool is_missing(const struct http_response *res)
{
	return res->status == 404 || res->status == 410;
}

static bool is_said_missing(const struct http_response *res)
{
	return is_missing(res) && res->error_message[0];
}

static bool is_proxy_login(const struct http_response *res)
{
	return res->proxy_refused && http_is_login(res->status);
}

static bool is_proxy_fault(const struct http_response *res)
{
	return res->proxy_refused && may_pass(res->status);
}

static bool is_proxy(const struct http_response *res)
{
	return res->proxy_refused;
}

static bool is_too_many(const struct http_response *res)
{
	return res->status == 429;
}

static bool is_legal(const struct http_response *res)
{
	return res->status == 451;
}

static bool is_range(const struct http_response *res)
{
	return res->status == 416;
}

static bool is_page(const struct http_response *res)
{
	return res->status == 200 && http_is_page(res);
}

static bool is_server_fault(const struct http_response *res)
{
	return res->status >= 500;
}

#define THE_PROXY "the proxy"

/* The first that fits speaks. */
static const struct meaning {
	bool (*fits)(const struct http_response *res);
	enum err_code code;
	const char *text, *hint;
	bool token;	/* the variable of the token belongs behind the hint */
	bool elsewhere; /* somebody else may be asked */
} meanings[] = {
	{ is_proxy_login, ERR_AUTH, THE_PROXY " wants a user name and password",
	  "give it as http://USER:PASSWORD@HOST:PORT", false, false },
	{ is_proxy_fault, ERR_HTTP, THE_PROXY " cannot get it from there",
	  "check the address; " HTTP_PAST_PROXY, false, false },
	{ is_proxy, ERR_AUTH, THE_PROXY " refuses the request",
	  "ask who runs it to allow the address, or " HTTP_PAST_PROXY, false,
	  false },
	{ is_gated, ERR_AUTH, "access is restricted",
	  "accept the conditions on the model's page with your account, then "
	  "give its token",
	  true, false },
	{ is_disabled, ERR_AUTH, "the repository has been disabled", NULL,
	  false, true },
	{ is_bad_token, ERR_AUTH, "the token or password is not accepted",
	  "correct the user:password@ of the endpoint if it has one; renew the "
	  "token, or unset it for public models",
	  true, false },
	{ is_no_repo, ERR_NOT_FOUND, "no such repository",
	  "check the name; a private one needs a token that may read it", false,
	  false },
	{ is_no_revision, ERR_NOT_FOUND, "no such revision",
	  "check the name of the branch or tag, or the commit", false, false },
	{ is_no_entry, ERR_NOT_FOUND, "no such file at this revision", NULL,
	  false, true },
	{ is_expired, ERR_AUTH, "the link to the file was refused",
	  "run it again", false, true },
	{ is_hidden, ERR_AUTH, "the repository does not exist or is private",
	  "check the name, or give a token", true, false },
	{ is_forbidden, ERR_AUTH, "access is refused",
	  "give a token that may read it", true, false },
	{ is_said_missing, ERR_NOT_FOUND, "not found",
	  "check the name and the revision, and the address of the endpoint",
	  false, false },
	{ is_missing, ERR_NOT_FOUND, "not found",
	  "a hub would say what: check the address of the endpoint, with its "
	  "path",
	  false, false },
	{ is_too_many, ERR_HTTP, "too many requests",
	  "wait some minutes, use fewer --jobs, or give a token", false,
	  false },
	{ is_legal, ERR_HTTP, "withheld for legal reasons", NULL, false, true },
	{ is_range, ERR_HTTP, "the file there is shorter than the part here",
	  NULL, false, true },
	{ is_page, ERR_HTTP, "sent a web page",
	  "is this the address of a hub, and does a proxy or login page stand "
	  "before it?",
	  false, false },
	{ is_server_fault, ERR_HTTP, "the server has a fault",
	  "run it again later", false, true },
};

static const struct meaning *find_meaning(const struct http_response *res)
{
	static const struct meaning other = {
		NULL, ERR_HTTP, "an answer that is of no use", NULL, false, true
	};

	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (meanings[i].fits(res))
			return &meanings[i];
	return &other;
}

#define NO_TOKEN "no token is sent there"

/* What is to be done about a refusal depends on who was asked. */
static const struct {
	const char *token; /* the variable that it is in; NULL: none is sent */
	const char *hint;  /* where no token can help */
	const char *elsewhere; /* how somebody else is asked, or who can help */
	const char *page; /* what to look at where a page came; NULL: a hub's */
} askers[] = {
	[RETRY_HUB] = { "HF_TOKEN", NULL,
			"name another endpoint with --endpoint", NULL },
	[RETRY_MODELSCOPE] = { "MODELSCOPE_API_TOKEN", NULL,
			       "name another endpoint with --endpoint", NULL },
	[RETRY_LINK] = { NULL, "check the URL in the manifest; " NO_TOKEN,
			 "name another URL in the manifest",
			 "check the URL in the manifest; does a proxy or login "
			 "page stand before it?" },
	[RETRY_LFS] = { NULL, "Git LFS has given out this address; " NO_TOKEN,
			"ask who runs that Git LFS server", NULL },
	[RETRY_GIT] = { NULL,
			"check the URL of the repository in the "
			"manifest; " NO_TOKEN,
			"name another repository in the manifest",
			"check the URL of the repository in the manifest; does "
			"a proxy or login page stand before it?" },
	[RETRY_REGISTRY] = { NULL, "ask who runs the registry",
			     "ask who runs the registry", NULL },
};

static void add_words(const struct http_response *res, struct error *err)
{
	size_t len = strlen(res->error_message);

	/* it goes into the middle of a sentence */
	while (len > 0 && strchr(". ", res->error_message[len - 1]))
		len--;
	if (len > 0)
		err_hint(err, "the server says: %.*s", (int)len,
			 res->error_message);
}

/* Does it look like what the hub itself would say? */
static bool is_hubs_own(const struct http_response *res)
{
	return res->error_code[0] || res->forwarded ||
	       strcasestr(res->content_type, "json");
}

int retry_add_proxy(const struct http_response *res, struct error *err)
{
	if (!res->proxy[0] || res->proxy_refused || is_hubs_own(res))
		return -1;
	return err_hint(err,
			"it came through the proxy %s, which may have answered "
			"itself: ask who runs it, or " HTTP_PAST_PROXY,
			res->proxy);
}

/* "the proxy" with its name. */
static int put_meaning(const struct meaning *m, const struct http_response *res,
		       const char *what, const char *from, struct error *err)
{
	bool named = res->proxy[0] && str_starts(m->text, THE_PROXY);
	const char *text = named ? m->text + strlen(THE_PROXY) : m->text;

	return err_set(err, m->code, "%s: %s: %s%s%s (status %ld)", from, what,
		       named ? THE_PROXY " " : "", named ? res->proxy : "",
		       text, res->status);
}

static int explain_link(const struct http_response *res, const char *what,
			const char *from, const char *hint, struct error *err)
{
	bool missing = is_missing(res);

	err_set(err, missing ? ERR_NOT_FOUND : ERR_AUTH,
		"%s: %s: %s (status %ld)", from, what,
		missing ? "not found" : "access is refused", res->status);
	add_words(res, err);
	retry_add_proxy(res, err);
	err_hint(err, "%s", hint);
	err->http = res->status;
	return -1;
}

int retry_explain_as(enum retry_asker asker, const struct http_response *res,
		     const char *what, const char *from, struct error *err)
{
	const char *token = askers[asker].token;
	const struct meaning *m = find_meaning(res);

	if (!token && !res->proxy_refused &&
	    (is_hidden(res) || is_forbidden(res) || is_missing(res)))
		return explain_link(res, what, from, askers[asker].hint, err);
	put_meaning(m, res, what, from, err);
	/* what a code of the Hub means, it only says again */
	if (m->code != ERR_NOT_FOUND || !res->error_code[0])
		add_words(res, err);
	retry_add_proxy(res, err);
	if (is_page(res) && askers[asker].page)
		err_hint(err, "%s", askers[asker].page);
	else if (m->hint && m->token)
		err_hint(err, "%s (%s)", m->hint, token ? token : "HF_TOKEN");
	else if (m->hint)
		err_hint(err, "%s", m->hint);
	if (m->elsewhere)
		err_hint(err, "%s", askers[asker].elsewhere);
	err->http = res->status;
	return -1;
}

int retry_explain(const struct http_response *res, const char *what,
		  const char *from, struct error *err)
{
	return retry_explain_as(RETRY_HUB, res, what, from, err);
}

const char *retry_meaning(const struct http_response *res)
{
	return find_meaning(res)->text;
}

static bool begins(const char *s, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && strncasecmp(s, with, n) == 0;
}

const char *retry_foreign_body(const char *start, size_t len)
{
	static const struct {
		const char *with, *name;
	} kinds[] = {
		{ "version https://git-lfs", "a Git LFS pointer" },
		{ "version https://hawser", "a Git LFS pointer" },
		{ "version http://git-media", "a Git LFS pointer" },
		{ "<!doctype html", "a web page" },
		{ "<html", "a web page" },
		{ "<?xml", "an XML message" },
		{ "{\"error", "an error message" },
		{ "{\"Code\"", "an error message" },
	};

	while (len > 0 && *start && strchr(" \t\r\n", *start)) {
		start++;
		len--;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (begins(start, len, kinds[i].with))
			return kinds[i].name;
	return NULL;
}
