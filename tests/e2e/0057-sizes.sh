#!/usr/bin/env bash
# Large: memory stays, sizes around every limit read right in every tar,
# XFS shares what install would copy, inspect reads the front alone. ITTS_LONG=1:
# 9 GiB, and without shared extents.
. "$(dirname "$0")/lib.sh"

need python3 jq mkfs.xfs xfs_io filefrag bsdtar busybox strace ssh-keygen
need_root
[ -z "${ITTS_LONG:-}" ] || dd if=/dev/null of="$T/x.img" bs=1 seek=40G 2>/dev/null
[ -n "${ITTS_LONG:-}" ] || dd if=/dev/null of="$T/x.img" bs=1 seek=16G 2>/dev/null
X=$T/xfs
mkdir "$X"
mkfs.xfs -q -m reflink=1 "$T/x.img" 2>"$T/log/mkfs.txt" && mount -o loop "$T/x.img" "$X" ||
	skip_all "no XFS on a loop device"
MOUNTS=$X
used() { sync -f "$X"; df --output=used -B1 "$X" | tail -n 1; }
GIB=$((1 << 30)) SIZE=$((5 << 30))
[ -z "${ITTS_LONG:-}" ] || SIZE=$(((9 << 30) + 1))

big() {
	local before
	make_store "$X/store" "$T/big.json" <<SPEC
{"name": "big", "repos": [{"files": [{"path": "big.bin", "size": $SIZE, "zeros": true, "views": ["big.bin"]},
	{"path": "odd.bin", "size": 33333333, "views": ["odd.bin"]},
	{"path": "a.json", "text": "{}", "git": true, "views": ["a.json"]}]}]}
SPEC
	within 0 "$PROGRAM" pack --offline --cache "$X/store" --lock "$T/big.json" -o "$X/big.tar" --json
	test "$(jq .cloned_bytes "$T/out")" -gt $SIZE
	[ -z "${ITTS_LONG:-}" ] || within 0 "$PROGRAM" verify "$X/big.tar"
	before=$(used)
	within 0 "$PROGRAM" install "$X/big.tar" --cache "$X/hub" --model-dir "$X/models" --json
	test "$(jq .shared_bytes "$T/out")" -gt $SIZE
	# less than 1 % of the payload, although odd.bin has real bytes
	echo "added $(($(used) - before)) bytes"
	test $(($(used) - before)) -lt 333333
	xfs_io -r -c "fiemap -v" "$X/models/odd.bin" | tee "$T/fiemap"
	filefrag -v "$X/models/odd.bin" | grep -q shared
	# hole-free where the bundle is, and equal
	cmp "$X/models/odd.bin" "$X"/store/models--acme--voice/snapshots/*/odd.bin
	same "$(stat -c %s "$X/models/big.bin")" $SIZE
}
narrow() { # into a cache that is yet to be made, where a copy would have no room
	local free
	free=$(df --output=avail -B1 "$X" | tail -n 1)
	fallocate -l $((free - GIB)) "$X/filler"
	within 0 "$PROGRAM" install "$X/big.tar" --cache "$X/a/new" --dry-run
	test ! -e "$X/a"
	within 0 "$PROGRAM" install "$X/big.tar" --cache "$X/a/new"
	rm -r "$X/a" "$X/filler"
}
rest() { # the other commands that see the payload, or might
	local taken=$X/taken blob command
	local pack=("$PROGRAM" pack --offline --cache "$X/store" --lock "$T/big.json")
	for command in inspect scan "sbom -o $T/bom"; do
		# shellcheck disable=SC2086
		within 0 "$PROGRAM" $command "$X/big.tar"
	done
	# a pickle that is one string
	python3 -c 'import sys; f = open(sys.argv[1], "wb"); n = int(sys.argv[2])
f.write(b"\x80\x04\x8e" + n.to_bytes(8, "little")); f.seek(n, 1); f.write(b".")' "$X/one.pkl" $SIZE
	within 0 "$PROGRAM" scan "$X/one.pkl"
	prints "1 allow-listed"
	within 0 "${pack[@]}" -o "$X/thin.tar" --for "$X/big.tar"
	within 0 "$PROGRAM" install "$X/thin.tar" --cache "$X/hub"
	mkdir "$X/v"
	within 0 "${pack[@]}" -o "$X/v/big.tar" --volume-size fat32
	within 0 "$PROGRAM" install "$X/v" --cache "$taken"
	rm -r "$X/v"
	for command in ls du gc inventory; do
		within 0 "$PROGRAM" $command --cache "$taken"
	done
	within 0 "$PROGRAM" export acme/voice --cache "$taken" -o "$X/e.tar"
	blob=$(find "$taken" -type f -path '*/blobs/*' -size +1G)
	rm "$blob"
	within 0 "$PROGRAM" repair --cache "$taken" --from "$X/e.tar"
	flip "$blob" $((SIZE - 1))
	within 0 "$PROGRAM" repair --cache "$taken" --from "$X/hub"
	rm -r "$taken"
	within 0 "$PROGRAM" import "$X/e.tar" --cache "$taken"
	rm -r "$taken"
	within 0 "$PROGRAM" import "$X/hub" --cache "$taken"
	rm -r "$taken"
	within 0 "$PROGRAM" adopt "$X/models" --lock "$T/big.json" --cache "$taken"
	rm -r "$taken"
	ssh-keygen -q -t ed25519 -N "" -f "$T/key"
	within 0 "$PROGRAM" sign "$X/big.tar" --key "$T/key"
}
clones() { # what the unit tests only see refused elsewhere
	local unit=${PROGRAM%/*}/test-bundle
	(cd "$ROOT" && TMPDIR=$X "$unit" clones) >"$T/unit" 2>&1 || { grep -B 9 FAILED "$T/unit"; return 1; }
	grep -q "OK.*changed_meanwhile" "$T/unit"
}
stream() { # from a pipe nothing can be shared: memory is the same
	within 0 sh -c 'cat "$1" | "$0" verify -' "$PROGRAM" "$X/big.tar"
	within 0 sh -c 'cat "$1" | "$0" install - --cache "$2"' "$PROGRAM" "$X/big.tar" "$X/hub2"
	within 0 sh -c '"$0" pack --offline --cache "$1" --lock "$2" -o - >"$3"' "$PROGRAM" "$X/store" \
		"$T/big.json" "$X/second.tar"
	cmp "$X/big.tar" "$X/second.tar"
	within 0 "$PROGRAM" verify --cache "$X/hub2" --lock "$T/big.json"
	rm -rf "$X/hub2" "$X/second.tar"
}
front() { # inspect: the first bytes are enough
	strace -f -e trace=read,pread64,readv,mmap -e signal=none -P "$X/big.tar" -o "$T/trace" \
		"$PROGRAM" inspect "$X/big.tar" >"$T/out"
	cat "$T/out"
	awk '/ = [0-9]+$/ { n += $NF } /mmap/ { bad = 1 } END { print n, "bytes read"; exit n > 1048576 || n < 512 || bad }' "$T/trace"
	head -c 1000000 "$X/big.tar" >"$X/front"
	expect 0 itts inspect "$X/front"
	prints big.bin odd.bin || prints "acme/voice"
	says "cut off"
	expect 0 sh -c 'head -c 100000 "$1" | "$0" inspect -' "$PROGRAM" "$X/big.tar"
}
real_sizes() { # what disks and time allow: really packed, read by four tars
	local n list= sizes="0 1 511 512 4095 4096 4097"
	[ -z "${ITTS_LONG:-}" ] || sizes="$sizes $((2 * GIB - 1)) $((2 * GIB)) $((4 * GIB - 1)) $((4 * GIB)) $((8 * GIB - 1)) $((8 * GIB)) $((9 * GIB + 1))"
	for n in $sizes; do
		list="$list${list:+,}{\"path\": \"s$n.bin\", \"size\": $n, \"zeros\": true}"
	done
	echo "{\"name\": \"sizes\", \"repos\": [{\"id\": \"acme/sizes\", \"files\": [$list]}]}" |
		python3 "$ROOT/tests/e2e/store.py" "$X/sizes" "$T/sizes.json"
	expect 0 itts pack --offline --cache "$X/sizes" --lock "$T/sizes.json" -o "$X/sizes.tar"
	python3 - "$X/sizes.tar" "$T/sizes.json" "$T/want" <<'PYTHON'
import json, sys, tarfile
want = {"blobs/sha256/" + f["sha256"]: f["size"] for f in json.load(open(sys.argv[2]))["repos"][0]["files"]}
for m in tarfile.open(sys.argv[1]):
    if m.name in want and m.isreg():
        assert m.size == want[m.name], (m.name, m.size)
        assert m.size < 4096 or m.offset_data % 4096 == 0, m.name
with open(sys.argv[3], "w") as f:
    f.write("".join("%s %d\n" % x for x in sorted(want.items())))
PYTHON
	for reader in tar bsdtar "busybox tar"; do
		$reader -tvf "$X/sizes.tar" 2>"$T/err" | awk '/blobs.sha256/ && !/link to/ && !/->/ {
			for (i = 1; i <= NF; i++) if ($i ~ /^blobs.sha256..+/) { n = $i; s = $3; if ("'"$reader"'" == "bsdtar") s = $5; print n, s } }' |
			grep -F -f <(cut -d' ' -f1 "$T/want") | sort >"$T/got"
		test ! -s "$T/err"
		diff "$T/want" "$T/got"
	done
	expect 0 itts install "$X/sizes.tar" --cache "$X/sizes2"
	expect 0 itts verify --cache "$X/sizes2" --lock "$T/sizes.json"
}
quick() { # --version: prints, and does nothing else
	strace -f -o "$T/trace" "$PROGRAM" --version >"$T/out"
	grep -q '^itts-pack [0-9]' "$T/out"
	not grep -E 'socket\(|O_CREAT|O_WRONLY|O_RDWR|clone|fork|\.cache/|\.config/' "$T/trace"
}

check "5 GiB (9 with ITTS_LONG): memory, shared extents, less than 1 % added" big
check "what is shared needs no room, in a new cache, too" narrow
[ -z "${ITTS_LONG:-}" ] || check "the same through a pipe" stream
[ -z "${ITTS_LONG:-}" ] || check "the other commands" rest
check "what is shared is hashed, whatever becomes of where it came from" clones
check "inspect reads the front alone" front
check "sizes around the limits" real_sizes
sanitized || check "--version does nothing but print" quick
finish
