/*
 * A bundle that was cut into volumes, read where they lie: some of them may be
 * elsewhere. Nothing is joined, nothing is deleted.
 */
#ifndef ITTS_VOLUMES_H
#define ITTS_VOLUMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/volcard.h"

#define VOLUMES_CARD	 ".volumes.json"
#define VOLUMES_SUMS	 ".volumes.sha256"
#define VOLUMES_MANIFEST ".bundle.json" /* itts-bundle.json once more */

enum volume_state { VOLUME_ELSEWHERE, VOLUME_HERE, VOLUME_WRONG_SIZE };

struct volumes {
	struct volcard card;
	char *card_file; /* for messages */
	char *base;	 /* of the card, without VOLUMES_CARD */
	int *dirs;	 /* where they may lie; the first has the card */
	size_t dir_count, dir_cap;
	struct strlist dir_paths; /* of dirs, for messages */
	unsigned char *states;	  /* enum volume_state, one a volume */
	size_t *places;		  /* HERE, WRONG_SIZE: index in dirs */
	size_t here;
};

/* Is this path a directory, a card or a volume with a card beside it? */
bool volumes_is(const char *path);
/* Has this directory a card, or several? */
bool volumes_in(const char *dir);
/* Such a path, and more directories to look into (may be NULL). ERR_FORMAT: no
 * card; ERR_USAGE: several. */
int volumes_open(struct volumes **out, const char *path,
		 const struct strlist *more, struct error *err) MUST_CHECK;
void volumes_close(struct volumes **v); /* CLEANUP */
/* Are all these bytes here? */
bool volumes_have(const struct volumes *v, uint64_t offset, uint64_t size);
/* Fewer than n only at the end of the whole. ERR_NOT_FOUND naming a volume that
 * is elsewhere. May be called by several threads. */
int volumes_pread(const struct volumes *v, void *buf, size_t n, uint64_t offset,
		  size_t *got, struct error *err) MUST_CHECK;
/* Where one lies that is here or of the wrong size; else its name. Caller frees. */
char *volumes_path(const struct volumes *v, size_t i);
/* Opens one that is here. *fd: caller closes. */
int volumes_open_one(const struct volumes *v, size_t i, int *fd,
		     struct error *err) MUST_CHECK;
/* If one volume has all of these bytes: its *fd (caller closes) and where they
 * begin in it; else *fd is left alone. */
int volumes_open_whole(const struct volumes *v, uint64_t offset, uint64_t size,
		       int *fd, uint64_t *at, struct error *err) MUST_CHECK;
/* The text of NAME.bundle.json; ERR_NOT_FOUND, ERR_INTEGRITY: of another set. */
int volumes_manifest(const struct volumes *v, struct str *out,
		     struct error *err) MUST_CHECK;
/* ERR_INTEGRITY naming the first that is too short or too long. */
int volumes_check_sizes(const struct volumes *v, struct error *err) MUST_CHECK;
/* Something in these bytes was wrong: appends to err the first volume here among
 * them whose SHA-256 is not what the card says. false: none is. */
bool volumes_blame(const struct volumes *v, uint64_t offset, uint64_t size,
		   struct error *err);

#endif
