#include "cmd/pull.h"

#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "bundle/policy.h"
#include "bundle/record.h"
#include "cmd/net.h"
#include "cmd/placed.h"
#include "cmd/pull_bundle.h"
#include "cmd/registry_auth.h"
#include "cmd/serial.h"
#include "fetch/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS 60000

struct pull {
	struct app *app;
	const struct install_options *o;
	struct registry_ref ref;
	struct net net;
	char *user_pass;
	struct registry registry;
	struct hfcache *store;
	struct registry_image image;
	struct pull_bundle bundle;
	const struct lock_repo *repo; /* of the bundle, else of the image */
	uint64_t files, bytes, new_files, new_bytes;
	struct view_stats views;
	struct strlist lacking; /* other repositories of the bundle */
};

static void pull_release(struct pull *p)
{
	registry_release(&p->registry);
	if (p->user_pass)
		explicit_bzero(p->user_pass, strlen(p->user_pass));
	free_ptr(&p->user_pass);
	hfcache_close(&p->store);
	strlist_release(&p->lacking);
	pull_bundle_release(&p->bundle);
	registry_image_release(&p->image);
	net_close(&p->net);
	registry_ref_release(&p->ref);
}

bool pull_is_wanted(const char *path)
{
	return registry_is_ref(path);
}

static void emit(const struct pull *p, enum event_type type, size_t i,
		 uint64_t done)
{
	const struct lock_file *f = &p->repo->files[i];

	event_emit(&p->app->sink, &(struct event){ .type = type,
						   .id = (unsigned)i,
						   .name = f->path,
						   .done = done,
						   .total = f->size,
						   .source = p->ref.host });
}

/* Room for what lacks, and for what goes into the model directory. */
static int check_space(const struct pull *p, struct space_need *store,
		       struct error *err)
{
	struct space_need needs[2] = {
		*store,
		{ .dir = p->o->model_dir, .option = "--model-dir" },
	};
	struct lock part;

	if (!p->o->model_dir)
		return space_check(needs, 1, err);
	part = pull_bundle_part(&p->bundle);
	if (install_view_needs(p->store, p->o, &part, &needs[1], err) != 0)
		return -1;
	return space_check(needs, 2, err);
}

/* Which files lack or are damaged; whether there is room for them. */
static int survey(struct pull *p, unsigned char *lacks, struct error *err)
{
	const struct lock_repo *r = p->repo;
	struct space_need need = { .dir = p->o->cache_root,
				   .option = "--cache" };

	for (size_t i = 0; i < r->file_count; i++) {
		enum blob_state state = BLOB_MISSING;

		if (p->store &&
		    hfcache_blob_check(p->store, r, &r->files[i],
				       &p->app->cancel, &state, err) != 0)
			return -1;
		p->files++;
		p->bytes += r->files[i].size;
		lacks[i] = state != BLOB_OK;
		if (!lacks[i])
			continue;
		p->new_files++;
		p->new_bytes += r->files[i].size;
		need.inodes += 3;
	}
	need.bytes = p->new_bytes;
	return check_space(p, &need, err);
}

static int judge(struct pull *p, const struct lock_file *f, int fd,
		 struct error *err)
{
	char *label CLEANUP(free_ptr) = xasprintf("%s %s", p->repo->id,
						  f->path);

	return policy_scan_fd(p->o->policy, fd, f->size, f->path, label, err);
}

static int hint_damaged(struct error *err)
{
	if (err->code != ERR_INTEGRITY)
		return -1;
	return err_hint(err,
			"what the registry has is damaged: copy the bundle "
			"there again with skopeo copy (docs/fleet.md)");
}

/* Its name; from the beginning once, if what an earlier run has
 * left of it was wrong. */
static int finish_part(struct pull *p, const struct lock_file *f,
		       struct hfcache_part *part, bool resumed,
		       struct error *err)
{
	if (hfcache_part_commit(part, NULL, err) == 0)
		return 0;
	if (!resumed || err->code != ERR_INTEGRITY || part->offset > 0)
		return -1;
	err_clear(err);
	if (registry_blob(&p->registry, f, part, err) != 0)
		return -1;
	return hfcache_part_commit(part, NULL, err);
}

