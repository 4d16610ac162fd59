#!/usr/bin/env python3
"""Makes model directories that look whole: the real names and sizes, sparse files
with a real directory (safetensors header, torch's zip), a record as install leaves
it, the program's source as far as doctor reads it, an environment's *.dist-info.

    model_tree.py DIR [--family 2|2.5|1.5] [--layout flat|hub|both] [--program new|old|none]
                      [--no-record]
    model_tree.py --venv DIR [NAME=VERSION ...]

DIR/checkpoints is the model directory; DIR is where the program is started."""

import argparse
import hashlib
import json
import os
import struct

QWEN = {"added_tokens.json": 707, "chat_template.jinja": 550, "config.json": 727,
        "generation_config.json": 117, "merges.txt": 1671853, "model.safetensors": 1192135096,
        "special_tokens_map.json": 616, "tokenizer.json": 11422654,
        "tokenizer_config.json": 5433, "vocab.json": 2776833}
QWEN = {"qwen0.6bemo4-merge/" + n: s for n, s in QWEN.items()}
COMMON = {"feat1.pt": 57170, "feat2.pt": 374866, "wav2vec2bert_stats.pt": 9343, **QWEN}
MAIN = {
    "2": ("IndexTeam/IndexTTS-2", "740dcaff396282ffb241903d150ac011cd4b1ede", {
        "config.yaml": 2882, "bpe.model": 475997, "gpt.pth": 3484663079,
        "s2mel.pth": 1202198223, **COMMON}),
    "2.5": ("IndexTeam/IndexTTS-2.5", "c39ce5ba981572cb187443877ff559dfb246ce63", {
        "config.yaml": 2860, "gpt.pth": 3259599833, "s2mel.pth": 414908601,
        "codec.pth": 607290935, "multilingual_zh_ja_yue_char_del.tiktoken": 907395, **COMMON}),
    "1.5": ("IndexTeam/IndexTTS-1.5", "1" * 40, {
        "config.yaml": 2440, "bpe.model": 475997, "gpt.pth": 1170000000,
        "bigvgan_generator.pth": 525000000}),
}
PARTS = [  # repo, commit, path there, flat path, size
    ("facebook/w2v-bert-2.0", "da985ba0987f70aaeb84a80f2851cfac8c697a7b", "config.json",
     "w2v-bert-2.0/config.json", 1874),
    ("facebook/w2v-bert-2.0", "da985ba0987f70aaeb84a80f2851cfac8c697a7b",
     "preprocessor_config.json", "w2v-bert-2.0/preprocessor_config.json", 275),
    ("facebook/w2v-bert-2.0", "da985ba0987f70aaeb84a80f2851cfac8c697a7b", "model.safetensors",
     "w2v-bert-2.0/model.safetensors", 2322063736),
    ("amphion/MaskGCT", "265c6cef07625665d0c28d2faafb1415562379dc",
     "semantic_codec/model.safetensors", "semantic_codec_model.safetensors", 177183712),
    ("funasr/campplus", "e4b6ede7ce16997aff4ae69fbca1f0175e2afede", "campplus_cn_common.bin",
     "campplus_cn_common.bin", 28036335),
    ("nvidia/bigvgan_v2_22khz_80band_256x", "633ff708ed5b74903e86ff1298cf4a98e921c513",
     "config.json", "bigvgan/config.json", 1405),
    ("nvidia/bigvgan_v2_22khz_80band_256x", "633ff708ed5b74903e86ff1298cf4a98e921c513",
     "bigvgan_generator.pt", "bigvgan/bigvgan_generator.pt", 449228171),
]
CONFIG = """dataset:
    bpe_model: bpe.model
    sample_rate: 24000
gpt_checkpoint: gpt.pth
w2v_stat: wav2vec2bert_stats.pt
s2mel_checkpoint: s2mel.pth
emo_matrix: feat2.pt\x20
spk_matrix: feat1.pt
qwen_emo_path: qwen0.6bemo4-merge/ # emotions
vocoder:
    type: "bigvgan"
    name: "nvidia/bigvgan_v2_22khz_80band_256x"
version: %s
"""


