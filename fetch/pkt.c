/*
 * gitprotocol-common(5): four hex digits of length, themselves included, then the
 * data; "0000" flush, "0001" delimiter, "0002" end of response, "0003" is none.
 */
#include "fetch/pkt.h"

#include "base/digest.h"
#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

#define DIGITS 4

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* -1: not a length that there is. */
static int length_of(const char *p)
{
	int n = 0;

	for (int i = 0; i < DIGITS; i++) {
		int v = hex_value(p[i]);

		if (v < 0)
			return -1;
		n = n * 16 + v;
	}
	return n == 3 || n > PKT_MAX ? -1 : n;
}

static int emit(struct pkt_reader *r, int length, struct error *err)
{
	static const enum pkt_kind special[] = { PKT_FLUSH, PKT_DELIM,
						 PKT_END };

	r->have = 0;
	if (length < DIGITS)
		return r->packet(r->ctx, special[length], "", 0, err);
	return r->packet(r->ctx, PKT_DATA, r->buf + DIGITS,
			 (size_t)length - DIGITS, err);
}

int pkt_feed(struct pkt_reader *r, const void *data, size_t n,
	     struct error *err)
{
	const char *p = data;

	while (n > 0) {
		size_t want = DIGITS, take;
		int length = -1;

		if (r->have >= DIGITS)
			want = (size_t)length_of(r->buf);
		take = want - r->have < n ? want - r->have : n;
		memcpy(r->buf + r->have, p, take);
		r->have += take;
		p += take;
		n -= take;
		if (r->have < DIGITS)
			continue;
		length = length_of(r->buf);
		if (length < 0)
			return err_set(err, ERR_FORMAT,
				       "the answer is not Git's protocol");
		if (length <= DIGITS || r->have == (size_t)length)
			if (emit(r, length, err) < 0)
				return -1;
	}
	return 0;
}

int pkt_finish(const struct pkt_reader *r, struct error *err)
{
	return r->have ? err_set(err, ERR_FORMAT,
				 "the answer ends within a packet")
		       : 0;
}

void pkt_put(struct str *out, const char *fmt, ...)
{
	char *text CLEANUP(free_ptr) = NULL;
	va_list args;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	str_addf(out, "%04zx%s", strlen(text) + DIGITS, text);
}

int pkt_ref_is(const char *line, size_t n, const char *name, char commit[41])
{
	char *text CLEANUP(free_ptr) = xstrndup(line, n);
	char *rest = text + 40, *peeled;
	size_t len = strlen(name);

	text[strcspn(text, "\n")] = '\0';
	if (strlen(text) < 41 + len || *rest != ' ' ||
	    strncmp(rest + 1, name, len) != 0 ||
	    (rest[1 + len] && rest[1 + len] != ' '))
		return 0;
	*rest = '\0';
	peeled = strstr(rest + 1, " peeled:");
	if (peeled) {
		peeled += strlen(" peeled:");
		peeled[strcspn(peeled, " ")] = '\0';
	}
	if (!is_commit_id(peeled ? peeled : text))
		return 0;
	memcpy(commit, peeled ? peeled : text, 41);
	return 1;
}
