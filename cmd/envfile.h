/* The variables of an offline start, in the forms that shells and service
 * managers read. Pure. */
#ifndef ITTS_ENVFILE_H
#define ITTS_ENVFILE_H

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

/* format: "sh", "fish", "systemd", "docker"; NULL: "sh". cache: absolute.
 * ERR_USAGE if a form cannot hold the path. */
int envfile_format(const char *format, const char *cache, struct str *out,
		   struct error *err) MUST_CHECK;
/* "set": {...}, "unset": [...] */
void envfile_json(struct json_writer *w, const char *cache);
/* The same variables as "NAME=VALUE" and as names that must not be set,
 * appended. */
void envfile_lists(const char *cache, struct strlist *sets,
		   struct strlist *unsets);

#endif
