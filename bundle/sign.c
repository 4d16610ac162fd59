/*
 * A public key in wire form is: string type, then
 *   ssh-ed25519             string key (32 bytes)
 *   ecdsa-sha2-nistpN       string curve, string Q (0x04, x, y)
 *   ssh-rsa                 mpint e, mpint n
 *   sk-...@openssh.com      as the key without "sk-", then string application
 * A signature is: string type, then
 *   ssh-ed25519             string signature (64 bytes)
 *   ecdsa-sha2-nistpN       string (mpint r, mpint s)
 *   rsa-sha2-256, -512      string signature (PKCS #1 v1.5)
 *   sk-...                  as above, then byte flags, uint32 counter
 * What a key in hardware signs is SHA256(application), flags, counter,
 * SHA256(message). Bit 0 of the flags says that somebody touched it.
 */
#include "bundle/sign.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#define ED25519_KEY 32u
#define ED25519_SIG 64u
#define RSA_MIN	    2048 /* bits */
#define RSA_MAX	    16384
#define TOUCHED	    1u
#define MPINT_MAX   (RSA_MAX / 8 + 1)

enum family { FAMILY_ED25519, FAMILY_ECDSA, FAMILY_RSA };

struct algorithm {
	const char *sig;  /* type of the signature */
	const char *key;  /* type of its key */
	const char *hash; /* NULL: the family has its own */
	const char *curve, *group;
	enum family family;
	bool hardware;
};

static const struct algorithm algorithms[] = {
	{ .sig = "ssh-ed25519",
	  .key = "ssh-ed25519",
	  .family = FAMILY_ED25519 },
	{ .sig = "sk-ssh-ed25519@openssh.com",
	  .key = "sk-ssh-ed25519@openssh.com",
	  .family = FAMILY_ED25519,
	  .hardware = true },
	{ .sig = "ecdsa-sha2-nistp256",
	  .key = "ecdsa-sha2-nistp256",
	  .hash = "SHA256",
	  .curve = "nistp256",
	  .group = "P-256",
	  .family = FAMILY_ECDSA },
	{ .sig = "ecdsa-sha2-nistp384",
	  .key = "ecdsa-sha2-nistp384",
	  .hash = "SHA384",
	  .curve = "nistp384",
	  .group = "P-384",
	  .family = FAMILY_ECDSA },
	{ .sig = "ecdsa-sha2-nistp521",
	  .key = "ecdsa-sha2-nistp521",
	  .hash = "SHA512",
	  .curve = "nistp521",
	  .group = "P-521",
	  .family = FAMILY_ECDSA },
	{ .sig = "sk-ecdsa-sha2-nistp256@openssh.com",
	  .key = "sk-ecdsa-sha2-nistp256@openssh.com",
	  .hash = "SHA256",
	  .curve = "nistp256",
	  .group = "P-256",
	  .family = FAMILY_ECDSA,
	  .hardware = true },
	{ .sig = "rsa-sha2-512",
	  .key = "ssh-rsa",
	  .hash = "SHA512",
	  .family = FAMILY_RSA },
	{ .sig = "rsa-sha2-256",
	  .key = "ssh-rsa",
	  .hash = "SHA256",
	  .family = FAMILY_RSA },
};

/* --- wire ------------------------------------------------------------------ */

bool wire_u32(struct wire *w, unsigned long *out)
{
	if (w->left < 4)
		return false;
	*out = (unsigned long)w->p[0] << 24 | (unsigned long)w->p[1] << 16 |
	       (unsigned long)w->p[2] << 8 | w->p[3];
	w->p += 4;
	w->left -= 4;
	return true;
}

bool wire_string(struct wire *w, struct wire *out)
{
	struct wire in = *w;
	unsigned long len;

	if (!wire_u32(&in, &len) || len > in.left)
		return false;
	*out = (struct wire){ in.p, len };
	w->p = in.p + len;
	w->left = in.left - len;
	return true;
}

bool wire_is(const struct wire *w, const char *text)
{
	return w->left == strlen(text) && memcmp(w->p, text, w->left) == 0;
}

void wire_put_string(struct str *out, const void *p, size_t n)
{
	const char head[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8),
			       (char)n };

	str_add(out, head, sizeof(head));
	str_add(out, p, n);
}

/* A positive mpint as OpenSSL wants it; NULL if it is not one, or too large. */
static BIGNUM *read_mpint(struct wire *w)
{
	struct wire v;

	if (!wire_string(w, &v) || v.left == 0 || v.left > MPINT_MAX ||
	    v.p[0] & 0x80)
		return NULL;
	return BN_bin2bn(v.p, (int)v.left, NULL);
}

