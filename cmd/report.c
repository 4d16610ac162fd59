#include "cmd/report.h"

#include "base/attr.h"
#include "cmd/text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define TABLE_INDENT 4 /* of a row's further lines */

void report_download(struct json_writer *w, const struct download_stats *s)
{
	json_put_kv_u64(w, "files", s->files);
	json_put_kv_u64(w, "bytes", s->bytes);
	json_put_kv_u64(w, "had_files", s->had_files);
	json_put_kv_u64(w, "had_bytes", s->had_bytes);
	json_put_kv_u64(w, "downloaded_files", s->got_files);
	json_put_kv_u64(w, "downloaded_bytes", s->got_bytes);
	json_put_kv_u64(w, "resumed_bytes", s->resumed_bytes);
	json_put_kv_u64(w, "wasted_bytes", s->wasted_bytes);
	json_put_kv_u64(w, "retries", s->retries);
}

bool report_notice(const struct lock_repo *r, struct str *out)
{
	if (!r->notice)
		return false;
	if (!strstr(r->notice, r->id))
		str_addf(out, "%s: ", r->id);
	str_adds(out, r->notice);
	return true;
}

void table_release(struct table *t)
{
	free_ptr(&t->cells);
	arena_release(&t->texts);
	t->count = t->cap = 0;
}

static void add_cell(struct table *t, const char *cell)
{
	t->cells = xgrow(t->cells, &t->cap, t->count + 1, sizeof(*t->cells));
	t->cells[t->count++] = cell;
}

/* What stands above it in thousands of rows need not be there twice. */
static void keep_cell(struct table *t, const char *cell)
{
	const char *above = t->count < t->columns
				    ? ""
				    : t->cells[t->count - t->columns];

	add_cell(t, strcmp(above, cell) == 0 ? above
					     : arena_strdup(&t->texts, cell));
}

/* Cells stand on one line, whatever a file name says. */
static void clean_cell(const char *cell, struct str *out)
{
	text_clean(out, cell, strlen(cell));
	for (char *p = out->ptr; (p = strchr(p, '\n')); p++)
		*p = '?';
}

void table_add(struct table *t, const char *cell)
{
	struct str clean CLEANUP(str_release) = STR_INIT;

	clean_cell(cell, &clean);
	keep_cell(t, clean.ptr);
}

void table_borrow(struct table *t, const char *cell)
{
	struct str clean CLEANUP(str_release) = STR_INIT;

	clean_cell(cell, &clean);
	if (strcmp(clean.ptr, cell) == 0)
		add_cell(t, cell);
	else
		keep_cell(t, clean.ptr);
}

static void end_line(struct str *out)
{
	while (out->len > 0 && out->ptr[out->len - 1] == ' ')
		str_truncate(out, out->len - 1);
	str_addc(out, '\n');
}

/* Which columns begin a line of their own, so that none is wider than room. */
static void find_breaks(const struct table *t, const size_t *width, size_t room,
			bool *breaks)
{
	size_t at = 0;

	for (size_t c = 0; c < t->columns; c++) {
		breaks[c] = c > 0 && at + width[c] > room;
		at = (breaks[c] ? TABLE_INDENT : at) + width[c] + 2;
	}
}

static bool any_left(const struct table *t, size_t i)
{
	do {
		if (*t->cells[i])
			return true;
	} while (++i % t->columns != 0);
	return false;
}

#define PRINT_AT_ONCE 65536

/* app NULL: all stays in out. */
static void lay(const struct table *t, size_t room, struct str *out,
		struct app *app)
{
	size_t width[TABLE_COLUMNS] = { 0 };
	bool breaks[TABLE_COLUMNS] = { false };

	assert(t->columns > 0 && t->columns <= TABLE_COLUMNS);
	for (size_t i = 0; i < t->count; i++) {
		size_t n = text_columns(t->cells[i]);
		size_t c = i % t->columns;

		if (n > width[c])
			width[c] = n;
	}
	find_breaks(t, width, room, breaks);
	for (size_t i = 0; i < t->count; i++) {
		size_t c = i % t->columns;

		if (breaks[c] && any_left(t, i)) {
			end_line(out);
			str_fill(out, ' ', TABLE_INDENT);
		}
		if (c + 1 < t->columns) {
			text_fit(out, t->cells[i], width[c] + 2);
			continue;
		}
		str_adds(out, t->cells[i]);
		end_line(out);
		if (app && out->len >= PRINT_AT_ONCE) {
			app_print(app, out);
			str_clear(out);
		}
	}
}

void table_lay(const struct table *t, size_t room, struct str *out)
{
	lay(t, room, out, NULL);
}

static size_t room_there(void)
{
	size_t columns = text_terminal(STDOUT_FILENO);

	return columns ? columns : SIZE_MAX;
}

void table_format(const struct table *t, struct str *out)
{
	table_lay(t, room_there(), out);
}

void table_print(const struct table *t, struct app *app)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	lay(t, room_there(), &text, app);
	app_print(app, &text);
}
