/*
 * json_parse() and struct json_reader must take and refuse the same texts, and
 * what was taken must come back from the writer as the same bytes twice.
 */
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct json_writer *w, const struct json *n)
{
	if (json_is_object(n)) {
		json_begin_object(w);
		for (n = json_first(n); n; n = json_next(n)) {
			json_put_key(w, json_key(n));
			write_value(w, n);
		}
		json_end_object(w);
	} else if (json_is_array(n)) {
		json_begin_array(w);
		for (n = json_first(n); n; n = json_next(n))
			write_value(w, n);
		json_end_array(w);
	} else if (json_is_string(n)) {
		json_put_string(w, json_string_or(n, ""));
	} else {
		json_put_null(w); /* numbers have no one spelling */
	}
}

static void format(struct str *out, const struct json *doc, unsigned style)
{
	struct json_writer w;

	json_writer_init(&w, out, (enum json_style)style);
	write_value(&w, doc);
}

static void check_round_trip(const struct json *doc)
{
	for (unsigned style = JSON_COMPACT; style <= JSON_PYTHON1; style++) {
		struct str first CLEANUP(str_release) = STR_INIT;
		struct str second CLEANUP(str_release) = STR_INIT;
		struct json *again CLEANUP(json_free) = NULL;
		struct error err = { 0 };

		format(&first, doc, style);
		if (json_parse(&again, first.ptr, first.len, &err))
			abort();
		format(&second, again, style);
		if (first.len != second.len ||
		    memcmp(first.ptr, second.ptr, first.len) != 0)
			abort();
	}
}

/* Walks the outermost container, the values in it as they are. */
static int walk(const char *text, size_t len, struct error *err)
{
	struct json_reader r;
	int more;

	json_reader_init(&r, text, len);
	if (json_enter_array(&r, err))
		return -1;
	while ((more = json_next_item(&r, err)) > 0) {
		struct json *item CLEANUP(json_free) = NULL;

		if (json_read_value(&r, &item, err))
			return -1;
	}
	return more ? -1 : json_reader_end(&r, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct json *doc CLEANUP(json_free) = NULL;
	struct error err = { 0 }, walk_err = { 0 };
	bool parsed = !json_parse(&doc, text, size, &err);
	bool walked = !walk(text, size, &walk_err);

	if (parsed)
		check_round_trip(doc);
	if (walked && !parsed)
		abort();
	if (parsed && json_is_array(doc) && !walked)
		abort();
	return 0;
}
