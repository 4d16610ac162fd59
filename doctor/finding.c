#include "doctor/finding.h"

#include "base/mem.h"
#include "doctor/redact.h"

#include <stdarg.h>
#include <string.h>

const char *severity_name(enum severity s)
{
	static const char *const names[] = { "error", "warning", "note" };

	return names[s];
}

static void finding_release(struct finding *f)
{
	free_ptr(&f->id);
	free_ptr(&f->title);
	free_ptr(&f->evidence);
	free_ptr(&f->meaning);
	free_ptr(&f->remedy);
}

void findings_release(struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		finding_release(&f->items[i]);
	free_ptr(&f->items);
	*f = (struct findings){ 0 };
}

/* Insertion: there are few, and equals keep their order. */
void findings_sort(struct findings *f)
{
	for (size_t i = 1; i < f->count; i++) {
		struct finding moved = f->items[i];
		size_t k = i;

		for (; k && f->items[k - 1].severity > moved.severity; k--)
			f->items[k] = f->items[k - 1];
		f->items[k] = moved;
	}
}

const struct finding *findings_find(const struct findings *f, const char *id)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->items[i].id, id) == 0)
			return &f->items[i];
	return NULL;
}

/* Every text goes through here, so no secret gets past. */
PRINTF_LIKE(2, 0)
static void set_text(char **to, const char *fmt, va_list args)
{
	free_ptr(to);
	*to = xvasprintf(fmt, args);
	redact_secrets(*to);
}

struct finding *finding_add(struct findings *f, enum severity severity,
			    const char *id, const char *fmt, ...)
{
	struct finding *new;
	va_list args;

	f->items = xgrow(f->items, &f->cap, f->count + 1, sizeof(*f->items));
	new = &f->items[f->count++];
	*new = (struct finding){ .severity = severity, .id = xstrdup(id) };
	va_start(args, fmt);
	set_text(&new->title, fmt, args);
	va_end(args);
	return new;
}

void finding_evidence(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_text(&f->evidence, fmt, args);
	va_end(args);
}

void finding_meaning(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_text(&f->meaning, fmt, args);
	va_end(args);
}

void finding_remedy(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_text(&f->remedy, fmt, args);
	va_end(args);
}
