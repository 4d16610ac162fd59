#!/usr/bin/env bash
# Bad input of every kind: one clear error, the status of its class, an unchanged
# disk.
. "$(dirname "$0")/lib.sh"

need python3 zip zstd gzip
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "bad", "repos": [{"files": [{"path": "a.bin", "size": 70001, "views": ["a.bin"]},
	{"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["config.yaml"]}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"
B=$T/bad
mkdir "$B"
python3 - "$T" "$B" <<'PYTHON'
import gzip, io, json, os, random, sys, tarfile
work, bad = sys.argv[1:]
def put(name, data):
    with open(os.path.join(bad, name), "wb") as f:
        f.write(data)
put("empty", b"")
put("random", random.Random(1).randbytes(100000))
put("zeros", bytes(100000))
put("page.html", b"<!DOCTYPE html>\n<html><title>Sign in</title></html>\n")
put("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n")
put("text", b"hello\n" * 1000)
put("json", b'{"format": "itts-lock"}')
put("short", open(work + "/b.tar", "rb").read()[:300])
put("bomb.gz", gzip.compress(bytes(300 << 20)))
good = open(work + "/b.tar", "rb").read()
size = int(good[124:135], 8)
manifest = good[512:512 + size]
def with_manifest(name, text, length=None):
    """A bundle with another manifest and a header that is right for it."""
    h = bytearray(good[:512])
    h[124:135] = b"%011o" % (len(text) if length is None else length)
    h[148:156] = b" " * 8
    h[148:155] = b"%06o\0" % sum(h)
    put(name, bytes(h) + text + bytes(-len(text) % 512) + good[512 + size + -size % 512:])
with_manifest("m-empty", b"")
with_manifest("m-huge", manifest, 0o77777777777)
with_manifest("m-9m", b" " * ((8 << 20) + 1))
with_manifest("m-deep", b'{"format":' + b"[" * 100000)
with_manifest("m-twice", manifest.replace(b'"serial":1,', b'"serial":1,"serial":1,'))
with_manifest("m-nul", manifest.replace(b'"bad"', b'"b\\u0000d"'))
with_manifest("m-surrogate", manifest.replace(b'"bad"', b'"b\\ud800d"'))
with_manifest("m-utf8", manifest.replace(b'"bad"', b'"b\xffd"'))
with_manifest("m-float", manifest.replace(b'"serial":1', b'"serial":1e400'))
with_manifest("m-bom", b"\xef\xbb\xbf" + manifest)
with_manifest("m-version", manifest.replace(b'"version":2', b'"version":3'))
for n, path in enumerate(("../a.bin", "/a.bin", "a/../../b", "a//b", "a\\\\b", "\\u202ea", "CON\\n", "")):
    with_manifest("unsafe-path-%d" % n, manifest.replace(b'"path":"a.bin"', b'"path":"%s"' % path.encode()))
    with_manifest("unsafe-view-%d" % n, manifest.replace(b'"views":["a.bin"]', b'"views":["%s"]' % path.encode()))
with_manifest("unsafe-repo", manifest.replace(b'"acme/voice"', b'"../voice"'))
with_manifest("unsafe-ref", manifest.replace(b'"refs":["main"]', b'"refs":["../../x"]'))
with_manifest("unsafe-extra", manifest.replace(b'"INSTALL.txt"', b'"hub/a"'))
with_manifest("unsafe-twins", manifest.replace(b'"path":"a.bin"', b'"path":"CONFIG.yaml"'))
def tar(name, *members):
    with tarfile.open(os.path.join(bad, name), "w") as t:
        for member, data in members:
            info = tarfile.TarInfo(member)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                t.addfile(info)
            elif data is None:
                info.type, info.devmajor = tarfile.CHRTYPE, 1
                t.addfile(info)
            else:
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
R = "models--a--b/"
H = "a" * 40
tar("other.tar", ("a.txt", b"hello"))
tar("import-out.tar", (R + "blobs/../../../x", b"x"))
tar("import-abs.tar", ("/" + R + "blobs/" + H, b"x"))
tar("import-link.tar", (R + "snapshots/" + H + "/x", "../../../../../etc/passwd"))
tar("import-through.tar", (R + "blobs", "/tmp"), (R + "blobs/" + H, b"x"))
tar("import-device.tar", (R + "blobs/" + H, None))
tar("import-twice.tar", (R + "refs/main", H.encode()), (R + "refs/main", b"b" * 40))
tar("import-case.tar", (R + "snapshots/" + H + "/a", b"x"), (R + "snapshots/" + H + "/A", b"x"))
tar("import-wrong.tar", (R + "blobs/" + "1" * 64, b"x"), (R + "snapshots/" + H + "/x", "../../blobs/" + "1" * 64))
tar("import-loop.tar", (R + "snapshots/" + H + "/x", "y"), (R + "snapshots/" + H + "/y", "x"))
PYTHON
mkfifo "$B/fifo"
mkdir "$B/directory"
zstd -q "$B/random" -o "$B/random.zst"
gzip -c "$B/other.tar" >"$B/other.tar.gz"
(cd "$B" && zip -q other.zip text)
head -c 40000 "$T/b.tar" | zstd -q >"$B/cut.zst"

untouched() { # COMMAND...: nothing below $T/disk is made
	rm -rf "$T/disk"
	mkdir "$T/disk"
	"$@"
	same "$(find "$T/disk" -mindepth 1)" ""
}
each() { # STATUS FILE...: the three readers of bundles
	local status=$1 file
	shift
	for file; do
		untouched expect "$status" timeout 20 "$PROGRAM" install "$B/$file" --cache "$T/disk/hub" --model-dir "$T/disk/m"
		one_error
		says "$file"
		expect "$status" timeout 20 "$PROGRAM" verify "$B/$file"
		one_error
		expect "$status" timeout 20 "$PROGRAM" inspect "$B/$file"
		one_error
		untouched expect "$status" sh -c 'cat "$1" | timeout 20 "$0" install - --cache "$T/disk/hub"' "$PROGRAM" "$B/$file"
		one_error
	done
}
no_bundles() {
	each 7 empty random zeros page.html pointer text json short other.tar other.tar.gz other.zip random.zst bomb.gz
	expect 7 itts install "$B/page.html" --cache "$T/x"
	says "web page"
	expect 7 itts install "$B/other.tar.gz" --cache "$T/x"
	says --import
	expect 7 itts install "$T/store" --cache "$T/x"
	says directory
	each_missing
}
each_missing() {
	for command in "install --cache $T/x" verify inspect; do
		expect 6 itts $command "$T/no such file"
		one_error
		says "no such file"
	done
	test ! -e "$T/x"
}
directory() {
	for command in "install --cache $T/disk/x" verify inspect; do
		untouched expect 7 itts $command "$B/directory"
		one_error
		says directory
	done
	untouched expect 7 itts install --import "$B/directory" --cache "$T/disk/x"
	one_error
}
fifo() { # it waits for bytes, and ends when nobody writes any
	sleep 0.2 >"$B/fifo" &
	untouched expect 7 timeout 10 "$PROGRAM" install "$B/fifo" --cache "$T/disk/hub"
	one_error
	wait
	"$PROGRAM" verify "$B/fifo" <"$T/b.tar" >"$T/out" 2>"$T/err" &
	cat "$T/b.tar" >"$B/fifo"
	wait $!
}
malformed() {
	each 7 m-empty m-huge m-9m m-deep m-twice m-nul m-surrogate m-utf8 m-float m-bom m-version
	expect 7 itts inspect "$B/m-version"
	says "version 3" "as new as"
}
unsafe() {
	local file
	for file in "$B"/unsafe-*; do
		each 8 "$(basename "$file")" || each 7 "$(basename "$file")"
	done
}
cut_stream() {
	untouched expect 7 itts inspect "$B/empty"
	expect 7 itts install "$B/cut.zst" --cache "$T/cut"
	one_error
	says "cut.zst"
	cache_is_honest "$T/cut"
	test ! -e "$T/cut/models--acme--voice/refs/main"
}
imports() { # STATUS FILE...
	local status=$1 file
	shift
	for file; do
		untouched_import within "$status" timeout 20 "$PROGRAM" install --import "$B/$file" --cache "$T/disk/hub"
		one_error
		says "$file"
	done
}
untouched_import() { # what came before the error may be there, if it is right
	rm -rf "$T/disk" /tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	mkdir "$T/disk"
	"$@"
	same "$(find "$T/disk" -type f | grep -v '/.locks/\|CACHEDIR.TAG' || true)" ""
	test ! -e /tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
}
bad_imports() {
	imports 7 empty random page.html text other.tar other.zip bomb.gz
	imports 8 import-out.tar import-abs.tar import-link.tar import-device.tar import-twice.tar \
		import-case.tar import-loop.tar import-through.tar
	imports 9 import-wrong.tar
	untouched_import expect 7 itts install --import "$T/b.tar" --cache "$T/disk/hub"
	says "without --import"
}
# So many entries, and just one too many, by hand: tarfile and zipfile take minutes for them.
crowded_imports() {
	local name
	python3 - "$B" <<'PYTHON'
import struct, sys, tarfile, zlib
def crowd(make, count):
    row = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
    row[148:157] = b" " * 8 + b"0"
    total = sum(row)
    for i in range(count):
        path, prefix = make(i)
        row[:100], row[345:500] = path.ljust(100, b"\0"), prefix.ljust(155, b"\0")
        row[148:156] = b"%06o\0 " % (total + sum(path) + sum(prefix))
        yield bytes(row)
def tar(name, make, count):
    pump = zlib.compressobj(1, zlib.DEFLATED, 31)
    with open("%s/%s.tar.gz" % (sys.argv[1], name), "wb") as out:
        for row in crowd(make, count):
            out.write(pump.compress(row))
        out.write(pump.compress(bytes(1024)) + pump.flush())
snapshot = b"models--acme--voice/snapshots/" + b"1" * 40
tar("crowd", lambda i: (b"f%d" % i, snapshot), 300001)
tar("over", lambda i: (b"f%d" % i, snapshot), 100001)
tar("names", lambda i: (b"f%d" % i + b"x" * 80, snapshot + b"/" + b"y" * 80), 110000)
def zip(name, count):
    local, central, at = [], [], 0
    for i in range(count):
        path = snapshot + b"/f%d" % i
        local.append(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, len(path), 0) + path)
        central.append(struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(path), 0, 0, 0, 0, 0, at) + path)
        at += len(local[-1])
    size = sum(map(len, central))
    end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at) + \
        struct.pack("<4sIQI", b"PK\6\7", 0, at + size, 1) + \
        struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    with open("%s/%s.zip" % (sys.argv[1], name), "wb") as out:
        out.write(b"".join(local + central) + end)
zip("crowd", 170001)
zip("over", 60001)
PYTHON
	for name in crowd over; do
		imports 7 $name.tar.gz
		says "more than 100000 entries" "an archive of each repository"
		imports 7 $name.zip
		says "a zip of more than 60000 entries" "a tar may have more"
	done
	imports 7 names.tar.gz
	says "the names alone need more than 24 MiB" "an archive of each repository"
	rm "$B"/{crowd,over}.* "$B/names.tar.gz"
}
# As many as may be, half of them blobs, half links to those with names of 100 bytes.
full_imports() {
	local kind
	python3 - "$B" <<'PYTHON'
import hashlib, struct, sys, tarfile, zlib
def entries(count):
    blobs = [b"%08d" % i for i in range(count // 2)]
    names = [hashlib.sha1(b"blob 8\0" + b).hexdigest().encode() for b in blobs]
    for name, data in zip(names, blobs):
        yield b"models--a--b/blobs/" + name, data, False
    for i, name in enumerate(names):
        path = b"models--a--b/snapshots/" + b"1" * 40 + b"/f%d" % i
        yield path.ljust(100, b"x"), b"../../blobs/" + name, True
    yield b"models--a--b/refs/", b"", False # a directory does not count
row = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
row[148:156] = b" " * 8
with open(sys.argv[1] + "/full.tar", "wb") as out:
    for path, data, link in entries(100000):
        head = bytearray(row)
        head[:100], head[124:135] = path.ljust(100, b"\0"), b"%011o" % (0 if link else len(data))
        if link:
            head[156:257] = b"2" + data.ljust(100, b"\0")
        head[148:156] = b"%06o\0 " % sum(head)
        out.write(bytes(head) + (b"" if link or not data else data.ljust(512, b"\0")))
    out.write(bytes(1024))
local, central, at = [], [], 0
for path, data, link in entries(60000):
    crc, size, mode = zlib.crc32(data), len(data), (0o120777 if link else 0o100644 if data else 0o040755) << 16
    local.append(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, crc, size, size, len(path), 0) + path + data)
    central.append(struct.pack("<4s6H3I5H2I", b"PK\1\2", 20 | 3 << 8, 20, 0, 0, 0, 33, crc, size, size,
                               len(path), 0, 0, 0, 0, mode, at) + path)
    at += len(local[-1])
count, size = len(local), sum(map(len, central))
end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at) + \
    struct.pack("<4sIQI", b"PK\6\7", 0, at + size, 1) + \
    struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
with open(sys.argv[1] + "/full.zip", "wb") as out:
    out.write(b"".join(local + central) + end)
PYTHON
	for kind in tar zip; do
		rm -rf "$T/full"
		within 0 "$PROGRAM" install --import "$B/full.$kind" --cache "$T/full"
		same "$(find "$T/full/models--a--b/snapshots" -type l | wc -l)" \
			"$([ $kind = tar ] && echo 50000 || echo 30000)"
	done
	rm -rf "$T/full" "$B"/full.*
}
usage() {
	for args in "install" "install a b" "inspect" "verify a b" "install $T/b.tar --lock x" \
		"install --import $T/b.tar --model-dir $T/disk/m" "env --format nonsense" "pack -o $B/directory --offline" \
		"verify $T/b.tar --model-dir x" "install $T/b.tar --nonsense" "pack --serial -1" "pack --serial x"; do
		untouched expect 2 itts $args
		one_error
	done
	expect 6 itts env --model-dir "$T/nowhere"
	one_error
	expect 6 itts verify --model-dir "$T/nowhere"
	one_error
	expect 6 itts verify --cache "$T/nowhere"
	one_error
}
bad_locks() { # pack from a lock that is none
	local file
	for file in empty random page.html json directory m-deep; do
		local got=0
		rm -rf "$T/disk" && mkdir "$T/disk"
		"$PROGRAM" pack --offline --cache "$T/store" --lock "$B/$file" -o "$T/disk/x.tar" 2>"$T/err" || got=$?
		cat "$T/err"
		case $got in 3 | 7) ;; *) fail "$file: status $got" ;; esac
		one_error
		same "$(find "$T/disk" -mindepth 1)" ""
	done
	jq '.repos[0].files[0].path = "../x"' "$T/lock.json" >"$B/traversal.json"
	untouched expect 8 itts pack --offline --cache "$T/store" --lock "$B/traversal.json" -o "$T/disk/x.tar"
	one_error
}
errors_as_json() {
	expect 7 itts install "$B/page.html" --cache "$T/x" --json
	same "$(jq -r '.error.class + " " + (.error.status | tostring)' "$T/out")" "format 7"
	expect 9 itts install --import "$B/import-wrong.tar" --cache "$T/x2" --json
	same "$(jq -r .error.class "$T/out")" integrity
}

from_pipes() { # what is said to be compressed is
	local command=$1
	expect 7 sh -c "$command"' | "$0" verify -' "$PROGRAM"
	one_error
	same "$(cut -d: -f3- "$T/err")" " not a bundle of itts-pack but $2"
}
pipes() {
	from_pipes "echo hi" "something else"
	from_pipes ":" "an empty file"
	from_pipes "echo hi | gzip" "something else, compressed"
}

check "files that are no bundles" no_bundles
check "what comes through a pipe and is no bundle" pipes
check "a directory" directory
check "a FIFO" fifo
check "manifests beyond every limit" malformed
check "paths, repositories, refs, extras that lead out" unsafe
check "a compressed stream that is cut" cut_stream
check "bad archives for --import" bad_imports
check "archives of too many entries for --import" crowded_imports
check "as many entries for --import as may be: little memory" full_imports
check "command lines" usage
check "pack from bad locks" bad_locks
check "errors as JSON" errors_as_json
finish
