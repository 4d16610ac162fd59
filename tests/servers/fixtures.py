#!/usr/bin/env python3
"""Writes the repositories of IndexTTS2 for the local hub, with their real ids,
commits and file lists, in small: files above 16 KiB shrink by 2^SHIFT, and the
content is pseudo-random, the same on each machine. Beside them goes a manifest
for each recipe, which is the recipe without the digests of the real content and its commits on
other hubs.

    fixtures.py [--shift N] RECIPES_DIR OUT_DIR"""

import argparse
import json
import os
import random

SMALL = 16384

QWEN = {"added_tokens.json": 707, "chat_template.jinja": 550, "config.json": 727,
        "generation_config.json": 117, "merges.txt": 1671853, "Modelfile": 360,
        "model.safetensors": 1192135096, "special_tokens_map.json": 616,
        "tokenizer.json": 11422654, "tokenizer_config.json": 5433, "vocab.json": 2776833}
QWEN = {"qwen0.6bemo4-merge/" + name: size for name, size in QWEN.items()}
SHARED = {".gitattributes": 1519, "LICENSE.txt": 10554, "LICENSE_ZH.txt": 7336,
          "README.md": 2511, "feat1.pt": 57170, "feat2.pt": 374866,
          "wav2vec2bert_stats.pt": 9343, **QWEN}
VOICES = {"emo_hate": 145368, "emo_sad": 842016, "voice_01": 478050, "voice_02": 574074,
          "voice_03": 616814, "voice_04": 681084, "voice_05": 1482796, "voice_06": 299052,
          "voice_07": 591894, "voice_08": 426812, "voice_09": 1798188,
          "voice_11": 1520734, "voice_12": 778626}

REPOS = {  # type, id -> path: size on the real hub
    ("models", "IndexTeam/IndexTTS-2"): {
        "config.yaml": 2882, "bpe.model": 475997, "gpt.pth": 3484663079,
        "s2mel.pth": 1202198223, **SHARED},
    ("models", "IndexTeam/IndexTTS-2.5"): {
        "config.yaml": 2860, "codec.pth": 607290935, "gpt.pth": 3259599833,
        "multilingual_zh_ja_yue_char_del.tiktoken": 907395, "s2mel.pth": 414908601, **SHARED},
    ("models", "facebook/w2v-bert-2.0"): {
        ".gitattributes": 1519, "README.md": 9040, "config.json": 1874,
        "preprocessor_config.json": 275, "model.safetensors": 2322063736,
        "conformer_shaw.pt": 2325206224},
    ("models", "amphion/MaskGCT"): {
        ".gitattributes": 1519, "README.md": 11800,
        "acoustic_codec/model.safetensors": 86544712,
        "acoustic_codec/model_1.safetensors": 118306308,
        "s2a_model/s2a_model_1layer/model.safetensors": 1404924000,
        "s2a_model/s2a_model_full/model.safetensors": 1413786096,
        "semantic_codec/model.safetensors": 177183712,
        "t2s_model/model.safetensors": 2985622968},
    ("models", "funasr/campplus"): {
        ".gitattributes": 1519, "README.md": 1240, "campplus_cn_common.bin": 28036335,
        "configuration.json": 420},
    ("models", "nvidia/bigvgan_v2_22khz_80band_256x"): {
        ".gitattributes": 1519, "LICENSE": 1075, "README.md": 12500, "bigvgan.py": 17900,
        "bigvgan_discriminator_optimizer.pt": 1600000000,
        "bigvgan_discriminator_optimizer_3msteps.pt": 1600000000,
        "bigvgan_generator.pt": 449228171, "bigvgan_generator_3msteps.pt": 449228171,
        "config.json": 1405, "env.py": 510, "meldataset.py": 13400, "utils.py": 3100},
    ("spaces", "IndexTeam/IndexTTS-2-Demo"): {
        ".gitattributes": 1519, "README.md": 400, "webui.py": 17000,
        **{"examples/%s.wav" % name: size for name, size in VOICES.items()}},
}


def content(name, size):
    """Pseudo-random bytes for weights and audio, lines of text for the rest."""
    if name.endswith((".pt", ".pth", ".bin", ".model", ".safetensors", ".wav")):
        return random.Random(name).randbytes(size)
    line = b"%s: a stand-in of %d bytes for tests\n" % (name.encode(), size)
    return (line * (size // len(line) + 1))[:size]


def write_repo(out, kind, repo_id, revision, shift):
    files = REPOS[kind, repo_id]
    for path, size in files.items():
        size = size if size <= SMALL else SMALL + (size >> shift)
        place = os.path.join(out, kind, repo_id, revision, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        # what is equal in two repositories is equal here too
        name = path if path in SHARED else repo_id + "/" + path
        with open(place, "wb") as f:
            f.write(content(name, size))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--shift", type=int, default=11)
    p.add_argument("recipes")
    p.add_argument("out")
    args = p.parse_args()
    for name in sorted(os.listdir(args.recipes)):
        with open(os.path.join(args.recipes, name), encoding="utf-8") as f:
            manifest = json.load(f)
        for model in manifest["models"]:
            write_repo(args.out, model.get("type", "model") + "s", model["id"],
                       model["revision"], args.shift)
            model.pop("digests", None)
            for hub, there in model.get("mirrors", {}).items():
                model["mirrors"][hub] = there.partition("@")[0]
        with open(os.path.join(args.out, name), "w", encoding="utf-8") as f:
            json.dump(manifest, f, indent=2, ensure_ascii=False)
            f.write("\n")


if __name__ == "__main__":
    main()
