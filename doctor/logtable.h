/* The strings of start-up logs and what they mean: doctor/log_table.json, put into
 * the program at build time. The first rule that fits counts. */
#ifndef ITTS_LOGTABLE_H
#define ITTS_LOGTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"
#include "doctor/finding.h"

/* A step of the start that prints a line when it is done. All borrowed. */
struct log_stage {
	const char *id, *line, *what, *next, *remedy;
};
struct log_rule {
	const char *id, *title, *meaning, *remedy, *example;
	enum severity severity;
	const struct json *any, *all; /* strings, or NULL */
};
struct log_table {
	struct json *doc; /* owns the strings */
	struct log_stage *stages;
	size_t stage_count;
	struct log_rule *rules;
	size_t rule_count;
	size_t shortest; /* bytes of the shortest text that is looked for */
	const struct json *noise;
};
/* ERR_FORMAT: the table in the program is broken (a test sees to it that not). */
int log_table_load(struct log_table *out, struct error *err) MUST_CHECK;
void log_table_release(struct log_table *t); /* CLEANUP */
/* The first rule that fits, or NULL. */
const struct log_rule *log_table_match(const struct log_table *t,
				       const char *text);
bool log_table_is_noise(const struct log_table *t, const char *line);

#endif
