#include "doctor/known.h"

#include "base/attr.h"

#include <string.h>

#define W2V  "facebook/w2v-bert-2.0"
#define GAN  "nvidia/bigvgan_v2_22khz_80band_256x"
#define QWEN "qwen0.6bemo4-merge/"
#define BOTH (FAMILY_20 | FAMILY_25)

/* Sizes and digests as published: IndexTeam/IndexTTS-2 at 740dcaff,
 * IndexTeam/IndexTTS-2.5 at c39ce5ba, the others at the recipes' revisions. */
static const struct known_file files[] = {
	{ FAMILY_20, "config.yaml", 2882,
	  "ea9c2815ecc3874577c7ac158b97248c027250e5b05972fbbb1216b6d6539081",
	  KIND_YAML, 0, NULL, NULL, "FileNotFoundError: config.yaml" },
	{ FAMILY_25, "config.yaml", 2860,
	  "18adf417be3e8f5e2e48e30f7420c719170a6870619436250f360d626877870e",
	  KIND_YAML, 0, NULL, NULL, "FileNotFoundError: config.yaml" },
	{ FAMILY_1 | FAMILY_15, "config.yaml", 0, NULL, KIND_YAML, 0, NULL,
	  NULL, "FileNotFoundError: config.yaml" },
	{ FAMILY_20 | FAMILY_1 | FAMILY_15, "bpe.model", 475997, NULL,
	  KIND_OTHER, 0, NULL, NULL, "vocab_file ... does not exist" },
	{ FAMILY_25, "feat1.pt", 57170,
	  "f219cb447d80216ba615666da2ff8d63ac544eee26657f3a7b278692bf7a67c4",
	  KIND_TORCH, 0, NULL, NULL, NULL },
	{ FAMILY_20, "feat1.pt", 57170, NULL, KIND_TORCH, 0, NULL, NULL, NULL },
	{ FAMILY_25, "feat2.pt", 374866,
	  "9c4292e96dee535aea9a6206e9a0c856dd578dde9212acdb16dd3ada4d12bf80",
	  KIND_TORCH, 0, NULL, NULL, NULL },
	{ FAMILY_20, "feat2.pt", 374866, NULL, KIND_TORCH, 0, NULL, NULL,
	  NULL },
	{ FAMILY_20, "gpt.pth", 3484663079,
	  "baaaeb8b56328da81731dc540a85a7dee32eca9da28f174b05757cb651c602a4",
	  KIND_TORCH, KNOWN_GPT, NULL, NULL, NULL },
	{ FAMILY_25, "gpt.pth", 3259599833,
	  "43a8f4c30eccdf201958d3b9713511482c19d56dc20b0b1c4ee1e6b080b19d85",
	  KIND_TORCH, KNOWN_GPT, NULL, NULL, NULL },
	{ FAMILY_1 | FAMILY_15, "gpt.pth", 0, NULL, KIND_TORCH, KNOWN_GPT, NULL,
	  NULL, NULL },
	{ FAMILY_20, "s2mel.pth", 1202198223,
	  "aae1bb12017cbb47e7a5ce537fc82f40b6b1deb71acdb9b8f25686f32714b636",
	  KIND_TORCH, 0, NULL, NULL, NULL },
	{ FAMILY_25, "s2mel.pth", 414908601,
	  "9b1b0003fc189c94cc349758d7ebc25f903b7eb2de4602879959cc64ce816456",
	  KIND_TORCH, 0, NULL, NULL, NULL },
	{ FAMILY_25, "codec.pth", 607290935,
	  "d15cbed16a40f478438c961fb043f68dfa6353bf56c966761315db3433e9722c",
	  KIND_TORCH, 0, NULL, NULL, NULL },
	{ FAMILY_25, "multilingual_zh_ja_yue_char_del.tiktoken", 907395,
	  "747979631e813193436aabcff7c1c235d37de8097b71c563ec8b63b7a515c718",
	  KIND_OTHER, 0, NULL, NULL, NULL },
	{ BOTH, "wav2vec2bert_stats.pt", 9343,
	  "c9c176c2b8850ab2e3ba828bbfa969deaf4566ce55db5f2687b8430b87526ad2",
	  KIND_TORCH, 0, NULL, NULL, NULL },
	{ FAMILY_1 | FAMILY_15, "bigvgan_generator.pth", 0, NULL, KIND_TORCH, 0,
	  NULL, NULL, NULL },
	{ BOTH, QWEN "model.safetensors", 1192135096,
	  "11293257a8df593c154a8ecd5fc039f3076de35411e35f06d41b471e136f6641",
	  KIND_SAFETENSORS, KNOWN_QWEN, NULL, NULL, NULL },
	{ BOTH, QWEN "config.json", 727, NULL, KIND_JSON, KNOWN_QWEN, NULL,
	  NULL, NULL },
	{ BOTH, QWEN "tokenizer.json", 11422654,
	  "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4",
	  KIND_OTHER, KNOWN_QWEN, NULL, NULL, NULL },
	{ BOTH, QWEN "tokenizer_config.json", 5433, NULL, KIND_JSON, KNOWN_QWEN,
	  NULL, NULL, NULL },
	{ BOTH, QWEN "vocab.json", 2776833, NULL, KIND_OTHER, KNOWN_QWEN, NULL,
	  NULL, NULL },
	{ BOTH, QWEN "merges.txt", 1671853, NULL, KIND_OTHER, KNOWN_QWEN, NULL,
	  NULL, NULL },
	{ BOTH, QWEN "generation_config.json", 117, NULL, KIND_JSON,
	  KNOWN_QWEN | KNOWN_OPTIONAL, NULL, NULL, NULL },
	{ BOTH, "hf_cache/w2v-bert-2.0/preprocessor_config.json", 275,
	  "8e6281aad64f97e40534135a59dcc5d33571efae376f2a25adf5551951897ab4",
	  KIND_JSON, KNOWN_AUX, W2V, "preprocessor_config.json",
	  "Can't load feature extractor for" },
	{ BOTH, "hf_cache/w2v-bert-2.0/config.json", 1874,
	  "f5572bd5998b68182e9c328a43127ed21fed687f6910497136b91a4e3b0e3675",
	  KIND_JSON, KNOWN_AUX, W2V, "config.json",
	  "does not appear to have a file named config.json" },
	{ BOTH, "hf_cache/w2v-bert-2.0/model.safetensors", 2322063736,
	  "eb890c9660ed6e3414b6812e27257b8ce5454365d5490d3ad581ea60b93be043",
	  KIND_SAFETENSORS, KNOWN_AUX, W2V, "model.safetensors",
	  "no file named pytorch_model.bin, model.safetensors" },
	{ FAMILY_20, "hf_cache/semantic_codec_model.safetensors", 177183712,
	  "ec947271175d8cad75ec37e83aa487e27c97a0f72a303393772da5ffa84bddf2",
	  KIND_SAFETENSORS, KNOWN_AUX, "amphion/MaskGCT",
	  "semantic_codec/model.safetensors", NULL },
	{ BOTH, "hf_cache/campplus_cn_common.bin", 28036335,
	  "3388cf5fd3493c9ac9c69851d8e7a8badcfb4f3dc631020c4961371646d5ada8",
	  KIND_TORCH, KNOWN_AUX, "funasr/campplus", "campplus_cn_common.bin",
	  NULL },
	{ BOTH, "hf_cache/bigvgan/config.json", 1405,
	  "88a1f47acf747db0b21e97a389d838566147f7a5464583ff5c8d819d870f03ee",
	  KIND_JSON, KNOWN_AUX, GAN, "config.json", NULL },
	{ BOTH, "hf_cache/bigvgan/bigvgan_generator.pt", 449228171,
	  "e95ba25972d3de0628d99cd156e9315a9c018899bf739988959ebe3544080ced",
	  KIND_TORCH, KNOWN_AUX, GAN, "bigvgan_generator.pt", NULL },
};

