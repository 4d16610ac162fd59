/*
 * itts-bundle.json: one line of compact JSON, keys in this order and no other:
 *
 *   {"format":"itts-bundle","version":2,"name":...,"serial":...,"epoch":...,
 *    "align":4096,"tool":"itts-pack","lock_digest":...,"groups":[...],
 *    "manifest":...,"extras":[...],"repos":[...],"requires":[...]}
 *
 * "requires" is only in thin bundles (thin.h): SHA-256 of the blobs that are left
 * out, in the order of the bundle.
 * "repos" is the lock's, "extras" is described in extra.c. Whoever reads it writes it again from what was
 * understood and compares, so that one meaning has one text; fields of the
 * same version that are not known are left out of that comparison.
 */
#include "bundle/bmanifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "bundle/sbom.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char tool_name[] = "itts-pack";

/* --- payloads of the lock ------------------------------------------------ */

struct entry {
	const struct digest *sha256;
	struct bundle_use use;
	size_t seq;
};

struct group { /* entries of one digest */
	size_t at, count, seq;
	size_t rank; /* among the digests */
};

static int cmp_size(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = digest_cmp(x->sha256, y->sha256);

	return c ? c : cmp_size(x->seq, y->seq);
}

static int cmp_group(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return cmp_size(x->seq, y->seq);
}

const struct lock_repo *bundle_use_repo(const struct bundle_manifest *m,
					const struct bundle_use *use)
{
	return &m->lock.repos[use->repo];
}

const struct lock_file *bundle_use_file(const struct bundle_manifest *m,
					const struct bundle_use *use)
{
	return &m->lock.repos[use->repo].files[use->file];
}

static int collect(const struct lock *l, struct entry **out, size_t *count,
		   struct error *err)
{
	struct entry *list CLEANUP(free_ptr) = NULL;
	size_t n = 0, cap = 0;

	for (size_t r = 0; r < l->repo_count; r++) {
		const struct lock_repo *repo = &l->repos[r];

		list = xgrow(list, &cap, n + repo->file_count, sizeof(*list));
		for (size_t f = 0; f < repo->file_count; f++, n++) {
			list[n].sha256 = &repo->files[f].sha256;
			list[n].use = (struct bundle_use){ (uint32_t)r,
							   (uint32_t)f };
			list[n].seq = n;
			if (repo->files[f].sha256.alg != DIGEST_SHA256)
				return err_set(err, ERR_FORMAT,
					       "%s %s: the lock has no sha256",
					       repo->id, repo->files[f].path);
		}
	}
	*out = take_ptr(list);
	*count = n;
	return 0;
}

/* Sorts entries and finds those of one digest. */
static size_t find_groups(struct entry *entries, size_t count,
			  struct group *groups)
{
	size_t n = 0;

	if (count > 0)
		qsort(entries, count, sizeof(*entries), cmp_entry);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 &&
		    digest_equal(entries[i].sha256, entries[i - 1].sha256)) {
			groups[n - 1].count++;
			continue;
		}
		groups[n] = (struct group){ i, 1, entries[i].seq, n };
		n++;
	}
	if (n > 0)
		qsort(groups, n, sizeof(*groups), cmp_group);
	return n;
}

/* Appends the blob of a group; *used: how many of m->uses are taken. */
static void add_blob(struct bundle_manifest *m, const struct entry *entries,
		     const struct group *g, size_t *used)
{
	struct bundle_blob *b = &m->blobs[m->blob_count];
	const struct lock_file *first = bundle_use_file(m, &entries[g->at].use);

	b->sha256 = first->sha256;
	b->size = first->size; /* lock_finish(): of all files of this digest */
	b->uses = &m->uses[*used];
	b->use_count = g->count;
	m->by_digest[g->rank] = m->blob_count++;
	for (size_t i = 0; i < g->count; i++)
		m->uses[(*used)++] = entries[g->at + i].use;
}

int bundle_manifest_derive(struct bundle_manifest *m, struct error *err)
{
	struct entry *entries CLEANUP(free_ptr) = NULL;
	struct group *groups CLEANUP(free_ptr) = NULL;
	size_t count = 0, n, used = 0;

	if (collect(&m->lock, &entries, &count, err))
		return -1;
	if (count > BUNDLE_MAX_FILES)
		return err_set(err, ERR_FORMAT,
			       "%zu files, at most %d fit in one bundle", count,
			       BUNDLE_MAX_FILES);
	groups = xcalloc(count + 1, sizeof(*groups));
	n = find_groups(entries, count, groups);
	m->blobs = xcalloc(n + 1, sizeof(*m->blobs));
	m->by_digest = xcalloc(n + 1, sizeof(*m->by_digest));
	m->uses = xcalloc(count + 1, sizeof(*m->uses));
	for (size_t k = 0; k < n; k++)
		add_blob(m, entries, &groups[k], &used);
	return 0;
}

size_t bundle_find_blob(const struct bundle_manifest *m,
			const struct digest *sha256)
{
	size_t low = 0, high = m->blob_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2, k = m->by_digest[mid];
		int c = digest_cmp(sha256, &m->blobs[k].sha256);

		if (c == 0)
			return k;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return SIZE_MAX;
}

bool bundle_leave_out(struct bundle_manifest *m, size_t blob)
{
	struct bundle_blob *b = &m->blobs[blob];

	if (b->absent || b->size < BUNDLE_ABSENT_MIN)
		return false;
	b->absent = true;
	m->absent_count++;
	m->absent_bytes += b->size;
	return true;
}

