/*
 * {
 *   "format": "itts-policy", "version": 1,
 *   "signers": ["release@example.com"],     one of them must have signed
 *   "serial": 3,                            the least of every bundle
 *   "serials": { "indextts-2": 7 },         the least of the bundles of that name
 *   "repos": ["IndexTeam/index-*"],         the Hub's patterns, see glob.h
 *   "licenses": ["MIT", "Apache-2.0"],      see license.h
 *   "no_code": true,
 *   "max_files": 1000, "max_file_bytes": 10000000000, "max_bytes": 20000000000
 * }
 */
#include "bundle/policy.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/license.h"
#include "bundle/scan.h"
#include "manifest/glob.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define FORMAT "itts-policy"

/* Names that programs run or load as code. */
static const char *const code_ends[] = { ".py",	 ".pyc",   ".pyo", ".pyd",
					 ".pyw", ".pyz",   ".so",  ".dll",
					 ".exe", ".dylib", ".sh",  ".bat",
					 ".cmd", ".ps1",   ".jar", ".js",
					 ".mjs", ".wasm",  NULL };

void policy_release(struct policy *p)
{
	for (size_t i = 0; i < p->serial_count; i++)
		free_ptr(&p->serials[i].name);
	free_ptr(&p->serials);
	strlist_release(&p->signers);
	strlist_release(&p->repos);
	strlist_release(&p->licenses);
	free_ptr(&p->file);
	free_ptr(&p->signers_rule);
	*p = (struct policy){ 0 };
}

/* --- reading --------------------------------------------------------------------- */

static int get_list(const struct json *doc, const char *key,
		    struct strlist *out, struct error *err)
{
	if (json_opt_strings(doc, key, out, "", err))
		return -1;
	if (json_member(doc, key) && out->count == 0)
		return err_set(err, ERR_FORMAT,
			       "%s: is empty, so that nothing could be "
			       "installed; leave the key out for no such rule",
			       key);
	if (out->count > POLICY_MAX)
		return err_set(err, ERR_FORMAT, "%s: more than %d entries", key,
			       POLICY_MAX);
	for (size_t i = 0; i < out->count; i++)
		if (out->items[i][0] == '\0')
			return err_set(err, ERR_FORMAT, "%s[%zu]: is empty",
				       key, i);
	return 0;
}

static int get_serials(const struct json *doc, struct policy *out,
		       struct error *err)
{
	const struct json *map = json_member(doc, "serials");

	if (!map)
		return 0;
	if (!json_is_object(map))
		return err_set(err, ERR_FORMAT, "serials: must be an object");
	for (const struct json *m = json_first(map); m; m = json_next(m)) {
		uint64_t least = 0;

		if (out->serial_count == POLICY_MAX)
			return err_set(err, ERR_FORMAT,
				       "serials: more than %d entries",
				       POLICY_MAX);
		if (json_get_u64(map, json_key(m), &least, "serials", err))
			return -1;
		out->serials = xgrow(out->serials, &out->serial_cap,
				     out->serial_count + 1,
				     sizeof(*out->serials));
		out->serials[out->serial_count++] = (struct policy_serial){
			.name = xstrdup(json_key(m)), .least = least
		};
	}
	return 0;
}

