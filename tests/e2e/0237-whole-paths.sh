#!/usr/bin/env bash
# What fails is named with the directory that it lies in: of volumes on several sticks, and
# of the files that an installation keeps beside the models. And what an earlier visit has
# left is not given up because it could not be opened or read this once.
. "$(dirname "$0")/lib.sh"

need python3 jq strace
sanitized && skip_gladly "strace and sanitizers"
strace -f -e inject=fsync:error=EIO:when=1 true 2>/dev/null || skip_all "strace cannot trace here"
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"format": "itts-lock", "version": 1, "name": "voice", "repos": [{"files": [
	{"path": "big.safetensors", "size": 900000}, {"path": "config.json", "size": 300, "git": true},
	{"path": "mid.bin", "size": 300500}]}]}
SPEC
REPO=models--acme--voice
BLOB=$REPO/blobs/$(jq -r '.repos[0].files[] | select(.path == "big.safetensors").sha256' "$T/lock.json")
make_volumes() {
	mkdir "$T/v" "$T/usb1" "$T/usb2"
	pack_store "$T/store" "$T/lock.json" "$T/v/b.tar" --volume-size 256K --serial 2
	cp "$T"/v/b.*json "$T"/v/b.tar.00[12] "$T/usb1"
	cp "$T"/v/b.*json "$T"/v/b.tar.00[3-9] "$T/usb2"
	expect 6 itts install usb1 --cache "$T/first"
}
must make_volumes

# fails CALL:WHEN PATH STATUS COMMAND...: that call on that path fails with EIO
fails() {
	local call=${1%:*} when=${1#*:} path=$2 status=$3
	shift 3
	case $call:$path in openat:/* | newfstatat:/* | renameat:/*) path=${path##*/} ;; esac # as it stands in the call
	expect "$status" strace -f -qq -o trace -P "$path" -e "trace=$call" -e "inject=$call:error=EIO:when=$when" \
		"$PROGRAM" "$@"
	grep -q INJECTED trace
	[ "$status" -eq 0 ] || one_error
}
again() { rm -rf c m && cp -a first c; } # after the first visit

