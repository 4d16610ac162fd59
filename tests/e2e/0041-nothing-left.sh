#!/usr/bin/env bash
# What is refused leaves the disk as it was: cache, its parent, home, state, the working
# directory. No empty folders of repositories, no locks, no records.
. "$(dirname "$0")/lib.sh"

need python3 jq curl
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=70000 sub/other.json=200
repo "$TOP" acme/voice $B config.json=310 big.safetensors=71000 sub/other.json=210
repo "$TOP" acme/gated $A model.safetensors=7000
repo "$TOP" acme/other $A model.safetensors=7000 x.json=20
echo '{"gated": "auto"}' >"$TOP/models/acme/gated/hub.json"
start_hub hub "$TOP"
start_fault mirror --upstream "$hub" --follow
S=$T/s # all that must not change
must itts fetch acme/other --endpoint "$hub" --cache "$T/other"
must itts fetch acme/voice@$A --endpoint "$hub" --cache "$T/older"
must itts lock acme/voice@$B --endpoint "$hub" --cache "$T/c0" --lock "$T/lock.json"
must itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
must pack_store "$T/c0" "$T/lock.json" "$T/b.tar"
export XDG_STATE_HOME=$S/state HOME=$S/home

whole() { # also what pictures leave out
	(cd "$S" && find . -printf '%p %y %m %s %l\n' | sort
		find . -type f -print0 | sort -z | xargs -0 -r sha256sum)
}
begin() { # CACHE: as it was before
	rm -rf "$S"
	mkdir -p "$S/home" "$S/work"
	[ "$1" = none ] || cp -a "$T/$1" "$S/hub"
	cp "$T"/lock.json "$T"/*.tar "$T"/*.tgz "$S/work"
	cd "$S/work"
	whole >"$T/before"
}
unchanged() { whole | diff "$T/before" -; }
leaves() { # STATUS COMMAND...: with a cache of something else, one of an older commit, none
	local cache
	for cache in other older none; do
		begin $cache
		expect "$1" itts "${@:2}" --cache "$S/hub"
		unchanged
	done
}
nobody() {
	local at
	at=http://127.0.0.1:$(free_port)
	leaves 4 lock acme/voice@$B --endpoint "$at" --retries 0
	leaves 4 fetch --lock lock.json --endpoint "$at" --retries 0
	leaves 4 pack --lock lock.json --endpoint "$at" --retries 0 -o x.tar
	leaves 9 repair --lock lock.json --endpoint "$at" --retries 0
}
no_bytes() {
	faults "$mirror" "[$1]"
	leaves "$2" fetch --lock lock.json --endpoint "$mirror" --retries 0
	leaves "$2" pack --lock lock.json --endpoint "$mirror" --retries 0 -o x.tar
	leaves 9 repair --lock lock.json --endpoint "$mirror" --retries 0
}
small_files() { # what lock has to learn
	faults "$mirror" '[{"path": "resolve/.*json", "fault": "flip", "at": 5}]'
	leaves 9 lock acme/voice@$B --endpoint "$mirror" --retries 0
	leaves 9 fetch acme/voice@$B --endpoint "$mirror" --retries 0
}
gated() {
	leaves 5 fetch acme/gated --endpoint "$hub" --retries 0
	leaves 5 pack acme/gated --endpoint "$hub" --retries 0 -o x.tar
}
wrong_bundle() { # the first payload, and with it all of the bundle
	leaves 9 install flipped.tar
	leaves 9 install flipped.tar --model-dir models
	begin other
	expect 9 sh -c 'exec "$0" install - --cache "$1" <flipped.tar' "$PROGRAM" "$S/hub"
	unchanged
}
wrong_archive() {
	leaves 9 install --import wrong.tgz
	leaves 9 import wrong.tgz
}
in_the_way() { # STATUS TEXT COMMAND...: what stands in a model directory is seen before
	local option
	for option in --keep-refs --dry-run; do
		begin other
		mkdir models
		eval "$3"
		whole >"$T/before"
		expect "$1" itts install b.tar --cache "$S/hub" --model-dir models $option
		one_error
		says "$2" "move it away"
		unchanged
		expect "$1" itts install --import right.tgz --lock lock.json --cache "$S/hub" --model-dir models $option
		says "$2"
		unchanged
	done
}
others() { # their lock in the same repository: all stays that they may be about to use
	local locks=$S/hub/.locks/models--acme--voice
	begin other
	faults "$mirror" '[{"path": "resolve/", "fault": "status", "status": 404}]'
	mkdir -p "$locks"
	(
		flock 9
		touch -d yesterday /proc/self/fd/9
		expect 6 itts fetch --lock lock.json --endpoint "$mirror" --retries 0 --cache "$S/hub"
	) 9>"$locks/$(printf 'f%.0s' {1..64}).lock"
	test -d "$S/hub/models--acme--voice/blobs"
	# what came is kept, with all that scanners of caches want
	begin other
	faults "$mirror" '[{"path": "resolve/.*big", "fault": "status", "status": 404}]'
	expect 6 itts fetch --lock lock.json --endpoint "$mirror" --retries 0 --cache "$S/hub"
	same "$(find "$S/hub/models--acme--voice/blobs" -type f | wc -l)" 2
	same "$(find "$locks" -type f | wc -l)" 2
	test -d "$S/hub/models--acme--voice/refs"
	faults "$mirror" '[]'
	expect 0 itts fetch --lock lock.json --endpoint "$mirror" --cache "$S/hub" --json
	same "$(jq .downloaded_files "$T/out")" 1
}

cp "$T/b.tar" "$T/flipped.tar"
flip "$T/flipped.tar" "$(python3 -c 'import sys
bundle, payload = (open(f, "rb").read() for f in sys.argv[1:])
print(bundle.index(payload) + 100)' "$T/b.tar" "$TOP/models/acme/voice/$B/big.safetensors")"
cp -r "$T/c0" "$T/wrong"
for blob in "$T"/wrong/models--acme--voice/blobs/*; do
	chmod u+w "$blob"
	flip "$blob" 3
done
tar -C "$T" -czf "$T/wrong.tgz" wrong
tar -C "$T" -czf "$T/right.tgz" c0
check "nobody there" nobody
check "not found" no_bytes '{"path": "resolve/", "fault": "status", "status": 404}' 6
check "refused" no_bytes '{"path": "resolve/", "fault": "status", "status": 403}' 5
check "a fault of the server" no_bytes '{"path": "resolve/", "fault": "status", "status": 503}' 4
check "web pages" no_bytes '{"path": "resolve/", "fault": "html"}' 9
check "pointers" no_bytes '{"path": "resolve/", "fault": "pointer"}' 9
check "wrong bytes" no_bytes '{"path": "resolve/", "fault": "flip", "at": 50}' 9
check "too short" no_bytes '{"path": "resolve/", "fault": "length", "delta": -5}' 9
check "too long" no_bytes '{"path": "resolve/", "fault": "length", "delta": 5}' 9
check "no answer" no_bytes '{"path": "resolve/", "fault": "drop"}' 4
check "redirects without end" no_bytes '{"path": "resolve/", "fault": "redirect", "to": "self"}' 4
check "small files that lock has to learn" small_files
check "gated" gated
check "a bundle with wrong bytes" wrong_bundle
check "an archive with wrong bytes" wrong_archive
check "a directory in the place of a file" in_the_way 3 models/big.safetensors "mkdir models/big.safetensors"
check "a file in the place of a directory" in_the_way 3 models/sub "echo mine >models/sub"
check "a link in the place of a directory" in_the_way 8 models/sub "ln -s /tmp models/sub"
check "no place for the record" in_the_way 3 models/.itts-pack "echo mine >models/.itts-pack"
check "what others work at, and what came" others
finish
