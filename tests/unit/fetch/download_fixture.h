/* What the tests of downloads share: a hub, a store, and a lock of its files. */
#ifndef ITTS_UNIT_DOWNLOAD_FIXTURE_H
#define ITTS_UNIT_DOWNLOAD_FIXTURE_H

#include "tests/unit/fetch/unit.h"

#include "base/str.h"
#include "fetch/download.h"
#include "tests/unit/fetch/fake_hub.h"

#define BLOCK (1u << 20)
#define BIG   (3u << 20)
#define TOKEN "hf_canary0123456789"

struct fixture {
	char dir[TEMP_PATH_MAX];
	char *bytes; /* of model.bin */
	struct fake_file files[4];
	struct fake_hub hub, other;
	struct hub endpoints;
	struct http *http;
	struct hfcache *store;
	struct lock lock;
	struct download_stats stats;
	struct strlist events; /* "done model.bin", "info text" */
	struct event_sink sink;
	struct cancel cancel;
	struct error err;
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);
/* A second endpoint, honest and without the token. */
void fixture_add_hub(struct fixture *f);
/* Forgets the repository in the store. */
void fixture_empty(const struct fixture *f);

int download(struct fixture *f);
/* How many events began with these words? */
unsigned events_with(const struct fixture *f, const char *start);
/* Names below the repository's folder. */
bool exists(const struct fixture *f, const char *name);
char *blob_path(const struct fixture *f, const char *path, const char *suffix);
bool is_right(const struct fixture *f, const char *path);
void assert_all_right(const struct fixture *f);
/* What an earlier run left of model.bin, with a journal of the blocks that are
 * there. */
void leave_part(struct fixture *f, const void *bytes, size_t n);

#endif
