/* The environment of an offline start. */
#ifndef ITTS_OFFLINE_H
#define ITTS_OFFLINE_H

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "cmd/app.h"

/* The cache that the program shall use, absolute, appended: that of --model-dir
 * if it holds the Hub layout, else the usual one. */
int offline_cache(struct app *app, struct str *out, struct error *err)
	MUST_CHECK;

#endif
