#include "tests/unit/bundle/unit.h"

#include "base/base64.h"
#include "base/mem.h"
#include "bundle/signers.h"
#include "bundle/slot.h"
#include "bundle/sshsig.h"
#include "tests/unit/bundle/sshsig_vectors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOT 16384u

static const char message[] = "itts test message\n";

struct vector {
	const char *sig, *pub;
};

static const struct vector vectors[] = {
	{ ed25519_sig, ed25519_pub }, { ecdsa_sig, ecdsa_pub },
	{ p521_sig, p521_pub },	      { rsa_sig, rsa_pub },
	{ sked1_sig, sked1_pub },     { skec1_sig, skec1_pub },
};

static void parse(const char *text, struct sshsig *s)
{
	struct error err = { 0 };

	assert_ok(sshsig_parse(s, text, strlen(text), &err), &err);
}

/* --- signatures ------------------------------------------------------------ */

static void vectors_are_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
		struct error err = { 0 };

		parse(vectors[i].sig, &s);
		assert_ok(sshsig_check(&s, "itts-pack", message,
				       strlen(message), &err),
			  &err);
		assert_fails(sshsig_check(&s, "itts-pack", message,
					  strlen(message) - 1, &err),
			     &err, ERR_INTEGRITY, "not of this manifest");
		assert_fails(sshsig_check(&s, "file", message, strlen(message),
					  &err),
			     &err, ERR_INTEGRITY, "namespace \"itts-pack\"");
	}
}

/* Flags of a key in hardware: bit 0 says that somebody was there. */
static void touch_is_needed(void **state)
{
	struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct error err = { 0 };

	(void)state;
	parse(sked0_sig, &s);
	assert_fails(
		sshsig_check(&s, "itts-pack", message, strlen(message), &err),
		&err, ERR_INTEGRITY, "nobody touched");
}

/* No byte of the blob can change. */
static void every_byte_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct sshsig good CLEANUP(sshsig_release) = SSHSIG_INIT;

		parse(vectors[i].sig, &good);
		for (size_t at = 0; at < good.blob.len; at++) {
			struct str text CLEANUP(str_release) = STR_INIT;
			struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
			struct error err = { 0 };

			good.blob.ptr[at] ^= 1;
			str_adds(&text, "-----BEGIN SSH SIGNATURE-----\n");
			base64_encode(good.blob.ptr, good.blob.len, true,
				      &text);
			str_adds(&text, "\n-----END SSH SIGNATURE-----\n");
			good.blob.ptr[at] ^= 1;
			if (sshsig_parse(&s, text.ptr, text.len, &err) == 0 &&
			    sshsig_check(&s, "itts-pack", message,
					 strlen(message), &err) == 0)
				fail_msg("vector %zu, byte %zu", i, at);
		}
	}
}

static void armour_is_strict(void **state)
{
	static const char *const rows[] = {
		"",
		"\n",
		"-----BEGIN SSH SIGNATURE-----\n",
		"-----BEGIN SSH SIGNATURE----------END SSH SIGNATURE-----",
		"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----",
		"-----BEGIN SSH SIGNATURE-----\nU1NI U0lH\n"
		"-----END SSH SIGNATURE-----\n",
		"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAg==\n"
		"-----END SSH SIGNATURE-----\n",
		"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAf////8=\n"
		"-----END SSH SIGNATURE-----\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
		struct error err = { 0 };

		assert_fails(sshsig_parse(&s, rows[i], strlen(rows[i]), &err),
			     &err, ERR_FORMAT, "");
	}
}

/* --- lists ----------------------------------------------------------------- */

static void key_of(const char *pub, struct str *out)
{
	const char *blank = strchr(pub, ' ');

	assert_true(base64_decode(blank + 1, strlen(blank + 1), false, out));
}

static int find(const char *options, const char *pub, time_t now, char **who,
		struct error *err)
{
	struct str key CLEANUP(str_release) = STR_INIT;
	struct str list CLEANUP(str_release) = STR_INIT;
	struct signers_query q = { .name_space = "itts-pack", .now = now };

	key_of(ed25519_pub, &key);
	q.key = (struct wire){ (unsigned char *)key.ptr, key.len };
	str_addf(&list, "# comment\r\n\n  a@b,c@d %s %s me@host\n", options,
		 pub);
	return signers_find(list.ptr, list.len, "LIST", &q, who, err);
}

