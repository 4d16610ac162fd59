#!/usr/bin/env bash
# A bundle without itts-pack: four tars, sha256sum, install.sh, the scanner of npm,
# and whatever looks a file up as Python does offline.
. "$(dirname "$0")/lib.sh"

need python3 bsdtar busybox sha256sum
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "readers", "repos": [
 {"id": "acme/voice", "commit": "1111111111111111111111111111111111111111", "refs": ["main", "refs/pr/1"],
  "hub_view": "hf_cache", "license": "MIT", "files": [
   {"path": "README.md", "text": "# Voice\n", "git": true},
   {"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["config.yaml"]},
   {"path": "empty.txt", "size": 0, "git": true, "views": ["empty.txt"]},
   {"path": "one", "size": 1}, {"path": "s511", "size": 511}, {"path": "s512", "size": 512},
   {"path": "s4095", "size": 4095}, {"path": "s4096", "size": 4096}, {"path": "s4097", "size": 4097},
   {"path": "big.bin", "size": 3000001, "views": ["big.bin", "again/big.bin"]},
   {"path": "text encoder/a + b %41/文件 ü.bin", "size": 70000, "views": ["with space/文件 ü.bin"]},
   {"path": "a very long directory name that goes on and on/and another one below it which is also rather long/and a third, so that ustar cannot hold the whole of it any more/this is the file with the long name.safetensors", "size": 9000},
   {"path": "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789-more-than-100-in-one-component-of-the-path.bin", "size": 5000}]},
 {"id": "acme/shared", "commit": "2222222222222222222222222222222222222222", "files": [
   {"path": "copy.bin", "size": 3000001, "seed": "acme/voicebig.bin"},
   {"path": "README.md", "text": "# Voice\n", "git": true}]},
 {"id": "acme/pinned", "type": "dataset", "refs": [], "commit": "3333333333333333333333333333333333333333",
  "files": [{"path": "a.bin", "size": 100}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"

# Each prints nothing at all.
unpack() { # NAME COMMAND...: in a new directory $T/NAME
	mkdir "$T/$1"
	cd "$T/$1"
	shift
	"$@" >"$T/out" 2>"$T/err"
	cat "$T/out" "$T/err"
	test ! -s "$T/out" -a ! -s "$T/err"
	sha256sum -c SHA256SUMS >"$T/sums"
	same "$(grep -vc ': OK$' "$T/sums")" 0
	same "$(grep -c . SHA256SUMS)" "$(grep -c . "$T/sums")"
	content . >"$PWD.content"
	cmp "$T/gnu.content" "$PWD.content"
}
python_tar() { # Debian 12's own Python does not know filters yet: any that does
	local python
	for python in $(type -ap python3); do
		"$python" -c 'import tarfile; tarfile.data_filter' 2>/dev/null && break
	done
	"$python" -W error -c 'import sys, tarfile
how = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
with tarfile.open(sys.argv[1]) as t: t.extractall(**how)' "$T/b.tar"
}
seeking() { # a reader that hops from header to header sees every member
	local count
	count=$(tar -tf "$T/b.tar" | wc -l)
	same "$(bsdtar -tf "$T/b.tar" | wc -l)" "$count"
	same "$(busybox tar -tf "$T/b.tar" | wc -l)" "$count"
	same "$(python3 -c 'import sys, tarfile; print(len(tarfile.open(sys.argv[1]).getnames()))' \
		"$T/b.tar")" "$count"
}
listed() { # SHA256SUMS has every file, once, by whatever name
	cd "$T/gnu"
	find . -type f -printf '%i\n' | sort -u | wc -l >"$T/inodes"
	# not the signature, SHA256SUMS, itts-bundle.states
	same $(($(cat "$T/inodes") - 3)) "$(grep -c . SHA256SUMS)"
}
one_copy() {
	cd "$T/gnu"
	local commit=1111111111111111111111111111111111111111
	same "$(stat -c %i checkpoints/big.bin)" \
		"$(stat -Lc %i "hub/models--acme--voice/snapshots/$commit/big.bin")"
	same "$(stat -c %h checkpoints/big.bin)" 6
	# what people edit has bytes of its own
	same "$(stat -c '%h %a' checkpoints/config.yaml)" "1 644"
	find . -type f -printf '%i %s\n' | sort -u | awk '{ n += $2 } END { print n }' >"$T/bytes"
	test "$(cat "$T/bytes")" -lt "$(stat -c %s "$T/b.tar")"
}
offline() {
	python3 "$ROOT/tests/e2e/offline.py" "$T/gnu/hub" "$T/lock.json"
	cache_is_honest "$T/gnu/hub"
	jq '{repos: [.repos[0]]}' "$T/lock.json" >"$T/view.json"
	python3 "$ROOT/tests/e2e/offline.py" "$T/gnu/checkpoints/hf_cache" "$T/view.json"
	cache_is_honest "$T/gnu/checkpoints/hf_cache"
}
verified() { # what tar has made is as good as what install makes
	expect 0 itts verify --cache "$T/gnu/hub"
	expect 0 itts verify --cache "$T/gnu/hub" --lock "$T/lock.json"
	expect 0 itts verify --model-dir "$T/gnu/checkpoints"
}
installed() {
	expect 0 itts install "$T/b.tar" --cache "$T/c/hub" --model-dir "$T/c/models"
	python3 "$ROOT/tests/e2e/offline.py" "$T/c/hub" "$T/lock.json"
	cache_is_honest "$T/c/hub" "$T/c/models/hf_cache"
	rm -rf "$T/c/hub/.locks"
	content "$T/c/hub" >"$T/installed"
	content "$T/gnu/hub" >"$T/unpacked"
	diff "$T/unpacked" "$T/installed"
	content "$T/c/models" >"$T/installed"
	content "$T/gnu/checkpoints" >"$T/unpacked"
	diff "$T/unpacked" "$T/installed"
}
scan() {
	local cache
	for cache in "$T/store" "$T/gnu/hub" "$T/c/hub" "$T/my home/hub" "$T/gnu/checkpoints/hf_cache" \
		"$T/c/models/hf_cache"; do
		node "$ROOT/tests/judges/scan.mjs" "$cache" >"$T/scan"
		cat "$T/scan"
		jq -e '.warnings == []' "$T/scan"
		jq -e '.repos | map(select(.id == "acme/voice"))[0].revisions[0].refs | index("main")' "$T/scan"
	done
	same "$(jq '.repos | length' "$T/scan")" 1
}
script() { # install.sh: the way of the README, also with spaces, from elsewhere
	cd "$T/gnu"
	expect 0 env HF_HOME= sh install.sh "$T/my models" "$T/my home"
	prints HF_HUB_OFFLINE=1 "$T/my home/hub"
	eval "$(grep export "$T/out")"
	same "$HF_HUB_CACHE" "$T/my home/hub"
	python3 "$ROOT/tests/e2e/offline.py" "$T/my home/hub" "$T/lock.json"
	content "$T/my models" >"$T/installed"
	content "$T/gnu/checkpoints" >"$T/unpacked"
	diff "$T/unpacked" "$T/installed"
	expect 0 itts verify --model-dir "$T/my models"
	expect 0 itts verify --cache "$T/my home/hub" --lock "$T/lock.json"
	same "$(stat -c %i "$T/my models/big.bin")" "$(stat -c %i checkpoints/big.bin)"
	cd /
	for shell in dash "busybox sh" "bash --posix"; do
		expect 0 $shell "$T/gnu/install.sh" "$T/my models" "$T/my home"
	done
	picture "$T/gnu" >"$T/after"
}
script_quotes() { # what it prints can be pasted, whatever the path; busybox alone is enough
	local shell home path n=0
	mkdir "$T/applets"
	for applet in $(busybox --list); do
		ln -sf "$(command -v busybox)" "$T/applets/$applet"
	done
	for shell in "$(command -v dash)" "$T/applets/sh"; do
		n=$((n + 1))
		home="$T/it's \\n \$(a) \"home\" $n"
		path=$PATH
		[ "$n" = 1 ] || path=$T/applets
		mkdir "$T/it's $n"
		tar -xf "$T/b.tar" -C "$T/it's $n" install.sh SHA256SUMS
		expect 0 env -i PATH="$path" "$shell" "$T/it's $n/install.sh" "$home/models" "$home" "$T/b.tar"
		prints Unpacking "into $home/models and $home/hub"
		(
			unset HF_HUB_CACHE
			eval "$(grep export "$T/out")"
			same "$HF_HUB_CACHE" "$home/hub"
		)
		expect 0 itts verify --cache "$home/hub" --lock "$T/lock.json"
		expect 0 itts verify --model-dir "$home/models"
	done
	# what cannot be checked is not called damaged
	rm "$T/applets/sha256sum"
	expect 1 env -i PATH="$T/applets" "$T/applets/sh" "$T/it's 1/install.sh" "$T/none" "$T/none"
	says "neither sha256sum nor shasum"
	test ! -e "$T/none"
	expect 2 sh "$T/it's 1/install.sh" ""
	expect 2 sh "$T/it's 1/install.sh" "$T/none" ""
}
script_says() { # names: a set one decides, damage stops it
	cd "$T/gnu"
	expect 0 env HF_HUB_CACHE="$T/elsewhere" sh install.sh "$T/m2"
	test -d "$T/elsewhere/models--acme--voice"
	expect 0 env HF_HOME="$T/home2" sh install.sh "$T/m2"
	test -d "$T/home2/hub/models--acme--voice"
	expect 2 sh install.sh
	cp -a "$T/gnu" "$T/damaged"
	chmod u+w "$T/damaged/checkpoints/big.bin"
	printf x | dd of="$T/damaged/checkpoints/big.bin" bs=1 seek=77777 conv=notrunc 2>/dev/null
	expect 9 sh "$T/damaged/install.sh" "$T/m3" "$T/h3"
	says FAILED
	test ! -e "$T/m3" -a ! -e "$T/h3"
}
script_other_device() { # no hard links across: copies, and one copy for all names
	mkdir "$T/tmpfs"
	mount -t tmpfs -o size=16m none "$T/tmpfs"
	cd "$T/gnu"
	expect 0 sh install.sh "$T/tmpfs/models" "$T/tmpfs/home"
	expect 0 itts verify --model-dir "$T/tmpfs/models"
	expect 0 itts verify --cache "$T/tmpfs/home/hub" --lock "$T/lock.json"
	same "$(stat -c %i "$T/tmpfs/models/big.bin")" \
		"$(stat -Lc %i "$T/tmpfs/home/hub/models--acme--voice/snapshots/"*/big.bin)"
	umount "$T/tmpfs"
}
script_bare() { # without /dev/null and /tmp, which must not be made either
	bare_root "$T/bare"
	tar -xf "$T/b.tar" -C "$T/bare"
	expect 0 chroot "$T/bare" /bin/sh /install.sh /to/models /to/home
	same "$(cat "$T/err")" ""
	test ! -e "$T/bare/dev" -a ! -e "$T/bare/tmp"
	same "$(find "$T/bare/to" -name '.install.sh*')" ""
	expect 0 itts verify --cache "$T/bare/to/home/hub" --lock "$T/lock.json"
	expect 0 itts verify --model-dir "$T/bare/to/models"
	# nor is a file made of that name
	mkdir "$T/bare/dev"
	rm -r "$T/bare/to"
	expect 0 chroot "$T/bare" /bin/sh /install.sh /to/models /to/home
	same "$(ls "$T/bare/dev")" ""
}
other_version() { # a program with other texts wrote it: as good
	sed 's/This is a bundle of model files/Here is a bundle of model files/' "$PROGRAM" >"$T/other"
	chmod +x "$T/other"
	PROGRAM=$T/other pack_store "$T/store" "$T/lock.json" "$T/other.tar"
	not cmp -s "$T/b.tar" "$T/other.tar"
	expect 0 itts verify "$T/other.tar"
	expect 0 itts install "$T/other.tar" --cache "$T/c2"
	sed 's/Here is a bundle of/Here is a bumble of/' "$T/other.tar" >"$T/bad.tar"
	expect 9 itts verify "$T/bad.tar"
	prints INSTALL.txt
	expect 9 itts install "$T/bad.tar" --cache "$T/c3"
	says INSTALL.txt
}

check "GNU tar" unpack gnu tar -xf "$T/b.tar"
check "bsdtar" unpack bsd bsdtar -xf "$T/b.tar"
check "busybox tar" unpack busybox busybox tar -xf "$T/b.tar"
check "Python's tarfile" unpack python python_tar
check "GNU tar from a pipe, another locale" unpack pipe sh -c 'LC_ALL=C tar -xf - <"$T/b.tar"'
check "busybox tar from a pipe, another locale" unpack pipe2 sh -c 'LC_ALL=C busybox tar -xf - <"$T/b.tar"'
check "every reader counts the same members" seeking
check "SHA256SUMS names every file" listed
check "one copy of the bytes, but of what people edit" one_copy
check "a lookup as Python's finds every file" offline
check "verify takes what tar has made" verified
check "install makes the same tree as tar" installed
check "install.sh" script
check "install.sh: quotes and spaces; dash, and busybox alone" script_quotes
check "install.sh: HF_HUB_CACHE, HF_HOME, no argument, damage" script_says
if [ "$(id -u)" -eq 0 ]; then
	check "install.sh onto another device" script_other_device
	check "install.sh in a bare root" script_bare
else
	skip_one "install.sh onto another device" "not root"
	skip_one "install.sh in a bare root" "not root"
fi
if command -v node >/dev/null && [ -d "$JUDGES/node_modules" ]; then
	check "npm's scanner has no warning" scan
else
	skip_one "npm's scanner has no warning" "no @huggingface/hub"
fi
check "a bundle of another version of the program" other_version
finish
