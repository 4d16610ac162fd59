/*
 * The bill of materials of a lock: CycloneDX 1.6 as JSON. A pure function of the
 * lock: nothing of the machine, the clock, or this program's version is in it.
 */
#ifndef ITTS_SBOM_H
#define ITTS_SBOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "manifest/lock.h"

#define SBOM_NAME "sbom.cdx.json" /* in a bundle */

/* Hands the document on in pieces, so that it never stands in memory whole.
 * Fails only as put does. Every file of the lock must have its SHA-256. */
int sbom_write(const struct lock *l,
	       int (*put)(void *ctx, const void *p, size_t n,
			  struct error *err),
	       void *ctx, struct error *err) MUST_CHECK;
/* Its size and digest. */
void sbom_measure(const struct lock *l, uint64_t *size, struct digest *sha256);

#endif
