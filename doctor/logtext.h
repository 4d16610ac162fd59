/* Logs that are not in the encoding of Linux. */
#ifndef ITTS_LOGTEXT_H
#define ITTS_LOGTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* False, and out as it was, if the bytes are not UTF-16. Pure. */
bool log_text_from_utf16(const char *text, size_t len, struct str *out);

#endif
