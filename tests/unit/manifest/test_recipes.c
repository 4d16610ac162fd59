#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "manifest/lock.h"
#include "manifest/recipes.h"

#include <string.h>

/* What the repositories hold, as far as it bears on the choice. place: where a
 * chosen file stands in the model directory, "" = nowhere; group: that it needs
 * beyond the defaults; NULL place: never chosen. */
struct row {
	const char *repo, *path, *group, *place;
};

#define MAIN "IndexTeam/IndexTTS-2"
#define NEXT "IndexTeam/IndexTTS-2.5"
#define W2V  "facebook/w2v-bert-2.0"
#define MGCT "amphion/MaskGCT"
#define CAMP "funasr/campplus"
#define VOC  "nvidia/bigvgan_v2_22khz_80band_256x"
#define DEMO "IndexTeam/IndexTTS-2-Demo"
#define Q    "qwen0.6bemo4-merge/"

#define QWEN_ROWS(repo, group)                                                 \
	{ repo, Q "model.safetensors", group, Q "model.safetensors" },         \
		{ repo, Q "tokenizer.json", group, Q "tokenizer.json" },       \
		{ repo, Q "vocab.json", group, Q "vocab.json" },               \
		{ repo, Q "merges.txt", group, Q "merges.txt" },               \
		{ repo, Q "config.json", group, Q "config.json" },             \
		{ repo, Q "added_tokens.json", group, Q "added_tokens.json" }, \
		{ repo, Q "tokenizer_config.json", group,                      \
		  Q "tokenizer_config.json" },                                 \
		{ repo, Q "special_tokens_map.json", group,                    \
		  Q "special_tokens_map.json" },                               \
		{ repo, Q "chat_template.jinja", group,                        \
		  Q "chat_template.jinja" },                                   \
		{ repo, Q "generation_config.json", group,                     \
		  Q "generation_config.json" },                                \
	{                                                                      \
		repo, Q "Modelfile", NULL, NULL                                \
	}

#define COMMON_ROWS                                                         \
	{ W2V, "config.json", "", "hf_cache/w2v-bert-2.0/config.json" },    \
		{ W2V, "preprocessor_config.json", "",                      \
		  "hf_cache/w2v-bert-2.0/preprocessor_config.json" },       \
		{ W2V, "model.safetensors", "",                             \
		  "hf_cache/w2v-bert-2.0/model.safetensors" },              \
		{ W2V, "README.md", "", "" }, { W2V, "LICENSE", "", "" },   \
		{ W2V, "conformer_shaw.pt", NULL, NULL },                   \
		{ W2V, ".gitattributes", NULL, NULL },                      \
		{ CAMP, "campplus_cn_common.bin", "",                       \
		  "hf_cache/campplus_cn_common.bin" },                      \
		{ CAMP, "README.md", "", "" }, { CAMP, "LICENSE", "", "" }, \
		{ VOC, "config.json", "", "hf_cache/bigvgan/config.json" }, \
		{ VOC, "bigvgan_generator.pt", "",                          \
		  "hf_cache/bigvgan/bigvgan_generator.pt" },                \
		{ VOC, "README.md", "", "" }, { VOC, "LICENSE", "", "" },   \
		{ VOC, "bigvgan_generator_3msteps.pt", NULL, NULL },        \
		{ VOC, "bigvgan_discriminator_optimizer.pt", NULL, NULL },  \
		{ VOC, "bigvgan.py", NULL, NULL },                          \
		{ DEMO, "examples/emo_hate.wav", "examples",                \
		  "examples/emo_hate.wav" },                                \
		{ DEMO, "examples/voice_12.wav", "examples",                \
		  "examples/voice_12.wav" },                                \
		{ DEMO, "examples/voice_10.wav", NULL, NULL },              \
		{ DEMO, "tests/sample_prompt.wav", NULL, NULL },            \
	{                                                                   \
		DEMO, "app.py", NULL, NULL                                  \
	}

static const struct row rows_2[] = {
	{ MAIN, "config.yaml", "", "config.yaml" },
	{ MAIN, "bpe.model", "", "bpe.model" },
	{ MAIN, "feat1.pt", "", "feat1.pt" },
	{ MAIN, "feat2.pt", "", "feat2.pt" },
	{ MAIN, "gpt.pth", "", "gpt.pth" },
	{ MAIN, "s2mel.pth", "", "s2mel.pth" },
	{ MAIN, "wav2vec2bert_stats.pt", "", "wav2vec2bert_stats.pt" },
	{ MAIN, "LICENSE.txt", "", "LICENSE.txt" },
	{ MAIN, "LICENSE_ZH.txt", "", "LICENSE_ZH.txt" },
	{ MAIN, "README.md", "", "README.md" },
	{ MAIN, ".gitattributes", NULL, NULL },
	{ MAIN, "pinyin.vocab", NULL, NULL },
	QWEN_ROWS(MAIN, ""),
	{ MGCT, "semantic_codec/model.safetensors", "",
	  "hf_cache/semantic_codec_model.safetensors" },
	{ MGCT, "README.md", "", "" },
	{ MGCT, "t2s_model/model.safetensors", NULL, NULL },
	{ MGCT, "s2a_model/s2a_model_full/model.safetensors", NULL, NULL },
	{ MGCT, "acoustic_codec/model.safetensors", NULL, NULL },
	COMMON_ROWS,
};

