#include "tests/unit/bundle/unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "bundle/install.h"
#include "cache/lease.h"
#include "cache/verify.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	char path[TEMP_PATH_MAX];
	char file[TEMP_PATH_MAX + 8], store[TEMP_PATH_MAX + 8];
	char models[TEMP_PATH_MAX + 8];
	int dir;
	struct lock lock;
	struct str bytes; /* of the bundle */
	struct str said;  /* messages */
};

static void listen(void *ctx, const struct event *ev)
{
	struct fixture *f = ctx;

	if (ev->type == EVENT_INFO || ev->type == EVENT_WARN)
		str_addf(&f->said, "%s\n", ev->text);
}

static void write_bundle(struct fixture *f)
{
	struct error err = { 0 };

	assert_ok(
		file_replace(f->dir, "b.tar", f->bytes.ptr, f->bytes.len, &err),
		&err);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->bytes = f->said = (struct str)STR_INIT;
	f->dir = temp_dir(f->path);
	snprintf(f->file, sizeof(f->file), "%s/b.tar", f->path);
	snprintf(f->store, sizeof(f->store), "%s/hub", f->path);
	snprintf(f->models, sizeof(f->models), "%s/models", f->path);
	sample_lock(&f->lock);
	sample_bundle(&f->lock, &f->bytes);
	write_bundle(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	str_release(&f->bytes);
	str_release(&f->said);
	lock_release(&f->lock);
	temp_dir_end(f->dir, f->path);
	free(f);
	return 0;
}

static int install_with(struct fixture *f, const struct install_options *o,
			struct install_stats *st, struct error *err)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;

	return bundle_source_open(&s, f->file, err) ||
			       install_bundle(&s, o, st, err)
		       ? -1
		       : 0;
}

static int install(struct fixture *f, struct install_stats *st,
		   struct error *err)
{
	struct event_sink sink = { listen, f };
	struct install_options o = { .cache_root = f->store,
				     .model_dir = f->models,
				     .sink = &sink };

	return install_with(f, &o, st, err);
}

static void assert_right(struct fixture *f)
{
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	struct verify_report r CLEANUP(verify_report_release) = { 0 };
	struct verify_options o = { .threads = 1 };
	struct error err = { 0 };

	assert_ok(hfcache_open(&c, f->store, false, &err), &err);
	assert_ok(verify_lock(c, &f->lock, &o, &r, &err), &err);
	for (size_t i = 0; i < r.count; i++)
		print_error("%s %s: %s %s\n", r.items[i].where, r.items[i].path,
			    verify_state_name(r.items[i].state),
			    r.items[i].detail ? r.items[i].detail : "");
	assert_int_equal(r.damaged, 0);
}

/* Neither refs nor snapshots; each blob that is there has its digest. */
static void assert_nothing_visible(struct fixture *f)
{
	run_silent(f->path,
		   "! find hub models -path '*/refs/*' -o -path "
		   "'*/snapshots/*' 2>/dev/null | grep . || exit 1\n"
		   "for b in $(find hub -path '*/blobs/*' -type f "
		   "2>/dev/null); do\n"
		   "  n=${b##*/}\n"
		   "  case ${#n} in\n"
		   "  64) d=$(sha256sum < $b) ;;\n"
		   "  *) d=$({ printf 'blob %d\\0' $(stat -c %s $b); cat $b; } "
		   "| sha1sum) ;;\n"
		   "  esac\n"
		   "  [ \"${d%% *}\" = $n ] || echo $b is wrong\n"
		   "done");
}

static void round_trip(void **state)
{
	struct fixture *f = *state;
	struct install_stats st;
	struct error err = { 0 };

	assert_ok(install(f, &st, &err), &err);
	assert_right(f);
	assert_int_equal(st.new_files, st.files);
	assert_int_equal(st.new_bytes, st.bytes);
	assert_int_equal(st.had_files, 0);
	run_silent(f->path, "test -f models/gpt.pth && test -f "
			    "models/config.yaml && test -d models/hf_cache");
	run_silent(f->path,
		   "test $(cat hub/models--gpt2/refs/main | wc -c) = 40");
	run_silent(f->path, "! find hub -name '*.itts-part' | grep .");
}

static void again_skips(void **state)
{
	struct fixture *f = *state;
	struct install_stats st;
	struct error err = { 0 };

	assert_ok(install(f, &st, &err), &err);
	run_silent(f->path, "find hub models -printf '%p %i %s %m\\n' | sort "
			    "> before");
	assert_ok(install(f, &st, &err), &err);
	assert_int_equal(st.had_files, st.files);
	assert_int_equal(st.new_files, 0);
	assert_int_equal(st.new_bytes, 0);
	run_silent(f->path, "find hub models -printf '%p %i %s %m\\n' | sort "
			    "| grep -v '/.itts-pack' > after; "
			    "grep -v '/.itts-pack' before | cmp - after");
	assert_string_equal(f->said.ptr, "");
}

