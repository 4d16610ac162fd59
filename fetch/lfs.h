/* Git LFS: pointers, and where the bytes that they stand for are. */
#ifndef ITTS_LFS_H
#define ITTS_LFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "fetch/hub.h"
#include "manifest/lock.h"

#define LFS_POINTER_MAX 1024
#define LFS_BATCH	100 /* objects of one request, as git-lfs asks */

/* Is this text a pointer (the one valid form of it)? */
bool lfs_parse_pointer(const char *text, size_t len, struct digest *sha256,
		       uint64_t *size);

/* One object of a batch answer. */
struct lfs_object {
	struct digest sha256;
	char *url;
	struct strlist lines; /* header lines that the request needs */
	char *error;	      /* what the server says instead, or NULL */
};
struct lfs_answer {
	struct lfs_object *objects;
	size_t count, cap;
};
void lfs_answer_release(struct lfs_answer *a); /* CLEANUP */
/* ERR_FORMAT, ERR_UNSAFE (a URL or header line that is not to be sent). */
int lfs_parse_batch(const char *text, size_t len, struct lfs_answer *out,
		    struct error *err) MUST_CHECK;

/* What a batch request for these files consists of. */
void lfs_put_question(struct str *out, const struct lock_file *const *files,
		      size_t count);
void lfs_add_lines(struct strlist *out); /* of its header */
/* The answer to a question for the file of link: its new URL. ERR_FORMAT,
 * ERR_NOT_FOUND, ERR_NET (it is at another host now). */
int lfs_take_link(struct hub_link *link, const char *text, size_t len,
		  struct error *err) MUST_CHECK;

/* Asks the LFS server of a git repository (URL that ends in .git) for files and
 * adds their links to h. ERR_NOT_FOUND names the first that it does not have. */
int lfs_find(struct hub *h, const char *git_url, const char *token,
	     struct lock_file *const *files, size_t count, struct error *err)
	MUST_CHECK;

#endif
