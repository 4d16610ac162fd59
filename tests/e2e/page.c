/*
 * A report of a program that never ran: what it is to have done stands on standard
 * input, a line each, the page goes to standard output. So pages of hours, of a thousand
 * stages and of names that no file system has can be looked at.
 *
 *   title TEXT | outcome TEXT | patience MS
 *   KIND SECONDS BYTES-READ-A-SECOND MEMORY GPU-MEMORY|- CONNECTIONS CORES WHAT
 *
 * In TEXT and WHAT, %XX is a byte.
 */
#include "base/mem.h"
#include "doctor/redact.h"
#include "doctor/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unescape(char *s)
{
	char *to = s;
	unsigned byte;

	for (; *s; s++)
		if (*s == '%' && sscanf(s + 1, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			s += 2;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

static enum watch_kind kind_of(const char *name)
{
	for (int k = 0; k < WATCH_KINDS; k++)
		if (!strcmp(watch_kind_name(k), name))
			return k;
	fprintf(stderr, "no kind %s\n", name);
	exit(2);
}

/* A stage, seen once a second, and at its end. */
static void go_on(struct timeline *t, uint64_t *ms, const char *line)
{
	char kind[16], gpu[32];
	double seconds, cores, read, rss;
	struct watch_view v = { .procs = 1, .threads = 1 };
	uint64_t end;
	int n;

	if (sscanf(line, "%15s %lf %lf %lf %31s %u %lf %n", kind, &seconds,
		   &read, &rss, gpu, &v.connections, &cores, &n) < 7) {
		fprintf(stderr, "not understood: %s\n", line);
		exit(2);
	}
	v.kind = kind_of(kind);
	snprintf(v.what, sizeof(v.what), "%s", line + n);
	v.rss = (uint64_t)rss;
	v.gpu = *gpu == '-' ? SAMPLE_UNKNOWN : (uint64_t)atof(gpu);
	v.cores = cores;
	end = *ms + (uint64_t)(seconds * 1000);
	while (*ms < end) {
		uint64_t step = end - *ms > 1000 ? 1000 : end - *ms;

		v.read = (uint64_t)(read * (double)step / 1000);
		v.done += v.read;
		v.total = (uint64_t)(read * seconds);
		*ms += step;
		timeline_add(t, *ms, &v);
	}
}

int main(void)
{
	struct str page CLEANUP(str_release) = STR_INIT;
	struct timeline t CLEANUP(timeline_release) = { .title = NULL };
	char line[8192];
	uint64_t ms = 0;

	timeline_init(&t, "", 30000);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		unescape(line);
		if (!strncmp(line, "title ", 6)) {
			redact_secrets(line + 6);
			free_ptr(&t.title);
			t.title = xstrdup(line + 6);
		} else if (!strncmp(line, "outcome ", 8)) {
			free_ptr(&t.outcome);
			t.outcome = xstrdup(line + 8);
		} else if (!strncmp(line, "patience ", 9)) {
			t.patience = (uint64_t)atoll(line + 9);
		} else if (*line) {
			go_on(&t, &ms, line);
		}
	}
	timeline_html(&t, &page);
	fwrite(page.ptr, 1, page.len, stdout);
	return 0;
}
