#include "base/json.h"

#include "base/file.h"
#include "base/json_value.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* --- what is in memory --------------------------------------------------- */

/* Of an open file: at least JSON_WINDOW bytes stand behind the reader's place
 * whenever something is read, or all that is left. */
struct json_window {
	int fd;
	const char *name;
	size_t limit, got; /* bytes of the file */
	bool ended;
	struct error failed;
	char bytes[2 * JSON_WINDOW];
};

void json_reader_init(struct json_reader *r, const char *text, size_t len)
{
	*r = (struct json_reader){ .place.p = text,
				   .p = text,
				   .end = text + len };
}

void json_reader_open(struct json_reader *r, int fd, const char *name,
		      size_t limit)
{
	struct json_window *w = xmalloc(sizeof(*w));

	w->fd = fd;
	w->name = name;
	w->limit = limit;
	w->got = 0;
	w->ended = false;
	w->failed = (struct error){ 0 };
	json_reader_init(r, w->bytes, 0);
	r->window = w;
}

void json_reader_close(struct json_reader *r)
{
	free_ptr(&r->window);
}

/* What is read is forgotten, and what comes is read. */
static void move_window(struct json_reader *r)
{
	struct json_window *w = r->window;
	size_t have = (size_t)(r->end - r->p), got = 0;
	size_t room = sizeof(w->bytes) - have;

	json_pass(&r->place, r->p);
	memmove(w->bytes, r->p, have);
	w->ended = file_read_full(w->fd, w->bytes + have, room, &got, w->name,
				  &w->failed) != 0 ||
		   got < room;
	w->got += got;
	if (w->got > w->limit) {
		w->ended = true;
		err_set(&w->failed, ERR_FORMAT, "%s: larger than %zu bytes",
			w->name, w->limit);
	}
	r->place.p = r->p = w->bytes;
	r->end = w->bytes + have + got;
}

static void see_enough(struct json_reader *r)
{
	if (r->window && !r->window->ended &&
	    (size_t)(r->end - r->p) < JSON_WINDOW)
		move_window(r);
}

int json_peek(struct json_reader *r)
{
	do {
		see_enough(r);
		r->p = json_skip_space(r->p, r->end);
	} while (r->p == r->end && r->window && !r->window->ended);
	see_enough(r);
	return r->p < r->end ? (unsigned char)*r->p : 0;
}

bool json_reader_failed(const struct json_reader *r)
{
	return r->window && r->window->failed.code != ERR_NONE;
}

/* The file may be at fault, not its text. */
static int tell(const struct json_reader *r, struct error *err)
{
	if (json_reader_failed(r))
		*err = r->window->failed;
	return -1;
}

static int fail(const struct json_reader *r, const char *why, struct error *err)
{
	json_fail(&r->place, r->p, why, err);
	return tell(r, err);
}

/* --- containers ---------------------------------------------------------- */

static int enter(struct json_reader *r, char bracket, const char *why,
		 struct error *err)
{
	if (json_peek(r) != bracket)
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
	int c = json_peek(r);

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
	if (json_peek(r) != '"')
		return fail(r, "a key is expected here", err);
	plain = plain_key(r);
	if (!plain && json_read_value(r, &name, err))
		return -1;
	if (json_peek(r) != ':')
		return fail(r, "a colon is expected here", err);
	r->p++;
	*key = plain ? take_ptr(plain) : xstrdup(json_string_or(name, ""));
	return 1;
}

/* --- values -------------------------------------------------------------- */

int json_read_value(struct json_reader *r, struct json **out, struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;
	const char *end;
	bool cut;

	json_peek(r);
	cut = r->window && !r->window->ended;
	end = r->end;
	if (json_parse_value(&value, &r->place, &r->p, end, r->depth, err)) {
		if (cut)
			err_hint(err, "or more than %zu bytes of text",
				 JSON_WINDOW);
		return tell(r, err);
	}
	/* a number may go on */
	if (cut && r->p == end)
		return fail(r, "too long a number", err);
	r->first = false;
	*out = take_ptr(value);
	return 0;
}

int json_read_short(struct json_reader *r, size_t limit, struct json **out,
		    struct error *err)
{
	struct json_reader near;

	json_peek(r);
	near = *r;
	near.window = NULL;
	if ((size_t)(near.end - near.p) > limit)
		near.end = near.p + limit;
	if (json_read_value(&near, out, err))
		return tell(r, err);
	r->p = near.p;
	r->first = near.first;
	return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than JSON_MAX_DEPTH */
int json_skip_value(struct json_reader *r, struct error *err)
{
	int c = json_peek(r), more;

	if (c != '{' && c != '[') {
		struct json *value CLEANUP(json_free) = NULL;

		return json_read_value(r, &value, err);
	}
	if (c == '{' ? json_enter_object(r, err) : json_enter_array(r, err))
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;

		more = c == '{' ? json_next_key(r, &key, err)
				: json_next_item(r, err);
		if (more <= 0)
			return more;
		if (json_skip_value(r, err))
			return -1;
	}
}

int json_reader_end(struct json_reader *r, struct error *err)
{
	json_peek(r);
	if (r->p < r->end || r->depth)
		return fail(r, "the end is expected here", err);
	return json_reader_failed(r) ? tell(r, err) : 0;
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
