/*
 * Header fields that matter here: RFC 9110 (Content-Length, Content-Range,
 * Content-Encoding, ETag, Retry-After), RFC 8288 (Link), the RateLimit fields
 * of draft-ietf-httpapi-ratelimit-headers (`"api";r=0;t=55`), and the Hub's own
 * X-Repo-Commit, X-Linked-Etag, X-Linked-Size, X-Error-Code, X-Error-Message.
 *
 * The Hub's own fields stand on the hop that redirects to the CDN, whose own
 * ETag and length mean something else: the first hop that has them wins.
 */
#include "fetch/http_response.h"

#include "base/digest.h"
#include "base/mem.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_DIGITS 18 /* far below 2^64, so sums cannot wrap */

static void copy_value(char *out, size_t size, const char *value)
{
	size_t n = strnlen(value, size);

	/* a name cut short would be another name */
	if (n >= size)
		n = 0;
	memcpy(out, value, n);
	out[n] = '\0';
}

/* Digits only; returns what follows them, or NULL. */
static const char *parse_number(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; isdigit((unsigned char)s[n]); n++) {
		if (n == NUMBER_DIGITS)
			return NULL;
		v = v * 10 + (uint64_t)(s[n] - '0');
	}
	if (n == 0)
		return NULL;
	*out = v;
	return s + n;
}

static void parse_whole_number(const char *s, uint64_t *out)
{
	uint64_t v;
	const char *end = parse_number(s, &v);

	if (end && !*end)
		*out = v;
}

static void set_length(struct http_response *res, const char *value)
{
	parse_whole_number(value, &res->length);
}

/* "bytes 5-9/10", "bytes 5-9/" "*", "bytes " "*" "/10" (of a 416) */
static void set_range(struct http_response *res, const char *value)
{
	uint64_t start = UINT64_MAX, end = UINT64_MAX, total = UINT64_MAX;
	const char *s = value;

	if (strncasecmp(s, "bytes ", 6) != 0)
		return;
	s += 6;
	if (*s == '*') {
		s++;
	} else {
		s = parse_number(s, &start);
		if (!s || *s != '-')
			return;
		s = parse_number(s + 1, &end);
		if (!s || end < start)
			return;
	}
	if (*s != '/')
		return;
	if (strcmp(s + 1, "*") != 0) {
		s = parse_number(s + 1, &total);
		if (!s || *s)
			return;
	}
	res->range_start = start;
	res->range_end = end;
	res->range_total = total;
}

static void set_encoding(struct http_response *res, const char *value)
{
	res->encoded |= *value && strcasecmp(value, "identity") != 0;
}

static void set_commit(struct http_response *res, const char *value)
{
	if (!res->commit[0] && is_commit_id(value))
		copy_value(res->commit, sizeof(res->commit), value);
}

static void set_made_on_the_way(struct http_response *res, const char *value)
{
	res->made_on_the_way |= *value;
}

/* What no server of files is called: these are proxies of clients. */
static void set_server(struct http_response *res, const char *value)
{
	static const char *const proxies[] = {
		"squid",    "tinyproxy", "privoxy", "mitmproxy", "3proxy",
		"bluecoat", "proxysg",	 "zscaler", "mcafee web"
	};

	for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
		res->made_on_the_way |= strncasecmp(value, proxies[i],
						    strlen(proxies[i])) == 0;
}

static void set_via(struct http_response *res, const char *value)
{
	res->forwarded |= *value;
}

static void set_linked_size(struct http_response *res, const char *value)
{
	if (res->linked_size == UINT64_MAX)
		parse_whole_number(value, &res->linked_size);
}

static void wait_at_least(struct http_response *res, uint64_t seconds)
{
	uint64_t ms;

	if (seconds > UINT32_MAX)
		seconds = UINT32_MAX;
	ms = seconds * 1000;
	if (res->retry_after_ms == UINT64_MAX || res->retry_after_ms < ms)
		res->retry_after_ms = ms;
}

static void set_retry_after(struct http_response *res, struct header_parser *p,
			    const char *value)
{
	uint64_t seconds = UINT64_MAX;

	parse_whole_number(value, &seconds);
	if (seconds != UINT64_MAX)
		wait_at_least(res, seconds);
	else
		p->retry_at = curl_getdate(value, NULL);
}

