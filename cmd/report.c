#include "cmd/report.h"

#include "base/attr.h"
#include "cmd/text.h"

#include <assert.h>
#include <string.h>

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
	strlist_release(&t->cells);
}

/* Cells stand on one line, whatever a file name says. */
void table_add(struct table *t, const char *cell)
{
	struct str clean CLEANUP(str_release) = STR_INIT;

	text_clean(&clean, cell, strlen(cell));
	for (char *p = clean.ptr; (p = strchr(p, '\n')); p++)
		*p = '?';
	strlist_add(&t->cells, clean.ptr);
}

void table_format(const struct table *t, struct str *out)
{
	size_t width[TABLE_COLUMNS] = { 0 };

	assert(t->columns > 0 && t->columns <= TABLE_COLUMNS);
	for (size_t i = 0; i < t->cells.count; i++) {
		size_t n = text_columns(t->cells.items[i]);
		size_t c = i % t->columns;

		if (n > width[c])
			width[c] = n;
	}
	for (size_t i = 0; i < t->cells.count; i++) {
		size_t c = i % t->columns;

		if (c + 1 < t->columns) {
			text_fit(out, t->cells.items[i], width[c] + 2);
			continue;
		}
		str_adds(out, t->cells.items[i]);
		while (out->len > 0 && out->ptr[out->len - 1] == ' ')
			str_truncate(out, out->len - 1);
		str_addc(out, '\n');
	}
}
