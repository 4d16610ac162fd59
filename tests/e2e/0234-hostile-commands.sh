#!/usr/bin/env bash
# run: first
# The hostile bundles and archives of 0228 through all other commands, whole ones and
# thin ones, as files, through pipes, compressed, in volumes. hostile_commands.py says
# what a word in the table means and what is looked at.
. "$(dirname "$0")/lib.sh"

need python3 jq ssh-keygen zstd
mkdir -p "$T/bad" "$T/thin/bad" "$T/home"
SPEC='{"name": "hostile", "repos": [{"files": [{"path": "a.bin", "size": 70001, "views": ["a.bin"]},
	{"path": "b.bin", "size": 70001}, {"path": "config.yaml", "text": "a: 1\n", "git": true}MORE]}]}'
make_attacks() { # DIR [PACK-OPTIONS]: from the lock and the store there
	local top=$1 s
	shift
	for s in 7 8; do pack_store "$top/store" "$top/lock.json" "$top/s$s.tar" --serial $s "$@"; done
	mv "$top/s7.tar" "$top/good.tar"
	cp "$top/good.tar" "$top/signed.tar"
	itts sign "$top/signed.tar" --key "$T/key"
	itts sign "$top/s8.tar" --key "$T/key"
	expect 0 itts install "$top/good.tar" --cache "$top/first"
	python3 "$ROOT/tests/e2e/hostile.py" "$top/good.tar" "$top/signed.tar" "$top/s8.tar" "$top/bad" >"$top/table"
	# what is right to make of them where the attack does not matter
	itts sbom "$top/good.tar" >"$top/good.sbom"
	expect 0 itts pack --offline --cache "$top/store" --lock "$top/lock.json" -o "$top/good.for.tar" \
		--serial 9 --for "$top/good.tar"
}
prepare() {
	ssh-keygen -q -t ed25519 -N "" -f "$T/key"
	echo "release@example.com $(cat "$T/key.pub")" >"$T/allowed"
	make_store "$T/store" "$T/lock.json" <<<"${SPEC/MORE/}"
	make_attacks "$T"
	# a cache that has lost everything but the names
	cp -a "$T/first" "$T/gone"
	find "$T/gone" -path '*/blobs/*' -type f -delete
}
prepare_thin() { # c.bin is at the site
	make_store "$T/thin/store" "$T/thin/lock.json" <<<"${SPEC/MORE/, {\"path\": \"c.bin\", \"size\": 80001\}}"
	local sha
	sha=$(jq -r '.repos[0].files[] | select(.path == "c.bin").sha256' "$T/thin/lock.json")
	jq -n --arg s "$sha" '{format: "itts-inventory", version: 1, blobs: [{sha256: $s, size: 80001}]}' >"$T/site.json"
	for top in "$T/site" "$T/thin/first"; do
		mkdir -p "$top/models--acme--voice/blobs"
		cp "$T/thin/store/models--acme--voice/blobs/$sha" "$top/models--acme--voice/blobs"
	done
	make_attacks "$T/thin" --for "$T/site.json"
	cp -a "$T/thin/first" "$T/thin/gone"
	find "$T/thin/gone" -path '*/blobs/*' -type f ! -name "$sha" -delete
}
must prepare
must prepare_thin

