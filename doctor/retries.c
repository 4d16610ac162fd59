/*
 * A connection that is refused takes no time, so that its socket is hardly ever there
 * when somebody looks. The kernel counts such failures, of all programs in a network
 * together: those are this program's that come when it has been awake, and awake just
 * enough for that. When some come while it sleeps, others fail as well, and nothing is
 * said.
 *
 * Who asks a name server over a socket without an other side (musl, hickory, dnspython)
 * opens a new one for each question.
 */
#include "doctor/retries.h"

#include "base/str.h"

#include <string.h>

#define WINDOW_MS 30000 /* pauses between tries get longer */
#define LEAST	  2
/* To look up a host, open a socket, connect it, close it, and sleep. */
#define WAKES_EACH 8

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

static void keep(struct retries *r, uint64_t ms, enum retries_kind kind)
{
	if (r->count == RETRIES_KEPT)
		memmove(r->seen, r->seen + 1, --r->count * sizeof(r->seen[0]));
	r->seen[r->count].ms = ms;
	r->seen[r->count++].kind = kind;
}

static void see(struct retries *r, const struct retries_look *now,
		enum retries_kind kind, uint64_t before, uint64_t after)
{
	uint64_t tries = after - before, wakes = now->wakes - r->last.wakes;

	/* one of its processes has ended? */
	if (after <= before || now->wakes < r->last.wakes)
		return;
	keep(r, now->ms,
	     wakes && wakes <= tries * WAKES_EACH ? kind : RETRIES_NONE);
}

static unsigned count(const struct retries *r, uint64_t ms,
		      enum retries_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->seen[i].kind == kind && ms - r->seen[i].ms < WINDOW_MS;
	return n;
}

enum retries_kind retries_add(struct retries *r, const struct retries_look *now)
{
	uint64_t udp;

	if (r->begun) {
		see(r, now, RETRIES_REFUSED, r->last.count.refused,
		    now->count.refused);
		see(r, now, RETRIES_UNREACHABLE, r->last.count.unreachable,
		    now->count.unreachable);
		if (now->udp > r->last.udp)
			keep(r, now->ms, RETRIES_NAME);
	}
	udp = now->udp > r->last.udp ? now->udp : r->last.udp;
	r->begun = true;
	r->last = *now;
	r->last.udp = udp;
	if (now->udp && count(r, now->ms, RETRIES_NAME) >= LEAST)
		return RETRIES_NAME;
	if (count(r, now->ms, RETRIES_NONE))
		return RETRIES_NONE;
	if (count(r, now->ms, RETRIES_REFUSED) >= LEAST)
		return RETRIES_REFUSED;
	if (count(r, now->ms, RETRIES_UNREACHABLE) >= LEAST)
		return RETRIES_UNREACHABLE;
	return RETRIES_NONE;
}
