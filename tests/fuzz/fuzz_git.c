/* What a git server may say: pkt-lines ('p'), refs ('r'), batch answers ('b'),
 * pointers (else). */
#include "base/digest.h"
#include "base/mem.h"
#include "fetch/lfs.h"
#include "fetch/pkt.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		__builtin_trap();
}

static int count(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		 struct error *err)
{
	size_t *sum = ctx;

	(void)err;
	must(kind == PKT_DATA || n == 0);
	must(n <= PKT_MAX);
	for (size_t i = 0; i < n; i++)
		*sum += (unsigned char)p[i];
	return 0;
}

/* The same in one piece and in two. */
static void packets(const char *text, size_t len)
{
	struct pkt_reader *a CLEANUP(free_ptr) = xcalloc(1, sizeof(*a));
	struct pkt_reader *b CLEANUP(free_ptr) = xcalloc(1, sizeof(*b));
	size_t one = 0, two = 0, half = len / 2;
	struct error ea = { .code = ERR_NONE }, eb = { .code = ERR_NONE };

	a->packet = b->packet = count;
	a->ctx = &one;
	b->ctx = &two;
	if (pkt_feed(a, text, len, &ea) == 0)
		(void)!pkt_finish(a, &ea);
	if (pkt_feed(b, text, half, &eb) == 0 &&
	    pkt_feed(b, text + half, len - half, &eb) == 0)
		(void)!pkt_finish(b, &eb);
	must(one == two && ea.code == eb.code);
}

static void batch(const char *text, size_t len)
{
	struct lfs_answer a CLEANUP(lfs_answer_release) = { 0 };
	struct error err = { .code = ERR_NONE };

	if (lfs_parse_batch(text, len, &a, &err) < 0)
		return;
	for (size_t i = 0; i < a.count; i++) {
		const struct lfs_object *o = &a.objects[i];

		must(!o->error == !!o->url);
		must(!o->url || strncmp(o->url, "http", 4) == 0);
		for (size_t k = 0; k < o->lines.count; k++)
			must(!strpbrk(o->lines.items[k], "\r\n"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	char commit[41];
	struct digest d;
	uint64_t n;

	if (size == 0)
		return 0;
	if (data[0] == 'p')
		packets(text, size - 1);
	else if (data[0] == 'b')
		batch(text, size - 1);
	else if (data[0] == 'r' && pkt_ref_is(text, size - 1, "HEAD", commit))
		must(is_commit_id(commit));
	else if (lfs_parse_pointer(text, size - 1, &d, &n))
		must(d.alg == DIGEST_SHA256 && n >> 53 == 0);
	return 0;
}