void sign_key_type(const struct wire *key, struct str *out)
{
	struct wire in = *key, type;

	if (!wire_string(&in, &type) || type.left == 0 || type.left > 64 ||
	    memchr(type.p, '\0', type.left))
		str_addc(out, '?');
	else
		str_add(out, type.p, type.left);
}

bool sign_type_is_known(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (!strcmp(algorithms[i].key, type))
			return true;
	return false;
}

void sign_fingerprint(const void *key, size_t len, struct str *out)
{
	struct digest d;

	digest_buf(DIGEST_SHA256, key, len, &d);
	str_adds(out, "SHA256:");
	base64_encode(d.bytes, digest_len(DIGEST_SHA256), false, out);
}

void sign_sha512(const void *p, size_t n, unsigned char out[SIGN_SHA512_LEN])
{
	int ok = EVP_Digest(p, n, out, NULL, EVP_sha512(), NULL);

	assert(ok == 1);
	(void)ok;
}

/* --- keys ------------------------------------------------------------------ */

static void pkey_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
	*k = NULL;
}

static void pkey_ctx_free(EVP_PKEY_CTX **c)
{
	EVP_PKEY_CTX_free(*c);
	*c = NULL;
}

static void md_ctx_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
	*c = NULL;
}

static void bn_free(BIGNUM **n)
{
	BN_free(*n);
	*n = NULL;
}

static void params_free(OSSL_PARAM **p)
{
	OSSL_PARAM_free(*p);
	*p = NULL;
}

static void bld_free(OSSL_PARAM_BLD **b)
{
	OSSL_PARAM_BLD_free(*b);
	*b = NULL;
}

