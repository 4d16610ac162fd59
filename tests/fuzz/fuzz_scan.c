/* Pickles, torch's zip archives and what looks like them. */
#include "base/attr.h"
#include "bundle/scan.h"
#include "bundle/zipdir.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	const uint8_t *p;
	size_t size;
};

static int read_memory(void *ctx, void *buf, size_t n, uint64_t offset,
		       size_t *got, struct error *err)
{
	const struct memory *m = ctx;

	(void)err;
	*got = 0;
	if (offset >= m->size)
		return 0;
	*got = n < m->size - offset ? n : m->size - (size_t)offset;
	memcpy(buf, m->p + offset, *got);
	return 0;
}

static int see_member(void *ctx, const struct zip_member *m, struct error *err)
{
	const struct memory *all = ctx;

	(void)err;
	assert(m->name[0]);
	assert(m->header < m->data && m->data + m->size <= all->size);
	return 0;
}

static void scan(struct memory *m, const char *name)
{
	struct scan_input in = { read_memory, m, m->size };
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	struct error err = { 0 };
	int rc = scan_file(&in, name, &r, &err);

	assert(rc == 0 && err.code == ERR_NONE);
	(void)rc;
	/* whatever is not harmless is named */
	assert((r.word >= SCAN_NEEDS_CODE) == (r.notes.count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = { data, size };
	struct scan_input in = { read_memory, &m, size };
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	struct error err = { 0 };
	int rc;

	scan(&m, "a.bin");
	scan(&m, "a.json");
	rc = zip_walk(&in, see_member, &m, &r, &err);
	assert(rc == 0);
	(void)rc;
	return 0;
}
