/*
 * What may be installed on a machine, in the words of whoever keeps it: a file of
 * rules, each of which can refuse. Bytes in, decisions out; docs/policy.md.
 */
#ifndef ITTS_POLICY_H
#define ITTS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/bmanifest.h"
#include "bundle/scan_input.h"
#include "manifest/lock.h"

#define POLICY_LIMIT ((size_t)1 << 20) /* bytes of the file */
#define POLICY_MAX   10000	       /* entries of one list */

struct policy_serial {
	char *name; /* of a bundle */
	uint64_t least;
};

struct policy {
	char *file;	    /* for messages */
	char *signers_rule; /* its name and file, likewise */
	struct strlist
		signers; /* one of them must have signed; empty: no rule */
	bool has_serial;
	uint64_t least_serial; /* of every bundle */
	struct policy_serial *serials;
	size_t serial_count, serial_cap;
	struct strlist repos, licenses; /* empty: no rule */
	bool no_code;
	uint64_t max_files, max_file_bytes, max_bytes; /* UINT64_MAX: no rule */
};

/* ERR_FORMAT names file and key; unknown keys are errors. */
int policy_parse(struct policy *out, const char *file, const char *text,
		 size_t len, struct error *err) MUST_CHECK;
void policy_release(struct policy *p); /* CLEANUP; an empty one has no rules */

/* Each refusal is ERR_UNSAFE and names file, rule and what it refuses. The rule
 * on signers is not here: struct trust has it. p may be NULL: nothing refused. */
int policy_check_bundle(const struct policy *p, const struct bundle_manifest *m,
			struct error *err) MUST_CHECK;
int policy_check_lock(const struct policy *p, const struct lock *l,
		      struct error *err) MUST_CHECK;
/* Of something that has no signature and no serial. */
int policy_check_unsigned(const struct policy *p, const char *what,
			  struct error *err) MUST_CHECK;

/* Must bytes be looked at before they get a name? */
bool policy_wants_bytes(const struct policy *p);
/* What they would run. name: of the file, by which they are judged; label: for
 * the message. -1 also if they cannot be read. */
int policy_scan(const struct policy *p, const struct scan_input *in,
		const char *name, const char *label, struct error *err)
	MUST_CHECK;
int policy_scan_fd(const struct policy *p, int fd, uint64_t size,
		   const char *name, const char *label, struct error *err)
	MUST_CHECK;

#endif
