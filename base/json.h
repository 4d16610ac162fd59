/*
 * JSON (RFC 8259). cJSON's only door.
 *
 * Reading: json_parse() for small documents; struct json_reader walks a large
 * one value by value, so that 100,000 files never stand in memory as a tree.
 * Refused everywhere: duplicate keys, invalid UTF-8, NUL in strings, a BOM,
 * anything behind the end, nesting deeper than JSON_MAX_DEPTH.
 * Getters name the place in their message ("models[2].include: ...").
 */
#ifndef ITTS_JSON_H
#define ITTS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

#define JSON_MAX_DEPTH 64
#define JSON_MAX_INT   (((uint64_t)1 << 53) - 1) /* exact in a double */

struct json; /* a borrowed node of a document */

/* Parses a whole document. ERR_FORMAT. Free with json_free(). */
int json_parse(struct json **out, const char *text, size_t len,
	       struct error *err) MUST_CHECK;
void json_free(struct json **doc); /* CLEANUP */

bool json_is_object(const struct json *n);
bool json_is_array(const struct json *n);
bool json_is_string(const struct json *n);

/* Borrowed children. NULL where there is none (not an error). */
const struct json *json_member(const struct json *obj, const char *key);
const struct json *json_first(const struct json *parent); /* member or item */
const struct json *json_next(const struct json *child);
const char *json_key(const struct json *member);
size_t json_count(const struct json *parent);
const char *json_string_or(const struct json *n, const char *fallback);
/* A whole number 0..JSON_MAX_INT; false: it is something else. */
bool json_u64(const struct json *n, uint64_t *out);

/* Typed members of obj. where is obj's place for messages ("models[0]").
 * Absent key: ERR_FORMAT for get_, untouched *out for opt_. */
int json_get_string(const struct json *obj, const char *key, const char **out,
		    const char *where, struct error *err) MUST_CHECK;
int json_opt_string(const struct json *obj, const char *key, const char **out,
		    const char *where, struct error *err) MUST_CHECK;
/* Whole numbers 0..JSON_MAX_INT only. */
int json_get_u64(const struct json *obj, const char *key, uint64_t *out,
		 const char *where, struct error *err) MUST_CHECK;
int json_opt_u64(const struct json *obj, const char *key, uint64_t *out,
		 const char *where, struct error *err) MUST_CHECK;
int json_opt_bool(const struct json *obj, const char *key, bool *out,
		  const char *where, struct error *err) MUST_CHECK;
/* An array of strings, appended to out. */
int json_opt_strings(const struct json *obj, const char *key,
		     struct strlist *out, const char *where, struct error *err)
	MUST_CHECK;
/* Every key of obj must be in the NULL-terminated list. Names the stranger. */
int json_only_keys(const struct json *obj, const char *const *keys,
		   const char *where, struct error *err) MUST_CHECK;

/* --- walking a large document ------------------------------------------- */
struct json_place {
	const char *p;
	size_t line, column; /* both from 0 */
};
struct json_window;
struct json_reader {
	struct json_place place; /* from which messages count */
	const char *p, *end;	 /* borrowed text, or what the window shows */
	unsigned depth;
	bool first; /* nothing of the innermost container was read yet */
	struct json_window *window; /* NULL: a text in memory */
};
void json_reader_init(struct json_reader *r, const char *text, size_t len);
/* The same of an open file (borrowed, as its name), from where it stands on: only
 * a part of it is ever in memory, so that no value and no key may have more than
 * JSON_WINDOW bytes. limit: of all, in bytes. Errors of reading, and ERR_FORMAT of
 * a file that is larger, begin with the name. */
#define JSON_WINDOW ((size_t)512 << 10)
void json_reader_open(struct json_reader *r, int fd, const char *name,
		      size_t limit);
