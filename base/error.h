/*
 * The one error type. It lives on the caller's stack and owns no memory.
 * A function that can fail returns 0 or -1 and sets err exactly once, at the
 * source of the failure; callers add context with err_wrap().
 */
#ifndef ITTS_ERROR_H
#define ITTS_ERROR_H

#include "base/attr.h"

/* What a caller may branch on. Each class has one exit status. */
enum err_code {
	ERR_NONE,
	ERR_OTHER,
	ERR_USAGE,     /* the command line, a file name given, a setting */
	ERR_IO,	       /* local files: errno in sys */
	ERR_NET,       /* no answer: name, connect, TLS, time-out, cut */
	ERR_HTTP,      /* an answer that does not help: status in http */
	ERR_AUTH,      /* 401, 403, gated, 407 */
	ERR_NOT_FOUND, /* repo, revision, file, local input that is absent */
	ERR_FORMAT,    /* malformed manifest, lock, bundle, server answer */
	ERR_UNSAFE,    /* a path or link that would leave its place */
	ERR_INTEGRITY, /* wrong size or digest */
	ERR_BUSY,      /* locked by another process */
	ERR_CANCELLED, /* interrupted */
	ERR_CODES
};

struct error {
	enum err_code code;
	int sys;   /* errno at the point of failure, or 0 */
	long http; /* HTTP status, or 0 */
	char msg[1024];
};

/* All return -1. Control bytes in the text become '?'; a text that is too long
 * ends in "...". err must be ERR_NONE before err_set()/err_sys(). */
int err_set(struct error *err, enum err_code code, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* ERR_IO with ": <text of errnum>" behind the message. */
int err_sys(struct error *err, int errnum, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Puts "<text>: " in front of the message of an error that is set. */
int err_wrap(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts "<text>/" in front of a message that begins with the name of something in
 * that directory. */
int err_inside(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts "<name>: " in front of it, unless it has that name somewhere already. */
int err_name(struct error *err, const char *name);
/* Puts "; <text>" behind it: what the user can do next. */
int err_hint(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_clear(struct error *err);
#ifdef __clang_analyzer__ /* looks at one file at a time: -1 all the same */
#define err_set(...)	((err_set)(__VA_ARGS__), -1)
#define err_sys(...)	((err_sys)(__VA_ARGS__), -1)
#define err_wrap(...)	((err_wrap)(__VA_ARGS__), -1)
#define err_inside(...) ((err_inside)(__VA_ARGS__), -1)
#define err_name(...)	((err_name)(__VA_ARGS__), -1)
#define err_hint(...)	((err_hint)(__VA_ARGS__), -1)
#endif

/* Exit status of a class: see the table in README.md. */
int err_exit_status(enum err_code code);
/* Short stable name of a class for --json ("integrity", "network", ...). */
const char *err_code_name(enum err_code code);

#endif
