/* Members of a manifest's JSON, with their place in every message. */
#ifndef ITTS_FIELD_H
#define ITTS_FIELD_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"

/* where: place of the object that has the key ("models[0]"), "" at the top. */

/* Puts the place in front of the message if status is -1; returns status. */
int field_at(const char *where, const char *key, int status, struct error *err);
int field_fail(const char *where, const char *key, const char *why,
	       struct error *err);
/* ERR_FORMAT if there are more than limit. */
int field_count(size_t count, size_t limit, const char *where, const char *key,
		struct error *err) MUST_CHECK;
/* Optional members; *out is NULL where there is none. */
int field_object(const struct json *obj, const char *key, size_t limit,
		 const char *where, const struct json **out, struct error *err)
	MUST_CHECK;
int field_array(const struct json *obj, const char *key, size_t limit,
		const char *where, const struct json **out, struct error *err)
	MUST_CHECK;
/* Optional; goes through text_check(). Caller frees *out. */
int field_text(const struct json *obj, const char *key, char **out,
	       const char *where, struct error *err) MUST_CHECK;

#endif
