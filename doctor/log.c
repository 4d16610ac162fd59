/* The finding that a log leads to. */
#include "base/human.h"
#include "base/mem.h"
#include "doctor/logscan.h"
#include "doctor/state.h"

#include <string.h>

/* Names of commands in the table, with this model directory in them. */
static char *fill_in(const struct doctor *d, const char *text)
{
	static const struct {
		const char *word, *before, *after;
	} words[] = {
		{ "@install", "itts-pack install BUNDLE --model-dir ", "" },
		{ "@env", "eval \"$(itts-pack env --model-dir ", ")\"" },
		{ "@doctor", "itts-pack doctor --model-dir ", "" },
	};
	struct str out CLEANUP(str_release) = STR_INIT;

	while (*text) {
		size_t i = 0;

		while (i < ARRAY_LEN(words) && !str_starts(text, words[i].word))
			i++;
		if (i == ARRAY_LEN(words)) {
			str_addc(&out, *text++);
			continue;
		}
		char *command CLEANUP(free_ptr) = model_command(
			d, words[i].before, words[i].after);

		str_adds(&out, command);
		text += strlen(words[i].word);
	}
	return str_detach(&out);
}

static void say_rule(struct doctor *d, const struct log_scan *s)
{
	char *id CLEANUP(free_ptr) = xasprintf("log.%s", s->rule->id);
	char *remedy CLEANUP(free_ptr) = fill_in(d, s->rule->remedy);
	/* what comes behind a complete start is no reason for none */
	bool later = s->complete && strcmp(s->rule->id, "localhost-proxy") != 0;
	struct finding *f = FIND(
		d,
		later && s->rule->severity == SEV_ERROR ? SEV_WARNING
							: s->rule->severity,
		id, "the log%s: %s", later ? ", behind a complete start" : "",
		s->rule->title);

	finding_evidence(f, "%s%s%s", s->last.ptr,
			 s->artifact ? "; about " : "",
			 s->artifact ? s->artifact : "");
	finding_meaning(f, "%s", s->rule->meaning);
	finding_remedy(f, "%s", remedy);
}

static void say_unknown(struct doctor *d, const struct log_scan *s)
{
	struct finding *f = FIND(d, s->complete ? SEV_WARNING : SEV_ERROR,
				 "log.unknown",
				 "the log: an error that is not known here");

	finding_evidence(f, "%s", s->last.ptr);
	finding_meaning(f, "it is the last exception of the last traceback");
	finding_remedy(f, "the report of itts-pack doctor --json helps those "
			  "who are asked");
}

static void say_stops(struct doctor *d, const struct log_stage *stage)
{
	char *remedy CLEANUP(free_ptr) = fill_in(d, stage->remedy);
	struct finding *f = FIND(d, SEV_WARNING, "log.stops",
				 "the log just stops: %s", stage->what);

	finding_evidence(f, "last step: %s",
			 stage->line[0] ? stage->line : "none");
	finding_meaning(f, "%s", stage->next);
	finding_remedy(f, "%s", remedy);
}

/* 2.5 prints nothing behind BigVGAN. */
static bool is_end_of_25(const struct doctor *d, const struct log_scan *s,
			 const struct log_table *t)
{
	return (s->is_25 || d->family == FAMILY_25) && !s->rule &&
	       !s->exception && strcmp(t->stages[s->stage].id, "bigvgan") == 0;
}

static void say_maybe(struct doctor *d)
{
	struct finding *f = FIND(
		d, SEV_NOTE, "log.end-of-2.5",
		"the log ends where that of IndexTTS 2.5 does");

	finding_evidence(f, "last step: >> bigvgan weights restored from:");
	finding_meaning(f, "the start is complete, or the text normaliser is "
			   "being built (half a minute, at the first start)");
	finding_remedy(f, "itts-pack watch PID tells which");
}

void check_log(struct doctor *d)
{
	struct log_table t CLEANUP(log_table_release) = { 0 };
	struct log_scan s CLEANUP(log_scan_release) = LOG_SCAN_INIT;
	struct error err = { 0 };

	if (!d->in->has_log)
		return;
	if (log_table_load(&t, &err) != 0) {
		FIND(d, SEV_ERROR, "log.table", "%s", err.msg);
		return;
	}
	log_scan(&t, d->in->log, d->in->log_len, &s);
	fact_add(d, "log", "%zu %s; %s", s.lines,
		 human_plural(s.lines, "line", "lines"),
		 t.stages[s.stage].what);
	if (s.rule)
		say_rule(d, &s);
	else if (s.exception)
		say_unknown(d, &s);
	if (is_end_of_25(d, &s, &t))
		say_maybe(d);
	else if (!s.complete && !(s.rule && s.rule->severity == SEV_ERROR) &&
		 !s.exception)
		say_stops(d, &t.stages[s.stage]);
}