uint64_t bundle_state_count(uint64_t size)
{
	return size ? (size - 1) / BUNDLE_STATE_STEP : 0;
}

void bundle_keep_state(unsigned char *states, const struct digest_ctx *ctx,
		       uint64_t end, uint64_t size)
{
	if (end > 0 && end % BUNDLE_STATE_STEP == 0 && end < size)
		digest_get_state(ctx, states + (end / BUNDLE_STATE_STEP - 1) *
						       DIGEST_STATE_LEN);
}

uint64_t bundle_blob_states(const struct bundle_blob *b)
{
	return b->absent ? 0 : bundle_state_count(b->size);
}

void bundle_manifest_release(struct bundle_manifest *m)
{
	if (!m->borrowed)
		lock_release(&m->lock);
	free_ptr(&m->blobs);
	free_ptr(&m->uses);
	free_ptr(&m->by_digest);
	m->blob_count = 0;
}

/* --- writing -------------------------------------------------------------- */

static int add_own_extras(struct bundle_manifest *m, struct error *err)
{
	struct extra_own own;
	struct digest d;
	uint64_t size;

	for (size_t i = 0; extra_own_at(i, &own); i++) {
		digest_buf(DIGEST_SHA256, own.text, own.len, &d);
		if (extra_add(&m->extras, own.path, own.len, &d, own.executable,
			      err))
			return -1;
	}
	sbom_measure(&m->lock, &size, &d);
	return extra_add(&m->extras, SBOM_NAME, size, &d, false, err);
}

int bundle_manifest_from_lock(struct bundle_manifest *out, const struct lock *l,
			      uint64_t serial, uint64_t epoch,
			      struct error *err)
{
	struct bundle_manifest m CLEANUP(
		bundle_manifest_release) = { .lock = *l,
					     .borrowed = true,
					     .version = BUNDLE_VERSION,
					     .serial = serial,
					     .epoch = epoch,
					     .align = BUNDLE_ALIGN };

	if (epoch > BUNDLE_EPOCH_MAX || serial > JSON_MAX_INT)
		return err_set(err, ERR_USAGE, "%s %" PRIu64 " is too large",
			       epoch > BUNDLE_EPOCH_MAX ? "epoch" : "serial",
			       epoch > BUNDLE_EPOCH_MAX ? epoch : serial);
	if (bundle_manifest_derive(&m, err) || add_own_extras(&m, err))
		return -1;
	*out = m;
	memset(&m, 0, sizeof(m));
	return 0;
}

static void put_digest(struct json_writer *w, const char *key,
		       const struct digest *d)
{
	char hex[DIGEST_HEX_MAX];
	char *text CLEANUP(free_ptr) = NULL;

	if (d->alg == DIGEST_NONE)
		return;
	text = xasprintf("sha256:%s", digest_hex(d, hex));
	json_put_kv(w, key, text);
}

static void put_requires(struct json_writer *w, const struct bundle_manifest *m)
{
	char hex[DIGEST_HEX_MAX];

	json_put_key(w, "requires");
	json_begin_array(w);
	for (size_t i = 0; i < m->blob_count; i++)
		if (m->blobs[i].absent)
			json_put_string(w,
					digest_hex(&m->blobs[i].sha256, hex));
	json_end_array(w);
}

static void put_manifest(const struct bundle_manifest *m, struct json_writer *w)
{
	struct digest d;

	lock_digest(&m->lock, &d);
	json_begin_object(w);
	json_put_kv(w, "format", BUNDLE_FORMAT_NAME);
	json_put_kv_u64(w, "version", m->version);
	json_put_kv(w, "name", m->lock.name);
	json_put_kv_u64(w, "serial", m->serial);
	json_put_kv_u64(w, "epoch", m->epoch);
	json_put_kv_u64(w, "align", m->align);
	json_put_kv(w, "tool", tool_name);
	put_digest(w, "lock_digest", &d);
	json_put_kv_strings(w, "groups", &m->lock.groups);
	put_digest(w, "manifest", &m->lock.manifest);
	json_put_key(w, "extras");
	extra_format(&m->extras, w);
	json_put_key(w, "repos");
	lock_put_repos(&m->lock, w);
	if (m->absent_count)
		put_requires(w, m);
	json_end_object(w);
	str_addc(w->out, '\n');
}

void bundle_manifest_format(const struct bundle_manifest *m, struct str *out)
{
	struct json_writer w;

	json_writer_init(&w, out, JSON_COMPACT);
	put_manifest(m, &w);
}

struct comparing {
	const char *text;
	size_t len, at; /* at: bytes that are the same */
	bool differs;
};

static void compare(void *ctx, const void *p, size_t n)
{
	struct comparing *c = ctx;
	const char *own = p;

	for (size_t i = 0; i < n && !c->differs; i++)
		if (c->at < c->len && c->text[c->at] == own[i])
			c->at++;
		else
			c->differs = true;
}

bool bundle_manifest_is(const struct bundle_manifest *m, const char *text,
			size_t len, size_t *at)
{
	struct str rest CLEANUP(str_release) = STR_INIT;
	struct comparing c = { .text = text, .len = len };
	struct json_writer w;

	json_writer_init(&w, &rest, JSON_COMPACT);
	json_writer_drain(&w, compare, &c);
	put_manifest(m, &w);
	compare(&c, rest.ptr, rest.len);
	*at = c.at;
	return !c.differs && c.at == len;
}
