#!/usr/bin/env bash
# Full disks: seen before the first byte where sizes are known, survived where not.
. "$(dirname "$0")/lib.sh"

need python3 jq
need_root
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=6000000 small.bin=20000
SRC=$TOP/models/acme/voice/$A
start_hub hub "$TOP"
start_hub slow "$TOP" --rate 2500000
must itts pack acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/full" -o "$T/b.tar"

disk() { # OPTIONS: a small file system at $T/disk
	mkdir -p "$T/disk"
	mount -t tmpfs -o "$1" tmpfs "$T/disk" || return
	MOUNTS=$T/disk
	trap 'rm -rf "$T/disk"/*; umount "$T/disk"; for pid in $PIDS; do kill $pid; done' EXIT
}
before_fetch() {
	disk size=4m
	: >"$T/log/hub.requests"
	expect 3 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/disk/c"
	one_error
	says "$T/disk" free
	same "$(wc -l <"$T/log/hub.requests")" 0
}
before_install() {
	disk size=4m
	expect 3 itts install "$T/b.tar" --cache "$T/disk/c"
	one_error
	says "$T/disk"
	same "$(find "$T/disk" -type f -size +0 ! -name CACHEDIR.TAG | wc -l)" 0
	expect 3 itts install "$T/b.tar" --cache "$T/disk/c" --dry-run
	expect 3 itts install "$T/b.tar" --cache "$T/c-install" --model-dir "$T/disk/m"
	test ! -e "$T/c-install/models--acme--voice/refs"
}
before_inodes() {
	disk size=40m,nr_inodes=12
	expect 3 itts install "$T/b.tar" --cache "$T/disk/c"
	one_error
	says inodes
}
pack_there() {
	disk size=4m
	expect 3 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/disk/b.tar"
	one_error
	same "$(find "$T/disk" -type f | wc -l)" 0
}
midway() { # somebody else fills the disk while we fetch
	local pid got=0
	disk size=9m
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$slow" --cache "$T/disk/c" 2>"$T/err" >"$T/out" &
	pid=$!
	await sh -c 'test "$(stat -c %s "$T"/disk/c/*/blobs/*[0-9a-f].itts-part)" -gt 1000000'
	head -c 9000000 /dev/zero >"$T/disk/filler" 2>/dev/null || true
	wait $pid || got=$?
	show
	same $got 3
	one_error
	cache_is_honest "$T/disk/c"
	rm "$T/disk/filler"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/disk/c"
	cmp "$SRC/big.safetensors" "$T/disk/c/models--acme--voice/snapshots/$A/big.safetensors"
}
midway_stream() { # from a pipe
	disk size=9m
	(
		head -c 3000000 "$T/b.tar"
		sleep 0.7
		head -c 9000000 /dev/zero >"$T/disk/filler" 2>/dev/null || true
		tail -c +3000001 "$T/b.tar"
	) >"$T/fifo" 2>/dev/null &
	expect 3 itts install "$T/fifo" --cache "$T/disk/c"
	one_error
	cache_is_honest "$T/disk/c"
	test ! -e "$T/disk/c/models--acme--voice/refs/main"
	rm "$T/disk/filler"
	expect 0 itts install "$T/b.tar" --cache "$T/disk/c"
	cache_is_honest "$T/disk/c"
}
mkfifo "$T/fifo"

check "fetch: seen before the first byte" before_fetch
check "install: seen before the first byte" before_install
check "install: inodes" before_inodes
check "pack: nothing is left behind" pack_there
check "fetch: filled on the way, goes on later" midway
check "install: filled on the way, goes on later" midway_stream
finish
