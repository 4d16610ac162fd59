/* Keys and signatures in wire form that are not as OpenSSH writes them, in ways that
 * OpenSSL would not mind. */
#include "tests/unit/bundle/unit.h"

#include "base/base64.h"
#include "base/mem.h"
#include "bundle/sign.h"
#include "bundle/sshsig.h"
#include "tests/unit/bundle/sshsig_vectors.h"

#include <string.h>

static const char message[] = "itts test message\n";

static void parse(const char *text, struct sshsig *s)
{
	struct error err = { 0 };

	assert_ok(sshsig_parse(s, text, strlen(text), &err), &err);
}

/* The strings of a blob, one after the other. */
static size_t split(const struct wire *blob, struct wire *parts, size_t room)
{
	struct wire in = *blob;
	size_t n = 0;

	while (n < room && in.left && wire_string(&in, &parts[n]))
		n++;
	return n;
}

static void join(struct str *out, const struct wire *parts, size_t n)
{
	str_clear(out);
	for (size_t i = 0; i < n; i++)
		wire_put_string(out, parts[i].p, parts[i].left);
}

static struct wire wire_of(const struct str *s)
{
	return (struct wire){ (const unsigned char *)s->ptr, s->len };
}

/* The vector with another key, another signature, or both (NULL: its own). */
static int check_with(const struct sshsig *good, const struct str *key,
		      const struct str *sig, struct error *err)
{
	struct sshsig s = *good;

	if (key)
		s.key = wire_of(key);
	if (sig)
		s.signature = wire_of(sig);
	return sshsig_check(&s, "itts-pack", message, strlen(message), err);
}

/* --- what is around both -------------------------------------------------------- */

static void armour(const struct str *blob, struct str *out)
{
	str_clear(out);
	str_adds(out, "-----BEGIN SSH SIGNATURE-----\n");
	base64_encode(blob->ptr, blob->len, true, out);
	str_adds(out, "\n-----END SSH SIGNATURE-----\n");
}

static void refuse_blob(const struct str *blob, const char *words)
{
	struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	armour(blob, &text);
	assert_fails(sshsig_parse(&s, text.ptr, text.len, &err), &err,
		     ERR_FORMAT, words);
}

static void blobs(void **state)
{
	struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str blob CLEANUP(str_release) = STR_INIT;
	const size_t reserved = 10 + 4 + 51 + 4 + 9; /* its length */

	(void)state;
	parse(ed25519_sig, &good);
	str_add(&blob, good.blob.ptr, good.blob.len);
	str_addc(&blob, '\0');
	refuse_blob(&blob, "holds more than a signature");
	/* the last string is longer than what is there */
	str_truncate(&blob, good.blob.len);
	blob.ptr[blob.len - 83 - 1]++;
	refuse_blob(&blob, "ends too early");
	blob.ptr[blob.len - 83 - 1]--;
	/* a reserved field that is not empty */
	assert_int_equal(blob.ptr[reserved + 3], 0);
	str_truncate(&blob, reserved);
	wire_put_string(&blob, "x", 1);
	str_add(&blob, good.blob.ptr + reserved + 4,
		good.blob.len - reserved - 4);
	refuse_blob(&blob, "holds more than a signature");
}

static void armours(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct error err = { 0 };
	const char *foot = strstr(ed25519_sig, "\n-----END");

	(void)state;
	/* the last line begins in the middle of one */
	str_add(&text, ed25519_sig, (size_t)(foot - ed25519_sig));
	str_adds(&text, foot + 1);
	assert_fails(sshsig_parse(&s, text.ptr, text.len, &err), &err,
		     ERR_FORMAT, "not a signature as ssh-keygen");
	str_clear(&text);
	str_adds(&text, "-----BEGIN SSH SIGNATURE-----\n");
	while (text.len < SSHSIG_LIMIT)
		str_adds(&text, "QUJD\n");
	str_adds(&text, "-----END SSH SIGNATURE-----\n");
	assert_fails(sshsig_parse(&s, text.ptr, text.len, &err), &err,
		     ERR_FORMAT, "longer than 16384 bytes");
}

static void other_hash(void **state)
{
	struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct error err = { 0 };

	(void)state;
	parse(ed25519_sig, &s);
	s.hash = (struct wire){ (const unsigned char *)"sha384", 6 };
	assert_fails(check_with(&s, NULL, NULL, &err), &err, ERR_FORMAT,
		     "neither sha256 nor sha512");
}

/* --- one more byte, one less ------------------------------------------------------- */

static void more_or_less(void **state)
{
	static const struct {
		const char *sig, *key_more, *sig_more;
	} rows[] = {
		{ ed25519_sig, "malformed key", "follows the signature" },
		{ ecdsa_sig, "malformed key", "follows the signature" },
		{ rsa_sig, "malformed key", "follows the signature" },
		{ sked1_sig, "malformed key", "malformed signature" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;
		struct str more CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };

		parse(rows[i].sig, &good);
		str_add(&more, good.key.p, good.key.left);
		str_addc(&more, '\0');
		assert_fails(check_with(&good, &more, NULL, &err), &err,
			     ERR_FORMAT, rows[i].key_more);
		str_clear(&more);
		str_add(&more, good.signature.p, good.signature.left);
		str_addc(&more, '\0');
		assert_fails(check_with(&good, NULL, &more, &err), &err,
			     ERR_FORMAT, rows[i].sig_more);
	}
}

