#include "base/error.h"
#undef err_set
#undef err_sys
#undef err_wrap
#undef err_inside
#undef err_name
#undef err_hint

#include "base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int status;
} classes[ERR_CODES] = {
	[ERR_NONE] = { "none", 0 },
	[ERR_OTHER] = { "other", 1 },
	[ERR_USAGE] = { "usage", 2 },
	[ERR_IO] = { "io", 3 },
	[ERR_NET] = { "network", 4 },
	[ERR_HTTP] = { "http", 4 },
	[ERR_AUTH] = { "credentials", 5 },
	[ERR_NOT_FOUND] = { "not_found", 6 },
	[ERR_FORMAT] = { "format", 7 },
	[ERR_UNSAFE] = { "unsafe", 8 },
	[ERR_INTEGRITY] = { "integrity", 9 },
	[ERR_BUSY] = { "busy", 10 },
	[ERR_CANCELLED] = { "cancelled", 130 },
};

/* needed: what the text would have taken without a limit */
static void finish(struct error *err, size_t needed)
{
	const size_t room = sizeof(err->msg);

	if (needed >= room) {
		size_t cut = room - sizeof("...");

		/* not in the middle of a character */
		while (cut && ((unsigned char)err->msg[cut] & 0xC0) == 0x80)
			cut--;
		memcpy(err->msg + cut, "...", sizeof("..."));
	}
	utf8_make_printable(err->msg);
}

PRINTF_LIKE(2, 0)
static size_t format(struct error *err, const char *fmt, va_list args)
{
	int n = vsnprintf(err->msg, sizeof(err->msg), fmt, args);

	assert(n >= 0);
	return (size_t)n;
}

/* Appends behind a message of len bytes; returns the length it would have. */
PRINTF_LIKE(3, 0)
static size_t append(struct error *err, size_t len, const char *fmt,
		     va_list args)
{
	size_t used = len < sizeof(err->msg) ? len : sizeof(err->msg) - 1;
	int n = vsnprintf(err->msg + used, sizeof(err->msg) - used, fmt, args);

	assert(n >= 0);
	return len + (size_t)n;
}

PRINTF_LIKE(3, 4)
static size_t appendf(struct error *err, size_t len, const char *fmt, ...)
{
	va_list args;
	size_t needed;

	va_start(args, fmt);
	needed = append(err, len, fmt, args);
	va_end(args);
	return needed;
}

int err_set(struct error *err, enum err_code code, const char *fmt, ...)
{
	va_list args;

	assert(err->code == ERR_NONE && code != ERR_NONE);
	err->code = code;
	va_start(args, fmt);
	finish(err, format(err, fmt, args));
	va_end(args);
	return -1;
}

int err_sys(struct error *err, int errnum, const char *fmt, ...)
{
	const char *text = strerrordesc_np(errnum); /* never locale or static */
	va_list args;
	size_t len;

	assert(err->code == ERR_NONE);
	err->code = ERR_IO;
	err->sys = errnum;
	va_start(args, fmt);
	len = format(err, fmt, args);
	va_end(args);
	if (text)
		len = appendf(err, len, ": %s", text);
	else
		len = appendf(err, len, ": error %d", errnum);
	finish(err, len);
	return -1;
}

PRINTF_LIKE(3, 0)
static void in_front(struct error *err, const char *joint, const char *fmt,
		     va_list args)
{
	char old[sizeof(err->msg)];

	assert(err->code != ERR_NONE);
	memcpy(old, err->msg, sizeof(old));
	finish(err, appendf(err, format(err, fmt, args), "%s%s", joint, old));
}

int err_wrap(struct error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	in_front(err, ": ", fmt, args);
	va_end(args);
	return -1;
}

int err_inside(struct error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	in_front(err, "/", fmt, args);
	va_end(args);
	return -1;
}

int err_name(struct error *err, const char *name)
{
	return strstr(err->msg, name) ? -1 : err_wrap(err, "%s", name);
}

int err_hint(struct error *err, const char *fmt, ...)
{
	va_list args;

	assert(err->code != ERR_NONE);
	va_start(args, fmt);
	finish(err,
	       append(err, appendf(err, strlen(err->msg), "; "), fmt, args));
	va_end(args);
	return -1;
}

void err_clear(struct error *err)
{
	*err = (struct error){ 0 };
}

int err_exit_status(enum err_code code)
{
	assert((unsigned)code < ERR_CODES);
	return classes[code].status;
}

const char *err_code_name(enum err_code code)
{
	assert((unsigned)code < ERR_CODES);
	return classes[code].name;
}
