"""hostile.py GOOD.tar SIGNED.tar OTHER-SIGNED.tar OUT: makes hostile bundles and archives
into OUT and prints a table: KIND NAME STATUS WORDS, separated by tabs. KIND is bundle
or import; WORDS must be in the one line that refuses it."""

import hashlib
import io
import json
import os
import random
import struct
import sys
import tarfile
import zipfile

good_file, signed_file, other_file, out = sys.argv[1:]
with open(good_file, "rb") as f:
    GOOD = f.read()
with tarfile.open(good_file) as t:
    MEMBERS = t.getmembers()
MANIFEST = GOOD[512:512 + int(GOOD[124:135], 8)]
PAYLOADS = [m for m in MEMBERS if m.name.startswith("blobs/sha256/") and m.isreg() and m.size > 60000]
FIRST, SECOND = PAYLOADS[:2]


def begin(m):
    """Where the headers of a member begin; padding before a payload belongs to it."""
    return m.offset


def put(kind, name, status, words, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)
    print(kind, name, status, words, sep="\t")


def sealed(h):
    """A header block with the checksum that it needs."""
    h = bytearray(h)
    h[148:156] = b" " * 8
    h[148:155] = b"%06o\0" % sum(h)
    return bytes(h)


def field(at, value, header):
    h = bytearray(header)
    h[at:at + len(value)] = value
    return sealed(h)


def replaced(m, header):
    at = m.offset_data - 512
    return GOOD[:at] + header + GOOD[at + 512:]


def inserted(at, data):
    """As long as the good one, or its size alone would give it away."""
    return (GOOD[:at] + data + GOOD[at:])[:len(GOOD)]


def member(name, data=b"", kind=tarfile.REGTYPE, link="", pax=None, fmt=tarfile.USTAR_FORMAT):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    if pax:
        info.pax_headers, fmt = pax, tarfile.PAX_FORMAT
    return info.tobuf(fmt) + data + bytes(-len(data) % 512)


def pax_block(records):
    text = b""
    for key, value in records:
        line = b" %s=%s\n" % (key, value)
        n = len(line) + 1
        while len(str(n)) + len(line) != n:
            n += 1
        text += str(n).encode() + line
    return member("PaxHeader", text, kind=b"x")


def with_manifest(old, new, count=1):
    assert MANIFEST.count(old) >= 1, old
    text = MANIFEST.replace(old, new, count)
    head = field(124, b"%011o" % len(text), GOOD[:512])
    return head + text + bytes(-len(text) % 512) + GOOD[512 + len(MANIFEST) + -len(MANIFEST) % 512:]


