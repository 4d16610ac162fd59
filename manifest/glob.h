/* The Hub's pattern rules (Python's fnmatch, case-sensitive): '*' and '?' match
 * '/' too, [seq] and [!seq], a trailing '/' stands for "/" + "*". */
#ifndef ITTS_GLOB_H
#define ITTS_GLOB_H

#include <stdbool.h>

#include "base/str.h"

bool glob_match(const char *pattern, const char *path);
/* Has it '*', '?', '[' or a trailing '/'? If not, it names one file. */
bool glob_is_pattern(const char *pattern);
bool glob_match_any(const struct strlist *patterns, const char *path);
/* allow empty = all; a match in ignore wins. */
bool glob_select(const struct strlist *allow, const struct strlist *ignore,
		 const char *path);

#endif
