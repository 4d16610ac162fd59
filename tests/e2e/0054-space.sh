#!/usr/bin/env bash
# Room: known before the first write, on each file system; and when it runs out all
# the same, or a place cannot be written, nothing is lost.
. "$(dirname "$0")/lib.sh"

need python3 mount
need_root
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "space", "repos": [{"hub_view": "hf_cache", "files": [
   {"path": "a.bin", "size": 2000001, "views": ["a.bin", "more/a.bin"]},
   {"path": "b.bin", "size": 3000001, "views": ["deep/er/b.bin"]},
   {"path": "c.bin", "size": 1000001},
   {"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["config.yaml", "x/config.yaml"]}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"
PAYLOAD=6000003

disk() { # NAME SIZE [INODES]: a tmpfs at $T/NAME
	mkdir -p "$T/$1"
	umount "$T/$1" 2>/dev/null || true
	mount -t tmpfs -o "size=$2,nr_inodes=${3:-100000}" "$1" "$T/$1"
}
at_end() { for d in cache models; do umount "$T/$d" 2>/dev/null || true; done; }
empty() { same "$(ls -A "$1")" ""; }
needed() { # BYTES INODES of both together
	expect 0 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "${1:-$T/cache/models}" \
		--dry-run --json
	BYTES=$(jq .need_bytes "$T/out") INODES=$(jq .need_inodes "$T/out")
}
enough() { # exactly what it says it needs is enough, and not much more than that
	trap at_end EXIT
	disk cache 64m
	needed
	echo "$BYTES bytes, $INODES inodes"
	test "$BYTES" -gt $PAYLOAD
	test "$BYTES" -lt $((PAYLOAD + 300000))
	disk cache $(((BYTES + 4095) / 4096 * 4096)) $((INODES + 1))
	expect 0 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/cache/models"
	expect 0 itts verify --cache "$T/cache/hub" --model-dir "$T/cache/models"
	# again: nothing more is needed
	needed
	test "$BYTES" -lt 200000
	expect 0 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/cache/models"
}
too_small() { # one page or one inode less than it used
	trap at_end EXIT
	disk cache 64m
	needed
	disk cache $((PAYLOAD / 4096 * 4096))
	expect 3 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/cache/models"
	one_error
	says "$T/cache" needs "is free" --cache
	test ! -e "$T/cache/models"
	same "$(find "$T/cache" ! -type d | grep -v '/.locks/itts-pack.lock$\|/CACHEDIR.TAG$' || true)" ""
	expect 3 itts install "$T/b.tar" --cache "$T/cache/hub" --dry-run
	disk cache 64m 20
	expect 3 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/cache/models"
	one_error
	says inodes
}
two_disks() { # copies: the second needs the bytes as well, once
	trap at_end EXIT
	disk cache 64m
	disk models 64m
	needed "$T/models/m"
	test "$BYTES" -gt $((2 * PAYLOAD))
	test "$BYTES" -lt $((2 * PAYLOAD + 400000))
	disk models $((PAYLOAD - 4096))
	expect 3 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/models/m"
	one_error
	says "$T/models" --model-dir
	empty "$T/models"
	same "$(find "$T/cache" -name '*.bin' -o -size +100k)" ""
	disk models $((PAYLOAD + 200000))
	expect 0 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/models/m"
	expect 0 itts verify --cache "$T/cache/hub" --model-dir "$T/models/m"
	# one copy there for all names, and people's files alone
	same "$(stat -c %i "$T/models/m/a.bin")" "$(stat -c %i "$T/models/m/more/a.bin")"
	same "$(stat -c %h "$T/models/m/a.bin")" 3
	same "$(stat -c %h "$T/models/m/config.yaml")" 1
	picture "$T/models" >"$T/before"
	expect 0 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/models/m" --json
	same "$(jq .copied "$T/out")" 0
	picture "$T/models" >"$T/after"
	diff "$T/before" "$T/after"
}
hub_only_on_another() { # what only the Hub layout has is counted as well
	trap at_end EXIT
	jq 'del(.repos[].files[].views)' "$T/lock.json" >"$T/plain.json"
	pack_store "$T/store" "$T/plain.json" "$T/plain.tar"
	disk cache 64m
	disk models $((PAYLOAD - 4096))
	expect 3 itts install "$T/plain.tar" --cache "$T/cache/hub" --model-dir "$T/models/m"
	one_error
	empty "$T/models"
}
runs_out() { # somebody else takes the room: what has come stays, the rest comes later
	trap at_end EXIT
	disk cache 9m
	mkfifo "$T/pipe"
	"$PROGRAM" install - --cache "$T/cache/hub" >"$T/out" 2>"$T/err" <"$T/pipe" &
	local pid=$! status=0
	exec 9>"$T/pipe"
	head -c 2500000 "$T/b.tar" >&9
	# the first is whole, with its name or about to have it; the second has its room
	await sh -c 'find "$T"/cache/hub/models--*/blobs -type f -printf "%b\n" | awk "\$1 >= 5860 { found = 1 } END { exit !found }"'
	dd if=/dev/zero of="$T/cache/filler" bs=64k 2>/dev/null || true
	tail -c +2500001 "$T/b.tar" >&9 2>/dev/null || true
	exec 9>&-
	wait $pid || status=$?
	cat "$T/err"
	same $status 3
	one_error
	says "no room for" "free some space"
	cache_is_honest "$T/cache/hub"
	test ! -e "$T/cache/hub/models--acme--voice/refs/main"
	rm "$T/cache/filler"
	expect 0 itts install "$T/b.tar" --cache "$T/cache/hub" --json
	test "$(jq .had_files "$T/out")" -ge 2
	expect 0 itts verify --cache "$T/cache/hub" --lock "$T/lock.json"
	same "$(find "$T/cache" -name '*part*' -o -name '*tmp*')" ""
}
pack_known() { # pack says so before it reads gigabytes, and leaves nothing
	trap at_end EXIT
	disk cache 4m
	expect 3 itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o "$T/cache/b.tar"
	one_error
	says "$T/cache/b.tar" needs free
	empty "$T/cache"
}
read_only() {
	trap at_end EXIT
	disk cache 64m
	mkdir "$T/cache/hub"
	mount -o remount,ro "$T/cache"
	for where in "$T/cache/hub" "$T/cache/new"; do
		expect 3 itts install "$T/b.tar" --cache "$where"
		one_error
		says "$where" "read-only"
	done
	expect 3 itts install "$T/b.tar" --cache "$T/rw" --model-dir "$T/cache/models"
	one_error
	says "$T/cache/models" "read-only"
	expect 3 itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o "$T/cache/b.tar"
	one_error
	says "$T/cache" "read-only"
}
from_read_only() { # the bundle on a stick, the store read-only: both are only read
	trap at_end EXIT
	disk cache 64m
	expect 0 itts install "$T/b.tar" --cache "$T/cache/hub" --model-dir "$T/cache/models"
	cp "$T/b.tar" "$T/cache/b.tar"
	mount -o remount,ro "$T/cache"
	expect 0 itts verify --cache "$T/cache/hub" --lock "$T/lock.json"
	expect 0 itts verify --model-dir "$T/cache/models"
	expect 0 itts verify "$T/cache/b.tar"
	expect 0 itts inspect "$T/cache/b.tar"
	expect 0 itts install "$T/cache/b.tar" --cache "$T/c2"
	expect 0 itts pack --offline --cache "$T/cache/hub" --lock "$T/lock.json" -o "$T/again.tar"
	cmp "$T/b.tar" "$T/again.tar"
}

check "what the dry run says is enough" enough
check "too small: refused before the first write" too_small
check "another device: copies, known before" two_disks
check "another device: the Hub layout alone" hub_only_on_another
check "the disk fills up midway" runs_out
check "pack knows before" pack_known
check "read-only places" read_only
check "read-only sources" from_read_only
finish
