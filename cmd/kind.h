/* What a file is that was given in the place of another: the end of an error. */
#ifndef ITTS_KIND_H
#define ITTS_KIND_H

#include <stdbool.h>

#include "base/error.h"

/* May it be replaced as a damaged one of this format ("\"itts-lock\"")? Its first
 * 4096 bytes name that, or it is empty. */
bool kind_is_old(const char *path, const char *format);

/* err is set. If it is ERR_FORMAT and the file is one of our own documents, and no
 * "itts-..." of the wanted format, that is added. Returns -1. */
int kind_hint(const char *path, const char *wanted, struct error *err);

#endif
