/*
 * {"format":"itts-serials","version":1,"bundles":[
 *   {"name":...,"highest":...,"installed":...,"lock":"sha256 in hex"}, ...]}
 * sorted by name. "highest" never falls: who wants an older bundle has to say so
 * each time.
 */
#include "bundle/serials.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FORMAT	     "itts-serials"
#define LOCK_NAME    SERIALS_NAME ".lock"
#define LOCK_WAIT_MS 10000

void serials_release(struct serials *s)
{
	for (size_t i = 0; i < s->count; i++)
		free_ptr(&s->items[i].name);
	free_ptr(&s->items);
	s->count = s->cap = 0;
}

/* Index of the name, or of where it would stand. */
static size_t find(const struct serials *s, const char *name, bool *found)
{
	size_t low = 0, high = s->count;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(name, s->items[mid].name);

		*found = c == 0;
		if (c == 0)
			return mid;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

const struct serial *serials_find(const struct serials *s, const char *name)
{
	bool found;
	size_t i = find(s, name, &found);

	return found ? &s->items[i] : NULL;
}

static struct serial *insert(struct serials *s, size_t at, const char *name)
{
	s->items = xgrow(s->items, &s->cap, s->count + 1, sizeof(*s->items));
	memmove(&s->items[at + 1], &s->items[at],
		(s->count - at) * sizeof(*s->items));
	s->count++;
	s->items[at] = (struct serial){ .name = xstrdup(name) };
	return &s->items[at];
}

static int parse_one(struct serials *out, const struct json *item,
		     const char *where, struct error *err)
{
	static const char *const keys[] = { "name", "highest", "installed",
					    "lock", NULL };
	const char *name = "", *hex = "";
	struct serial got = { 0 }, *place;

	if (!json_is_object(item))
		return err_set(err, ERR_FORMAT, "%s: must be an object", where);
	if (json_only_keys(item, keys, where, err) ||
	    json_get_string(item, "name", &name, where, err) ||
	    json_get_u64(item, "highest", &got.highest, where, err) ||
	    json_get_u64(item, "installed", &got.installed, where, err) ||
	    json_get_string(item, "lock", &hex, where, err))
		return -1;
	if (!digest_from_hex(&got.lock, hex) || got.lock.alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT,
			       "%s.lock: must be 64 hex digits", where);
	if (got.installed > got.highest)
		return err_set(err, ERR_FORMAT,
			       "%s: installed is above highest", where);
	if (out->count == SERIALS_MAX ||
	    (out->count && strcmp(out->items[out->count - 1].name, name) >= 0))
		return err_set(err, ERR_FORMAT,
			       "%s: names are not sorted, or too many", where);
	place = insert(out, out->count, name);
	place->highest = got.highest;
	place->installed = got.installed;
	place->lock = got.lock;
	return 0;
}

static int parse(struct serials *out, const struct json *doc, struct error *err)
{
	static const char *const keys[] = { "format", "version", "bundles",
					    NULL };
	const struct json *list = json_member(doc, "bundles");
	const char *format = "";
	uint64_t version = 0;
	size_t i = 0;

	if (!json_is_object(doc))
		return err_set(err, ERR_FORMAT, "must be an object");
	if (json_only_keys(doc, keys, "", err) ||
	    json_get_string(doc, "format", &format, "", err) ||
	    json_get_u64(doc, "version", &version, "", err))
		return -1;
	if (strcmp(format, FORMAT) != 0 || version != 1 || !json_is_array(list))
		return err_set(err, ERR_FORMAT, "not a list of serials");
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		char where[32];

		snprintf(where, sizeof(where), "bundles[%zu]", i++);
		if (parse_one(out, e, where, err))
			return -1;
	}
	return 0;
}

int serials_parse(struct serials *out, const char *text, size_t len,
		  struct error *err)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct json *doc CLEANUP(json_free) = NULL;

	if (json_parse(&doc, text, len, err) || parse(&s, doc, err))
		return -1;
	*out = s;
	s = (struct serials){ 0 };
	return 0;
}