static int get_file(struct pull *p, size_t i, struct error *err)
{
	const struct lock_repo *r = p->repo;
	const struct lock_file *f = &r->files[i];
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	int lockfd CLEANUP(close_fd) = -1;
	bool resumed;

	if (hfcache_blob_lock(p->store, r, &f->etag, LOCK_WAIT_MS, &lockfd,
			      err) != 0 ||
	    hfcache_part_open(&part, p->store, r, f, true, take_fd(&lockfd),
			      err) != 0)
		return -1;
	resumed = part.offset > 0;
	emit(p, EVENT_START, i, part.offset);
	if (registry_blob(&p->registry, f, &part, err) != 0)
		return hint_damaged(err);
	if (policy_wants_bytes(p->o->policy)) {
		if (judge(p, f, part.fd, err) == 0)
			return 0; /* closing keeps it; name_file() */
		hfcache_part_drop(&part);
		return -1;
	}
	if (finish_part(p, f, &part, resumed, err) != 0)
		return hint_damaged(err);
	emit(p, EVENT_DONE, i, f->size);
	return 0;
}

/* What get_file() has held back: all of it has come, and nothing was refused. */
static int name_file(struct pull *p, size_t i, struct error *err)
{
	const struct lock_repo *r = p->repo;
	const struct lock_file *f = &r->files[i];
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	enum blob_state state;

	/* two names of one content */
	if (hfcache_blob_check(p->store, r, f, &p->app->cancel, &state, err) !=
	    0)
		return -1;
	if (state == BLOB_OK)
		return 0;
	if (hfcache_part_open(&part, p->store, r, f, true, -1, err) != 0 ||
	    hfcache_part_commit(&part, NULL, err) != 0)
		return -1;
	emit(p, EVENT_DONE, i, f->size);
	return 0;
}

static int get_held(struct pull *p, const unsigned char *lacks,
		    struct error *err)
{
	const struct lock_repo *r = p->repo;
	int rc = 0;

	for (size_t i = 0; i < r->file_count && rc == 0; i++) {
		int fd CLEANUP(close_fd) = -1;

		rc = cancel_check(&p->app->cancel, err);
		if (rc == 0 && lacks[i])
			rc = get_file(p, i, err);
		else if (rc == 0 &&
			 (hfcache_blob_open(p->store, r, &r->files[i], &fd,
					    err) != 0 ||
			  judge(p, &r->files[i], fd, err) != 0))
			rc = -1;
	}
	for (size_t i = 0; i < r->file_count; i++) {
		if (lacks[i] && rc == 0)
			rc = name_file(p, i, err);
		else if (lacks[i] && err->code == ERR_UNSAFE)
			hfcache_part_sweep(p->store, r, &r->files[i]);
	}
	return rc;
}

static int get_bytes(struct pull *p, const unsigned char *lacks,
		     struct error *err)
{
	event_emit(&p->app->sink, &(struct event){ .type = EVENT_PLAN,
						   .name = "pulling",
						   .total = p->new_bytes,
						   .items = p->new_files });
	if (policy_wants_bytes(p->o->policy))
		return get_held(p, lacks, err);
	for (size_t i = 0; i < p->repo->file_count; i++)
		if (cancel_check(&p->app->cancel, err) != 0 ||
		    (lacks[i] && get_file(p, i, err) != 0))
			return -1;
	return 0;
}

/* The record of the bundle: when all of it is here, and not before. */
static int record(struct pull *p, struct error *err)
{
	if (!p->bundle.known)
		return 0;
	if (pull_bundle_lacking(&p->bundle, p->store, &p->app->cancel,
				&p->lacking, err) != 0)
		return -1;
	if (p->lacking.count > 0)
		return 0;
	return record_write(p->store, &p->bundle.source, err);
}

/* Bytes, then links, views, refs: as when a bundle is installed. */
static int get_all(struct pull *p, const unsigned char *lacks,
		   struct error *err)
{
	const struct lock_repo *r = p->repo;

	if (get_bytes(p, lacks, err) != 0)
		return -1;
	for (size_t i = 0; i < r->file_count; i++)
		if (hfcache_link(p->store, r, &r->files[i], err) != 0)
			return -1;
	if (hfcache_write_tree(p->store, r, err) != 0 ||
	    hfcache_make_refs(p->store, r, err) != 0)
		return -1;
	if (syncfs(hfcache_fd(p->store)) != 0)
		return err_sys(err, errno, "%s", hfcache_root(p->store));
	if (p->o->model_dir &&
	    pull_bundle_place(&p->bundle, p->store, p->o, &p->views, err) != 0)
		return -1;
	if (record(p, err) != 0 || install_refs(p->store, r, p->o, err) != 0)
		return -1;
	hfcache_remember(p->store);
	if (p->bundle.known)
		serial_record(p->app, &p->bundle.source.manifest);
	return 0;
}

