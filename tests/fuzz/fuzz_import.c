/* Names and link targets of strangers' archives: what is taken stays inside. Input:
 * a name, a newline, where it leads. */
#include "base/mem.h"
#include "base/path.h"
#include "bundle/import_name.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follow(const char *path, const char *target,
		   const struct import_name *name)
{
	char *to CLEANUP(free_ptr) = NULL;
	struct error err = { 0 };

	if (import_follow(&to, path, target, name->folder, &err)) {
		assert(err.code == ERR_UNSAFE);
		return;
	}
	err_clear(&err);
	assert(!path_check(to, &err));
	assert(strlen(to) > name->folder);
	assert(!strncmp(to, path, name->folder));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text CLEANUP(free_ptr) = xstrndup((const char *)data, size);
	char *target = strchr(text, '\n');
	char *path CLEANUP(free_ptr) = NULL;
	struct error err = { 0 };
	struct import_name name;
	size_t len;

	if (target)
		*target++ = '\0';
	if (path_of_entry(&path, text, &err)) {
		assert(err.code == ERR_UNSAFE);
		return 0;
	}
	if (!path)
		return 0;
	assert(!path_check(path, &err));
	import_name_parse(&name, path);
	len = strlen(path);
	assert(name.folder + name.folder_len <= len);
	if (name.kind == IMPORT_FILE)
		assert(name.rest < len && name.commit + 41 == name.rest);
	if (name.kind == IMPORT_BLOB || name.kind == IMPORT_REF)
		assert(name.rest <= len);
	if (target && name.kind != IMPORT_OTHER)
		follow(path, target, &name);
	return 0;
}
