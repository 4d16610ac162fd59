#include "cmd/serial.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/record.h"
#include "bundle/serials.h"
#include "cache/hfcache.h"
#include "cmd/trust.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ROOT_DIR "/var/lib/itts-pack"

/* XDG_STATE_HOME if it is set; else root's is the machine's. false: nowhere. */
static bool state_dir(struct app *app, struct str *out)
{
	const char *set = app->env->get(app->env->ctx, "XDG_STATE_HOME");

	if (geteuid() == 0 && (!set || *set != '/')) {
		str_adds(out, ROOT_DIR);
		return true;
	}
	return config_own_dir(app->env, "XDG_STATE_HOME", "~/.local/state",
			      out);
}

static struct serial_claim claim(struct app *app,
				 const struct bundle_manifest *m)
{
	struct serial_claim c = {
		.name = m->lock.name,
		.serial = m->serial,
		.allow_downgrade = app->options->allow_downgrade,
		.allow_jump = app->options->allow_jump,
	};

	lock_digest(&m->lock, &c.lock);
	return c;
}

static void tell(struct app *app, const struct serials *s,
		 const struct serial_claim *c)
{
	const struct serial *was = serials_find(s, c->name);

	if (!was)
		return;
	if (c->serial < was->highest)
		event_warn(&app->sink, "%s: back from serial %llu to %llu",
			   c->name, (unsigned long long)was->highest,
			   (unsigned long long)c->serial);
	else if (c->serial == was->highest && c->serial > 1 &&
		 !digest_equal(&c->lock, &was->lock))
		event_warn(&app->sink,
			   "%s: another bundle with serial %llu was installed "
			   "here before",
			   c->name, (unsigned long long)c->serial);
}

static int compare(const struct serials *s, const struct serial_claim *c,
		   const char *path, const struct str *dir, struct error *err)
{
	if (!serials_check(s, c, err))
		return 0;
	if (dir->len)
		err_wrap(err, "%s/%s", dir->ptr, SERIALS_NAME);
	return err_wrap(err, "%s", path);
}

int serial_check_again(struct app *app, const struct bundle_manifest *m,
		       const char *path, struct error *err)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct str dir CLEANUP(str_release) = STR_INIT;
	struct serial_claim c = claim(app, m);
	bool found;

	if (state_dir(app, &dir) && serials_load(&s, dir.ptr, &found, err))
		return -1;
	return compare(&s, &c, path, &dir, err);
}

/* The directory is there with the first blob. */
static bool has_snapshot(const char *root, const struct lock_repo *r)
{
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
	char *dir CLEANUP(free_ptr) = xasprintf("%s/%s/snapshots", root,
						folder);
	DIR *d = file_dir_open(AT_FDCWD, dir);
	const struct dirent *one;
	bool found = false;
	int failed;

	while (d && !found && (one = file_dir_next(d, &failed)))
		found = *one->d_name != '.';
	if (d)
		closedir(d);
	return found;
}

/* A bundle as a whole, or (import keeps no record) something of the repositories that
 * this one has. Visits that wait for other volumes have left neither. */
static bool was_installed_into(const char *root, const struct lock *l)
{
	char *mark CLEANUP(free_ptr) = xasprintf(
		"%s/.locks/" HFCACHE_INSTALL_LOCK, root);
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct strlist names CLEANUP(strlist_release) = { 0 };
	struct error ignored = { 0 };
	bool found = false;

	if (access(mark, F_OK) != 0 ||
	    hfcache_open(&store, root, false, &ignored) != 0)
		return false;
	if (record_list(store, &names, &ignored) != 0 || names.count > 0)
		return true;
	for (size_t i = 0; i < l->repo_count && !found; i++)
		found = has_snapshot(root, &l->repos[i]);
	return found;
}

int serial_check(struct app *app, const struct bundle_manifest *m,
		 const char *path, const char *root, struct error *err)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct str dir CLEANUP(str_release) = STR_INIT;
	struct serial_claim c = claim(app, m);
	bool found = false;

	if (state_dir(app, &dir) && serials_load(&s, dir.ptr, &found, err))
		return -1;
	if (!found && was_installed_into(root, &m->lock))
		event_warn(
			&app->sink,
			"no record of serials in %s, though %s was installed "
			"into before: whether %s is older than what was "
			"there is not known",
			dir.len ? dir.ptr : "a home directory", root, c.name);
	if (compare(&s, &c, path, &dir, err))
		return -1;
	tell(app, &s, &c);
	return 0;
}

void serial_record(struct app *app, const struct bundle_manifest *m)
{
	struct str dir CLEANUP(str_release) = STR_INIT;
	struct serial_claim c = claim(app, m);
	struct error err = { 0 };

	if (!state_dir(app, &dir))
		err_set(&err, ERR_USAGE, "HOME is not set");
	if (err.code == ERR_NONE && serials_record(dir.ptr, &c, &err) == 0)
		return;
	event_warn(&app->sink, "serial %llu of %s is not recorded: %s",
		   (unsigned long long)c.serial, c.name, err.msg);
}