void serials_format(const struct serials *s, struct str *out)
{
	struct json_writer w;
	char hex[DIGEST_HEX_MAX];

	json_writer_init(&w, out, JSON_PRETTY);
	json_begin_object(&w);
	json_put_kv(&w, "format", FORMAT);
	json_put_kv_u64(&w, "version", 1);
	json_put_key(&w, "bundles");
	json_begin_array(&w);
	for (size_t i = 0; i < s->count; i++) {
		json_one_line(&w);
		json_begin_object(&w);
		json_put_kv(&w, "name", s->items[i].name);
		json_put_kv_u64(&w, "highest", s->items[i].highest);
		json_put_kv_u64(&w, "installed", s->items[i].installed);
		json_put_kv(&w, "lock", digest_hex(&s->items[i].lock, hex));
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	str_addc(out, '\n');
}

/* --- the rule ---------------------------------------------------------------- */

int serials_check(const struct serials *s, const struct serial_claim *c,
		  struct error *err)
{
	const struct serial *was = serials_find(s, c->name);
	uint64_t from = was ? was->highest : 0;

	if (was && c->serial < was->highest && !c->allow_downgrade) {
		err_set(err, ERR_UNSAFE,
			"%s serial %" PRIu64 " is older than serial %" PRIu64
			", which was installed here",
			c->name, c->serial, was->highest);
		return err_hint(err, "if it is meant, add --allow-downgrade");
	}
	if (c->serial > from && c->serial - from > SERIALS_JUMP &&
	    !c->allow_jump) {
		err_set(err, ERR_UNSAFE,
			"%s serial %" PRIu64 " is more than %u above %" PRIu64
			", after which no later one could be told from it",
			c->name, c->serial, SERIALS_JUMP, from);
		return err_hint(err, "if it is meant, add --allow-jump");
	}
	return 0;
}

/* What would be written could not be read back, and keep out every bundle. */
static int full(struct error *err)
{
	err_set(err, ERR_IO, "full: no more than %d names and %zu bytes",
		SERIALS_MAX, SERIALS_LIMIT);
	return err_hint(err, "take out names of bundles that are no longer "
			     "installed here");
}

int serials_note(struct serials *s, const struct serial_claim *c,
		 struct error *err)
{
	bool found;
	size_t at = find(s, c->name, &found);
	struct serial *place;

	if (!found && s->count >= SERIALS_MAX)
		return full(err);
	place = found ? &s->items[at] : insert(s, at, c->name);
	place->installed = c->serial;
	if (found && c->serial < place->highest)
		return 0;
	place->highest = c->serial;
	place->lock = c->lock;
	return 0;
}

/* --- the file ------------------------------------------------------------------ */

static int load_at(struct serials *out, int dirfd, const char *dir, bool *found,
		   struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	*found = false;
	if (file_read_all(dirfd, SERIALS_NAME, SERIALS_LIMIT, &text, err)) {
		if (err->code != ERR_NOT_FOUND)
			return err_inside(err, "%s", dir);
		err_clear(err);
		return 0;
	}
	if (serials_parse(out, text.ptr, text.len, err)) {
		err_wrap(err, "%s/%s", dir, SERIALS_NAME);
		return err_hint(err, "if it is damaged, remove it: what was "
				     "installed before is then not known");
	}
	*found = true;
	return 0;
}

int serials_load(struct serials *out, const char *dir, bool *found,
		 struct error *err)
{
	int dirfd CLEANUP(close_fd) = open(dir,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int cause;

	*found = false;
	if (dirfd >= 0)
		return load_at(out, dirfd, dir, found, err);
	cause = errno;
	/* services have HOME=/dev/null: below that there is nothing */
	if (cause == ENOENT || (cause == ENOTDIR && access(dir, F_OK) != 0))
		return 0;
	return err_sys(err, cause, "%s", dir);
}

int serials_record(const char *dir, const struct serial_claim *c,
		   struct error *err)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	int dirfd CLEANUP(close_fd) = -1;
	int lockfd CLEANUP(close_fd) = -1;
	bool found;

	if (file_mkdirs(AT_FDCWD, dir, err))
		return -1;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_sys(err, errno, "%s", dir);
	if (file_lock(dirfd, LOCK_NAME, LOCK_WAIT_MS, &lockfd, err))
		return err_inside(err, "%s", dir);
	if (load_at(&s, dirfd, dir, &found, err))
		return -1;
	if (serials_note(&s, c, err))
		return err_wrap(err, "%s/%s", dir, SERIALS_NAME);
	serials_format(&s, &text);
	if (text.len > SERIALS_LIMIT) {
		full(err);
		return err_wrap(err, "%s/%s", dir, SERIALS_NAME);
	}
	if (file_replace(dirfd, SERIALS_NAME, text.ptr, text.len, err))
		return err_inside(err, "%s", dir);
	return 0;
}