static void ed25519_lengths(void **state)
{
	struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str sig CLEANUP(str_release) = STR_INIT;
	struct wire parts[2];
	struct error err = { 0 };

	(void)state;
	parse(ed25519_sig, &good);
	assert_int_equal(split(&good.signature, parts, 2), 2);
	parts[1].left--;
	join(&sig, parts, 2);
	assert_fails(check_with(&good, NULL, &sig, &err), &err, ERR_FORMAT,
		     "malformed signature");
}

static void long_keys(void **state)
{
	struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str key CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	parse(ed25519_sig, &good);
	str_add(&key, good.key.p, good.key.left);
	str_fill(&key, 'x', SIGN_KEY_LIMIT);
	assert_fails(check_with(&good, &key, NULL, &err), &err, ERR_FORMAT,
		     "malformed key or signature inside");
}

/* --- numbers ------------------------------------------------------------------------ */

/* The vector's signature with r as this instead. */
static void refuse_r(const struct sshsig *good, const struct str *r)
{
	struct str inner CLEANUP(str_release) = STR_INIT;
	struct str sig CLEANUP(str_release) = STR_INIT;
	struct wire parts[2], rs[2];
	struct error err = { 0 };

	assert_int_equal(split(&good->signature, parts, 2), 2);
	assert_int_equal(split(&parts[1], rs, 2), 2);
	rs[0] = wire_of(r);
	join(&inner, rs, 2);
	parts[1] = wire_of(&inner);
	join(&sig, parts, 2);
	assert_fails(check_with(good, NULL, &sig, &err), &err, ERR_FORMAT,
		     "malformed signature");
}

static void ecdsa_numbers(void **state)
{
	struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str r CLEANUP(str_release) = STR_INIT;
	struct str inner CLEANUP(str_release) = STR_INIT;
	struct str sig CLEANUP(str_release) = STR_INIT;
	struct wire parts[2], rs[3];
	struct error err = { 0 };

	(void)state;
	parse(ecdsa_sig, &good);
	str_adds(&r, "\xff\x01"); /* negative */
	refuse_r(&good, &r);
	str_clear(&r);
	refuse_r(&good, &r);
	str_fill(&r, '\x01', 2050); /* longer than any */
	refuse_r(&good, &r);
	/* a third number behind r and s */
	assert_int_equal(split(&good.signature, parts, 2), 2);
	assert_int_equal(split(&parts[1], rs, 2), 2);
	rs[2] = rs[1];
	join(&inner, rs, 3);
	parts[1] = wire_of(&inner);
	join(&sig, parts, 2);
	assert_fails(check_with(&good, NULL, &sig, &err), &err, ERR_FORMAT,
		     "malformed signature");
}

static void refuse_key(const struct sshsig *good, const struct wire *parts,
		       size_t n)
{
	struct str key CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	join(&key, parts, n);
	assert_fails(check_with(good, &key, NULL, &err), &err, ERR_FORMAT,
		     "malformed key, or one that is too weak");
}

/* One key has one form: OpenSSL would take the compressed one, too. */
static void compressed_point(void **state)
{
	struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str point CLEANUP(str_release) = STR_INIT;
	struct wire parts[3];

	(void)state;
	parse(ecdsa_sig, &good);
	assert_int_equal(split(&good.key, parts, 3), 3);
	assert_int_equal(parts[2].left, 65);
	str_addc(&point, (char)(2 + (parts[2].p[64] & 1)));
	str_add(&point, parts[2].p + 1, 32);
	parts[2] = wire_of(&point);
	refuse_key(&good, parts, 3);
}

/* With an exponent of 1 everything is signed; others are slow, or no key at all. */
static void rsa_numbers(void **state)
{
	static const struct {
		const char *e;
		size_t len;
	} exponents[] = {
		{ "\x01", 1 },
		{ "\x01\x00\x02", 3 },
		{ "\x01\x00\x00\x00\x00\x00\x00\x00\x01", 9 },
	};
	struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str n CLEANUP(str_release) = STR_INIT;
	struct wire parts[3], e;

	(void)state;
	parse(rsa_sig, &good);
	assert_int_equal(split(&good.key, parts, 3), 3);
	e = parts[1];
	for (size_t i = 0; i < ARRAY_LEN(exponents); i++) {
		parts[1] = (struct wire){ (const unsigned char *)exponents[i].e,
					  exponents[i].len };
		refuse_key(&good, parts, 3);
	}
	parts[1] = e;
	str_fill(&n, '\x7f', 2049);
	parts[2] = wire_of(&n);
	refuse_key(&good, parts, 3);
	parts[2].left = 255;
	refuse_key(&good, parts, 3);
}

int run_sign_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blobs),
		cmocka_unit_test(armours),
		cmocka_unit_test(other_hash),
		cmocka_unit_test(more_or_less),
		cmocka_unit_test(ed25519_lengths),
		cmocka_unit_test(long_keys),
		cmocka_unit_test(ecdsa_numbers),
		cmocka_unit_test(compressed_point),
		cmocka_unit_test(rsa_numbers),
	};

	return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
