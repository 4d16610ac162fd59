#include "bundle/trust.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/signers.h"
#include "bundle/slot.h"
#include "bundle/sshsig.h"

#include <fcntl.h>
#include <string.h>

void trusted_release(struct trusted *t)
{
	free_ptr(&t->principals);
	str_release(&t->type);
	str_release(&t->fingerprint);
	str_release(&t->name_space);
	*t = (struct trusted)TRUSTED_INIT;
}

static int check_revoked(const struct trust *t, const struct wire *key,
			 struct error *err)
{
	for (size_t i = 0; i < t->revoked.count; i++) {
		struct str list CLEANUP(str_release) = STR_INIT;
		const char *name = t->revoked.items[i];

		if (file_read_all(AT_FDCWD, name, SIGNERS_LIMIT, &list, err) ||
		    signers_check_revoked(list.ptr, list.len, name, key, err))
			return -1;
	}
	return 0;
}

static int find_signer(const struct trust *t, const struct wire *key,
		       struct trusted *out, struct error *err)
{
	struct str list CLEANUP(str_release) = STR_INIT;
	struct signers_query q = { .key = *key,
				   .name_space = SSHSIG_NAMESPACE,
				   .now = t->now,
				   .identities = t->identities,
				   .identities_from = t->identities_from };

	if (!t->allowed)
		return 0;
	if (file_read_all(AT_FDCWD, t->allowed, SIGNERS_LIMIT, &list, err) ||
	    signers_find(list.ptr, list.len, t->allowed, &q, &out->principals,
			 err))
		return -1;
	out->known = true;
	return 0;
}

static void describe(const struct sshsig *sig, struct trusted *out)
{
	str_clear(&out->type);
	str_clear(&out->fingerprint);
	str_clear(&out->name_space);
	sign_key_type(&sig->key, &out->type);
	sign_fingerprint(sig->key.p, sig->key.left, &out->fingerprint);
	str_add(&out->name_space, sig->name_space.p, sig->name_space.left);
}

/* One signature. If it does not count, only the first is described in *out. */
static int judge(const struct trust *t, const struct str *armour,
		 const struct str *msg, struct trusted *out, struct error *err)
{
	struct sshsig sig CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct trusted found CLEANUP(trusted_release) = TRUSTED_INIT;

	out->found = true;
	if (sshsig_parse(&sig, armour->ptr, armour->len, err))
		return -1;
	if (out->type.len == 0)
		describe(&sig, out);
	if (sshsig_check(&sig, SSHSIG_NAMESPACE, msg->ptr, msg->len, err) ||
	    check_revoked(t, &sig.key, err) ||
	    find_signer(t, &sig.key, &found, err))
		return -1;
	found.found = found.is_signed = true;
	describe(&sig, &found);
	trusted_release(out);
	*out = found;
	found = (struct trusted)TRUSTED_INIT;
	return 0;
}

/* 1: read; 0: there is none. */
static int read_file(const struct trust *t, const struct bundle_source *s,
		     struct str *name, struct str *out, struct error *err)
{
	if (t->signature)
		str_adds(name, t->signature);
	else
		bundle_source_beside(s, name);
	if (name->len == 0)
		return 0;
	if (!file_read_all(AT_FDCWD, name->ptr, SSHSIG_LIMIT, out, err))
		return 1;
	if (t->signature || err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err);
	return 0;
}

static int not_signed(const struct trust *t, struct error *err)
{
	err_set(err, ERR_INTEGRITY, "not signed, and %s demands a signature",
		t->require ? t->require_where : t->allowed);
	return err_hint(err, "who made it signs it with itts-pack sign");
}

/* 1: a signature of the slot; 0: it has none. */
static int read_slot(const struct bundle_source *s, struct str *out,
		     struct error *err)
{
	uint64_t offset;
	const char *slot = bundle_source_slot(s, &offset);
	enum slot_state state = slot ? slot_read(slot, BUNDLE_SIGNATURE_SIZE)
				     : SLOT_EMPTY;

	if (state == SLOT_BROKEN) {
		err_set(err, ERR_INTEGRITY,
			"itts-bundle.json.sig: neither empty nor a signature, "
			"at byte %llu",
			(unsigned long long)offset);
		return err_hint(err, "the bundle is damaged, copy it again");
	}
	if (state == SLOT_SIGNED)
		str_add(out, slot, BUNDLE_SIGNATURE_SIZE);
	return state == SLOT_SIGNED;
}

/* All candidates in turn; the error of the first stays if none counts. */
static int judge_all(const struct trust *t, const struct bundle_source *s,
		     struct trusted *out, struct error *err)
{
	struct str slot CLEANUP(str_release) = STR_INIT;
	struct str file CLEANUP(str_release) = STR_INIT;
	struct str path CLEANUP(str_release) = STR_INIT;
	struct error first = { 0 };
	int in_slot = 0, in_file = 0;

	if (!t->signature)
		in_slot = read_slot(s, &slot, err);
	if (in_slot > 0 && !judge(t, &slot, &s->text, out, &first))
		return 0;
	if (in_slot < 0) {
		out->found = true;
		return -1;
	}
	in_file = read_file(t, s, &path, &file, err);
	if (in_file < 0)
		return -1;
	if (in_file > 0) {
		if (!judge(t, &file, &s->text, out, err))
			return 0;
		if (in_slot == 0)
			return err_wrap(err, "%s", path.ptr);
		err_clear(err);
	}
	if (in_slot == 0)
		return t->allowed ? not_signed(t, err) : 0;
	*err = first;
	return err_wrap(err, "its signature");
}

int trust_check(const struct trust *t, const struct bundle_source *s,
		struct trusted *out, struct error *err)
{
	if (t->require && !t->allowed) {
		err_set(err, ERR_USAGE,
			"%s demands a signature, but there is no list of "
			"allowed signers",
			t->require_where);
		return err_hint(err, "give one with --allowed-signers");
	}
	return judge_all(t, s, out, err);
}
