/* What doctor --online asks the network, through the engine that fetch uses. */
#ifndef ITTS_HUBPROBE_H
#define ITTS_HUBPROBE_H

#include "base/attr.h"
#include "base/error.h"
#include "cmd/app.h"
#include "cmd/config.h"
#include "doctor/online.h"
#include "fetch/http.h"

struct hubprobe {
	struct config_network config;
	struct http *http;
};
#define HUBPROBE_INIT                         \
	{                                     \
		.config = CONFIG_NETWORK_INIT \
	}
/* Goes online even where HF_HUB_OFFLINE says not to: the user has asked for it. */
int hubprobe_open(struct hubprobe *p, struct app *app, struct error *err)
	MUST_CHECK;
void hubprobe_close(struct hubprobe *p); /* CLEANUP */
/* For struct prober; ctx: a struct hubprobe. No token is sent. */
void hubprobe_ask(void *ctx, const char *url, struct probe_result *out);
/* What a failed request means. Pure. */
enum probe_state hubprobe_classify(const struct error *err,
				   const struct http_response *res);

#endif
