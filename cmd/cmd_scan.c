#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/scan.h"
#include "bundle/sniff.h"
#include "bundle/source.h"
#include "bundle/supply.h"
#include "bundle/volumes.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

static const struct option_group *const groups[] = { &group_common, NULL };

static const char *const examples[] = {
	"One file:",
	"itts-pack scan gpt.pth",
	"A bundle, before it is installed:",
	"itts-pack scan indextts-2.tar",
	"A model directory, for a program to read:",
	"itts-pack scan /srv/index-tts/checkpoints --json",
	NULL
};

/* What was found, as it is found. */
struct scan {
	struct app *app;
	struct json_writer json; /* of --json: inside "files" */
	struct str text;
	uint64_t words[SCAN_MALFORMED + 1];
};

static void put_file(struct scan *s, const char *name,
		     const struct scan_result *r)
{
	struct str line CLEANUP(str_release) = STR_INIT;

	s->words[r->word]++;
	if (r->word == SCAN_NO_PICKLE && !s->app->options->verbose)
		return;
	if (s->app->options->json) {
		json_begin_object(&s->json);
		json_put_kv(&s->json, "file", name);
		json_put_kv(&s->json, "word", scan_word_name(r->word));
		json_put_kv_strings(&s->json, "notes", &r->notes);
		json_put_kv_u64(&s->json, "more", r->more);
		json_end_object(&s->json);
		return;
	}
	str_addf(&line, "%s: %s\n", name, scan_word_name(r->word));
	for (size_t i = 0; i < r->notes.count; i++)
		str_addf(&line, "  %s\n", r->notes.items[i]);
	if (r->more)
		str_addf(&line, "  and %llu more\n",
			 (unsigned long long)r->more);
	app_print(s->app, &line);
}

/* What may hold anything in a form that scan_fd() does not look into; *out NULL: it
 * is no such thing. */
static int closed_kind(int fd, const char *name, const char **out,
		       struct error *err)
{
	char head[SNIFF_BYTES];
	const char *what;
	enum sniff_kind kind;
	size_t got;

	if (file_pread_full(fd, head, sizeof(head), 0, &got, name, err) != 0)
		return -1;
	kind = sniff(head, got, &what);
	if (kind == SNIFF_BUNDLE)
		*out = "a bundle";
	else if (kind == SNIFF_COMPRESSED || kind == SNIFF_ARCHIVE)
		*out = what;
	return 0;
}

/* "No pickle" would be a lie about what was not looked into: of the one file that
 * was asked for an error, else a warning. */
static int say_closed(struct scan *s, const char *what, const char *name,
		      bool asked, struct error *err)
{
	if (!asked) {
		event_warn(&s->app->sink, "%s: %s, not looked into", name,
			   what);
		return 0;
	}
	err_set(err, ERR_FORMAT, "%s: %s, which is not looked into", name,
		what);
	return err_hint(err, "unpack it and scan what comes out, or install "
			     "it into a cache of its own and scan that");
}

static int scan_open(struct scan *s, int fd, uint64_t size, const char *name,
		     bool asked, struct error *err)
{
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	const char *closed = NULL;

	if (cancel_check(&s->app->cancel, err) != 0 ||
	    scan_fd(fd, 0, size, name, &r, err) != 0)
		return -1;
	if (r.word == SCAN_NO_PICKLE &&
	    closed_kind(fd, name, &closed, err) != 0)
		return -1;
	if (closed && say_closed(s, closed, name, asked, err) != 0)
		return -1;
	put_file(s, name, &r);
	return 0;
}

/* --- bundles ------------------------------------------------------------------- */

static int scan_payload(struct scan *s, const struct bundle_source *b,
			const struct segment *seg, struct error *err)
{
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	struct str name CLEANUP(str_release) = STR_INIT;
	struct bundle_payload p = { b, seg };
	struct scan_input in = { bundle_payload_read, &p, seg->size };

	bundle_source_describe(b, seg, &name);
	if (cancel_check(&s->app->cancel, err) != 0 ||
	    scan_file(&in, name.ptr, &r, err) != 0)
		return -1;
	put_file(s, name.ptr, &r);
	return 0;
}

static int scan_bundle(struct scan *s, const char *path, struct error *err)
{
	struct bundle_source b CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct segment seg = { .kind = SEGMENT_BYTES };
	uint64_t elsewhere = 0;

	if (bundle_source_open(&b, path, err) != 0 ||
	    bundle_source_check_size(&b, err) != 0)
		return -1;
	while (seg.kind != SEGMENT_END) {
		if (layout_next(b.layout, &seg, err) != 0)
			return -1;
		if (seg.kind != SEGMENT_PAYLOAD || seg.again)
			continue;
		if (!bundle_source_has(&b, &seg))
			elsewhere++;
		else if (scan_payload(s, &b, &seg, err) != 0)
			return -1;
	}
	if (b.manifest.absent_count > 0)
		event_warn(
			&s->app->sink,
			"%s: a thin bundle: not looked into: %zu %s that it "
			"leaves out",
			path, b.manifest.absent_count,
			human_plural(b.manifest.absent_count, "file", "files"));
	if (elsewhere == 0)
		return 0;
	err_set(err, ERR_NOT_FOUND,
		"%s: not looked into: %llu %s in volumes that are not here",
		path, (unsigned long long)elsewhere,
		human_plural(elsewhere, "file", "files"));
	return err_hint(err, "scan the directory where all volumes are");
}

/* --- directories ----------------------------------------------------------------- */

