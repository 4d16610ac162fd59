/* Is there a network, and is it honest? Only with --online. */
#ifndef ITTS_ONLINE_H
#define ITTS_ONLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum probe_state {
	PROBE_OK,
	PROBE_NO_NAME,	   /* the host's name is not found */
	PROBE_REFUSED,	   /* somebody answers: no */
	PROBE_DROPPED,	   /* nobody answers */
	PROBE_UNREACHABLE, /* no route */
	PROBE_INTERCEPTED, /* a certificate that is not trusted */
	PROBE_TLS,	   /* TLS fails otherwise */
	PROBE_PROXY,	   /* the proxy does not do it */
	PROBE_CAPTIVE,	   /* an answer, but not a hub's */
	PROBE_HTTP,	   /* a hub's answer that does not help */
	PROBE_OTHER,
};
const char *probe_state_name(enum probe_state s);

struct probe_result {
	enum probe_state state;
	char detail[1024]; /* who said what, as struct error; no secrets */
	char issuer[160];  /* of a certificate that is not trusted, or "" */
	unsigned ms;
};
struct prober {
	/* Asks url for a file of a hub. */
	void (*hub)(void *ctx, const char *url, struct probe_result *out);
	void *ctx;
};

/* What the answer to a HEAD request for a file of a hub says. Pure.
 * has_commit: X-Repo-Commit came along; type: Content-Type. */
enum probe_state probe_judge(long status, bool has_commit, const char *type);

#endif