/* A date to wait for is of the server's clock, and so is the Date that it sends:
 * ours may be wrong. */
static void end_header(struct http_response *res, struct header_parser *p)
{
	time_t now = p->date > 0 ? p->date : p->now;

	if (p->retry_at > 0)
		wait_at_least(res, p->retry_at > now
					   ? (uint64_t)(p->retry_at - now)
					   : 0);
	/* 1xx answers are only the prelude */
	p->ended = res->status >= 200;
}

/* One policy: `"api";r=0;t=55`. Counts only when nothing remains. */
static void read_policy(struct http_response *res, const char *s, size_t len)
{
	uint64_t r = UINT64_MAX, t = UINT64_MAX;

	for (size_t i = 0; i + 2 < len; i++) {
		if (s[i] != ';')
			continue;
		while (i + 3 < len && s[i + 1] == ' ')
			i++;
		if (s[i + 2] != '=')
			continue;
		if (s[i + 1] == 'r')
			parse_number(s + i + 3, &r);
		else if (s[i + 1] == 't')
			parse_number(s + i + 3, &t);
	}
	/* t is whole seconds, rounded down */
	if (r == 0 && t != UINT64_MAX)
		wait_at_least(res, t + 1);
}

static void set_rate_limit(struct http_response *res, const char *value)
{
	while (*value) {
		size_t n = strcspn(value, ",");

		read_policy(res, value, n);
		value += n;
		value += *value == ',';
	}
}

/* Is "next" one of the words of a rel parameter? */
static bool rel_is_next(const char *s, size_t len)
{
	while (len > 0) {
		size_t n = 0;

		while (n < len && s[n] != ' ')
			n++;
		if (n == 4 && strncasecmp(s, "next", 4) == 0)
			return true;
		n += n < len;
		s += n;
		len -= n;
	}
	return false;
}

/* Reads ;key=value pairs; returns where the link value ends (',' or NUL). */
static const char *read_link_params(const char *s, bool *next)
{
	while (*s && *s != ',') {
		const char *key, *value;
		size_t key_len, value_len;

		s += strspn(s, "; \t");
		key = s;
		key_len = strcspn(s, "=;, \t");
		s += key_len;
		if (*s != '=') {
			s += strspn(s, " \t");
			if (key_len == 0 && *s && *s != ',')
				s++;
			continue;
		}
		s++;
		if (*s == '"') {
			value = ++s;
			value_len = strcspn(s, "\"");
			s += value_len;
			s += *s == '"';
		} else {
			value = s;
			value_len = strcspn(s, ";, \t");
			s += value_len;
		}
		if (key_len == 3 && strncasecmp(key, "rel", 3) == 0)
			*next |= rel_is_next(value, value_len);
	}
	return s;
}

static void set_link(struct http_response *res, const char *value)
{
	while (*value && !res->link_next) {
		const char *url = strchr(value, '<');
		const char *end = url ? strchr(url, '>') : NULL;
		bool next = false;

		if (!end)
			return;
		value = read_link_params(end + 1, &next);
		value += *value == ',';
		if (next)
			res->link_next = xstrndup(url + 1,
						  (size_t)(end - url - 1));
	}
}

#define TEXT(name, member, first)                                          \
	{                                                                  \
		name, offsetof(struct http_response, member),              \
			sizeof(((struct http_response *)0)->member), first \
	}

static const struct text_field {
	const char *name;
	size_t offset, size;
	bool first; /* of the first hop that has it, else of the last */
} text_fields[] = {
	TEXT("Content-Type", content_type, false),
	TEXT("ETag", etag, false),
	TEXT("X-Linked-Etag", linked_etag, true),
	TEXT("Docker-Content-Digest", content_digest, false),
	TEXT("X-Error-Code", error_code, false),
	TEXT("X-Error-Message", error_message, false),
};

static const struct field {
	const char *name;
	void (*set)(struct http_response *res, const char *value);
} fields[] = {
	{ "Content-Length", set_length },
	{ "Content-Range", set_range },
	{ "Content-Encoding", set_encoding },
	{ "X-Repo-Commit", set_commit },
	{ "X-Linked-Size", set_linked_size },
	{ "RateLimit", set_rate_limit },
	{ "Link", set_link },
	{ "X-Squid-Error", set_made_on_the_way },
	{ "Server", set_server },
	{ "Via", set_via },
};

