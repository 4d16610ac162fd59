/* Names that come from outside. Nothing here touches the disk. */
#ifndef ITTS_PATH_H
#define ITTS_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"

#define PATH_LIMIT 1024 /* bytes of a path inside a repo or a model directory */

/* A relative path that stays where it is put: valid UTF-8, 1..PATH_LIMIT bytes,
 * components of 1..255 bytes, none "." or "..", no leading or trailing '/', no
 * control bytes (also not U+0080..9F, bidi overrides, line separators), no
 * backslash. ERR_UNSAFE naming the reason. */
int path_check(const char *path, struct error *err) MUST_CHECK;

/* The name of an archive's entry as a path: without "./" in front and '/' at the
 * end. *out NULL: it is the archive's top. Caller frees. ERR_UNSAFE. */
int path_of_entry(char **out, const char *name, struct error *err) MUST_CHECK;

/* Key under which two names that a case-folding or normalising file system
 * would take for one are equal: ASCII and Latin/Greek/Cyrillic letters folded,
 * common composed letters decomposed. Caller frees. */
char *path_fold(const char *path);

/* The same letters with common composed ones decomposed, as Mac OS Extended writes
 * names (NFD). Caller frees. */
char *path_decompose(const char *path);

/* Hub repo id: "name" or "namespace/name" by the Hub's own rules (each at most
 * 96 bytes of [A-Za-z0-9._-], no "--", no "..", no leading or trailing '-' or
 * '.', not ".git" at the end). ERR_USAGE. */
int repo_id_check(const char *id, struct error *err) MUST_CHECK;
/* Branch, tag, refs/pr/N or commit as people write it; safe as a path below
 * refs/. ERR_USAGE. */
int revision_check(const char *revision, struct error *err) MUST_CHECK;

/* How many directories a path stands in that another one, the one before it in
 * their order, does not: "a/b/c", "a/x" -> 1. */
size_t path_new_dirs(const char *path, const char *before);

/* Percent-encodes all but A-Za-z0-9_.-~ ('/' too unless keep_slash). */
void url_escape(struct str *out, const char *s, bool keep_slash);

/* Text of a path relative to the directory `from` that leads to `to`; both
 * relative to the same root. ("a/b", "x/y" -> "../../x/y") */
void path_relative(struct str *out, const char *from_dir, const char *to);
const char *path_base(const char *path); /* borrowed: behind the last '/' */
/* Cuts the last name off, in place: "a/b" to "a", that to ".", "/a" to "/". Not of an
 * empty path. */
void path_cut(char *path);

#endif
