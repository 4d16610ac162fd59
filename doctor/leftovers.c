/* What downloads and builds that were killed have left behind. */
#include "base/human.h"
#include "base/mem.h"
#include "doctor/content.h"
#include "doctor/look.h"
#include "doctor/state.h"

#include <string.h>

#define WALK_ENTRIES 20000
#define WALK_DEPTH   6
#define TEMP_DIR     "._____temp" /* of ModelScope */

static const char *const endings[] = { ".incomplete", ".itts-part", ".aria2",
				       ".crdownload", ".tmp.part" };

struct walk {
	size_t seen;
	size_t count;
	uint64_t bytes;
	char *first;
};

static bool is_leftover(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (str_ends(name, endings[i]))
			return true;
	return false;
}

static void take(struct walk *w, const char *path, const struct stat *st)
{
	w->count++;
	w->bytes += (uint64_t)st->st_size;
	if (!w->first)
		w->first = xstrdup(path);
}

/* inside: of ModelScope's directory for downloads, where all is left over.
 * NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static void walk(struct walk *w, const char *dir, unsigned depth, bool inside)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	if (depth == 0 || w->seen > WALK_ENTRIES ||
	    !look_list(dir, WALK_ENTRIES + 1, &names))
		return;
	w->seen += names.count;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		char *path CLEANUP(free_ptr) = xasprintf("%s/%s", dir, name);
		struct stat st;

		if (lstat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			walk(w, path, depth - 1,
			     inside || strcmp(name, TEMP_DIR) == 0);
		else if (S_ISREG(st.st_mode) && (inside || is_leftover(name)))
			take(w, path, &st);
	}
}

/* One is named; of more, all that the walk counts. */
static void remedy_leftovers(const struct doctor *d, struct finding *f,
			     const struct walk *w)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	if (w->count == 1) {
		str_adds(&text, "rm ");
		add_shell(&text, w->first);
		finding_remedy(f, "%s", text.ptr);
		return;
	}
	str_adds(&text, "find ");
	add_shell(&text, d->in->model_dir);
	/* the slash: it may be a link */
	str_addf(&text, "/ -maxdepth %d -type f \\( -path '*/" TEMP_DIR "/*'",
		 WALK_DEPTH);
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		str_addf(&text, " -o -name '*%s'", endings[i]);
	str_adds(&text, " \\) -delete");
	finding_remedy(f, "%s", text.ptr);
}

/* install puts them into the model directory; the program has its own beside it. */
static void remedy_examples(const struct doctor *d, struct finding *f,
			    bool beside)
{
	char *from CLEANUP(free_ptr) = model_path(d, "examples");
	char *to CLEANUP(free_ptr) = model_path(d, "../examples");
	struct str after CLEANUP(str_release) = STR_INIT;
	char *text CLEANUP(free_ptr) = NULL;

	if (!beside) {
		remedy_install(d, f);
		return;
	}
	str_adds(&after, " && cp -f ");
	add_shell(&after, from);
	str_adds(&after, "/*.wav ");
	add_shell(&after, to);
	text = model_command(d, "itts-pack install BUNDLE --model-dir ",
			     after.ptr);
	finding_remedy(f, "%s", text);
}

/* Sample voices: Git LFS pointers without git-lfs, web pages from a mirror. */
static void check_examples(struct doctor *d)
{
	const char *const dirs[] = { "examples", "../examples" };
	size_t bad = 0, beside = 0;
	char *first CLEANUP(free_ptr) = NULL;
	enum content state = CONTENT_GOOD;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char *dir CLEANUP(free_ptr) = model_path(d, dirs[i]);
		struct strlist names CLEANUP(strlist_release) = { 0 };

		if (!look_list(dir, 200, &names))
			continue;
		for (size_t k = 0; k < names.count; k++) {
			char *path CLEANUP(free_ptr) = xasprintf(
				"%s/%s", dir, names.items[k]);
			struct content_check c;

			if (!str_ends(path, ".wav"))
				continue;
			content_check(path, KIND_OTHER, &c);
			beside += c.state != CONTENT_GOOD && i;
			if (c.state == CONTENT_GOOD || bad++)
				continue;
			state = c.state;
			first = take_ptr(path);
		}
	}
	if (!bad)
		return;
	struct finding *f = FIND(d, SEV_WARNING, "files.examples",
				 "%zu sample voice%s no sound", bad,
				 bad == 1 ? " is" : "s are");

	finding_evidence(f, "%s %s", first, content_text(state));
	finding_meaning(f, "start-up works; the examples of the web interface "
			   "do not. BUNDLE has to be one that has them: "
			   "itts-pack pack --with examples, on a connected "
			   "machine");
	remedy_examples(d, f, beside);
}

void check_leftovers(struct doctor *d)
{
	struct walk w = { 0 };
	char size[HUMAN_MAX];
	struct finding *f;

	if (!d->has_dir)
		return;
	walk(&w, d->in->model_dir, WALK_DEPTH, false);
	if (w.count) {
		f = FIND(d, SEV_WARNING, "files.leftover",
			 "%zu download%s not finished", w.count,
			 w.count == 1 ? " has" : "s have");
		finding_evidence(f, "%s; %s in all", w.first,
				 human_size(w.bytes, size));
		finding_meaning(f, "something was interrupted here: what it "
				   "was fetching may be missing or old "
				   "(itts-pack verify tells). No program reads "
				   "these files; where a download is still "
				   "under way, wait for it");
		remedy_leftovers(d, f, &w);
	}
	if (w.seen > WALK_ENTRIES)
		fact_add(d, "leftovers", "looked for among %d entries, of more",
			 WALK_ENTRIES);
	free_ptr(&w.first);
	check_examples(d);
}