/* One list, in one field or in several (RFC 9110, 5.3). What does not fit is left out
 * whole: a realm cut short would be another one. */
static void add_challenge(struct http_response *res, const char *value)
{
	size_t n = strlen(res->challenge), room = sizeof(res->challenge) - n;

	if ((size_t)snprintf(res->challenge + n, room, "%s%s", n ? ", " : "",
			     value) >= room)
		res->challenge[n] = '\0';
}

static void set_field(struct http_response *res, struct header_parser *p,
		      const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcasecmp(name, fields[i].name) == 0)
			fields[i].set(res, value);
	for (size_t i = 0; i < ARRAY_LEN(text_fields); i++) {
		const struct text_field *f = &text_fields[i];
		char *text = (char *)res + f->offset;

		if (strcasecmp(name, f->name) == 0 && !(f->first && *text))
			copy_value(text, f->size, value);
	}
	if (strcasecmp(name, "WWW-Authenticate") == 0)
		add_challenge(res, value);
	else if (strcasecmp(name, "Retry-After") == 0)
		set_retry_after(res, p, value);
	else if (strcasecmp(name, "Date") == 0)
		p->date = curl_getdate(value, NULL);
}

static void read_field(struct http_response *res, struct header_parser *p,
		       char *line)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (!colon)
		return;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	set_field(res, p, line, value);
}

static void forget_hop(struct http_response *res)
{
	res->status = 0;
	res->length = UINT64_MAX;
	res->range_start = res->range_end = res->range_total = UINT64_MAX;
	res->encoded = false;
	res->content_type[0] = '\0';
	res->etag[0] = '\0';
	res->challenge[0] = '\0';
	res->content_digest[0] = '\0';
	res->error_code[0] = '\0';
	res->error_message[0] = '\0';
	res->made_on_the_way = res->forwarded = false;
	res->retry_after_ms = UINT64_MAX;
	free_ptr(&res->link_next);
}

void http_response_init(struct http_response *res)
{
	*res = (struct http_response){ .linked_size = UINT64_MAX };
	forget_hop(res);
}

void http_response_next(struct http_response *res, struct header_parser *p)
{
	forget_hop(res);
	res->body_bytes = 0;
	p->ended = false;
}

void http_response_release(struct http_response *res)
{
	free_ptr(&res->link_next);
	free_ptr(&res->location);
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static int read_status(struct http_response *res, struct header_parser *p,
		       const char *line, struct error *err)
{
	const char *s = strchr(line, ' ');
	uint64_t status;

	forget_hop(res);
	p->ended = false;
	p->date = p->retry_at = 0;
	s = s ? parse_number(s + 1, &status) : NULL;
	if (!s || (*s && *s != ' ') || status < 100 || status > 999)
		return err_set(err, ERR_FORMAT, "malformed status line");
	res->status = (long)status;
	return 0;
}

int http_response_line(struct http_response *res, struct header_parser *p,
		       const char *line, size_t len, struct error *err)
{
	char *copy CLEANUP(free_ptr) = NULL;

	if (len > HTTP_HEADER_LIMIT)
		return err_set(err, ERR_FORMAT,
			       "a header line is longer than %u bytes",
			       HTTP_HEADER_LIMIT);
	p->total += len;
	if (p->total > HTTP_HEADERS_TOTAL)
		return err_set(err, ERR_FORMAT,
			       "the header is longer than %u bytes",
			       HTTP_HEADERS_TOTAL);
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	copy = xstrndup(line, len);
	if (strncmp(copy, "HTTP/", 5) == 0)
		return read_status(res, p, copy, err);
	if (len == 0) {
		end_header(res, p);
		return 0;
	}
	if (!p->ended)
		read_field(res, p, copy);
	return 0;
}

bool http_is_login(long status)
{
	return status == 407 || status == 401;
}

bool http_is_page(const struct http_response *res)
{
	return strcasestr(res->content_type, "text/html") != NULL;
}

bool http_is_page_for(const struct http_response *res, const char *name)
{
	return http_is_page(res) && !str_ends(name, ".html") &&
	       !str_ends(name, ".htm");
}
