#include "cmd/trust.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#define SYSTEM_DIR "/etc/itts-pack"
#define ALLOWED	   "allowed_signers"
#define REVOKED	   "revoked_keys"

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

/* 1: there is something under that name, 0: nothing. What cannot be told (a
 * directory that may not be entered) is not nothing: the list may demand much. */
static int look(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	err_sys(err, errno, "%s", path);
	return err_hint(err, "nothing is taken without knowing whose "
			     "signatures are demanded");
}

static bool own_file(struct app *app, const char *name, struct str *out)
{
	if (!config_own_dir(app->env, "XDG_CONFIG_HOME", "~/.config", out))
		return false;
	str_addf(out, "/%s", name);
	return true;
}

/* The list of allowed signers of the machine, else of the user: 1, and its name in
 * *out; 0: there is none. */
static int find_allowed(struct app *app, struct str *out, struct error *err)
{
	int there;

	str_adds(out, SYSTEM_DIR "/" ALLOWED);
	there = look(out->ptr, err);
	if (there != 0)
		return there;
	str_clear(out);
	return own_file(app, ALLOWED, out) ? look(out->ptr, err) : 0;
}

/* Revocations add up: who is on one list is out. */
static int find_revoked(struct app *app, struct strlist *out, struct error *err)
{
	struct str own CLEANUP(str_release) = STR_INIT;
	static const char system[] = SYSTEM_DIR "/" REVOKED;
	int there = look(system, err);

	strlist_copy(out, &app->options->revoked);
	if (there > 0)
		strlist_add(out, system);
	if (there < 0 || !own_file(app, REVOKED, &own))
		return there < 0 ? -1 : 0;
	there = look(own.ptr, err);
	if (there > 0)
		strlist_add(out, own.ptr);
	return there < 0 ? -1 : 0;
}

int trusting_init(struct trusting *t, struct app *app, struct error *err)
{
	const struct options *o = app->options;
	int there = 1;

	t->trust.require = o->require_signature;
	t->trust.require_where = "--require-signature";
	t->trust.signature = o->signature;
	t->trust.now = time(NULL);
	t->trust.allowed = o->allowed_signers;
	if (o->allowed_signers) {
		there = look(o->allowed_signers, err);
		if (there == 0)
			err_set(err, ERR_NOT_FOUND, "%s: no such file",
				o->allowed_signers);
		if (there <= 0)
			return -1;
	} else {
		there = find_allowed(app, &t->allowed, err);
		if (there > 0)
			t->trust.allowed = t->allowed.ptr;
	}
	if (there < 0 || find_revoked(app, &t->trust.revoked, err))
		return -1;
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
	int there;

	if (o->allowed_signers || o->require_signature || o->signature ||
	    o->revoked.count)
		return err_set(err, ERR_USAGE,
			       "%s carries no signature that could be checked",
			       what);
	there = find_allowed(app, &list, err);
	if (there <= 0)
		return there;
	return err_set(err, ERR_INTEGRITY,
		       "%s carries no signature, and %s demands one", what,
		       list.ptr);
}
