#!/usr/bin/env bash
# install in every way: from file, pipe, zstd; cache, model directory, both; by
# anybody, without network; again; refs; listings; archives of other people.
. "$(dirname "$0")/lib.sh"

need python3 zstd gzip zip tar strace
A=1111111111111111111111111111111111111111 C=2222222222222222222222222222222222222222
spec() { # COMMIT TEXT
	cat <<SPEC
{"name": "voices", "repos": [{"id": "acme/voice", "commit": "$1", "hub_view": "hf_cache", "files": [
	{"path": "big.bin", "size": 3000001, "views": ["big.bin"]}, {"path": "sub/b.bin", "size": 5000},
	{"path": "empty.txt", "size": 0, "git": true},
	{"path": "config.yaml", "text": "$2\n", "git": true, "views": ["config.yaml"]}]}]}
SPEC
}
spec $A "a: 1" >"$T/a.spec"
spec $C "a: 2" >"$T/c.spec"
make_store "$T/store" "$T/lock.json" <"$T/a.spec"
make_store "$T/store2" "$T/lock2.json" <"$T/c.spec"
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"
must pack_store "$T/store2" "$T/lock2.json" "$T/c.tar"
R=models--acme--voice

good() { # CACHE [MODELDIR]
	cache_is_honest "$1"
	python3 "$ROOT/tests/e2e/offline.py" "$1" "$T/lock.json"
	expect 0 itts verify --cache "$1" --lock "$T/lock.json"
	[ -z "${2:-}" ] || expect 0 itts verify --model-dir "$2"
}
inputs() {
	expect 0 itts install "$T/b.tar" --cache "$T/i1"
	good "$T/i1"
	expect 0 sh -c 'cat "$1" | "$0" install - --cache "$2"' "$PROGRAM" "$T/b.tar" "$T/i2"
	good "$T/i2"
	expect 0 sh -c '"$0" install - --cache "$2" <"$1"' "$PROGRAM" "$T/b.tar" "$T/i3"
	good "$T/i3"
	zstd -q "$T/b.tar" -o "$T/b.tar.zst"
	expect 0 itts install "$T/b.tar.zst" --cache "$T/i4"
	good "$T/i4"
	expect 0 sh -c 'cat "$1" | "$0" install - --cache "$2"' "$PROGRAM" "$T/b.tar.zst" "$T/i5"
	good "$T/i5"
	gzip -c "$T/b.tar" | expect 0 itts install - --cache "$T/i6"
	good "$T/i6"
	expect 0 itts verify "$T/b.tar.zst"
	expect 0 itts inspect "$T/b.tar.zst"
	# byte for byte the same trees
	for n in 2 3 4 5 6; do diff <(picture "$T/i1") <(picture "$T/i$n"); done
}
places() { # where it goes: by option, by environment, in the order of the Hub
	(export HF_HUB_CACHE="$T/p1" && expect 0 itts install "$T/b.tar") && good "$T/p1"
	(export HUGGINGFACE_HUB_CACHE="$T/p2" && expect 0 itts install "$T/b.tar") && good "$T/p2"
	(export HF_HOME="$T/p3" && expect 0 itts install "$T/b.tar") && good "$T/p3/hub"
	(export XDG_CACHE_HOME="$T/p4" && expect 0 itts install "$T/b.tar") && good "$T/p4/huggingface/hub"
	expect 0 itts install "$T/b.tar"
	good "$HOME/.cache/huggingface/hub"
	(export HF_HUB_CACHE="$T/no" && expect 0 itts install "$T/b.tar" --cache "$T/p5" --model-dir "$T/m5")
	good "$T/p5" "$T/m5"
	test ! -e "$T/no"
	cd "$T" && expect 0 itts install b.tar --cache "with space/ü" --model-dir "m 6/x/"
	good "$T/with space/ü" "$T/m 6/x"
	# the Hub view as the cache itself
	expect 0 itts install "$T/b.tar" --cache "$T/m7/hf_cache" --model-dir "$T/m7"
	good "$T/m7/hf_cache" "$T/m7"
}
anybody() {
	local user="setpriv --reuid 65534 --regid 65534 --clear-groups"
	[ "$(id -u)" -eq 0 ] || user=
	mkdir -m 777 "$T/theirs"
	chmod 755 "$T"
	expect 0 no_network $user env HOME="$T/theirs" "$PROGRAM" install "$T/b.tar" --cache "$T/theirs/hub" \
		--model-dir "$T/theirs/models"
	good "$T/theirs/hub" "$T/theirs/models"
	mkdir -m 755 "$T/ours"
	[ -z "$user" ] || expect 3 $user "$PROGRAM" install "$T/b.tar" --cache "$T/ours/hub"
	[ -z "$user" ] || says "$T/ours" "Permission denied"
}
no_socket() {
	strace -f -e trace=socket,connect -o "$T/trace" "$PROGRAM" install "$T/b.tar" --cache "$T/s1" --model-dir "$T/s2"
	same "$(grep -c 'socket(\|connect(' "$T/trace" || true)" 0
}
dry() {
	expect 0 itts install "$T/b.tar" --cache "$T/dry" --model-dir "$T/dry-m" --dry-run
	prints "would install 4 of 4" "$T/dry"
	test ! -e "$T/dry" -a ! -e "$T/dry-m"
	picture "$T/i1" >"$T/before"
	expect 0 itts install "$T/c.tar" --cache "$T/i1" --dry-run
	prints "would install 1 of 4"
	picture "$T/i1" >"$T/after"
	diff "$T/before" "$T/after"
}
again() { # nothing changes, and no payload is read again from the bundle
	local begin
	expect 0 itts install "$T/b.tar" --cache "$T/g" --model-dir "$T/gm"
	find "$T/g" "$T/gm" ! -type d ! -path "*/.locks/*" -printf '%p %i %T@ %C@\n' | sort >"$T/before"
	strace -f -y -e trace=read,pread64,ioctl,copy_file_range -P "$T/b.tar" -o "$T/trace" \
		"$PROGRAM" install "$T/b.tar" --cache "$T/g" --model-dir "$T/gm" --json >"$T/out" 2>"$T/err"
	same "$(jq .had_files "$T/out")" 4
	same "$(jq .new_files "$T/out")" 0
	find "$T/g" "$T/gm" ! -type d ! -path "*/.locks/*" -printf '%p %i %T@ %C@\n' | sort >"$T/after"
	diff "$T/before" "$T/after"
	awk '/ = [0-9]+$/ { n += $NF } END { print n, "bytes of the bundle"; exit n > 1500000 }' "$T/trace"
	# damage is found and mended
	chmod u+w "$T/g/$R/blobs"/*
	printf x | dd of="$(readlink -f "$T/g/$R/snapshots/$A/big.bin")" bs=1 seek=99999 conv=notrunc 2>/dev/null
	rm "$T/g/$R/snapshots/$A/sub/b.bin" "$T/gm/big.bin"
	expect 0 itts install "$T/b.tar" --cache "$T/g" --model-dir "$T/gm" --json
	same "$(jq .new_files "$T/out")" 1
	good "$T/g" "$T/gm"
}
refs() { # old -> new is said; --keep-refs leaves it
	expect 0 itts install "$T/b.tar" --cache "$T/r"
	same "$(grep -c 'refs/main' "$T/err" || true)" 0
	expect 0 itts install "$T/c.tar" --cache "$T/r" --keep-refs
	says "refs/main" "kept at $A" $C
	same "$(cat "$T/r/$R/refs/main")" $A
	expect 0 itts install "$T/c.tar" --cache "$T/r"
	says "refs/main" "$A -> $C"
	same "$(cat "$T/r/$R/refs/main")" $C
	expect 0 itts verify --cache "$T/r" --lock "$T/lock2.json"
	# both snapshots stay
	test -e "$T/r/$R/snapshots/$A/big.bin" -a -e "$T/r/$R/snapshots/$C/big.bin"
	# a ref that another tool ended with a newline is mended
	printf '%s\n' $C >"$T/r/$R/refs/main"
	expect 9 itts verify --cache "$T/r"
	expect 0 itts install "$T/c.tar" --cache "$T/r"
	same "$(wc -c <"$T/r/$R/refs/main")" 40
}
listings() { # exactly what the snapshot holds; Python's own is never made untrue
	jq -r '.files | keys[]' "$T/i1/$R/trees/$A.json" | sort >"$T/listed"
	(cd "$T/i1/$R/snapshots/$A" && find . ! -type d -printf '%P\n') | sort | diff - "$T/listed"
	# Python has all of the commit, and says so
	cp -r "$T/i1" "$T/l"
	python3 - "$T/l/$R/trees/$A.json" <<'PYTHON'
import json, sys
tree = json.load(open(sys.argv[1]))
tree["files"]["more.bin"] = {"size": 4, "blob_id": "d" * 40}
json.dump(tree, open(sys.argv[1], "w"), indent=1, sort_keys=False)
PYTHON
	cp "$T/l/$R/trees/$A.json" "$T/python.json"
	ln -s ../../blobs/none "$T/l/$R/snapshots/$A/more.bin"
	expect 0 itts install "$T/b.tar" --cache "$T/l"
	cmp "$T/python.json" "$T/l/$R/trees/$A.json" || jq -e '.files["more.bin"]' "$T/l/$R/trees/$A.json"
}
edited() { # what people change is kept beside, and is a copy
	expect 0 itts install "$T/b.tar" --cache "$T/e" --model-dir "$T/em"
	same "$(stat -c '%h %a' "$T/em/config.yaml")" "1 644"
	test "$T/em/big.bin" -ef "$T/e/$R/snapshots/$A/big.bin"
	echo mine >"$T/em/config.yaml"
	cache_is_honest "$T/e"
	expect 9 itts verify --model-dir "$T/em"
	prints config.yaml
	expect 0 itts install "$T/b.tar" --cache "$T/e" --model-dir "$T/em"
	says config.yaml.orig
	same "$(cat "$T/em/config.yaml.orig")" mine
	good "$T/e" "$T/em"
	# an update is no edit
	rm "$T/em/config.yaml.orig"
	expect 0 itts install "$T/c.tar" --cache "$T/e" --model-dir "$T/em"
	same "$(cat "$T/em/config.yaml")" "a: 2"
	test ! -e "$T/em/config.yaml.orig"
}
foreign() { # what stood there before is nobody's to delete
	mkdir "$T/fm"
	head -c 5000 "$T/em/big.bin" >"$T/fm/big.bin"
	expect 0 itts install "$T/b.tar" --cache "$T/f" --model-dir "$T/fm"
	says "big.bin was there, with other bytes: kept as big.bin.orig"
	cmp -n 5000 "$T/fm/big.bin.orig" "$T/em/big.bin"
	same "$(find "$T/fm" -name '*.orig' | wc -l)" 1
	good "$T/f" "$T/fm"
	# now it is known what belongs there: damage is mended, and nothing piles up
	rm "$T/fm/big.bin"
	echo cut >"$T/fm/big.bin"
	expect 0 itts install "$T/b.tar" --cache "$T/f" --model-dir "$T/fm"
	same "$(find "$T/fm" -name '*.orig*' | wc -l)" 1
	good "$T/f" "$T/fm"
	# and what is right takes the place of a link
	mkdir "$T/fm2"
	cp "$T/em/big.bin" "$T/fm2"
	expect 0 itts install "$T/b.tar" --cache "$T/f" --model-dir "$T/fm2"
	test "$T/fm2/big.bin" -ef "$T/f/$R/snapshots/$A/big.bin"
	test -z "$(find "$T/fm2" -name '*.orig*')"
}
imported() { # ARCHIVE
	rm -rf "$T/im"
	expect 0 no_network "$PROGRAM" install --import "$1" --cache "$T/im"
	cache_is_honest "$T/im"
	same "$(cat "$T/im/$R/refs/main")" $A
	cmp "$T/im/$R/snapshots/$A/big.bin" "$T/i1/$R/snapshots/$A/big.bin"
	test -L "$T/im/$R/snapshots/$A/sub/b.bin"
	expect 0 itts verify --cache "$T/im" --lock "$T/lock.json"
}
imports() { # a cache that a colleague packed, in all the ways people do it
	cp -r "$T/i1" "$T/hub"
	echo secret >"$T/token"
	tar -C "$T" -cf "$T/x.tar" hub && imported "$T/x.tar"
	tar -C "$T/hub" -cf "$T/x.tar" . && imported "$T/x.tar"
	tar -C "$T/hub" -czf "$T/x.tar.gz" $R && imported "$T/x.tar.gz"
	tar -C "$T" -cf - hub token | zstd -q -o "$T/x.tar.zst" && imported "$T/x.tar.zst"
	test ! -e "$T/im/token"
	tar -C "$T" -chf "$T/deref.tar" hub && imported "$T/deref.tar"
	tar -C "$T" -cJf "$T/x.tar.xz" hub && imported "$T/x.tar.xz"
	(cd "$T" && zip -qry x.zip hub) && imported "$T/x.zip"
	(cd "$T" && zip -qr deref.zip hub) && imported "$T/deref.zip"
	rm -rf "$T/im"
	expect 0 sh -c 'cat "$1" | "$0" install --import - --cache "$2"' "$PROGRAM" "$T/x.tar.zst" "$T/im"
	cache_is_honest "$T/im"
	# with a lock: also the model directory
	expect 0 itts install --import "$T/x.tar" --cache "$T/im2" --lock "$T/lock.json" --model-dir "$T/imm"
	good "$T/im2" "$T/imm"
	# again: nothing new
	expect 0 itts install --import "$T/x.tar" --cache "$T/im2" --json
	same "$(jq .blobs "$T/out")" 0
}
spool_of_a_pipe() { # NFS has no files without a name; what a pipe brings needs one all the same
	local n
	from_pipe() { cat "$T/x.tar.zst" | strace -o "$T/trace" "$@"; }
	from_pipe -e trace=openat "$PROGRAM" install --import - --cache "$T/sp0"
	n=$(grep openat "$T/trace" | grep -n 'O_TMPFILE.*= [0-9]' | head -1 | cut -d: -f1)
	test "$n" -gt 0
	expect 0 from_pipe -e inject=openat:error=EOPNOTSUPP:when="$n" "$PROGRAM" install --import - --cache "$T/sp1"
	grep -q 'O_TMPFILE.*EOPNOTSUPP.*INJECTED' "$T/trace"
	cache_is_honest "$T/sp1"
	same "$(find "$T/sp1" -name '*import*')" ""
}
two_at_once() { # the second waits for the first
	itts install "$T/b.tar" --cache "$T/two" --model-dir "$T/two-m" >"$T/out1" 2>&1 &
	itts install "$T/c.tar" --cache "$T/two" --model-dir "$T/two-m2" >"$T/out2" 2>&1
	wait $!
	cache_is_honest "$T/two"
	expect 0 itts verify --model-dir "$T/two-m"
	expect 0 itts verify --model-dir "$T/two-m2"
}

check "from a file, a pipe, zstd, gzip" inputs
check "cache and model directory, by option and by variable" places
check "anybody may, without network" anybody
sanitized || check "no socket is opened" no_socket
check "--dry-run" dry
check "again: nothing changes, nothing is read again; damage is mended" again
check "refs: old -> new, --keep-refs, newline" refs
check "listings" listings
check "files that people edit" edited
check "files that stood there before" foreign
check "--import of tar, tar.gz, tar.zst, tar.xz, zip, with and without links" imports
check "--import from a pipe where no file can be without a name" spool_of_a_pipe
check "two installations at once" two_at_once
finish
