/* The record of serials on this machine, for install. */
#ifndef ITTS_CMD_SERIAL_H
#define ITTS_CMD_SERIAL_H

#include "base/attr.h"
#include "base/error.h"
#include "bundle/bmanifest.h"
#include "cmd/app.h"

/* May this bundle, which came from path, be installed into the cache at root? Says it
 * if older ones could not be told. ERR_UNSAFE. */
int serial_check(struct app *app, const struct bundle_manifest *m,
		 const char *path, const char *root, struct error *err)
	MUST_CHECK;
/* The same once more and without a word if it may: while nobody else installs, since
 * a newer one may have been recorded meanwhile. ERR_UNSAFE. */
int serial_check_again(struct app *app, const struct bundle_manifest *m,
		       const char *path, struct error *err) MUST_CHECK;
/* It is installed. What cannot be recorded is a warning: the files are there. */
void serial_record(struct app *app, const struct bundle_manifest *m);

#endif
