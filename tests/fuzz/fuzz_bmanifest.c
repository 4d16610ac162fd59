/* Bundle manifests: whatever is taken is canonical and has a sound layout. */
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/layout.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct bundle_manifest *m, const char *text, size_t len)
{
	struct layout *l CLEANUP(layout_close) = NULL;
	struct segment s = { .kind = SEGMENT_BYTES };
	struct error err = { 0 };
	uint64_t at = 0;

	if (layout_open(&l, m, text, len, &err))
		return;
	while (s.kind != SEGMENT_END) {
		if (layout_next(l, &s, &err))
			return;
		assert(s.offset == at);
		at += s.size;
		if (s.kind == SEGMENT_PAYLOAD && !s.again)
			assert(s.size < m->align || s.offset % m->align == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct bundle_manifest again CLEANUP(bundle_manifest_release) = { 0 };
	struct str own CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	if (bundle_manifest_parse(&m, text, size, &err)) {
		assert(err.code == ERR_FORMAT || err.code == ERR_UNSAFE);
		return 0;
	}
	bundle_manifest_format(&m, &own);
	assert(own.len <= size);
	assert(!bundle_manifest_parse(&again, own.ptr, own.len, &err));
	assert(again.blob_count == m.blob_count);
	walk(&m, text, size);
	return 0;
}
