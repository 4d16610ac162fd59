#include "fetch/download_repair.h"

#include "base/human.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

enum { TO_DO = 1, ON_ITS_WAY = 2 };

/* How many blocks has this endpoint sent in this run? */
static uint32_t count_of(const struct job *j, size_t endpoint)
{
	const struct journal *journal = blocks_journal(j->blocks);
	const struct job_source *s = &j->sources[endpoint];
	uint32_t n = 0;

	for (uint32_t i = 0; s->open && i < journal->count; i++)
		n += journal->blocks[i].source == s->id;
	return n;
}

/* Who has sent most is believed first: that costs least. SIZE_MAX: nobody. */
static size_t choose(const struct job *j)
{
	size_t best = SIZE_MAX;
	uint32_t most = 0;

	for (size_t k = 0; k < j->common->hub->count; k++) {
		uint32_t n;

		if (!job_may_use(j, k) || j->repair.judged[k])
			continue;
		n = count_of(j, k);
		if (best == SIZE_MAX || n > most) {
			best = k;
			most = n;
		}
	}
	return best;
}

static void suspect(struct job *j, size_t endpoint, bool all)
{
	const struct journal *journal = blocks_journal(j->blocks);
	const struct job_source *s = &j->sources[endpoint];

	j->repair.endpoint = endpoint;
	j->repair.left = 0;
	for (uint32_t i = 0; i < journal->count; i++) {
		bool own = s->open && journal->blocks[i].source == s->id;

		j->repair.suspect[i] = all || !own ? TO_DO : 0;
		j->repair.left += j->repair.suspect[i] == TO_DO;
	}
}

static void tell_begin(const struct job *j)
{
	char size[HUMAN_MAX];
	uint64_t bytes = j->repair.left * blocks_journal(j->blocks)->block_size;
	char *text CLEANUP(free_ptr) = xasprintf(
		"the digest is wrong; comparing %s with what %s sends",
		human_size(bytes, size),
		j->common->hub->endpoints[j->repair.endpoint].name);

	job_tell(j, EVENT_RETRY, text, 0);
}

bool repair_begin(struct job *j)
{
	struct job_repair *r = &j->repair;
	uint32_t count = blocks_journal(j->blocks)->count;
	size_t first = job_first(j);

	if (!r->on) {
		r->on = true;
		r->suspect = xcalloc(count, 1);
		r->was = xcalloc(count, sizeof(*r->was));
		r->judged = xcalloc(j->common->hub->count, sizeof(*r->judged));
	}
	r->left = 0;
	for (size_t k = choose(j); k != SIZE_MAX && r->left == 0;
	     k = choose(j)) {
		r->judged[k] = true;
		suspect(j, k, false);
	}
	if (r->left == 0) {
		/* each was believed; did the first only stumble? */
		if (first == SIZE_MAX || r->again)
			return false;
		r->again = true;
		suspect(j, first, true);
	}
	j->common->stats->retries++;
	tell_begin(j);
	return true;
}

bool repair_take(struct job *j, size_t endpoint, uint32_t most,
		 struct segment *out)
{
	struct job_repair *r = &j->repair;
	uint32_t count = j->segments.count, i = 0, n = 0;

	if (!r->on || r->endpoint != endpoint || r->left == 0)
		return false;
	while (i < count && r->suspect[i] != TO_DO)
		i++;
	while (n < most && i + n < count && r->suspect[i + n] == TO_DO)
		r->suspect[i + n++] = ON_ITS_WAY;
	*out = (struct segment){ i, n };
	return n > 0;
}

void repair_give_back(struct lane *l)
{
	struct job_repair *r = &l->job->repair;

	for (uint32_t k = 0; r->on && k < l->run.count; k++)
		if (r->suspect[l->run.first + k] == ON_ITS_WAY)
			r->suspect[l->run.first + k] = TO_DO;
}

static int put(struct lane *l, uint32_t i, uint64_t sum, struct error *err)
{
	struct job *j = l->job;
	const struct journal *journal = blocks_journal(j->blocks);

	if (blocks_write(j->blocks, i * journal->block_size, l->buffer,
			 (size_t)journal_block_len(journal, i), err) < 0)
		return -1;
	job_have_block(j, i, job_index(j, l->endpoint));
	l->loose -= journal_block_len(journal, i);
	return blocks_done(j->blocks, i, sum, l->source->id, err);
}

int repair_take_copy(struct lane *l, uint32_t i, uint64_t sum,
		     struct error *err)
{
	struct job *j = l->job;
	struct job_repair *r = &j->repair;
	const struct journal *journal = blocks_journal(j->blocks);
	const struct journal_block *b = &journal->blocks[i];

	if (b->have && (!r->on || b->sum == sum)) {
		/* as it was, or it was here first */
		lane_waste(l, journal_block_len(journal, i));
	} else {
		if (r->on)
			r->was[i] = b->source + 1;
		if (put(l, i, sum, err) < 0)
			return -1;
	}
	if (r->on && r->suspect[i]) {
		r->suspect[i] = 0;
		r->left--;
	}
	return 0;
}

/* Blocks of this source that were replaced. */
static uint32_t replaced_of(const struct job *j, const struct job_source *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; s->open && i < j->segments.count; i++)
		n += j->repair.was[i] == s->id + 1;
	return n;
}

void repair_blame(struct job *j)
{
	struct hub *h = j->common->hub;

	for (size_t k = 0; j->repair.on && k < h->count; k++) {
		uint32_t n = replaced_of(j, &j->sources[k]);
		char *why CLEANUP(free_ptr) = NULL;

		if (n == 0)
			continue;
		why = xasprintf("it sent wrong bytes in %" PRIu32 " of %" PRIu32
				" blocks of %s",
				n, j->segments.count, j->name);
		job_drop_endpoint(j, &h->endpoints[k], why);
	}
}

void repair_release(struct job *j)
{
	free_ptr(&j->repair.suspect);
	free_ptr(&j->repair.was);
	free_ptr(&j->repair.judged);
	j->repair = (struct job_repair){ 0 };
}
