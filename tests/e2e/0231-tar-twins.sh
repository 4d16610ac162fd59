#!/usr/bin/env bash
# Changed headers: what our reader of archives and GNU tar both take is the same to both.
. "$(dirname "$0")/lib.sh"

need python3 tar gcc
twins() { # SEED
	mkdir "$T/$1"
	python3 "$ROOT/tests/e2e/tar_twins.py" "$T/tar_list" "$T/$1" "$1"
}
build() {
	local flags=() base
	base=$(dirname "$PROGRAM")/libbase.a
	case $PROGRAM in
	*/asan/*) flags=(-fsanitize=address,undefined) ;;
	*/tsan/*) flags=(-fsanitize=thread) ;;
	esac
	gcc -D_GNU_SOURCE "${flags[@]}" -I"$ROOT" "$ROOT/tests/e2e/tar_list.c" "$base" \
		-o "$T/tar_list" -larchive -lcrypto -lcjson -pthread
}

must build
two_sizes() { # of a file: the field of sparse files in an ordinary one; and for all files
	python3 - "$T" <<'PY'
import io, sys, tarfile
def seal(d):
    d[148:156] = b" " * 8
    d[148:156] = b"%06o\0 " % sum(d[:512])
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as t:
    m = tarfile.TarInfo("models--a--b/blobs/c")
    m.size = 3
    t.addfile(m, io.BytesIO(b"abc"))
d = bytearray(out.getvalue())
d[483:495] = b"00000000002\0"
seal(d)
open(sys.argv[1] + "/realsize.tar", "wb").write(d)
with tarfile.open(sys.argv[1] + "/global.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"size": "2"}) as t:
    m.size = 3
    t.addfile(m, io.BytesIO(b"abc"))
PY
	gzip -k "$T/realsize.tar"
	for f in realsize.tar global.tar realsize.tar.gz; do
		expect 7 itts install --import "$T/$f" --cache "$T/c"
		one_error
		says "programs differ in how they read it"
	done
	expect 7 itts install --import - --cache "$T/c" <"$T/global.tar"
	says "for all entries"
	# holes are fine where both know of them
	mkdir -p "$T/s/models--a--b/blobs" "$T/s/models--a--b/snapshots/$(printf %040d 1)"
	{ head -c 1000 /dev/zero | tr '\0' a && head -c 300000 /dev/zero && echo b; } >"$T/holes"
	local sum
	sum=$(sha256sum <"$T/holes" | cut -c 1-64)
	cp --sparse=always "$T/holes" "$T/s/models--a--b/blobs/$sum"
	ln -s "../../blobs/$sum" "$T/s/models--a--b/snapshots/$(printf %040d 1)/x.bin"
	for f in gnu posix; do
		tar -C "$T/s" --format=$f -cSf "$T/$f.tar" .
		test "$(stat -c %s "$T/$f.tar")" -lt 100000
		expect 0 itts install --import "$T/$f.tar" --cache "$T/c-$f"
		cmp "$T/holes" "$T/c-$f/models--a--b/blobs/$sum"
	done
}
check "400 archives" twins 20260101
check "400 others" twins 13
check "two sizes of one file" two_sizes
finish
