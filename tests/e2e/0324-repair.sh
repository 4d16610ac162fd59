#!/usr/bin/env bash
# repair: only what is damaged, from a bundle, volumes, a cache, the endpoints.
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
TOP=$T/repos C=$T/cache R=$T/cache/models--acme--voice
repo "$TOP" acme/voice $A config.json=300 big.bin=300000 sub/deep/x.bin=5000 tok.json=70
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/voice.json" --endpoint "$hub" --cache "$T/c0"
must itts fetch --lock "$T/voice.json" --endpoint "$hub" --cache "$T/good"
must itts pack --lock "$T/voice.json" --offline --cache "$T/good" -o "$T/b.tar"
must itts pack --lock "$T/voice.json" --offline --cache "$T/good" -o "$T/v.tar" --volume-size 100K
mkdir "$T/stick" && mv "$T"/v.* "$T/stick"

fresh() { rm -rf "$C" && cp -a "$T/good" "$C"; }
blob_of() { readlink -f "$R/snapshots/$A/$1"; }
break_blob() { # FILE
	local blob
	blob=$(blob_of "$1")
	chmod u+w "$blob"
	printf X | dd of="$blob" bs=1 seek=7 conv=notrunc status=none
}
spoil() { # one of each kind
	fresh
	break_blob big.bin
	chmod u+w "$(blob_of sub/deep/x.bin)"
	truncate -s 10 "$(blob_of sub/deep/x.bin)"
	rm "$(blob_of tok.json)"
	rm "$R/snapshots/$A/config.json"
	printf '%s\n' $A >"$R/refs/main"
}
mended() { # 3 files and a link
	jq -e '.ok and .mended == 3 and .linked == 1 and .lacking == 0' "$T/out"
	whole
}
whole() {
	expect 0 itts verify --cache "$C"
	expect 0 itts verify --cache "$C" --lock "$T/voice.json"
	diff -r "$TOP/models/acme/voice/$A" "$R/snapshots/$A"
	same "$(wc -c <"$R/refs/main")" 40
	cache_is_honest "$C"
	if [ -d "$JUDGES/node_modules" ]; then node "$ROOT/tests/judges/scan.mjs" "$C" >"$T/scan.json"; fi
}
repair() { no_network "$PROGRAM" repair --cache "$C" "$@"; }

