#!/usr/bin/env bash
# Thin bundles: what the site has is left out, and missed before the first write.
. "$(dirname "$0")/lib.sh"

need python3 jq tar
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos
# two releases that share one large file; notes.json is large and not in LFS
repo "$TOP" acme/voice $A config.json=300 shared.safetensors=3000000 old.bin=200000 \
	notes.json=120000
repo "$TOP" acme/voice $B config.json=310 shared.safetensors=3000000 new.bin=250000 \
	notes.json=120000
start_hub hub "$TOP"
manifest() { # COMMIT
	jq -n --arg c "$1" '{format: "itts-manifest", version: 1, name: "voice", models: [
		{id: "acme/voice", revision: $c, views: [{files: "*", to: "m/"}]}]}'
}
make_bundles() {
	manifest $A >"$T/a.json"
	manifest $B >"$T/b.json"
	for v in a b; do
		expect 0 itts lock -m "$T/$v.json" --lock "$T/$v.lock" --endpoint "$hub" --cache "$T/full"
		expect 0 itts pack --lock "$T/$v.lock" --endpoint "$hub" --cache "$T/full" \
			-o "$T/$v.tar" --serial 3
	done
	expect 0 itts install "$T/a.tar" --cache "$T/site" --model-dir "$T/models"
}
must make_bundles
big=$(jq -r '.repos[0].files[] | select(.path == "shared.safetensors").sha256' "$T/b.lock")
blob=$T/site/models--acme--voice/blobs/$big

