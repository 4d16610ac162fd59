#!/usr/bin/env bash
# verify --quick: reads only what has changed since it was last found right, finds
# what verify finds, and keeps its memory where no client minds.
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
TOP=$T/repos C=$T/cache M=$T/model STATE=.locks/itts-pack.checked
R=$C/models--acme--voice
repo "$TOP" acme/voice $A config.json=300 big.bin=300000 sub/x.json=20 empty.txt=0
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/voice.json" --endpoint "$hub" --cache "$T/c0"
must itts fetch --lock "$T/voice.json" --endpoint "$hub" --cache "$C"

quick() { # FIELDS...: right, and of files, so many were not read
	expect 0 itts verify --quick --cache "$C" --json "${@:2}"
	jq -e ".ok and .files == 4 and .unchanged == $1" "$T/out"
}
judge() {
	if [ -d "$JUDGES/node_modules" ]; then node "$ROOT/tests/judges/scan.mjs" "$C" >"$T/scan.json"; fi
	cache_is_honest "$C"
}
reads() { # FILE COMMAND...: names of blobs that were opened
	local log=$1
	shift
	strace -f -e trace=openat,openat2 -o "$log" "$@" >/dev/null
	grep -cE 'O_RDONLY\|O_NOCTTY.*blobs/[0-9a-f]{40}|blobs/[0-9a-f]{40}.*O_RDONLY\|O_NOCTTY' "$log" || true
}

after_fetch() { # nothing is read: fetch has hashed it
	test -s "$C/$STATE"
	quick 4
	quick 4 --lock "$T/voice.json"
	expect 0 itts verify --quick --cache "$C"
	prints "all right" "4 of them not read"
	expect 0 itts verify --cache "$C" --json
	jq -e '.ok and .files == 4 and .unchanged == 0' "$T/out"
	quick 4
	judge
}
opens_nothing() {
	command -v strace >/dev/null || return 0
	sanitized && return
	same "$(reads "$T/quick.trace" "$PROGRAM" verify --quick --cache "$C")" 0
	test "$(reads "$T/full.trace" "$PROGRAM" verify --cache "$C")" -ge 4
}
changed() { # each change is seen, whatever tries to hide it
	local blob=$R/blobs/$(basename "$(readlink "$R/snapshots/$A/big.bin")")
	chmod u+w "$blob"
	cp -p "$blob" "$T/right"
	# same size, same mtime: only ctime tells
	printf X | dd of="$blob" bs=1 seek=1000 conv=notrunc status=none
	touch -r "$T/right" "$blob"
	expect 9 itts verify --quick --cache "$C" --json
	jq -e '.damaged == 1 and .unchanged == 3 and .items[0].state == "wrong digest"' "$T/out"
	expect 9 itts verify --quick --cache "$C"
	# another file under its name, as old and as large
	cp "$T/right" "$blob.new" && touch -r "$T/right" "$blob.new" && mv "$blob.new" "$blob"
	quick 3
	sleep 0.05
	expect 0 itts verify --quick --cache "$C"
	quick 4
	truncate -s 10 "$blob"
	expect 9 itts verify --quick --cache "$C" --lock "$T/voice.json" --json
	jq -e '.items[0].state == "wrong size"' "$T/out"
	cp "$T/right" "$blob"
	sleep 0.05
	quick 3
	mv "$R/snapshots/$A/config.json" "$T"
	expect 9 itts verify --quick --cache "$C"
	prints missing
	mv "$T/config.json" "$R/snapshots/$A"
	printf '%s\n' $A >"$R/refs/main"
	expect 9 itts verify --quick --cache "$C"
	prints "bad ref"
	printf %s $A >"$R/refs/main"
	quick 4
}
damaged_memory() {
	printf X | dd of="$C/$STATE" bs=1 seek=50 conv=notrunc status=none
	expect 0 itts verify --quick --cache "$C"
	says "damaged; all is read"
	quick 4
	: >"$C/$STATE"
	quick 0
	quick 4
	# copied with the cache: other inodes, so all is read
	cp -a "$C" "$T/copy"
	expect 0 itts verify --quick --cache "$T/copy" --json
	jq -e '.ok and .unchanged == 0' "$T/out"
	# put back from before the last change
	touch -d '1 hour ago' "$C/$STATE"
	quick 0
}
cannot_write() { # nor does it make a place of its own
	local before as=()
	cp -a "$C" "$T/bare"
	rm -r "$T/bare/.locks"
	expect 0 itts verify --quick --cache "$T/bare"
	test ! -e "$T/bare/.locks"
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chmod 755 "$T"
	rm -f "$C/$STATE"
	before=$(picture "$C")
	expect 0 "${as[@]}" "$PROGRAM" verify --quick --cache "$C"
	same "$(picture "$C")" "$before"
	# somebody else's is not believed
	quick 0
	quick 4
	chown 65533:65533 "$C/$STATE"
	expect 0 itts verify --quick --cache "$C"
	says "somebody else's"
	quick 4
	chmod o+w "$C/$STATE"
	expect 0 itts verify --quick --cache "$C"
	says "anybody may write it"
	quick 4
}
model_dir() {
	make_store "$T/s" "$T/m.json" <<-'SPEC'
		{"name": "m", "repos": [
		 {"files": [{"path": "gpt.pth", "size": 200000, "views": ["gpt.pth"]},
		            {"path": "config.yaml", "size": 300, "git": true, "views": ["config.yaml"]}]},
		 {"id": "org/hub", "commit": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "hub_view": "hf_cache",
		  "files": [{"path": "a.bin", "size": 70000}]}]}
	SPEC
	pack_store "$T/s" "$T/m.json" "$T/m.tar"
	expect 0 itts install "$T/m.tar" --cache "$T/c2" --model-dir "$M"
	expect 0 itts verify --quick --model-dir "$M" --cache "$T/c2" --json
	jq -e '.ok and .files == 6 and .unchanged == 6' "$T/out"
	# what people edit
	echo changed >>"$M/config.yaml"
	expect 9 itts verify --quick --model-dir "$M" --json
	jq -e '.damaged == 1 and .unchanged == 2' "$T/out"
	expect 2 itts verify --quick "$T/m.tar"
	one_error
}

check "after a fetch nothing is read" after_fetch
check "no blob is opened" opens_nothing
check "what has changed is seen" changed
check "a memory that cannot be believed" damaged_memory
check "caches that cannot be written, memory of others" cannot_write
check "a model directory after install" model_dir
finish
