#include "base/file.h"
#include "base/mem.h"
#include "bundle/slot.h"
#include "bundle/source.h"
#include "bundle/sshsig.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/kind.h"
#include "cmd/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct option options[] = {
	{ .name = "key",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, key),
	  .value = "FILE",
	  .help = "sign with this key, as for ssh-keygen -Y sign: a private "
		  "key, or the public one of a key in ssh-agent or in "
		  "hardware" },
	{ .name = "detached",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, detached),
	  .help = "leave the bundle alone and write BUNDLE.sig" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"With a key in a file, or in hardware:",
	"itts-pack sign indextts-2.tar --key ~/.ssh/id_ed25519",
	"With a key that ssh-agent has:",
	"itts-pack sign indextts-2.tar --key ~/.ssh/id_ed25519.pub",
	"The bundle stays as it is:",
	"itts-pack sign indextts-2.tar --key ~/.ssh/id_ed25519 --detached",
	NULL
};

/* What ssh-keygen says of the manifest: armour, appended. */
static int make_signature(struct app *app, const struct bundle_source *s,
			  struct str *armour, struct error *err)
{
	char *key CLEANUP(free_ptr) = app_dir(app, app->options->key);
	const char *const argv[] = { "ssh-keygen", "-q", "-Y", "sign",
				     "-f",	   key,	 "-n", SSHSIG_NAMESPACE,
				     NULL };
	struct stat st;

	if (access(key, F_OK) != 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "--key: %s: no such file",
			       key);
	if (access(key, R_OK) != 0)
		return err_sys(err, errno, "--key: %s", key);
	if (stat(key, &st) == 0 && S_ISDIR(st.st_mode))
		return err_sys(err, EISDIR, "--key: %s", key);
	if (run_filter(argv, s->text.ptr, s->text.len, SSHSIG_LIMIT, armour,
		       err) == 0)
		return 0;
	if (err->code == ERR_NOT_FOUND)
		return err_hint(err, "it signs and is part of OpenSSH (package "
				     "openssh-client): install it");
	if (err->code != ERR_OTHER)
		return -1;
	err_wrap(err, "--key: %s", key);
	return err_hint(err, "what it said stands above; it wants a private "
			     "key that only its owner can read (chmod 600), or "
			     "the .pub file of one that ssh-agent has "
			     "(ssh-add -l lists them)");
}

/* Before anything is written: is it what every reader will take? */
static int check_signature(const struct bundle_source *s,
			   const struct str *armour, struct str *print,
			   struct error *err)
{
	struct sshsig sig CLEANUP(sshsig_release) = SSHSIG_INIT;

	if (sshsig_parse(&sig, armour->ptr, armour->len, err) != 0 ||
	    sshsig_check(&sig, SSHSIG_NAMESPACE, s->text.ptr, s->text.len,
			 err) != 0)
		return err_wrap(err, "what ssh-keygen made");
	if (slot_read(armour->ptr, armour->len) != SLOT_SIGNED)
		return err_set(err, ERR_FORMAT,
			       "what ssh-keygen made is no plain armour");
	sign_key_type(&sig.key, print);
	str_addc(print, ' ');
	sign_fingerprint(sig.key.p, sig.key.left, print);
	return 0;
}

static int put_inside(const struct bundle_source *s, const char *path,
		      const struct str *armour, struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	uint64_t offset = 0;
	struct stat a, b;

	if (!bundle_source_slot(s, &offset))
		return err_set(err, ERR_FORMAT, "%s: ends before its signature",
			       path);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		err_sys(err, errno, "%s", path);
		return err_hint(err, "--detached leaves the bundle alone");
	}
	if (fstat(fd, &a) != 0 || fstat(s->fd, &b) != 0)
		return err_sys(err, errno, "%s", path);
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return err_set(err, ERR_BUSY, "%s: was replaced meanwhile",
			       path);
	return slot_write(fd, offset, armour->ptr, armour->len, path, err);
}

/* *where: what has the signature now. */
static int put_signature(struct app *app, const struct bundle_source *s,
			 const struct str *armour, struct str *where,
			 struct error *err)
{
	const char *path = app->options->args.items[0];

	/* digests of volumes are on their card: none of them may change */
	if (!app->options->detached && !s->volumes) {
		str_adds(where, path);
		return put_inside(s, path, armour, err);
	}
	bundle_source_beside(s, where);
	return file_replace(AT_FDCWD, where->ptr, armour->ptr, armour->len,
			    err);
}

static int open_bundle(struct app *app, struct bundle_source *s,
		       struct error *err)
{
	const char *path = app->options->args.items[0];

	s->cancel = &app->cancel;
	if (bundle_source_open(s, path, err) != 0)
		return kind_hint(path, "itts-bundle", err);
	if (!s->seekable)
		return err_set(err, ERR_USAGE,
			       "%s: only a bundle in a file of its own, not "
			       "compressed, can be signed",
			       path);
	return bundle_source_check_size(s, err);
}

static int run(struct app *app, struct error *err)
{
	const struct options *o = app->options;
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct str armour CLEANUP(str_release) = STR_INIT;
	struct str print CLEANUP(str_release) = STR_INIT;
	struct str where CLEANUP(str_release) = STR_INIT;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	if (o->args.count == 0 || !o->key)
		return err_set(err, ERR_USAGE,
			       o->key ? "which bundle? give FILE"
				      : "which key? give --key FILE");
	if (open_bundle(app, &s, err) != 0 ||
	    make_signature(app, &s, &armour, err) != 0 ||
	    check_signature(&s, &armour, &print, err) != 0 ||
	    put_signature(app, &s, &armour, &where, err) != 0)
		return -1;
	if (!o->json) {
		app_note(app, "%s: %s serial %llu signed with %s", where.ptr,
			 s.manifest.lock.name,
			 (unsigned long long)s.manifest.serial, print.ptr);
		if (s.volumes)
			app_note(app,
				 "keep it beside the card, wherever that is "
				 "copied");
		return 0;
	}
	app_json_begin(app, &j, &text);
	json_put_kv(&j, "file", o->args.items[0]);
	json_put_kv(&j, "signature", where.ptr);
	json_put_kv(&j, "key", print.ptr);
	app_json_end(app, &j);
	return 0;
}

const struct command cmd_sign = {
	.name = "sign",
	.part = PART_MAKE,
	.args = "FILE | DIR",
	.summary = "sign a bundle with an SSH key",
	.about =
		"Lets ssh-keygen -Y sign the manifest of a bundle, from which "
		"every other byte of it follows, in the namespace itts-pack. "
		"So any key that OpenSSH can sign with will do, also one in "
		"ssh-agent or in hardware. The signature is put into its place "
		"in the bundle; nothing else in it moves, and an interruption "
		"leaves it signed or not signed. Signing again replaces it. "
		"Of a bundle in volumes (give the directory or the card) no "
		"volume changes: its signature is the file "
		"NAME.bundle.json.sig, to be kept beside the card.\n\n"
		"The other side needs the public key in a list of allowed "
		"signers: a line with a name, a blank and the .pub file. "
		"itts-pack verify and install check against it before they "
		"read on, and ssh-keygen -Y verify can check it too.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 1,
	.run = run,
};