const char *family_name(unsigned f)
{
	switch (f) {
	case FAMILY_1:
		return "IndexTTS 1.0";
	case FAMILY_15:
		return "IndexTTS 1.5";
	case FAMILY_1 | FAMILY_15:
		return "IndexTTS 1.x";
	case FAMILY_20:
		return "IndexTTS 2.0";
	case FAMILY_25:
		return "IndexTTS 2.5";
	default:
		return "no IndexTTS";
	}
}

const char *family_recipe(unsigned f)
{
	if (f == FAMILY_20)
		return "indextts-2";
	return f == FAMILY_25 ? "indextts-2.5" : NULL;
}

const struct known_file *known_at(size_t i)
{
	return i < ARRAY_LEN(files) ? &files[i] : NULL;
}

const struct known_file *known_find(unsigned families, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if ((files[i].families & families) &&
		    strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}

/* README.md of github.com/chenpipi0807/ComfyUI-Index-TTS, and infer_v2.py of
 * github.com/yolain/ComfyUI-Easy-IndexTTS2, which takes any directory in bigvgan/. */
#define GAN_DIR "bigvgan/bigvgan_v2_22khz_80band_256x/"
const char *known_comfy(const struct known_file *k, size_t i)
{
	static const struct {
		const char *flat, *places[2];
	} rows[] = {
		{ "hf_cache/semantic_codec_model.safetensors",
		  { "semantic_codec/model.safetensors", NULL } },
		{ "hf_cache/bigvgan/config.json",
		  { "bigvgan/config.json", GAN_DIR "config.json" } },
		{ "hf_cache/bigvgan/bigvgan_generator.pt",
		  { "bigvgan/bigvgan_generator.pt",
		    GAN_DIR "bigvgan_generator.pt" } },
	};
	size_t skip = strlen("hf_cache/");

	if (!(k->flags & KNOWN_AUX) || i > 1)
		return NULL;
	for (size_t n = 0; n < ARRAY_LEN(rows); n++)
		if (strcmp(rows[n].flat, k->path) == 0)
			return rows[n].places[i];
	return i ? NULL : k->path + skip;
}

const struct known_file *known_by_size(const char *path, uint64_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (size && files[i].size == size &&
		    strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
