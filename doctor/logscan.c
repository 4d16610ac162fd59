/*
 * Logs of Python programs: a traceback is a line "Traceback (most recent call last):",
 * indented lines, and the exception with the rest of its text. Chained ones stand one
 * behind the other, the cause first. Colours, progress bars (\r) and the prefixes of
 * docker compose ("name  | ") are taken off, UTF-16 (of PowerShell) is made UTF-8. What
 * the program survived, since a later step was done, does not count; nor does what an
 * earlier start left in the log.
 */
#include "doctor/logscan.h"

#include "base/mem.h"
#include "doctor/logtext.h"
#include "doctor/redact.h"

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
	size_t prefix;	 /* bytes in front of "Traceback", */
	size_t mark;	 /* to behind the last that is no blank, */
	char mark_char;	 /* and that */
	bool started;	 /* a stage was seen */
};

void log_scan_release(struct log_scan *s)
{
	str_release(&s->text);
	str_release(&s->last);
	free_ptr(&s->artifact);
}

/* What a terminal does not print: a title or a link (to BEL or ESC \), colours and
 * movements (ESC [ ... letter), character sets (ESC ( letter). */
static size_t skip_escape(const char *p, const char *end)
{
	const char *q = p + 2;
	bool more = false; /* q is of it */

	if (*p != '\033' || end - p < 2)
		return 0;
	if (p[1] == ']') {
		while (q < end && *q != '\a' && *q != '\033')
			q++;
		more = q < end && *q == '\a';
	} else if (p[1] == '[') {
		while (q < end && !(*q >= '@' && *q <= '~'))
			q++;
		more = q < end;
	} else if (p[1] == '(') {
		more = q < end;
	}
	return (size_t)(q - p) + more;
}

/* A line without colours and without what a progress bar has overwritten: what comes
 * behind \r begins anew, unless nothing does. */
static void clean(struct scanner *s, const char *p, const char *end)
{
	bool anew = false;
	size_t n = 0;

	while (p < end) {
		size_t skip = skip_escape(p, end);

		if (*p == '\r') {
			anew = true;
		} else if (!skip && *p) {
			n = anew ? 0 : n;
			anew = false;
			if (n < LINE_MAX_LEN - 1)
				s->line[n++] = *p;
		}
		p += skip ? skip : 1;
	}
	while (n && s->line[n - 1] == ' ')
		n--;
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

/* The line without the prefix that its traceback had. Times in it differ, what they end
 * with does not; a progress bar stands in front of the first line alone. */
static const char *body(const struct scanner *s)
{
	size_t at = s->mark;

	if (at &&
	    (strnlen(s->line, at) < at || s->line[at - 1] != s->mark_char))
		return s->line;
	while (at < s->prefix && s->line[at] == ' ')
		at++;
	return s->line[at] && at < s->prefix ? s->line : s->line + at;
}

static void begin_traceback(struct scanner *s, const char *at)
{
	if (!s->chained)
		forget(s);
	s->prefix = s->mark = (size_t)(at - s->line);
	while (s->mark && s->line[s->mark - 1] == ' ')
		s->mark--;
	s->mark_char = s->mark ? s->line[s->mark - 1] : '\0';
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
	struct str utf8 CLEANUP(str_release) = STR_INIT;
	const char *end;

	if (log_text_from_utf16(text, len, &utf8)) {
		text = utf8.ptr;
		len = utf8.len;
	}
	end = text + len;
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