static void from_pipes(void **state)
{
	static const char *const commands[] = { "cat b.tar", "zstd -qc b.tar",
						"gzip -c b.tar" };
	struct fixture *f = *state;
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct bundle_source s CLEANUP(
			bundle_source_close) = BUNDLE_SOURCE_INIT;
		struct install_options o = { .cache_root = f->store };
		struct install_stats st;
		char *line CLEANUP(free_ptr) = xasprintf("cd '%s' && %s",
							 f->path, commands[i]);
		FILE *p = popen(line, "r");

		assert_non_null(p);
		assert_ok(bundle_source_open_fd(&s, fileno(p), "pipe", &err),
			  &err);
		assert_ok(install_bundle(&s, &o, &st, &err), &err);
		pclose(p);
		assert_right(f);
		if (i == 1) /* skipping in a stream: some are there */
			run_silent(f->path, "rm -r hub/models--gpt2");
		else
			run_silent(f->path, "rm -r hub");
	}
}

static void dry_run(void **state)
{
	struct fixture *f = *state;
	struct install_options o = { .cache_root = f->store,
				     .model_dir = f->models,
				     .dry_run = true };
	struct install_stats st;
	struct error err = { 0 };

	assert_ok(install_with(f, &o, &st, &err), &err);
	assert_int_equal(st.new_files, st.files);
	assert_true(st.need_bytes > 3500000);
	assert_true(st.need_inodes > st.files);
	run_silent(f->path, "test \"$(ls)\" = b.tar");
	assert_ok(install(f, &st, &err), &err);
	run_silent(f->path, "find hub models -printf '%p %i %T@\\n' > before");
	assert_ok(install_with(f, &o, &st, &err), &err);
	assert_int_equal(st.had_files, st.files);
	run_silent(f->path,
		   "find hub models -printf '%p %i %T@\\n' | cmp - before");
}

static void mends_damage(void **state)
{
	struct fixture *f = *state;
	struct install_stats st;
	struct error err = { 0 };

	assert_ok(install(f, &st, &err), &err);
	run_silent(f->path, "b=$(readlink -f "
			    "hub/models--acme--tiny-tts/snapshots/*/gpt.pth); "
			    "chmod u+w $b; rm models/gpt.pth; cp $b x; rm $b; "
			    "printf y | dd of=x conv=notrunc bs=1 seek=9 "
			    "2>/dev/null; mv x $b; "
			    "rm hub/models--gpt2/blobs/*");
	assert_ok(install(f, &st, &err), &err);
	assert_right(f);
	assert_true(st.new_files >= 1 && st.new_files <= 2);
}

static void refs_move(void **state)
{
	struct fixture *f = *state;
	struct install_options o = { .cache_root = f->store,
				     .keep_refs = true };
	struct event_sink sink = { listen, f };
	struct install_stats st;
	struct error err = { 0 };

	o.sink = &sink;
	assert_ok(install(f, &st, &err), &err);
	run_silent(f->path, "printf %040d 7 > hub/models--gpt2/refs/main");
	assert_ok(install_with(f, &o, &st, &err), &err);
	assert_non_null(strstr(f->said.ptr, "kept at 000000"));
	str_clear(&f->said);
	o.keep_refs = false;
	assert_ok(install_with(f, &o, &st, &err), &err);
	assert_non_null(strstr(f->said.ptr,
			       "refs/main of gpt2: "
			       "0000000000000000000000000000000000000007 -> "
			       "cccccccccccccccccccccccccccccccccccccccc"));
	assert_right(f);
}

/* Offsets of payloads, and of what is not. */
static bool is_payload(const struct fixture *f, uint64_t at)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct segment seg;
	struct error err = { 0 };

	assert_ok(bundle_source_open(&s, f->file, &err), &err);
	do {
		assert_ok(layout_next(s.layout, &seg, &err), &err);
		if (at < seg.offset + seg.size)
			return seg.kind == SEGMENT_PAYLOAD;
	} while (seg.kind != SEGMENT_END);
	return false;
}

static void flip(const struct fixture *f, size_t at, int bit)
{
	int fd = open(f->file, O_WRONLY | O_CLOEXEC);
	char c = (char)(f->bytes.ptr[at] ^ (1 << bit));

	assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	close(fd);
}

