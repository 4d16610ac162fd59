/* The same repository on other hubs: {"modelscope": "ID[@REVISION]"}. */
#ifndef ITTS_MIRROR_H
#define ITTS_MIRROR_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"

#define MIRROR_MODELSCOPE "modelscope"

struct mirror {
	char *hub; /* MIRROR_MODELSCOPE */
	char *id;
	char *revision; /* NULL: its main branch */
};

struct mirrors {
	struct mirror *items; /* each hub once */
	size_t count, cap;
};

/* ERR_FORMAT: unknown hub, one that is there already, a bad id or revision. */
int mirrors_add(struct mirrors *m, const char *hub, const char *text,
		struct error *err) MUST_CHECK;
void mirrors_copy(struct mirrors *to, const struct mirrors *from);
void mirrors_release(struct mirrors *m); /* CLEANUP */
/* Borrowed, or NULL. */
const struct mirror *mirrors_find(const struct mirrors *m, const char *hub);
/* "ID[@REVISION]"; caller frees. */
char *mirror_text(const struct mirror *m);
/* The key "mirrors" and its value on one line; nothing if there are none. */
void mirrors_put(const struct mirrors *m, struct json_writer *w);

#endif
