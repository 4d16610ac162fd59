#include "doctor/content.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "doctor/look.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEAD_LEN 512
#define JSON_MAX (4u << 20)

static const char *const html_starts[] = { "<!doctype", "<html", "<head",
					   "<?xml", "<body" };

static bool begins(const char *p, size_t len, const char *word)
{
	return len >= strlen(word) && strncasecmp(p, word, strlen(word)) == 0;
}

enum content content_sniff(const char *head, size_t len)
{
	const char *p = head;
	size_t zeros = 0;

	if (begins(p, len, "version https://git-lfs") ||
	    begins(p, len, "version https://hawser"))
		return CONTENT_POINTER;
	while (zeros < len && !head[zeros])
		zeros++;
	if (zeros == len && len >= 64)
		return CONTENT_ZEROS;
	while (len && isspace((unsigned char)*p)) {
		p++;
		len--;
	}
	for (size_t i = 0; i < ARRAY_LEN(html_starts); i++)
		if (begins(p, len, html_starts[i]))
			return CONTENT_HTML;
	return CONTENT_GOOD;
}

static int check_json(int fd, uint64_t size, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json *doc CLEANUP(json_free) = NULL;
	size_t got;

	if (size > JSON_MAX)
		return err_set(err, ERR_FORMAT, "%llu bytes of JSON",
			       (unsigned long long)size);
	str_fill(&text, ' ', (size_t)size);
	if (file_pread_full(fd, text.ptr, (size_t)size, 0, &got, "it", err))
		return -1;
	return json_parse(&doc, text.ptr, got, err);
}

static int check_kind(int fd, uint64_t size, enum file_kind kind,
		      struct content_check *out, struct error *err)
{
	int rc = 0;

	if (kind == KIND_SAFETENSORS)
		return safetensors_read(fd, size, &out->weights, out->says,
					err);
	if (kind == KIND_TORCH)
		return torch_read(fd, size, &out->weights, out->says, err);
	if (kind == KIND_JSON) {
		rc = check_json(fd, size, err);
		if (rc)
			snprintf(out->says, sizeof(out->says),
				 "json.decoder.JSONDecodeError");
	}
	return rc;
}

static const char *says_of(enum content c, enum file_kind kind)
{
	if (kind == KIND_SAFETENSORS)
		return c == CONTENT_EMPTY ? "Error while deserializing header: "
					    "HeaderTooSmall"
		       : c == CONTENT_ZEROS
			       ? "Error while deserializing header"
			       : "Error while deserializing header: "
				 "HeaderTooLarge";
	if (kind != KIND_TORCH)
		return "";
	return c == CONTENT_EMPTY     ? "EOFError: Ran out of input"
	       : c == CONTENT_POINTER ? "invalid load key, 'v'"
	       : c == CONTENT_HTML    ? "invalid load key, '<'"
				      : "invalid load key, '\\x00'";
}

void content_check(const char *path, enum file_kind kind,
		   struct content_check *out)
{
	struct error err = { 0 };
	char head[HEAD_LEN];
	uint64_t size;
	size_t got;
	int fd CLEANUP(close_fd) = look_open(path, &size);

	*out = (struct content_check){ 0 };
	if (fd < 0) {
		out->state = CONTENT_UNREADABLE;
		snprintf(out->why, sizeof(out->why), "%s",
			 errno == EACCES ? "this user may not read it"
					 : "it cannot be opened");
		return;
	}
	if (file_pread_full(fd, head, sizeof(head), 0, &got, path, &err)) {
		out->state = CONTENT_UNREADABLE;
		snprintf(out->why, sizeof(out->why), "%.255s", err.msg);
		return;
	}
	out->state = size ? content_sniff(head, got) : CONTENT_EMPTY;
	if (out->state != CONTENT_GOOD) {
		snprintf(out->says, sizeof(out->says), "%s",
			 says_of(out->state, kind));
		return;
	}
	if (check_kind(fd, size, kind, out, &err)) {
		out->state = err.code == ERR_IO ? CONTENT_UNREADABLE
						: CONTENT_BROKEN;
		snprintf(out->why, sizeof(out->why), "%.255s", err.msg);
	}
}

const char *content_text(enum content c)
{
	static const char *const texts[] = {
		[CONTENT_GOOD] = "is as it should be",
		[CONTENT_EMPTY] = "is empty",
		[CONTENT_POINTER] = "is a Git LFS pointer, not the file itself",
		[CONTENT_HTML] = "is a web page, not the file",
		[CONTENT_ZEROS] =
			"is reserved space that no download has filled",
		[CONTENT_BROKEN] = "is damaged",
		[CONTENT_UNREADABLE] = "cannot be read",
	};

	return texts[c];
}
