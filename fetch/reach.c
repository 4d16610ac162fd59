#include "fetch/reach.h"

#include "base/mem.h"
#include "fetch/http.h"

#include <string.h>

#define MAX_FAILURES 2
#define MAX_HOSTS    64 /* more are not remembered */

void reach_release(struct reach *r)
{
	for (size_t i = 0; i < r->count; i++)
		free_ptr(&r->hosts[i].origin);
	free_ptr(&r->hosts);
	r->count = r->cap = 0;
}

static struct reach_host *find(const struct reach *r, const char *origin)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->hosts[i].origin, origin) == 0)
			return &r->hosts[i];
	return NULL;
}

static char *origin_of(const char *url)
{
	struct error ignored = { .code = ERR_NONE };
	char *origin = NULL;

	return http_origin(url, &origin, &ignored) == 0 ? origin : NULL;
}

void reach_failed(struct reach *r, const char *url)
{
	char *origin CLEANUP(free_ptr) = origin_of(url);
	struct reach_host *h = origin ? find(r, origin) : NULL;

	if (h) {
		h->failures++;
		return;
	}
	if (!origin || r->count == MAX_HOSTS)
		return;
	r->hosts = xgrow(r->hosts, &r->cap, r->count + 1, sizeof(*r->hosts));
	r->hosts[r->count++] = (struct reach_host){ take_ptr(origin), 1 };
}

void reach_answered(struct reach *r, const char *url)
{
	char *origin CLEANUP(free_ptr) = r->count ? origin_of(url) : NULL;
	struct reach_host *h = origin ? find(r, origin) : NULL;

	if (h)
		h->failures = 0;
}

bool reach_is_lost(const struct reach *r, const char *origin)
{
	const struct reach_host *h = find(r, origin);

	return h && h->failures >= MAX_FAILURES;
}
