/* What every test of bundle/ needs. cmocka.h wants these headers before it. */
#ifndef ITTS_UNIT_BUNDLE_H
#define ITTS_UNIT_BUNDLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/str.h"
#include "manifest/lock.h"

/* A new empty directory: its descriptor, and its name in path. */
#define TEMP_PATH_MAX 512
int temp_dir(char path[TEMP_PATH_MAX]);
/* Closes it and removes it with all that is in it. */
void temp_dir_end(int dirfd, const char *path);

void assert_ok(int result, const struct error *err);
/* The call failed with this code and these words in its message; clears err. */
void assert_fails(int result, struct error *err, enum err_code code,
		  const char *words);

/* Runs a shell command in dir; its exit status. What it said (both streams) is
 * appended to said. */
int run_shell(const char *dir, const char *command, struct str *said);
/* ... which must succeed without a word. */
void run_silent(const char *dir, const char *command);

/* Input of a scan that is in memory: pread and ctx. */
struct memory {
	const char *p;
	size_t size;
};
int read_memory(void *ctx, void *buf, size_t n, uint64_t offset, size_t *got,
		struct error *err);

/* Bytes of a file of the sample, from its path and size alone. */
void sample_bytes(const char *path, uint64_t size, struct str *out);
/* Adds a file with those bytes to the repo; lfs: named by its SHA-256. */
struct lock_file *sample_add(struct lock_repo *r, const char *path,
			     uint64_t size, bool lfs);
/* Three repos: empty, equal, large (over align), editable and oddly named files,
 * a Hub view, refs. */
void sample_lock(struct lock *out);
/* Writes the blobs of the lock into a new store at root. */
void sample_store(const char *root, const struct lock *l);

struct bundle_manifest;
/* A manifest of its own (serial 7, a fixed epoch); text: its bytes, appended. */
void sample_manifest(const struct lock *l, struct bundle_manifest *out,
		     struct str *text);
/* The whole bundle of such a lock, put together from the layout alone. */
void sample_bundle(const struct lock *l, struct str *out);
/* In an older version of the format. */
void sample_bundle_of(const struct lock *l, unsigned version, struct str *out);

int run_bmanifest_tests(void);
int run_check_tests(void);
int run_clone_tests(void);
int run_copy_tests(void);
int run_corpus_tests(void);
int run_import_tests(void);
int run_install_tests(void);
int run_layout_tests(void);
int run_oci_tests(void);
int run_pack_tests(void);
int run_policy_tests(void);
int run_sbom_tests(void);
int run_scan_tests(void);
int run_serials_tests(void);
int run_sign_tests(void);
int run_source_tests(void);
int run_sshsig_tests(void);
int run_supply_tests(void);
int run_tar_reader_tests(void);
int run_tar_tests(void);
int run_thin_tests(void);
int run_trust_tests(void);
int run_volumes_tests(void);
int run_zipdir_tests(void);

#endif
