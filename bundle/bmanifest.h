/*
 * The bundle manifest, itts-bundle.json: the only thing that is signed, and all
 * that the bytes of a bundle depend on. See docs/bundle-format.md.
 */
#ifndef ITTS_BMANIFEST_H
#define ITTS_BMANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/extra.h"
#include "manifest/lock.h"

#define BUNDLE_FORMAT_NAME   "itts-bundle"
#define BUNDLE_VERSION	     2 /* that is written; 1 is read too */
#define BUNDLE_MANIFEST_NAME "itts-bundle.json"
/* Both keep pack, inspect, verify and install below 64 MiB of memory. */
#define BUNDLE_MANIFEST_LIMIT (8u << 20) /* bytes */
#define BUNDLE_MAX_FILES      50000	 /* fewer than a lock may have */
#define BUNDLE_SIGNATURE_SIZE 16384u
#define BUNDLE_ALIGN	      4096u
#define BUNDLE_STATE_STEP \
	((uint64_t)64 << 20) /* bytes between SHA-256 states */
#define BUNDLE_EPOCH_MAX (((uint64_t)1 << 33) - 1) /* what a tar header holds */

/* A file of the lock: index in lock.repos and in that repo's files. */
struct bundle_use {
	uint32_t repo, file;
};

/* One distinct payload, in the order of the bundle (first use in the lock). */
struct bundle_blob {
	struct digest sha256;
	uint64_t size;
	const struct bundle_use *uses; /* in the order of the lock; borrowed */
	size_t use_count;	       /* at least 1 */
	bool absent; /* left out of a thin bundle: the target has it */
};

struct bundle_manifest {
	struct lock lock;
	bool borrowed; /* lock belongs to somebody else */
	/* 1: its images do not carry this manifest (docs/bundle-format.md, 9) */
	unsigned version;
	uint64_t serial, epoch; /* epoch: mtime of all members, seconds */
	uint32_t align;
	struct extra_list extras;
	/* derived from the lock */
	struct bundle_blob *blobs;
	size_t blob_count;
	struct bundle_use *uses; /* of all blobs, one after the other */
	size_t *by_digest;	 /* indexes of blobs, sorted */
	size_t absent_count;	 /* not 0: a thin bundle */
	uint64_t absent_bytes;
};

/* Smaller ones are in every bundle: not worth a trip that fails. */
#define BUNDLE_ABSENT_MIN (LOCK_EDITABLE_MAX + 1)
/* Takes a blob out of the bundle. false: it is too small for that, or was taken
 * out before. Before the manifest is formatted. */
bool bundle_leave_out(struct bundle_manifest *m, size_t blob);
/* SHA-256 states that a payload of this size leaves in the states member. */
uint64_t bundle_state_count(uint64_t size);
/* The same of a blob: none if it is left out. */
uint64_t bundle_blob_states(const struct bundle_blob *b);
/* With the first `end` bytes of a payload of `size` hashed: keeps the state in its
 * place among states, if a bundle has one there. */
void bundle_keep_state(unsigned char *states, const struct digest_ctx *ctx,
		       uint64_t end, uint64_t size);

/* From a lock that went through lock_parse() or lock_finish(); borrows all that
 * is in it. Its extras are those of this program; more may be added with
 * extra_add(). ERR_FORMAT if a sha256 lacks or there are too many files, ERR_USAGE
 * for serial and epoch. */
int bundle_manifest_from_lock(struct bundle_manifest *out, const struct lock *l,
			      uint64_t serial, uint64_t epoch,
			      struct error *err) MUST_CHECK;
void bundle_manifest_format(const struct bundle_manifest *m, struct str *out);
/* Would that write exactly this? Else *at: the first byte that differs. */
bool bundle_manifest_is(const struct bundle_manifest *m, const char *text,
			size_t len, size_t *at);
/* Demands that text is exactly what bundle_manifest_format() would write for it
 * apart from unknown fields of the same version. ERR_FORMAT, ERR_UNSAFE. */
int bundle_manifest_parse(struct bundle_manifest *out, const char *text,
			  size_t len, struct error *err) MUST_CHECK;
/* Fills blobs, uses, by_digest from the lock; part of the two above. */
int bundle_manifest_derive(struct bundle_manifest *m, struct error *err)
	MUST_CHECK;
void bundle_manifest_release(struct bundle_manifest *m); /* CLEANUP */
/* Index of the blob with this digest; SIZE_MAX: none. */
size_t bundle_find_blob(const struct bundle_manifest *m,
			const struct digest *sha256);
/* The file of the lock that a use stands for; borrowed. */
const struct lock_file *bundle_use_file(const struct bundle_manifest *m,
					const struct bundle_use *use);
const struct lock_repo *bundle_use_repo(const struct bundle_manifest *m,
					const struct bundle_use *use);

#endif