/* The blobs of a cache are looked at under the names that snapshots give them. */
static bool is_skipped(const char *dir, const char *name)
{
	const char *base = path_base(dir);

	return strcmp(name, "blobs") == 0 && strstr(base, "--");
}

static int list_dir(const char *path, struct strlist *out, struct error *err)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int failed;

	if (!dir)
		return err_sys(err, errno, "%s", path);
	while ((d = file_dir_next(dir, &failed)))
		if (!is_skipped(path, d->d_name))
			strlist_add(out, d->d_name);
	closedir(dir);
	if (failed)
		return err_sys(err, failed, "%s", path);
	strlist_sort(out);
	return 0;
}

/* Links to files are followed, to directories they are not. */
static int scan_entry(struct scan *s, const char *name, const struct stat *link,
		      struct error *err)
{
	/* a pipe must not block */
	int fd CLEANUP(close_fd) = open(name, O_RDONLY | O_NONBLOCK |
						      O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ENOENT && S_ISLNK(link->st_mode))
		return 0;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(err, errno, "%s", name);
	return S_ISREG(st.st_mode) ? scan_open(s, fd, (uint64_t)st.st_size,
					       name, false, err)
				   : 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static int scan_dir(struct scan *s, const char *path, unsigned depth,
		    struct error *err)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	if (depth > DEPTH_MAX)
		return err_set(err, ERR_UNSAFE, "%s: nested too deeply", path);
	if (list_dir(path, &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		char *name CLEANUP(free_ptr) = xasprintf("%s/%s", path,
							 names.items[i]);
		struct stat st;

		if (lstat(name, &st) != 0)
			return err_sys(err, errno, "%s", name);
		if ((S_ISDIR(st.st_mode) ? scan_dir(s, name, depth + 1, err)
					 : scan_entry(s, name, &st, err)) != 0)
			return -1;
	}
	return 0;
}

/* --- the job ------------------------------------------------------------------------ */

static int scan_path(struct scan *s, const char *path, struct error *err)
{
	enum supply_kind kind = SUPPLY_FILES;
	int fd CLEANUP(close_fd) = -1;
	char head[SNIFF_BYTES];
	const char *what;
	struct stat st;
	ssize_t got;

	if (file_open(AT_FDCWD, path, O_NONBLOCK, &fd, err) != 0)
		return -1;
	if (fstat(fd, &st) != 0)
		return err_sys(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		if (supply_kind_of(path, &kind, err) != 0)
			return -1;
		return kind == SUPPLY_BUNDLE ? scan_bundle(s, path, err)
					     : scan_dir(s, path, 0, err);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s: not a file", path);
	got = pread(fd, head, sizeof(head), 0);
	if (got < 0)
		return err_sys(err, errno, "%s", path);
	if (sniff(head, (size_t)got, &what) == SNIFF_BUNDLE || volumes_is(path))
		return scan_bundle(s, path, err);
	return scan_open(s, fd, (uint64_t)st.st_size, path, true, err);
}

static void finish(struct scan *s)
{
	const uint64_t *w = s->words;

	if (w[SCAN_NEEDS_CODE] || w[SCAN_MALFORMED])
		s->app->status = err_exit_status(ERR_OTHER);
	if (!s->app->options->json) {
		app_note(s->app,
			 "%llu allow-listed, %llu need code, %llu malformed; "
			 "%llu %s without pickles",
			 (unsigned long long)w[SCAN_LISTED],
			 (unsigned long long)w[SCAN_NEEDS_CODE],
			 (unsigned long long)w[SCAN_MALFORMED],
			 (unsigned long long)w[SCAN_NO_PICKLE],
			 human_plural(w[SCAN_NO_PICKLE], "file", "files"));
		return;
	}
	json_end_array(&s->json);
	json_put_kv_u64(&s->json, "allow_listed", w[SCAN_LISTED]);
	json_put_kv_u64(&s->json, "needs_code", w[SCAN_NEEDS_CODE]);
	json_put_kv_u64(&s->json, "malformed", w[SCAN_MALFORMED]);
	json_put_kv_u64(&s->json, "no_pickle", w[SCAN_NO_PICKLE]);
	app_json_end(s->app, &s->json);
}

static void scan_release(struct scan *s)
{
	str_release(&s->text);
}

static int run(struct app *app, struct error *err)
{
	struct scan s CLEANUP(scan_release) = { .app = app, .text = STR_INIT };

	if (app->options->args.count == 0)
		return err_set(err, ERR_USAGE,
			       "what? give a file, a bundle or "
			       "a directory");
	if (app->options->json) {
		app_json_begin(app, &s.json, &s.text);
		json_put_key(&s.json, "files");
		json_begin_array(&s.json);
	}
	if (scan_path(&s, app->options->args.items[0], err) != 0)
		return -1;
	finish(&s);
	return 0;
}

const struct command cmd_scan = {
	.name = "scan",
	.part = PART_TRUST,
	.args = "FILE | BUNDLE | DIR",
	.summary = "what the pickles in files would call when they are loaded",
	.about =
		"Files of torch (.pth, .pt, .bin, .ckpt) hold pickles, which "
		"can run code when they are loaded. This reads them opcode by "
		"opcode, executes nothing, and says of each file: allow-listed "
		"(only what builds tensors and plain objects), needs code "
		"(with "
		"what, and where), or malformed (it cannot be read without "
		"doubt). It is not a proof. Files are known by content, not by "
		"name; those without pickles are counted. Archives and "
		"compressed files are not looked into: unpack them first. The "
		"status is 1 if any is not allow-listed.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 1,
	.run = run,
};
