/* In the carried program, for cmd/pull.c: it has no network. */
#include "cmd/pull.h"

#include "base/str.h"

bool pull_is_wanted(const char *path)
{
	return str_starts(path, "oci:");
}

int pull_install(struct app *app, const char *path,
		 const struct install_options *o, struct error *err)
{
	(void)app;
	(void)o;
	return err_set(err, ERR_USAGE,
		       "%s: this program is built without network", path);
}
