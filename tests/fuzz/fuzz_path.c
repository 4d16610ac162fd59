/* Names from outside. The first line of the input is a name, the second a glob
 * pattern for it. */
#include "base/attr.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/glob.h"
#include "manifest/repo.h"
#include "manifest/twins.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Two names that differ only in the case of ASCII letters have one key. */
static void check_fold(const char *name, const char *folded)
{
	char *upper CLEANUP(free_ptr) = xstrdup(name);
	char *same CLEANUP(free_ptr) = NULL;

	for (char *p = upper; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	same = path_fold(upper);
	require(strcmp(folded, same) == 0);
}

/* Whatever path_check() lets through stays below its directory. */
static void check_path(const char *name)
{
	char *folded CLEANUP(free_ptr) = path_fold(name);
	struct error err = { 0 };

	check_fold(name, folded);
	if (path_check(name, &err) < 0) {
		require(err.code == ERR_UNSAFE);
		return;
	}
	require(utf8_valid(name, strlen(name)) && strlen(name) <= PATH_LIMIT);
	require(name[0] != '/' && !strstr(name, "//") && !strchr(name, '\\'));
	require(strcmp(name, "..") != 0 && !str_starts(name, "../"));
	require(!strstr(name, "/../") && !str_ends(name, "/.."));
	require(utf8_valid(folded, strlen(folded)));
}

static void check_names(const char *name)
{
	struct error err = { 0 };
	enum repo_type type;

	if (revision_check(name, &err) == 0) {
		require(path_check(name, &err) == 0);
	} else {
		require(err.code == ERR_USAGE);
		err_clear(&err);
	}
	if (repo_id_check(name, &err) == 0) {
		char *folder CLEANUP(free_ptr) = repo_folder(REPO_SPACE, name);
		char *id CLEANUP(free_ptr) = NULL;

		require(repo_folder_parse(folder, &type, &id) == 0);
		require(type == REPO_SPACE && strcmp(id, name) == 0);
	}
}

static void check_glob(const char *pattern, const char *name)
{
	struct twins t CLEANUP(twins_release) = TWINS_INIT;
	struct error err = { 0 };

	(void)glob_match(pattern, name);
	if (!glob_is_pattern(pattern))
		require(glob_match(pattern, name) ==
			(strcmp(pattern, name) == 0));
	twins_add(&t, name);
	twins_add(&t, name);
	require(twins_check(&t, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\n', size) : NULL;
	size_t len = end ? (size_t)(end - text) : size;
	char *name CLEANUP(free_ptr) = xstrndup(size ? text : "", len);
	char *pattern CLEANUP(free_ptr) = xstrndup(end ? end + 1 : "",
						   end ? size - len - 1 : 0);

	check_path(name);
	check_names(name);
	check_glob(pattern, name);
	return 0;
}
