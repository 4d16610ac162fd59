/*
 * The armour is a first line, base64 in lines, a last line. In it:
 *
 *   byte[6]  "SSHSIG"
 *   uint32   version, 1
 *   string   public key
 *   string   namespace
 *   string   reserved (ignored by version 1; is empty here)
 *   string   hash: "sha256" or "sha512"
 *   string   signature
 *
 * and what is signed is
 *
 *   byte[6]  "SSHSIG"
 *   string   namespace, string reserved, string hash
 *   string   H(message)
 */
#include "bundle/sshsig.h"

#include "base/base64.h"
#include "base/digest.h"

#include <string.h>

static const char head[] = "-----BEGIN SSH SIGNATURE-----\n";
static const char foot[] = "-----END SSH SIGNATURE-----";
static const char magic[] = "SSHSIG";
#define MAGIC_LEN 6u

void sshsig_release(struct sshsig *s)
{
	str_release(&s->blob);
	*s = (struct sshsig)SSHSIG_INIT;
}

static int unarmour(const char *text, size_t len, struct str *out,
		    struct error *err)
{
	const char *begin = text + strlen(head), *end;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	end = text + len - strlen(foot);
	if (len > SSHSIG_LIMIT)
		return err_set(err, ERR_FORMAT, "longer than %u bytes",
			       SSHSIG_LIMIT);
	if (len < strlen(head) + strlen(foot) ||
	    memcmp(text, head, strlen(head)) != 0 ||
	    memcmp(end, foot, strlen(foot)) != 0 || end[-1] != '\n')
		return err_set(err, ERR_FORMAT,
			       "not a signature as ssh-keygen -Y sign makes "
			       "them");
	if (!base64_decode(begin, (size_t)(end - begin), true, out))
		return err_set(err, ERR_FORMAT, "damaged base64");
	return 0;
}

static int parse_blob(struct sshsig *s, struct error *err)
{
	struct wire in = { (unsigned char *)s->blob.ptr, s->blob.len };
	struct wire reserved = { NULL, 0 };
	unsigned long version;

	if (in.left < MAGIC_LEN || memcmp(in.p, magic, MAGIC_LEN) != 0)
		return err_set(err, ERR_FORMAT, "does not begin with \"%s\"",
			       magic);
	in.p += MAGIC_LEN;
	in.left -= MAGIC_LEN;
	if (!wire_u32(&in, &version) || version != 1)
		return err_set(err, ERR_FORMAT,
			       "not of version 1 of the signature format");
	if (!wire_string(&in, &s->key) || !wire_string(&in, &s->name_space) ||
	    !wire_string(&in, &reserved) || !wire_string(&in, &s->hash) ||
	    !wire_string(&in, &s->signature))
		return err_set(err, ERR_FORMAT, "ends too early");
	if (in.left > 0 || reserved.left > 0)
		return err_set(err, ERR_FORMAT, "holds more than a signature");
	return 0;
}

int sshsig_parse(struct sshsig *out, const char *text, size_t len,
		 struct error *err)
{
	struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;

	if (unarmour(text, len, &s.blob, err) || parse_blob(&s, err))
		return -1;
	*out = s;
	s = (struct sshsig)SSHSIG_INIT;
	return 0;
}

/* H(message), by the name of H. false: the name is no other's. */
static bool put_hash(const struct wire *name, const void *msg, size_t len,
		     struct str *out)
{
	unsigned char sha512[SIGN_SHA512_LEN];
	struct digest d;

	if (wire_is(name, "sha512")) {
		sign_sha512(msg, len, sha512);
		wire_put_string(out, sha512, sizeof(sha512));
		return true;
	}
	if (!wire_is(name, "sha256"))
		return false;
	digest_buf(DIGEST_SHA256, msg, len, &d);
	wire_put_string(out, d.bytes, digest_len(DIGEST_SHA256));
	return true;
}

int sshsig_check(const struct sshsig *s, const char *name_space,
		 const void *msg, size_t len, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	if (!wire_is(&s->name_space, name_space))
		return err_set(err, ERR_INTEGRITY,
			       "made for the namespace \"%.*s\", not for "
			       "\"%s\"",
			       s->name_space.left < 64 ? (int)s->name_space.left
						       : 64,
			       (const char *)s->name_space.p, name_space);
	str_add(&text, magic, MAGIC_LEN);
	wire_put_string(&text, s->name_space.p, s->name_space.left);
	wire_put_string(&text, "", 0);
	wire_put_string(&text, s->hash.p, s->hash.left);
	if (!put_hash(&s->hash, msg, len, &text))
		return err_set(err, ERR_FORMAT,
			       "its hash is neither sha256 nor sha512");
	return sign_check(&s->key, &s->signature, text.ptr, text.len, err);
}