from_bundle() {
	local before
	spoil
	before=$(picture "$C")
	expect 0 repair --from "$T/b.tar" --dry-run --json
	jq -e '.would == 4 and .mended == 0' "$T/out"
	same "$(picture "$C")" "$before"
	expect 0 repair --from "$T/b.tar" --json
	mended
	expect 0 repair --from "$T/b.tar"
	prints "nothing to mend"
}
reads_little() { # one small file does not need all of the bundle
	command -v strace >/dev/null || return 0
	fresh
	break_blob tok.json
	expect 0 strace -f -y -e trace=read,pread64,copy_file_range -P "$T/b.tar" -o "$T/trace" \
		"$PROGRAM" repair --cache "$C" --from "$T/b.tar" --offline
	awk '/ = [0-9]+$/ { n += $NF } END { print n, "bytes"; exit n > 150000 }' "$T/trace"
	whole
}
from_volumes() {
	spoil
	expect 0 repair --from "$T/stick" --json
	mended
	# a volume that is elsewhere: what is here is taken
	spoil
	mkdir -p "$T/half"
	cp "$T"/stick/v.*json "$T/stick/v.tar.001" "$T/half"
	expect 9 repair --from "$T/half" --json
	jq -e '.lacking >= 1' "$T/out"
	expect 0 repair --from "$T/half" --from "$T/good"
	whole
}
from_cache() {
	spoil
	expect 0 repair --from "$T/good" --lock "$T/voice.json" --json
	mended
	# an HF_HOME, and a damaged place before the right one
	mkdir -p "$T/home2" && cp -a "$T/good" "$T/home2/hub"
	find "$T/home2/hub" -path '*blobs/*' -type f -exec chmod u+w {} + -exec sed -i 's/^/X/' {} +
	spoil
	expect 0 repair --from "$T/home2" --from "$T/good" --json --verbose
	mended
	spoil
	expect 9 repair --from "$T/home2" --json
	jq -e '.lacking == 3 and .linked == 1' "$T/out"
	# what was wrong is still there: nothing was lost for nothing
	test -s "$(blob_of big.bin)"
	cmp -n 6 "$TOP/models/acme/voice/$A/big.bin" "$(blob_of big.bin)"
}
from_network() { # without lock or listing not even the sizes are known
	spoil
	local before
	rm -rf "$R/trees"
	cp -P "$T/good/models--acme--voice/snapshots/$A/config.json" "$R/snapshots/$A"
	expect 0 itts repair --cache "$C" --endpoint "$hub" --json
	jq -e '.ok and .mended == 3' "$T/out"
	whole
	spoil
	before=$(requests hub GET 'resolve/.*config.json')
	expect 0 itts repair acme/voice --cache "$C" --endpoint "$hub" --lock "$T/voice.json" --json
	mended
	# the one that was right was not asked for
	same "$(requests hub GET 'resolve/.*config.json')" "$before"
	spoil
	expect 9 itts repair --cache "$C" --offline
	prints "not to be had" --from
	expect 6 itts repair acme/nothing --cache "$C" --offline
	one_error
	expect 6 itts repair --cache "$T/nowhere" --offline --dry-run
	expect 2 itts repair --cache "$C" --model-dir "$T/x" acme/voice
	zstd -q "$T/b.tar" -o "$T/b.tar.zst"
	expect 2 itts repair --cache "$C" --from "$T/b.tar.zst"
	one_error
}
other_layouts() {
	# no links: a file of its own in the snapshot
	fresh
	for f in big.bin config.json; do
		cp --remove-destination "$(blob_of $f)" "$R/snapshots/$A/$f"
	done
	rm -r "$R"/blobs/*
	cp -a "$T/good/models--acme--voice/blobs"/* "$R/blobs"
	printf XX >"$R/snapshots/$A/config.json"
	expect 0 repair --from "$T/good" --json
	jq -e '.mended == 1 and .items[0].path == "config.json"' "$T/out"
	whole
	# a shared store of Python's client: the blob is a link into it
	fresh
	local blob shared
	blob=$(blob_of big.bin)
	shared=$C/blobs/ab/$(printf ab%062d 0)
	mkdir -p "$C/blobs/ab" && printf '1\n' >"$C/blobs/.huggingface-shared-blobs"
	mv "$blob" "$shared"
	ln -s "../../blobs/ab/$(basename "$shared")" "$blob"
	expect 0 itts verify --cache "$C"
	chmod u+w "$shared"
	printf X | dd of="$shared" bs=1 seek=7 conv=notrunc status=none
	expect 9 itts verify --cache "$C" --quick
	expect 0 repair --from "$T/b.tar"
	expect 0 itts verify --cache "$C"
	diff -r "$TOP/models/acme/voice/$A" "$R/snapshots/$A"
}
twins() { # the same bytes under another repository's name in the same cache
	fresh
	mkdir -p "$C/models--acme--twin"
	cp -a "$R/blobs" "$R/refs" "$R/snapshots" "$C/models--acme--twin"
	rm "$(blob_of big.bin)"
	expect 0 repair --offline --json
	jq -e '.mended == 1' "$T/out"
	whole
}
model_dir() {
	local M=$T/model
	make_store "$T/s" "$T/m.json" <<-'SPEC'
		{"name": "m", "repos": [
		 {"id": "org/flat", "files": [{"path": "gpt.pth", "size": 200000, "views": ["gpt.pth"]},
		            {"path": "config.yaml", "size": 300, "git": true, "views": ["config.yaml"]}]},
		 {"id": "org/hub", "commit": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "hub_view": "hf_cache",
		  "files": [{"path": "a.bin", "size": 70000}]}]}
	SPEC
	pack_store "$T/s" "$T/m.json" "$T/m.tar"
	expect 0 itts install "$T/m.tar" --cache "$T/c2" --model-dir "$M"
	chmod u+w "$M/gpt.pth"
	printf X >>"$M/gpt.pth" # a hard link: the blob has it, too
	echo mine >>"$M/config.yaml"
	printf 'x\n' >"$M/hf_cache/models--org--hub/refs/main"
	rm "$M/hf_cache/models--org--hub/snapshots/"*/a.bin
	record=$(sha256sum <"$M/.itts-pack/m.lock.json")
	expect 9 itts verify --model-dir "$M"
	prints "itts-pack repair --from BUNDLE"
	expect 9 no_network "$PROGRAM" repair --model-dir "$M" --cache "$T/c2" --offline --dry-run
	expect 0 no_network "$PROGRAM" repair --model-dir "$M" --cache "$T/c2" --from "$T/m.tar" --json
	jq -e '.placed >= 3 and .mended == 1' "$T/out"
	grep -q mine "$M/config.yaml.orig"
	expect 0 itts verify --model-dir "$M" --cache "$T/c2"
	same "$(sha256sum <"$M/.itts-pack/m.lock.json")" "$record"
}
# --- listings ------------------------------------------------------------------
TREE=$R/trees/$A.json
is_listed() { # as it was: what Python's client would write
	cmp "$T/good/models--acme--voice/trees/$A.json" "$TREE"
	expect 0 itts verify --cache "$C" --verbose
	not grep "bad listing" "$T/out"
}
malformed() { # TEXT
	fresh
	printf '%s' "$1" >"$TREE"
	expect 0 itts verify --cache "$C" --verbose
	prints "bad listing"
}
shortened() { # FILE...: it lacks these
	fresh
	python3 - "$TREE" "$@" <<'PYTHON'
import json, sys
tree = json.load(open(sys.argv[1]))
for name in sys.argv[2:]:
    del tree["files"][name]
json.dump(tree, open(sys.argv[1], "w"), indent=1)
PYTHON
	expect 0 itts verify --cache "$C" --verbose
	prints "bad listing" "lacks $(($# > 0 ? $# : 4)) of the files"
}
CUT='{"format_version": 1, "files": {"config.json": {"size": 300, "blob_id"'
cut_listing() { # whose end is missing
	local before
	malformed "$CUT"
	before=$(picture "$C")
	expect 0 repair --offline --dry-run --json
	jq -e --arg p "trees/$A.json" '.would == 1 and .items[0].path == $p and .items[0].state == "bad listing"' "$T/out"
	same "$(picture "$C")" "$before"
	# nobody here knows what the commit has: none is better than a lie
	expect 0 repair --offline --json
	jq -e '.ok and .listings == 1 and .items[0].result == "listing removed"' "$T/out"
	test ! -e "$TREE"
	whole
	expect 0 repair --offline
	prints "nothing to mend"
	# who knows it says so
	malformed "$CUT"
	expect 0 repair --offline --lock "$T/voice.json"
	prints "listed anew" "the lock" "1 listing written anew, 0 removed"
	is_listed
	malformed '{"format_version": 1, "files": []}'
	expect 0 repair --from "$T/b.tar"
	prints "listed anew" "the bundle"
	is_listed
	malformed ""
	expect 0 itts repair --cache "$C" --endpoint "$hub"
	prints "listed anew" "the network"
	is_listed
	# an endpoint that does not: as without one
	malformed "$CUT"
	expect 0 itts repair --cache "$C" --endpoint "http://127.0.0.1:$(free_port)"
	test ! -e "$TREE"
}
short_listing() {
	shortened config.json big.bin
	expect 0 repair --offline
	prints "listed anew" "the snapshot"
	is_listed
	# its own bytes are not right: first those
	shortened config.json big.bin
	break_blob big.bin
	before=$(sha256sum <"$TREE")
	expect 9 repair --offline
	same "$(sha256sum <"$TREE")" "$before"
	expect 0 repair --from "$T/good"
	is_listed
	shortened config.json
	expect 0 itts repair --cache "$C" --endpoint "$hub" --json
	jq -e '.listings == 1 and .mended == 0 and .items[0].from == "the network"' "$T/out"
	is_listed
	# a link that somebody has added: the listing of the commit is right
	fresh
	ln -s "$(readlink "$R/snapshots/$A/big.bin")" "$R/snapshots/$A/mine.bin"
	expect 0 repair --offline --lock "$T/voice.json"
	prints "nothing to mend"
	cmp "$T/good/models--acme--voice/trees/$A.json" "$TREE"
}
others_listing() { # not ours to change
	malformed "$CUT"
	chmod 000 "$TREE"
	local as=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all)
	if [ "$(id -u)" -eq 0 ]; then
		chmod 755 "$T"
		chown -hR 65534:65534 "$C"
		chown 0:0 "$TREE"
		expect 3 "${as[@]}" "$PROGRAM" repair --cache "$C" --offline
		test -e "$TREE"
	fi
	fresh
	printf '{"format_version": 2, "files": {"x": []}}' >"$TREE"
	expect 0 repair --offline
	prints "nothing to mend"
	grep -q '"x"' "$TREE"
	# more than this program reads, which clients may well do
	python3 - "$TREE" $A <<'PYTHON'
import json, sys
files = {f"f{i:06}": {"size": 1, "blob_id": sys.argv[2]} for i in range(100001)}
json.dump({"format_version": 1, "files": files}, open(sys.argv[1], "w"), indent=1)
PYTHON
	expect 0 itts verify --cache "$C" --verbose
	not grep "bad listing" "$T/out"
	expect 0 repair --offline
	test -s "$TREE"
}

check "a listing that is malformed" cut_listing
check "a listing that is short" short_listing
check "listings of others, and of other formats" others_listing
check "from a bundle" from_bundle
check "reads only what is wanted of it" reads_little
check "from volumes" from_volumes
check "from a cache" from_cache
check "from the endpoints" from_network
check "caches without links, shared blobs" other_layouts
check "from another repository of the same cache" twins
check "a model directory" model_dir
finish