static int parse(struct policy *out, const struct json *doc, struct error *err)
{
	static const char *const keys[] = {
		"format",    "version",	  "signers",	    "serial",
		"serials",   "repos",	  "licenses",	    "no_code",
		"max_files", "max_bytes", "max_file_bytes", NULL
	};
	const char *format = "";
	uint64_t version = 0;

	if (!json_is_object(doc))
		return err_set(err, ERR_FORMAT, "must be an object");
	if (json_get_string(doc, "format", &format, "", err) ||
	    json_get_u64(doc, "version", &version, "", err))
		return -1;
	if (strcmp(format, FORMAT) != 0)
		return err_set(err, ERR_FORMAT,
			       "format: is \"%s\", not \"" FORMAT "\"", format);
	if (version != 1)
		return err_set(err, ERR_FORMAT,
			       "version: %" PRIu64 " is not known here, only 1",
			       version);
	out->has_serial = json_member(doc, "serial") != NULL;
	if (json_only_keys(doc, keys, "", err) ||
	    get_list(doc, "signers", &out->signers, err) ||
	    get_list(doc, "repos", &out->repos, err) ||
	    get_list(doc, "licenses", &out->licenses, err) ||
	    json_opt_u64(doc, "serial", &out->least_serial, "", err) ||
	    json_opt_bool(doc, "no_code", &out->no_code, "", err) ||
	    json_opt_u64(doc, "max_files", &out->max_files, "", err) ||
	    json_opt_u64(doc, "max_bytes", &out->max_bytes, "", err) ||
	    json_opt_u64(doc, "max_file_bytes", &out->max_file_bytes, "", err))
		return -1;
	return get_serials(doc, out, err);
}

int policy_parse(struct policy *out, const char *file, const char *text,
		 size_t len, struct error *err)
{
	struct policy p CLEANUP(
		policy_release) = { .max_files = UINT64_MAX,
				    .max_bytes = UINT64_MAX,
				    .max_file_bytes = UINT64_MAX };
	struct json *doc CLEANUP(json_free) = NULL;

	if (len > POLICY_LIMIT)
		return err_set(err, ERR_FORMAT, "%s: larger than %zu bytes",
			       file, POLICY_LIMIT);
	if (json_parse(&doc, text, len, err) || parse(&p, doc, err))
		return err_wrap(err, "%s", file);
	p.file = xstrdup(file);
	p.signers_rule = xasprintf("the rule \"signers\" of %s", file);
	*out = p;
	p = (struct policy){ 0 };
	return 0;
}

/* --- what the manifest says --------------------------------------------------------- */

static int refuse(const struct policy *p, const char *rule, const char *what,
		  const char *why, struct error *err)
{
	return err_set(err, ERR_UNSAFE,
		       "refused by the policy %s, rule \"%s\": %s: %s", p->file,
		       rule, what, why);
}

static int check_number(const struct policy *p, const char *rule,
			const char *what, const char *unit, uint64_t number,
			uint64_t most, struct error *err)
{
	char *why CLEANUP(free_ptr) = NULL;

	if (number <= most)
		return 0;
	why = xasprintf("%" PRIu64 " %s, allowed are %" PRIu64, number, unit,
			most);
	return refuse(p, rule, what, why, err);
}

static bool has_code_name(const char *path)
{
	const char *base = path_base(path);
	size_t len = strlen(base);

	for (const char *const *e = code_ends; *e; e++)
		if (len > strlen(*e) &&
		    !strcasecmp(base + len - strlen(*e), *e))
			return true;
	/* libNAME.so.1 */
	return strcasestr(base, ".so.") != NULL;
}

static int check_license(const struct policy *p, const struct lock_repo *r,
			 const char *id, struct error *err)
{
	char *why CLEANUP(free_ptr) = NULL;

	if (p->licenses.count == 0)
		return 0;
	if (!r->license)
		return refuse(p, "licenses", id, "its licence is not known",
			      err);
	if (license_allowed(r->license, &p->licenses))
		return 0;
	why = xasprintf("its licence \"%s\" is not among those allowed",
			r->license);
	return refuse(p, "licenses", id, why, err);
}

static int check_file(const struct policy *p, const char *id,
		      const struct lock_file *f, struct error *err)
{
	char *what CLEANUP(free_ptr) = xasprintf("%s %s", id, f->path);

	if (check_number(p, "max_file_bytes", what, "bytes", f->size,
			 p->max_file_bytes, err))
		return -1;
	if (p->no_code && has_code_name(f->path))
		return refuse(p, "no_code", what,
			      "a name that programs run or load as code", err);
	return 0;
}

static int check_repo(const struct policy *p, const struct lock_repo *r,
		      struct error *err)
{
	char *id CLEANUP(free_ptr) = xasprintf(
		"%s%s", repo_type_prefix(r->type), r->id);

