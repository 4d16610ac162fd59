/*
 * Names and their order are those of huggingface_hub's constants.py, of curl and
 * of Python's urllib and requests; boolean variables are on for 1, ON, YES, TRUE
 * in any case.
 */
#include "cmd/config.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "fetch/endpoint.h"
#include "fetch/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODELSCOPE_TOKEN   "MODELSCOPE_API_TOKEN"
#define TOKEN_LIMIT	   4096
#define SECONDS_MAX	   86400
#define CERTIFICATES_LIMIT ((size_t)16 << 20)

/* An empty variable is none. */
static const char *get(const struct env *e, const char *name)
{
	const char *v = e->get(e->ctx, name);

	return v && *v ? v : NULL;
}

/* The first that is set of a NULL-terminated list. */
static const char *get_first(const struct env *e, const char *const *names,
			     const char **which)
{
	for (; *names; names++) {
		const char *v = get(e, *names);

		if (v) {
			*which = *names;
			return v;
		}
	}
	return NULL;
}

static bool is_true(const char *v)
{
	static const char *const words[] = { "1", "ON", "YES", "TRUE" };

	for (size_t i = 0; v && i < ARRAY_LEN(words); i++)
		if (strcasecmp(v, words[i]) == 0)
			return true;
	return false;
}

/* --- paths ----------------------------------------------------------------- */

/* Returns the bytes of text that the home directory replaces. */
static size_t expand_home(const struct env *e, const char *text,
			  struct str *out)
{
	size_t len = strcspn(text, "/");
	const char *home = get(e, "HOME");
	char *user CLEANUP(free_ptr) = NULL;
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (*text != '~')
		return 0;
	if (len > 1) {
		user = xstrndup(text + 1, len - 1);
		if (getpwnam_r(user, &pw, buf, sizeof(buf), &found) != 0 ||
		    !found)
			return 0;
		home = found->pw_dir;
	}
	if (!home)
		return 0;
	str_adds(out, home);
	return len;
}

/* At a '$': returns the bytes that a variable's value replaces, or 0. */
static size_t expand_var(const struct env *e, const char *p, struct str *out)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	bool brace = p[1] == '{';
	const char *name = p + 1 + brace;
	size_t len = brace ? strcspn(name, "}") : strspn(name, word);
	char *key CLEANUP(free_ptr) = NULL;
	const char *value;

	if (len == 0 || (brace && name[len] != '}'))
		return 0;
	key = xstrndup(name, len);
	value = e->get(e->ctx, key);
	if (!value)
		return 0;
	str_adds(out, value);
	return 1 + len + (brace ? 2 : 0);
}

void config_expand(const struct env *e, const char *text, bool vars,
		   struct str *out)
{
	text += expand_home(e, text, out);
	while (*text) {
		size_t n = vars && *text == '$' ? expand_var(e, text, out) : 0;

		if (n == 0)
			str_addc(out, *text);
		text += n ? n : 1;
	}
}

/* HF_HOME's value or default, appended. */
static int hf_home(const struct env *e, struct str *out, struct error *err)
{
	const char *v = get(e, "HF_HOME");

	if (v) {
		config_expand(e, v, true, out);
		return 0;
	}
	v = get(e, "XDG_CACHE_HOME");
	if (!v && !get(e, "HOME"))
		return err_set(err, ERR_USAGE,
			       "no cache directory: HOME is not set; give one "
			       "with --cache");
	config_expand(e, v ? v : "~/.cache", true, out);
	str_adds(out, "/huggingface");
	return 0;
}

int config_cache(const struct env *e, const struct options *o, struct str *out,
		 struct error *err)
{
	static const char *const names[] = { "HF_HUB_CACHE",
					     "HUGGINGFACE_HUB_CACHE", NULL };
	const char *which, *v;

	if (o->cache) {
		config_expand(e, o->cache, false, out);
		return 0;
	}
	v = get_first(e, names, &which);
	if (v) {
		config_expand(e, v, true, out);
		return 0;
	}
	if (hf_home(e, out, err) != 0)
		return -1;
	str_adds(out, "/hub");
	return 0;
}