static const struct row rows_25[] = {
	{ NEXT, "config.yaml", "", "config.yaml" },
	{ NEXT, "codec.pth", "", "codec.pth" },
	{ NEXT, "feat1.pt", "", "feat1.pt" },
	{ NEXT, "feat2.pt", "", "feat2.pt" },
	{ NEXT, "gpt.pth", "", "gpt.pth" },
	{ NEXT, "s2mel.pth", "", "s2mel.pth" },
	{ NEXT, "multilingual_zh_ja_yue_char_del.tiktoken", "",
	  "multilingual_zh_ja_yue_char_del.tiktoken" },
	{ NEXT, "wav2vec2bert_stats.pt", "", "wav2vec2bert_stats.pt" },
	{ NEXT, ".gitattributes", NULL, NULL },
	QWEN_ROWS(NEXT, "qwen"),
	{ MGCT, "semantic_codec/model.safetensors", "semantic-codec",
	  "hf_cache/semantic_codec_model.safetensors" },
	{ MGCT, "README.md", "semantic-codec", "" },
	{ MGCT, "t2s_model/model.safetensors", NULL, NULL },
	COMMON_ROWS,
};

static const struct {
	const char *name;
	const struct row *rows;
	size_t count, models;
	size_t files, all; /* chosen by default, with every group */
} recipes[] = {
	{ "indextts-2", rows_2, ARRAY_LEN(rows_2), 6, 34, 36 },
	{ "indextts-2.5", rows_25, ARRAY_LEN(rows_25), 6, 20, 34 },
};

static void load(struct manifest *m, const char *name)
{
	const struct recipe *r = recipe_find(name);
	struct error err = { 0 };

	assert_non_null(r);
	assert_int_equal(r->text[r->len], '\0');
	assert_int_equal(strlen(r->text), r->len);
	if (manifest_parse(m, r->text, r->len, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
	assert_string_equal(m->name, name);
}

static const struct manifest_model *find(const struct manifest *m,
					 const char *id)
{
	for (size_t i = 0; i < m->model_count; i++)
		if (strcmp(m->models[i].id, id) == 0)
			return &m->models[i];
	fail_msg("no model %s", id);
	return NULL;
}

static void check_row(const struct manifest *m, const struct row *row,
		      const struct strlist *on, size_t *chosen)
{
	const struct manifest_model *model = find(m, row->repo);
	bool want = row->place && (!*row->group || strlist_has(on, row->group));
	struct strlist places CLEANUP(strlist_release) = { 0 };

	if (manifest_selects(model, on, row->path) != want)
		fail_msg("%s of %s: expected %d", row->path, row->repo, want);
	if (!want)
		return;
	*chosen += 1;
	manifest_place(model, row->path, &places);
	assert_int_equal(places.count, *row->place ? 1 : 0);
	if (*row->place)
		assert_string_equal(places.items[0], row->place);
}

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };
		struct strlist none = { 0 };
		struct strlist on CLEANUP(strlist_release) = { 0 };
		struct strlist all CLEANUP(strlist_release) = { 0 };
		struct error err = { 0 };
		size_t files = 0, with_all = 0;

		load(&m, recipes[i].name);
		assert_int_equal(m.model_count, recipes[i].models);
		assert_int_equal(manifest_groups(&m, &none, &none, &on, &err),
				 0);
		for (size_t k = 0; k < m.group_count; k++)
			strlist_add(&all, m.groups[k].name);
		for (size_t k = 0; k < recipes[i].count; k++) {
			check_row(&m, &recipes[i].rows[k], &on, &files);
			check_row(&m, &recipes[i].rows[k], &all, &with_all);
		}
		assert_int_equal(files, recipes[i].files);
		assert_int_equal(with_all, recipes[i].all);
		assert_false(manifest_model_is_on(find(&m, DEMO), &on));
		assert_int_equal(find(&m, DEMO)->include.count, 13);
	}
}

