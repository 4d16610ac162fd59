/* What a start-up log tells: how far it came, and what ended it. */
#ifndef ITTS_LOGSCAN_H
#define ITTS_LOGSCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "doctor/logtable.h"

struct log_scan {
	size_t stage;  /* index: the last that is done */
	bool is_25;    /* a step that only IndexTTS 2.5 has */
	bool complete; /* the start came to its end */
	struct str
		text; /* of the last chain of exceptions, or the line that tells */
	struct str last; /* the exception's own line, shortened, or that line */
	const struct log_rule *rule; /* or NULL */
	bool exception;		     /* text is of a traceback */
	char *artifact; /* "FILE of ORG/NAME", out of an address, or NULL */
	size_t lines;
};
#define LOG_SCAN_INIT                              \
	{                                          \
		.text = STR_INIT, .last = STR_INIT \
	}
void log_scan_release(struct log_scan *s); /* CLEANUP */
/* Any bytes. Pure. */
void log_scan(const struct log_table *t, const char *text, size_t len,
	      struct log_scan *out);

#endif
