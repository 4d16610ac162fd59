#!/usr/bin/env bash
# Archives at plain URLs, from nginx: unpacked into the cache, each file by what the
# lock says of it; what is no archive of plain files is refused whole.
. "$(dirname "$0")/lib.sh"

need python3 jq nginx tar zip zstd xz curl
mkdir -p "$T/www" "$T/src/voc-1.2/sub/deep"
head -c 3000000 /dev/urandom >"$T/src/voc-1.2/g.pth"
head -c 20000 /dev/urandom >"$T/src/voc-1.2/sub/small.bin"
echo '{"a": 1}' >"$T/src/voc-1.2/config.json"
cp "$T/src/voc-1.2/config.json" "$T/src/voc-1.2/sub/deep/same.json"
: >"$T/src/voc-1.2/empty.txt"
(
	cd "$T/src" || exit 1
	tar -czf "$T/www/voc.tar.gz" ./voc-1.2
	tar -c voc-1.2 | zstd -q >"$T/www/voc.tar.zst"
	tar -c voc-1.2 | xz -1 >"$T/www/voc.tar.xz"
	tar -cf "$T/www/voc.tar" voc-1.2
	zip -qr "$T/www/voc.zip" voc-1.2
)
# What people with bad intentions, or bad luck, put into archives.
python3 - "$T/www" <<'PYTHON'
import io, struct, sys, tarfile, zipfile, zlib
top = sys.argv[1]
def tar(name, *members):
    with tarfile.open("%s/%s.tar.gz" % (top, name), "w:gz", format=tarfile.GNU_FORMAT) as t:
        for path, kind, value in members:
            m = tarfile.TarInfo(path)
            m.type = kind
            if kind == tarfile.REGTYPE:
                m.size = len(value)
                t.addfile(m, io.BytesIO(value))
            else:
                m.linkname = value
                t.addfile(m)
FILE, SYM, HARD, FIFO, CHR = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
                              tarfile.FIFOTYPE, tarfile.CHRTYPE)
ok = ("a.txt", FILE, b"right\n")
tar("up", ok, ("../../escape.txt", FILE, b"x"))
tar("absolute", ok, ("/etc/escape.txt", FILE, b"x"))
tar("symlink", ok, ("link", SYM, "/etc/passwd"))
tar("hardlink", ok, ("link", HARD, "a.txt"))
tar("pipe", ok, ("pipe", FIFO, ""))
tar("device", ok, ("null", CHR, ""))
tar("twice", ok, ("a.txt", FILE, b"other\n"))
tar("case", ok, ("A.TXT", FILE, b"other\n"))
tar("below", ok, ("a.txt/b", FILE, b"other\n"))
tar("bomb", ok, ("zeros", FILE, bytes(80 << 20)))
tar("nothing")
tar("directories", ("d/", tarfile.DIRTYPE, ""), ("d/e/", tarfile.DIRTYPE, ""))
tar("dots", ok, ("d/./b.txt", FILE, b"x"))
tar("backslash", ok, ("d\\b.txt", FILE, b"x"))
tar("escape", ok, ("\x1b[2Jb.txt", FILE, b"x"))
# Holes: what is between the two pieces is zeros.
def sparse(name, size):
    rows = [(0, 512), (size - 512, 512)]
    text = ("%d\n" % len(rows) + "".join("%d\n%d\n" % r for r in rows)).encode()
    body = text.ljust(512, b"\0") + b"A" * 512 + b"B" * 512
    with tarfile.open("%s/%s.tar.gz" % (top, name), "w:gz", format=tarfile.PAX_FORMAT) as t:
        m = tarfile.TarInfo("GNUSparseFile.0/holes.bin")
        m.size, m.pax_headers = len(body), {
            "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes.bin",
            "GNU.sparse.realsize": str(size)}
        t.addfile(m, io.BytesIO(body))
sparse("holes", 1000000)
sparse("abyss", 1 << 41)
# So many entries, by hand: tarfile and zipfile take minutes for them.
def many_tar(name, make, count):
    first = bytearray(tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT))
    first[148:156], first[156:157] = b" " * 8, b"5"
    total, pump = sum(first), zlib.compressobj(1, zlib.DEFLATED, 31)
    with open("%s/%s.tar.gz" % (top, name), "wb") as out:
        for i in range(count):
            path, prefix = make(i)
            first[:100], first[345:500] = path.ljust(100, b"\0"), prefix.ljust(155, b"\0")
            first[148:156] = b"%06o\0 " % (total + sum(path) + sum(prefix))
            out.write(pump.compress(bytes(first)))
        out.write(pump.compress(bytes(1024)) + pump.flush())
