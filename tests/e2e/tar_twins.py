"""tar_twins.py TAR_LIST DIR [SEED]: archives whose headers were changed. Where both
base/tar_reader (TAR_LIST, see tar_list.c) and GNU tar take one to its end, they must see
the same files, sizes and bytes (and names, but see change()). Prints what differs. What only libarchive takes must
be of a class that lenient() knows; a bundle's own headers are never read this way, only
archives of others (import, fetch), where each file is still proven by its digest. Sparse files are left out: libarchive knows fewer ways to write them."""

import hashlib
import io
import os
import random
import re
import subprocess
import sys
import tarfile

program, top = sys.argv[1:3]
dice = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 20260101)
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
NAMES = ("a", "dir/b.bin", "x" * 100, "y" * 120, "d" * 90 + "/" + "e" * 60, "z" * 200 + "/f")


def original():
    """A small archive; its members and where their headers are."""
    out, at = io.BytesIO(), []
    with tarfile.open(fileobj=out, mode="w", format=dice.choice(FORMATS)) as t:
        for i in range(dice.randint(2, 4)):
            name = dice.choice(NAMES)
            if t.format == tarfile.USTAR_FORMAT and len(name) > 150:
                name = "short"
            m = tarfile.TarInfo("%d%s" % (i, name[:99] if t.format == tarfile.USTAR_FORMAT else name))
            data = dice.randbytes(dice.choice((0, 1, 511, 512, 513, 1500)))
            m.size = len(data)
            if t.format == tarfile.PAX_FORMAT and dice.random() < 0.3:
                m.pax_headers = {"comment": "c" * dice.randint(1, 600)}
            at.append(out.tell())
            t.addfile(m, io.BytesIO(data))
    return bytearray(out.getvalue()), at


def seal(data, at):
    data[at + 148:at + 156] = b" " * 8
    data[at + 148:at + 156] = b"%06o\0 " % sum(data[at:at + 512])


def change(data, at):
    """One header, at one place, with a right checksum (mostly). Does it leave alone what
    libarchive and GNU tar read names from in their own ways: headers that hold names, and
    global ones, whose path libarchive ignores?"""
    kept = data[at + 156] not in b"LKx"
    what = dice.randrange(9)
    if what == 0:  # a size in all its spellings
        size = dice.choice((0, 1, 511, 512, 513, 1024, 8 ** 11 - 1))
        field = dice.choice((b"%011o\0" % size, b"%11o " % size, b"%o" % size, b"%011o8" % size,
                             b"-%010o\0" % size, b"\x80" + size.to_bytes(11, "big"),
                             b"\xff" * 12, b"0x%x" % size, b"\0" * 12, b" " * 12, b"%012o" % size,
                             b"%dz" % size))
        data[at + 124:at + 136] = field[:12].ljust(12, b"\0")
    elif what == 1:  # a type
        data[at + 156] = dice.choice(b"\0" b"01234567ALKxgVMNDXZ")
    elif what == 2:  # another magic
        data[at + 257:at + 265] = dice.choice((b"ustar\0" b"00", b"ustar  \0", b"\0" * 8, b"ustar\0\0\0",
                                               b"USTAR\0" b"00"))
    elif what == 3:  # a prefix
        data[at + 345:at + 500] = dice.choice((b"p", b"p/", b"/p", b"q" * 155)).ljust(155, b"\0")
    elif what == 4:  # a name
        data[at:at + 100] = dice.choice((b"", b"n" * 100, b"./n", b"n/", b"a\0b", b"n//m", b"\xff\xfe")
                                        ).ljust(100, b"\0")
    elif what == 5:  # records of pax, or whatever stands there
        old = dice.choice((b"size=1", b"size=513", b"path=other", b"size=-1", b"size=", b"path=", b"size=1x",
                           b"mtime=1", b"linkpath=l", b"SCHILY.xattr.user.a=b"))
        record = b" " + old + b"\n"
        n = len(record) + 2
        record = (b"%d" % n) + record
        kind = dice.choice(b"xxxg")
        kept = kept and kind != ord("g")
        data[at:at] = bytearray(pax(record, kind))
    elif what == 6:  # no end, or one in the middle
        data[at:at] = bytearray(512 * dice.randint(1, 3))
    elif what == 7:  # cut
        del data[at + dice.choice((0, 100, 512, 700)):]
        return kept
    else:  # a bit anywhere in it
        data[at + dice.randrange(512)] ^= 1 << dice.randrange(8)
        if dice.random() < 0.3:
            return kept
    seal(data, at)
    return kept and data[at + 156] not in b"LKx"


