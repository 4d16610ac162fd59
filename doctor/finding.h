/* One thing that is wrong: what, how one sees it, what it means, what mends it. */
#ifndef ITTS_FINDING_H
#define ITTS_FINDING_H

#include <stddef.h>

#include "base/attr.h"

enum severity {
	SEV_ERROR,   /* the program will not start */
	SEV_WARNING, /* it may stand still, be slow or fail later */
	SEV_NOTE,    /* worth knowing */
};
const char *severity_name(enum severity s); /* "error" */

struct finding {
	enum severity severity;
	char *id; /* stable, for programs: "files.missing" */
	char *title, *evidence, *meaning, *remedy; /* all but title or NULL */
};

struct findings {
	struct finding *items;
	size_t count, cap;
};
void findings_release(struct findings *f); /* CLEANUP */
/* Worst first; else in the order in which they were found. */
void findings_sort(struct findings *f);
/* Borrowed, or NULL. */
const struct finding *findings_find(const struct findings *f, const char *id);

/* A new finding with its title; borrowed until the next one is added. */
struct finding *finding_add(struct findings *f, enum severity severity,
			    const char *id, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
void finding_evidence(struct finding *f, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
void finding_meaning(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void finding_remedy(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