void json_reader_close(struct json_reader *r); /* CLEANUP */
/* Was an error one of reading the file? Then it begins with its name. */
bool json_reader_failed(const struct json_reader *r);
/* The byte that the next value, or what else comes, begins with, which r->p then
 * points to; 0 at the end. What json_read_value() reads next stays where it is. */
int json_peek(struct json_reader *r);
/* Each begins a container that must come next. */
int json_enter_object(struct json_reader *r, struct error *err) MUST_CHECK;
int json_enter_array(struct json_reader *r, struct error *err) MUST_CHECK;
/* 1: *key is the next member's key (caller frees) and its value comes next;
 * 0: the object has ended. The caller refuses duplicates. */
int json_next_key(struct json_reader *r, char **key, struct error *err)
	MUST_CHECK;
/* 1: an item comes next; 0: the array has ended. */
int json_next_item(struct json_reader *r, struct error *err) MUST_CHECK;
/* The value that comes next, as a document of its own; json_free() it. */
int json_read_value(struct json_reader *r, struct json **out, struct error *err)
	MUST_CHECK;
/* The same for one whose text has at most limit bytes, so that no value can ask
 * for much memory. */
int json_read_short(struct json_reader *r, size_t limit, struct json **out,
		    struct error *err) MUST_CHECK;
/* Passes over it, however long a container it is. */
int json_skip_value(struct json_reader *r, struct error *err) MUST_CHECK;
/* An object with one list that may be long and other members that are short. */
struct json_listing {
	const char *list; /* its key */
	size_t limit;	  /* bytes of any other member and of any item */
	/* The other members, before the first item. */
	int (*head)(void *ctx, const struct json *doc, struct error *err);
	int (*item)(void *ctx, const struct json *item, struct error *err);
	void *ctx;
};
/* The whole text, wherever in it the list stands. ERR_FORMAT if it lacks. */
int json_read_listing(const char *text, size_t len,
		      const struct json_listing *l, struct error *err)
	MUST_CHECK;
/* Nothing but white space is left. */
int json_reader_end(struct json_reader *r, struct error *err) MUST_CHECK;

/* --- writing ------------------------------------------------------------- */
/* Bytes are a pure function of the calls: the canonical form of our files. */
enum json_style {
	JSON_COMPACT, /* {"a":1,"b":[1,2]} */
	JSON_PRETTY,  /* two spaces a level, "key": value */
	JSON_PYTHON1, /* json.dump(indent=1), ASCII only: Python's trees/ files */
};
struct json_writer {
	struct str *out; /* borrowed */
	enum json_style style;
	unsigned depth, flat; /* flat: depth from which all is on one line */
	bool first, after_key;
	void (*drain)(void *ctx, const void *p, size_t n);
	void *drain_ctx;
};
void json_writer_init(struct json_writer *w, struct str *out,
		      enum json_style style);
/* For what need not stand in memory whole: whenever out has grown a little, drain
 * gets it and it is emptied; the last of it stays in out, and is the caller's. */
void json_writer_drain(struct json_writer *w,
		       void (*drain)(void *ctx, const void *p, size_t n),
		       void *ctx);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
/* The next container and all in it stand on one line (one file a line). */
void json_one_line(struct json_writer *w);
void json_put_key(struct json_writer *w, const char *key);
void json_put_string(struct json_writer *w,
		     const char *s); /* valid UTF-8, else U+FFFD */
void json_put_u64(struct json_writer *w, uint64_t v);
void json_put_i64(struct json_writer *w, int64_t v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
void json_put_double(struct json_writer *w,
		     double v); /* 3 decimals; never in canonical files */
/* key + value in one */
void json_put_kv(struct json_writer *w, const char *key, const char *s);
void json_put_kv_u64(struct json_writer *w, const char *key, uint64_t v);
void json_put_kv_bool(struct json_writer *w, const char *key, bool v);
void json_put_kv_strings(struct json_writer *w, const char *key,
			 const struct strlist *l); /* on one line */

#endif