cat >"$T/rows" <<'TABLE'
attack                verify  inspect sbom    scan    repair  import  import| some    for     sign    adopt   install zst     izst    dry     plain   volumes vverify
traversal             8       8       8       8       8       8       8       8       8       8       r6      8       8       8       8       7       8       8
absolute              8       8       8       8       8       8       8       8       8       8       r6      8       8       8       8       7       8       8
view-out              8       8       8       8       8       8       8       8       8       8       r6      8       8       8       8       7       8       8
control-bytes         8       8       8       8       8       8       8       8       8       8       r6      8       8       8       8       7       8       8
case-twin             7       7       7       7       7       7       7       7       7       7       r6      7       7       7       7       7       7       7
unicode-twin          7       7       7       7       7       7       7       7       7       7       r6      7       7       7       7       7       7       7
ref-out               8       8       8       8       8       8       8       8       8       8       r6      8       8       8       8       7       8       8
extra-takes-hub       8       8       8       8       8       8       8       8       8       8       r6      8       8       8       8       7       8       8
deep-json             7       7       7       7       7       7       7       7       7       7       r6      7       7       7       7       7       7       7
serial-jump           r9      ok      ok      ok      ok      8       8       8       ok      ok      r6      8       8       8       8       7       8       r9
replay                r9      ok      ok      ok      ok      8       8       8       ok      ok      r6      8       8       8       8       7       8       r9
symlink-first         r9      ok      ok      r1      r9      9       9       r9      ok      ok      r6      9       9       9       ok      7       9       r9
hard-link-out         r9      ok      ok      ok      ok      9       9       ok      ok      ok      r6      9       9       9       ok      7       9       r9
device                r9      ok      ok      ok      ok      9       9       ok      ok      ok      r6      9       9       9       ok      7       9       r9
fifo                  r9      ok      ok      ok      ok      9       9       ok      ok      ok      r6      9       9       9       ok      7       9       r9
sparse                r9      ok      ok      ok      ok      9       9       ok      ok      ok      r6      9       9       9       ok      7       9       r9
gnu-long-name         r9      ok      ok      ok      r9      9       9       r9      ok      ok      r6      9       9       9       ok      7       9       r9
duplicate             r9      ok      ok      ok      r9      9       9       r9      ok      ok      r6      9       9       9       ok      7       9       r9
pax-path              r9      ok      ok      ok      r9      9       9       r9      ok      ok      r6      9       9       9       ok      7       9       r9
pax-size              r9      ok      ok      ok      r9      9       9       r9      ok      ok      r6      9       9       9       ok      7       9       r9
size-lies             r9      ok      ok      ok      ok      9       9       ok      ok      ok      r6      9       9       9       ok      7       9       r9
manifest-size-lies    7       7       7       7       7       7       7       7       7       7       r6      7       7       7       7       7       7       7
hidden-tail           r9      ok      ok      7       ok      7       7       ok      ok      7       r6      7       7       7       7       7       7       r9
two-manifests         9       ok      ok      r1      r9      9       9       9       ok      ok      r6      9       9       9       9       7       9       r9
manifest-behind       7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
blob-swap             r9      ok      ok      ok      r9      9       9       r9      ok      ok      r6      9       9       9       ok      7       9       r9
zstd-window           7       7       7       7       7       7       7       7       7       7       r6      7       7       7       7       7       7       7
zstd-bomb             9       7       7       7       7       9       9       9       7       7       r6      9       7       7       9       7       7       7
another-signature     9       ok      ok      ok      ok      9       9       9       ok      ok      r6      9       9       9       9       7       9       9
import-traversal      7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-absolute       7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-link-out       7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-link-through   7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-hard-link-out  7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-device         7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-fifo           7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-duplicate      7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-case-twin      7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-unicode-twin   7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-control-bytes  7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-pax-path       7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-pax-size       7       7       7       7       7       7       7       7       7       7       r6      7       7       7       7       7       7       7
import-size-lies      7       7       7       7       7       7       7       7       7       7       r6      7       7       7       7       7       7       7
import-ref-out        7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-blob-lies      7       7       7       7       7       9       7       6       7       7       r6      7       7       9       7       9       7       7
import-loop           7       7       7       7       7       8       7       8       7       7       r6      7       7       8       7       8       7       7
import-zip-bomb       7       7       7       7       7       9       7       6       7       7       r6      7       7       7       7       9       7       7
TABLE

sweep() { python3 "$ROOT/tests/e2e/hostile_commands.py" "$PROGRAM" "$T" "$T/rows" "$@"; }