on_sticks() {
	again
	fails pread64:1 "$T/usb2/b.tar.003" 3 install "$T/usb1" "$T/usb2" --cache c
	says "$T/usb2/b.tar.003: "
	again
	fails openat:1 "$T/usb2/b.tar.004" 3 install usb2 --cache c
	says "usb2/b.tar.004: "
	fails read:1 "$T/usb1/b.volumes.json" 3 verify usb1
	says "usb1/b.volumes.json: "
	fails read:1 "$T/usb2/b.bundle.json" 3 verify usb2
	says "usb2/b.bundle.json: "
	fails openat:1 usb2/b.bundle.json.sig 3 install usb2 --cache c
	says "usb2/b.bundle.json.sig: "
	mkdir usb3 && cp v/b.*json usb3 && cp v/b.tar.001 usb3/b.tar.002
	expect 9 itts verify usb3
	rm -rf m && expect 6 itts install usb3 --cache m
	truncate -s 5 usb3/b.tar.002
	expect 9 itts install usb3 --cache m
	says "usb3/b.tar.002: 5 bytes"
	cp v/b.tar.002 usb3/b.tar.001
	truncate -s 262144 usb3/b.tar.002
	expect 9 itts install usb3 --cache m
	says "usb3/b.tar.001 is damaged or of another set"
	cd usb3
	expect 9 itts install b.tar.001 --cache "$T/m"
	says " ./b.tar.001 is damaged or of another set"
}
in_the_store() {
	again
	fails fsync:2 "$T/c/$REPO/blobs" 3 install usb2 --cache c
	says "$T/c/$BLOB.volumes.txt.itts-part: fsync of the directory"
	again
	fails openat:1 "$T/c/.locks/itts-pack.lock" 3 install usb2 --cache c
	says "$T/c/.locks/itts-pack.lock: "
	again
	fails openat:1 "$T/c/.locks/${BLOB/blobs\//}.lock" 3 install usb2 --cache c
	says "$T/c/.locks/${BLOB/blobs\//}.lock: "
	again
	fails fsync:1 "$T/c/.locks/itts-pack/voice" 3 install usb2 --cache c
	says "$T/c/.locks/itts-pack/voice/itts-bundle.json: fsync of the directory"
	again
	rm -r c/.locks/itts-pack
	fails fsync:1 "$T/c/.locks/itts-pack/voice" 3 install usb1 --cache c
	grep -E "$T/c/.locks/itts-pack/voice/[0-9a-f]{64}: fsync of the directory" "$T/err"
	again
	fails fsync:1 "$T/c/$REPO/trees" 3 install usb2 --cache c
	grep -E "$T/c/$REPO/trees/[0-9a-f]{40}.json: fsync of the directory" "$T/err"
	again
	fails fsync:1 "$T/m/.itts-pack" 3 install usb2 --cache c --model-dir "$T/m"
	says "$T/m/.itts-pack/voice.lock.json: fsync of the directory"
	again
	rm -rf "$XDG_STATE_HOME"
	fails flock:1 "$XDG_STATE_HOME/itts-pack/serials.json.lock" 0 install usb2 --cache c
	says "not recorded: $XDG_STATE_HOME/itts-pack/serials.json.lock: "
}
# What usb1 gave is there: usb2 is enough.
goes_on() {
	expect 0 itts install usb2 --cache c
	cache_is_honest c
}
kept() {
	again
	fails openat:1 "$T/c/$BLOB.volumes.txt.itts-part" 3 install usb2 --cache c
	says "$T/c/$BLOB.volumes.txt.itts-part: "
	goes_on
	again
	fails newfstatat:2 "$T/c/$BLOB.volumes.itts-part" 3 install usb2 --cache c
	says "$T/c/$BLOB.volumes.itts-part: "
	goes_on
	# put together, then not to be opened
	again
	fails openat:1 "$T/c/$BLOB.itts-part" 3 install usb2 --cache c
	says "$T/c/$BLOB.itts-part: "
	goes_on
}
shorter() { # a volume that ends while it is read: nothing is made up for what lacks
	local volume=$T/usb2/b.tar.003
	again
	expect 9 strace -f -qq -o trace -P "$volume" -e trace=pread64 -e inject=pread64:retval=0:when=1 \
		"$PROGRAM" install "$T/usb2" --cache c
	grep INJECTED trace
	one_error
	says "$volume: became shorter while it was read"
	diff "first/$BLOB.volumes.txt.itts-part" "c/$BLOB.volumes.txt.itts-part"
	goes_on
}
given_up() { # what cannot be read is nothing; all volumes are named
	again
	fails pread64:1 "$T/c/$BLOB.itts-part" 6 install usb2 --cache c
	says "could not be read again" "$T/c/$BLOB.volumes.itts-part" \
		"needed: b.tar.001, b.tar.002, b.tar.003, b.tar.004"
	cache_is_honest c
	expect 6 itts install usb1 --cache c
	goes_on
}
noted() { # only what is on the disk; not what a part that was begun again once had
	again
	truncate -s 5 "c/$BLOB.volumes.itts-part"
	fails fsync:1 "$T/c/$BLOB.volumes.itts-part" 3 install usb2 --cache c
	says "$T/c/$BLOB.volumes.itts-part: "
	test ! -e "c/$BLOB.volumes.txt.itts-part"
	expect 6 itts install usb2 --cache c
	says "needed: b.tar.001, b.tar.002;"
	expect 0 itts install usb1 --cache c
	cache_is_honest c
	# all of it noted, and then the end: nothing is needed any more
	again
	fails renameat:1 "$T/c/$BLOB.volumes.itts-part" 3 install usb2 --cache c
	says "$T/c/$BLOB.volumes.itts-part: "
	goes_on
	again
	fails fsync:1 "$T/c/$BLOB.volumes.itts-part" 3 install usb2 --cache c
	diff "first/$BLOB.volumes.txt.itts-part" "c/$BLOB.volumes.txt.itts-part"
	goes_on
}

check "volumes and what lies beside them" on_sticks
check "what stands in the store" in_the_store
check "what earlier visits have left stays where it cannot be opened once" kept
check "a volume that becomes shorter" shorter
check "what was put together and cannot be read is begun again" given_up
check "what is noted of volumes" noted
finish
