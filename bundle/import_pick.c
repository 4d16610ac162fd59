/* Only those repositories of an archive that are named: all other entries count for
 * nothing then, but as what hard links lead to. */
#include "bundle/import_run.h"

#include "base/mem.h"
#include "manifest/lock_pick.h"

#include <string.h>

/* The repos and snapshots that the archive has. */
static int find_repos(struct import_run *run, struct error *err)
{
	for (size_t i = 0; i < run->count; i++) {
		struct import_entry *e = &run->entries[i];
		char commit[41] = "";

		if (e->name.kind != IMPORT_BLOB && e->name.kind != IMPORT_FILE)
			continue;
		if (e->name.kind == IMPORT_FILE)
			memcpy(commit, e->path + e->name.commit, 40);
		if (import_repo(run, e->path + e->name.folder,
				e->name.folder_len, commit, &e->repo, err))
			return -1;
	}
	return 0;
}

static void drop_entries(struct import_run *run, const bool *picked)
{
	bool *led_to CLEANUP(free_ptr) = xcalloc(run->count + 1,
						 sizeof(*led_to));

	for (size_t i = 0; i < run->count; i++) {
		struct import_entry *e = &run->entries[i];

		if (e->name.kind != IMPORT_FILE)
			continue;
		if (!picked[e->repo])
			e->name.kind = IMPORT_OTHER;
		else if (e->content != IMPORT_NONE)
			led_to[e->content] = true;
	}
	/* of a snapshot that is named alone, its blobs and no others */
	for (size_t i = 0; i < run->count; i++) {
		struct import_entry *e = &run->entries[i];

		if (e->name.kind == IMPORT_BLOB && !picked[e->repo] &&
		    (e->content == IMPORT_NONE || !led_to[e->content]))
			e->name.kind = IMPORT_OTHER;
	}
}

int import_pick(struct import_run *run, struct error *err)
{
	bool *picked CLEANUP(free_ptr) = NULL;

	if (!run->o->only)
		return 0;
	if (find_repos(run, err))
		return -1;
	picked = xcalloc(run->found.repo_count + 1, sizeof(*picked));
	if (lock_pick(&run->found, run->o->only, run->name, picked, err))
		return -1;
	drop_entries(run, picked);
	lock_keep(&run->found, picked);
	return 0;
}
