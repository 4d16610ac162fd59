/* The fuzzers' corpora: what is taken, and what is not. The first byte of a seed
 * says what it is, as for the fuzzers. */
#include "tests/unit/fetch/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/endpoint.h"
#include "fetch/http_response.h"
#include "fetch/hub.h"
#include "fetch/lfs.h"
#include "fetch/modelscope.h"
#include "fetch/pkt.h"

#include <fcntl.h>
#include <string.h>

struct seed {
	const char *name;
	char kind;
	bool taken;
};

static void assert_paths(const struct lock_repo *repo)
{
	for (size_t i = 0; i < repo->file_count; i++) {
		struct error err = { .code = ERR_NONE };

		assert_ok(path_check(repo->files[i].path, &err), &err);
	}
}

static bool take_link(const char *text)
{
	struct hub_endpoint e = { .url = (char[]){ "https://m/prefix" },
				  .name = (char[]){ "https://m" } };
	char *url CLEANUP(free_ptr) = NULL;
	struct error err = { .code = ERR_NONE };

	return hub_rehost(&e, text, &url, &err) == 0;
}

static bool take_header(const char *text, size_t len)
{
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct header_parser p = { .now = 1000000000 };
	struct error err = { .code = ERR_NONE };

	http_response_init(&res);
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) + 1 : len;

		if (http_response_line(&res, &p, text, n, &err) < 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

static bool take_hub(char kind, const char *text, size_t len)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock_repo *repo = lock_add_repo(&l);
	struct error err = { .code = ERR_NONE };
	int rc;

	if (kind == 'l')
		return take_link(text);
	if (kind == 'h')
		return take_header(text, len);
	if (kind != 't' && kind != 'i')
		return false;
	rc = kind == 't' ? hub_parse_tree(text, len, repo, NULL, &err)
			 : hub_parse_info(text, len, true, NULL, repo, &err);
	assert_paths(repo);
	return rc == 0 && repo->file_count > 0;
}

static int count(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		 struct error *err)
{
	size_t *packets = ctx;

	(void)kind;
	(void)p;
	(void)n;
	(void)err;
	++*packets;
	return 0;
}

static bool take_packets(const char *text, size_t len)
{
	struct pkt_reader *r CLEANUP(free_ptr) = xcalloc(1, sizeof(*r));
	struct error err = { .code = ERR_NONE };
	size_t packets = 0;

	r->packet = count;
	r->ctx = &packets;
	return pkt_feed(r, text, len, &err) == 0 && pkt_finish(r, &err) == 0 &&
	       packets > 0;
}

static bool take_git(char kind, const char *text, size_t len)
{
	struct lfs_answer a CLEANUP(lfs_answer_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct digest d;
	char commit[41];
	uint64_t n;

	if (kind == 'p')
		return take_packets(text, len);
	if (kind == 'b')
		return lfs_parse_batch(text, len, &a, &err) == 0 && a.count > 0;
	if (kind == 'r')
		return pkt_ref_is(text, len, "HEAD", commit);
	return lfs_parse_pointer(text, len, &d, &n);
}

static bool take_modelscope(char kind, const char *text, size_t len)
{
	const struct hub_endpoint site = { .kind = ENDPOINT_MODELSCOPE };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock_repo *repo = lock_add_repo(&l);
	struct error err = { .code = ERR_NONE };
	char *message CLEANUP(free_ptr) = NULL;
	char commit[41];
	size_t rows = 0;

	if (kind == 'c')
		return modelscope_parse_commit(text, len, commit, &err) == 0;
	if (kind == 'f') {
		int rc = modelscope_parse_files(text, len, repo, &rows, &err);

		assert_paths(repo);
		return rc == 0 && repo->file_count > 0;
	}
	message = endpoint_message(&site, text, len);
	return message != NULL;
}

static void replay(const char *corpus, const struct seed *seeds, size_t n,
		   bool (*take)(char kind, const char *text, size_t len))
{
	for (size_t i = 0; i < n; i++) {
		char *path CLEANUP(free_ptr) = xasprintf(
			"tests/fuzz/corpus/%s/%s", corpus, seeds[i].name);
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { .code = ERR_NONE };

		assert_ok(file_read_all(AT_FDCWD, path, 1 << 20, &text, &err),
			  &err);
		assert_true(text.len > 0);
		if (text.ptr[0] != seeds[i].kind ||
		    take(seeds[i].kind, text.ptr + 1, text.len - 1) !=
			    seeds[i].taken)
			fail_msg("%s", path);
	}
}

static void corpora(void **state)
{
	static const struct seed hub[] = {
		{ "tree", 't', true },	{ "info", 'i', true },
		{ "link", 'l', true },	{ "header", 'h', true },
		{ "body", 'b', false },
	};
	static const struct seed git[] = {
		{ "pack", 'p', true },	 { "advert", 'p', true },
		{ "batch", 'b', true },	 { "head", 'r', true },
		{ "peeled", 'r', true }, { "pointer", 'v', true },
	};
	static const struct seed modelscope[] = {
		{ "files", 'f', true },
		{ "commit", 'c', true },
		{ "message", 'm', true },
		{ "refusal", 'f', false },
	};

	(void)state;
	replay("hub", hub, ARRAY_LEN(hub), take_hub);
	replay("git", git, ARRAY_LEN(git), take_git);
	replay("modelscope", modelscope, ARRAY_LEN(modelscope),
	       take_modelscope);
}

int run_corpus_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpora),
	};

	return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