def bundles():
    head = GOOD[FIRST.offset_data - 512:FIRST.offset_data]
    body = GOOD[FIRST.offset_data:FIRST.offset_data + FIRST.size]
    whole = head + body + bytes(-len(body) % 512)
    link = next(m for m in MEMBERS if m.islnk())
    first = "blobs/sha256/"
    put("bundle", "traversal", 8, "..", with_manifest(b'"path":"a.bin"', b'"path":"../../a.bin"'))
    put("bundle", "absolute", 8, "/etc/cron.d/x", with_manifest(b'"path":"a.bin"', b'"path":"/etc/cron.d/x"'))
    put("bundle", "view-out", 8, "view of", with_manifest(b'"views":["a.bin"]', b'"views":["../m2/a.bin"]'))
    put("bundle", "control-bytes", 8, "control", with_manifest(b'"path":"a.bin"', b'"path":"a\\u001b[2Jb"'))
    put("bundle", "case-twin", 7, "differ", with_manifest(b'"path":"b.bin"', b'"path":"A.BIN"'))
    put("bundle", "unicode-twin", 7, "differ",
        two_paths("e\u0301", "\u00e9"))
    put("bundle", "ref-out", 8, "../../x", with_manifest(b'"refs":["main"]', b'"refs":["../../x"]'))
    put("bundle", "extra-takes-hub", 8, "extras", with_manifest(b'"INSTALL.txt"', b'"hub/models"'))
    put("bundle", "deep-json", 7, "deep", with_manifest(b'"groups":[]', b'"groups":' + b"[" * 5000 + b"]" * 5000))
    put("bundle", "serial-jump", 8, "--allow-jump", with_manifest(b'"serial":7', b'"serial":9007199254740991'))
    put("bundle", "replay", 8, "older than serial 7", with_manifest(b'"serial":7', b'"serial":6'))
    put("bundle", "symlink-first", 9, first, inserted(begin(FIRST), member("blobs/sha256", kind=tarfile.SYMTYPE,
                                                                          link="/tmp")))
    put("bundle", "hard-link-out", 9, link.name.split("/")[1],
        replaced(link, field(157, b"../../../outside".ljust(100, b"\0"), GOOD[link.offset_data - 512:link.offset_data])))
    put("bundle", "device", 9, first, replaced(FIRST, field(156, b"3", head)))
    put("bundle", "fifo", 9, first, replaced(FIRST, field(156, b"6", head)))
    put("bundle", "sparse", 9, first, replaced(FIRST, field(156, b"S", head)))
    put("bundle", "gnu-long-name", 9, first, inserted(FIRST.offset_data - 512,
                                                     member("././@LongLink", b"../../../outside/x\0", kind=b"L")))
    put("bundle", "duplicate", 9, "expected 0x68", inserted(FIRST.offset_data + len(whole) - 512, whole))
    put("bundle", "pax-path", 9, first, inserted(FIRST.offset_data - 512, pax_block([(b"path", b"../../outside/x")])))
    put("bundle", "pax-size", 9, first, inserted(SECOND.offset_data - 512, pax_block([(b"size", b"5")])))
    put("bundle", "size-lies", 9, first, replaced(FIRST, field(124, b"%011o" % (FIRST.size + 512), head)))
    put("bundle", "manifest-size-lies", 7, "larger than", field(124, b"77777777777", GOOD[:512]) + GOOD[512:])
    put("bundle", "hidden-tail", 7, "follows the end", GOOD + member("../outside/x", b"tail") + bytes(1024))
    put("bundle", "two-manifests", 9, "itts-bundle.json.sig",
        inserted(512 + len(MANIFEST) + -len(MANIFEST) % 512, GOOD[:512 + len(MANIFEST) + -len(MANIFEST) % 512]))
    put("bundle", "manifest-behind", 7, "not a bundle", whole + GOOD)
    a, b = FIRST, SECOND
    assert a.size == b.size
    swapped = bytearray(GOOD)
    swapped[a.offset_data:a.offset_data + a.size] = GOOD[b.offset_data:b.offset_data + b.size]
    swapped[b.offset_data:b.offset_data + b.size] = GOOD[a.offset_data:a.offset_data + a.size]
    put("bundle", "blob-swap", 9, "expected", bytes(swapped))
    # a frame that wants a window of 2 GiB; then one that never ends
    block = GOOD[:100000]
    put("bundle", "zstd-window", 7, "too much memory for decoding; if it may have that, unpack it first with zstd -d --long=31", b"\x28\xb5\x2f\xfd\0" + bytes([(31 - 10) << 3]) +
        struct.pack("<I", len(block) << 3 | 1)[:3] + block)
    put("bundle", "zstd-bomb", 9, "neither empty",
        b"\x28\xb5\x2f\xfd\0" + bytes([(17 - 10) << 3]) +
        struct.pack("<I", 512 << 3)[:3] + field(124, b"%011o" % (8 << 20), GOOD[:512]) +
        (struct.pack("<I", 131072 << 3 | 2)[:3] + b" ") * 20000)


def two_paths(one, two):
    """Two files whose names some file systems take for one."""
    text = MANIFEST.replace(b'"path":"a.bin"', ('"path":"%s"' % one).encode(), 1)
    text = text.replace(b'"path":"b.bin"', ('"path":"%s"' % two).encode(), 1)
    head = field(124, b"%011o" % len(text), GOOD[:512])
    return head + text + bytes(-len(text) % 512) + GOOD[512 + len(MANIFEST) + -len(MANIFEST) % 512:]


def another_signature():
    """The right signature of the same signer, on another bundle."""
    slots = []
    for name in (signed_file, other_file):
        with open(name, "rb") as f, tarfile.open(name) as tar:
            f.seek(tar.getmember("itts-bundle.json.sig").offset_data)
            slots.append((tar.getmember("itts-bundle.json.sig").offset_data, f.read(16384)))
    with open(signed_file, "rb") as f:
        data = bytearray(f.read())
    at = slots[0][0]
    data[at:at + 16384] = slots[1][1]
    put("signed", "another-signature", 9, "not of this manifest", bytes(data))


