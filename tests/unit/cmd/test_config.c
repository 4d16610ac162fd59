#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "base/file.h"
#include "base/mem.h"
#include "cmd/config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAIRS 12

static void test_cache(void **state)
{
	static const struct {
		const char *option;
		const char *env[PAIRS + 1];
		const char *want; /* NULL: an error */
	} rows[] = {
		{ NULL, { "HOME", "/h", NULL }, "/h/.cache/huggingface/hub" },
		{ NULL,
		  { "HOME", "/h", "XDG_CACHE_HOME", "/x", NULL },
		  "/x/huggingface/hub" },
		{ NULL,
		  { "HOME", "/h", "XDG_CACHE_HOME", "/x", "HF_HOME", "/y",
		    NULL },
		  "/y/hub" },
		{ NULL,
		  { "HF_HOME", "/y", "HUGGINGFACE_HUB_CACHE", "/z", NULL },
		  "/z" },
		{ NULL,
		  { "HUGGINGFACE_HUB_CACHE", "/z", "HF_HUB_CACHE", "/w", NULL },
		  "/w" },
		{ "/o", { "HF_HUB_CACHE", "/w", NULL }, "/o" },
		{ NULL,
		  { "HF_HUB_CACHE", "", "HF_HOME", "", "HOME", "/h", NULL },
		  "/h/.cache/huggingface/hub" },
		{ NULL,
		  { "HF_HUB_CACHE", "~/$A/${B}c$D${E", "HOME", "/h", "A", "1",
		    "B", "2", NULL },
		  "/h/1/2c$D${E" },
		{ NULL,
		  { "HF_HOME", "$XDG_CACHE_HOME/hf", "XDG_CACHE_HOME", "/x",
		    NULL },
		  "/x/hf/hub" },
		{ NULL, { "HF_HUB_CACHE", "~root/c", NULL }, "/root/c" },
		{ NULL,
		  { "HF_HUB_CACHE", "~nobodyhere/c", NULL },
		  "~nobodyhere/c" },
		{ NULL,
		  { "HF_HUB_CACHE", "a~b/$", "HOME", "/h", NULL },
		  "a~b/$" },
		{ "~/c", { "HOME", "/h", NULL }, "/h/c" },
		{ "$A", { "A", "x", NULL }, "$A" },
		{ NULL, { NULL }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;
		struct env e = fake_env(rows[i].env);
		struct options o = { .cache = rows[i].option };
		struct error err = { 0 };
		int rc = config_cache(&e, &o, &s, &err);

		assert_int_equal(rc, rows[i].want ? 0 : -1);
		if (rows[i].want)
			assert_string_equal(s.ptr, rows[i].want);
		else
			assert_int_equal(err.code, ERR_USAGE);
	}
}

static void test_offline(void **state)
{
	static const struct {
		const char *env[PAIRS + 1];
		bool option, want;
	} rows[] = {
		{ { NULL }, false, false },
		{ { NULL }, true, true },
		{ { "HF_HUB_OFFLINE", "1", NULL }, false, true },
		{ { "HF_HUB_OFFLINE", "yes", NULL }, false, true },
		{ { "HF_HUB_OFFLINE", "True", NULL }, false, true },
		{ { "HF_HUB_OFFLINE", "0", NULL }, false, false },
		{ { "HF_HUB_OFFLINE", "2", NULL }, false, false },
		{ { "TRANSFORMERS_OFFLINE", "ON", NULL }, false, true },
		{ { "HF_HUB_OFFLINE", "0", "TRANSFORMERS_OFFLINE", "1", NULL },
		  false,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct env e = fake_env(rows[i].env);
		struct options o = { .offline = rows[i].option };

		assert_int_equal(config_offline(&e, &o), rows[i].want);
	}
}

static void test_epoch(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t want;
	} rows[] = {
		{ "0", 0, 0 },	 { "1700000000", 0, 1700000000 },
		{ "-1", -1, 0 }, { "1.5", -1, 0 },
		{ "x", -1, 0 },	 { "99999999999", -1, 0 },
	};
	uint64_t v = 7;
	struct error none = { 0 };
	struct env empty = fake_env((const char *const[]){ NULL });

	(void)state;
	assert_int_equal(config_epoch(&empty, &v, &none), 0);
	assert_int_equal(v, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *pairs[] = { "SOURCE_DATE_EPOCH", rows[i].text,
					NULL };
		struct env e = fake_env(pairs);
		struct error err = { 0 };

		assert_int_equal(config_epoch(&e, &v, &err), rows[i].rc);
		if (rows[i].rc == 0)
			assert_int_equal(v, rows[i].want);
	}
}

/* Loads with no options but those given. */
static int load(struct config_network *n, const char *const *pairs,
		const struct options *o, struct error *err)
{
	struct env e = fake_env(pairs);

	return config_network(n, &e, o, NULL, err);
}

static const struct options no_options;

static void test_token(void **state)
{
	static const struct {
		const char *env[PAIRS + 1];
		const char *want, *from;
	} rows[] = {
		{ { "HF_TOKEN", " hf_a\r\n", "HUGGING_FACE_HUB_TOKEN", "b",
		    NULL },
		  "hf_a",
		  "HF_TOKEN" },
		{ { "HF_TOKEN", " \n", "HUGGING_FACE_HUB_TOKEN", "b", NULL },
		  "b",
		  "HUGGING_FACE_HUB_TOKEN" },
		{ { "HF_TOKEN", "a", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "1",
		    NULL },
		  NULL,
		  NULL },
		{ { "HF_TOKEN", "a", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "0",
		    NULL },
		  "a",
		  "HF_TOKEN" },
		{ { NULL }, NULL, NULL },
		{ { "HF_HOME", "/nonexistent", NULL }, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_network n CLEANUP(
			config_network_release) = CONFIG_NETWORK_INIT;
		struct error err = { 0 };

		assert_int_equal(load(&n, rows[i].env, &no_options, &err), 0);
		if (!rows[i].want) {
			assert_null(n.token);
			continue;
		}
		assert_string_equal(n.token, rows[i].want);
		assert_string_equal(n.token_from, rows[i].from);
	}
}

static void test_token_file(void **state)
{
	char dir[] = "/tmp/itts-unit-XXXXXX";
	struct str path CLEANUP(str_release) = STR_INIT;
	struct config_network n CLEANUP(
		config_network_release) = CONFIG_NETWORK_INIT;
	struct config_network m CLEANUP(
		config_network_release) = CONFIG_NETWORK_INIT;
	struct error err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	str_addf(&path, "%s/token", dir);
	assert_int_equal(file_replace(AT_FDCWD, path.ptr, "hf_file\n", 8, &err),
			 0);
	assert_int_equal(load(&n, (const char *[]){ "HF_HOME", dir, NULL },
			      &no_options, &err),
			 0);
	assert_string_equal(n.token, "hf_file");
	assert_string_equal(n.token_from, path.ptr);
	assert_int_equal(
		load(&m,
		     (const char *[]){ "HF_HOME", "/nonexistent",
				       "HF_TOKEN_PATH", path.ptr, NULL },
		     &no_options, &err),
		0);
	assert_string_equal(m.token, "hf_file");
	assert_int_equal(unlink(path.ptr), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_token_refused(void **state)
{
	static const char *const bad[] = { "hf_secret\nX-Evil: 1", "hf_sec ret",
					   "hf_secret\x01", "hf_\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct config_network n CLEANUP(
			config_network_release) = CONFIG_NETWORK_INIT;
		struct error err = { 0 };

		assert_int_equal(
			load(&n, (const char *[]){ "HF_TOKEN", bad[i], NULL },
			     &no_options, &err),
			-1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_null(strstr(err.msg, "hf_"));
		assert_null(n.token);
	}
}

static void test_proxies(void **state)
{
	static const struct {
		const char *option;
		const char *env[PAIRS + 1];
		const char *http, *https, *no;
	} rows[] = {
		{ NULL, { NULL }, NULL, NULL, NULL },
		{ NULL,
		  { "http_proxy", "http://a", "HTTPS_PROXY", "http://b",
		    "NO_PROXY", "x", NULL },
		  "http://a",
		  "http://b",
		  "x" },
		{ NULL,
		  { "HTTP_PROXY", "http://A", "http_proxy", "http://a",
		    "no_proxy", "y", "NO_PROXY", "x", NULL },
		  "http://a",
		  NULL,
		  "y" },
		{ NULL,
		  { "all_proxy", "socks5h://s", "https_proxy", "b:1", NULL },
		  "socks5h://s",
		  "b:1",
		  NULL },
		{ NULL,
		  { "ALL_PROXY", "socks5h://s", NULL },
		  "socks5h://s",
		  "socks5h://s",
		  NULL },
		/* empty: switched off, whatever the upper-case one says */
		{ NULL,
		  { "https_proxy", "", "HTTPS_PROXY", "http://b", NULL },
		  NULL,
		  NULL,
		  NULL },
		{ "http://o",
		  { "http_proxy", "http://a", "all_proxy", "http://c",
		    "no_proxy", "y", NULL },
		  "http://o",
		  "http://o",
		  "y" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_network n CLEANUP(
			config_network_release) = CONFIG_NETWORK_INIT;
		struct options o = { .proxy = rows[i].option };
		struct error err = { 0 };

		assert_int_equal(load(&n, rows[i].env, &o, &err), 0);
		assert_string_equal(n.http.proxy_http ? n.http.proxy_http : "",
				    rows[i].http ? rows[i].http : "");
		assert_string_equal(n.http.proxy_https ? n.http.proxy_https
						       : "",
				    rows[i].https ? rows[i].https : "");
		assert_string_equal(n.http.no_proxy ? n.http.no_proxy : "",
				    rows[i].no ? rows[i].no : "");
	}
}

static void test_proxy_refused(void **state)
{
	struct config_network n CLEANUP(
		config_network_release) = CONFIG_NETWORK_INIT;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(load(&n,
			      (const char *[]){ "HTTPS_PROXY",
						"ftp://u:secret@h", NULL },
			      &no_options, &err),
			 -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.msg, "HTTPS_PROXY"));
	assert_null(strstr(err.msg, "secret"));
}

/* A directory with some files that hold a certificate, and one that does not. */
static void enter_certificates(char *dir, char *was)
{
	static const char pem[] = "# ours\n-----BEGIN CERTIFICATE-----\n";
	static const char *const names[] = { "one.pem", "two.pem",
					     "three.pem" };
	struct error err = { 0 };

	assert_non_null(getcwd(was, PATH_MAX));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(file_replace(AT_FDCWD, names[i], pem,
					      sizeof(pem) - 1, &err),
				 0);
	assert_int_equal(file_replace(AT_FDCWD, "none.pem", "none\n", 5, &err),
			 0);
}

static void leave_certificates(const char *dir, const char *was)
{
	static const char *const names[] = { "one.pem", "two.pem", "three.pem",
					     "none.pem" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(unlink(names[i]), 0);
	assert_int_equal(chdir(was), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_certificates(void **state)
{
	static const struct {
		const char *option;
		const char *env[PAIRS + 1];
		const char *file, *dir;
	} rows[] = {
		{ NULL, { NULL }, NULL, NULL },
		{ NULL,
		  { "CURL_CA_BUNDLE", "one.pem", NULL },
		  "one.pem",
		  NULL },
		{ NULL,
		  { "CURL_CA_BUNDLE", "one.pem", "REQUESTS_CA_BUNDLE",
		    "two.pem", NULL },
		  "two.pem",
		  NULL },
		{ NULL,
		  { "SSL_CERT_FILE", "three.pem", "REQUESTS_CA_BUNDLE",
		    "two.pem", "SSL_CERT_DIR", "/etc", NULL },
		  "three.pem",
		  "/etc" },
		{ "one.pem",
		  { "SSL_CERT_FILE", "three.pem", "SSL_CERT_DIR", "/etc",
		    NULL },
		  "one.pem",
		  NULL },
		/* OpenSSL passes over what is not there */
		{ NULL,
		  { "SSL_CERT_DIR", "/none:/etc", NULL },
		  NULL,
		  "/none:/etc" },
		{ NULL,
		  { "SSL_CERT_FILE", "one.pem", "SSL_CERT_DIR", "/none", NULL },
		  "one.pem",
		  NULL },
		/* requests takes a directory too */
		{ NULL,
		  { "REQUESTS_CA_BUNDLE", "/etc/ssl", NULL },
		  NULL,
		  "/etc/ssl" },
	};
	char dir[] = "/tmp/itts-config.XXXXXX", was[PATH_MAX];

	(void)state;
	enter_certificates(dir, was);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_network n CLEANUP(
			config_network_release) = CONFIG_NETWORK_INIT;
		struct options o = { .ca_bundle = rows[i].option };
		struct error err = { 0 };

		assert_int_equal(load(&n, rows[i].env, &o, &err), 0);
		assert_string_equal(n.http.ca_bundle ? n.http.ca_bundle : "",
				    rows[i].file ? rows[i].file : "");
		assert_string_equal(n.http.ca_dir ? n.http.ca_dir : "",
				    rows[i].dir ? rows[i].dir : "");
	}
	leave_certificates(dir, was);
}

static void test_certificates_missing(void **state)
{
	static const struct {
		const char *env[PAIRS + 1];
		const char *words;
	} rows[] = {
		{ { "SSL_CERT_FILE", "/none", NULL },
		  "SSL_CERT_FILE: cannot read certificates from /none: No "
		  "such file" },
		{ { "SSL_CERT_DIR", "/none", NULL },
		  "SSL_CERT_DIR: cannot read certificates from /none: No such "
		  "file" },
		{ { "SSL_CERT_DIR", "/none:", NULL }, "/none:: No such file" },
		{ { "SSL_CERT_DIR", "/none:/dev/null", NULL },
		  "/none:/dev/null: Not a directory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_network n CLEANUP(
			config_network_release) = CONFIG_NETWORK_INIT;
		struct error err = { 0 };

		assert_int_equal(load(&n, rows[i].env, &no_options, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_non_null(strstr(err.msg, rows[i].words));
	}
}

static void test_certificates_none_in_it(void **state)
{
	char dir[] = "/tmp/itts-config.XXXXXX", was[PATH_MAX];
	struct config_network n CLEANUP(
		config_network_release) = CONFIG_NETWORK_INIT;
	const struct options o = { .ca_bundle = "none.pem" };
	struct error err = { 0 };

	(void)state;
	enter_certificates(dir, was);
	assert_int_equal(load(&n, (const char *[]){ NULL }, &o, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.msg, "--ca-bundle: there is no certificate "
					"in none.pem"));
	leave_certificates(dir, was);
}

static void test_endpoints(void **state)
{
	struct config_network n CLEANUP(
		config_network_release) = CONFIG_NETWORK_INIT;
	struct config_network m CLEANUP(
		config_network_release) = CONFIG_NETWORK_INIT;
	struct config_network k CLEANUP(
		config_network_release) = CONFIG_NETWORK_INIT;
	struct options o CLEANUP(options_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(load(&n, (const char *[]){ NULL }, &o, &err), 0);
	assert_int_equal(n.endpoints.count, 1);
	assert_string_equal(n.endpoints.items[0], "https://huggingface.co");
	assert_int_equal(
		load(&m, (const char *[]){ "HF_ENDPOINT", "https://m/", NULL },
		     &o, &err),
		0);
	assert_string_equal(m.endpoints.items[0], "https://m/");
	assert_int_equal(m.named.count, 0);
	strlist_add(&o.endpoints, "https://a/x/");
	strlist_add(&o.endpoints, "https://b");
	strlist_add(&o.token_for, "https://A/x");
	assert_int_equal(load(&k,
			      (const char *[]){ "HF_ENDPOINT", "https://m",
						"HF_TOKEN", "t", NULL },
			      &o, &err),
			 0);
	assert_int_equal(k.endpoints.count, 2);
	assert_int_equal(k.named.count, 1);
	assert_string_equal(k.named.items[0], "https://a/x/");
}

static void test_token_for(void **state)
{
	static const struct {
		const char *env[PAIRS + 1];
		const char *url, *says;
	} rows[] = {
		{ { "HF_TOKEN", "t", NULL },
		  "https://u:secret@other/x",
		  "is none of the endpoints" },
		{ { NULL }, "https://huggingface.co", "there is no token" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_network n CLEANUP(
			config_network_release) = CONFIG_NETWORK_INIT;
		struct options o CLEANUP(options_release) = { 0 };
		struct error err = { 0 };

		strlist_add(&o.token_for, rows[i].url);
		assert_int_equal(load(&n, rows[i].env, &o, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_non_null(strstr(err.msg, rows[i].says));
		assert_null(strstr(err.msg, "secret"));
	}
}

static void test_timeouts(void **state)
{
	static const struct {
		const char *etag, *download;
		unsigned connect_ms, low_s;
	} rows[] = {
		{ NULL, NULL, 0, 0 },	   { "5", "60", 5000, 60 },
		{ "x", "1.5", 0, 0 },	   { "-1", "0", 0, 0 },
		{ "", "999999999", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_network n CLEANUP(
			config_network_release) = CONFIG_NETWORK_INIT;
		const char *pairs[] = { "HF_HUB_ETAG_TIMEOUT", rows[i].etag,
					"HF_HUB_DOWNLOAD_TIMEOUT",
					rows[i].download, NULL };
		struct error err = { 0 };

		assert_int_equal(load(&n, pairs, &no_options, &err), 0);
		assert_int_equal(n.http.connect_timeout_ms, rows[i].connect_ms);
		assert_int_equal(n.http.low_speed_s, rows[i].low_s);
	}
}

int run_config_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_epoch),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_file),
		cmocka_unit_test(test_token_refused),
		cmocka_unit_test(test_proxies),
		cmocka_unit_test(test_proxy_refused),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_certificates_missing),
		cmocka_unit_test(test_certificates_none_in_it),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_token_for),
		cmocka_unit_test(test_timeouts),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