static EVP_PKEY *from_params(const char *name, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx CLEANUP(pkey_ctx_free) = EVP_PKEY_CTX_new_from_name(
		NULL, name, NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

static EVP_PKEY *read_ed25519(struct wire *in)
{
	struct wire raw;

	if (!wire_string(in, &raw) || raw.left != ED25519_KEY)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw.p,
					   raw.left);
}

static EVP_PKEY *read_ecdsa(struct wire *in, const struct algorithm *a)
{
	OSSL_PARAM params[3];
	struct wire curve, point;
	char group[8];

	if (!wire_string(in, &curve) || !wire_is(&curve, a->curve) ||
	    !wire_string(in, &point) || point.left < 2 || point.p[0] != 4)
		return NULL;
	memcpy(group, a->group, strlen(a->group) + 1);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						     group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(
		OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point.p,
		point.left);
	params[2] = OSSL_PARAM_construct_end();
	return from_params("EC", params);
}

static EVP_PKEY *read_rsa(struct wire *in)
{
	BIGNUM *e CLEANUP(bn_free) = read_mpint(in);
	BIGNUM *n CLEANUP(bn_free) = e ? read_mpint(in) : NULL;
	OSSL_PARAM_BLD *bld CLEANUP(bld_free) = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params CLEANUP(params_free) = NULL;

	if (!n || !bld || BN_num_bits(n) < RSA_MIN ||
	    BN_num_bits(n) > RSA_MAX || BN_num_bits(e) > 64 || !BN_is_odd(e) ||
	    BN_is_one(e) ||
	    !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
	    !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
		return NULL;
	params = OSSL_PARAM_BLD_to_param(bld);
	return from_params("RSA", params);
}

/* in: behind the type. *application: of a key in hardware. */
static EVP_PKEY *read_key(struct wire *in, const struct algorithm *a,
			  struct wire *application)
{
	EVP_PKEY *key CLEANUP(pkey_free) = NULL;

	if (a->family == FAMILY_ED25519)
		key = read_ed25519(in);
	else if (a->family == FAMILY_ECDSA)
		key = read_ecdsa(in, a);
	else
		key = read_rsa(in);
	if (a->hardware && !wire_string(in, application))
		return NULL;
	return in->left == 0 ? take_ptr(key) : NULL;
}

/* --- signatures ------------------------------------------------------------ */

/* (mpint r, mpint s) as the DER that OpenSSL reads. */
static bool ecdsa_der(const struct wire *raw, struct str *out)
{
	struct wire in = *raw;
	BIGNUM *r CLEANUP(bn_free) = read_mpint(&in);
	BIGNUM *s CLEANUP(bn_free) = r ? read_mpint(&in) : NULL;
	ECDSA_SIG *sig = s && in.left == 0 ? ECDSA_SIG_new() : NULL;
	unsigned char *der = NULL;
	int len;

	if (!sig)
		return false;
	ECDSA_SIG_set0(sig, take_ptr(r), take_ptr(s));
	len = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	if (len > 0)
		str_add(out, der, (size_t)len);
	OPENSSL_free(der);
	return len > 0;
}

/* What a key in hardware has signed. tail: flags and counter. */
static void hardware_message(const struct wire *application,
			     const struct wire *tail, const void *msg,
			     size_t len, struct str *out)
{
	struct digest d;

	digest_buf(DIGEST_SHA256, application->p, application->left, &d);
	str_add(out, d.bytes, digest_len(DIGEST_SHA256));
	str_add(out, tail->p, tail->left);
	digest_buf(DIGEST_SHA256, msg, len, &d);
	str_add(out, d.bytes, digest_len(DIGEST_SHA256));
}

static bool verify(EVP_PKEY *key, const char *hash, const struct wire *sig,
		   const void *msg, size_t len)
{
	EVP_MD_CTX *ctx CLEANUP(md_ctx_free) = EVP_MD_CTX_new();
	bool ok;

	/* RSA: PKCS #1 v1.5 is what OpenSSL takes if nothing else is said */
	ok = ctx &&
	     EVP_DigestVerifyInit_ex(ctx, NULL, hash, NULL, NULL, key, NULL) ==
		     1 &&
	     EVP_DigestVerify(ctx, sig->p, sig->left, msg, len) == 1;
	ERR_clear_error(); /* its queue belongs to the thread, not to us */
	return ok;
}

static int check_with(EVP_PKEY *key, const struct algorithm *a,
		      const struct wire *raw, const void *msg, size_t len,
		      struct error *err)
{
	struct str der CLEANUP(str_release) = STR_INIT;
	struct wire sig = *raw;

	if (a->family == FAMILY_ED25519 && sig.left != ED25519_SIG)
		return err_set(err, ERR_FORMAT, "%s: malformed signature",
			       a->sig);
	if (a->family == FAMILY_ECDSA) {
		if (!ecdsa_der(raw, &der))
			return err_set(err, ERR_FORMAT,
				       "%s: malformed signature", a->sig);
		sig = (struct wire){ (unsigned char *)der.ptr, der.len };
	}
	if (!verify(key, a->hash, &sig, msg, len))
		return err_set(err, ERR_INTEGRITY,
			       "the signature (%s) is not of this manifest",
			       a->sig);
	return 0;
}

static int check_hardware(EVP_PKEY *key, const struct algorithm *a,
			  const struct wire *raw, const struct wire *parts,
			  const struct str *msg, struct error *err)
{
	struct str signed_text CLEANUP(str_release) = STR_INIT;
	const struct wire *application = &parts[0], *tail = &parts[1];

	if (tail->left != 5)
		return err_set(err, ERR_FORMAT, "%s: malformed signature",
			       a->sig);
	if (!(tail->p[0] & TOUCHED))
		return err_set(err, ERR_INTEGRITY,
			       "%s: nobody touched the key when it signed",
			       a->sig);
	hardware_message(application, tail, msg->ptr, msg->len, &signed_text);
	return check_with(key, a, raw, signed_text.ptr, signed_text.len, err);
}

static const struct algorithm *find(const struct wire *sig_type,
				    const struct wire *key_type)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (wire_is(sig_type, algorithms[i].sig) &&
		    wire_is(key_type, algorithms[i].key))
			return &algorithms[i];
	return NULL;
}

/* Bytes of a name that somebody else chose, for a message. */
static int shown(const struct wire *w)
{
	return w->left < 64 ? (int)w->left : 64;
}

int sign_check(const struct wire *key, const struct wire *sig, const void *msg,
	       size_t len, struct error *err)
{
	struct wire k = *key, s = *sig, key_type, sig_type, raw;
	struct wire parts[2] = { { NULL, 0 }, { NULL, 0 } };
	EVP_PKEY *pkey CLEANUP(pkey_free) = NULL;
	const struct algorithm *a;

	if (key->left > SIGN_KEY_LIMIT || !wire_string(&k, &key_type) ||
	    !wire_string(&s, &sig_type) || !wire_string(&s, &raw))
		return err_set(err, ERR_FORMAT,
			       "malformed key or signature inside");
	a = find(&sig_type, &key_type);
	if (!a)
		return err_set(err, ERR_FORMAT,
			       "a signature of type %.*s by a key of type %.*s "
			       "is not taken",
			       shown(&sig_type), (const char *)sig_type.p,
			       shown(&key_type), (const char *)key_type.p);
	pkey = read_key(&k, a, &parts[0]);
	if (!pkey)
		return err_set(err, ERR_FORMAT,
			       "%s: malformed key, or one that is too weak",
			       a->key);
	parts[1] = s;
	if (a->hardware)
		return check_hardware(
			pkey, a, &raw, parts,
			&(struct str){ .ptr = (char *)(uintptr_t)msg,
				       .len = len },
			err);
	if (s.left > 0)
		return err_set(err, ERR_FORMAT,
			       "%s: something follows the signature", a->sig);
	return check_with(pkey, a, &raw, msg, len, err);
}
