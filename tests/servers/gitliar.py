#!/usr/bin/env python3
"""A git server (smart HTTP, protocol version 2, Git LFS) that means harm: the first
part of the path says which. /good/ is right, the others are wrong in one thing.

    gitliar.py [--ready FILE] [--log FILE]

A repository is at URL/CASE/voice.git; GET /commit/CASE says its commit.
Python standard library only."""

import argparse
import hashlib
import json
import re
import struct
import zlib

from httpbase import Handler, RequestLog, Server, announce, serve

COMMIT, TREE, BLOB, REF_DELTA = 1, 2, 3, 7
NAMES = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}
CONTENT = b'{"a": 1}\n'
ESCAPE = b"\x1b[2J\x1b[31mowned\x07"
WEIGHTS = b"w" * 100000


def name_of(kind, data):
    return hashlib.sha1(b"%s %d\0" % (NAMES[kind], len(data)) + data).digest()


def head(kind, size):
    first, size = kind << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    return bytes(out) + bytes([first])


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


class Pack:
    def __init__(self):
        self.parts = []

    def raw(self, kind, size, body, extra=b""):
        self.parts.append(head(kind, size) + extra + body)

    def add(self, kind, data):
        self.raw(kind, len(data), zlib.compress(data))
        return name_of(kind, data)

    def zeros(self, size):
        """A blob of so many zeros; nobody needs to have them."""
        sha, pump, out = hashlib.sha1(b"blob %d\0" % size), zlib.compressobj(1), []
        block = bytes(1 << 20)
        for _ in range(size >> 20):
            sha.update(block)
            out.append(pump.compress(block))
        self.raw(BLOB, size, b"".join(out) + pump.flush())
        return sha.digest()

    def swollen(self, base, size):
        """A blob that is said to be a base of 1 MiB many times over."""
        copies = size >> 20
        delta = varint(1 << 20) + varint(size) + (b"\xc0\x10") * copies
        self.raw(REF_DELTA, len(delta), zlib.compress(delta), base)
        sha = hashlib.sha1(b"blob %d\0" % size)
        for _ in range(copies):
            sha.update(bytes(1 << 20))
        return sha.digest()

    def bytes(self, count=None):
        text = b"PACK" + struct.pack(">II", 2, len(self.parts) if count is None else count)
        text += b"".join(self.parts)
        return text + hashlib.sha1(text).digest()


def tree(*entries):
    return b"".join(mode + b" " + name + b"\0" + oid for mode, name, oid in entries)


def file(name, oid):
    return (b"100644", name, oid)


def folder(name, oid):
    return (b"40000", name, oid)


def pointer(data, size=None):
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        hashlib.sha256(data).hexdigest().encode(), len(data) if size is None else size)