static void unflip(const struct fixture *f, size_t at)
{
	int fd = open(f->file, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, f->bytes.ptr + at, 1, (off_t)at), 1);
	close(fd);
}

/* One bit of a byte, for bytes all over the bundle's own parts. */
static void flips_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct install_options o = { .cache_root = f->store };
	struct install_stats st;
	struct error err = { 0 };
	size_t step = 97, tried = 0;

	for (size_t at = 0; at < f->bytes.len; at += step) {
		if (at > 65536)
			step = 9973;
		if (is_payload(f, at))
			continue;
		flip(f, at, (int)(at % 8));
		if (!install_with(f, &o, &st, &err))
			fail_msg("byte %zu is not missed", at);
		if (err.code != ERR_INTEGRITY && err.code != ERR_FORMAT &&
		    err.code != ERR_UNSAFE)
			fail_msg("byte %zu: %s", at, err.msg);
		err_clear(&err);
		unflip(f, at);
		tried++;
	}
	assert_true(tried > 200);
	assert_nothing_visible(f);
}

static void flip_in_payload(void **state)
{
	struct fixture *f = *state;
	struct install_options o = { .cache_root = f->store };
	struct install_stats st;
	struct error err = { 0 };
	struct str want CLEANUP(str_release) = STR_INIT;
	const char *at;

	sample_bytes("gpt.pth", 70001, &want);
	at = memmem(f->bytes.ptr, f->bytes.len, want.ptr, want.len);
	assert_non_null(at);
	flip(f, (size_t)(at - f->bytes.ptr) + 40000, 3);
	assert_fails(install_with(f, &o, &st, &err), &err, ERR_INTEGRITY,
		     "b.tar: acme/tiny-tts gpt.pth: sha256 ");
	assert_nothing_visible(f);
	unflip(f, (size_t)(at - f->bytes.ptr) + 40000);
	assert_ok(install_with(f, &o, &st, &err), &err);
	assert_right(f);
}

static void truncations(void **state)
{
	struct fixture *f = *state;
	struct install_options o = { .cache_root = f->store };
	struct install_stats st;
	struct error err = { 0 };

	for (size_t at = f->bytes.len - 512; at > 512; at -= at / 40 + 512) {
		struct bundle_source s CLEANUP(
			bundle_source_close) = BUNDLE_SOURCE_INIT;
		int fds[2];
		pid_t pid;

		assert_int_equal(truncate(f->file, (off_t)at), 0);
		assert_fails(install_with(f, &o, &st, &err), &err, ERR_FORMAT,
			     "ends at byte");
		/* in a pipe nobody can know before */
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			close(fds[0]);
			_exit(write(fds[1], f->bytes.ptr, at) < 0);
		}
		close(fds[1]);
		assert_int_equal(
			bundle_source_open_fd(&s, fds[0], "pipe", &err) ||
					install_bundle(&s, &o, &st, &err)
				? -1
				: 0,
			-1);
		assert_fails(-1, &err, ERR_FORMAT, "ends at byte");
		close(fds[0]);
		waitpid(pid, NULL, 0);
	}
	assert_nothing_visible(f);
	write_bundle(f);
	run_silent(f->path, "printf x >> b.tar");
	assert_fails(install_with(f, &o, &st, &err), &err, ERR_FORMAT,
		     "follows the end");
	assert_nothing_visible(f);
}

/* Killed at any time, the next run finishes, and reads nothing twice that has
 * its name. */
static void killed(void **state)
{
	struct fixture *f = *state;
	struct install_stats st;
	struct error err = { 0 };

	for (unsigned round = 0; round < 12; round++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(install(f, &st, &err) ? 1 : 0);
		usleep(round * 2500);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		run_silent(f->path,
			   "for r in $(find hub -path '*/refs/*' -type f "
			   "2>/dev/null); do test $(wc -c < $r) = 40 || echo "
			   "$r; done; find hub -xtype l 2>/dev/null || true");
		assert_ok(install(f, &st, &err), &err);
		assert_right(f);
		if (round % 3 == 0)
			run_silent(f->path, "rm -rf hub models");
		else
			run_silent(f->path, "rm -rf models "
					    "hub/models--acme--other");
	}
}

static void bad_places(void **state)
{
	struct fixture *f = *state;
	struct install_options o = { .cache_root = f->file };
	struct install_stats st;
	struct error err = { 0 };

	assert_fails(install_with(f, &o, &st, &err), &err, ERR_IO, "b.tar");
	o.cache_root = "/proc/itts-pack";
	assert_fails(install_with(f, &o, &st, &err), &err, ERR_IO,
		     "/proc/itts-pack");
}

