/* What a manifest says must survive being written and read again. */
#include "base/attr.h"
#include "manifest/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void use(const struct manifest *m)
{
	struct strlist none = { 0 }, on CLEANUP(strlist_release) = { 0 };
	struct error err = { 0 };

	require(manifest_groups(m, &none, &none, &on, &err) == 0);
	for (size_t i = 0; i < m->model_count; i++) {
		const struct manifest_model *model = &m->models[i];
		struct strlist places CLEANUP(strlist_release) = { 0 };

		(void)manifest_selects(model, &on, "qwen/model.safetensors");
		manifest_place(model, "qwen/model.safetensors", &places);
		for (size_t k = 0; k < model->pin_count; k++)
			require(manifest_find_pin(model, model->pins[k].path) !=
				NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest first CLEANUP(manifest_release) = { 0 };
	struct manifest second CLEANUP(manifest_release) = { 0 };
	struct str a CLEANUP(str_release) = STR_INIT;
	struct str b CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	if (manifest_parse(&first, (const char *)data, size, &err) < 0) {
		require(err.code == ERR_FORMAT || err.code == ERR_UNSAFE);
		require(err.msg[0] != '\0' && !first.models);
		return 0;
	}
	use(&first);
	manifest_format(&first, &a);
	require(manifest_parse(&second, a.ptr, a.len, &err) == 0);
	manifest_format(&second, &b);
	require(strcmp(a.ptr, b.ptr) == 0);
	return 0;
}
