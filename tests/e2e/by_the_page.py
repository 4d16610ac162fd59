"""by_the_page.py BUNDLE STORE: writes the bundle once more, from its itts-bundle.json,
its extras and the blobs of STORE (a Hub cache), by docs/bundle-format.md alone, and
compares. Says where the two part, and in which member. Knows nothing of the program."""

import ctypes
import ctypes.util
import hashlib
import json
import os
import sys

PIECE = 64 << 20
CNCF = "application/vnd.cncf.model."
OCI = "application/vnd.oci."


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# --- section 4 --------------------------------------------------------------------


def first_bytes(name, n):
    """Up to n bytes of the beginning, whole characters only."""
    return name.encode()[:n].decode(errors="ignore").encode()


def split(name):
    """(prefix, name) of ustar, or None where it cannot hold it."""
    raw = name.encode()
    if len(raw) <= 100:
        return b"", raw
    for i, c in enumerate(raw):
        if c == ord("/") and 0 < i <= 155 and 0 < len(raw) - i - 1 <= 100:
            return raw[:i], raw[i + 1:]
    return None


def ustar(name, prefix, kind, mode, size, mtime, target=b""):
    h = bytearray(512)

    def field(at, data):
        h[at:at + len(data)] = data

    field(0, name)
    field(100, b"%06o " % mode)
    field(108, b"%06o " % 0)
    field(116, b"%06o " % 0)
    field(124, b"%011o " % size if size < 8 << 30 else b"\x80" + size.to_bytes(11, "big"))
    field(136, b"%011o " % mtime)
    field(148, b" " * 8)
    h[156] = ord(kind)
    field(157, target)
    field(257, b"ustar\0" + b"00")
    field(329, b"%06o " % 0)
    field(337, b"%06o " % 0)
    field(345, prefix)
    field(148, b"%06o\0 " % sum(h))
    return bytes(h)


def padding_block(size):
    h = bytearray(ustar(b"PaxHeader", b"", "x", 0o644, size, 0))
    for at, n, value in ((100, 8, 0o644), (108, 8, 0), (116, 8, 0), (124, 12, size), (136, 12, 0)):
        h[at:at + n] = b"%0*o\0" % (n - 1, value)
    h[329:345] = bytes(16)
    h[148:156] = b" " * 8
    h[148:156] = b"%06o  " % sum(h)
    return bytes(h)


def record(key, value):
    rest = b" " + key + b"=" + value + b"\n"
    n = len(rest)
    while len(str(n)) + len(rest) != n:
        n = len(str(n)) + len(rest)
    return str(n).encode() + rest


def padded(data):
    return data + bytes(-len(data) % 512)


def header(name, kind, mode, size, epoch, target=""):
    records = b""
    place = split(name)
    if place is None:
        records += record(b"path", name.encode())
        place = b"", first_bytes(name.rstrip("/").rsplit("/", 1)[1], 100)
    link = target.encode()
    if len(link) > 100:
        records += record(b"linkpath", link)
        link = first_bytes(target.rsplit("/", 1)[1], 100)
    if size >= 8 << 30:
        records += record(b"size", b"%d" % size)
    front = b""
    if records:
        front = padding_block(len(records)) + padded(records)
    return front + ustar(place[1], place[0], kind, mode, size, epoch, link)


# --- section 5 --------------------------------------------------------------------


def filler(gap):
    body = gap - 512
    for digits in range(1, 12):
        text = str(body)
        if len(text) == digits:
            blanks = body - digits - len(" comment=\n")
            data = text.encode() + b" comment=" + b" " * blanks + b"\n"
            return padding_block(body) + data
    raise ValueError(gap)


def gap_to(at, head):
    gap = -(at + head) % 4096
    return gap + 4096 if 0 < gap < 1024 else gap


