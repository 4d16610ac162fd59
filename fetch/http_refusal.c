/*
 * The words of a body that refuses, where the header has none: the Hub's
 *   {"error":"text"}
 * ModelScope's {"Code":N,"Success":false,"Message":"text"}, others'
 *   {"message":"text"}, {"error":{"message":"text"}}, {"detail":"text"}
 * or one line of plain text.
 */
#include "fetch/http_response.h"

#include "base/json.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const keys[] = { "error", "Message", "message", "detail" };

static const char *words_of(const struct json *doc)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct json *value = json_member(doc, keys[i]);
		const char *text;

		if (json_is_object(value))
			value = json_member(value, "message");
		text = json_string_or(value, "");
		if (*text)
			return text;
	}
	return NULL;
}

/* One line: it goes into the middle of a sentence. */
static void take(struct http_response *res, const char *text)
{
	size_t len = strcspn(text, "\r\n");

	if (len >= sizeof(res->error_message))
		len = sizeof(res->error_message) - 1;
	memcpy(res->error_message, text, len);
	res->error_message[len] = '\0';
}

void http_response_refusal(struct http_response *res, const char *text,
			   size_t len)
{
	struct json *doc CLEANUP(json_free) = NULL;
	struct error ignored = { .code = ERR_NONE };
	const char *words;

	if (res->error_message[0] || len == 0 || memchr(text, '\0', len))
		return;
	if (json_parse(&doc, text, len, &ignored) == 0) {
		words = json_is_object(doc) ? words_of(doc) : NULL;
		if (words)
			take(res, words);
	} else if (strncasecmp(res->content_type, "text/plain", 10) == 0 &&
		   *text != '<') {
		take(res, text);
	}
}

void http_response_hush(struct http_response *res, const char *secret)
{
	char begin[9];

	if (!secret)
		return;
	secret += *secret == ' ';
	snprintf(begin, sizeof(begin), "%s", secret);
	if (*begin && strstr(res->error_message, begin))
		res->error_message[0] = '\0';
	if (*begin && strstr(res->error_code, begin))
		res->error_code[0] = '\0';
}