class Repository:
    """The pack of a case and its commit."""

    def __init__(self, case):
        self.pack, self.case, self.count = Pack(), case, None
        make = getattr(self, "make_" + case.replace("-", "_"), self.make_good)
        root = make()
        text = b"tree %s\nauthor t <t@t> 0 +0000\ncommitter t <t@t> 0 +0000\n\nx\n" % root.hex().encode()
        self.commit = self.pack.add(COMMIT, text).hex()
        self.data = self.pack.bytes(self.count)
        if case == "flipped":
            self.data = self.data[:-30] + bytes([self.data[-30] ^ 1]) + self.data[-29:]
        elif case == "cut":
            self.data = self.data[:-25]

    def root(self, *entries):
        return self.pack.add(TREE, tree(*entries))

    def one(self):
        return self.pack.add(BLOB, CONTENT)

    def make_good(self):
        weights = self.pack.add(BLOB, pointer(WEIGHTS))
        return self.root(file(b"config.json", self.one()), file(b"weights.bin", weights))

    def make_zeros(self):
        return self.root(file(b"config.json", self.pack.zeros(1 << 30)))

    def make_swollen(self):
        base = self.pack.add(BLOB, bytes(1 << 20))
        return self.root(file(b"config.json", self.pack.swollen(base, 2 << 30)))

    def make_many_swollen(self):
        base = self.pack.add(BLOB, bytes(1 << 20))
        rows = [file(b"f%02d" % i, self.pack.swollen(base, (60 + i) << 20)) for i in range(30)]
        return self.root(*rows)

    def make_slow(self):
        """Nothing is wrong, but there are 6 GB to take in, which nobody needs."""
        base = self.pack.add(BLOB, bytes(1 << 20))
        for i in range(200):
            delta = varint(1 << 20) + varint((30 << 20) + 4) + b"\xc0\x10" * 30 + b"\x04%04d" % i
            self.pack.raw(REF_DELTA, len(delta), zlib.compress(delta), base)
        return self.make_good()

    def make_promised(self):
        self.pack.raw(BLOB, 1 << 60, zlib.compress(CONTENT))
        return self.root(file(b"config.json", name_of(BLOB, CONTENT)))

    def make_smaller(self):
        self.pack.raw(BLOB, 3, zlib.compress(CONTENT))
        return self.root(file(b"config.json", name_of(BLOB, CONTENT)))

    def make_more_objects(self):
        self.count = 400000
        return self.make_good()

    def make_fewer_objects(self):
        self.count = 1
        return self.make_good()

    def make_branching(self):
        oid = self.root()
        for _ in range(12):
            oid = self.root(*(folder(b"d%d" % i, oid) for i in range(10)))
        return oid

    def make_deep(self):
        oid = self.root(file(b"f", self.one()))
        for _ in range(200):
            oid = self.root(folder(b"d", oid))
        return oid

    def make_wide(self):
        blob = self.one()
        return self.root(*(file(b"f%06d" % i, blob) for i in range(150000)))

    def make_long(self):
        return self.root(file(b"f" * 5000, self.one()))

    def make_dotdot(self):
        inner = self.root(file(b"passwd", self.one()))
        return self.root(folder(b"..", inner))

    def make_slash(self):
        return self.root(file(b"../../evil", self.one()))

    def make_control(self):
        return self.root(file(b"a" + ESCAPE, self.one()))

    def make_twice(self):
        blob = self.one()
        return self.root(file(b"config.json", blob), file(b"config.json", blob))

    def make_no_name(self):
        return self.root(file(b"", self.one()))

    def make_no_tree(self):
        return bytes(range(20))

    def make_no_blob(self):
        return self.root(file(b"config.json", bytes(range(20))))

    def make_blob_for_tree(self):
        return self.root(folder(b"d", self.one()))

    def make_rubbish_tree(self):
        return self.pack.add(TREE, b"100644 config.json\0short")

    def make_lfs_many(self):
        rows = []
        for i in range(250):
            rows.append(file(b"w%03d.bin" % i, self.pack.add(BLOB, pointer(b"%d" % i))))
        return self.root(*rows)

    def make_lfs_sizes(self):
        weights = self.pack.add(BLOB, pointer(WEIGHTS, 99))
        return self.root(file(b"weights.bin", weights))


def pkt(data):
    return b"%04x" % (len(data) + 4) + data