bool config_own_dir(const struct env *e, const char *variable,
		    const char *fallback, struct str *out)
{
	const char *v = get(e, variable);

	/* XDG Base Directory Specification: relative ones are to be ignored */
	if (v && *v != '/')
		v = NULL;
	if (!v && !get(e, "HOME"))
		return false;
	config_expand(e, v ? v : fallback, false, out);
	str_adds(out, "/itts-pack");
	return true;
}

bool config_offline(const struct env *e, const struct options *o)
{
	static const char *const names[] = { "HF_HUB_OFFLINE",
					     "TRANSFORMERS_OFFLINE", NULL };
	const char *which;

	return o->offline || is_true(get_first(e, names, &which));
}

/* Digits only, at most max. */
static bool parse_whole(const char *v, uint64_t max, uint64_t *out)
{
	*out = 0;
	for (; *v >= '0' && *v <= '9' && *out <= max; v++)
		*out = *out * 10 + (uint64_t)(*v - '0');
	return !*v && *out <= max;
}

int config_epoch(const struct env *e, uint64_t *out, struct error *err)
{
	const char *v = get(e, "SOURCE_DATE_EPOCH");

	*out = 0;
	if (v && !parse_whole(v, BUNDLE_EPOCH_MAX, out))
		return err_set(
			err, ERR_USAGE,
			"SOURCE_DATE_EPOCH is no whole number of seconds "
			"since 1970: '%s'",
			v);
	return 0;
}

/* --- token ----------------------------------------------------------------- */

/* A token as it was found, without white space around it; NULL: empty. Messages
 * name where, never what. */
static int clean_token(const char *text, size_t len, const char *from,
		       char **out, struct error *err)
{
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	while (len > 0 && strchr(" \t\r\n", *text)) {
		text++;
		len--;
	}
	if (len == 0)
		return 0;
	if (len > TOKEN_LIMIT)
		return err_set(err, ERR_USAGE, "the token in %s is too long",
			       from);
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] == 0x7f || (text[i] & 0x80))
			return err_set(
				err, ERR_USAGE,
				"the token in %s has a character that no "
				"token can have (control byte, space or "
				"not ASCII)",
				from);
	*out = xstrndup(text, len);
	return 0;
}

static int take_token(struct config_network *n, const char *text, size_t len,
		      const char *from, struct error *err)
{
	if (clean_token(text, len, from, &n->token, err) != 0)
		return -1;
	if (n->token)
		n->token_from = xstrdup(from);
	return 0;
}

static int token_from_file(struct config_network *n, const struct env *e,
			   struct error *err)
{
	const char *v = get(e, "HF_TOKEN_PATH");
	struct str path CLEANUP(str_release) = STR_INIT;
	struct str text CLEANUP(str_release) = STR_INIT;

	if (v) {
		config_expand(e, v, true, &path);
	} else if (get(e, "HF_HOME") || get(e, "XDG_CACHE_HOME") ||
		   get(e, "HOME")) {
		if (hf_home(e, &path, err) != 0)
			return -1;
		str_adds(&path, "/token");
	} else {
		return 0;
	}
	if (file_read_all(AT_FDCWD, path.ptr, TOKEN_LIMIT, &text, err) != 0) {
		/* services have HOME=/dev/null */
		if (err->code != ERR_NOT_FOUND && err->sys != ENOTDIR)
			return err_wrap(err, "the token file");
		err_clear(err);
		return 0;
	}
	return take_token(n, text.ptr, text.len, path.ptr, err);
}

static int load_token(struct config_network *n, const struct env *e,
		      struct error *err)
{
	static const char *const names[] = { "HF_TOKEN",
					     "HUGGING_FACE_HUB_TOKEN", NULL };
	const char *other = get(e, MODELSCOPE_TOKEN);

	if (other && clean_token(other, strlen(other), MODELSCOPE_TOKEN,
				 &n->modelscope_token, err) != 0)
		return -1;
	if (is_true(get(e, "HF_HUB_DISABLE_IMPLICIT_TOKEN")))
		return 0;
	for (size_t i = 0; names[i] && !n->token; i++) {
		const char *v = get(e, names[i]);

		if (v && take_token(n, v, strlen(v), names[i], err) != 0)
			return -1;
	}
	return n->token ? 0 : token_from_file(n, e, err);
}

/* --- proxies, certificates, time-outs ------------------------------------- */