static void options_of_a_signer(void **state)
{
	static const struct {
		const char *options;
		time_t now;
		enum err_code code;
		const char *words;
	} rows[] = {
		{ "", 1, ERR_NONE, "" },
		{ "namespaces=\"itts-pack\"", 1, ERR_NONE, "" },
		{ "NameSpaces=\"x,itts-*\"", 1, ERR_NONE, "" },
		{ "namespaces=\"file\"", 1, ERR_INTEGRITY, "LIST: line 3" },
		{ "namespaces=\"*,!itts-pack\"", 1, ERR_INTEGRITY, "may sign" },
		{ "namespaces=\"file\",namespaces=\"*\"", 1, ERR_FORMAT,
		  "twice" },
		{ "valid-after=\"20250101Z\"", 1735689600, ERR_NONE, "" },
		{ "valid-after=\"20250101Z\"", 1735689599, ERR_INTEGRITY,
		  "not valid yet" },
		{ "valid-before=\"20250101000000Z\"", 1735689600, ERR_NONE,
		  "" },
		{ "valid-before=\"202501010000Z\"", 1735689601, ERR_INTEGRITY,
		  "expired" },
		{ "valid-before=\"20250101\"", 1735689600 - 7200, ERR_NONE,
		  "" },
		{ "valid-before=\"20250101\"", 1735689600 - 7199, ERR_INTEGRITY,
		  "expired" },
		{ "valid-before=\"2025\"", 1, ERR_FORMAT, "is no time" },
		{ "valid-before=\"20250230Z\"", 1, ERR_FORMAT, "is no time" },
		{ "valid-before=\"20251301\"", 1, ERR_FORMAT, "is no time" },
		{ "valid-before=\"202501012500\"", 1, ERR_FORMAT,
		  "is no time" },
		{ "valid-before=\"202501010060Z\"", 1, ERR_FORMAT,
		  "is no time" },
		{ "valid-before=\"20250101000060Z\"", 1, ERR_FORMAT,
		  "is no time" },
		{ "valid-before=20250101", 1, ERR_FORMAT, "no quotes" },
		{ "valid-before=\"20250101", 1, ERR_FORMAT, "not closed" },
		{ "cert-authority", 1, ERR_INTEGRITY, "cert-authority" },
		{ "cert-authority,namespaces=\"*\"", 1, ERR_INTEGRITY,
		  "cert-authority" },
		{ "valid-until=\"20250101\"", 1, ERR_FORMAT,
		  "unknown option or key type \"valid-until\"" },
		{ "namespaces=\"*\",", 1, ERR_FORMAT, "unknown option" },
		{ "namespaces=\"*\"x", 1, ERR_FORMAT, "no comma" },
	};

	(void)state;
	setenv("TZ", "UTC-2", 1); /* two hours east */
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *who CLEANUP(free_ptr) = NULL;
		struct error err = { 0 };
		int rc = find(rows[i].options, ed25519_pub, rows[i].now, &who,
			      &err);

		if (rows[i].code) {
			assert_fails(rc, &err, rows[i].code, rows[i].words);
			continue;
		}
		assert_ok(rc, &err);
		assert_string_equal(who, "a@b,c@d");
	}
}

static void other_lines(void **state)
{
	char *who CLEANUP(free_ptr) = NULL;
	struct error err = { 0 };
	char *key;

	(void)state;
	assert_fails(find("", ecdsa_pub, 1, &who, &err), &err, ERR_INTEGRITY,
		     "(ssh-ed25519 SHA256:");
	assert_fails(find("", "", 1, &who, &err), &err, ERR_FORMAT, "line 3");
	assert_fails(find("", "ssh-ed25519 !", 1, &who, &err), &err, ERR_FORMAT,
		     "no key");
	/* a type that the bytes do not have */
	key = xasprintf("ssh-rsa%s", strchr(ed25519_pub, ' '));
	assert_fails(find("", key, 1, &who, &err), &err, ERR_FORMAT,
		     "says ssh-rsa, but");
	free(key);
	assert_null(who);
}

/* A NUL would end the list for some readers. */
static void no_texts(void **state)
{
	struct signers_query q = { .name_space = "itts-pack", .now = 1 };
	struct str list CLEANUP(str_release) = STR_INIT;
	char *who CLEANUP(free_ptr) = NULL;
	struct error err = { 0 };

	(void)state;
	str_add(&list, "# \0\n", 4);
	assert_fails(signers_find(list.ptr, list.len, "L", &q, &who, &err),
		     &err, ERR_FORMAT, "L: not a text");
	str_clear(&list);
	str_fill(&list, '\n', SIGNERS_LIMIT + 1);
	assert_fails(signers_find(list.ptr, list.len, "L", &q, &who, &err),
		     &err, ERR_FORMAT, "L: larger than 1048576 bytes");
	assert_null(who);
}

