"""store.py STORE LOCK <spec.json: makes a Hub cache and the lock that names all
of it, without a hub. A spec is a lock without digests; "git": true in a file names
its blob by git SHA-1, "zeros": true makes it a hole, "text" gives its bytes. Other
files are pseudo-random, the same everywhere. Parts that the spec leaves out:
repos[0].id "acme/voice", commit "aaa...", refs ["main"], revision "main"."""

import hashlib
import json
import os
import random
import sys

# sha256 of that many zeros, so that they need not be hashed once more
ZEROS = {
    5 << 30: "7f06c62352aebd8125b2a1841e2b9e1ffcbed602f381c3dcb3200200e383d1d5",
}


def zeros_digest(size):
    if size not in ZEROS:
        digest, piece = hashlib.sha256(), bytes(1 << 20)
        for _ in range(size >> 20):
            digest.update(piece)
        digest.update(bytes(size % (1 << 20)))
        ZEROS[size] = digest.hexdigest()
    return ZEROS[size]


def make_file(blobs, repo, spec):
    """Writes the blob of one file, turns its spec into an entry of a lock."""
    size = spec["size"] if "size" in spec else len(spec["text"].encode())
    entry = {"path": spec["path"], "size": size}
    if spec.get("zeros"):
        entry["sha256"] = zeros_digest(size)
        data = b""
    else:
        data = spec["text"].encode() if "text" in spec else \
            random.Random("%s %s" % (size, spec.get("seed", repo["id"] + spec["path"]))).randbytes(size)
        entry["sha256"] = hashlib.sha256(data).hexdigest()
    name = entry["sha256"]
    if spec.get("git"):
        name = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry["etag"] = name
    if spec.get("views"):
        entry["views"] = sorted(spec["views"])
    with open(os.path.join(blobs, name), "wb") as f:
        f.write(data)
        f.truncate(size)
    return entry, name


def make_repo(store, spec):
    repo = {"id": spec.get("id", "acme/voice"), "type": spec.get("type", "model"),
            "revision": spec.get("revision", "main"), "commit": spec.get("commit", "a" * 40),
            "refs": spec.get("refs", ["main"])}
    repo.update((key, spec[key]) for key in ("license", "notice", "hub_view") if key in spec)
    repo["complete"] = spec.get("complete", False)
    repo["files"] = []
    top = os.path.join(store, "%ss--%s" % (repo["type"], repo["id"].replace("/", "--")))
    blobs = os.path.join(top, "blobs")
    os.makedirs(blobs, exist_ok=True)
    os.makedirs(os.path.join(top, "refs"), exist_ok=True)
    for one in sorted(spec["files"], key=lambda f: f["path"].encode()):
        entry, name = make_file(blobs, repo, one)
        repo["files"].append(entry)
        link = os.path.join(top, "snapshots", repo["commit"], one["path"])
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.lexists(link):
            os.symlink("../" * (2 + one["path"].count("/")) + "blobs/" + name, link)
    for ref in repo["refs"]:
        path = os.path.join(top, "refs", ref)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(repo["commit"])
    return repo


def main():
    store, lock = sys.argv[1:]
    spec = json.load(sys.stdin)
    out = {"format": "itts-lock", "version": 1, "name": spec.get("name", "sample"),
           "manifest": "sha256:" + hashlib.sha256(b"sample").hexdigest(), "groups": []}
    out["repos"] = [make_repo(store, repo) for repo in spec["repos"]]
    with open(lock, "w", encoding="utf-8") as f:
        json.dump(out, f, ensure_ascii=False)


main()