static void say_text(struct pull *p)
{
	struct str lacking CLEANUP(str_release) = STR_INIT;
	char all[HUMAN_MAX], new[HUMAN_MAX];

	app_note(p->app,
		 "%s %s at %s from %s into %s: %llu %s, %s (%llu new, %s)",
		 p->o->dry_run ? "would install" : "installed", p->repo->id,
		 p->repo->commit, p->ref.host, p->o->cache_root,
		 (unsigned long long)p->files,
		 human_plural(p->files, "file", "files"),
		 human_size(p->bytes, all), (unsigned long long)p->new_files,
		 human_size(p->new_bytes, new));
	if (p->o->dry_run)
		return;
	if (p->o->model_dir)
		placed_say(p->app, p->o->model_dir, &p->views);
	for (size_t i = 0; i < p->lacking.count; i++)
		str_addf(&lacking, "%s%s", i ? ", " : "", p->lacking.items[i]);
	if (lacking.len)
		app_note(p->app,
			 "%s has other repositories that are not there yet: %s",
			 p->bundle.source.manifest.lock.name, lacking.ptr);
	placed_say_next(p->app, p->o);
}

static void say(struct pull *p)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct bundle_manifest *m = &p->bundle.source.manifest;
	struct json_writer j;

	if (!p->app->options->json) {
		say_text(p);
		return;
	}
	app_json_begin(p->app, &j, &text);
	json_put_kv(&j, "repo", p->repo->id);
	json_put_kv(&j, "commit", p->repo->commit);
	json_put_kv(&j, "registry", p->ref.host);
	if (p->bundle.known) {
		json_put_kv(&j, "name", m->lock.name);
		json_put_kv_u64(&j, "serial", m->serial);
		trusting_put(&p->bundle.trusting, &j);
	}
	json_put_kv(&j, "cache", p->o->cache_root);
	json_put_kv_bool(&j, "dry_run", p->o->dry_run);
	json_put_kv_u64(&j, "files", p->files);
	json_put_kv_u64(&j, "bytes", p->bytes);
	json_put_kv_u64(&j, "new_files", p->new_files);
	json_put_kv_u64(&j, "new_bytes", p->new_bytes);
	if (p->bundle.known && !p->o->dry_run)
		json_put_kv_strings(&j, "lacking", &p->lacking);
	if (p->o->model_dir)
		placed_put(&j, p->o->model_dir, &p->views);
	app_json_end(p->app, &j);
}

static int connect_to(struct pull *p, const char *path, struct error *err)
{
	const struct options *given = p->app->options;

	if (given->lock || given->args.count > 1)
		return err_set(err, ERR_USAGE,
			       "%s: from a registry comes one repository at a "
			       "time; leave out --lock and further arguments",
			       path);
	if (config_offline(p->app->env, given))
		return err_set(err, ERR_USAGE, "%s: offline", path);
	if (registry_ref_parse(&p->ref, path, err) != 0)
		return -1;
	if (registry_auth(p->app->env, p->ref.host, &p->user_pass, err) != 0 ||
	    net_open(&p->net, p->app, NULL, err) != 0)
		return -1;
	p->registry =
		(struct registry){ .http = p->net.http,
				   .user_pass = p->user_pass,
				   .sink = &p->app->sink,
				   .ref = &p->ref,
				   .max_attempts = p->net.hub.max_attempts,
				   .plain = given->plain_http };
	if (registry_manifest(&p->registry, &p->image, err) != 0 ||
	    pull_bundle_get(&p->bundle, p->app, &p->registry, &p->image, p->o,
			    path, err) != 0)
		return -1;
	p->repo = p->bundle.known ? pull_bundle_part(&p->bundle).repos
				  : p->image.lock.repos;
	return 0;
}

int pull_install(struct app *app, const char *path,
		 const struct install_options *o, struct error *err)
{
	struct pull p CLEANUP(pull_release) = { .app = app,
						.o = o,
						.net = NET_INIT,
						.image = REGISTRY_IMAGE_INIT,
						.bundle = PULL_BUNDLE_INIT };
	unsigned char *lacks CLEANUP(free_ptr) = NULL;
	int lockfd CLEANUP(close_fd) = -1;
	bool first = install_makes_store(o);

	if (connect_to(&p, path, err) != 0)
		return err->code == ERR_CANCELLED ? -1 : err_name(err, path);
	lacks = xcalloc(p.repo->file_count + 1, 1);
	if ((first && survey(&p, lacks, err) != 0) ||
	    install_open_store(&p.store, o, err) != 0)
		return -1;
	if (!o->dry_run &&
	    install_lock(p.store, &app->cancel, &app->sink, &lockfd, err) != 0)
		return -1;
	if (!o->dry_run && p.bundle.known &&
	    serial_check_again(app, &p.bundle.source.manifest, path, err) != 0)
		return -1;
	if ((!first && survey(&p, lacks, err) != 0) ||
	    (!o->dry_run && get_all(&p, lacks, err) != 0))
		return err->code == ERR_CANCELLED ? -1 : err_name(err, path);
	say(&p);
	return 0;
}
