/* Packages of a virtual environment, from the names of its *.dist-info directories:
 * no Python is run. Version rules: PEP 440. */
#ifndef ITTS_PACKAGES_H
#define ITTS_PACKAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

struct package {
	char *name; /* normalised (PEP 503): "huggingface-hub" */
	char *version;
};
struct packages {
	char *site;   /* .../site-packages, or NULL: none was found */
	char *python; /* "3.11", or NULL */
	struct package *items;
	size_t count, cap;
};
void packages_release(struct packages *p); /* CLEANUP */
/* venv: a virtual environment, or a prefix such as /usr. */
void packages_read(const char *venv, struct packages *out);
const struct package *packages_find(const struct packages *p, const char *name);

/* "NAME-VERSION.dist-info"; false: it is none. Pure; caller frees both. */
bool dist_info_parse(const char *dir_name, char **name, char **version);
/* "Name:" and "Version:" of a METADATA file (PEP 566). Pure; caller frees both. */
bool metadata_parse(const char *text, size_t len, char **name, char **version);

/* <0, 0, >0. Local parts (+cu128) do not count; what is no version is below all. */
int version_cmp(const char *a, const char *b);
/* "==4.52.1", "==2.8.*", ">=3.10,<3.12", "!=", "~=", "<", "<=", ">". */
bool version_fits(const char *version, const char *spec);

#endif