def pax(record, kind):
    block = bytearray(512)
    block[0:5] = b"PaxHd"
    block[100:107] = b"0000644"
    block[124:135] = b"%011o" % len(record)
    block[156] = kind
    block[257:265] = b"ustar\0" b"00"
    seal(block, 0)
    return bytes(block) + record.ljust(-(-len(record) // 512) * 512, b"\0")


def ours(files):
    seen, digests = {}, {}
    text = subprocess.run([program] + files, stdout=subprocess.PIPE, check=True).stdout
    for line in text.decode("utf-8", "replace").splitlines():
        if line.startswith("= "):
            members = []
            current = line[2:]
        elif line.startswith("end"):
            seen[current] = members
            digests[current] = line.split()[1]
        elif not line.startswith("refused"):
            kind, size, digest, name = (line + " ").split(" ")[:4]
            members.append((kind, int(size), digest, bytes.fromhex(name).rstrip(b"/")))
    return seen, digests


def gnu(file):
    """Names as they stand, sizes, and the bytes; or, as text, why it does not take it."""
    run = subprocess.run(["tar", "-tvP", "--numeric-owner", "--quoting-style=escape", "-f", file],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
    if run.returncode:
        return run.stderr.decode("latin-1")
    members = []
    for line in run.stdout.decode("latin-1").splitlines():
        m = re.match(r"(.)\S* +\S+ +(\S+) \S+ \S+ (.*)", line)
        members.append((m[1], m[2], m[3]))
    data = subprocess.run(["tar", "-xOPf", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return members, data


def lenient(why, file):
    """Does libarchive rightly take what GNU tar refuses with these words?"""
    # a number ends for libarchive at the first character that is no octal digit, blanks are 0
    if re.match(r"tar: (Archive contains '[^']*'|Blanks in header) where numeric \w+ value expected\n", why):
        return True
    # a pax record that cannot be read is left out, the headers of ustar count
    if re.match(r"tar: (Malformed extended header: |Extended header (length \d+|size=))", why):
        return True
    # a size for all members (a global record) means nothing to libarchive: GNU tar
    # gives it to each of them and finds no header where the next should be
    with open(file, "rb") as f:
        data = f.read()
    return why.startswith("tar: Skipping to next header\n") and any(
        data[at + 156:at + 157] == b"g" and data[at:at + 5] == b"PaxHd" and b" size=" in data[at + 512:at + 1024]
        for at in range(0, len(data), 512))


def escaped(name):
    out = ""
    for c in name:
        out += {10: "\\n", 92: "\\\\", 9: "\\t", 13: "\\r", 7: "\\a", 8: "\\b", 12: "\\f", 11: "\\v", 127: "\\177"}.get(
            c, chr(c) if 32 <= c < 127 else "\\%03o" % c)
    return out


def squeezed(name):
    return re.sub("/+", "/", name).rstrip("/")


def main():
    files, named, taken, alone, differ = [], set(), 0, 0, 0
    for i in range(400):
        data, at = original()
        kept = change(data, dice.choice(at))
        files.append(os.path.join(top, "%03d.tar" % i))
        with open(files[-1], "wb") as f:
            f.write(data)
        if kept:
            named.add(files[-1])
    seen, digests = ours(files)
    for file in files:
        if file not in seen:
            continue
        taken += 1
        mine = [(str(m[1]), squeezed(escaped(m[3]))) for m in seen[file] if m[0] == "f"]
        theirs = gnu(file)
        if isinstance(theirs, str):
            alone += 1
            if not lenient(theirs, file):
                print(file, "taken by us alone:", theirs)
                differ += 1
            continue
        # contiguous files and, as POSIX wants it, types that nobody knows are files
        theirs, data = theirs
        theirs = [(t[1], squeezed(t[2].split(" unknown file type")[0])) for t in theirs if t[0] in "-C?"]
        if file not in named:
            mine, theirs = ([m[0] for m in mine], [t[0] for t in theirs])
        if mine != theirs or hashlib.sha256(data).hexdigest() != digests[file]:
            print(file, theirs, mine)
            differ += 1
    print("%d taken, %d of them by us alone, %d differ" % (taken, alone, differ))
    sys.exit(differ > 0 or taken - alone < 150 or alone > 3 or taken == len(files))


main()