/* Every revision but the demo's is a commit, reachable as main. */
static void test_revisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };

		load(&m, recipes[i].name);
		for (size_t k = 0; k < m.model_count; k++) {
			const struct manifest_model *model = &m.models[k];

			assert_true(is_commit_id(model->revision) ==
				    (model->type == REPO_MODEL));
			assert_int_equal(model->refs.count, 1);
			assert_string_equal(model->refs.items[0], "main");
		}
	}
}

/* Only what two sources that know nothing of each other say, or git. */
static void test_pins(void **state)
{
	static const struct {
		const char *recipe, *id, *path;
		uint64_t size;
		const char *sha256, *git;
	} rows[] = {
		{ "indextts-2", MAIN, "config.yaml", 2882,
		  "ea9c2815ecc3874577c7ac158b97248c"
		  "027250e5b05972fbbb1216b6d6539081",
		  "98d16c3892bd2321e7da71a379ecc8e1fa4dd84e" },
		{ "indextts-2", MAIN, "gpt.pth", 3484663079,
		  "baaaeb8b56328da81731dc540a85a7de"
		  "e32eca9da28f174b05757cb651c602a4",
		  NULL },
		{ "indextts-2", MAIN, "qwen0.6bemo4-merge/model.safetensors",
		  1192135096,
		  "11293257a8df593c154a8ecd5fc039f3"
		  "076de35411e35f06d41b471e136f6641",
		  NULL },
		{ "indextts-2", MAIN, "s2mel.pth", 1202198223,
		  "aae1bb12017cbb47e7a5ce537fc82f40"
		  "b6b1deb71acdb9b8f25686f32714b636",
		  NULL },
		{ "indextts-2", MAIN, "wav2vec2bert_stats.pt", 9343,
		  "c9c176c2b8850ab2e3ba828bbfa969de"
		  "af4566ce55db5f2687b8430b87526ad2",
		  NULL },
		{ "indextts-2", CAMP, "campplus_cn_common.bin", 28036335,
		  "3388cf5fd3493c9ac9c69851d8e7a8ba"
		  "dcfb4f3dc631020c4961371646d5ada8",
		  NULL },
		{ "indextts-2.5", CAMP, "campplus_cn_common.bin", 28036335,
		  "3388cf5fd3493c9ac9c69851d8e7a8ba"
		  "dcfb4f3dc631020c4961371646d5ada8",
		  NULL },
	};
	size_t pins = 0;
	char hex[DIGEST_HEX_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };
		const struct manifest_pin *pin;

		load(&m, rows[i].recipe);
		pin = manifest_find_pin(find(&m, rows[i].id), rows[i].path);
		assert_non_null(pin);
		assert_true(pin->size == rows[i].size);
		assert_string_equal(digest_hex(&pin->sha256, hex),
				    rows[i].sha256);
		assert_int_equal(pin->git.alg == DIGEST_NONE, !rows[i].git);
		if (rows[i].git)
			assert_string_equal(digest_hex(&pin->git, hex),
					    rows[i].git);
	}
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };

		load(&m, recipes[i].name);
		for (size_t k = 0; k < m.model_count; k++)
			pins += m.models[k].pin_count;
	}
	assert_int_equal(pins, ARRAY_LEN(rows));
}

static void test_facts(void **state)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };

	(void)state;
	load(&m, RECIPE_DEFAULT);
	assert_string_equal(find(&m, MAIN)->revision,
			    "740dcaff396282ffb241903d150ac011cd4b1ede");
	assert_string_equal(find(&m, MGCT)->license, "CC-BY-NC-4.0");
	assert_non_null(strstr(find(&m, MGCT)->notice, "commercial"));
	assert_string_equal(find(&m, VOC)->mirrors.items[0].id,
			    "nv-community/bigvgan_v2_22khz_80band_256x");
	assert_null(find(&m, MAIN)->hub_view);
	assert_string_equal(find(&m, W2V)->hub_view, "hf_cache");
	assert_string_equal(m.python, ">=3.10,<3.12");
}

/* What `init` writes is the same manifest. */
static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; recipe_at(i); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };
		struct manifest again CLEANUP(manifest_release) = { 0 };
		struct str first CLEANUP(str_release) = STR_INIT;
		struct str second CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };

		load(&m, recipe_at(i)->name);
		manifest_format(&m, &first);
		if (manifest_parse(&again, first.ptr, first.len, &err) < 0)
			fail_msg("%s", err.msg);
		manifest_format(&again, &second);
		assert_string_equal(first.ptr, second.ptr);
	}
}

static void test_table(void **state)
{
	(void)state;
	assert_string_equal(recipe_at(0)->name, RECIPE_DEFAULT);
	assert_non_null(recipe_at(1));
	assert_null(recipe_at(2));
	assert_null(recipe_find("indextts"));
}

int run_recipes_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_revisions),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("recipes", tests, NULL, NULL);
}
