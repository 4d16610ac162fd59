/*
 * Bytes from one place into a file, hashed on the way. Of big ones a second thread
 * takes care, from file to file in the kernel, else through a ring of buffers, while
 * the calling thread hashes: the slower of the two is the time it takes. What shares
 * blocks instead is clone.h's.
 */
#ifndef ITTS_COPY_H
#define ITTS_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"

#define COPY_BUFFER  ((size_t)1 << 20) /* bytes of one piece */
#define COPY_BUFFERS 8

struct copy_job {
	/* Source: src_fd from src_offset with pread(), or, if read is set, exactly
	 * n bytes a call (n at most COPY_BUFFER, the last one shorter). read runs
	 * on the second thread, and nobody else may use what it uses meanwhile. */
	int src_fd;
	uint64_t src_offset;
	int (*read)(void *ctx, void *buf, size_t n, struct error *err);
	void *read_ctx;
	/* Nobody needs what src_fd has soon: its memory is given back behind the
	 * copying where memory is short. */
	bool once;
	uint64_t size;

	/* Destination: dst_fd at dst_offset with pwrite(), or if append with
	 * write() where it stands (pipes). */
	int dst_fd;
	uint64_t dst_offset;
	bool append;
	/* If set, instead of both: n bytes a call, in order, on the second thread. */
	int (*write)(void *ctx, const void *buf, size_t n, struct error *err);
	void *write_ctx;
	const char *src_name, *dst_name; /* for messages */
	const struct cancel *cancel;	 /* may be NULL */
	/* On the calling thread, each piece in order, what was written: for other
	 * digests. May be NULL. */
	void (*seen)(void *ctx, const void *buf, size_t n);
	/* On the calling thread, at most 10 times a second and once at the end of
	 * a big one: bytes done so far. May be NULL. */
	void (*progress)(void *ctx, uint64_t done);
	void *ctx; /* of seen and progress */
	/* NULL, or room for bundle_state_count(size) times DIGEST_STATE_LEN: the
	 * SHA-256 states after each full BUNDLE_STATE_STEP. */
	unsigned char *states;

	struct digest sha256; /* result */
};

/* Comparing sha256 is the caller's. ERR_INTEGRITY: src_fd ends early; ERR_IO;
 * ERR_CANCELLED; whatever read sets. What dst holds after a failure is undefined. */
int copy_run(struct copy_job *job, struct error *err) MUST_CHECK;

#endif
