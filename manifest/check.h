/* Small texts that manifest and lock have in common. */
#ifndef ITTS_MANIFEST_CHECK_H
#define ITTS_MANIFEST_CHECK_H

#include "base/attr.h"
#include "base/error.h"

#define NAME_LIMIT 64
#define URL_LIMIT  2000
#define TEXT_LIMIT 2000 /* bytes of a notice, licence, description */

/* Name of a manifest or group: [a-z0-9][a-z0-9._-]*, at most NAME_LIMIT bytes,
 * so that it can be part of a file name everywhere. ERR_FORMAT. */
int name_check(const char *name, struct error *err) MUST_CHECK;
/* One line for people: 1..TEXT_LIMIT bytes, no control bytes. ERR_FORMAT. */
int text_check(const char *text, struct error *err) MUST_CHECK;
/* An http or https URL without user, password and fragment, at most URL_LIMIT
 * bytes, all of them printable ASCII. ERR_FORMAT. */
int url_check(const char *url, struct error *err) MUST_CHECK;
/* repo_id_check() and revision_check() for files: ERR_FORMAT, ERR_UNSAFE for a ref
 * that would leave its place. */
int id_check(const char *id, struct error *err) MUST_CHECK;
int rev_check(const char *revision, struct error *err) MUST_CHECK;

#endif