static void cancelled(void **state)
{
	struct fixture *f = *state;
	struct cancel cancel CLEANUP(cancel_release) = { 0 };
	struct install_options o = { .cache_root = f->store,
				     .cancel = &cancel };
	struct install_stats st;
	struct error err = { 0 };

	assert_ok(cancel_init(&cancel, &err), &err);
	cancel_set(&cancel);
	assert_fails(install_with(f, &o, &st, &err), &err, ERR_CANCELLED, "");
	assert_nothing_visible(f);
}

static void listen_and_stop(void *ctx, const struct event *ev)
{
	if (ev->type == EVENT_INFO && strstr(ev->text, "waiting for another"))
		cancel_set(ctx);
}

/* As long as nobody says that it waits, the lock is held. */
struct holder {
	struct fixture *f;
	int fd;
};
static void let_go(void *ctx, const struct event *ev)
{
	struct holder *h = ctx;

	listen(h->f, ev);
	if (h->f->said.len && strstr(h->f->said.ptr, "waiting for another"))
		close_fd(&h->fd);
}

/* A second installation waits for the first. */
static void waits_for_another(void **state)
{
	struct fixture *f = *state;
	struct holder h = { f, -1 };
	struct event_sink sink = { let_go, &h };
	struct install_options o = { .cache_root = f->store, .sink = &sink };
	struct install_stats st;
	struct error err = { 0 };

	assert_ok(file_mkdirs(f->dir, "hub/.locks", &err), &err);
	assert_ok(
		file_lock(f->dir, "hub/.locks/itts-pack.lock", 0, &h.fd, &err),
		&err);
	assert_ok(install_with(f, &o, &st, &err), &err);
	assert_int_equal(h.fd, -1);
	assert_right(f);
}

/* ... and can be told to stop. */
static void waits_in_vain(void **state)
{
	struct fixture *f = *state;
	struct cancel cancel CLEANUP(cancel_release) = { 0 };
	struct event_sink sink = { listen_and_stop, &cancel };
	struct install_options o = { .cache_root = f->store,
				     .sink = &sink,
				     .cancel = &cancel };
	struct install_stats st;
	struct error err = { 0 };
	int fd CLEANUP(close_fd) = -1;

	assert_ok(cancel_init(&cancel, &err), &err);
	assert_ok(file_mkdirs(f->dir, "hub/.locks", &err), &err);
	assert_ok(file_lock(f->dir, "hub/.locks/itts-pack.lock", 0, &fd, &err),
		  &err);
	assert_fails(install_with(f, &o, &st, &err), &err, ERR_CANCELLED, "");
	assert_nothing_visible(f);
}

struct watched {
	struct fixture *f;
	unsigned seen;
};

/* Nobody may delete in any of the repos now. */
static void look_at_leases(void *ctx, const struct event *ev)
{
	struct watched *w = ctx;
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	struct error err = { 0 };

	if (ev->type != EVENT_PLAN || strcmp(ev->name, "installing") != 0)
		return;
	assert_ok(hfcache_open(&c, w->f->store, false, &err), &err);
	for (size_t i = 0; i < w->f->lock.repo_count; i++) {
		const struct lock_repo *r = &w->f->lock.repos[i];
		char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);

		assert_true(lease_is_held(c, folder));
		w->seen++;
	}
}

/* What was found right and has no link yet is not gc's: all of it here, so that not a
 * byte is to be written. */
static void found_is_kept(void **state)
{
	struct fixture *f = *state;
	struct watched w = { .f = f };
	struct event_sink sink = { look_at_leases, &w };
	struct install_options o = { .cache_root = f->store, .sink = &sink };
	struct install_stats st;
	struct error err = { 0 };

	assert_ok(install(f, &st, &err), &err);
	assert_ok(install_with(f, &o, &st, &err), &err);
	assert_int_equal(st.new_files, 0);
	assert_int_equal(w.seen, f->lock.repo_count);
}

int run_install_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(again_skips, setup, teardown),
		cmocka_unit_test_setup_teardown(found_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(from_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(dry_run, setup, teardown),
		cmocka_unit_test_setup_teardown(mends_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(refs_move, setup, teardown),
		cmocka_unit_test_setup_teardown(flips_elsewhere, setup,
						teardown),
		cmocka_unit_test_setup_teardown(flip_in_payload, setup,
						teardown),
		cmocka_unit_test_setup_teardown(truncations, setup, teardown),
		cmocka_unit_test_setup_teardown(killed, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_places, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_another, setup,
						teardown),
		cmocka_unit_test_setup_teardown(waits_in_vain, setup, teardown),
	};

	return cmocka_run_group_tests_name("install", tests, NULL, NULL);
}
