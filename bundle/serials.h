/*
 * The highest serial that was installed of each bundle, by name: so that an old
 * bundle, though signed, is not taken for a new one. The clock has no say.
 */
#ifndef ITTS_SERIALS_H
#define ITTS_SERIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"

#define SERIALS_NAME  "serials.json"
#define SERIALS_JUMP  1000000u		 /* more at once wants a word */
#define SERIALS_LIMIT ((size_t)16 << 20) /* bytes of the file */
#define SERIALS_MAX   100000		 /* names */

struct serial {
	char *name;
	uint64_t highest, installed; /* installed: lower after a downgrade */
	struct digest lock;	     /* of the highest */
};

struct serials {
	struct serial *items; /* sorted by name */
	size_t count, cap;
};
void serials_release(struct serials *s); /* CLEANUP */
/* ERR_FORMAT. */
int serials_parse(struct serials *out, const char *text, size_t len,
		  struct error *err) MUST_CHECK;
void serials_format(const struct serials *s, struct str *out);
const struct serial *serials_find(const struct serials *s, const char *name);

/* A bundle that wants to be installed. */
struct serial_claim {
	const char *name;
	uint64_t serial;
	struct digest lock;
	bool allow_downgrade, allow_jump;
};
/* ERR_UNSAFE: it is older than what was here, or jumps. Pure. */
int serials_check(const struct serials *s, const struct serial_claim *c,
		  struct error *err) MUST_CHECK;
/* After it was installed. ERR_IO: a new name, and SERIALS_MAX are there. */
int serials_note(struct serials *s, const struct serial_claim *c,
		 struct error *err) MUST_CHECK;

/* The file in dir. Absent: *found is false, and out is empty. */
int serials_load(struct serials *out, const char *dir, bool *found,
		 struct error *err) MUST_CHECK;
/* Reads it again under a lock, notes the claim, writes it; makes dir. ERR_IO, and the
 * file is left as it was, also if it would become too large to be read. */
int serials_record(const char *dir, const struct serial_claim *c,
		   struct error *err) MUST_CHECK;

#endif
