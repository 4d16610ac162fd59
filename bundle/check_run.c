#include "bundle/check_run.h"

#include <string.h>

void check_member(struct check_run *run, enum verify_state state,
		  const char *member, uint64_t size, const char *detail)
{
	const struct verify_report *r = run->out;

	/* header and data of one member are one item */
	for (size_t i = 0; i < r->count; i++)
		if (!strcmp(r->items[i].path, member) &&
		    !strcmp(r->items[i].where, run->s->name))
			return;
	verify_report_add(run->out, state, run->s->name, member, size, detail);
}

void check_payload(struct check_run *run, enum verify_state state, size_t blob,
		   const char *detail)
{
	const struct bundle_manifest *m = &run->s->manifest;
	const struct bundle_use *use = &m->blobs[blob].uses[0];

	verify_report_add(run->out, state, bundle_use_repo(m, use)->id,
			  bundle_use_file(m, use)->path, m->blobs[blob].size,
			  detail);
}
