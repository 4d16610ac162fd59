#!/usr/bin/env bash
# One cache, other clients: npm's @huggingface/hub fetching into it before, after and
# at the same time, a lock that Python would take, part names that nobody mistakes.
. "$(dirname "$0")/lib.sh"

need python3 jq
need_judges
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=4000000 mid.pt=1500000 sub/deep/x.txt=77 \
	small.bin=20000
repo "$TOP" acme/single $A big.safetensors=4000000
SRC=$TOP/models/acme/voice/$A
BIG=$(sha256sum <"$SRC/big.safetensors" | cut -d' ' -f1)
start_hub hub "$TOP"
start_hub slow "$TOP" --rate 2000000
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"

must itts lock acme/single --lock "$T/single.json" --endpoint "$hub" --cache "$T/c0"

theirs() { # HUB CACHE [REPO]
	node "$ROOT/tests/judges/download.mjs" "$1" "$2" "acme/${3:-voice}" main
}
scan_is_clean() {
	node "$ROOT/tests/judges/scan.mjs" "$1" >"$T/scan"
	cat "$T/scan"
}
whole() { # CACHE [REPO]: every file, as the hub has it
	local name=${2:-voice} src
	src=$TOP/models/acme/$name/$A
	(cd "$src" && find . -type f ! -name hub.json) | while read -r path; do
		cmp "$src/$path" "$1/models--acme--$name/snapshots/$A/$path" || return 1
	done
	cache_is_honest "$1"
	scan_is_clean "$1"
}
theirs_first() { # what is in the cache already is checked, and not fetched again
	theirs "$hub" "$T/c1"
	: >"$T/log/hub.requests"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c1" --json
	jq -e '.downloaded_files == 0 and .had_files == 5' "$T/out"
	same "$(requests hub GET '(resolve|repos)')" 0
	whole "$T/c1"
}
theirs_damaged() { # it hashes nothing itself: we do, and mend
	theirs "$hub" "$T/c2"
	printf X | dd of="$T/c2/models--acme--voice/blobs/$BIG" bs=1 seek=3999999 conv=notrunc status=none
	: >"$T/log/hub.requests"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c2" --json
	jq -e '.downloaded_files == 1' "$T/out"
	same "$(jq -r 'select(.origin == "cdn") | .path' "$T/log/hub.requests" | grep -c "$BIG")" 1
	whole "$T/c2"
}
ours_first() { # it finds all of ours
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c3"
	: >"$T/log/hub.requests"
	theirs "$hub" "$T/c3"
	same "$(jq -r 'select(.origin == "cdn" and .whole) | .path' "$T/log/hub.requests" | grep -c .)" 0
	whole "$T/c3"
}
at_once() { # REPO LOCK: both in the middle of the same blob
	local pid ours status=0 cache=$T/c4-$1 blob
	blob=$cache/models--acme--$1/blobs/$(sha256sum <"$TOP/models/acme/$1/$A/big.safetensors" | cut -d' ' -f1)
	start_hub crawl "$TOP" --rate 800000
	theirs "$crawl" "$cache" "$1" >"$T/theirs" 2>&1 &
	pid=$!
	await test -s "$blob.incomplete"
	"$PROGRAM" fetch --lock "$2" --endpoint "$crawl" --cache "$cache" --connections 1 >"$T/ours" 2>&1 &
	ours=$!
	await test -s "$blob.itts-part"
	ls -l "$blob"*
	test -s "$blob.incomplete"
	wait $ours
	wait $pid || status=$?
	cat "$T/ours"
	cat "$T/theirs"
	same $status 0
	whole "$cache" "$1"
}
ours_in_the_middle() { # it begins and ends while a part of ours grows
	local pid
	start_hub crawl "$TOP" --rate 800000
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$crawl" --cache "$T/c5" --quiet &
	pid=$!
	await sh -c "[ \$(stat -c %s '$T/c5/models--acme--voice/blobs/$BIG.itts-part') -gt 100000 ]"
	theirs "$hub" "$T/c5"
	cache_is_honest "$T/c5"
	wait $pid
	whole "$T/c5"
	stop crawl
	same "$(find "$T/c5" -name '*.itts-part' -o -name '*.incomplete' | wc -l)" 0
}
parts_left() { # parts of a run that died: others neither use nor mind them
	local pid part=$T/c6/models--acme--voice/blobs/$BIG.itts-part had
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$slow" --cache "$T/c6" --quiet &
	pid=$!
	await sh -c "[ \$(stat -c %s '$part') -gt 1100000 ]"
	kill -9 $pid
	wait $pid || true
	had=$(stat -c %s "$part")
	scan_is_clean "$T/c6"
	theirs "$hub" "$T/c6"
	same "$(stat -c %s "$part")" "$had"
	scan_is_clean "$T/c6"
	# and once the file is there, the part has had its day
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c6" --json
	jq -e '.downloaded_files == 0' "$T/out"
	test ! -e "$part"
	whole "$T/c6"
}
shared_blobs() { # huggingface_hub from 1.32 on keeps bytes in one store for all
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c7"
	local blob=$T/c7/models--acme--voice/blobs/$BIG
	mkdir -p "$T/c7/blobs/5c"
	echo 1 >"$T/c7/blobs/.huggingface-shared-blobs"
	mv "$blob" "$T/c7/blobs/5c/5c00"
	ln -s ../../blobs/5c/5c00 "$blob"
	: >"$T/log/hub.requests"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c7" --json
	jq -e '.downloaded_files == 0' "$T/out"
	same "$(requests hub GET '(resolve|repos)')" 0
	same "$(readlink "$blob")" ../../blobs/5c/5c00
	# damage there is mended here: our blob gets bytes of its own
	chmod u+w "$T/c7/blobs/5c/5c00"
	printf X | dd of="$T/c7/blobs/5c/5c00" bs=1 seek=7 conv=notrunc status=none
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c7" --json
	jq -e '.downloaded_files == 1' "$T/out"
	cmp "$SRC/big.safetensors" "$blob"
	test ! -L "$blob"
}
no_symlinks() { # caches without links (Windows, HF_HUB_DISABLE_SYMLINKS)
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c8"
	local snap=$T/c8/models--acme--voice/snapshots/$A path
	(cd "$snap" && find . -type l) | while read -r path; do
		mv "$(realpath "$snap/$path")" "$snap/$path.moved" && mv "$snap/$path.moved" "$snap/$path"
	done
	: >"$T/log/hub.requests"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c8" --json
	jq -e '.downloaded_files == 0' "$T/out"
	same "$(requests hub GET '(resolve|repos)')" 0
	whole "$T/c8"
}

check "a cache that npm's client filled: hashed, not fetched" theirs_first
check "what it damaged is fetched again, alone" theirs_damaged
check "npm's client finds what we fetched" ours_first
check "both at the same time" at_once voice "$T/lock.json"
check "both at the same time, one file" at_once single "$T/single.json"
check "theirs begins and ends while our part grows" ours_in_the_middle
check "parts of a dead run disturb nobody" parts_left
check "a cache that has been locked with only" scan_is_clean "$T/c0"
check "a shared blob store" shared_blobs
check "a cache without symbolic links" no_symlinks
finish
