#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/trust.h"
#include "tests/unit/bundle/sshsig_vectors.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 512u

/* A source that has a text, a slot and a file beside it, and nothing else. */
struct fixture {
	char path[TEMP_PATH_MAX];
	char file[TEMP_PATH_MAX + 8];	 /* as if it were the bundle's */
	char allowed[TEMP_PATH_MAX + 8]; /* one signer with the Ed25519 key */
	int dir;
	struct bundle_source s;
	struct trust t;
	struct trusted out;
	struct error err;
};

static void put(struct fixture *f, const char *name, const char *text)
{
	assert_ok(file_replace(f->dir, name, text, strlen(text), &f->err),
		  &f->err);
}

static void put_key(struct fixture *f, const char *name, const char *before)
{
	char *line CLEANUP(free_ptr) = xasprintf("%s%s\n", before, ed25519_pub);

	put(f, name, line);
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .s = BUNDLE_SOURCE_INIT, .out = TRUSTED_INIT };
	f->dir = temp_dir(f->path);
	snprintf(f->file, sizeof(f->file), "%s/b", f->path);
	snprintf(f->allowed, sizeof(f->allowed), "%s/allowed", f->path);
	f->s.name = f->file;
	f->s.owned = true;
	str_adds(&f->s.text, "itts test message\n");
	f->t.now = 1000000000; /* 2001-09-09 */
	put_key(f, "allowed", "me@x valid-before=\"20100101Z\" ");
	put_key(f, "later", "me@x valid-after=\"20100101Z\" ");
	put_key(f, "revoked", "");
}

static void end(struct fixture *f)
{
	trusted_release(&f->out);
	str_release(&f->s.text);
	str_release(&f->s.behind);
	temp_dir_end(f->dir, f->path);
}

static void fill_slot(struct fixture *f, const char *armour)
{
	size_t before = (size_t)(-f->s.text.len % HEADER) + HEADER;

	str_clear(&f->s.behind);
	while (f->s.behind.len < before)
		str_addc(&f->s.behind, '\0');
	str_adds(&f->s.behind, armour);
	while (f->s.behind.len < before + BUNDLE_SIGNATURE_SIZE)
		str_addc(&f->s.behind, '\n');
}

static int check(struct fixture *f)
{
	trusted_release(&f->out);
	return trust_check(&f->t, &f->s, &f->out, &f->err);
}

static void unsigned_ones(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_ok(check(&f), &f.err);
	assert_false(f.out.found);
	f.t.require = true;
	f.t.require_where = "W";
	assert_fails(check(&f), &f.err, ERR_USAGE, "W demands a signature");
	f.t.allowed = f.allowed;
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "and W demands");
	f.t.require = false;
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "not signed");
	end(&f);
}

static void right_ones(void **state)
{
	struct strlist them = { 0 };
	struct fixture f;
	char *later CLEANUP(free_ptr) = NULL;

	(void)state;
	begin(&f);
	put(&f, "b.sig", ed25519_sig);
	assert_ok(check(&f), &f.err);
	assert_true(f.out.found && f.out.is_signed && !f.out.known);
	f.t.allowed = f.allowed;
	assert_ok(check(&f), &f.err);
	assert_true(f.out.is_signed && f.out.known);
	assert_string_equal(f.out.principals, "me@x");
	strlist_add(&them, "you@x");
	f.t.identities = &them;
	f.t.identities_from = "I";
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "");
	strlist_add(&them, "me@x");
	assert_ok(check(&f), &f.err);
	later = xasprintf("%s/later", f.path);
	f.t.allowed = later;
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "");
	f.t.now = 1300000000; /* 2011 */
	assert_ok(check(&f), &f.err);
	f.t.allowed = f.allowed;
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "");
	f.t.now = 1000000000;
	free_ptr(&later);
	later = xasprintf("%s/revoked", f.path);
	strlist_add(&f.t.revoked, later);
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "revoked");
	assert_false(f.out.is_signed);
	strlist_release(&f.t.revoked);
	strlist_release(&them);
	end(&f);
}

/* What is there and does not count is refused, also where no list is. */
static void wrong_ones(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	put(&f, "b.sig", ed25519_sig);
	f.s.text.ptr[0] ^= 1;
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "b.sig: ");
	assert_true(f.out.found && !f.out.is_signed && f.out.type.len);
	fill_slot(&f, ed25519_sig);
	assert_int_equal(unlinkat(f.dir, "b.sig", 0), 0);
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "its signature: ");
	f.s.text.ptr[0] ^= 1;
	assert_ok(check(&f), &f.err);
	f.s.behind.ptr[f.s.behind.len - 1] = 'x';
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "damaged");
	assert_true(f.out.found);
	str_clear(&f.s.behind);
	/* it cannot be read, which is not that there is none */
	assert_int_equal(mkdirat(f.dir, "b.sig", 0700), 0);
	assert_fails(check(&f), &f.err, ERR_IO, "b.sig");
	end(&f);
}

/* The slot, then the file beside: one of them is enough. */
static void two_of_them(void **state)
{
	struct fixture f;
	char *given CLEANUP(free_ptr) = NULL;

	(void)state;
	begin(&f);
	f.t.allowed = f.allowed;
	fill_slot(&f, ecdsa_sig);
	put(&f, "b.sig", ed25519_sig);
	assert_ok(check(&f), &f.err);
	assert_string_equal(f.out.type.ptr, "ssh-ed25519");
	/* none counts: the first one is spoken of */
	put(&f, "b.sig", "nonsense\n");
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "is not in ");
	assert_string_equal(f.out.type.ptr, "ecdsa-sha2-nistp256");
	/* the one that is named is the only one */
	fill_slot(&f, ed25519_sig);
	put(&f, "b.sig", rsa_sig);
	assert_ok(check(&f), &f.err);
	f.t.signature = given = xasprintf("%s.sig", f.file);
	assert_fails(check(&f), &f.err, ERR_INTEGRITY, "b.sig: ");
	assert_int_equal(unlinkat(f.dir, "b.sig", 0), 0);
	assert_fails(check(&f), &f.err, ERR_NOT_FOUND, "b.sig");
	f.t.allowed = NULL;
	assert_fails(check(&f), &f.err, ERR_NOT_FOUND, "b.sig");
	end(&f);
}

int run_trust_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_ones),
		cmocka_unit_test(right_ones),
		cmocka_unit_test(wrong_ones),
		cmocka_unit_test(two_of_them),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