# --- what stands beside: inventories and cards ------------------------------------------
deep=$(printf '[%.0s' {1..5000})$(printf ']%.0s' {1..5000})
inventory() { # WORDS BLOBS [TAIL]
	printf '%b' '{"format":"itts-inventory","version":1,"blobs":['"$2${3-]\}}" >"$T/inv.json"
	expect 7 itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o "$T/o.tar" --for "$T/inv.json"
	one_error
	says "--for: $T/inv.json: " "$1"
	test ! -e "$T/o.tar"
}
inventories() {
	local sha
	sha=$(jq -r '.repos[0].files[0].sha256' "$T/lock.json")
	inventory "two sizes" "{\"sha256\":\"$sha\",\"size\":5},{\"sha256\":\"$sha\",\"size\":70001}"
	inventory "64 hex digits" '{"sha256":"../../etc","size":5}'
	for size in -1 1e400 0.5 9007199254740993; do
		inventory "a whole number" "{\"sha256\":\"$sha\",\"size\":$size}"
	done
	inventory 'key "sha256" appears twice' "{\"sha256\":\"$sha\",\"sha256\":\"$sha\",\"size\":5}"
	inventory 'key "blobs" appears twice' '' '],"blobs":[]}'
	inventory NUL '{"sha256":"a\\u0000b","size":5}'
	inventory "nested too deeply" "$deep"
	inventory "the end is expected" '' ']} x'
	# a size that is not that of the digest: nothing is left out for it
	printf '{"format":"itts-inventory","version":1,"blobs":[{"sha256":"%s","size":5}]}' "$sha" >"$T/inv.json"
	expect 0 itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o "$T/o.tar" --for "$T/inv.json" --json
	same "$(jq .left_out "$T/out")" 0
}
card() { # STATUS WORDS JQ-EXPRESSION: of the card; JSON text if it begins with a brace
	local status=$1 words=$2 command
	if [[ $3 == \{* ]]; then printf '%s' "$3"; else jq "$3" "$T/card"; fi >"$T/vol/b.volumes.json"
	picture "$T/vol" >"$T/before"
	for command in install verify inspect "sign --key $T/key" "repair --lock $T/lock.json --from" sbom scan \
		"import --keep-refs"; do
		rm -rf "$T/new"
		# shellcheck disable=SC2086
		HF_HUB_CACHE=$T/new expect "$status" timeout 20 "$PROGRAM" $command "$T/vol"
		one_error
		says "$words"
		same "$(cat "$T/out")" ""
		test ! -e "$T/new"
		picture "$T/vol" | diff "$T/before" -
	done
}
cards() {
	mkdir "$T/vol"
	pack_store "$T/store" "$T/lock.json" "$T/vol/b.tar" --volume-size 64K
	cp "$T/vol/b.volumes.json" "$T/card"
	card 8 "file: " '.volumes[0].file = "../outside/canary"'
	card 8 "file: " '.volumes[0].file = "/etc/passwd"'
	card 8 "file: " '.volumes[1].file = ".hidden"'
	card 8 control '.volumes[0].file = "a\u001b[2J"'
	card 7 "stands there twice" '.volumes[1].file = .volumes[0].file'
	card 7 "offset: 65537" '.volumes[1].offset = 65537'
	card 7 "offset: 0" '.volumes[1].offset = 0'
	card 7 "no multiple" '.volumes[0].size = 65537'
	card 7 "size: 0" '.volumes[0].size = 0'
	card 7 "not valid" '.volumes[3].size = 9007199254740991'
	card 7 "but the volumes have" '.bytes = 9007199254740991'
	card 7 "64 hex digits" '.set = "x"'
	card 7 "is empty" '.volumes = []'
	card 7 "nested too deeply" "{\"format\": \"itts-volumes\", \"version\": 1, \"volumes\": $deep}"
	card 7 "appears twice" '{"format": "itts-volumes", "format": "itts-volumes", "version": 1, "volumes": []}'
	card 7 "version 1" '.version = 2'
}

check "whole bundles and archives, every command" sweep
check "thin bundles" sweep thin
check "inventories" inventories
check "cards of volumes" cards
finish