static void revoked(void **state)
{
	struct str key CLEANUP(str_release) = STR_INIT;
	struct str list CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct wire w;

	(void)state;
	key_of(ed25519_pub, &key);
	w = (struct wire){ (unsigned char *)key.ptr, key.len };
	str_addf(&list, "# none\n%s\n%s\n", rsa_pub, ecdsa_pub);
	assert_ok(signers_check_revoked(list.ptr, list.len, "L", &w, &err),
		  &err);
	str_addf(&list, "%s comment\n", ed25519_pub);
	assert_fails(signers_check_revoked(list.ptr, list.len, "L", &w, &err),
		     &err, ERR_INTEGRITY, "L: line 4: the signer's key is");
	assert_fails(signers_check_revoked("SSHKRL\n\0\0", 9, "L", &w, &err),
		     &err, ERR_FORMAT, "a binary revocation list (KRL)");
	assert_fails(signers_check_revoked("words\n", 6, "L", &w, &err), &err,
		     ERR_FORMAT, "L: line 1");
}

static void patterns(void **state)
{
	static const struct {
		const char *identity, *patterns;
		bool fits;
	} rows[] = {
		{ "a@b", "a@b", true },	    { "a@b", "*@b", true },
		{ "a@b", "?@?", true },	    { "a@b", "A@b", false },
		{ "a@b", "*", true },	    { "a@b", "", false },
		{ "a@b", "x,a@*", true },   { "a@b", "*,!a@b", false },
		{ "a@b", "!a@b,*", false }, { "a@b", "!x", false },
		{ "aXbXc", "a*b*c", true }, { "aXbXcd", "a*b*c", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
			signers_match(rows[i].identity, rows[i].patterns),
			rows[i].fits);
}

/* --- the slot --------------------------------------------------------------- */

static void slot_states(void **state)
{
	char slot[SLOT];
	size_t len = strlen(ed25519_sig);

	(void)state;
	memset(slot, '\n', sizeof(slot));
	assert_int_equal(slot_read(slot, SLOT), SLOT_EMPTY);
	slot[SLOT - 1] = 'J';
	assert_int_equal(slot_read(slot, SLOT), SLOT_BROKEN);
	slot[SLOT - 1] = '\n';
	memcpy(slot, ed25519_sig, len);
	assert_int_equal(slot_read(slot, SLOT), SLOT_SIGNED);
	slot[SLOT - 1] = 'J'; /* something far behind it */
	assert_int_equal(slot_read(slot, SLOT), SLOT_BROKEN);
	slot[SLOT - 1] = '\n';
	slot[strlen("-----BEGIN ")] = 'P'; /* of another kind */
	assert_int_equal(slot_read(slot, SLOT), SLOT_BROKEN);
	slot[strlen("-----BEGIN ")] = 'S';
	slot[0] = '\n';
	assert_int_equal(slot_read(slot, SLOT), SLOT_BROKEN);
	slot[0] = '-';
	slot[len - 2] = '\n';
	assert_int_equal(slot_read(slot, SLOT), SLOT_BROKEN);
	assert_int_equal(slot_read(ed25519_sig, 100), SLOT_BROKEN);
}

/* Longer, shorter, the same: what stays is the last one, and nothing else. */
static void slot_is_replaced(void **state)
{
	static const char *const steps[] = {
		ed25519_sig, rsa_sig, ecdsa_sig, rsa_sig, rsa_sig, ed25519_sig
	};
	char path[TEMP_PATH_MAX], now[SLOT + 1024];
	int dir = temp_dir(path), fd;

	(void)state;
	fd = openat(dir, "bundle", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	memset(now, 'x', 512);
	memset(now + 512, '\n', SLOT);
	memset(now + 512 + SLOT, 'x', 512);
	assert_int_equal(write(fd, now, sizeof(now)), sizeof(now));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		size_t len = strlen(steps[i]);
		struct error err = { 0 };

		assert_ok(slot_write(fd, 512, steps[i], len, "bundle", &err),
			  &err);
		assert_int_equal(pread(fd, now, sizeof(now), 0), sizeof(now));
		assert_memory_equal(now + 512, steps[i], len);
		assert_int_equal(slot_read(now + 512, SLOT), SLOT_SIGNED);
		assert_int_equal(now[511], 'x');
		assert_int_equal(now[512 + SLOT], 'x');
	}
	assert_int_equal(close(fd), 0);
	temp_dir_end(dir, path);
}

int run_sshsig_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_are_right),
		cmocka_unit_test(touch_is_needed),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(armour_is_strict),
		cmocka_unit_test(options_of_a_signer),
		cmocka_unit_test(other_lines),
		cmocka_unit_test(no_texts),
		cmocka_unit_test(revoked),
		cmocka_unit_test(patterns),
		cmocka_unit_test(slot_states),
		cmocka_unit_test(slot_is_replaced),
	};

	return cmocka_run_group_tests_name("sshsig", tests, NULL, NULL);
}
