/*
 * A connection that is refused takes no time, so that its socket is hardly ever there
 * when somebody looks. The kernel counts such failures, of all programs in a network
 * together: those are this program's that come when it has been awake, and awake just
 * enough for that. When some come while it sleeps, others fail as well, and nothing is
 * said; nor of a program that wakes up as often while nothing fails. While it starts, or
 * does something else, it is awake for that, too: this tells neither the one nor the
 * other.
 *
 * Who asks a name server over a socket without an other side (musl, hickory, dnspython)
 * opens a new one for each question.
 */
#include "doctor/retries.h"

#include "base/attr.h"
#include "base/str.h"

#include <string.h>

#define WINDOW_MS 30000 /* pauses between tries get longer */
#define LEAST	  2
/* To look up a host, open a socket, connect it, close it, and sleep. */
#define WAKES_EACH 8
/* As long as it has not been seen at rest: less, and for some time. */
#define WAKES_RESTLESS 3
#define RESTLESS_MS    3000
/* In the time of a look: more is done for something else than tries. */
#define WORKED_BYTES ((uint64_t)64 << 10)
#define WORKED_MS    30

/* The number under NAME in the pair of lines that begin with PREFIX. */
static bool find_number(const char *text, const char *prefix, const char *name,
			uint64_t *out)
{
	const char *head = strstr(text, prefix);
	const char *values = head ? strchr(head, '\n') : NULL;
	size_t len = strlen(name);

	if (!values || !str_starts(++values, prefix))
		return false;
	while (*head != '\n') {
		size_t n = strcspn(head, " \n"), m = strcspn(values, " \n");

		if (n == len && memcmp(head, name, n) == 0)
			return str_digits(values, out) > values;
		head += n + (head[n] == ' ');
		values += m + (values[m] == ' ');
	}
	return false;
}

bool retries_parse(const char *snmp, struct retries_count *out)
{
	struct retries_count c;

	if (!find_number(snmp, "Tcp:", "AttemptFails", &c.refused) ||
	    !find_number(snmp, "Ip:", "OutNoRoutes", &c.unreachable))
		return false;
	*out = c;
	return true;
}

static void keep(struct retries *r, const struct retries_look *now,
		 uint64_t tries, enum retries_kind kind)
{
	if (r->count == RETRIES_KEPT)
		memmove(r->seen, r->seen + 1, --r->count * sizeof(r->seen[0]));
	r->seen[r->count++] = (struct retries_seen){
		.ms = now->ms,
		.took = now->ms - r->last.ms,
		.tries = tries,
		.wakes = now->wakes - r->last.wakes,
		.kind = kind,
	};
}

/* else_too: what it was awake for, and when, is not sure. */
static void see(struct retries *r, const struct retries_look *now,
		bool else_too, enum retries_kind kind, uint64_t tries)
{
	uint64_t wakes = now->wakes - r->last.wakes;
	/* who is awake may have tried, and goes to sleep later */
	bool asleep = !wakes && !now->awake;
	bool enough = wakes && wakes <= tries * WAKES_EACH;

	if (tries && (enough || asleep || (wakes && !else_too)))
		keep(r, now, tries, enough ? kind : RETRIES_NONE);
}

static bool is_same(const struct retries_count *a,
		    const struct retries_count *b)
{
	return a->refused == b->refused && a->unreachable == b->unreachable;
}

/* What it did since the last look. What failed while its threads were looked at may have
 * been before or after that, and counts nowhere. */
static void see_all(struct retries *r, const struct retries_look *now)
{
	const struct retries_look *last = &r->last;
	bool works = now->bytes - last->bytes >= WORKED_BYTES ||
		     now->cpu - last->cpu >= WORKED_MS;
	/* the tries may come just after what else it did */
	bool else_too = works || r->worked ||
			!is_same(&now->before, &now->count) ||
			!is_same(&last->before, &last->count);

	r->worked = works;
	see(r, now, else_too, RETRIES_REFUSED,
	    now->before.refused - last->count.refused);
	see(r, now, else_too, RETRIES_UNREACHABLE,
	    now->before.unreachable - last->count.unreachable);
	if (is_same(&now->before, &last->count) &&
	    (!else_too || now->wakes == last->wakes)) {
		r->rests[1] = r->rests[0];
		r->rests[0] = (struct retries_rest){ now->wakes - last->wakes,
						     now->ms - last->ms };
	}
}

/* Has one of its processes ended, or has it gone into another network? */
static bool is_less(const struct retries_look *now,
		    const struct retries_look *last)
{
	return now->wakes < last->wakes || now->bytes < last->bytes ||
	       now->cpu < last->cpu ||
	       now->before.refused < last->count.refused ||
	       now->before.unreachable < last->count.unreachable;
}

/* Does it wake up as often while nothing is tried? */
static bool is_usual(const struct retries *r, const struct retries_seen *s)
{
	const struct retries_rest *rest = r->rests;

	if (!rest[ARRAY_LEN(r->rests) - 1].took)
		return s->wakes > s->tries * WAKES_RESTLESS;
	for (size_t i = 0; i < ARRAY_LEN(r->rests); i++)
		if (rest[i].wakes * s->took >= s->tries * rest[i].took)
			return true;
	return false;
}

static unsigned count(const struct retries *r, uint64_t ms,
		      enum retries_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->seen[i].kind == kind && ms - r->seen[i].ms < WINDOW_MS;
	return n;
}

static bool is_tried(const struct retries *r, uint64_t ms,
		     enum retries_kind kind)
{
	const struct retries_seen *first = NULL, *last = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct retries_seen *s = &r->seen[i];

		if (s->kind != kind || ms - s->ms >= WINDOW_MS ||
		    is_usual(r, s))
			continue;
		first = first ? first : s;
		last = s;
		n++;
	}
	return n >= LEAST && (r->rests[ARRAY_LEN(r->rests) - 1].took ||
			      last->ms - first->ms >= RESTLESS_MS);
}

/* Is there a socket that was not? Each processor gives out numbers of its own: one that is
 * younger need not have a higher one. */
static bool has_new(struct retries *r, const struct retries_look *now)
{
	bool any = false;

	for (size_t i = 0; i < now->udp_count; i++) {
		bool known = false;

		for (size_t k = 0; k < ARRAY_LEN(r->udp); k++)
			known |= r->udp[k] == now->udp[i];
		if (known)
			continue;
		any = true;
		r->udp[r->udp_next++ % ARRAY_LEN(r->udp)] = now->udp[i];
	}
	return any;
}

enum retries_kind retries_add(struct retries *r, const struct retries_look *now)
{
	bool asks = has_new(r, now);

	if (r->begun) {
		if (!is_less(now, &r->last))
			see_all(r, now);
		if (asks)
			keep(r, now, 1, RETRIES_NAME);
	}
	r->begun = true;
	r->last = *now;
	if (now->udp_count && count(r, now->ms, RETRIES_NAME) >= LEAST)
		return RETRIES_NAME;
	if (count(r, now->ms, RETRIES_NONE))
		return RETRIES_NONE;
	if (is_tried(r, now->ms, RETRIES_REFUSED))
		return RETRIES_REFUSED;
	if (is_tried(r, now->ms, RETRIES_UNREACHABLE))
		return RETRIES_UNREACHABLE;
	return RETRIES_NONE;
}