take_inventory() {
	expect 0 itts inventory --cache "$T/site"
	not grep -e failed -e damaged "$T/err"
	cp "$T/out" "$T/site.json"
	# digests of all that is over 64 KiB, also of what git names by SHA-1
	(cd "$T/site" && find models--*/blobs -type f -size +64k -exec sha256sum {} +) |
		cut -d ' ' -f 1 | sort >"$T/want"
	same "$(wc -l <"$T/want")" 3
	jq -r '.blobs[].sha256' "$T/site.json" | diff - "$T/want"
	expect 0 itts inventory --cache "$T/site" --quick
	diff "$T/out" "$T/site.json"
}
damaged_is_not_listed() {
	cp -a "$T/site" "$T/bad"
	local bad=$T/bad/models--acme--voice/blobs/$big
	chmod 644 "$bad"
	printf x | dd of="$bad" bs=1 seek=100 conv=notrunc 2>/dev/null
	expect 0 itts inventory --cache "$T/bad"
	says damaged "$big"
	same "$(jq '.blobs | length' "$T/out")" 2
	same "$(jq -r '.blobs[].sha256' "$T/out" | grep -c "$big")" 0
}
pack_thin() {
	expect 0 itts pack --offline --lock "$T/b.lock" --cache "$T/full" -o "$T/thin.tar" \
		--serial 3 --for "$T/site.json" --json
	same "$(jq '.left_out, .left_out_bytes' "$T/out" | paste -sd ' ')" "2 3120000"
	same "$(($(stat -c %s "$T/thin.tar") < 400000))" 1
	expect 0 itts inspect "$T/thin.tar"
	prints "thin bundle: 2 payloads"
	expect 0 itts verify "$T/thin.tar" --json
	same "$(jq '.damaged, .files' "$T/out" | paste -sd ' ')" "0 2"
}
pack_for_bundle() { # the same from the old bundle itself
	expect 0 itts pack --offline --lock "$T/b.lock" --cache "$T/full" -o "$T/thin2.tar" \
		--serial 3 --for "$T/a.tar"
	cmp "$T/thin.tar" "$T/thin2.tar"
}
install_thin() {
	local ino
	ino=$(stat -c '%i %Y' "$blob")
	expect 0 itts install "$T/thin.tar" --cache "$T/site" --model-dir "$T/models" --json
	same "$(jq .new_files "$T/out")" 2
	same "$(stat -c '%i %Y' "$blob")" "$ino"
	cache_is_honest "$T/site"
	expect 0 itts verify --cache "$T/site" --lock "$T/b.lock"
	expect 0 itts verify --model-dir "$T/models"
	cmp "$T/models/m/shared.safetensors" "$TOP/models/acme/voice/$B/shared.safetensors"
}
# refused STATUS CACHE: and nothing is touched
refused() {
	picture "$2" >"$T/before" 2>/dev/null || true
	expect "$1" itts install "$T/thin.tar" --cache "$2" --model-dir "$T/m2"
	one_error
	picture "$2" >"$T/after" 2>/dev/null || true
	diff "$T/before" "$T/after"
	test ! -e "$T/m2"
}
missing_one() {
	rm -rf "$T/site2" && cp -a "$T/site" "$T/site2"
	rm -rf "$T/site2/.locks" "$T/site2/models--acme--voice/blobs/$big"
	refused 6 "$T/site2"
	says "acme/voice shared.safetensors (missing)"
	expect 6 itts install "$T/thin.tar" --cache "$T/site2" --dry-run
}
damaged_one() {
	rm -rf "$T/site2" && cp -a "$T/site" "$T/site2"
	rm -rf "$T/site2/.locks"
	chmod 644 "$T/site2/models--acme--voice/blobs/$big"
	printf x | dd of="$T/site2/models--acme--voice/blobs/$big" bs=1 seek=9 conv=notrunc 2>/dev/null
	refused 9 "$T/site2"
	says "acme/voice shared.safetensors (damaged)"
}
no_store() {
	expect 6 itts install "$T/thin.tar" --cache "$T/nothing" --model-dir "$T/m2"
	one_error
	test ! -e "$T/m2"
	test ! -e "$T/nothing"
	says "notes.json (missing)" "shared.safetensors (missing)"
}
mkfifo "$T/fifo"
from_a_pipe() {
	expect 0 itts install "$T/a.tar" --cache "$T/site3"
	cat "$T/thin.tar" >"$T/fifo" &
	expect 0 itts install "$T/fifo" --cache "$T/site3"
	cache_is_honest "$T/site3"
}
# vanishes BUNDLE CACHE FILE: deleted by somebody else while the bundle comes through a pipe
vanishes() {
	local most=$(($(stat -c %s "$1") - 100000)) got=0
	rm -f fifo2 && mkfifo fifo2
	: >"$T/err"
	{
		head -c $most "$1"
		await grep -q "installing:" "$T/err"
		rm "$3"
		tail -c +$((most + 1)) "$1"
	} >fifo2 &
	itts install fifo2 --cache "$2" --model-dir "$T/m4" >"$T/out" 2>"$T/err" || got=$?
	wait $!
	same $got 6
	one_error
	says "vanished from $2" "acme/voice"
	same "$(find "$2" -xtype l -o -name "$B" -o -path '*/refs/*')" ""
	test ! -e "$T/m4"
}
deleted_meanwhile() {
	local blobs=models--acme--voice/blobs
	expect 0 itts install "$T/a.tar" --cache "$T/release-a"
	mkdir -p "$T/site4/$blobs"
	cp "$T/release-a/$blobs"/* "$T/site4/$blobs"
	vanishes "$T/thin.tar" "$T/site4" "$T/site4/$blobs/$big"
	says "shared.safetensors vanished"
	# of a full one too: the next run takes it from the bundle
	rm -r "$T/site4" && mkdir -p "$T/site4/$blobs"
	cp "$T/release-a/$blobs"/* "$T/site4/$blobs"
	vanishes "$T/b.tar" "$T/site4" "$T/site4/$blobs/$big"
	expect 0 itts install "$T/b.tar" --cache "$T/site4"
	cache_is_honest "$T/site4"
}
plain_tar() { # over the tree of the release before
	mkdir "$T/tree" "$T/tree2"
	tar -xf "$T/a.tar" -C "$T/tree"
	tar -xf "$T/thin.tar" -C "$T/tree"
	(cd "$T/tree" && sha256sum -c --quiet SHA256SUMS)
	cmp "$T/tree/checkpoints/m/shared.safetensors" "$TOP/models/acme/voice/$B/shared.safetensors"
	# and not without a word where something lacks
	expect 2 tar -xf "$T/thin.tar" -C "$T/tree2"
}
same_again() { # the full bundle, from what thin installation has left
	record_is_lean "$T/site" voice
	expect 0 itts pack --from-store --cache "$T/site" -o "$T/again.tar"
	cmp "$T/again.tar" "$T/b.tar"
	expect 0 itts pack --from-store voice --cache "$T/site" -o - --for "$T/site.json"
	cmp "$T/out" "$T/thin.tar"
	expect 6 itts pack --from-store other --cache "$T/site" -o "$T/x.tar"
	says other
	expect 6 itts pack --from-store --cache "$T/full" -o "$T/x.tar"
	expect 2 itts pack --from-store --cache "$T/site" -m "$T/a.json" -o "$T/x.tar"
}
bad_inventory() {
	echo '{"format":"itts-inventory","version":2,"blobs":[]}' >"$T/x.json"
	expect 7 itts pack --offline --lock "$T/b.lock" --cache "$T/full" -o "$T/x.tar" --for "$T/x.json"
	says "not an inventory of version 1"
	expect 6 itts pack --offline --lock "$T/b.lock" --cache "$T/full" -o "$T/x.tar" --for "$T/none"
	expect 7 itts pack --offline --lock "$T/b.lock" --cache "$T/full" -o "$T/x.tar" --for "$T/err"
	test ! -e "$T/x.tar"
}

check "inventory" take_inventory
check "inventory: a damaged blob is named and left out" damaged_is_not_listed
check "pack --for an inventory" pack_thin
check "pack --for the old bundle: the same bytes" pack_for_bundle
check "refused before the first write: one missing" missing_one
check "refused before the first write: one damaged" damaged_one
check "refused before the first write: no store" no_store
check "install" install_thin
check "install from a pipe" from_a_pipe
check "a blob that is deleted while it is installed" deleted_meanwhile
check "tar over the previous tree" plain_tar
check "pack --from-store gives the full bundle again" same_again
check "bad inventories" bad_inventory
finish
