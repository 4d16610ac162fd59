#include "cmd/kind.h"

#include "base/attr.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "bundle/volumes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 4096 /* our programs write the format into the first line or two */

static const struct kind {
	const char *format, *text;
} kinds[] = {
	{ "itts-bundle.json", "a bundle, which itts-pack install takes" },
	{ "\"itts-lock\"", "a lock file, which --lock takes" },
	{ "\"itts-manifest\"", "a manifest, which -m takes" },
	{ "\"itts-inventory\"",
	  "an inventory, which itts-pack pack --for takes" },
	{ "\"itts-policy\"",
	  "a policy, which itts-pack install --policy takes" },
	{ "\"itts-bundle\"", "the manifest of a bundle, not the bundle" },
	{ "\"itts-volumes\"",
	  "the card of a bundle in volumes; give the directory" },
};

/* false: it cannot be read. */
static bool read_head(const char *path, char head[HEAD + 1], size_t *got)
{
	/* not one that would wait for a writer */
	int fd CLEANUP(close_fd) = open(path,
					O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct error ignored = { .code = ERR_NONE };

	if (fd < 0 ||
	    file_pread_full(fd, head, HEAD, 0, got, path, &ignored) != 0)
		return false;
	head[*got] = '\0';
	return true;
}

/* NULL: none of ours, or it cannot be read. */
static const struct kind *kind_of(const char *path)
{
	char head[HEAD + 1];
	size_t got;

	if (!read_head(path, head, &got))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		/* the first member of a tar, or a value in JSON */
		if (kinds[i].format[0] != '"'
			    ? str_starts(head, kinds[i].format)
			    : *head == '{' && strstr(head, kinds[i].format))
			return &kinds[i];
	return NULL;
}

bool kind_is_old(const char *path, const char *format)
{
	char head[HEAD + 1];
	size_t got;

	return read_head(path, head, &got) &&
	       (got == 0 || memmem(head, got, format, strlen(format)));
}

int kind_hint(const char *path, const char *wanted, struct error *err)
{
	const struct kind *k;
	struct stat st;

	if (err->code == ERR_FORMAT && stat(path, &st) == 0 &&
	    S_ISDIR(st.st_mode) && !volumes_in(path))
		return err_hint(err, "itts-pack import takes from another "
				     "cache, verify --cache checks one");
	if (err->code != ERR_FORMAT || !(k = kind_of(path)) ||
	    strstr(k->format, wanted))
		return -1;
	return err_hint(err, "it is %s", k->text);
}
