#include "cmd/pull.h"

#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "bundle/policy.h"
#include "cmd/net.h"
#include "cmd/registry_auth.h"
#include "cmd/trust.h"
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
	struct lock lock;
	uint64_t files, bytes, new_files, new_bytes;
};

static void pull_release(struct pull *p)
{
	registry_release(&p->registry);
	if (p->user_pass)
		explicit_bzero(p->user_pass, strlen(p->user_pass));
	free_ptr(&p->user_pass);
	hfcache_close(&p->store);
	lock_release(&p->lock);
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
	const struct lock_file *f = &p->lock.repos[0].files[i];

	event_emit(&p->app->sink, &(struct event){ .type = type,
						   .id = (unsigned)i,
						   .name = f->path,
						   .done = done,
						   .total = f->size,
						   .source = p->ref.host });
}

/* Which files lack or are damaged; whether there is room for them. */
static int survey(struct pull *p, unsigned char *lacks, struct error *err)
{
	const struct lock_repo *r = &p->lock.repos[0];
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
	return space_check(&need, 1, err);
}

static int judge(struct pull *p, const struct lock_file *f, int fd,
		 struct error *err)
{
	char *label CLEANUP(free_ptr) = xasprintf("%s %s", p->lock.repos[0].id,
						  f->path);

	return policy_scan_fd(p->o->policy, fd, f->size, f->path, label, err);
}

static int get_file(struct pull *p, size_t i, struct error *err)
{
	const struct lock_repo *r = &p->lock.repos[0];
	const struct lock_file *f = &r->files[i];
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	int lockfd CLEANUP(close_fd) = -1;

	if (hfcache_blob_lock(p->store, r, &f->etag, LOCK_WAIT_MS, &lockfd,
			      err) != 0 ||
	    hfcache_part_open(&part, p->store, r, f, true, take_fd(&lockfd),
			      err) != 0)
		return -1;
	emit(p, EVENT_START, i, part.offset);
	if (registry_blob(&p->registry, f, &part, err) != 0)
		return -1;
	if (policy_wants_bytes(p->o->policy)) {
		if (judge(p, f, part.fd, err) == 0)
			return 0; /* closing keeps it; name_file() */
		hfcache_part_drop(&part);
		return -1;
	}
	if (hfcache_part_commit(&part, NULL, err) != 0)
		return -1;
	emit(p, EVENT_DONE, i, f->size);
	return 0;
}

/* What get_file() has held back: all of it has come, and nothing was refused. */
static int name_file(struct pull *p, size_t i, struct error *err)
{
	const struct lock_repo *r = &p->lock.repos[0];
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
	const struct lock_repo *r = &p->lock.repos[0];
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

/* Bytes, then links, then refs: as when a bundle is installed. */
static int get_all(struct pull *p, const unsigned char *lacks,
		   struct error *err)
{
	const struct lock_repo *r = &p->lock.repos[0];

	event_emit(&p->app->sink, &(struct event){ .type = EVENT_PLAN,
						   .name = "pulling",
						   .total = p->new_bytes,
						   .items = p->new_files });
	if (policy_wants_bytes(p->o->policy) && get_held(p, lacks, err) != 0)
		return -1;
	for (size_t i = 0;
	     i < r->file_count && !policy_wants_bytes(p->o->policy); i++)
		if (cancel_check(&p->app->cancel, err) != 0 ||
		    (lacks[i] && get_file(p, i, err) != 0))
			return -1;
	for (size_t i = 0; i < r->file_count; i++)
		if (hfcache_link(p->store, r, &r->files[i], err) != 0)
			return -1;
	if (hfcache_write_tree(p->store, r, err) != 0)
		return -1;
	if (syncfs(hfcache_fd(p->store)) != 0)
		return err_sys(err, errno, "%s", hfcache_root(p->store));
	if (install_refs(p->store, r, p->o, err) != 0)
		return -1;
	hfcache_remember(p->store);
	return 0;
}

static void say(struct pull *p)
{
	const struct lock_repo *r = &p->lock.repos[0];
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	char all[HUMAN_MAX], new[HUMAN_MAX];

	if (!p->app->options->json) {
		app_note(p->app,
			 "%s %s at %s from %s into %s: %llu files, %s (%llu "
			 "new, %s)",
			 p->o->dry_run ? "would install" : "installed", r->id,
			 r->commit, p->ref.host, p->o->cache_root,
			 (unsigned long long)p->files,
			 human_size(p->bytes, all),
			 (unsigned long long)p->new_files,
			 human_size(p->new_bytes, new));
		return;
	}
	app_json_begin(p->app, &j, &text);
	json_put_kv(&j, "repo", r->id);
	json_put_kv(&j, "commit", r->commit);
	json_put_kv(&j, "registry", p->ref.host);
	json_put_kv(&j, "cache", p->o->cache_root);
	json_put_kv_bool(&j, "dry_run", p->o->dry_run);
	json_put_kv_u64(&j, "files", p->files);
	json_put_kv_u64(&j, "bytes", p->bytes);
	json_put_kv_u64(&j, "new_files", p->new_files);
	json_put_kv_u64(&j, "new_bytes", p->new_bytes);
	app_json_end(p->app, &j);
}

static int connect_to(struct pull *p, const char *path, struct error *err)
{
	const struct options *given = p->app->options;

	if (given->model_dir || given->lock || given->args.count > 1)
		return err_set(err, ERR_USAGE,
			       "%s: a registry fills the cache, one repository "
			       "at a time; leave out --model-dir, --lock and "
			       "further arguments",
			       path);
	if (config_offline(p->app->env, given))
		return err_set(err, ERR_USAGE, "%s: offline", path);
	if (registry_ref_parse(&p->ref, path, err) != 0)
		return -1;
	/* a digest that was given says as much as a signature */
	if (p->ref.digest.alg == DIGEST_NONE &&
	    trusting_refuse(p->app, path, err) != 0)
		return err_hint(err, "or name it by its digest: "
				     "oci:HOST/NAME@sha256:DIGEST");
	if (policy_check_unsigned(p->o->policy, path, err) != 0)
		return -1;
	if (registry_auth(p->app->env, p->ref.host, &p->user_pass, err) != 0 ||
	    net_open(&p->net, p->app, err) != 0)
		return -1;
	p->registry =
		(struct registry){ .http = p->net.http,
				   .user_pass = p->user_pass,
				   .sink = &p->app->sink,
				   .ref = &p->ref,
				   .max_attempts = p->net.hub.max_attempts,
				   .plain = given->plain_http };
	if (registry_manifest(&p->registry, &p->lock, err) != 0)
		return -1;
	if (policy_check_lock(p->o->policy, &p->lock, err) != 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int pull_install(struct app *app, const char *path,
		 const struct install_options *o, struct error *err)
{
	struct pull p CLEANUP(
		pull_release) = { .app = app, .o = o, .net = NET_INIT };
	unsigned char *lacks CLEANUP(free_ptr) = NULL;
	int lockfd CLEANUP(close_fd) = -1;

	if (connect_to(&p, path, err) != 0 ||
	    install_open_store(&p.store, o, err) != 0)
		return -1;
	lacks = xcalloc(p.lock.repos[0].file_count + 1, 1);
	if (!o->dry_run &&
	    install_lock(p.store, &app->cancel, &app->sink, &lockfd, err) != 0)
		return -1;
	if (survey(&p, lacks, err) != 0 ||
	    (!o->dry_run && get_all(&p, lacks, err) != 0))
		return -1;
	say(&p);
	return 0;
}
