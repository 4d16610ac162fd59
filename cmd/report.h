/* Parts of results that several commands print. */
#ifndef ITTS_REPORT_H
#define ITTS_REPORT_H

#include <stdbool.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/app.h"
#include "fetch/download.h"
#include "manifest/lock.h"

void report_download(struct json_writer *w, const struct download_stats *s);
/* The notice of a repository, behind its id if it does not name it; appended.
 * false: there is none. */
bool report_notice(const struct lock_repo *r, struct str *out);
/* A table: columns as wide as their longest cell. The last is not padded. Rows that
 * are wider than a terminal go on in a second line, all at the same column. */
#define TABLE_COLUMNS 8
struct table {
	size_t columns;
	const char **cells; /* row by row */
	size_t count, cap;
	struct arena texts; /* of the cells that are its own */
};
void table_release(struct table *t);		   /* CLEANUP */
void table_add(struct table *t, const char *cell); /* copies */
/* The same of a cell that stays where it is until the table is printed. */
void table_borrow(struct table *t, const char *cell);
void table_lay(const struct table *t, size_t room, struct str *out);
/* For standard output: as wide as its terminal, or as all needs. */
void table_format(const struct table *t, struct str *out);
/* The same, printed row by row: there may be one for each of 100,000 files. */
void table_print(const struct table *t, struct app *app);

#endif
