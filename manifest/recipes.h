/* The manifests that are built into the program (manifest/recipes/). */
#ifndef ITTS_RECIPES_H
#define ITTS_RECIPES_H

#include <stddef.h>

struct recipe {
	const char *name;
	const char *text; /* JSON, len bytes and a NUL */
	size_t len;
};

#define RECIPE_DEFAULT "indextts-2"

const struct recipe *recipe_find(const char *name); /* NULL: none */
const struct recipe *recipe_at(size_t i);	    /* NULL behind the last */

#endif
