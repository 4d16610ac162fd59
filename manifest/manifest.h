/*
 * The manifest: what the user asks for. JSON, written by people; the format is
 * described in docs/manifest.md. No I/O here: bytes in, structs out.
 */
#ifndef ITTS_MANIFEST_H
#define ITTS_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "manifest/archive_ref.h"
#include "manifest/mirror.h"
#include "manifest/repo.h"

#define MANIFEST_VERSION       1
#define MANIFEST_LIMIT	       (4u << 20) /* bytes of text */
#define MANIFEST_MAX_MODELS    1000
#define MANIFEST_MAX_PATTERNS  1000  /* in one list */
#define MANIFEST_MAX_VIEWS     100   /* of one model */
#define MANIFEST_MAX_PINS      10000 /* of one model */
#define MANIFEST_MAX_GROUPS    100
#define MANIFEST_MAX_REFS      100 /* of one model */
#define MANIFEST_MAX_ENDPOINTS 16

/* Where files are placed in a model directory. */
struct manifest_view {
	char *files; /* glob over paths in the repo */
	char *strip; /* prefix taken off the path first, or NULL */
	char *to;    /* "" or "dir/": placed below it; else the name itself */
};

/* What is known of a file before locking. */
struct manifest_pin {
	char *path;
	uint64_t size;		   /* UINT64_MAX: not known */
	struct digest sha256, git; /* DIGEST_NONE: not known */
	char *url;		   /* where the file is, or NULL: on the hub */
};

struct manifest_group_use {
	char *group;
	struct strlist files; /* patterns: these belong to the group */
};

struct manifest_model {
	enum repo_type type;
	char *id, *revision;
	struct strlist
		refs; /* names under which the commit is made reachable */
	struct strlist include, exclude;
	char *license; /* SPDX or LicenseRef, or NULL */
	char *notice;  /* shown when packing, or NULL */
	char *hub_view; /* dir in the model directory that gets the Hub layout, or NULL */
	struct manifest_view *views;
	size_t view_count, view_cap;
	struct manifest_pin *pins; /* sorted by path bytes */
	size_t pin_count, pin_cap;
	struct manifest_group_use *groups;
	size_t group_count, group_cap;
	struct mirrors mirrors;
	char *git; /* URL of a git repository: the files are there; or NULL */
	struct archive_ref archive; /* the files are in there */
	bool has_urls; /* the files are those pins that have a url, no others */
};

struct manifest_group {
	char *name, *about;
	bool on; /* by default */
};

struct manifest_package {
	char *name, *version; /* "transformers", "==4.52.1" (PEP 440) */
};

struct manifest_memory {
	char *profile;		   /* "fp32", "bf16, no Qwen" */
	uint64_t gpu_mib, ram_mib; /* 0: not known */
};

struct manifest {
	char *name, *about;
	struct strlist
		endpoints; /* [KIND=]URL, asked where the user names none */
	struct manifest_model *models;
	size_t model_count, model_cap;
	struct manifest_group *groups;
	size_t group_count, group_cap;
	char *python; /* PEP 440 range, or NULL */
	struct manifest_package *packages;
	size_t package_count, package_cap;
	struct manifest_memory *memory;
	size_t memory_count, memory_cap;
	struct digest digest; /* SHA-256 of the text it was parsed from */
};

/* ERR_FORMAT names key and place; unknown keys are errors. */
int manifest_parse(struct manifest *out, const char *text, size_t len,
		   struct error *err) MUST_CHECK;
void manifest_release(struct manifest *m); /* CLEANUP */

/* A manifest for one repository given on the command line: ID[@REVISION] with
 * patterns. Goes through manifest_format + manifest_parse, so its digest is
 * that of the text `init` would write. ERR_USAGE. */
int manifest_for_repo(struct manifest *out, enum repo_type type,
		      const char *spec, const struct strlist *include,
		      const struct strlist *exclude, struct error *err)
	MUST_CHECK;
void manifest_format(const struct manifest *m,
		     struct str *out); /* pretty JSON */

/* Groups that are on after --with / --without, sorted. ERR_USAGE for a name
 * the manifest does not have (it lists those that exist). */
int manifest_groups(const struct manifest *m, const struct strlist *with,
		    const struct strlist *without, struct strlist *on,
		    struct error *err) MUST_CHECK;
/* Does this file of the model belong to what was asked for? */
bool manifest_selects(const struct manifest_model *model,
		      const struct strlist *groups_on, const char *path);
/* false: a group that is off claims all its files; it need not be listed. */
bool manifest_model_is_on(const struct manifest_model *model,
			  const struct strlist *groups_on);
/* Places of a file in the model directory, appended to out. */
void manifest_place(const struct manifest_model *model, const char *path,
		    struct strlist *out);
/* NULL if the manifest pins nothing for this path. */
const struct manifest_pin *manifest_find_pin(const struct manifest_model *model,
					     const char *path);

#endif
