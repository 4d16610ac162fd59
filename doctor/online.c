#include "doctor/online.h"

#include "base/mem.h"
#include "doctor/caches.h"
#include "doctor/state.h"

#include <string.h>

/* A small file that the program would ask for first. */
#define SMALL_FILE "/facebook/w2v-bert-2.0/resolve/main/config.json"
/* One that a hub redirects to other hosts, which may be blocked. */
#define BIG_FILE "/facebook/w2v-bert-2.0/resolve/main/model.safetensors"

const char *probe_state_name(enum probe_state s)
{
	static const char *const names[] = {
		[PROBE_OK] = "answers as a hub",
		[PROBE_NO_NAME] = "name not found",
		[PROBE_REFUSED] = "refused",
		[PROBE_DROPPED] = "dropped",
		[PROBE_UNREACHABLE] = "no route",
		[PROBE_INTERCEPTED] = "intercepted",
		[PROBE_TLS] = "TLS fails",
		[PROBE_PROXY] = "the proxy fails",
		[PROBE_CAPTIVE] = "captive",
		[PROBE_HTTP] = "a hub's error",
		[PROBE_OTHER] = "fails",
	};

	return names[s];
}

static const char *meaning_of(enum probe_state s)
{
	static const char *const texts[] = {
		[PROBE_OK] = "",
		[PROBE_NO_NAME] = "no DNS for the outside: the libraries give "
				  "up soon, \"Temporary failure in name "
				  "resolution\"",
		[PROBE_REFUSED] = "a firewall that answers: the libraries "
				  "notice at once",
		[PROBE_DROPPED] = "a firewall that stays silent: each request "
				  "waits to its time-out, which looks like a "
				  "hang",
		[PROBE_UNREACHABLE] = "\"Network is unreachable\", at once",
		[PROBE_INTERCEPTED] = "somebody in between answers with a "
				      "certificate of their own: SSLError, "
				      "which ends the start even if the cache "
				      "is full",
		[PROBE_TLS] = "SSLError, which ends the start even if the "
			      "cache is full",
		[PROBE_PROXY] = "ProxyError, which ends the start even if the "
				"cache is full",
		[PROBE_CAPTIVE] = "a login page or a mirror that drops "
				  "headers: \"Distant resource does not seem "
				  "to be on huggingface.co\"",
		[PROBE_HTTP] = "the hub is reached, but does not help",
		[PROBE_OTHER] = "see the evidence",
	};

	return texts[s];
}

enum probe_state probe_judge(long status, bool has_commit, const char *type)
{
	if (status == 407)
		return PROBE_PROXY;
	if (status >= 200 && status < 300)
		return has_commit ? PROBE_OK : PROBE_CAPTIVE;
	if (status == 511 || (status >= 300 && status < 400))
		return PROBE_CAPTIVE;
	return !has_commit && str_starts(type, "text/html") && status < 500
		       ? PROBE_CAPTIVE
		       : PROBE_HTTP;
}

static bool probe(struct doctor *d, const char *base, const char *file,
		  const char *what)
{
	char *url CLEANUP(free_ptr) = xasprintf("%s%s", base, file);
	struct probe_result r = { 0 };
	struct finding *f;

	d->in->prober->hub(d->in->prober->ctx, url, &r);
	fact_add(d, "network", "%s%s: %s (%u ms)", base, what,
		 probe_state_name(r.state), r.ms);
	if (r.state == PROBE_OK)
		return true;
	/* without a network nothing is wrong where all is local */
	f = FIND(d, is_offline(d) ? SEV_NOTE : SEV_WARNING, "online.hub",
		 "%s%s: %s", base, what, probe_state_name(r.state));
	finding_evidence(f, "%s%s%s; %u ms", r.detail,
			 r.issuer[0] ? "; the certificate is issued by " : "",
			 r.issuer, r.ms);
	finding_meaning(f, "%s%s", meaning_of(r.state),
			env_get(d, "HF_ENDPOINT")
				? "; HF_ENDPOINT names this host"
				: "");
	remedy_env(d, f);
	return false;
}

void check_online(struct doctor *d)
{
	const char *endpoint = env_get(d, "HF_ENDPOINT");
	char *base CLEANUP(free_ptr) = NULL;
	size_t n;

	if (!d->in->prober)
		return;
	base = xstrdup(endpoint ? endpoint : "https://huggingface.co");
	n = strlen(base);
	while (n && base[n - 1] == '/')
		base[--n] = '\0';
	if (probe(d, base, SMALL_FILE, ""))
		probe(d, base, BIG_FILE, " (big files)");
}
