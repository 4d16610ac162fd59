/* Settings from options and environment. The environment is a function, so that
 * tests bring their own. */
#ifndef ITTS_CONFIG_H
#define ITTS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "cmd/options.h"
#include "fetch/http.h"

struct env {
	const char *(*get)(void *ctx, const char *name); /* borrowed, or NULL */
	void *ctx;
};

/* '~', '~user' and (with vars) $NAME, ${NAME} as Python's os.path expands them:
 * what is not known stays as it is. Appended to out. */
void config_expand(const struct env *e, const char *text, bool vars,
		   struct str *out);
/* The cache directory, appended to out. ERR_USAGE if there is no home. */
int config_cache(const struct env *e, const struct options *o, struct str *out,
		 struct error *err) MUST_CHECK;
/* $VARIABLE/itts-pack, else FALLBACK/itts-pack (which may begin with '~');
 * appended. false: there is no home. */
bool config_own_dir(const struct env *e, const char *variable,
		    const char *fallback, struct str *out);
/* Hosts that no proxy is used for: the variable's text, or NULL. */
const char *config_no_proxy(const struct env *e);
bool config_offline(const struct env *e, const struct options *o);
/* SOURCE_DATE_EPOCH, else 0. ERR_USAGE. */
int config_epoch(const struct env *e, uint64_t *out, struct error *err)
	MUST_CHECK;

/* All that a connection needs. */
struct config_network {
	struct strlist endpoints;   /* at least one */
	const char *endpoints_from; /* what named them, for messages */
	struct strlist named;	    /* those that may have the token */
	char *token;		    /* or NULL */
	char *token_from;	    /* where it is from, or NULL */
	char *modelscope_token;	    /* from MODELSCOPE_API_TOKEN, or NULL */
	struct http_config http;    /* strings: borrowed from the rest */
	struct str ca_bundle, ca_dir;
};
#define CONFIG_NETWORK_INIT                               \
	{                                                 \
		.ca_bundle = STR_INIT, .ca_dir = STR_INIT \
	}
/* Reads the token file and looks whether certificate files are there. suggested, or
 * NULL: endpoints for where neither option nor environment name one. */
int config_network(struct config_network *n, const struct env *e,
		   const struct options *o, const struct strlist *suggested,
		   struct error *err) MUST_CHECK;
void config_network_release(struct config_network *n); /* CLEANUP */

#endif
