#include "bundle/scan_input.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>

void scan_result_release(struct scan_result *r)
{
	strlist_release(&r->notes);
	*r = (struct scan_result){ 0 };
}

void scan_raise(struct scan_result *r, enum scan_word word)
{
	if (r->word < word)
		r->word = word;
}

void scan_result_add(struct scan_result *r, struct scan_result *part)
{
	scan_raise(r, part->word);
	r->limit = r->limit || part->limit;
	r->more += part->more;
	for (size_t i = 0; i < part->notes.count; i++) {
		if (r->notes.count == SCAN_MAX_NOTES)
			r->more++;
		else
			strlist_take(&r->notes, take_ptr(part->notes.items[i]));
	}
	part->notes.count = 0;
}

void scan_note(struct scan_result *r, enum scan_word word, uint64_t offset,
	       const char *fmt, ...)
{
	char *what CLEANUP(free_ptr) = NULL;
	va_list args;

	scan_raise(r, word);
	if (r->notes.count == SCAN_MAX_NOTES) {
		r->more++;
		return;
	}
	va_start(args, fmt);
	what = xvasprintf(fmt, args);
	va_end(args);
	strlist_take(&r->notes, xasprintf("%s%sbyte %" PRIu64 ": %s",
					  r->member ? r->member : "",
					  r->member ? " " : "", offset, what));
}
