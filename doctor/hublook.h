/* Looking a file up in a Hugging Face cache the way huggingface_hub does. */
#ifndef ITTS_HUBLOOK_H
#define ITTS_HUBLOOK_H

#include <stddef.h>

enum hublook {
	HUBLOOK_FOUND,
	HUBLOOK_NO_CACHE, /* no such directory */
	HUBLOOK_NO_REPO,
	HUBLOOK_NO_REF,	     /* refs/main is missing */
	HUBLOOK_BAD_REF,     /* refs/main has a newline, or is no commit */
	HUBLOOK_NO_SNAPSHOT, /* refs/main names one that is not there */
	HUBLOOK_NO_FILE,
	HUBLOOK_DANGLING, /* a link whose blob is gone */
};
/* The file of revision main. */
enum hublook hublook_file(const char *cache, const char *repo,
			  const char *path);
/* Where that file is; caller frees, NULL: it is not there. */
char *hublook_path(const char *cache, const char *repo, const char *path);
const char *hublook_text(enum hublook h); /* "refs/main is missing" */

#endif
