#include "tests/unit/base/unit.h"

#include "base/xxh64.h"

#include <stdlib.h>
#include <string.h>

static uint64_t at_once(const void *p, size_t n, uint64_t seed)
{
	struct xxh64 x;

	xxh64_begin(&x, seed);
	xxh64_update(&x, p, n);
	return xxh64_end(&x);
}

/* The bytes of xxHash's own sanity check: a generator of its test program. */
static void fill(unsigned char *buf, size_t n)
{
	uint64_t v = 2654435761u;

	for (size_t i = 0; i < n; i++) {
		buf[i] = (unsigned char)(v >> 56);
		v *= 0x9E3779B185EBCA8Du;
	}
}

static void known(void **state)
{
	static const struct {
		const char *text;
		uint64_t sum;
	} rows[] = {
		{ "", 0xEF46DB3751D8E999u },
		{ "a", 0xD24EC4F1A98C6E5Bu },
		{ "abc", 0x44BC2CF5AD770999u },
		{ "Nobody inspects the spammish repetition",
		  0xFBCEA83C8A378BF1u },
	};
	static const struct {
		size_t len;
		uint64_t seed, sum;
	} sanity[] = {
		{ 0, 2654435761u, 0xAC75FDA2929B17EFu },
		{ 1, 0, 0xE934A84ADB052768u },
		{ 1, 2654435761u, 0x5014607643A9B4C3u },
		{ 4, 0, 0x9136A0DCA57457EEu },
		{ 14, 0, 0x8282DCC4994E35C8u },
		{ 14, 2654435761u, 0xC3BD6BF63DEB6DF0u },
		{ 222, 0, 0xB641AE8CB691C174u },
		{ 222, 2654435761u, 0x20CB8AB7AE10C14Au },
	};
	unsigned char buf[222];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(at_once(rows[i].text, strlen(rows[i].text), 0) ==
			    rows[i].sum);
	fill(buf, sizeof(buf));
	for (size_t i = 0; i < ARRAY_LEN(sanity); i++)
		assert_true(at_once(buf, sanity[i].len, sanity[i].seed) ==
			    sanity[i].sum);
}

/* However the bytes come, the sum is the same. */
static void pieces(void **state)
{
	unsigned char buf[300];

	(void)state;
	fill(buf, sizeof(buf));
	for (size_t step = 1; step < 80; step++) {
		struct xxh64 x;

		xxh64_begin(&x, 7);
		for (size_t at = 0; at < sizeof(buf); at += step) {
			size_t left = sizeof(buf) - at;

			xxh64_update(&x, buf + at, left < step ? left : step);
			assert_true(xxh64_end(&x) ==
				    at_once(buf, (size_t)x.total, 7));
		}
	}
}

int run_xxh64_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests_name("xxh64", tests, NULL, NULL);
}
