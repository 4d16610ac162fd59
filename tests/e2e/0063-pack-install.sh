#!/usr/bin/env bash
# pack and install where users stand: room where links are refused, archives as
# colleagues on other systems make them, caches that others have written before.
. "$(dirname "$0")/lib.sh"

need python3 jq zip strace
A=1111111111111111111111111111111111111111
R=models--acme--voice
make_store "$T/store" "$T/lock.json" <<SPEC
{"name": "users", "repos": [{"commit": "$A", "hub_view": "hf_cache", "files": [
	{"path": "big.bin", "size": 3000001, "views": ["big.bin", "more/big.bin"]},
	{"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["config.yaml"]},
	{"path": "deep/er/x.bin", "size": 5000}, {"path": "empty.txt", "size": 0, "git": true}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"
NOBODY="setpriv --reuid 65534 --regid 65534 --clear-groups"

disk() { # NAME SIZE [INODES]: a tmpfs at $T/NAME
	mkdir -p "$T/$1"
	umount "$T/$1" 2>/dev/null || true
	mount -t tmpfs -o "size=$2,nr_inodes=${3:-100000}" "$1" "$T/$1"
}
at_end() { for d in again disk models; do umount "$T/$d" 2>/dev/null || true; done; }
needed() { # BYTES INODES of an installation with these options
	expect 0 "$@" --dry-run --json
	BYTES=$(jq .need_bytes "$T/out") INODES=$(jq .need_inodes "$T/out")
}

# --- a payload waits for its name while the next one is copied --------------------
late() { # what is right stays, whatever becomes of the next one
	local at name pid
	make_store "$T/three" "$T/three.json" <<<'{"name": "three", "repos": [{"commit": "'$A'", "files": [
		{"path": "a.bin", "size": 3000001}, {"path": "b.bin", "size": 3000002}, {"path": "c.bin", "size": 3000003}]}]}'
	must pack_store "$T/three" "$T/three.json" "$T/three.tar"
	name=$(jq -r '.repos[0].files[] | select(.path == "c.bin").sha256' "$T/three.json")
	at=$(tar -tvRf "$T/three.tar" | sed -n "s/^block \\([0-9]*\\): .*$name$/\\1/p" | head -n 1)
	cp "$T/three.tar" "$T/wrong.tar"
	printf '\377\377\377\377' | dd of="$T/wrong.tar" bs=1 seek=$((at * 512 + 100000)) conv=notrunc status=none
	expect 9 itts install "$T/wrong.tar" --cache "$T/late"
	one_error
	says c.bin
	same "$(ls "$T/late/$R/blobs" | wc -l)" 2
	expect 0 itts install "$T/three.tar" --cache "$T/late" --json
	jq -e '.had_files == 2 and .new_files == 1' "$T/out"
	# and it is named when it cannot be had, not the next one
	rm -r "$T/late"
	name=$(jq -r '.repos[0].files[] | select(.path == "a.bin").sha256' "$T/three.json")
	expect 3 strace -f -qq -o /dev/null -P "$T/late/$R/blobs/$name.itts-part" -e inject=fsync:error=EIO \
		"$PROGRAM" install "$T/three.tar" --cache "$T/late"
	one_error
	says "acme/voice a.bin: fsync of $T/late/$R/blobs/$name.itts-part: Input/output error"
	same "$(ls "$T/late/$R/blobs")" "$(jq -r '.repos[0].files[] | select(.path == "b.bin").sha256' "$T/three.json")"
	# nor does it wait where nothing is copied: a stream that stands still in what is there
	expect 0 itts install "$T/three.tar" --cache "$T/late"
	rm "$T/late/$R/blobs/$name"
	mkfifo "$T/pipe"
	"$PROGRAM" install - --cache "$T/late" <"$T/pipe" &
	pid=$!
	exec 9>"$T/pipe"
	head -c 5000000 "$T/three.tar" >&9
	await test -e "$T/late/$R/blobs/$name"
	tail -c +5000001 "$T/three.tar" >&9
	exec 9>&-
	wait $pid
	# or where the next one is put together of volumes
	mkdir "$T/stick"
	pack_store "$T/three" "$T/three.json" "$T/stick/v.tar" --volume-size 4M
	rm -r "$T/late" "$T"/stick/v.tar.00[2-9]
	at=$T/late/$R/blobs/$(jq -r '.repos[0].files[] | select(.path == "b.bin").sha256' "$T/three.json").volumes.itts-part
	expect 137 strace -f -qq -o /dev/null -P "$at" -e inject=fsync:signal=KILL "$PROGRAM" install "$T/stick" --cache "$T/late"
	test -e "$at"
	test -e "$T/late/$R/blobs/$name"
	expect 6 itts install "$T/stick" --cache "$T/late"
	cache_is_honest "$T/late"
}
check "a payload that is right stays, whatever becomes of the next one" late
second_try() { # a part that cannot be removed at first is no second name of the blob for ever
	local n
	for n in 1 2 3; do
		rm -rf "$T/late"
		expect 0 strace -f -qq -o "$T/trace" -e trace=unlinkat -e inject=unlinkat:error=EIO:when=$n -e signal=none \
			"$PROGRAM" install "$T/three.tar" --cache "$T/late"
		grep -q 'itts-part".*INJECTED' "$T/trace"
		same "$(find "$T/late" -name '*.itts-part')" ""
		cache_is_honest "$T/late"
	done
}
check "a part that could not be removed at once" second_try

# --- room -----------------------------------------------------------------------
links_refused() { # by a mount in between, by the kernel for files of others: copies
	local args=(install "$T/b.tar" --cache "$T/disk/hub")
	trap at_end EXIT
	disk disk 20m
	expect 0 itts "${args[@]}"
	needed itts "${args[@]}" --model-dir "$T/disk/m"
	test "$BYTES" -lt 1000000
	mkdir "$T/again"
	mount --bind "$T/disk" "$T/again"
	needed itts "${args[@]}" --model-dir "$T/again/m"
	test "$BYTES" -gt 3000000 -a "$BYTES" -lt 3500000
	expect 0 itts "${args[@]}" --model-dir "$T/again/m" --json
	jq -e '.copied_bytes > 3000000 and .linked > 0' "$T/out"
	umount "$T/again"
	rm -r "$T/disk/m"
	dd if=/dev/zero of="$T/disk/filler" bs=1M count=15 status=none
	mount --bind "$T/disk" "$T/again"
	expect 3 itts "${args[@]}" --model-dir "$T/again/m"
	one_error
	says "$T/again/m: needs" --model-dir
	test ! -e "$T/disk/m"
	umount "$T/again"
	[ "$(cat /proc/sys/fs/protected_hardlinks)" = 1 ] || return 0
	rm "$T/disk/filler"
	chmod 755 "$T"
	chmod -R a+rwX "$T/disk/hub"
	chmod 444 "$T/disk/hub/$R/blobs"/*
	mkdir -m 777 "$T/disk/theirs"
	needed $NOBODY "$PROGRAM" "${args[@]}" --model-dir "$T/disk/theirs/m"
	test "$BYTES" -gt 3000000 -a "$BYTES" -lt 3500000
	expect 0 $NOBODY "$PROGRAM" "${args[@]}" --model-dir "$T/disk/theirs/m"
	same "$(stat -c %U "$T/disk/theirs/m/big.bin")" "$(id -nu 65534)"
	expect 0 itts verify --model-dir "$T/disk/theirs/m"
}
import_room() { # of an archive: small files, their directories; a model directory before there is a cache
	local files= i args
	trap at_end EXIT
	for ((i = 0; i < 300; i++)); do files="$files${files:+,}{\"path\": \"d$i/e/f.bin\", \"size\": 100, \"views\": [\"f$i.bin\"]}"; done
	echo "{\"name\": \"small\", \"repos\": [{\"files\": [$files]}]}" |
		python3 "$ROOT/tests/e2e/store.py" "$T/small" "$T/small.json"
	tar -C "$T/small" -cf "$T/small.tar" .
	args=(install --import "$T/small.tar" --lock "$T/small.json" --cache "$T/disk/hub")
	disk disk 30m
	expect 0 itts "${args[@]}" --model-dir "$T/disk/m"
	same "$(find "$T/disk/m" -name 'f*.bin' | wc -l)" 300
	# half of what that took
	i=$(($(df --output=used -B1 "$T/disk" | tail -n 1) / 2))
	disk disk $i
	expect 3 itts "${args[@]}"
	one_error
	says needs --cache
	same "$(find "$T/disk" | wc -l)" 1
	disk disk 30m
	disk models 40k
	expect 3 itts "${args[@]}" --model-dir "$T/models/m" --dry-run
	says needs --model-dir
	expect 3 itts "${args[@]}" --model-dir "$T/models/m"
	one_error
	same "$(find "$T/disk" "$T/models" | wc -l)" 2
}
clones() { # across mounts of one file system that shares extents: no room for copies
	local args=(install "$T/b.tar" --cache "$T/disk/hub" --model-dir "$T/again/m")
	trap at_end EXIT
	mkdir -p "$T/disk" "$T/again"
	truncate -s 400M "$T/image"
	mkfs.xfs -q -m reflink=1 "$T/image" && mount -o loop "$T/image" "$T/disk" || return 0
	mount --bind "$T/disk" "$T/again"
	needed itts "${args[@]}"
	test "$BYTES" -lt 3700000
	expect 0 itts "${args[@]}" --json
	if jq -e '.cloned > 0' "$T/out"; then jq -e '.copied_bytes < 1000' "$T/out"; fi
}
deep() { # directories take inodes as well, each of them
	local i files=
	trap at_end EXIT
	for ((i = 0; i < 60; i++)); do
		files="$files${files:+,}{\"path\": \"a$i/b/c/d/x\", \"size\": 10, \"views\": [\"a$i/b/c/d/x\"]}"
	done
	make_store "$T/deep" "$T/deep.json" <<<"{\"name\": \"deep\", \"repos\": [{\"files\": [$files]}]}"
	pack_store "$T/deep" "$T/deep.json" "$T/deep.tar"
	disk disk 64m
	needed itts install "$T/deep.tar" --cache "$T/disk/hub" --model-dir "$T/disk/m"
	disk disk 64m $((INODES + 1))
	expect 0 itts install "$T/deep.tar" --cache "$T/disk/hub" --model-dir "$T/disk/m"
}

# --- archives as users make them ------------------------------------------------
dry_import() { # says what would be done, and does nothing
	tar -C "$T/store" -cf "$T/hub.tar" $R
	expect 0 itts install --import "$T/hub.tar" --cache "$T/dry" --dry-run
	prints "would import 1 repository into $T/dry"
	same "$(wc -l <"$T/out")" 1 # no next step: nothing was done
	test ! -e "$T/dry"
}
inside() { # the folder's own name is what is missing
	tar -C "$T/store/$R" -cf "$T/inside.tar" blobs refs snapshots
	expect 7 itts install --import "$T/inside.tar" --cache "$T/none"
	one_error
	says "archive the folder itself"
	tar -C "$T" -cf "$T/other.tar" lock.json
	expect 7 itts install --import "$T/other.tar" --cache "$T/none"
	! grep "folder itself" "$T/err" || fail "wrong advice"
	test ! -e "$T/none"
}
pack_hints() { # advice that works
	(
		cd "$T"
		expect 2 itts pack acme/voice --offline --cache "$T/store"
		says "run itts-pack export acme/voice"
		expect 0 itts export acme/voice --cache "$T/store" -o "$T/exported.tar"
	)
	rm -rf "$T/away"
	cp -r "$T/store" "$T/away"
	rm "$(readlink -f "$T/away/$R/snapshots/$A/big.bin")"
	expect 6 itts pack --offline --lock "$T/lock.json" --cache "$T/away" -o "$T/x.tar"
	says "completes the store"
	[ "$(id -u)" -eq 0 ] || return 0
	cp -r "$T/store" "$T/shut"
	chmod -R a+rX "$T/shut" && chmod a+rx "$T"
	chmod 600 "$(readlink -f "$T/shut/$R/snapshots/$A/big.bin")"
	mkdir -m 777 "$T/out-dir"
	chmod a+r "$T/lock.json"
	expect 3 $NOBODY "$PROGRAM" pack --offline --lock "$T/lock.json" --cache "$T/shut" -o "$T/out-dir/x.tar"
	says "Permission denied"
	! grep "completes the store" "$T/err" || fail "wrong advice"
}
mac() { # what macOS adds is left out, unless it is proved to be a file of the repository
	local h=$T/mac/hub/$R kind
	mkdir -p "$T/mac/hub"
	cp -r "$T/store/$R" "$T/mac/hub"
	(cd "$T/mac" && zip -qry mac.zip hub && mkdir -p __MACOSX/hub/$R/snapshots/$A __MACOSX/hub/$R/refs &&
		head -c 163 /dev/urandom | tee __MACOSX/hub/$R/snapshots/$A/._config.yaml >__MACOSX/hub/$R/refs/._main &&
		zip -qr mac.zip __MACOSX)
	head -c 163 /dev/urandom | tee "$T/mac/hub/._$R" "$h/snapshots/$A/._big.bin" "$h/snapshots/$A/deep/._er" >"$h/refs/._main"
	head -c 6148 /dev/urandom | tee "$h/snapshots/$A/.DS_Store" "$h/.DS_Store" >"$h/refs/.DS_Store"
	tar -C "$T/mac" -cf "$T/mac/mac.tar" hub
	tar -C "$T/mac" -chf "$T/mac/plain.tar" hub
	for kind in mac.zip mac.tar plain.tar; do
		rm -rf "$T/mac/c"
		expect 0 itts install --import "$T/mac/$kind" --cache "$T/mac/c"
		prints "files of macOS left out"
		expect 0 itts verify --cache "$T/mac/c" --lock "$T/lock.json"
		test -z "$(find "$T/mac/c" -name '._*' -o -name .DS_Store)"
	done
	expect 0 itts install --import "$T/mac/mac.tar" --cache "$T/mac/c2" --json
	jq -e '.macos == 7' "$T/out"
	# nothing proves what only looks like a file of the user's, as before
	echo mine >"$h/snapshots/$A/mine.txt"
	tar -C "$T/mac" -cf "$T/mac/mine.tar" hub
	expect 9 itts install --import "$T/mac/mine.tar" --cache "$T/mac/c3"
	says "mine.txt: nothing proves"
	make_store "$T/mac/s" "$T/mac/l.json" <<<'{"name": "m", "repos": [{"files": [{"path": "._x", "size": 99}, {"path": ".DS_Store", "text": "x", "git": true}]}]}'
	tar -C "$T/mac/s" -chf "$T/mac/real.tar" --exclude blobs --exclude trees .
	expect 0 itts install --import "$T/mac/real.tar" --cache "$T/mac/c4" --lock "$T/mac/l.json"
	same "$(find "$T/mac/c4" -name ._x -o -name .DS_Store | wc -l)" 2
	expect 0 itts verify --cache "$T/mac/c4" --lock "$T/mac/l.json"
}
lock_refs() { # the refs that a lock names are set, whatever the archive has
	local B=2222222222222222222222222222222222222222 ref=$T/lr/$R/refs/main
	tar -C "$T/store" -cf "$T/norefs.tar" --exclude refs $R
	expect 0 itts install --import "$T/norefs.tar" --cache "$T/lr" --lock "$T/lock.json" --json
	jq -e '.refs == 1' "$T/out"
	same "$(cat "$ref")" $A
	expect 0 itts verify --cache "$T/lr" --lock "$T/lock.json"
	printf %s $B >"$ref"
	expect 0 itts install --import "$T/norefs.tar" --cache "$T/lr" --lock "$T/lock.json" --keep-refs
	says "kept at $B, not $A"
	same "$(cat "$ref")" $B
	expect 0 itts install --import "$T/norefs.tar" --cache "$T/lr" --lock "$T/lock.json"
	says "refs/main of acme/voice: $B -> $A"
	same "$(cat "$ref")" $A
	# not of a snapshot that lacks files
	tar -C "$T/store" -cf "$T/part.tar" --exclude refs --exclude config.yaml $R
	expect 0 itts install --import "$T/part.tar" --cache "$T/lr2" --lock "$T/lock.json"
	says "config.yaml of the lock is not in the archive"
	test ! -e "$T/lr2/$R/refs/main"
}
into_cache() { # -o never replaces what the cache is made of
	local to before
	cp -r "$T/store" "$T/own"
	ln -s "own/$R" "$T/way"
	before=$(picture "$T/own")
	for to in "own/$R/refs/main" "own/$R/blobs/new.tar" "way/snapshots/$A/x.tar" "own/$R/x.tar"; do
		expect 2 itts pack --offline --cache "$T/own" --lock "$T/lock.json" -o "$T/$to"
		one_error
		says "lies in the cache"
		expect 2 itts export acme/voice --cache "$T/own" -o "$T/$to"
		says "lies in the cache"
		(cd "$T/$(dirname "$to")" && expect 2 itts export acme/voice --cache "$T/own" -o "$(basename "$to")")
	done
	same "$(picture "$T/own")" "$before"
	# a link is replaced, what it leads to stays
	echo mine >"$T/target"
	ln -s target "$T/link.tar"
	expect 0 itts export acme/voice --cache "$T/own" -o "$T/link.tar"
	test ! -L "$T/link.tar"
	same "$(cat "$T/target")" mine
	# beside the repositories, and in another's folder of that name, it is a file as others
	expect 0 itts export acme/voice --cache "$T/own" -o "$T/own/x.tar"
	expect 0 itts export acme/voice --cache "$T/store" -o "$T/own/$R/x.tar"
}
closed_listing() { # Python writes 0600: what another user cannot read is not replaced
	local tree=$T/cl/$R/trees/$A.json before
	expect 0 itts install "$T/b.tar" --cache "$T/cl"
	chmod 755 "$T"
	chmod 644 "$T/b.tar"
	chmod -R a+rwX "$T/cl"
	chmod 600 "$tree"
	before=$(stat -c '%i %a %U' "$tree")
	expect 0 $NOBODY "$PROGRAM" install "$T/b.tar" --cache "$T/cl"
	same "$(stat -c '%i %a %U' "$tree")" "$before"
}

if [ "$(id -u)" -eq 0 ]; then
	check "links that are refused: room for copies is known before" links_refused
	check "a listing that only another user can read stays" closed_listing
	check "deep directories: inodes are known before" deep
	check "room for an archive is known before" import_room
	if command -v mkfs.xfs >/dev/null; then check "extents that are shared take no room" clones; fi
else
	skip_one "room where links are refused" "not root"
fi
check "--import --dry-run" dry_import
check "an archive of what is inside a repository's folder" inside
check "what pack advises" pack_hints
check "what macOS adds to archives" mac
check "--import: the refs of the lock" lock_refs
check "-o into a repository's folder of the cache" into_cache
finish
