#include "bundle/sniff.h"

#include "base/attr.h"
#include "bundle/bmanifest.h"

#include <ctype.h>
#include <string.h>

struct magic {
	enum sniff_kind kind;
	size_t offset, len;
	const char *bytes, *what;
};

#define MAGIC(kind, offset, bytes, what)                     \
	{                                                    \
		kind, offset, sizeof(bytes) - 1, bytes, what \
	}

/* The first that fits. */
static const struct magic magics[] = {
	/* with the NUL that ends the name */
	MAGIC(SNIFF_BUNDLE, 0, BUNDLE_MANIFEST_NAME "\0", "a bundle"),
	MAGIC(SNIFF_COMPRESSED, 0, "\x28\xb5\x2f\xfd", "zstd data"),
	MAGIC(SNIFF_COMPRESSED, 0, "\x1f\x8b", "gzip data"),
	MAGIC(SNIFF_COMPRESSED, 0,
	      "\xfd"
	      "7zXZ\0",
	      "xz data"),
	MAGIC(SNIFF_COMPRESSED, 0, "BZh", "bzip2 data"),
	MAGIC(SNIFF_COMPRESSED, 0, "\x04\x22\x4d\x18", "lz4 data"),
	MAGIC(SNIFF_ARCHIVE, 0, "PK\x03\x04", "a zip archive"),
	MAGIC(SNIFF_ARCHIVE, 257, "ustar", "a tar archive"),
	MAGIC(SNIFF_WRONG, 0, "PK\x05\x06", "an empty zip archive"),
	MAGIC(SNIFF_WRONG, 0, "version https://git-lfs.github.com/spec/",
	      "a Git LFS pointer, not the file itself"),
	MAGIC(SNIFF_WRONG, 0, "version https://hawser.github.com/spec/",
	      "a Git LFS pointer, not the file itself"),
	MAGIC(SNIFF_WRONG, 0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
	MAGIC(SNIFF_WRONG, 0, "Rar!", "a RAR archive"),
};

/* Text without regard to case and leading white space. */
static const struct magic texts[] = {
	MAGIC(SNIFF_WRONG, 0, "<!doctype html", "a web page, not a file"),
	MAGIC(SNIFF_WRONG, 0, "<html", "a web page, not a file"),
	MAGIC(SNIFF_WRONG, 0, "<?xml", "an XML document"),
	MAGIC(SNIFF_WRONG, 0, "{", "a JSON document"),
};

static bool all_zero(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static const struct magic *find_text(const unsigned char *p, size_t len)
{
	while (len > 0 && isspace(*p)) {
		p++;
		len--;
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].len <= len &&
		    strncasecmp((const char *)p, texts[i].bytes,
				texts[i].len) == 0)
			return &texts[i];
	return NULL;
}

static const struct magic *find(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		const struct magic *m = &magics[i];

		if (m->offset + m->len <= len &&
		    memcmp(p + m->offset, m->bytes, m->len) == 0)
			return m;
	}
	return find_text(p, len);
}

enum sniff_kind sniff(const void *head, size_t len, const char **what)
{
	const struct magic *m = find(head, len);

	*what = m ? m->what : "something else";
	if (m)
		return m->kind;
	if (len == 0) {
		*what = "an empty file";
		return SNIFF_EMPTY;
	}
	if (all_zero(head, len)) {
		*what = "nothing but zeros at its start";
		return SNIFF_WRONG;
	}
	return SNIFF_UNKNOWN;
}
