/*
 * Logs of Python programs: a traceback is a line "Traceback (most recent call last):",
 * indented lines, and the exception with the rest of its text. Chained ones stand one
 * behind the other, the cause first. Colours, progress bars (\r) and the prefixes of
 * docker compose ("name  | ") are taken off. What the program survived, since a later
 * step was done, does not count; nor does what an earlier start left in the log.
 */
#include "doctor/logscan.h"

#include "base/mem.h"
#include "doctor/redact.h"

#include <ctype.h>
#include <string.h>

#define LINE_MAX_LEN 4096 /* of a line, that is looked at */
#define TEXT_MAX     65536
#define LAST_MAX     300

#define TRACEBACK "Traceback (most recent call last):"

struct scanner {
	const struct log_table *table;
	struct log_scan *out;
	char line[LINE_MAX_LEN];
	bool in_frames;	 /* between "Traceback" and the exception */
	bool in_message; /* behind the exception, to the next blank line */
	bool chained;	 /* the next traceback belongs to the last one */
	size_t prefix;	 /* bytes in front of "Traceback" */
	bool started;	 /* a stage was seen */
};

void log_scan_release(struct log_scan *s)
{
	str_release(&s->text);
	str_release(&s->last);
	free_ptr(&s->artifact);
}

/* ESC [ ... letter */
static size_t skip_escape(const char *p, const char *end)
{
	const char *q = p + 2;

	if (*p != '\033' || end - p < 2 || p[1] != '[')
		return 0;
	while (q < end && !isalpha((unsigned char)*q))
		q++;
	return (size_t)(q - p) + (q < end);
}

/* A line without colours and without what a progress bar has overwritten. */
static void clean(struct scanner *s, const char *p, const char *end)
{
	const char *cr;
	size_t n = 0;

	while (end > p && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	cr = end > p ? memrchr(p, '\r', (size_t)(end - p)) : NULL;
	p = cr ? cr + 1 : p;
	while (p < end && n < LINE_MAX_LEN - 1) {
		size_t skip = skip_escape(p, end);

		if (!skip && *p)
			s->line[n++] = *p;
		p += skip ? skip : 1;
	}
	s->line[n] = '\0';
}

static void forget(struct scanner *s)
{
	str_clear(&s->out->text);
	str_clear(&s->out->last);
	s->out->rule = NULL;
	s->out->exception = false;
	s->in_frames = s->in_message = s->chained = false;
}

/* A stage's line; a lower one than before is a new start. */
static bool take_stage(struct scanner *s)
{
	const struct log_table *t = s->table;

	for (size_t i = 0; i < t->stage_count; i++) {
		if (!t->stages[i].line[0] ||
		    !strstr(s->line, t->stages[i].line))
			continue;
		forget(s);
		s->started = true;
		s->out->stage = i;
		s->out->complete = !t->stages[i].next[0];
		s->out->is_25 |= strstr(s->line, "/codec.pth") != NULL;
		return true;
	}
	return false;
}

static void add_text(struct scanner *s, const char *line)
{
	size_t old = s->out->text.len;

	if (old + strlen(line) >= TEXT_MAX)
		return;
	str_addf(&s->out->text, "%s\n", line);
	redact_secrets(s->out->text.ptr + old);
}

static void set_last(struct scanner *s, const char *line)
{
	char *safe CLEANUP(free_ptr) = xstrdup(line);

	/* before it is cut: a password without the '@' behind it looks like nothing */
	redact_secrets(safe);
	str_clear(&s->out->last);
	str_add(&s->out->last, safe, strnlen(safe, LAST_MAX));
}

/* The line without the prefix that its traceback had. */
static const char *body(const struct scanner *s)
{
	size_t len = strlen(s->line);

	return s->line + (s->prefix < len ? s->prefix : len);
}

static void begin_traceback(struct scanner *s, const char *at)
{
	if (!s->chained)
		forget(s);
	s->prefix = (size_t)(at - s->line);
	s->in_frames = true;
	s->in_message = false;
	s->chained = false;
	s->out->exception = true;
}

static bool in_traceback(struct scanner *s)
{
	const char *line = body(s);
	const char *at = strstr(s->line, TRACEBACK);

	if (at) {
		begin_traceback(s, at);
		return true;
	}
	if (strstr(s->line, "During handling of the above exception") ||
	    strstr(s->line, "was the direct cause of the following")) {
		s->chained = true;
		s->in_message = false;
		return true;
	}
	if (s->in_frames) {
		if (*line == ' ' || *line == '\t' || !*line)
			return true;
		s->in_frames = false;
		s->in_message = true;
		set_last(s, line);
		add_text(s, line);
		return true;
	}
	if (s->in_message && *line) {
		add_text(s, line);
		return true;
	}
	s->in_message = false;
	return false;
}

/* Lines outside of tracebacks: the last that says something counts, but one that
 * only warns does not replace an error. */
static void take_line(struct scanner *s)
{
	const struct log_rule *r;

	if (s->out->exception || log_table_is_noise(s->table, s->line))
		return;
	r = log_table_match(s->table, s->line);
	if (!r || (s->out->rule && r->severity > s->out->rule->severity))
		return;
	/* a loop: the line that names the file tells more */
	if (r == s->out->rule && strstr(s->out->text.ptr, "/resolve/") &&
	    !strstr(s->line, "/resolve/"))
		return;
	s->out->rule = r;
	str_clear(&s->out->text);
	add_text(s, s->line);
	set_last(s, s->line);
}

/* .../ORG/NAME/resolve/REVISION/PATH */
static char *find_artifact(const char *text)
{
	static const char ends[] = " \t\n\"'`()<>,?";
	const char *mid = strstr(text, "/resolve/"), *from, *path;
	int slashes = 0;

	if (!mid)
		return NULL;
	for (from = mid; from > text && !strchr(ends, from[-1]); from--)
		if (from[-1] == '/' && ++slashes == 2)
			break;
	path = mid + strlen("/resolve/");
	path += strcspn(path, "/ \t\n\"'");
	if (*path != '/' || from == mid)
		return NULL;
	path++;
	return xasprintf("%.*s of %.*s", (int)strcspn(path, ends), path,
			 (int)(mid - from), from);
}

void log_scan(const struct log_table *t, const char *text, size_t len,
	      struct log_scan *out)
{
	struct scanner s = { .table = t, .out = out };
	const char *end = text + len;

	for (const char *p = text; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		bool is_long;

		clean(&s, p, nl ? nl : end);
		p = nl ? nl + 1 : end;
		out->lines++;
		is_long = strlen(s.line) >= t->shortest;
		if (!(is_long && take_stage(&s)) && !in_traceback(&s) &&
		    is_long)
			take_line(&s);
	}
	if (out->exception)
		out->rule = log_table_match(t, out->text.ptr);
	out->artifact = find_artifact(out->text.ptr);
}
