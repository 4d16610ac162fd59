#include "base/human.h"
#include "base/mem.h"
#include "bundle/source.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/kind.h"
#include "cmd/report.h"
#include "cmd/trust.h"

#include <string.h>

static const struct option_group *const groups[] = { &group_trust,
						     &group_common, NULL };

static const char *const examples[] = {
	"What does this file hold?",
	"itts-pack inspect indextts-2.tar",
	"Whose signature is on it?",
	"itts-pack inspect indextts-2.tar --allowed-signers allowed_signers",
	"Every file with its digests, for a program to read:",
	"itts-pack inspect --json indextts-2.tar",
	NULL
};

/* Which program made it: the one thing that stands only in the text. The keys
 * come in canonical order, "tool" long before the list of repositories. */
static int read_tool(const struct str *text, char **tool, struct error *err)
{
	struct json_reader r;
	int rc;

	json_reader_init(&r, text->ptr, text->len);
	if (json_enter_object(&r, err) != 0)
		return -1;
	for (;;) {
		struct json *value CLEANUP(json_free) = NULL;
		char *key CLEANUP(free_ptr) = NULL;

		rc = json_next_key(&r, &key, err);
		if (rc <= 0 || strcmp(key, "repos") == 0)
			break;
		rc = json_read_value(&r, &value, err);
		if (rc != 0)
			break;
		if (strcmp(key, "tool") == 0) {
			*tool = xstrdup(json_string_or(value, "?"));
			break;
		}
	}
	return rc < 0 ? -1 : 0;
}

static uint64_t repo_bytes(const struct lock_repo *r)
{
	uint64_t total = 0;

	for (size_t i = 0; i < r->file_count; i++)
		total += r->files[i].size;
	return total;
}

static void join(const struct strlist *l, struct str *out)
{
	for (size_t i = 0; i < l->count; i++)
		str_addf(out, "%s%s", i ? "," : "", l->items[i]);
}

/* Distinct places in a model directory, and Hub layouts. */
struct places {
	uint64_t files;
	struct strlist hub;
};

static void places_release(struct places *p)
{
	strlist_release(&p->hub);
}

static void find_places(const struct lock *l, struct places *p)
{
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		if (r->hub_view && !strlist_has(&p->hub, r->hub_view))
			strlist_add(&p->hub, r->hub_view);
		for (size_t k = 0; k < r->file_count; k++)
			for (char **v = r->files[k].views; v && *v; v++)
				p->files++;
	}
}

static uint64_t count_files(const struct lock *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->repo_count; i++)
		n += l->repos[i].file_count;
	return n;
}

struct facts {
	char *tool;
	uint64_t bytes;
	struct places places;
	struct trusting trust;
	struct error why; /* its signature does not count */
};

static void facts_release(struct facts *f)
{
	free_ptr(&f->tool);
	places_release(&f->places);
	trusting_release(&f->trust);
}

/* --- who has signed it ---------------------------------------------------------- */

/* Looks, and refuses nothing unless that was asked for. */
static int look_at_signature(void *ctx, const struct bundle_source *s,
			     struct error *err)
{
	struct facts *f = ctx;

	if (trust_check(&f->trust.trust, s, &f->trust.who, &f->why) == 0 ||
	    !f->trust.trust.require)
		return 0;
	*err = f->why;
	return -1;
}

static void put_signature(struct json_writer *j, const struct facts *f)
{
	const struct trusted *w = &f->trust.who;

	json_put_key(j, "signature");
	if (!w->found) {
		json_put_null(j);
		return;
	}
	json_begin_object(j);
	if (w->type.len) {
		json_put_kv(j, "type", w->type.ptr);
		json_put_kv(j, "key", w->fingerprint.ptr);
		json_put_kv(j, "namespace", w->name_space.ptr);
	}
	json_put_kv_bool(j, "right", w->is_signed);
	json_put_kv_bool(j, "known", w->known);
	if (w->known)
		json_put_kv(j, "principals", w->principals);
	if (!w->is_signed)
		json_put_kv(j, "why", f->why.msg);
	json_end_object(j);
}

