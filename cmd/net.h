/* Connections as options and environment ask for them. */
#ifndef ITTS_NET_H
#define ITTS_NET_H

#include "base/attr.h"
#include "base/error.h"
#include "cmd/app.h"
#include "cmd/config.h"
#include "fetch/http.h"
#include "fetch/hub.h"

struct net {
	struct config_network config;
	struct http *http;
	struct hub hub;
};
#define NET_INIT                              \
	{                                     \
		.config = CONFIG_NETWORK_INIT \
	}
/* Opens no connection yet. With offline nothing at all is set up. suggested, or NULL:
 * the manifest's endpoints, for where the user names none. */
int net_open(struct net *n, struct app *app, const struct strlist *suggested,
	     struct error *err) MUST_CHECK;
void net_close(struct net *n); /* CLEANUP */

/* After a failure: if nobody answers, says what shows why and what to set; if a server
 * wants a token, and one is there that it was not sent, says so and what sends it.
 * Returns -1. */
int net_advise(const struct net *n, struct error *err);

/* What each endpoint has sent, with --verbose or --per-mirror. */
void net_note_sources(struct app *app, const struct hub *h);

#endif
