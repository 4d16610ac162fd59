#include "doctor/asking.h"

#include "base/human.h"
#include "base/mem.h"
#include "doctor/look.h"
#include "doctor/state.h"

#include <stdio.h>
#include <string.h>

#define HUB_URL	  "https://huggingface.co"
#define PORT_DNS  53
#define PORT_MAX  65535
#define HOSTS_GAP " \t"

void asking_release(struct asking *a)
{
	run_release(&a->run);
	free_ptr(&a->hosts);
	free_ptr(&a->model_dir);
	free_ptr(&a->root);
	*a = (struct asking)ASKING_NONE;
}

/* --- whom it would ask ----------------------------------------------------------- */

/* [SCHEME://][USER:PASSWORD@]HOST[:PORT][/...] */
static bool read_url(const char *url, struct asking_peer *out)
{
	static const struct {
		const char *scheme;
		unsigned port;
	} usual[] = { { "https://", 443 },    { "http://", 80 },
		      { "socks5h://", 1080 }, { "socks5://", 1080 },
		      { "socks4a://", 1080 }, { "socks4://", 1080 } };
	size_t end, at = 0, len;
	uint64_t port;

	out->port = 80;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (str_starts(url, usual[i].scheme)) {
			out->port = usual[i].port;
			url += strlen(usual[i].scheme);
			break;
		}
	end = strcspn(url, "/?#");
	for (size_t i = 0; i < end; i++)
		if (url[i] == '@')
			at = i + 1;
	url += at;
	end -= at;
	len = *url == '[' ? strcspn(url, "]") : strcspn(url, ":/?#");
	if (*url == '[') {
		url++;
		len--;
		end--;
	}
	if (!len || len > end || len >= sizeof(out->host))
		return false;
	memcpy(out->host, url, len);
	out->host[len] = '\0';
	url += len + (url[len] == ']');
	if (*url == ':') {
		str_digits(url + 1, &port);
		if (!port || port > PORT_MAX)
			return false;
		out->port = (unsigned)port;
	}
	return true;
}

static void add_peer(struct asking *a, const char *url)
{
	if (a->peer_count < ASKING_PEERS &&
	    read_url(url, &a->peers[a->peer_count]))
		a->peer_count++;
}

/* Where there is a proxy, nobody else is asked. */
static void find_peers(struct asking *a, const struct doctor_env *env)
{
	static const char *const names[] = { "https_proxy", "HTTPS_PROXY",
					     "all_proxy",   "ALL_PROXY",
					     "http_proxy",  "HTTP_PROXY" };
	const char *url;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		url = env->get(env->ctx, names[i]);
		if (url && *url)
			add_peer(a, url);
	}
	if (a->peer_count)
		return;
	url = env->get(env->ctx, "HF_ENDPOINT");
	add_peer(a, url && *url ? url : HUB_URL);
}

void asking_init(struct asking *a, const struct doctor_input *in, bool webui,
		 const char *hosts, const char *root)
{
	*a = (struct asking)ASKING_NONE;
	foresee(in, webui, &a->run);
	find_peers(a, &in->env);
	a->hosts = hosts ? xstrdup(hosts) : NULL;
	a->model_dir = in->model_dir ? xstrdup(in->model_dir) : NULL;
	a->root = root ? xstrdup(root) : NULL;
}

/* --- how far it is ---------------------------------------------------------------- */

static bool is_open(const struct sample *now, const char *path)
{
	struct stat st;

	if (look_at(path, &st) != LOOK_FILE)
		return false;
	for (size_t i = 0; i < now->file_count; i++)
		if (now->files[i].dev == st.st_dev &&
		    now->files[i].ino == st.st_ino)
			return true;
	return false;
}

void asking_see(struct asking *a, const struct sample *now)
{
	for (size_t i = a->run.count; now->file_count && i-- > a->behind;)
		if (a->run.steps[i].path && is_open(now, a->run.steps[i].path))
			a->behind = i + 1;
}

/* What is asked for behind the steps that it has taken. At which of these it is
 * cannot be seen; the first file that is missing is where it will end. */
static const struct step *asked_for(const struct asking *a, unsigned *before)
{
	const struct step *first = NULL;

	*before = 0;
	for (size_t i = a->behind; i < a->run.count; i++) {
		const struct step *s = &a->run.steps[i];

		if (!s->requests || !s->file)
			continue;
		if (s->result == STEP_FAILS)
			return s;
		++*before;
		first = first ? first : s;
	}
	return first;
}

static bool asks(const struct asking *a)
{
	unsigned ignored;

	return asked_for(a, &ignored) != NULL;
}

/* --- names of addresses ------------------------------------------------------------ */

static const struct asking_peer *find_peer(const struct asking *a,
					   const char *host, size_t len)
{
	for (size_t i = 0; i < a->peer_count; i++)
		if (strlen(a->peers[i].host) == len &&
		    strncasecmp(a->peers[i].host, host, len) == 0)
			return &a->peers[i];
	return NULL;
}

