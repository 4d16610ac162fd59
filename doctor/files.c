/* Every file that the family needs: there, whole, and what it claims to be. */
#include "base/digest.h"
#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "doctor/caches.h"
#include "doctor/content.h"
#include "doctor/hublook.h"
#include "doctor/look.h"
#include "doctor/state.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define HASH_MAX (1u << 20) /* bytes of a file that is hashed here */

struct tally {
	unsigned right, wanted;
	uint64_t bytes, params;
	struct strlist missing;
};

static void tally_release(struct tally *t)
{
	strlist_release(&t->missing);
}

static const struct lock_file *find_view(const struct lock *l, const char *path)
{
	for (size_t i = 0; i < l->repo_count; i++)
		for (size_t n = 0; n < l->repos[i].file_count; n++) {
			const struct lock_file *f = &l->repos[i].files[n];

			for (char **v = f->views; v && *v; v++)
				if (strcmp(*v, path) == 0)
					return f;
		}
	return NULL;
}

/* What install has recorded for this name counts more than what is published. */
static const struct lock_file *recorded(const struct doctor *d,
					const char *path)
{
	const struct lock_file *f = NULL;

	for (size_t r = 0; r < d->record_count && !f; r++)
		f = find_view(&d->records[r], path);
	return f;
}

static uint64_t wanted_size(const struct doctor *d, const struct known_file *k)
{
	const struct lock_file *f = recorded(d, k->path);

	return f ? f->size : k->size;
}

static bool wanted_digest(const struct doctor *d, const struct known_file *k,
			  struct digest *out)
{
	const struct lock_file *f = recorded(d, k->path);

	if (!f)
		return k->sha256 && digest_from_hex(out, k->sha256);
	*out = f->sha256;
	return f->sha256.alg != DIGEST_NONE;
}

/* For people: within the model directory, or whole. */
static const char *shown(const struct doctor *d, const char *path)
{
	size_t n = strlen(d->in->model_dir);

	return strncmp(path, d->in->model_dir, n) == 0 && path[n] == '/'
		       ? path + n + 1
		       : path;
}

/* In a cache any revision may lie; the name of a blob is its digest. */
static bool is_cached(const char *path)
{
	return strstr(path, "/snapshots/") != NULL;
}

/* A node of ComfyUI looks elsewhere than install puts it. */
static void remedy_place(const struct doctor *d, struct finding *f,
			 const struct known_file *k, const char *path)
{
	char *usual CLEANUP(free_ptr) = model_path(d, k->path);

	if (strcmp(usual, path) == 0 || is_cached(path))
		remedy_install(d, f);
	else
		remedy_link(d, f, usual, "", path);
}

static void found_wrong(struct doctor *d, const char *id,
			const struct known_file *k, const char *path,
			const struct content_check *c)
{
	struct finding *f = FIND(d, SEV_ERROR, id, "%s %s", shown(d, path),
				 content_text(c->state));

	finding_evidence(f, "%s",
			 c->why[0] ? c->why : "seen in its first bytes");
	if (c->says[0])
		finding_meaning(f, "Python says: %s", c->says);
	if (c->state == CONTENT_UNREADABLE && access(path, R_OK) != 0 &&
	    errno == EACCES)
		remedy_readable(d, f, path);
	else
		remedy_place(d, f, k, path);
}

static void found_size(struct doctor *d, const struct known_file *k,
		       const char *path, uint64_t size, uint64_t want)
{
	struct finding *f;

	if (size < want) {
		f = FIND(d, SEV_ERROR, "files.truncated", "%s is cut off",
			 shown(d, path));
		finding_meaning(f, "a copy or download ended early: "
				   "\"PytorchStreamReader failed\", "
				   "\"MetadataIncompleteBuffer\"");
	} else {
		f = FIND(d, SEV_WARNING, "files.other-size",
			 "%s is not the published file", shown(d, path));
		finding_meaning(f, "another revision, or something was "
				   "appended to it");
	}
	finding_evidence(f, "%llu bytes, expected %llu",
			 (unsigned long long)size, (unsigned long long)want);
	remedy_place(d, f, k, path);
}

static bool digest_of_name(const char *path, struct digest *out)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *name;

	if (n <= 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	return name && digest_from_hex(out, name + 1);
}

/* Small files only: the big ones take minutes (itts-pack verify does that). */
static void check_digest(struct doctor *d, const struct known_file *k,
			 const char *path)
{
	struct digest want, got;
	struct error err = { 0 };
	uint64_t size;
	int fd CLEANUP(close_fd) = look_open(path, &size);
	struct finding *f;

	if (fd < 0 || size > HASH_MAX)
		return;
	if (is_cached(path)
		    ? !digest_of_name(path, &want)
		    : size != wanted_size(d, k) || !wanted_digest(d, k, &want))
		return;
	if (digest_fd(want.alg, fd, 0, size, &got, &err) != 0 ||
	    digest_equal(&want, &got))
		return;
	f = FIND(d, k->kind == KIND_YAML ? SEV_NOTE : SEV_WARNING,
		 "files.other-bytes", "%s has other bytes than it should",
		 shown(d, path));
	finding_evidence(f, is_cached(path)
				    ? "its SHA-256 is not the name of its blob"
				    : "same size, another SHA-256");
	finding_meaning(f, k->kind == KIND_YAML
				   ? "somebody has edited it"
				   : "another revision, or damaged");
	if (k->kind == KIND_YAML)
		remedy_verify(d, f);
	else
		remedy_place(d, f, k, path);
}

