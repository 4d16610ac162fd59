#include "cmd/pack_choice.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/record.h"
#include "bundle/source.h"
#include "bundle/volumes.h"
#include "cmd/config.h"
#include "cmd/kind.h"
#include "manifest/repo.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pack_choice_release(struct pack_choice *c)
{
	inventory_release(&c->have);
	free_ptr(&c->installer_path);
}

/* --- the site ----------------------------------------------------------------- */

/* -1: it cannot be read. */
static int first_byte(const char *path, char *out, struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	size_t got;

	*out = '\0';
	if (file_open(AT_FDCWD, path, 0, &fd, err) != 0)
		return -1;
	/* a directory: of volumes */
	if (file_read_full(fd, out, 1, &got, path, err) != 0 &&
	    err->sys != EISDIR)
		return -1;
	err_clear(err);
	return 0;
}

static int from_inventory(struct inventory *out, const char *path,
			  struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	if (file_read_all(AT_FDCWD, path, INVENTORY_LIMIT, &text, err) == 0) {
		if (inventory_parse(out, text.ptr, text.len, err) == 0)
			return 0;
		err_wrap(err, "%s", path);
	}
	return kind_hint(path, "itts-inventory", err);
}

static int from_bundle(struct inventory *out, struct app *app, const char *path,
		       struct error *err)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;

	s.cancel = &app->cancel;
	if (bundle_source_open(&s, path, err) != 0)
		return kind_hint(path, "itts-bundle", err);
	return inventory_of_bundle(out, &s.manifest, err);
}

/* An inventory, or a bundle. */
static int choose_thin(struct pack_choice *out, struct app *app,
		       struct error *err)
{
	const char *path = app->options->for_site;
	char first;

	if (!path)
		return 0;
	out->thin = true;
	if (first_byte(path, &first, err) != 0)
		return -1;
	return first == '{' ? from_inventory(&out->have, path, err)
			    : from_bundle(&out->have, app, path, err);
}

/* --- the installer ----------------------------------------------------------- */

/* ELF's e_machine and what `uname -m` says there. */
static const struct {
	unsigned machine;
	bool little;
	const char *name;
} machines[] = {
	{ EM_X86_64, true, "x86_64" }, { EM_AARCH64, true, "aarch64" },
	{ EM_PPC64, true, "ppc64le" }, { EM_RISCV, true, "riscv64" },
	{ EM_S390, false, "s390x" },   { EM_LOONGARCH, true, "loongarch64" },
};

/* Name of the architecture; NULL: no 64-bit program for a known one. */
static const char *elf_machine(const Elf64_Ehdr *h, bool *little)
{
	unsigned machine = h->e_machine;

	*little = h->e_ident[EI_DATA] == ELFDATA2LSB;
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64)
		return NULL;
	machine = *little ? le16toh(h->e_machine) : be16toh(h->e_machine);
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (machines[i].machine == machine &&
		    machines[i].little == *little)
			return machines[i].name;
	return NULL;
}

/* A program that asks for an interpreter needs a libc on the other side. */
static int has_interpreter(int fd, const Elf64_Ehdr *h, bool little, bool *out,
			   const char *file, struct error *err)
{
	uint64_t at = little ? le64toh(h->e_phoff) : be64toh(h->e_phoff);
	unsigned count = little ? le16toh(h->e_phnum) : be16toh(h->e_phnum);
	Elf64_Phdr p;
	size_t got;

	*out = false;
	for (unsigned i = 0; i < count; i++, at += sizeof(p)) {
		if (file_pread_full(fd, &p, sizeof(p), at, &got, file, err) !=
		    0)
			return -1;
		if (got < sizeof(p))
			return err_set(err, ERR_USAGE, "%s: a cut program",
				       file);
		if ((little ? le32toh(p.p_type) : be32toh(p.p_type)) ==
		    PT_INTERP)
			*out = true;
	}
	return 0;
}

/* Its name in the bundle follows from the architecture that it is made for. */
static int choose_installer(struct pack_choice *out, const char *file,
			    struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	Elf64_Ehdr h = { 0 };
	bool little, dynamic = false;
	const char *arch;
	size_t got;

	if (!file)
		return 0;
	if (file_open(AT_FDCWD, file, O_NONBLOCK, &fd, err) != 0)
		return -1;
	if (file_pread_full(fd, &h, sizeof(h), 0, &got, file, err) != 0)
		return -1;
	arch = got == sizeof(h) ? elf_machine(&h, &little) : NULL;
	if (!arch)
		return err_set(err, ERR_USAGE,
			       "%s: not a program for a 64-bit machine that "
			       "is known",
			       file);
	if (has_interpreter(fd, &h, little, &dynamic, file, err) != 0)
		return -1;
	if (dynamic) {
		err_set(err, ERR_USAGE, "%s: is not linked statically", file);
		return err_hint(err, "`make static` builds one");
	}
	out->installer_path = xasprintf("bin/itts-pack-%s", arch);
	out->installer = (struct pack_extra){ .path = out->installer_path,
					      .file = file,
					      .executable = true };
	return 0;
}

int pack_choose(struct pack_choice *out, struct app *app, struct error *err)
{
	const struct options *o = app->options;

	if (o->volume_size &&
	    volume_size_parse(o->volume_size, &out->volume_size, err) != 0)
		return err_wrap(err, "--volume-size");
	if (choose_thin(out, app, err) != 0)
		return err_wrap(err, "--for");
	if (choose_installer(out, o->installer, err) != 0)
		return err_wrap(err, "--installer");
	return 0;
}

int pack_spare_cache(struct app *app, const char *path, struct error *err)
{
	struct str cache CLEANUP(str_release) = STR_INIT;
	char *dir CLEANUP(free_ptr) = NULL;
	char *at CLEANUP(free_ptr) = NULL;
	char *root CLEANUP(free_ptr) = NULL;
	char *folder CLEANUP(free_ptr) = NULL;
	char *id CLEANUP(free_ptr) = NULL;
	enum repo_type type;
	size_t len;

	if (!path || !strcmp(path, "-"))
		return 0;
	if (config_cache(app->env, app->options, &cache, err) != 0)
		return -1;
	dir = xasprintf("%.*s.", (int)(path_base(path) - path), path);
	at = realpath(dir, NULL);
	root = realpath(cache.ptr, NULL);
	len = root ? strlen(root) : 0;
	/* a directory that is not there is said elsewhere */
	if (!at || !root || strncmp(at, root, len) != 0 || at[len] != '/')
		return 0;
	folder = xstrndup(at + len + 1, strcspn(at + len + 1, "/"));
	if (repo_folder_parse(folder, &type, &id) != 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "-o %s: lies in the cache, in %s/%s, whose files it "
		       "could replace; give another directory",
		       path, cache.ptr, folder);
}

/* --- what was installed ---------------------------------------------------------- */

int installed_find(struct hfcache *store, const char *name,
		   struct bundle_manifest *out, struct error *err)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };
	struct str list CLEANUP(str_release) = STR_INIT;

	if (name)
		return record_read(store, name, out, err);
	if (record_list(store, &names, err) != 0)
		return -1;
	if (names.count == 1)
		return record_read(store, names.items[0], out, err);
	if (names.count == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "%s: no bundle was installed there",
			       hfcache_root(store));
	for (size_t i = 0; i < names.count; i++)
		str_addf(&list, "%s%s", i ? ", " : "", names.items[i]);
	return err_set(err, ERR_USAGE, "which one? %s", list.ptr);
}