many_tar("many", lambda i: (b"d%d/" % i, b""), 150001)
many_tar("names", lambda i: (b"d%d/" % i + b"x" * 80, b"y" * 150), 110000)
def many_zip(name, count, make=lambda i: b"d%d/" % i):
    local, central, at = [], [], 0
    for i in range(count):
        path = make(i)
        local.append(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, len(path), 0) + path)
        central.append(struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(path),
                                   0, 0, 0, 0, 16 if path.endswith(b"/") else 0, at) + path)
        at += len(local[-1])
    size = sum(map(len, central))
    end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at) + \
        struct.pack("<4sIQI", b"PK\6\7", 0, at + size, 1) + \
        struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    open("%s/%s.zip" % (top, name), "wb").write(b"".join(local + central) + end)
many_zip("many", 150001)
many_zip("million", 1000000)
many_zip("most", 149999, lambda i: b"d/f%d" % i if i else b"x/f")
def put_zip(name, *members):
    with zipfile.ZipFile("%s/%s.zip" % (top, name), "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.txt", "right\n")
        for path, mode, data in members:
            m = zipfile.ZipInfo(path)
            m.create_system, m.external_attr, m.compress_type = 3, mode << 16, zipfile.ZIP_DEFLATED
            z.writestr(m, data)
put_zip("link", ("link", 0o120777, "/etc/passwd"))
put_zip("case", ("A.TXT", 0o100644, "other"))
put_zip("absolute", ("/etc/escape.txt", 0o100644, "x"))
put_zip("bomb", ("zeros", 0o100644, bytes(80 << 20)))
put_zip("sizes", ("zeros", 0o100644, bytes(1 << 20)))
data = bytearray(open(top + "/sizes.zip", "rb").read())
for head, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
    where = data.rindex(head) + at
    assert data[where:where + 4] == struct.pack("<I", 1 << 20)
    data[where:where + 4] = struct.pack("<I", 10)
open(top + "/sizes.zip", "wb").write(data)
with zipfile.ZipFile(top + "/up.zip", "w") as z:
    z.writestr("a.txt", "right\n")
    z.writestr("../escape.txt", "x")
