/* Names of *.dist-info directories, METADATA, versions and pins, secrets in texts: the
 * first line is a directory's name, a version and a pin, the rest METADATA. */
#include "base/attr.h"
#include "base/mem.h"
#include "doctor/packages.h"
#include "doctor/redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(const char *name)
{
	if (!*name || strpbrk(name, "/ \n\t_.") || strstr(name, "--"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text CLEANUP(free_ptr) = xstrndup((const char *)data,
						size < 4096 ? size : 4096);
	char *name CLEANUP(free_ptr) = NULL, *version CLEANUP(free_ptr) = NULL;
	char *name2 CLEANUP(free_ptr) = NULL;
	char *version2 CLEANUP(free_ptr) = NULL;
	char *rest = strchr(text, '\n');
	size_t len = strlen(text);

	if (metadata_parse((const char *)data, size, &name, &version))
		check_plain(name);
	if (rest)
		*rest++ = '\0';
	if (dist_info_parse(text, &name2, &version2))
		check_plain(name2);
	if (version_cmp(text, text) != 0 ||
	    (version_cmp(text, "1.0") > 0) != (version_cmp("1.0", text) < 0))
		abort();
	if (rest)
		(void)version_fits(text, rest);
	if (rest)
		rest[-1] = '\n';
	redact_secrets(text);
	if (strlen(text) != len)
		abort();
	return 0;
}