/* As Python reads them: an empty lower-case name hides the upper-case one. */
static const char *get_proxy(const struct env *e, const char *lower,
			     const char *upper, const char **which)
{
	const char *v = e->get(e->ctx, lower);

	*which = lower;
	if (!v) {
		v = e->get(e->ctx, upper);
		*which = upper;
	}
	return v && *v ? v : NULL;
}

const char *config_no_proxy(const struct env *e)
{
	const char *which;

	return get_proxy(e, "no_proxy", "NO_PROXY", &which);
}

static int check_proxy(const char *url, const char *which, struct error *err)
{
	static const char *const schemes[] = { "http",	  "https",  "socks4",
					       "socks4a", "socks5", "socks5h" };
	const char *sep = strstr(url, "://");
	size_t len = sep ? (size_t)(sep - url) : 0;

	if (!sep) /* HOST:PORT */
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (strlen(schemes[i]) == len &&
		    strncasecmp(url, schemes[i], len) == 0)
			return 0;
	return err_set(err, ERR_USAGE,
		       "%s: a proxy begins with http://, https://, socks5h://, "
		       "socks5://, socks4a:// or socks4://",
		       which);
}

static int load_proxies(struct config_network *n, const struct env *e,
			const struct options *o, struct error *err)
{
	const char *http_name = "--proxy", *https_name = "--proxy";
	const char *http = o->proxy, *https = o->proxy;

	if (!o->proxy) {
		const char *all_name;
		const char *all = get_proxy(e, "all_proxy", "ALL_PROXY",
					    &all_name);

		http = get_proxy(e, "http_proxy", "HTTP_PROXY", &http_name);
		https = get_proxy(e, "https_proxy", "HTTPS_PROXY", &https_name);
		http_name = http ? http_name : all_name;
		https_name = https ? https_name : all_name;
		http = http ? http : all;
		https = https ? https : all;
	}
	if (http && check_proxy(http, http_name, err) != 0)
		return -1;
	if (https && check_proxy(https, https_name, err) != 0)
		return -1;
	n->http.proxy_http = http;
	n->http.proxy_https = https;
	n->http.no_proxy = config_no_proxy(e);
	return 0;
}

/* libcurl takes a file without any, and says later that the server's issuer is
 * unknown. */
static int check_certificates(const char *path, const char *which,
			      struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	if (file_read_all(AT_FDCWD, path, CERTIFICATES_LIMIT, &text, err) != 0)
		return err_wrap(err, "%s", which);
	if (memmem(text.ptr, text.len, "CERTIFICATE-----", 16))
		return 0;
	err_set(err, ERR_USAGE, "%s: there is no certificate in %s", which,
		path);
	return err_hint(err, "PEM is expected, which begins with -----BEGIN "
			     "CERTIFICATE-----");
}

/* OpenSSL takes a list, as of PATH, and passes over what is not there. If that is all
 * of it, no certificate would be trusted, and libcurl would say that of the server. */
static int check_directories(const char *list, const char *which,
			     struct error *err)
{
	int cause = ENOENT;

	for (const char *p = list; *p; p += *p == ':') {
		size_t len = strcspn(p, ":");
		char *dir CLEANUP(free_ptr) = xasprintf("%.*s/.", (int)len, p);

		p += len;
		if (len && access(dir, R_OK | X_OK) == 0)
			return 0;
		cause = errno;
	}
	return err_set(err, ERR_USAGE,
		       "%s: cannot read certificates from %s: %s", which, list,
		       strerrordesc_np(cause));
}

static int load_certificates(struct config_network *n, const struct env *e,
			     const struct options *o, struct error *err)
{
	static const char *const names[] = { "SSL_CERT_FILE",
					     "REQUESTS_CA_BUNDLE",
					     "CURL_CA_BUNDLE", NULL };
	const char *which = "--ca-bundle";
	const char *file = o->ca_bundle ? o->ca_bundle
					: get_first(e, names, &which);
	const char *dir = o->ca_bundle ? NULL : get(e, "SSL_CERT_DIR");
	struct stat st;

	if (file) {
		config_expand(e, file, false, &n->ca_bundle);
		if (access(n->ca_bundle.ptr, R_OK) != 0 ||
		    stat(n->ca_bundle.ptr, &st) != 0)
			return err_set(
				err, ERR_USAGE,
				"%s: cannot read certificates from %s: %s",
				which, file, strerrordesc_np(errno));
		if (S_ISDIR(st.st_mode)) /* requests allows that */
			n->http.ca_dir = n->ca_bundle.ptr;
		else if (check_certificates(n->ca_bundle.ptr, which, err) != 0)
			return -1;
		else
			n->http.ca_bundle = n->ca_bundle.ptr;
	}
	if (n->http.ca_dir)
		return check_directories(n->http.ca_dir, which, err);
	if (!dir)
		return 0;
	config_expand(e, dir, false, &n->ca_dir);
	if (check_directories(n->ca_dir.ptr, "SSL_CERT_DIR", err) == 0) {
		n->http.ca_dir = n->ca_dir.ptr;
		return 0;
	}
	if (!n->http.ca_bundle)
		return -1;
	err_clear(err); /* the file is enough */
	return 0;
}

