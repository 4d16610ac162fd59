#include "base/event.h"

#include "base/error.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void event_emit(const struct event_sink *sink, const struct event *ev)
{
	if (sink && sink->fn)
		sink->fn(sink->ctx, ev);
}

PRINTF_LIKE(3, 0)
static void message(const struct event_sink *sink, enum event_type type,
		    const char *fmt, va_list args)
{
	/* as long as any error message, which is what most of them are */
	char text[sizeof(((struct error *)0)->msg)];

	if (!sink)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	utf8_make_printable(text);
	event_emit(sink, &(struct event){ .type = type, .text = text });
}

void event_info(const struct event_sink *sink, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(sink, EVENT_INFO, fmt, args);
	va_end(args);
}

void event_warn(const struct event_sink *sink, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(sink, EVENT_WARN, fmt, args);
	va_end(args);
}
