#include "manifest/mirror.h"

#include "base/mem.h"
#include "manifest/check.h"

#include <stdlib.h>
#include <string.h>

static int add(struct mirrors *m, const char *hub, const char *id,
	       const char *revision, struct error *err)
{
	struct mirror *one;

	if (id_check(id, err) < 0 || (revision && rev_check(revision, err) < 0))
		return -1;
	m->items = xgrow(m->items, &m->cap, m->count + 1, sizeof(*m->items));
	one = &m->items[m->count++];
	*one = (struct mirror){ .hub = xstrdup(hub), .id = xstrdup(id) };
	if (revision)
		one->revision = xstrdup(revision);
	return 0;
}

int mirrors_add(struct mirrors *m, const char *hub, const char *text,
		struct error *err)
{
	const char *at = strchr(text, '@');
	char *id CLEANUP(free_ptr) = NULL;

	if (strcmp(hub, MIRROR_MODELSCOPE) != 0)
		return err_set(err, ERR_FORMAT,
			       "unknown key; known here: " MIRROR_MODELSCOPE);
	if (mirrors_find(m, hub))
		return err_set(err, ERR_FORMAT, "appears twice");
	id = at ? xstrndup(text, (size_t)(at - text)) : xstrdup(text);
	return add(m, hub, id, at ? at + 1 : NULL, err);
}

void mirrors_release(struct mirrors *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->items[i].hub);
		free(m->items[i].id);
		free(m->items[i].revision);
	}
	free(m->items);
	*m = (struct mirrors){ 0 };
}

void mirrors_copy(struct mirrors *to, const struct mirrors *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct mirror *one = &from->items[i];

		to->items = xgrow(to->items, &to->cap, to->count + 1,
				  sizeof(*to->items));
		to->items[to->count++] = (struct mirror){
			.hub = xstrdup(one->hub),
			.id = xstrdup(one->id),
			.revision = one->revision ? xstrdup(one->revision)
						  : NULL,
		};
	}
}

const struct mirror *mirrors_find(const struct mirrors *m, const char *hub)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->items[i].hub, hub) == 0)
			return &m->items[i];
	return NULL;
}

char *mirror_text(const struct mirror *m)
{
	return m->revision ? xasprintf("%s@%s", m->id, m->revision)
			   : xstrdup(m->id);
}

void mirrors_put(const struct mirrors *m, struct json_writer *w)
{
	if (!m->count)
		return;
	json_put_key(w, "mirrors");
	json_one_line(w);
	json_begin_object(w);
	for (size_t i = 0; i < m->count; i++) {
		char *text CLEANUP(free_ptr) = mirror_text(&m->items[i]);

		json_put_kv(w, m->items[i].hub, text);
	}
	json_end_object(w);
}
