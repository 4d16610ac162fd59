#include "base/json.h"

#include "base/json_value.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

void json_reader_init(struct json_reader *r, const char *text, size_t len)
{
	*r = (struct json_reader){ .start = text,
				   .p = text,
				   .end = text + len };
}

static int fail(const struct json_reader *r, const char *why, struct error *err)
{
	return json_fail(r->start, r->p, why, err);
}

/* Next byte that is not white space, 0 at the end. */
static int peek(struct json_reader *r)
{
	r->p = json_skip_space(r->p, r->end);
	return r->p < r->end ? (unsigned char)*r->p : 0;
}

static int enter(struct json_reader *r, char bracket, const char *why,
		 struct error *err)
{
	if (peek(r) != bracket)
		return fail(r, why, err);
	if (r->depth == JSON_MAX_DEPTH)
		return fail(r, "nested too deeply", err);
	r->p++;
	r->depth++;
	r->first = true;
	return 0;
}

int json_enter_object(struct json_reader *r, struct error *err)
{
	return enter(r, '{', "an object is expected here", err);
}

int json_enter_array(struct json_reader *r, struct error *err)
{
	return enter(r, '[', "a list is expected here", err);
}

/* 1: an element comes next, 0: the container has ended. */
static int next_element(struct json_reader *r, char closing, struct error *err)
{
	int c = peek(r);

	assert(r->depth > 0);
	if (c == closing) {
		r->p++;
		r->depth--;
		r->first = false;
		return 0;
	}
	if (r->first)
		return 1;
	if (c != ',')
		return fail(r, "a comma or the end is expected here", err);
	r->p++;
	return 1;
}

int json_next_item(struct json_reader *r, struct error *err)
{
	return next_element(r, ']', err);
}

/* A key of plain ASCII, as most are, needs no parser. NULL: it is another. */
static char *plain_key(struct json_reader *r)
{
	const char *p = r->p + 1;
	char *key;

	while (p < r->end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	if (p == r->end || *p != '"')
		return NULL;
	key = xstrndup(r->p + 1, (size_t)(p - r->p) - 1);
	r->p = p + 1;
	r->first = false;
	return key;
}

int json_next_key(struct json_reader *r, char **key, struct error *err)
{
	struct json *name CLEANUP(json_free) = NULL;
	char *plain CLEANUP(free_ptr) = NULL;
	int more = next_element(r, '}', err);

	if (more <= 0)
		return more;
	if (peek(r) != '"')
		return fail(r, "a key is expected here", err);
	plain = plain_key(r);
	if (!plain && json_read_value(r, &name, err))
		return -1;
	if (peek(r) != ':')
		return fail(r, "a colon is expected here", err);
	r->p++;
	*key = plain ? take_ptr(plain) : xstrdup(json_string_or(name, ""));
	return 1;
}

int json_read_value(struct json_reader *r, struct json **out, struct error *err)
{
	if (json_parse_value(out, r->start, &r->p, r->end, r->depth, err))
		return -1;
	r->first = false;
	return 0;
}

int json_read_short(struct json_reader *r, size_t limit, struct json **out,
		    struct error *err)
{
	struct json_reader near = *r;

	if ((size_t)(near.end - near.p) > limit)
		near.end = near.p + limit;
	if (json_read_value(&near, out, err))
		return -1;
	r->p = near.p;
	r->first = near.first;
	return 0;
}

int json_reader_end(struct json_reader *r, struct error *err)
{
	peek(r);
	if (r->p < r->end || r->depth)
		return fail(r, "the end is expected here", err);
	return 0;
}

/* --- one long list ----------------------------------------------------------- */

#define SHORT_MEMBERS 16u /* times the limit of one, all of them together */

/* Each item to l->item, or with feed unset to nobody. */
static int read_items(struct json_reader *r, const struct json_listing *l,
		      bool feed, struct error *err)
{
	int more;

	if (json_enter_array(r, err))
		return err_wrap(err, "%s", l->list);
	for (size_t i = 0; (more = json_next_item(r, err)) > 0; i++) {
		struct json *item CLEANUP(json_free) = NULL;

		if (json_read_short(r, l->limit, &item, err) ||
		    (feed && l->item(l->ctx, item, err)))
			return err_wrap(err, "%s[%zu]", l->list, i);
	}
	return more;
}

/* The text of a member, without the comma that was before it. */
static int add_member(struct str *head, const char *from, const char *to,
		      const struct json_listing *l, struct error *err)
{
	while (from < to && strchr(" \t\r\n,", *from))
		from++;
	if ((size_t)(to - from) + head->len > SHORT_MEMBERS * l->limit)
		return err_set(err, ERR_FORMAT, "too many keys");
	if (head->len > 1)
		str_addc(head, ',');
	str_add(head, from, (size_t)(to - from));
	return 0;
}

/* All but the list into head, as a document; where the list begins. */
static int read_members(struct json_reader *r, const struct json_listing *l,
			struct str *head, struct json_reader *list,
			struct error *err)
{
	int more;

	if (json_enter_object(r, err))
		return -1;
	str_addc(head, '{');
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;
		struct json *value CLEANUP(json_free) = NULL;
		const char *begin = r->p;

		more = json_next_key(r, &key, err);
		if (more <= 0)
			break;
		assert(key);
		if (strcmp(key, l->list) != 0) {
			if (json_read_short(r, l->limit, &value, err))
				return err_wrap(err, "%s", key);
			if (add_member(head, begin, r->p, l, err))
				return -1;
			continue;
		}
		if (list->p)
			return err_set(err, ERR_FORMAT,
				       "key \"%s\" appears twice", key);
		*list = *r;
		if (read_items(r, l, false, err))
			return -1;
	}
	str_addc(head, '}');
	return more < 0 ? -1 : json_reader_end(r, err);
}

int json_read_listing(const char *text, size_t len,
		      const struct json_listing *l, struct error *err)
{
	struct str head CLEANUP(str_release) = STR_INIT;
	struct json *doc CLEANUP(json_free) = NULL;
	struct json_reader r, list = { 0 };

	json_reader_init(&r, text, len);
	if (read_members(&r, l, &head, &list, err) ||
	    json_parse(&doc, head.ptr, head.len, err) ||
	    l->head(l->ctx, doc, err))
		return -1;
	if (!list.p)
		return err_set(err, ERR_FORMAT, "%s: is missing", l->list);
	return read_items(&list, l, true, err);
}
