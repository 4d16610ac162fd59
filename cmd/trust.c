#include "cmd/trust.h"

#include "base/mem.h"

#include <time.h>
#include <unistd.h>

#define SYSTEM_DIR "/etc/itts-pack"

static const struct option options[] = {
	{ .name = "allowed-signers",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, allowed_signers),
	  .value = "FILE",
	  .help = "whose signatures count, as for ssh-keygen -Y verify "
		  "(default: /etc/itts-pack/allowed_signers, else "
		  "XDG_CONFIG_HOME/itts-pack/allowed_signers)" },
	{ .name = "require-signature",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, require_signature),
	  .help = "fail where there is no list of allowed signers; where there "
		  "is one, a signature is always needed" },
	{ .name = "revoked",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, revoked),
	  .value = "FILE",
	  .help = "keys that count no more, one public key a line (repeatable; "
		  "besides: revoked_keys in both directories)" },
	{ .name = "signature",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, signature),
	  .value = "FILE",
	  .help = "the signature (default: the one inside, else BUNDLE.sig)" },
};

const struct option_group group_trust = { "Trust", options,
					  ARRAY_LEN(options) };

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

bool trust_file(struct app *app, const char *name, struct str *out)
{
	struct str path CLEANUP(str_release) = STR_INIT;

	str_addf(&path, "%s/%s", SYSTEM_DIR, name);
	if (!is_there(path.ptr)) {
		str_clear(&path);
		if (!config_own_dir(app->env, "XDG_CONFIG_HOME", "~/.config",
				    &path))
			return false;
		str_addf(&path, "/%s", name);
		if (!is_there(path.ptr))
			return false;
	}
	str_adds(out, path.ptr);
	return true;
}

/* Revocations add up: who is on one list is out. */
static void find_revoked(struct app *app, struct strlist *out)
{
	struct str own CLEANUP(str_release) = STR_INIT;
	static const char system[] = SYSTEM_DIR "/revoked_keys";

	strlist_copy(out, &app->options->revoked);
	if (is_there(system))
		strlist_add(out, system);
	if (!config_own_dir(app->env, "XDG_CONFIG_HOME", "~/.config", &own))
		return;
	str_adds(&own, "/revoked_keys");
	if (is_there(own.ptr))
		strlist_add(out, own.ptr);
}

int trusting_init(struct trusting *t, struct app *app, struct error *err)
{
	const struct options *o = app->options;

	t->trust.require = o->require_signature;
	t->trust.require_where = "--require-signature";
	t->trust.signature = o->signature;
	t->trust.now = time(NULL);
	t->trust.allowed = o->allowed_signers;
	if (!o->allowed_signers &&
	    trust_file(app, "allowed_signers", &t->allowed))
		t->trust.allowed = t->allowed.ptr;
	find_revoked(app, &t->trust.revoked);
	if (t->trust.allowed && !is_there(t->trust.allowed))
		return err_set(err, ERR_NOT_FOUND, "%s: no such file",
			       t->trust.allowed);
	if (app->options->verbose)
		event_info(&app->sink, "allowed signers: %s",
			   t->trust.allowed ? t->trust.allowed : "no list");
	return 0;
}

void trusting_release(struct trusting *t)
{
	trusted_release(&t->who);
	strlist_release(&t->trust.revoked);
	str_release(&t->allowed);
}

static int gate(void *ctx, const struct bundle_source *s, struct error *err)
{
	struct trusting *t = ctx;

	return trust_check(&t->trust, s, &t->who, err);
}

void trusting_guard(struct trusting *t, struct bundle_source *s)
{
	s->gate = gate;
	s->gate_ctx = t;
}

void trusting_say(const struct trusting *t, struct app *app, const char *name)
{
	const struct trusted *w = &t->who;

	if (w->known)
		event_info(&app->sink, "%s: signed by %s (%s %s)", name,
			   w->principals, w->type.ptr, w->fingerprint.ptr);
	else if (w->is_signed)
		event_info(&app->sink,
			   "%s: signed with %s %s, by whom is not known: there "
			   "is no list of allowed signers",
			   name, w->type.ptr, w->fingerprint.ptr);
	else
		event_info(&app->sink,
			   "%s: not signed; taken, since there is no list of "
			   "allowed signers",
			   name);
}

void trusting_put(const struct trusting *t, struct json_writer *j)
{
	const struct trusted *w = &t->who;

	json_put_key(j, "signature");
	if (!w->is_signed) {
		json_put_null(j);
		return;
	}
	json_begin_object(j);
	json_put_kv(j, "type", w->type.ptr);
	json_put_kv(j, "key", w->fingerprint.ptr);
	json_put_kv_bool(j, "known", w->known);
	if (w->known)
		json_put_kv(j, "principals", w->principals);
	json_end_object(j);
}

int trusting_refuse(struct app *app, const char *what, struct error *err)
{
	const struct options *o = app->options;
	struct str list CLEANUP(str_release) = STR_INIT;

	if (o->allowed_signers || o->require_signature || o->signature ||
	    o->revoked.count)
		return err_set(err, ERR_USAGE,
			       "%s carries no signature that could be checked",
			       what);
	if (!trust_file(app, "allowed_signers", &list))
		return 0;
	return err_set(err, ERR_INTEGRITY,
		       "%s carries no signature, and %s demands one", what,
		       list.ptr);
}
