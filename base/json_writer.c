/*
 * The bytes are part of our file formats (digests are taken over them), and
 * JSON_PYTHON1 repeats what Python's json.dump(..., indent=1) writes. That is
 * why they are put together here and not by cJSON's printer.
 */
#include "base/json.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define NOT_FLAT UINT_MAX
#define PIECE	 ((size_t)64 << 10) /* bytes that are drained at a time, about */

void json_writer_init(struct json_writer *w, struct str *out,
		      enum json_style style)
{
	*w = (struct json_writer){
		.out = out, .style = style, .flat = NOT_FLAT, .first = true
	};
}

void json_writer_drain(struct json_writer *w,
		       void (*drain)(void *ctx, const void *p, size_t n),
		       void *ctx)
{
	w->drain = drain;
	w->drain_ctx = ctx;
}

static void new_line(struct json_writer *w)
{
	unsigned width = w->style == JSON_PRETTY ? 2 : 1;

	if (w->style == JSON_COMPACT)
		return;
	str_addc(w->out, '\n');
	str_fill(w->out, ' ', (size_t)w->depth * width);
}

/* What stands between the element before and the one that comes. */
static void begin_element(struct json_writer *w)
{
	if (w->drain && w->out->len >= PIECE) {
		w->drain(w->drain_ctx, w->out->ptr, w->out->len);
		str_clear(w->out);
	}
	if (w->after_key || !w->depth) {
		w->after_key = false;
		return;
	}
	if (!w->first)
		str_addc(w->out, ',');
	if (w->depth < w->flat)
		new_line(w);
	else if (!w->first && w->style != JSON_COMPACT)
		str_addc(w->out, ' ');
	w->first = false;
}

static void begin_container(struct json_writer *w, char bracket)
{
	begin_element(w);
	str_addc(w->out, bracket);
	w->depth++;
	w->first = true;
}

static void end_container(struct json_writer *w, char bracket)
{
	bool flat = w->depth >= w->flat;

	assert(w->depth > 0 && !w->after_key);
	w->depth--;
	if (!w->first && !flat)
		new_line(w);
	if (flat && w->depth < w->flat)
		w->flat = NOT_FLAT;
	str_addc(w->out, bracket);
	w->first = false;
}

void json_begin_object(struct json_writer *w)
{
	begin_container(w, '{');
}

void json_end_object(struct json_writer *w)
{
	end_container(w, '}');
}

void json_begin_array(struct json_writer *w)
{
	begin_container(w, '[');
}

void json_end_array(struct json_writer *w)
{
	end_container(w, ']');
}

void json_one_line(struct json_writer *w)
{
	if (w->flat == NOT_FLAT)
		w->flat = w->depth + 1;
}

static void put_escaped(struct json_writer *w, uint32_t cp)
{
	if (cp < 0x10000)
		str_addf(w->out, "\\u%04x", (unsigned)cp);
	else
		str_addf(w->out, "\\u%04x\\u%04x",
			 (unsigned)(0xD800 + ((cp - 0x10000) >> 10)),
			 (unsigned)(0xDC00 + ((cp - 0x10000) & 0x3FF)));
}

static void put_char(struct json_writer *w, uint32_t cp)
{
	static const char special[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *found = cp && cp < 0x80 ? strchr(special, (int)cp) : NULL;
	char bytes[4];

	if (found) {
		str_addc(w->out, '\\');
		str_addc(w->out, letters[found - special]);
	} else if (cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) ||
		   (cp > 0x9F && w->style == JSON_PYTHON1)) {
		/* controls always: nothing that a terminal would obey */
		put_escaped(w, cp);
	} else {
		str_add(w->out, bytes, utf8_encode(cp, bytes));
	}
}

static void put_text(struct json_writer *w, const char *s)
{
	size_t len = strlen(s);
	uint32_t cp;

	str_addc(w->out, '"');
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &cp);
		if (!n) {
			cp = 0xFFFD;
			n = 1;
		}
		put_char(w, cp);
	}
	str_addc(w->out, '"');
}

void json_put_key(struct json_writer *w, const char *key)
{
	assert(w->depth > 0 && !w->after_key);
	begin_element(w);
	put_text(w, key);
	str_adds(w->out, w->style == JSON_COMPACT ? ":" : ": ");
	w->after_key = true;
}

void json_put_string(struct json_writer *w, const char *s)
{
	begin_element(w);
	put_text(w, s);
}

void json_put_u64(struct json_writer *w, uint64_t v)
{
	begin_element(w);
	str_addf(w->out, "%" PRIu64, v);
}

void json_put_i64(struct json_writer *w, int64_t v)
{
	begin_element(w);
	str_addf(w->out, "%" PRId64, v);
}

void json_put_bool(struct json_writer *w, bool v)
{
	begin_element(w);
	str_adds(w->out, v ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
	begin_element(w);
	str_adds(w->out, "null");
}

void json_put_double(struct json_writer *w, double v)
{
	bool negative = v < 0;
	double size = negative ? -v : v;
	uint64_t thousandths;

	if (!(size < 1e15)) { /* NaN too: JSON has no word for these */
		json_put_null(w);
		return;
	}
	/* by hand: printf would take the decimal point of the locale */
	thousandths = (uint64_t)(size * 1000 + 0.5);
	begin_element(w);
	str_addf(w->out, "%s%" PRIu64 ".%03" PRIu64,
		 negative && thousandths ? "-" : "", thousandths / 1000,
		 thousandths % 1000);
}

void json_put_kv(struct json_writer *w, const char *key, const char *s)
{
	json_put_key(w, key);
	json_put_string(w, s);
}

void json_put_kv_u64(struct json_writer *w, const char *key, uint64_t v)
{
	json_put_key(w, key);
	json_put_u64(w, v);
}

void json_put_kv_bool(struct json_writer *w, const char *key, bool v)
{
	json_put_key(w, key);
	json_put_bool(w, v);
}

void json_put_kv_strings(struct json_writer *w, const char *key,
			 const struct strlist *l)
{
	json_put_key(w, key);
	json_one_line(w);
	json_begin_array(w);
	for (size_t i = 0; i < l->count; i++)
		json_put_string(w, l->items[i]);
	json_end_array(w);
}
