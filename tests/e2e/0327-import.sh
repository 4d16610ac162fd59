#!/usr/bin/env bash
# export, import: single repositories, in a file or from cache to cache.
. "$(dirname "$0")/lib.sh"

need python3 jq ssh-keygen
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos SRC=$T/repos/models/acme/voice/$A C=$T/cache
repo "$TOP" acme/voice $A config.json=300 big.bin=300000 sub/x.bin=5000 tok.json=70
repo "$TOP" acme/other $A o.bin=4000
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/voice.json" --endpoint "$hub" --cache "$T/c0"
must itts fetch --lock "$T/voice.json" --endpoint "$hub" --cache "$T/good"
must itts fetch acme/other --endpoint "$hub" --cache "$T/good"

fresh() { rm -rf "$C"; }
whole() {
	expect 0 itts verify --cache "$C" --lock "$T/voice.json"
	diff -r "$SRC" "$C/models--acme--voice/snapshots/$A"
	cache_is_honest "$C"
	if [ -d "$JUDGES/node_modules" ]; then node "$ROOT/tests/judges/scan.mjs" "$C" >"$T/scan.json"; fi
}

export_import() {
	fresh
	expect 0 no_network "$PROGRAM" export acme/voice --cache "$T/good" -o "$T/voice.tar"
	expect 0 itts export acme/voice@$A --cache "$T/good" -o "$T/again.tar"
	cmp "$T/voice.tar" "$T/again.tar"
	(cd "$T" && expect 0 itts export acme/other --cache "$T/good")
	test -e "$T/other.tar"
	expect 0 no_network "$PROGRAM" import "$T/voice.tar" --cache "$C"
	whole
	same "$(ls -d "$C"/models--*)" "$C/models--acme--voice"
	# ls knows which bundle it came with
	expect 0 itts ls --cache "$C" --json
	jq -e '.rows[0].claimed_by == ["bundle voice"]' "$T/out"
	fresh
	itts export acme/voice --cache "$T/good" -o - 2>/dev/null | itts import - --cache "$C"
	whole
	# a plain archive, and a bundle that was compressed on the way
	fresh
	tar -C "$T/good" -czf "$T/plain.tar.gz" models--acme--voice
	expect 0 itts import "$T/plain.tar.gz" --cache "$C"
	whole
	fresh
	gzip -k "$T/voice.tar"
	expect 0 itts import "$T/voice.tar.gz" --cache "$C"
	whole
	expect 6 itts export acme/nothing --cache "$T/good" -o "$T/x.tar"
	expect 6 itts export acme/voice@nope --cache "$T/good" -o "$T/x.tar"
	expect 2 itts export --cache "$T/good"
	expect 2 itts import --cache "$C"
	# damage is said, and nothing written
	cp -a "$T/good" "$T/bad"
	chmod -R u+w "$T/bad"
	printf X >>"$(readlink -f "$T/bad/models--acme--voice/snapshots/$A/tok.json")"
	expect 9 itts export acme/voice --cache "$T/bad" -o "$T/x.tar"
	says "itts-pack repair"
	test ! -e "$T/x.tar"
}
some_of() { # single repositories out of a file with several
	local all=$T/all.tar set=$T/vols n
	expect 0 no_network "$PROGRAM" export acme/voice acme/other --cache "$T/good" -o "$all"
	fresh
	expect 0 no_network "$PROGRAM" import "$all" acme/voice --cache "$C" --json
	jq -e '.mended == 4 and .files == 4 and .lacking == 0' "$T/out"
	whole
	same "$(ls -d "$C"/models--*)" "$C/models--acme--voice"
	expect 0 itts import "$all" acme/other@$A --cache "$C"
	cache_is_honest "$C"
	same "$(content "$C/models--acme--other")" "$(content "$T/good/models--acme--other")"
	# what comes out of it again is what went in
	expect 0 itts export acme/voice --cache "$C" -o "$T/round.tar"
	cmp "$T/round.tar" "$T/voice.tar"
	# refs move, and are said to, as when the whole is taken; or stay
	mkdir -p "$C/models--acme--other/snapshots/$B"
	printf %s $B >"$C/models--acme--other/refs/main"
	expect 0 itts import "$all" acme/other --keep-refs --cache "$C"
	same "$(cat "$C/models--acme--other/refs/main")" $B
	expect 0 itts import "$all" acme/other --cache "$C"
	says "refs/main of acme/other: $B -> $A"
	same "$(cat "$C/models--acme--other/refs/main")" $A
	# only what is asked for is read: damage elsewhere does no harm
	cp "$all" "$T/hurt.tar"
	python3 - "$T/hurt.tar" "$SRC/big.bin" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as tar, open(sys.argv[2], "rb") as part:
    at = tar.read().index(part.read())
    tar.seek(at + 1000)
    byte = tar.read(1)
    tar.seek(at + 1000)
    tar.write(bytes([byte[0] ^ 1]))
PYTHON
	fresh
	expect 0 itts import "$T/hurt.tar" acme/other --cache "$C"
	expect 9 itts import "$T/hurt.tar" acme/voice --cache "$C"
	prints "not to be had" "voice  big.bin"
	test ! -e "$C/models--acme--voice/refs/main"
	cache_is_honest "$C"
	# volumes
	mkdir "$set"
	expect 0 itts export acme/voice acme/other --cache "$T/good" -o "$set/all.tar" --volume-size 200K
	fresh
	expect 0 itts import "$set" acme/voice --cache "$C"
	whole
	# a plain archive, also compressed
	tar -C "$T/good" -czf "$T/two.tar.gz" models--acme--voice models--acme--other
	for n in acme/voice acme/voice@main acme/voice@$A; do
		fresh
		expect 0 itts import "$T/two.tar.gz" $n --cache "$C"
		whole
		same "$(ls -d "$C"/models--*)" "$C/models--acme--voice"
	done
	# what is not in it
	for n in "$all" "$T/two.tar.gz" "$T/good"; do
		fresh
		expect 6 itts import "$n" acme/voise --cache "$C"
		one_error
		says "there is no acme/voise in it" "did you mean acme/voice?"
		expect 6 itts import "$n" zzz/q --cache "$C"
		one_error
		says "acme/other" "acme/voice"
		expect 6 itts import "$n" acme/voice@nope --cache "$C"
		one_error
		test ! -e "$C"
	done
	# a stream has to be taken whole
	gzip -kf "$all"
	expect 2 itts import "$all.gz" acme/voice --cache "$C"
	one_error
	says "whole"
	expect 2 itts import - acme/voice --cache "$C" < <(cat "$all")
	says "whole"
	expect 2 itts import "$all" acme/voice --link --cache "$C"
	# whose it is counts for a part, too
	ssh-keygen -q -t ed25519 -N "" -f "$T/key"
	printf 'me@example.com %s\n' "$(cat "$T/key.pub")" >"$T/allowed"
	expect 9 itts import "$all" acme/other --allowed-signers "$T/allowed" --cache "$C"
	test ! -e "$C"
	expect 0 itts sign "$all" --key "$T/key"
	expect 0 itts import "$all" acme/other --allowed-signers "$T/allowed" --cache "$C"
	says me@example.com
}
two_revisions() { # one snapshot of an archive, and its blobs only
	local old=$T/two/models--acme--voice
	mkdir "$T/two"
	cp -a "$T/good/models--acme--voice" "$T/two"
	chmod -R u+w "$T/two"
	printf new >"$old/blobs/$(printf new | sha256sum | cut -c 1-64)"
	mkdir "$old/snapshots/$B"
	ln -s "../../blobs/$(printf new | sha256sum | cut -c 1-64)" "$old/snapshots/$B/new.bin"
	ln -s "$(readlink "$old/snapshots/$A/tok.json")" "$old/snapshots/$B/tok.json"
	printf %s $B >"$old/refs/next"
	tar -C "$T/two" -cf "$T/two.tar" models--acme--voice
	fresh
	expect 0 itts import "$T/two.tar" acme/voice@next --cache "$C"
	same "$(ls "$C/models--acme--voice/snapshots" "$C/models--acme--voice/refs")" "$(printf '%s:\nnext\n\n%s:\n%s' \
		"$C/models--acme--voice/refs" "$C/models--acme--voice/snapshots" $B)"
	same "$(ls "$C/models--acme--voice/blobs" | wc -l)" 2
	cache_is_honest "$C"
	fresh
	expect 0 itts import "$T/two.tar" acme/voice --cache "$C"
	same "$(ls "$C/models--acme--voice/snapshots" | wc -l)" 2
}
accents() { # "é" in two characters: an archive does not tell in which spelling
	local d=$T/nfd/models--acme--nfd
	mkdir -p "$d/snapshots/$A" "$d/blobs"
	printf x >"$d/blobs/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	ln -s ../../blobs/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 "$d/snapshots/$A/"$'cafe\xcc\x81.txt'
	tar -C "$T/nfd" --format=pax -cf "$T/nfd.tar" models--acme--nfd
	fresh
	expect 0 itts import "$T/nfd.tar" --cache "$C"
	if [ -e "$C/models--acme--nfd/snapshots/$A/"$'cafe\xcc\x81.txt' ]; then
		not grep -F accents "$T/err" # the name came as it was
	else
		says "may have had accents as characters of their own" "--lock"
	fi
	# the name as it stands in the lock is the name
	jq -n --arg a $A '{format: "itts-lock", version: 1, name: "nfd", repos: [{type: "model", id: "acme/nfd",
		revision: "main", commit: $a, refs: ["main"], complete: false, files: [{path: "cafe\u0301.txt", size: 1,
		etag: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
		sha256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}]}]}' >"$T/nfd.json"
	fresh
	expect 0 itts install --import "$T/nfd.tar" --lock "$T/nfd.json" --cache "$C"
	not grep -F accents "$T/err"
	test -e "$C/models--acme--nfd/snapshots/$A/"$'cafe\xcc\x81.txt'
}
other_cache() {
	fresh
	expect 0 itts import "$T/good" acme/voice --cache "$C" --json
	jq -e '.mended == 4 and .lacking == 0' "$T/out"
	whole
	test ! -e "$C/models--acme--other"
	test -s "$C/models--acme--voice/trees/$A.json"
	expect 0 itts import "$T/good" --cache "$C" --json
	jq -e '.mended == 1 and .files == 5' "$T/out"
	# what is damaged there is not taken, a ref that is here stays
	printf %s $B >"$C/models--acme--other/refs/main"
	mkdir "$C/models--acme--other/snapshots/$B"
	rm -rf "$C/models--acme--voice"
	expect 9 itts import "$T/bad" --cache "$C" --json
	jq -e '.mended == 3 and .lacking == 1' "$T/out"
	same "$(cat "$C/models--acme--other/refs/main")" $B
	fresh
	expect 0 itts import "$T/good" --link --cache "$C" --json
	jq -e '.hard_links == 5' "$T/out"
	whole
	expect 6 itts import "$T/good" acme/nothing --cache "$C"
	one_error
}
unreadable() { # what cannot be looked into is not left out: nobody knows what it holds
	local src=$T/shut repo=$T/shut/models--acme--voice what before as=()
	cp -a "$T/good" "$src"
	# as older clients leave it: only links tell what belongs to a revision
	rm -r "$repo/trees"
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	[ "$(id -u)" -ne 0 ] || chown -hR 65534:65534 "$src"
	mkdir -m 777 "$T/free"
	chmod a+x "$T"
	before=$(picture "$src")
	refused() { # COMMAND...: nothing is written, one error names the place
		fresh
		expect 3 "$@"
		one_error
		says "${what#"$src/"}: $why"
		test ! -e "$C"
		same "$(ls -A "$T/free")" ""
	}
	all() { # PREFIX OF A COMMAND...
		refused "$@" export acme/voice --cache "$src" -o "$T/free/x.tar"
		refused "$@" export acme/voice@$A --cache "$src" -o "$T/free/x.tar"
		refused "$@" import "$src" --cache "$C"
		refused "$@" import "$src" acme/voice@main --cache "$C"
		refused "$@" repair --from "$T/good" --cache "$src"
		# another repository is another matter
		expect 0 "$@" export acme/other --cache "$src" -o "$T/free/o.tar"
		rm "$T/free/o.tar"
		expect 3 "$@" ls --cache "$src"
		says "${what##*/}: $why"
		for command in ls du "ls --revisions"; do
			expect 3 "$@" $command --cache "$src" --json
			jq -e --arg what "${what#"$src/"}" '.unseen | any(contains($what))' "$T/out"
		done
		expect 0 "$@" du acme/other --cache "$src"
	}
	why="Permission denied" denied="Permission denied"
	for what in "$repo" "$repo/snapshots" "$repo/snapshots/$A" "$repo/snapshots/$A/sub" "$repo/blobs" "$repo/refs" \
		"$repo/refs/main"; do
		chmod a-rwx "$what"
		all "${as[@]}" "$PROGRAM"
		chmod u+rwX,go+rX "$what"
	done
	# a listing that is there and may not be read
	mkdir -m 000 "$repo/trees"
	what=$repo/trees/$A.json
	for name in main $A; do
		refused "${as[@]}" "$PROGRAM" export acme/voice@$name --cache "$src" -o "$T/free/x.tar"
	done
	refused "${as[@]}" "$PROGRAM" import "$src" --cache "$C"
	rmdir "$repo/trees"
	# a directory that cannot be read to its end
	if ! sanitized && command -v strace >/dev/null; then
		why="Input/output error"
		for what in "$repo/snapshots" "$repo/snapshots/$A" "$repo/snapshots/$A/sub" "$repo/blobs" "$repo/refs"; do
			all strace -f -qq -o "$T/log/trace" -P "$what" -e trace=getdents64 \
				-e inject=getdents64:error=EIO "$PROGRAM"
		done
	fi
	same "$(picture "$src")" "$before"
	# of places to take from it is said, and what cannot be had is told as ever
	cp -rL "$src/models--acme--voice/snapshots/$A" "$T/free/local"
	chmod -R a+rX "$T/free/local" "$T/voice.json"
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$T/free/local"
	chmod a-rwx "$repo/blobs" "$T/free/local/sub"
	expect 3 "${as[@]}" "$PROGRAM" repair --from "$src" --lock "$T/voice.json" --cache "$T/free/c"
	says "not looked into: $repo/blobs: $denied"
	one_error
	expect 3 "${as[@]}" "$PROGRAM" adopt "$T/free/local" --lock "$T/voice.json" --cache "$T/free/c"
	one_error
	says "acme/voice sub/x.bin is not to be had: $T/free/local/sub/x.bin: $denied"
	says "not looked into: $T/free/local/sub: $denied"
	prints "not to be had" "sub/x.bin"
	chmod u+rwX,go+rX "$repo/blobs" "$T/free/local/sub"
	rm -r "$T/free/c" "$T/free/local"
	# and all of it, once it can be read
	expect 0 "${as[@]}" "$PROGRAM" export acme/voice --cache "$src" -o "$T/free/x.tar"
	fresh
	expect 0 itts import "$T/free/x.tar" --cache "$C"
	whole
}

check "export and import" export_import
check "some of a bundle, of volumes, of an archive" some_of
check "one revision of an archive" two_revisions
check "accents as characters of their own" accents
check "from another cache" other_cache
check "what cannot be looked into" unreadable
finish