static void add_signature(struct str *out, const struct facts *f)
{
	const struct trusted *w = &f->trust.who;

	if (!w->found) {
		str_adds(out, "not signed\n");
		return;
	}
	if (w->known)
		str_addf(out, "signed by %s", w->principals);
	else if (w->is_signed)
		str_adds(out, "signed, by whom is not known (no list of "
			      "allowed signers)");
	else
		str_addf(out, "has a signature that does not count: %s",
			 f->why.msg);
	if (w->type.len)
		str_addf(out, "\nkey %s %s, namespace %s", w->type.ptr,
			 w->fingerprint.ptr, w->name_space.ptr);
	str_addc(out, '\n');
}

static void put_json(struct app *app, const struct bundle_source *s,
		     const struct facts *f)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct lock *l = &s->manifest.lock;
	struct json_writer j;
	struct digest d;
	char hex[DIGEST_HEX_MAX];

	lock_digest(l, &d);
	app_json_begin(app, &j, &text);
	json_put_kv(&j, "file", s->name);
	json_put_kv(&j, "name", l->name);
	json_put_kv_u64(&j, "serial", s->manifest.serial);
	put_signature(&j, f);
	json_put_kv_u64(&j, "epoch", s->manifest.epoch);
	json_put_kv_u64(&j, "align", s->manifest.align);
	json_put_kv(&j, "tool", f->tool ? f->tool : "");
	json_put_kv(&j, "lock_digest", digest_hex(&d, hex));
	json_put_kv(&j, "manifest", digest_hex(&l->manifest, hex));
	json_put_kv_strings(&j, "groups", &l->groups);
	json_put_kv_u64(&j, "bytes", f->bytes);
	if (s->seekable)
		json_put_kv_u64(&j, "file_bytes", s->file_size);
	json_put_kv_u64(&j, "files", count_files(l));
	json_put_kv_u64(&j, "payloads", s->manifest.blob_count);
	json_put_kv_u64(&j, "payload_bytes", lock_total(l));
	json_put_kv_u64(&j, "left_out", s->manifest.absent_count);
	json_put_kv_u64(&j, "left_out_bytes", s->manifest.absent_bytes);
	json_put_kv_u64(&j, "places", f->places.files);
	json_put_kv_strings(&j, "hub_views", &f->places.hub);
	json_put_key(&j, "repos");
	lock_put_repos(l, &j);
	app_json_end(app, &j);
}

static void add_repos(struct str *out, const struct lock *l)
{
	static const char *const heads[] = {
		"REPOSITORY", "COMMIT", "FILES", "SIZE", "REFS", "LICENCE"
	};
	struct table t CLEANUP(table_release) = { .columns = 6 };

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&t, heads[i]);
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		struct str refs CLEANUP(str_release) = STR_INIT;
		struct str files CLEANUP(str_release) = STR_INIT;
		struct str id CLEANUP(str_release) = STR_INIT;
		char size[HUMAN_MAX];

		str_addf(&id, "%s%s", repo_type_prefix(r->type), r->id);
		str_addf(&files, "%zu", r->file_count);
		join(&r->refs, &refs);
		table_add(&t, id.ptr);
		table_add(&t, r->commit);
		table_add(&t, files.ptr);
		table_add(&t, human_size(repo_bytes(r), size));
		table_add(&t, refs.ptr);
		table_add(&t, r->license ? r->license : "");
	}
	table_format(&t, out);
}

static void add_files(struct str *out, const struct lock *l)
{
	struct table t CLEANUP(table_release) = { .columns = 3 };

	for (size_t i = 0; i < l->repo_count; i++)
		for (size_t k = 0; k < l->repos[i].file_count; k++) {
			const struct lock_file *f = &l->repos[i].files[k];
			char size[HUMAN_MAX];

			table_add(&t, l->repos[i].id);
			table_add(&t, f->path);
			table_add(&t, human_size(f->size, size));
		}
	str_addc(out, '\n');
	table_format(&t, out);
}