def safetensors(f, size):
    data = size
    while True:  # a header whose length goes with the data's length
        head = json.dumps({"__metadata__": {"format": "pt"}, "w": {
            "dtype": "F32", "shape": [data // 4], "data_offsets": [0, data // 4 * 4]}})
        room = size - 8 - len(head)
        if data // 4 * 4 <= room:
            break
        data -= 4
    data = data // 4 * 4
    head += " " * (size - 8 - data - len(head))
    f.write(struct.pack("<Q", len(head)) + head.encode())
    f.truncate(size)


def torch_zip(f, size):
    names = [b"archive/data.pkl", b"archive/data/0"]
    fixed = sum(30 + 46 + 2 * len(n) for n in names) + 22 + 4
    sizes = [4, size - fixed]
    directory, at = b"", 0
    for name, n in zip(names, sizes):
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, n, n, len(name), 0)
        f.seek(at)
        f.write(b"PK\3\4" + fields + name)
        directory += (b"PK\1\2" + struct.pack("<H", 20) + fields
                      + struct.pack("<HHHII", 0, 0, 0, 0, at) + name)
        at += 30 + len(name) + n
    f.seek(at)
    f.write(directory + b"PK\5\6"
            + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), at, 0))
    assert f.tell() == size, (f.tell(), size)


def put(path, size, version="2.0"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        if path.endswith(".safetensors"):
            safetensors(f, size)
        elif path.endswith((".pth", ".pt", ".bin")):
            torch_zip(f, size)
        elif path.endswith(".yaml"):
            text = (CONFIG % version).encode()
            f.write(text + b"#" * (size - len(text) - 1) + b"\n")
        elif path.endswith(".json"):
            f.write(b'{"a": "' + b"x" * (size - 9) + b'"}')
        else:
            f.write(b"x" * size)


def digest(path, size):
    if size > 4 << 20:  # not read by doctor
        return hashlib.sha256(path.encode()).hexdigest()
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def entry(base, path, view, size):
    return {"path": path, "size": size, "sha256": digest(os.path.join(base, view), size),
            "views": [view]}


def repo(id, commit, files):
    return {"id": id, "type": "model", "revision": commit, "commit": commit,
            "refs": ["main"], "files": sorted(files, key=lambda f: f["path"].encode())}


def write_record(base, family, parts):
    id, commit, main = MAIN[family]
    repos = [repo(id, commit, [entry(base, p, p, s) for p, s in main.items()])]
    for name in dict.fromkeys(p[0] for p in parts):
        mine = [p for p in parts if p[0] == name]
        repos.append(repo(name, mine[0][1],
                          [entry(base, p[2], "hf_cache/" + p[3], p[4]) for p in mine]))
    record = os.path.join(base, ".itts-pack", "indextts-%s.lock.json" % family)
    os.makedirs(os.path.dirname(record), exist_ok=True)
    with open(record, "w") as f:
        json.dump({"format": "itts-lock", "version": 1, "name": "indextts-" + family,
                   "repos": repos}, f)


def blob_name(path, else_of):
    """Its digest, where doctor looks: large files would take minutes."""
    text = else_of.encode()
    if os.path.getsize(path) <= 1 << 20:
        with open(path, "rb") as f:
            text = f.read()
    return hashlib.sha256(text).hexdigest()


def put_hub(cache, parts, flat):
    for id, commit, path, name, size in parts:
        top = os.path.join(cache, "models--" + id.replace("/", "--"))
        source = os.path.join(cache, name) if flat else os.path.join(top, "tmp", path)
        if not flat:
            put(source, size)
        blob = os.path.join(top, "blobs", blob_name(source, id + path))
        os.makedirs(os.path.dirname(blob), exist_ok=True)
        if flat:
            os.link(source, blob)
        else:
            os.rename(source, blob)
        link = os.path.join(top, "snapshots", commit, path)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.relpath(blob, os.path.dirname(link)), link)
        os.makedirs(os.path.join(top, "refs"), exist_ok=True)
        with open(os.path.join(top, "refs", "main"), "w") as f:
            f.write(commit)


def write_source(top, program):
    utils = os.path.join(top, "indextts", "utils", "tagger_cache")
    kernel = os.path.join(top, "indextts", "s2mel", "modules", "bigvgan",
                          "alias_free_activation", "cuda", "build")
    os.makedirs(utils)
    os.makedirs(kernel)
    for name in "zh_tn_tagger.fst", "zh_tn_verbalizer.fst":
        put(os.path.join(utils, name), 100)
    put(os.path.join(kernel, "anti_alias_activation_cuda.so"), 100)
    with open(os.path.join(top, "indextts", "infer_v2.py"), "w") as f:
        if program == "new":
            f.write("from indextts.utils.model_download import ensure_models_available\n")
        else:
            f.write("import os\nos.environ['HF_HUB_CACHE'] = './checkpoints/hf_cache'\n"
                    "from huggingface_hub import hf_hub_download\n")


def write_venv(top, packages):
    site = os.path.join(top, "lib", "python3.11", "site-packages")
    os.makedirs(site)
    with open(os.path.join(top, "pyvenv.cfg"), "w") as f:
        f.write("home = /usr/bin\nversion_info = 3.11.13\n")
    for pin in packages:
        name, version = pin.split("=", 1)
        info = os.path.join(site, "%s-%s.dist-info" % (name.replace("-", "_"), version))
        os.makedirs(info)
        with open(os.path.join(info, "METADATA"), "w") as f:
            f.write("Metadata-Version: 2.1\nName: %s\nVersion: %s\n\nText\n" % (name, version))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir", nargs="?")
    p.add_argument("--family", default="2", choices=MAIN)
    p.add_argument("--layout", default="both", choices=["flat", "hub", "both", "none"])
    p.add_argument("--program", default="new", choices=["new", "old", "none"])
    p.add_argument("--no-record", action="store_true")
    p.add_argument("--venv")
    p.add_argument("packages", nargs="*")
    a = p.parse_args()
    if a.venv:
        write_venv(a.venv, ([a.dir] if a.dir else []) + a.packages)
        return
    base = os.path.join(a.dir, "checkpoints")
    for path, size in MAIN[a.family][2].items():
        put(os.path.join(base, path), size, "1.5" if a.family == "1.5" else a.family)
    parts = [q for q in PARTS if a.family == "2" or (a.family == "2.5" and "MaskGCT" not in q[0])]
    cache = os.path.join(base, "hf_cache")
    flat = a.layout in ("flat", "both")
    for q in parts if flat else []:
        put(os.path.join(cache, q[3]), q[4])
    if a.layout in ("hub", "both"):
        put_hub(cache, parts, flat)
    if not a.no_record:
        write_record(base, a.family, parts if flat else [])
    if a.program != "none":
        write_source(a.dir, a.program)


if __name__ == "__main__":
    main()