	if (p->repos.count > 0 && !glob_match_any(&p->repos, id))
		return refuse(p, "repos", id,
			      "not among the repositories allowed", err);
	if (check_license(p, r, id, err))
		return -1;
	for (size_t i = 0; i < r->file_count; i++)
		if (check_file(p, id, &r->files[i], err))
			return -1;
	return 0;
}

int policy_check_lock(const struct policy *p, const struct lock *l,
		      struct error *err)
{
	uint64_t files = 0;

	if (!p)
		return 0;
	for (size_t i = 0; i < l->repo_count; i++) {
		if (check_repo(p, &l->repos[i], err))
			return -1;
		files += l->repos[i].file_count;
	}
	if (check_number(p, "max_files", "all of it", "files", files,
			 p->max_files, err))
		return -1;
	return check_number(p, "max_bytes", "all of it", "bytes", lock_total(l),
			    p->max_bytes, err);
}

static int check_serial(const struct policy *p, const char *rule,
			const struct bundle_manifest *m, uint64_t least,
			struct error *err)
{
	char *why CLEANUP(free_ptr) = NULL;

	if (m->serial >= least)
		return 0;
	why = xasprintf("serial %" PRIu64 ", the least allowed is %" PRIu64,
			m->serial, least);
	return refuse(p, rule, m->lock.name, why, err);
}

int policy_check_bundle(const struct policy *p, const struct bundle_manifest *m,
			struct error *err)
{
	if (!p)
		return 0;
	if (p->has_serial && check_serial(p, "serial", m, p->least_serial, err))
		return -1;
	for (size_t i = 0; i < p->serial_count; i++)
		if (!strcmp(p->serials[i].name, m->lock.name) &&
		    check_serial(p, "serials", m, p->serials[i].least, err))
			return -1;
	return policy_check_lock(p, &m->lock, err);
}

int policy_check_unsigned(const struct policy *p, const char *what,
			  struct error *err)
{
	if (!p)
		return 0;
	if (p->signers.count > 0)
		return refuse(p, "signers", what, "it carries no signature",
			      err);
	if (p->has_serial || p->serial_count > 0)
		return refuse(p, p->has_serial ? "serial" : "serials", what,
			      "it carries no serial", err);
	return 0;
}

/* --- what the bytes say ------------------------------------------------------------- */

bool policy_wants_bytes(const struct policy *p)
{
	return p && p->no_code;
}

int policy_scan(const struct policy *p, const struct scan_input *in,
		const char *name, const char *label, struct error *err)
{
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	char *why CLEANUP(free_ptr) = NULL;
	unsigned char head[4];
	size_t got = 0;

	if (!policy_wants_bytes(p))
		return 0;
	if (in->pread(in->ctx, head, sizeof(head), 0, &got, err))
		return -1;
	if (got == 4 && !memcmp(head, "\177ELF", 4))
		return refuse(p, "no_code", label, "a program or library (ELF)",
			      err);
	/* the kernel takes blanks, tabs and relative names behind it, too */
	if (got >= 3 && !memcmp(head, "#!", 2) && head[2] != '\n')
		return refuse(p, "no_code", label, "a script (#!)", err);
	if (scan_file(in, name, &r, err))
		return -1;
	if (r.word < SCAN_NEEDS_CODE)
		return 0;
	why = xasprintf("a pickle that is %s%s%s",
			r.word == SCAN_MALFORMED ? "malformed"
						 : "not data alone",
			r.notes.count ? ": " : "",
			r.notes.count ? r.notes.items[0] : "");
	return refuse(p, "no_code", label, why, err);
}

int policy_scan_fd(const struct policy *p, int fd, uint64_t size,
		   const char *name, const char *label, struct error *err)
{
	struct scan_window w = { fd, 0, size, label };
	struct scan_input in = { scan_window_pread, &w, size };

	return policy_scan(p, &in, name, label, err);
}