static void put_text(struct app *app, const struct bundle_source *s,
		     const struct facts *f)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct lock *l = &s->manifest.lock;
	uint64_t files = count_files(l);
	struct digest d;
	char hex[DIGEST_HEX_MAX], size[HUMAN_MAX];

	lock_digest(l, &d);
	str_addf(&text, "%s serial %llu, made by %s\n", l->name,
		 (unsigned long long)s->manifest.serial,
		 f->tool ? f->tool : "?");
	add_signature(&text, f);
	str_addf(&text, "lock sha256 %s\n", digest_hex(&d, hex));
	if (l->groups.count) {
		str_adds(&text, "groups ");
		join(&l->groups, &text);
		str_addc(&text, '\n');
	}
	str_addc(&text, '\n');
	add_repos(&text, l);
	str_addf(&text, "\n%llu %s, %zu %s, %s", (unsigned long long)files,
		 human_plural(files, "file", "files"), s->manifest.blob_count,
		 human_plural(s->manifest.blob_count, "payload", "payloads"),
		 human_size(lock_total(l), size));
	str_addf(&text, "; the bundle has %llu bytes\n",
		 (unsigned long long)f->bytes);
	if (s->manifest.absent_count)
		str_addf(
			&text,
			"a thin bundle: %zu %s, %s, not in it; the target must "
			"have what lacks\n",
			s->manifest.absent_count,
			human_plural(s->manifest.absent_count, "payload",
				     "payloads"),
			human_size(s->manifest.absent_bytes, size));
	if (f->places.files || f->places.hub.count) {
		str_addf(&text, "model directory: %llu %s",
			 (unsigned long long)f->places.files,
			 human_plural(f->places.files, "file", "files"));
		for (size_t i = 0; i < f->places.hub.count; i++)
			str_addf(&text, ", Hub layout in %s",
				 f->places.hub.items[i]);
		str_addc(&text, '\n');
	}
	if (app->options->verbose)
		add_files(&text, l);
	app_print(app, &text);
	for (size_t i = 0; i < l->repo_count; i++) {
		struct str notice CLEANUP(str_release) = STR_INIT;

		if (report_notice(&l->repos[i], &notice))
			app_note(app, "%s", notice.ptr);
	}
}

static int run(struct app *app, struct error *err)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct facts f CLEANUP(facts_release) = { .trust = TRUSTING_INIT };
	const char *path;

	if (app->options->args.count == 0)
		return err_set(err, ERR_USAGE, "which bundle? give FILE");
	path = app->options->args.items[0];
	s.cancel = &app->cancel;
	s.gate = look_at_signature;
	s.gate_ctx = &f;
	if (trusting_init(&f.trust, app, err) != 0)
		return -1;
	if (bundle_source_open(&s, path, err) != 0)
		return kind_hint(path, "itts-bundle", err);
	if (read_tool(&s.text, &f.tool, err) != 0 ||
	    layout_total(s.layout, &f.bytes, err) != 0)
		return -1;
	find_places(&s.manifest.lock, &f.places);
	if (app->options->json)
		put_json(app, &s, &f);
	else
		put_text(app, &s, &f);
	if (s.seekable && s.file_size != f.bytes)
		event_warn(&app->sink,
			   "%s has %llu bytes and not %llu: it is %s", s.name,
			   (unsigned long long)s.file_size,
			   (unsigned long long)f.bytes,
			   s.file_size < f.bytes ? "cut off" : "too long");
	return 0;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.part = PART_TARGET,
	.args = "FILE | -",
	.summary = "show what is in a bundle, from its first bytes",
	.about = "Reads the manifest at the front of a bundle, and nothing "
		 "else: "
		 "repositories with commits, refs and licences, how many files "
		 "and bytes, where they go in a model directory, and who has "
		 "signed it. It says what "
		 "the bundle claims; itts-pack verify checks whether that is "
		 "true.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 1,
	.run = run,
};