/* The names of an address in a hosts file (hosts(5)): that of a peer, else the first. */
static bool look_up(const struct asking *a, const char *address,
		    char out[WATCH_HOST_MAX])
{
	size_t len = strlen(address);

	*out = '\0';
	for (const char *line = a->hosts; line && *line;) {
		const char *end = line + strcspn(line, "#\n");
		const char *p = line + strspn(line, HOSTS_GAP);

		line += strcspn(line, "\n");
		line += *line == '\n';
		if (strncmp(p, address, len) != 0 || !strchr(HOSTS_GAP, p[len]))
			continue;
		for (p += len; p < end;) {
			const struct asking_peer *peer;
			size_t n;

			p += strspn(p, HOSTS_GAP "\r");
			n = strcspn(p, HOSTS_GAP "\r#\n");
			if (!n)
				break;
			peer = find_peer(a, p, n);
			if (peer)
				snprintf(out, WATCH_HOST_MAX, "%s", peer->host);
			else if (!*out && n < WATCH_HOST_MAX)
				snprintf(out, WATCH_HOST_MAX, "%.*s", (int)n,
					 p);
			p += n;
		}
	}
	return *out != '\0';
}

/* true: it is the hub, or leads to it, as far as can be seen from here. */
static bool name_peer(const struct asking *a, struct watch_view *v)
{
	char known[WATCH_HOST_MAX];
	const struct asking_peer *only = NULL;

	if (v->kind == WATCH_NAME || v->kind == WATCH_REFUSED) {
		if (!a->peer_count || !asks(a))
			return false;
		snprintf(v->host, sizeof(v->host), "%s", a->peers[0].host);
		return true;
	}
	if (find_peer(a, v->address, strlen(v->address)))
		return true; /* it has no other name */
	if (look_up(a, v->address, known)) {
		bool is_hub = find_peer(a, known, strlen(known));

		if (is_hub || !str_starts(known, "localhost"))
			snprintf(v->host, sizeof(v->host), "%s", known);
		return is_hub;
	}
	for (size_t i = 0; i < a->peer_count; i++)
		if (a->peers[i].port == v->port)
			only = only ? only : &a->peers[i];
	if (!only || !asks(a) || str_starts(v->address, "127."))
		return false;
	snprintf(v->host, sizeof(v->host), "%s", only->host);
	v->probably = true;
	return true;
}

/* --- why ---------------------------------------------------------------------------- */

/* Paths as the program itself has them. */
static void put_text(const struct asking *a, const char *text,
		     char out[WATCH_WHAT_MAX])
{
	size_t skip = a->root ? strlen(a->root) : 0, n = 0;

	while (*text && n + 1 < WATCH_WHAT_MAX) {
		if (skip && strncmp(text, a->root, skip) == 0)
			text += skip;
		else
			out[n++] = *text++;
	}
	out[n] = '\0';
}

static void say_missing(const struct step *s, unsigned before, struct str *out)
{
	str_addf(out, "%s is not in the cache that it looks in (%s: %s%s%s)",
		 s->file, s->where, s->found, s->elsewhere ? "; it is in " : "",
		 s->elsewhere ? s->elsewhere : "");
	if (before)
		str_addf(out,
			 "; before that it asks whether %u that %s the newest",
			 before,
			 human_plural(before, "is there is", "are there are"));
}

static void say_there(const struct step *s, unsigned before, struct str *out)
{
	str_addf(out, "%s", s->file);
	if (before > 1)
		str_addf(out,
			 " and %u more are there, it asks whether there "
			 "are newer ones",
			 before - 1);
	else
		str_adds(out,
			 " is there, it asks whether there is a newer one");
}

static void explain(const struct asking *a, struct watch_view *v)
{
	struct str why CLEANUP(str_release) = STR_INIT;
	struct str mend CLEANUP(str_release) = STR_INIT;
	struct str dir CLEANUP(str_release) = STR_INIT;
	unsigned before;
	const struct step *s = asked_for(a, &before);

	if (!s)
		return;
	str_add_sh(&dir, a->model_dir ? a->model_dir : "DIR");
	if (s->result == STEP_FAILS) {
		say_missing(s, before, &why);
		str_addf(&mend,
			 "Run: itts-pack install BUNDLE --model-dir %s; then "
			 "start it with: ",
			 dir.ptr);
	} else {
		say_there(s, before, &why);
		str_adds(&mend, "Start it so that it does not ask: ");
	}
	str_addf(&mend, "itts-pack run --offline --model-dir %s -- COMMAND",
		 dir.ptr);
	put_text(a, why.ptr, v->why);
	put_text(a, mend.ptr, v->mend);
}

void asking_explain(const struct asking *a, struct watch_view *v)
{
	if (v->kind != WATCH_CONNECT && v->kind != WATCH_NAME &&
	    v->kind != WATCH_ANSWER && v->kind != WATCH_REFUSED)
		return;
	if (name_peer(a, v))
		explain(a, v);
}