static void count_weights(struct doctor *d, const struct known_file *k,
			  const struct weights *w, uint64_t size)
{
	d->weight_bytes += w->bytes;
	if (k->flags & KNOWN_GPT)
		d->gpt_bytes += w->bytes;
	if (k->flags & KNOWN_QWEN)
		d->qwen_bytes += w->bytes;
	if (w->bytes && size > d->largest_file)
		d->largest_file = size;
}

/* How bad a wrong content is, and whether its size has anything to add. */
static bool check_content(struct doctor *d, const struct known_file *k,
			  const char *path, uint64_t size)
{
	uint64_t want = is_cached(path) ? 0 : wanted_size(d, k);
	struct content_check c;

	content_check(path, k->kind, &c);
	if (c.state == CONTENT_BROKEN && want && size < want) {
		found_size(d, k, path, size, want);
		return false;
	}
	if (c.state != CONTENT_GOOD) {
		static const char *const ids[] = {
			[CONTENT_GOOD] = "",
			[CONTENT_EMPTY] = "files.empty",
			[CONTENT_POINTER] = "files.pointer",
			[CONTENT_HTML] = "files.html",
			[CONTENT_ZEROS] = "files.zeros",
			[CONTENT_BROKEN] = "files.broken",
			[CONTENT_UNREADABLE] = "files.unreadable",
		};

		found_wrong(d, ids[c.state], k, path, &c);
		return false;
	}
	count_weights(d, k, &c.weights, size);
	/* another family's size is told once, as a mixture */
	if (want && size != want && !known_by_size(k->path, size) &&
	    k->kind != KIND_YAML) {
		found_size(d, k, path, size, want);
		return false;
	}
	check_digest(d, k, path);
	return true;
}

/* The part in whichever cache has it; caller frees, NULL: none. */
static char *cached_path(const struct doctor *d, const struct known_file *k)
{
	struct strlist all CLEANUP(strlist_release) = { 0 };
	char *path = NULL;

	cache_candidates(d, &all);
	for (size_t i = 0; i < all.count && !path; i++)
		path = hublook_path(all.items[i], k->repo, k->repo_path);
	return path;
}

/* Where a file is, or would have to be; caller frees. */
static char *find_file(const struct doctor *d, const struct known_file *k)
{
	char *path CLEANUP(free_ptr) = model_path(d, k->path);
	char *other = NULL;

	if (!(k->flags & KNOWN_AUX))
		return take_ptr(path);
	if (d->program == PROGRAM_COMFY)
		other = comfy_path(d, k);
	if (!other && look_at(path, NULL) == LOOK_MISSING)
		other = cached_path(d, k);
	return other ? other : take_ptr(path);
}

/* install replaces files, and nothing else. */
static void remedy_away(const struct doctor *d, struct finding *f,
			const char *path)
{
	struct str before CLEANUP(str_release) = STR_INIT;
	char *text CLEANUP(free_ptr) = NULL;

	str_adds(&before, "mv ");
	add_shell(&before, path);
	str_addc(&before, ' ');
	add_shell(&before, path);
	str_adds(&before, ".away && itts-pack install BUNDLE --model-dir ");
	text = model_command(d, before.ptr, "");
	finding_remedy(f, "%s", text);
}

/* why: an errno. */
static void no_access(struct doctor *d, const struct known_file *k,
		      const char *path, int why)
{
	struct finding *f = FIND(d, SEV_ERROR, "files.unreadable",
				 why == EACCES
					 ? "%s cannot be read by this user"
					 : "%s cannot be read",
				 k->path);
	struct str text CLEANUP(str_release) = STR_INIT;

	if (why == EACCES) {
		remedy_readable(d, f, path);
		return;
	}
	finding_evidence(f, "%s", strerrordesc_np(why));
	if (why == EIO) {
		remedy_install(d, f);
		return;
	}
	finding_meaning(f,
			"what is mounted there does not answer: it has to be "
			"mounted anew; the command tells what it is");
	str_adds(&text, "findmnt --target ");
	add_shell(&text, d->in->model_dir);
	finding_remedy(f, "%s", text.ptr);
}

static void check_one(struct doctor *d, const struct known_file *k,
		      struct tally *t)
{
	char *path CLEANUP(free_ptr) = find_file(d, k);
	struct stat st;
	struct finding *f;
	bool needed = !(k->flags & (KNOWN_AUX | KNOWN_OPTIONAL)) &&
		      !(k->flags & KNOWN_QWEN && !d->has_qwen);