REPO = "models--a--b/"
COMMIT = "a" * 40


def imports():
    data = random.Random(2).randbytes(3000)
    sha = hashlib.sha256(data).hexdigest()
    blob, snap = REPO + "blobs/" + sha, REPO + "snapshots/" + COMMIT + "/"
    end = bytes(1024)
    honest = member(blob, data)

    def case(name, status, words, *parts):
        put("import", "import-" + name, status, words, b"".join(parts) + end)

    case("traversal", 8, "..", member(REPO + "blobs/../../../outside/x", data))
    case("absolute", 8, "absolute", member("/outside/" + blob, data))
    case("link-out", 8, "leads out", honest, member(snap + "x", kind=tarfile.SYMTYPE, link="../../../../outside/x"))
    case("link-through", 8, "needs a directory", member(REPO + "blobs", kind=tarfile.SYMTYPE, link="../outside"), honest)
    case("hard-link-out", 8, "hard link", member(snap + "x", kind=tarfile.LNKTYPE, link="../../outside/canary"))
    case("device", 8, "a device or pipe", member(blob, kind=tarfile.CHRTYPE))
    case("fifo", 8, "pipe: a device or pipe", member(snap + "pipe", kind=tarfile.FIFOTYPE))
    case("duplicate", 8, "twice", honest, honest)
    case("case-twin", 8, "differ only by case", honest, member(snap + "a", kind=tarfile.SYMTYPE, link="../../blobs/" + sha),
         member(snap + "A", kind=tarfile.SYMTYPE, link="../../blobs/" + sha))
    case("unicode-twin", 8, "is there twice", honest,
         member(snap + "\u00e9", kind=tarfile.SYMTYPE, link="../../blobs/" + sha, pax={"comment": "x"}),
         member(snap + "e\u0301", kind=tarfile.SYMTYPE, link="../../blobs/" + sha, pax={"comment": "x"}))
    case("control-bytes", 8, "control", honest, member(snap + "a\x1b[2J", kind=tarfile.SYMTYPE, link="../../blobs/" + sha))
    case("pax-path", 8, "..", pax_block([(b"path", b"models--a--b/../../outside/x")]), honest)
    case("pax-size", 7, "damaged", pax_block([(b"size", b"5")]), honest)
    case("size-lies", 7, "Truncated", field(124, b"%011o" % (1 << 30), honest[:512]) + honest[512:])
    case("ref-out", 8, "..", honest, member(REPO + "refs/../../../outside/x", COMMIT.encode()))
    case("blob-lies", 9, "expected", member(REPO + "blobs/" + "1" * 64, data),
         member(snap + "x", kind=tarfile.SYMTYPE, link="../../blobs/" + "1" * 64))
    case("loop", 8, "links lead to links", member(snap + "x", kind=tarfile.SYMTYPE, link="y"), member(snap + "y", kind=tarfile.SYMTYPE, link="x"))
    # these are left out with a warning, and say nothing
    with open(os.path.join(out, "strange"), "wb") as strange:
        strange.write(honest + member(snap + "x", kind=tarfile.SYMTYPE, link="../../blobs/" + sha) +
                      member(REPO + "refs/main", b"../../outside") +
                      member(REPO + "trees/" + COMMIT + ".json", b'{"a":' * 5000) + end)
    z = io.BytesIO()
    with zipfile.ZipFile(z, "w", zipfile.ZIP_DEFLATED) as f:
        f.writestr(zipfile.ZipInfo(REPO + "blobs/" + "2" * 64), bytes(64 << 20), zipfile.ZIP_DEFLATED)
    bomb = bytearray(z.getvalue())
    # it says 5 bytes, in both places
    struct.pack_into("<I", bomb, 22, 5)
    struct.pack_into("<I", bomb, bomb.rindex(b"PK\1\2") + 24, 5)
    put("import", "import-zip-bomb", 9, "expected 2222", bytes(bomb))


bundles()
another_signature()
imports()
assert json.loads(MANIFEST)["serial"] == 7