def aligned(at, head, size, epoch):
    gap = gap_to(at, len(head))
    if size < 4096 or gap == 0:
        return head
    if size >= 8 << 30:
        divider = header("blobs/sha256/", "5", 0o755, 0, epoch)
        gap = gap_to(at, len(divider) + len(head))
        return (filler(gap) if gap else b"") + divider + head
    return filler(gap) + head


# --- section 9 --------------------------------------------------------------------


def kind_of(file):
    path = file["path"]
    if path.endswith(".safetensors.index.json"):
        return "weight.config"
    if path.endswith((".md", ".pdf", ".rst", "LICENSE", "LICENSE.txt", "NOTICE", "NOTICE.txt")):
        return "doc"
    if path.endswith((".py", ".sh")):
        return "code"
    return "weight.config" if "etag" in file else "weight"


def layer(file):
    notes = {"org.cncf.model.filepath": file["path"]}
    if "etag" in file:
        notes["vnd.itts-pack.etag"] = file["etag"]
    notes["org.opencontainers.image.title"] = file["path"]
    return {"mediaType": CNCF + kind_of(file) + ".v1.raw", "digest": "sha256:" + file["sha256"],
            "size": file["size"], "annotations": notes}


def image(repo, text):
    own = ".itts-pack/itts-bundle.json"
    kinds = {"model": "", "dataset": "datasets/", "space": "spaces/"}
    notes = {}
    if "license" in repo:
        notes["org.opencontainers.image.licenses"] = repo["license"]
    notes["org.opencontainers.image.revision"] = repo["commit"]
    notes["org.opencontainers.image.source"] = "https://huggingface.co/" + kinds[repo["type"]] + repo["id"]
    notes["org.opencontainers.image.title"] = repo["id"]
    if repo["refs"]:
        notes["vnd.itts-pack.refs"] = " ".join(repo["refs"])
    last = {"mediaType": CNCF + "doc.v1.raw", "digest": "sha256:" + hashlib.sha256(text).hexdigest(),
            "size": len(text), "annotations": {"org.cncf.model.filepath": own,
                                               "org.opencontainers.image.title": own,
                                               "vnd.itts-pack.bundle": "itts-bundle"}}
    return compact({"schemaVersion": 2, "mediaType": OCI + "image.manifest.v1+json",
                    "artifactType": CNCF + "manifest.v1+json",
                    "config": {"mediaType": OCI + "empty.v1+json",
                               "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest(), "size": 2},
                    "layers": [layer(f) for f in repo["files"]] + [last], "annotations": notes})


def has_image(repo):
    return 0 < len(repo["files"]) <= 10000


def index(repos, text):
    out, seen = [], set()
    for r in repos:
        tag = ("" if r["type"] == "model" else r["type"] + "s--") + r["id"].replace("/", "--")
        tag = tag[:128] + ("--" + r["commit"][:12] if (r["type"], r["id"]) in seen else "")
        seen.add((r["type"], r["id"]))
        if has_image(r):
            data = image(r, text)
            out.append({"mediaType": OCI + "image.manifest.v1+json",
                        "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data),
                        "artifactType": CNCF + "manifest.v1+json",
                        "annotations": {"org.opencontainers.image.ref.name": tag}})
    return compact({"schemaVersion": 2, "mediaType": OCI + "image.index.v1+json", "manifests": out})


# --- section 6 --------------------------------------------------------------------

TAG = (b"Signature: 8a477f597d28d172789f06886806bc55\n"
       b"# This file is a cache directory tag created by huggingface_hub.\n"
       b"# For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/\n")


def tree(repo):
    files = {}
    for f in repo["files"]:
        files[f["path"]] = one = {"size": f["size"]}
        if "etag" in f:
            one["blob_id"] = f["etag"]
            continue
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
            f["sha256"].encode(), f["size"])
        one["blob_id"] = hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()
        one["lfs_sha256"] = f["sha256"]
        one["lfs_size"] = f["size"]
    return json.dumps({"format_version": 1, "files": files}, indent=1, ensure_ascii=True).encode()


