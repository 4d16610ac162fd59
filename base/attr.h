/* Compiler attributes used everywhere. */
#ifndef ITTS_ATTR_H
#define ITTS_ATTR_H

/* Runs fn(&variable) when the variable leaves its scope; see CONTRIBUTING.md. */
#define CLEANUP(fn)	       __attribute__((cleanup(fn)))
#define MUST_CHECK	       __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN	       __attribute__((noreturn))
#define NEVER_NULL	       __attribute__((returns_nonnull))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