	switch (look_at(path, &st)) {
	case LOOK_FILE:
		t->wanted++;
		t->bytes += (uint64_t)st.st_size;
		t->right += check_content(d, k, path, (uint64_t)st.st_size);
		return;
	case LOOK_DANGLING:
		f = FIND(d, SEV_ERROR, "files.dangling",
			 "%s is a link that leads nowhere", k->path);
		finding_meaning(f, "the cache that it points into was moved "
				   "or emptied");
		remedy_install(d, f);
		return;
	case LOOK_DENIED:
		no_access(d, k, path, errno);
		return;
	case LOOK_DIR:
	case LOOK_OTHER:
		f = FIND(d, SEV_ERROR, "files.no-file",
			 "%s is a directory, a pipe or a device", k->path);
		finding_meaning(f, "the program opens it as a file: it fails, "
				   "or waits for ever");
		remedy_away(d, f, path);
		return;
	case LOOK_MISSING:
		break;
	}
	if (needed) {
		t->wanted++;
		strlist_add(&t->missing, k->path);
	}
}

static void find_missing(struct doctor *d, const struct tally *t)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct known_file *first;
	struct finding *f;

	for (size_t i = 0; i < t->missing.count; i++)
		str_addf(&text, "%s%s", i ? ", " : "", t->missing.items[i]);
	f = FIND(d, SEV_ERROR, "files.missing", "%zu file%s of %s missing",
		 t->missing.count, t->missing.count == 1 ? "" : "s",
		 family_name(d->family));
	finding_evidence(f, "%s", text.ptr);
	first = known_find(d->family, t->missing.items[0]);
	finding_meaning(f,
			"%s; the web interface then wants to download the "
			"whole repository again",
			first && first->says ? first->says
					     : "No such file or directory");
	remedy_install(d, f);
}

/* Upstream looks only whether this directory is not empty. */
static void check_partial(struct doctor *d)
{
	static const char *const names[] = { "config.json",
					     "preprocessor_config.json",
					     "model.safetensors" };
	char *dir CLEANUP(free_ptr) = model_path(d, "hf_cache/w2v-bert-2.0");
	struct str lacks CLEANUP(str_release) = STR_INIT;
	struct strlist there CLEANUP(strlist_release) = { 0 };
	struct finding *f;

	if (!look_list(dir, 1, &there))
		return;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path CLEANUP(free_ptr) = xasprintf("%s/%s", dir,
							 names[i]);

		if (look_at(path, NULL) == LOOK_MISSING)
			str_addf(&lacks, "%s%s", lacks.len ? ", " : "",
				 names[i]);
	}
	if (!lacks.len)
		return;

	f = FIND(d, SEV_ERROR, "files.partial",
		 "hf_cache/w2v-bert-2.0 is incomplete");
	finding_evidence(f, "it lacks %s", lacks.ptr);
	finding_meaning(f, there.count
				   ? "the program takes any directory that is "
				     "not empty for complete and never repairs "
				     "it: \"Can't load feature extractor\" or "
				     "\"does not appear to have a file named\""
				   : "the program will want to download it");
	remedy_install(d, f);
}

static void check_views(struct doctor *d, const struct lock_file *file,
			struct tally *t)
{
	for (char **v = file->views; v && *v; v++) {
		char *path CLEANUP(free_ptr) = model_path(d, *v);

		/* of a Qwen that is not there files.no-qwen tells */
		if (!d->has_qwen && str_starts(*v, "qwen0.6bemo4-merge/"))
			continue;
		if (!known_find(d->family, *v) && !look_is_file(path))
			strlist_add(&t->missing, *v);
	}
}

/* Files that install has recorded and that no table here knows of. */
static void check_records(struct doctor *d, struct tally *t)
{
	for (size_t r = 0; r < d->record_count; r++)
		for (size_t i = 0; i < d->records[r].repo_count; i++) {
			const struct lock_repo *repo = &d->records[r].repos[i];

			for (size_t n = 0; n < repo->file_count; n++)
				check_views(d, &repo->files[n], t);
		}
}

void check_files(struct doctor *d)
{
	struct tally t CLEANUP(tally_release) = { 0 };
	const struct known_file *k;
	char all[HUMAN_MAX], weights[HUMAN_MAX];

	if (!d->has_dir || !d->family)
		return;
	for (size_t i = 0; (k = known_at(i)); i++)
		if (k->families & d->family)
			check_one(d, k, &t);
	check_records(d, &t);
	if (t.missing.count)
		find_missing(d, &t);
	if (d->family & (FAMILY_20 | FAMILY_25))
		check_partial(d);
	fact_add(d, "files", "%u of %u right, %s, of these %s of weights",
		 t.right, t.wanted, human_size(t.bytes, all),
		 human_size(d->weight_bytes, weights));
}
