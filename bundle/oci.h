/* The OCI side of a bundle (OCI image-spec 1.1, ModelPack media types): one
 * image manifest a repo, so that skopeo, oras, podman read it as oci-archive. */
#ifndef ITTS_OCI_H
#define ITTS_OCI_H

#include "base/attr.h"
#include "base/str.h"
#include "bundle/bmanifest.h"

/* Registries refuse manifests over 4 MiB: a repo with more files than this gets
 * none and is left out of index.json. */
#define OCI_MAX_FILES 10000

/* itts-bundle.json, which each image carries as a layer. */
struct oci_bundle {
	struct digest sha256; /* DIGEST_NONE: it does not (version 1) */
	uint64_t size;
};
void oci_bundle_of(const struct bundle_manifest *m, const char *text,
		   size_t len, struct oci_bundle *out);

void oci_layout_file(struct str *out); /* oci-layout */
void oci_config(struct str *out);      /* the empty config, "{}" */
bool oci_has_manifest(const struct lock_repo *r);
void oci_manifest(const struct lock_repo *r, const struct oci_bundle *b,
		  struct str *out);
/* index.json */
void oci_index(const struct bundle_manifest *m, const struct oci_bundle *b,
	       struct str *out);
/* Tag in index.json: "org--name"; appended to out. */
void oci_tag(const struct lock_repo *r, struct str *out);

#endif