def lock(m):
    def line(value):
        return json.dumps(value, ensure_ascii=False)

    repos = []
    for r in m["repos"]:
        keys = ["      %s: %s" % (line(k), line(v)) for k, v in r.items() if k != "files"]
        files = ["        " + line(f) for f in r["files"]]
        keys.append('      "files": [\n%s\n      ]' % ",\n".join(files) if files else '      "files": []')
        repos.append("    {\n%s\n    }" % ",\n".join(keys))
    top = [("format", "itts-lock"), ("version", 1), ("name", m["name"])]
    top += [("manifest", m["manifest"])] if "manifest" in m else []
    top += [("groups", m["groups"])]
    return ("{\n" + "".join("  %s: %s,\n" % (line(k), line(v)) for k, v in top) +
            '  "repos": [\n%s\n  ]\n}\n' % ",\n".join(repos)).encode()


# --- section 7 --------------------------------------------------------------------


class Sha256Ctx(ctypes.Structure):
    _fields_ = [("h", ctypes.c_uint32 * 8), ("rest", ctypes.c_uint32 * 20)]


def states(path, size):
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
    ctx, out = Sha256Ctx(), b""
    crypto.SHA256_Init(ctypes.byref(ctx))
    with open(path, "rb") as f:
        for _ in range((size - 1) // PIECE):
            crypto.SHA256_Update(ctypes.byref(ctx), f.read(PIECE), ctypes.c_size_t(PIECE))
            out += b"".join(x.to_bytes(4, "big") for x in ctx.h)
    return out


# --- section 2 --------------------------------------------------------------------


def folder(repo):
    return "%ss--%s" % (repo["type"], repo["id"].replace("/", "--"))


class Writer:
    """The members, as pairs of a name and bytes; payloads as a path."""

    def __init__(self, bundle, store):
        with open(bundle, "rb") as f:
            head = f.read(512)
            self.text = f.read(int(head[124:135], 8))
        self.m = json.loads(self.text)
        self.store, self.bundle = store, bundle
        self.repos = self.m["repos"]
        self.left_out = set(self.m.get("requires", []))
        self.payloads, self.members, self.sums = {}, [], []
        for r in self.repos:
            for f in r["files"]:
                self.payloads.setdefault(f["sha256"], []).append((r, f))

    def file(self, name, data, mode=0o644, listed=True):
        self.members.append((name, "0", mode, data, ""))
        if listed:
            self.sums.append("%s  %s\n" % (hashlib.sha256(data).hexdigest(), name))

    def other(self, name, kind, mode, target=""):
        self.members.append((name, kind, mode, b"", target))

    def oci(self, data):
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self.payloads:
            self.file("blobs/sha256/" + digest, data, 0o444)

    def blob(self, repo, file):
        return os.path.join(self.store, folder(repo), "blobs", file.get("etag", file["sha256"]))

    def payload(self, sha256, uses):
        repo, first = uses[0]
        name = "blobs/sha256/" + sha256
        self.sums.append("%s  %s\n" % (sha256, name))
        if sha256 not in self.left_out:
            self.members.append((name, "0", 0o444, (self.blob(repo, first), first["size"]), ""))
        given = set()
        for r, f in uses:
            tops = [("hub/" + folder(r) + "/", [])]
            views = f.get("views", [])
            if "hub_view" in r:
                tops.append(("checkpoints/%s/%s/" % (r["hub_view"], folder(r)), None))
            etag = f.get("etag", sha256)
            for top, own in tops:
                if top + etag not in given:
                    self.other(top + "blobs/" + etag, "1", 0o444, name)
                given.add(top + etag)
                self.other("%ssnapshots/%s/%s" % (top, r["commit"], f["path"]), "2", 0o777,
                           "../" * (2 + f["path"].count("/")) + "blobs/" + etag)
                for place in views if own is not None else []:
                    if "etag" in f and f["size"] <= 65536:
                        with open(self.blob(r, f), "rb") as src:
                            self.file("checkpoints/" + place, src.read())
                    else:
                        self.other("checkpoints/" + place, "1", 0o444, name)

    def refs(self, top, repo, same):
        for ref in repo["refs"]:
            self.file("%srefs/%s" % (top, ref), repo["commit"].encode())
        if same[0] is repo and not any(q["refs"] for q in same):
            self.other(top + "refs/", "5", 0o755)

    def plan(self):
        m = self.m
        self.file("itts-bundle.json", self.text)
        self.file("itts-bundle.json.sig", b"\n" * 16384, listed=False)
        self.file("SHA256SUMS", b"", listed=False)
        with open(self.bundle, "rb") as f:
            whole = f.read(16 << 20)
        for e in m["extras"]:
            # known by digest alone: the one thing that is taken out of the bundle
            at = whole.index(header(e["path"], "0", 0o755 if e.get("executable") else 0o644,
                                    e["size"], m["epoch"])) + 512
            data = whole[at:at + e["size"]]
            assert hashlib.sha256(data).hexdigest() == e["sha256"], e
            self.file(e["path"], data, 0o755 if e.get("executable") else 0o644)
        self.file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        self.file("index.json", index(self.repos, self.text))
        self.oci(b"{}")
        self.oci(self.text)
        for r in self.repos:
            if has_image(r):
                self.oci(image(r, self.text))
        for sha256, uses in self.payloads.items():
            self.payload(sha256, uses)
        for r in self.repos:
            self.file("hub/%s/trees/%s.json" % (folder(r), r["commit"]), tree(r))
            if "hub_view" in r:
                self.file("checkpoints/%s/%s/trees/%s.json" % (r["hub_view"], folder(r), r["commit"]), tree(r))
        self.file("checkpoints/.itts-pack/%s.lock.json" % m["name"], lock(m))
        assert m["lock_digest"] == "sha256:" + hashlib.sha256(lock(m)).hexdigest()
        large = [(s, u) for s, u in self.payloads.items() if u[0][1]["size"] > PIECE and s not in self.left_out]
        self.file("itts-bundle.states", b"".join(states(self.blob(*u[0]), u[0][1]["size"]) for _, u in large),
                  listed=False)
        self.file("hub/CACHEDIR.TAG", TAG)
        for view in (True, False):
            for r in self.repos:
                if view and "hub_view" not in r:
                    continue
                same = [q for q in self.repos if folder(q) == folder(r) and
                        (not view or q.get("hub_view") == r["hub_view"])]
                top = "checkpoints/%s/" % r["hub_view"] if view else "hub/"
                self.refs(top + folder(r) + "/", r, same)

    def pieces(self):
        at = 0
        for name, kind, mode, data, target in self.members:
            if name == "SHA256SUMS":
                data = "".join(self.sums).encode()
            if isinstance(data, tuple):
                path, size = data
                head = aligned(at, header(name, kind, mode, size, self.m["epoch"]), size, self.m["epoch"])
                yield name, head
                with open(path, "rb") as f:
                    while piece := f.read(1 << 20):
                        yield name, piece
                tail = bytes(-size % 512)
            else:
                size = len(data)
                head = header(name, kind, mode, size, self.m["epoch"], target)
                yield name, head + data
                tail = bytes(-size % 512)
            yield name, tail
            at += len(head) + size + len(tail)
        yield "the end", bytes(1024 + -(at + 1024) % 10240)


def main():
    bundle, store = sys.argv[1:]
    w = Writer(bundle, store)
    assert compact(w.m) + b"\n" == w.text, "not one line of JSON without blanks"
    w.plan()
    at = 0
    with open(bundle, "rb") as f:
        for name, want in w.pieces():
            got = f.read(len(want))
            if got != want:
                i = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
                sys.exit("%s, byte %d: %r is %r by the page" % (name, at + i, got[i:i + 40], want[i:i + 40]))
            at += len(want)
        if f.read(1):
            sys.exit("something behind byte %d" % at)
    print("%d members, %d bytes" % (len(w.members), at))


main()
