/*
 * The journal of a part, <etag>.journal.itts-part beside it. Lines of text:
 *
 *   itts-journal 1
 *   blob <etag> <sha256 or -> <size> <bytes of a block> <seed, 16 hex digits>
 *   source <number> <origin> <validator or ->
 *   block <number> <source> <XXH64 of the block with that seed, 16 hex digits>
 *   lost <number>
 *
 * A line is appended when a block is complete, so a program that dies loses the
 * blocks that were on their way and no other. What a line says is believed only
 * if the bytes in the part still have that sum: so lines may reach the disk
 * before the bytes do, and an append that was cut off does no harm. A text that is
 * damaged in any other way, or of another blob, is worth nothing.
 */
#include "cache/journal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	  "itts-journal 1\n"
#define BLOCK_MIN (1u << 20)

uint64_t journal_block_size(uint64_t size)
{
	uint64_t block = BLOCK_MIN;

	while (size / block >= JOURNAL_MAX_BLOCKS)
		block *= 2;
	return block;
}

void journal_init(struct journal *j, const struct digest *etag,
		  const struct digest *sha256, uint64_t size)
{
	uint64_t block = journal_block_size(size);

	*j = (struct journal){
		.etag = *etag,
		.sha256 = *sha256,
		.size = size,
		.block_size = block,
		.seed = (uint64_t)clock_jitter() << 32 | clock_jitter(),
		.count = (uint32_t)((size - 1) / block + 1),
	};
	j->blocks = xcalloc(j->count, sizeof(*j->blocks));
}

void journal_release(struct journal *j)
{
	free_ptr(&j->blocks);
	strlist_release(&j->sources);
	j->count = 0;
}

uint64_t journal_block_len(const struct journal *j, uint32_t i)
{
	return i + 1 < j->count ? j->block_size
				: j->size - (uint64_t)i * j->block_size;
}

/* --- writing ----------------------------------------------------------------- */

void journal_add_source(const struct journal *j, uint32_t source,
			struct str *out)
{
	str_addf(out, "source %" PRIu32 " %s\n", source,
		 j->sources.items[source]);
}

void journal_add_block(const struct journal *j, uint32_t i, struct str *out)
{
	const struct journal_block *b = &j->blocks[i];

	if (b->have)
		str_addf(out, "block %" PRIu32 " %" PRIu32 " %016" PRIx64 "\n",
			 i, b->source, b->sum);
	else
		str_addf(out, "lost %" PRIu32 "\n", i);
}

static void add_head(const struct journal *j, struct str *out)
{
	char etag[DIGEST_HEX_MAX], sha256[DIGEST_HEX_MAX];

	str_addf(out,
		 MAGIC "blob %s %s %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n",
		 digest_hex(&j->etag, etag),
		 j->sha256.alg == DIGEST_NONE ? "-"
					      : digest_hex(&j->sha256, sha256),
		 j->size, j->block_size, j->seed);
}

void journal_format(const struct journal *j, struct str *out)
{
	add_head(j, out);
	for (uint32_t i = 0; i < j->sources.count; i++)
		journal_add_source(j, i, out);
	for (uint32_t i = 0; i < j->count; i++)
		if (j->blocks[i].have)
			journal_add_block(j, i, out);
}

/* --- reading ----------------------------------------------------------------- */

/* A line that is being read. */
struct line {
	const char *at, *end; /* without the newline */
};

static bool skip(struct line *l, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(l->end - l->at) < n || memcmp(l->at, word, n) != 0)
		return false;
	l->at += n;
	return true;
}

static bool read_number(struct line *l, uint64_t below, uint64_t *out)
{
	const char *start = l->at;
	uint64_t v = 0;

	while (l->at < l->end && *l->at >= '0' && *l->at <= '9') {
		v = v * 10 + (uint64_t)(*l->at++ - '0');
		if (v >= below)
			return false;
	}
	*out = v;
	return l->at > start;
}

/* 16 hex digits, and nothing behind them. */
static bool read_last_sum(struct line *l, uint64_t *out)
{
	uint64_t v = 0;

	if (l->end - l->at != 16)
		return false;
	for (; l->at < l->end; l->at++) {
		const char *digits = "0123456789abcdef", *d;

		d = memchr(digits, *l->at, 16);
		if (!d)
			return false;
		v = v << 4 | (uint64_t)(d - digits);
	}
	*out = v;
	return true;
}

static bool read_source(struct journal *j, struct line *l)
{
	size_t len;
	uint64_t n;

	if (!read_number(l, JOURNAL_MAX_SOURCES, &n) || !skip(l, " ") ||
	    n != j->sources.count)
		return false;
	len = (size_t)(l->end - l->at);
	if (len == 0 || len > JOURNAL_MAX_TEXT || memchr(l->at, 0, len))
		return false;
	strlist_take(&j->sources, xstrndup(l->at, len));
	return true;
}

static bool read_block(struct journal *j, struct line *l)
{
	uint64_t i, source, sum;

	if (!read_number(l, j->count, &i) || !skip(l, " ") ||
	    !read_number(l, j->sources.count, &source) || !skip(l, " ") ||
	    !read_last_sum(l, &sum))
		return false;
	j->blocks[i] = (struct journal_block){ .sum = sum,
					       .source = (uint32_t)source,
					       .have = true };
	return true;
}

static bool read_lost(struct journal *j, struct line *l)
{
	uint64_t i;

	if (!read_number(l, j->count, &i) || l->at != l->end)
		return false;
	j->blocks[i].have = false;
	return true;
}

static bool read_line(struct journal *j, struct line *l)
{
	if (skip(l, "block "))
		return read_block(j, l);
	if (skip(l, "source "))
		return read_source(j, l);
	return skip(l, "lost ") && read_lost(j, l);
}

/* The head must be the one that this blob would get, but for the seed. */
static bool read_head(struct journal *j, const char *text, size_t len,
		      size_t *used)
{
	struct str want CLEANUP(str_release) = STR_INIT;
	struct line l;
	size_t fixed;

	add_head(j, &want);
	fixed = want.len - 17;
	if (len < want.len || memcmp(text, want.ptr, fixed) != 0 ||
	    text[want.len - 1] != '\n')
		return false;
	l = (struct line){ text + fixed, text + want.len - 1 };
	*used = want.len;
	return read_last_sum(&l, &j->seed);
}

static void forget(struct journal *j)
{
	strlist_release(&j->sources);
	memset(j->blocks, 0, j->count * sizeof(*j->blocks));
}

int journal_parse(struct journal *j, const char *text, size_t len,
		  struct error *err)
{
	size_t at;

	if (len > JOURNAL_LIMIT || !read_head(j, text, len, &at))
		return err_set(err, ERR_FORMAT, "a journal of something else");
	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		struct line l = { text + at, end };

		if (!end)
			break;
		if (!read_line(j, &l)) {
			forget(j);
			return err_set(err, ERR_FORMAT,
				       "a journal with a damaged line");
		}
		at = (size_t)(end - text) + 1;
	}
	return 0;
}
