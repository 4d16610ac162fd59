#include "doctor/hublook.h"

#include "base/mem.h"
#include "cache/store.h"
#include "doctor/look.h"

#include <fcntl.h>
#include <unistd.h>

static enum hublook read_ref(const char *repo_dir, char commit[41])
{
	int dirfd CLEANUP(close_fd) = open(repo_dir,
					   O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *ref CLEANUP(free_ptr) = xasprintf("%s/refs/main", repo_dir);
	char *why CLEANUP(free_ptr) = NULL;

	if (look_at(ref, NULL) == LOOK_MISSING)
		return HUBLOOK_NO_REF;
	why = store_read_ref(dirfd, "refs/main", commit);
	return why ? HUBLOOK_BAD_REF : HUBLOOK_FOUND;
}

enum hublook hublook_file(const char *cache, const char *repo, const char *path)
{
	char *folder CLEANUP(free_ptr) = repo_folder(REPO_MODEL, repo);
	char *dir CLEANUP(free_ptr) = xasprintf("%s/%s", cache, folder);
	char *snapshot CLEANUP(free_ptr) = NULL;
	char *file CLEANUP(free_ptr) = NULL;
	char commit[41];
	enum hublook h;

	if (!look_is_dir(cache))
		return HUBLOOK_NO_CACHE;
	if (!look_is_dir(dir))
		return HUBLOOK_NO_REPO;
	h = read_ref(dir, commit);
	if (h != HUBLOOK_FOUND)
		return h;
	snapshot = xasprintf("%s/snapshots/%s", dir, commit);
	if (!look_is_dir(snapshot))
		return HUBLOOK_NO_SNAPSHOT;
	file = xasprintf("%s/%s", snapshot, path);
	switch (look_at(file, NULL)) {
	case LOOK_FILE:
		return HUBLOOK_FOUND;
	case LOOK_DANGLING:
		return HUBLOOK_DANGLING;
	case LOOK_MISSING:
	case LOOK_DIR:
	case LOOK_OTHER:
	case LOOK_DENIED:
		break;
	}
	return HUBLOOK_NO_FILE;
}

char *hublook_path(const char *cache, const char *repo, const char *path)
{
	char *folder CLEANUP(free_ptr) = repo_folder(REPO_MODEL, repo);
	char *dir CLEANUP(free_ptr) = xasprintf("%s/%s", cache, folder);
	char commit[41];

	if (hublook_file(cache, repo, path) != HUBLOOK_FOUND ||
	    read_ref(dir, commit) != HUBLOOK_FOUND)
		return NULL;
	return xasprintf("%s/snapshots/%s/%s", dir, commit, path);
}

const char *hublook_text(enum hublook h)
{
	static const char *const texts[] = {
		[HUBLOOK_FOUND] = "there",
		[HUBLOOK_NO_CACHE] = "no such directory",
		[HUBLOOK_NO_REPO] = "the repository is not there",
		[HUBLOOK_NO_REF] = "refs/main is missing",
		[HUBLOOK_BAD_REF] = "refs/main is not exactly a commit (a line "
				    "break at its end is enough)",
		[HUBLOOK_NO_SNAPSHOT] = "refs/main names a snapshot that is "
					"not there",
		[HUBLOOK_NO_FILE] = "the snapshot lacks the file",
		[HUBLOOK_DANGLING] = "the link leads to a blob that is gone",
	};

	return texts[h];
}
