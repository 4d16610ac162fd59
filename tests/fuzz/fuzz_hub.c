/* What a hub may say: listings, Link URLs, header lines. The first byte chooses. */
#include "base/mem.h"
#include "base/path.h"
#include "fetch/http_response.h"
#include "fetch/hub.h"
#include "fetch/retry.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		__builtin_trap();
}

static void check_files(const struct lock_repo *repo)
{
	for (size_t i = 0; i < repo->file_count; i++) {
		const struct lock_file *f = &repo->files[i];
		struct error err = { .code = ERR_NONE };

		must(path_check(f->path, &err) == 0);
		must(f->size <= (uint64_t)1 << 53);
	}
}

static void listing(char kind, const char *text, size_t len)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock_repo *repo = lock_add_repo(&l);
	struct error err = { .code = ERR_NONE };
	int rc = kind == 't'
			 ? hub_parse_tree(text, len, repo, NULL, &err)
			 : hub_parse_info(text, len, true, NULL, repo, &err);

	must((rc == 0) == (err.code == ERR_NONE));
	if (rc == 0)
		check_files(repo);
	if (rc == 0 && kind == 'i')
		must(is_commit_id(repo->commit));
}

static void next_page(const char *link)
{
	struct hub_endpoint e = { .url = (char[]){ "https://m/prefix" },
				  .name = (char[]){ "https://m" } };
	struct error err = { .code = ERR_NONE };
	char *url CLEANUP(free_ptr) = NULL;

	if (hub_rehost(&e, link, &url, &err) == 0)
		must(strncmp(url, "https://m/prefix/api/", 21) == 0 &&
		     !strpbrk(url, " \r\n\\#"));
}

static void header(const char *text, size_t len)
{
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct header_parser p = { .now = 1000000000 };
	struct error err = { .code = ERR_NONE };

	http_response_init(&res);
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) + 1 : len;

		if (http_response_line(&res, &p, text, n, &err) < 0)
			return;
		text += n;
		len -= n;
	}
	must(res.range_start == UINT64_MAX || res.range_start <= res.range_end);
	must(!res.commit[0] || is_commit_id(res.commit));
	if (res.link_next)
		next_page(res.link_next);
	retry_explain(&res, "what", "from", &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text CLEANUP(free_ptr) = NULL;

	if (size == 0)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 't':
	case 'i':
		listing((char)data[0], (const char *)data + 1, size - 1);
		break;
	case 'l':
		next_page(text);
		break;
	case 'h':
		header((const char *)data + 1, size - 1);
		break;
	default:
		retry_foreign_body((const char *)data + 1, size - 1);
		break;
	}
	return 0;
}
