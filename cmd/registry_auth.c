/*
 * containers-auth.json(5), config.json of docker: {"auths":{"HOST[:PORT]":
 * {"auth":"base64 of name:password"}}}. Helpers that keep passwords elsewhere
 * (credHelpers) are not asked.
 */
#include "cmd/registry_auth.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)

static const struct place {
	const char *variable, *below;
} places[] = {
	{ "REGISTRY_AUTH_FILE", "" },
	{ "XDG_RUNTIME_DIR", "/containers/auth.json" },
	{ "DOCKER_CONFIG", "/config.json" },
	{ "HOME", "/.docker/config.json" },
};

static int decode(const char *text, const char *file, char **out,
		  struct error *err)
{
	struct str plain CLEANUP(str_release) = STR_INIT;
	int rc = 0;

	if (!base64_decode(text, strlen(text), false, &plain) ||
	    !strchr(plain.ptr, ':') || strlen(plain.ptr) != plain.len)
		rc = err_set(err, ERR_USAGE,
			     "%s: \"auth\" is no base64 of "
			     "name:password",
			     file);
	else
		*out = xstrdup(plain.ptr);
	explicit_bzero(plain.ptr, plain.len);
	return rc;
}

static int look_into(const char *file, const char *host, char **out,
		     struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json *doc CLEANUP(json_free) = NULL;
	const struct json *auths, *entry;
	const char *auth = NULL;
	int rc = 0;

	if (file_read_all(AT_FDCWD, file, LIMIT, &text, err) != 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		err_clear(err);
		return 0;
	}
	if (json_parse(&doc, text.ptr, text.len, err) != 0)
		rc = err_wrap(err, "%s", file);
	explicit_bzero(text.ptr, text.len);
	if (rc != 0)
		return -1;
	auths = json_member(doc, "auths");
	entry = auths && json_is_object(auths) ? json_member(auths, host)
					       : NULL;
	if (!entry || !json_is_object(entry))
		return 0;
	if (json_opt_string(entry, "auth", &auth, host, err) != 0)
		return err_wrap(err, "%s", file);
	return auth && *auth ? decode(auth, file, out, err) : 0;
}

int registry_auth(const struct env *e, const char *host, char **out,
		  struct error *err)
{
	*out = NULL;
	for (size_t i = 0; i < ARRAY_LEN(places) && !*out; i++) {
		const char *v = e->get(e->ctx, places[i].variable);
		char *file CLEANUP(free_ptr) = NULL;

		if (!v || !*v)
			continue;
		file = xasprintf("%s%s", v, places[i].below);
		if (look_into(file, host, out, err) != 0)
			return -1;
	}
	return 0;
}
