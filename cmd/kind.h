/* What a file is that was given in the place of another: the end of an error. */
#ifndef ITTS_KIND_H
#define ITTS_KIND_H

#include "base/error.h"

/* err is set. If it is ERR_FORMAT and the file is one of our own documents, and no
 * "itts-..." of the wanted format, that is added. Returns -1. */
int kind_hint(const char *path, const char *wanted, struct error *err);

#endif
