/* The variables of an offline start, in the forms that shells and service
 * managers read. Pure. */
#ifndef ITTS_ENVFILE_H
#define ITTS_ENVFILE_H

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

/* Borrowed. */
struct envfile {
	const char *cache;    /* absolute */
	const char *no_proxy; /* hosts that it names already, NULL: none */
};
/* Those of NO_PROXY there, and localhost; a service and a container have an
 * environment of their own. format: "sh", "fish", "systemd", "docker"; NULL: "sh".
 * ERR_USAGE if a form cannot hold the path. */
int envfile_format(const struct envfile *e, const char *format, struct str *out,
		   struct error *err) MUST_CHECK;
/* "set": {...}, "unset": [...]. ERR_USAGE if the path is not UTF-8. */
int envfile_json(const struct envfile *e, struct json_writer *w,
		 struct error *err) MUST_CHECK;
/* The same variables as "NAME=VALUE" and as names that must not be set,
 * appended. */
void envfile_lists(const struct envfile *e, struct strlist *sets,
		   struct strlist *unsets);

#endif