/* Seconds; what is no whole number above 0 counts as not set, as in Python. */
static unsigned seconds(const struct env *e, const char *name)
{
	const char *v = get(e, name);
	uint64_t s;

	return v && parse_whole(v, SECONDS_MAX, &s) ? (unsigned)s : 0;
}

/* --- endpoints ------------------------------------------------------------- */

static int not_an_endpoint(const char *url, struct error *err)
{
	char *shown CLEANUP(free_ptr) = http_redact(url);

	return err_set(err, ERR_USAGE,
		       "--token-for %s is none of the endpoints; give it as "
		       "--endpoint too",
		       shown);
}

/* The user's own word first. That a manifest names an endpoint says nothing of
 * whether it may have the token. */
static void choose_endpoints(struct config_network *n, const struct env *e,
			     const struct options *o,
			     const struct strlist *suggested)
{
	const char *v = get(e, "HF_ENDPOINT");

	if (o->endpoints.count) {
		n->endpoints_from = "--endpoint";
		strlist_copy(&n->endpoints, &o->endpoints);
	} else if (v) {
		n->endpoints_from = "HF_ENDPOINT";
		strlist_add(&n->endpoints, v);
	} else if (suggested && suggested->count) {
		n->endpoints_from = "endpoints of the manifest";
		strlist_copy(&n->endpoints, suggested);
	} else {
		n->endpoints_from = "the default endpoint";
		strlist_add(&n->endpoints, HUB_DEFAULT_ENDPOINT);
	}
}

static int load_endpoints(struct config_network *n, const struct env *e,
			  const struct options *o,
			  const struct strlist *suggested, struct error *err)
{
	choose_endpoints(n, e, o, suggested);
	for (size_t i = 0; i < o->token_for.count; i++) {
		const char *url = o->token_for.items[i];
		bool found = false;

		for (size_t k = 0; k < n->endpoints.count; k++)
			if (endpoint_is(url, n->endpoints.items[k])) {
				found = true;
				strlist_add(&n->named, n->endpoints.items[k]);
			}
		if (!found)
			return not_an_endpoint(url, err);
	}
	if (o->token_for.count && !n->token && !n->modelscope_token)
		return err_set(
			err, ERR_USAGE,
			"--token-for: there is no token; set HF_TOKEN or "
			"log in with hf auth login");
	return 0;
}

int config_network(struct config_network *n, const struct env *e,
		   const struct options *o, const struct strlist *suggested,
		   struct error *err)
{
	n->http.user_agent = "itts-pack/" ITTS_VERSION;
	n->http.connect_timeout_ms = seconds(e, "HF_HUB_ETAG_TIMEOUT") * 1000;
	n->http.low_speed_s = seconds(e, "HF_HUB_DOWNLOAD_TIMEOUT");
	if (load_token(n, e, err) != 0 ||
	    load_endpoints(n, e, o, suggested, err) != 0 ||
	    load_proxies(n, e, o, err) != 0)
		return -1;
	return load_certificates(n, e, o, err);
}

void config_network_release(struct config_network *n)
{
	strlist_release(&n->endpoints);
	strlist_release(&n->named);
	if (n->token)
		explicit_bzero(n->token, strlen(n->token));
	if (n->modelscope_token)
		explicit_bzero(n->modelscope_token,
			       strlen(n->modelscope_token));
	free_ptr(&n->token);
	free_ptr(&n->modelscope_token);
	free_ptr(&n->token_from);
	str_release(&n->ca_bundle);
	str_release(&n->ca_dir);
}