class GitHandler(Handler):
    origin = "git"
    repositories = {}

    def repository(self, case):
        if case not in self.repositories:
            self.repositories[case] = Repository(case)
        return self.repositories[case]

    def do_GET(self):
        path = self.path.split("?")[0]
        match = re.fullmatch(r"/(commit|object)/([a-z0-9-]+)", path)
        if match and match.group(1) == "commit":
            return self.answer(200, self.repository(match.group(2)).commit.encode())
        if match:
            if match.group(2) == "lfs-redirect":
                return self.answer(302, b"", [("Location", self.server.url.replace(
                    "127.0.0.1", "localhost") + "/object/good")])
            if match.group(2) == "lfs-many":
                return self.answer(200, self.path.split("?n=")[1].encode())
            return self.answer(200, WEIGHTS[:-1] + (b"x" if match.group(2) == "lfs-bytes" else b"w"))
        match = re.fullmatch(r"/([a-z0-9-]+)/voice\.git/info/refs", path)
        if not match:
            return self.answer(404, {"error": "no"})
        text = pkt(b"# service=git-upload-pack\n") + b"0000" + pkt(b"version 2\n")
        if match.group(1) == "refused":
            text = pkt(b"ERR " + ESCAPE + b"\n")
        elif match.group(1) == "endless-advert":
            text += pkt(b"x" * 60000) * 1000
        text += pkt(b"ls-refs\n") + pkt(b"fetch=shallow filter\n") + b"0000"
        return self.answer(200, text, kind="application/x-git-upload-pack-advertisement")

    def do_POST(self):
        body = self.read_body()
        match = re.fullmatch(r"/([a-z0-9-]+)/voice\.git/(git-upload-pack|info/lfs/objects/batch)", self.path)
        case, what = match.groups()
        if what != "git-upload-pack":
            return self.batch(case, json.loads(body))
        if b"command=ls-refs" in body:
            return self.send(self.refs(case))
        if case == "band-error":
            return self.send(pkt(b"packfile\n") + pkt(b"\x03" + ESCAPE + b"\n"))
        data, out = self.repository(case).data, [pkt(b"packfile\n")]
        for at in range(0, len(data), 60000):
            out.append(pkt(b"\x01" + data[at:at + 60000]))
        return self.send(b"".join(out) + b"0000")

    def refs(self, case):
        commit = self.repository(case).commit.encode()
        if case == "other-commit":
            commit = b"1" * 40
        if case == "ref-escape":
            return pkt(commit + b" refs/heads/main" + ESCAPE + b"\n") + b"0000"
        if case == "ref-short":
            return pkt(commit[:20] + b"\n") + pkt(b"\n") + pkt(b"") + b"0000"
        if case == "ref-peeled":
            return pkt(commit + b" refs/heads/main peeled:../../x\n") + b"0000"
        if case == "endless-refs":
            return pkt(b"2" * 40 + b" refs/heads/" + b"x" * 60000 + b"\n") * 3000 + b"0000"
        if case == "bad-length":
            return b"zzzz" + commit
        return pkt(commit + b" refs/heads/main\n") + b"0000"

    def send(self, data):
        return self.answer(200, data, kind="application/x-git-upload-pack-result")

    def batch(self, case, wanted):
        rows = []
        if re.fullmatch("lfs-[0-9]+", case):
            return self.answer(int(case[4:]), {"message": "no more of " + ESCAPE.decode() + "it"})
        if case == "lfs-many" and len(wanted["objects"]) > 100:
            return self.answer(413, {"message": "too many objects"})
        for row in wanted["objects"]:
            href = self.server.url + "/object/" + case
            if case == "lfs-file":
                href = "file:///etc/passwd"
            header = {"X-Own": "1"}
            if case in ("lfs-redirect", "lfs-elsewhere", "lfs-verify"):
                header["Authorization"] = "Bearer lfs_CaNaRy"
            if case == "lfs-elsewhere":
                href = href.replace("127.0.0.1", "localhost")
            if case == "lfs-many":
                href += "?n=" + next(str(i) for i in range(250) if hashlib.sha256(
                    b"%d" % i).hexdigest() == row["oid"])
            if case == "lfs-gone":
                rows.append({"oid": row["oid"], "size": row["size"], "error": {
                    "code": 410, "message": "taken away\nby us"}})
                continue
            if case == "lfs-header":
                header = {"X-Own": "1\r\nX-Evil: 1"}
            oid = "0" * 64 if case == "lfs-oid" else row["oid"]
            actions = {"download": {"href": href, "header": header}}
            if case == "lfs-verify":
                actions["verify"] = {"href": self.server.url + "/verify", "header": header}
            rows.append({"oid": oid, "size": row["size"], "authenticated": True, "actions": actions})
        if case == "lfs-none":
            rows = []
        return self.answer(200, {"transfer": "xet" if case == "lfs-transfer" else "basic", "objects": rows},
                           kind="application/vnd.git-lfs+json")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--ready", help="file that gets the URL, as JSON, once listening")
    p.add_argument("--log", help="request log, one JSON object a line")
    args = p.parse_args()
    Handler.log = RequestLog(args.log)
    server = Server("127.0.0.1", GitHandler)
    announce(args.ready, git=server.url)
    serve([server])


if __name__ == "__main__":
    main()