data = open(top + "/voc.tar.gz", "rb").read()
open(top + "/cut.tar.gz", "wb").write(data[:len(data) // 2])
open(top + "/page.tar.gz", "w").write("<!doctype html><p>sorry\n")
PYTHON
PORT=$(free_port)
WEB=http://127.0.0.1:$PORT
start_fault bad --upstream "$WEB"
start_nginx "$PORT" '$request_method $request_uri $status' <<CONF
	server { listen 127.0.0.1:$PORT; root $T/www; }
CONF
NOBODY=http://127.0.0.1:1

manifest() { # FILE NAME [STRIP [AT]]: of an archive in www
	local sum
	sum=$(sha256sum <"$T/www/$2" | cut -d' ' -f1)
	jq -n --arg url "${4:-$WEB}/$2" --arg sum "$sum" --arg strip "${3-voc-1.2/}" '
		{format: "itts-manifest", version: 1, name: "mine", models: [
		 {id: "my/vocoder", archive: ({url: $url, sha256: $sum} +
		   if $strip == "" then {} else {strip: $strip} end),
		  views: [{files: "*", to: "vocoder/"}]}]}' >"$1"
}
lock() { # STATUS NAME ARGS OF manifest...
	local status=$1
	shift
	manifest "$T/m.json" "$@"
	rm -f "$T/lock.json"
	expect "$status" itts lock -m "$T/m.json" --lock "$T/lock.json" --endpoint $NOBODY --cache "$T/c-$BASHPID"
	[ "$status" -eq 0 ] || test ! -e "$T/lock.json"
}
blobs() { find "$1" -path '*/blobs/*' -type f; }
right() { # CACHE: all of it, and the archive is gone
	cache_is_honest "$1"
	diff -r "$T/src/voc-1.2" "$(echo "$1"/models--my--vocoder/snapshots/*)"
	same "$(blobs "$1" | wc -l)" 4
}
whole_way() {
	local kind first=
	for kind in tar.gz tar.zst tar.xz tar zip; do
		lock 0 voc.$kind
		same "$(jq -r '.repos[0].files[].path' "$T/lock.json" | tr '\n' ' ')" \
			"config.json empty.txt g.pth sub/deep/same.json sub/small.bin "
		same "$(jq -r '.repos[0].files[] | select(.path == "g.pth") | .sha256' "$T/lock.json")" \
			"$(sha256sum <"$T/src/voc-1.2/g.pth" | cut -d' ' -f1)"
		same "$(jq -r '.repos[0].archive.size' "$T/lock.json")" "$(stat -c %s "$T/www/voc.$kind")"
		# the same files, the same commit, however they are packed
		same "$(jq -r '.repos[0].commit' "$T/lock.json")" "${first:-$(jq -r '.repos[0].commit' "$T/lock.json")}"
		first=$(jq -r '.repos[0].commit' "$T/lock.json")
		expect 0 itts fetch --lock "$T/lock.json" --endpoint $NOBODY --cache "$T/c-$kind" --json
		jq -e '.downloaded_files == 4 and .downloaded_bytes == 3020009' "$T/out"
		jq -e "([.sources[] | .received_bytes - .wasted_bytes] | add) == $(stat -c %s "$T/www/voc.$kind")" "$T/out"
		right "$T/c-$kind"
	done
}
carried() { # pack, verify and install know nothing of archives
	lock 0 voc.tar.gz
	: >"$T/log/nginx.access"
	expect 0 itts pack --lock "$T/lock.json" --cache "$T/c1" --endpoint $NOBODY -o "$T/b.tar"
	same "$(grep -c 'GET /voc' "$T/log/nginx.access")" 1
	right "$T/c1"
	expect 0 itts verify "$T/b.tar"
	expect 0 itts install "$T/b.tar" --cache "$T/c2" --model-dir "$T/model"
	diff -r "$T/src/voc-1.2" "$T/model/vocoder"
	right "$T/c2"
	expect 0 itts verify --model-dir "$T/model"
	# all is there: nobody is asked
	: >"$T/log/nginx.access"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c1" --endpoint $NOBODY
	same "$(cat "$T/log/nginx.access")" ""
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c1" --offline
	# one file lacks: the archive comes again, and goes again
	rm "$(readlink -f "$T"/c1/models--my--vocoder/snapshots/*/sub/small.bin)"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c1" --endpoint $NOBODY --json
	jq -e '.downloaded_files == 1' "$T/out"
	right "$T/c1"
}
without_strip() { # and a part of it
	lock 0 voc.zip ""
	same "$(jq -r '.repos[0].files[0].path' "$T/lock.json")" voc-1.2/config.json
	jq '.models[0].include = ["sub/*"]' "$T/m.json" >"$T/m2.json"
	sed -i 's|sub/\*|*/sub/*|' "$T/m2.json"
	expect 0 itts lock -m "$T/m2.json" --lock "$T/lock2.json" --endpoint $NOBODY --cache "$T/c3"
	same "$(jq '.repos[0].files | length' "$T/lock2.json")" 2
	jq -e '.repos[0].complete == false' "$T/lock2.json"
	expect 0 itts fetch --lock "$T/lock2.json" --cache "$T/c3" --endpoint $NOBODY
	same "$(blobs "$T/c3" | wc -l)" 2
	cache_is_honest "$T/c3"
	lock 7 voc.zip nothing/
	one_error
	says "has no files below nothing/" '"strip" in the manifest'
}
refused() { # NAME STATUS TEXT...: not even what was right in it
	local name=$1 status=$2
	shift 2
	lock "$status" "$name" ""
	one_error
	says "my/vocoder" "$name" "$@"
	cache_is_honest "$T/c-$BASHPID"
	test ! -e "$T/escape.txt"
	same "$(find "$T/c-$BASHPID" -path '*/snapshots/*' | wc -l)" 0
}
hostile() {
	refused up.tar.gz 8 "../../escape.txt"
	refused up.zip 8 "../escape.txt"
	refused absolute.tar.gz 8 "/etc/escape.txt"
	refused symlink.tar.gz 8 link "symbolic link" "plain files"
	refused hardlink.tar.gz 8 link "hard link" "plain files"
	refused pipe.tar.gz 8 pipe "plain files"
	refused device.tar.gz 8 null "plain files"
	refused twice.tar.gz 8 a.txt
	refused case.tar.gz 8 a.txt A.TXT
	refused below.tar.gz 8 a.txt
	refused dots.tar.gz 8 "d/./b.txt"
	refused backslash.tar.gz 8 "backslash"
	refused escape.tar.gz 8 "control character"
	same "$(tr -d '\n\t -~' <"$T/err" | wc -c)" 0
	refused link.zip 8 link "symbolic link" "plain files"
	refused case.zip 8 a.txt A.TXT
	refused absolute.zip 8 "/etc/escape.txt"
}
limits() { # count, names, size and ratio: before anything of it is unpacked
	refused many.tar.gz 7 "more than 150000 entries"
	refused many.zip 7 "more than 150000 entries"
	refused names.tar.gz 7 "names alone"
	refused abyss.tar.gz 7 holes.bin "too much"
	refused bomb.zip 7 zeros "too much"
	refused sizes.zip 7 zeros "size that it says"
	refused directories.tar.gz 7 "no files"
	(cd "$T/src/voc-1.2" && zip -q -P secret "$T/www/locked.zip" config.json)
	refused locked.zip 7 passphrase
}
# A zip's directory comes first, and is held in memory: what is in it does not matter.
small_memory() { # STATUS NAME
	local cache=$T/c-$BASHPID
	manifest "$T/m.json" "$2" x/
	rm -f "$T/lock.json"
	within "$1" "$PROGRAM" lock -m "$T/m.json" --lock "$T/lock.json" --endpoint $NOBODY --cache "$cache"
	[ "$1" -eq 0 ] || {
		one_error
		says my/vocoder "$2" "more than 150000 entries"
		return
	}
	within 0 "$PROGRAM" fetch --lock "$T/lock.json" --endpoint $NOBODY --cache "$cache"
	cache_is_honest "$cache"
}
holes() { # a sparse file is what it reads as
	lock 0 holes.tar.gz ""
	same "$(jq -r '.repos[0].files[] | "\(.path) \(.size)"' "$T/lock.json")" "holes.bin 1000000"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint $NOBODY --cache "$T/c-holes"
	cache_is_honest "$T/c-holes"
	same "$(tr -d '\0' <"$(echo "$T"/c-holes/models--my--vocoder/snapshots/*/holes.bin)" | wc -c)" 1024
}
damaged() {
	refused bomb.tar.gz 7 zeros "too much"
	refused nothing.tar.gz 7 "no files"
	refused cut.tar.gz 7 "the archive is not whole"
	refused page.tar.gz 7 "neither a tar nor a zip"
}
lying_lock() { # a lock says other things of an archive than the archive
	lock 0 voc.tar.gz
	jq '(.repos[0].files[] | select(.path == "g.pth")).sha256 |= ("0000" + .[4:])' "$T/lock.json" >"$T/lie.json"
	expect 9 itts fetch --lock "$T/lie.json" --cache "$T/c4" --endpoint $NOBODY
	one_error
	says "my/vocoder" voc.tar.gz g.pth
	cache_is_honest "$T/c4"
	jq '(.repos[0].files[] | select(.path == "g.pth")).path = "h.pth"' "$T/lock.json" >"$T/lie.json"
	expect 9 itts fetch --lock "$T/lie.json" --cache "$T/c4" --endpoint $NOBODY
	one_error
	says "has no h.pth"
	cache_is_honest "$T/c4"
	# what is right needs no second download
	: >"$T/log/nginx.access"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c4" --endpoint $NOBODY
	same "$(cat "$T/log/nginx.access")" ""
	right "$T/c4"
}
locked_again() { # what the lock says of an archive holds for every archive of its digest
	lock 0 voc.tar.gz
	cp "$T/lock.json" "$T/first.json"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c9" --endpoint $NOBODY
	: >"$T/log/nginx.access"
	local c=(--lock "$T/lock.json" --endpoint $NOBODY --cache "$T/c9")
	expect 0 itts lock -m "$T/m.json" "${c[@]}"
	prints "up to date"
	expect 0 itts lock -m "$T/m.json" "${c[@]}" --check
	# places and patterns are the manifest's
	jq '.models[0].views[0].to = "elsewhere/" | .models[0].exclude = ["*.json"]' "$T/m.json" >"$T/m2.json"
	expect 0 itts lock -m "$T/m2.json" "${c[@]}"
	same "$(jq -r '.repos[0].files[].views[]' "$T/lock.json" | tr '\n' ' ')" \
		"elsewhere/empty.txt elsewhere/g.pth elsewhere/sub/small.bin "
	same "$(cat "$T/log/nginx.access")" ""
	# that is not the whole listing, so it is of no use for more
	expect 0 itts lock -m "$T/m.json" "${c[@]}"
	cmp "$T/lock.json" "$T/first.json"
	same "$(grep -c 'GET /voc' "$T/log/nginx.access")" 1
	# nor is one that has been edited, or is of something else
	local edit
	for edit in '.repos[0].files |= .[1:]' '.repos[0].files[0].size += 1' \
		'.repos[0].archive.strip = "voc-1.2/sub/"' '.repos[0].archive.sha256 |= ("0000" + .[4:])' \
		'.repos[0].archive.url += "x"' '.repos[0].complete = false'; do
		: >"$T/log/nginx.access"
		jq "$edit" "$T/first.json" >"$T/lock.json"
		rm -rf "$T/c9"
		expect 0 itts lock -m "$T/m.json" "${c[@]}"
		cmp "$T/lock.json" "$T/first.json"
		same "$(grep -c 'GET /voc' "$T/log/nginx.access")" 1
	done
}
changed() { # the archive there is another: nothing of it is unpacked
	# shellcheck disable=SC2154
	lock 0 voc.tar.gz voc-1.2/ "$bad"
	faults "$bad" '[{"path": "voc", "method": "GET", "fault": "flip", "at": 2000000}]'
	expect 9 itts fetch --lock "$T/lock.json" --cache "$T/c5" --endpoint $NOBODY
	one_error
	says "my/vocoder" voc.tar.gz "$bad" sha256
	cache_is_honest "$T/c5"
	same "$(blobs "$T/c5" | grep -vc itts-part)" 0
	faults "$bad" '[]'
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c5" --endpoint $NOBODY
	right "$T/c5"
}
others_first() { # an archive that is gone fails its own files only
	lock 0 voc.tar.gz voc-1.2/ "$bad"
	cp "$T/src/voc-1.2/config.json" "$T/www/plain.json"
	jq --arg url "$WEB/voc.zip" --arg sum "$(sha256sum <"$T/www/voc.zip" | cut -d' ' -f1)" \
		'.models += [{id: "my/zip", urls: {"voc.zip": $url}, digests: {"voc.zip": {sha256: $sum}}}]' \
		"$T/m.json" >"$T/two.json"
	expect 0 itts lock -m "$T/two.json" --lock "$T/two.lock" --endpoint $NOBODY --cache "$T/c6"
	rm -rf "$T/c6"
	faults "$bad" '[{"path": "voc", "method": "GET", "fault": "status", "status": 404}]'
	expect 6 itts fetch --lock "$T/two.lock" --cache "$T/c6" --endpoint $NOBODY
	one_error
	says voc.tar.gz "$bad"
	cmp "$T/www/voc.zip" "$T"/c6/models--my--zip/snapshots/*/voc.zip
	faults "$bad" '[]'
	expect 0 itts fetch --lock "$T/two.lock" --cache "$T/c6" --endpoint $NOBODY
	cache_is_honest "$T/c6"
}
full() { # no room for what is in it
	lock 0 voc.zip
	(
		trap '' XFSZ
		ulimit -f 2000
		expect 3 itts fetch --lock "$T/lock.json" --endpoint $NOBODY --cache "$T/c7"
	)
	one_error
	cache_is_honest "$T/c7"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c7" --endpoint $NOBODY
	right "$T/c7"
}
# Small as it comes, and long to unpack: the deadline ends that as well. The archive is
# brought before, as a file of the same repository: how fast it comes must not matter.
late() {
	python3 - "$T/www/slow.tar.gz" <<-'PYTHON'
		import gzip, io, os, sys, tarfile
		zeros, pad = 2400 << 20, os.urandom(13 << 20)
		def head(path, size):
		    m = tarfile.TarInfo(path)
		    m.size = size
		    return m.tobuf(tarfile.USTAR_FORMAT)
		piece = gzip.compress(bytes(16 << 20), 1)
		with open(sys.argv[1], "wb") as out:
		    out.write(gzip.compress(head("pad", len(pad)) + pad + head("zeros", zeros), 1))
		    for _ in range(zeros // (16 << 20)):
		        out.write(piece)
		    out.write(gzip.compress(bytes(1024)))
	PYTHON
	manifest "$T/m.json" slow.tar.gz ""
	jq '.models[0] |= {id, urls: {"x": .archive.url}, digests: {"x": {sha256: .archive.sha256}}}' \
		"$T/m.json" >"$T/whole.json"
	expect 0 itts fetch -m "$T/whole.json" --lock "$T/whole.lock" --endpoint $NOBODY --cache "$T/c10"
	jq --argjson size "$(stat -c %s "$T/www/slow.tar.gz")" '.models[0].archive.size = $size' \
		"$T/m.json" >"$T/sized.json"
	rm -f "$T/lock.json"
	: >"$T/log/nginx.access"
	expect 4 itts fetch -m "$T/sized.json" --lock "$T/lock.json" --endpoint $NOBODY --cache "$T/c10" --deadline 1s
	one_error
	says my/vocoder slow.tar.gz deadline "run the command again"
	test ! -e "$T/lock.json"
	# what has come is kept, and not asked for again
	jq -n --arg url "$WEB/slow.tar.gz" --arg sum "$(sha256sum <"$T/www/slow.tar.gz" | cut -d' ' -f1)" \
		--argjson size "$(stat -c %s "$T/www/slow.tar.gz")" --slurpfile l "$T/first.json" '
		$l[0] | .repos[0].archive = {url: $url, sha256: $sum, size: $size} |
		.repos[0].files = [.repos[0].files[0] | .path = "zeros" | .size = 2400 * 1048576]' >"$T/late.json"
	expect 4 itts fetch --lock "$T/late.json" --endpoint $NOBODY --cache "$T/c10" --deadline 1s
	one_error
	says my/vocoder slow.tar.gz deadline
	same "$(cat "$T/log/nginx.access")" ""
	cache_is_honest "$T/c10"
	same "$(blobs "$T/c10" | grep -c itts-part)" 0
	rm -rf "$T/c10" "$T/www/slow.tar.gz"
}
unproven() { # its digest stands in the manifest: git has no say in it
	lock 0 voc.tar.gz
	expect 0 itts lock --prove -m "$T/m.json" --lock "$T/proof.json" --endpoint $NOBODY --cache "$T/c8"
	cat "$T/out" "$T/err" >"$T/said"
	grep -q "nothing to prove" "$T/said"
	cmp "$T/proof.json" "$T/lock.json"
}
dry() {
	lock 0 voc.tar.gz
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c8" --endpoint $NOBODY --dry-run
	prints "my/vocoder g.pth" "$WEB"
}
dry_unopened() { # no lock tells what is in it: it is what would come, and does not
	manifest "$T/m.json" voc.tar.gz
	: >"$T/log/nginx.access"
	expect 0 itts fetch -m "$T/m.json" --lock "$T/none.json" --cache "$T/c11" --endpoint $NOBODY --dry-run --json
	jq -e --arg size "$(stat -c %s "$T/www/voc.tar.gz")" '.missing_files == 1 and
		.missing_bytes == ($size | tonumber)' "$T/out"
	jq -e --arg web "$WEB" '.missing[0] | .repo == "my/vocoder" and .path == "voc.tar.gz" and
		.from == [$web]' "$T/out"
	says "my/vocoder: what is in voc.tar.gz is only known once it is downloaded"
	same "$(grep -c GET "$T/log/nginx.access")" 0
	test ! -e "$T/none.json"
	same "$(blobs "$T/c11" | wc -l)" 0
}
check "tar.gz, tar.zst, tar.xz, tar, zip: lock and fetch" whole_way
check "pack, verify, install; fetched again only if needed" carried
check "all names, or some" without_strip
check "names and entries that are not taken" hostile
check "limits of count, names, size and ratio" limits
check "a million entries in a zip: found out in time" small_memory 7 million.zip
check "as many entries in a zip as may be: little memory" small_memory 0 most.zip
check "a file with holes" holes
check "bombs, cut archives, pages" damaged
check "a lock that lies of an archive" lying_lock
check "locked again: the archive does not come again" locked_again
check "another archive there" changed
check "an archive that is gone fails alone" others_first
check "no room" full
check "--deadline, while an archive is listed or unpacked" late
check "--prove has nothing to do" unproven
check "--dry-run names the host" dry
check "--dry-run leaves an archive unopened where no lock tells of it" dry_unopened
finish
