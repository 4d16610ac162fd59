#!/usr/bin/env bash
# adopt, export, import: what other programs left on disk, single repositories.
. "$(dirname "$0")/lib.sh"

need python3 jq git
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
adopt() { no_network "$PROGRAM" adopt "$1" --lock "$T/voice.json" --offline --cache "$C" "${@:2}"; }
inode() { stat -L -c %i "$1"; }

# What hf download --local-dir writes beside the files in DIR, with the digests of the
# listing: note_down DIR HOME WHEN [COMMIT]
note_down() {
	local tree=$T/good/models--acme--voice/trees/$A.json path etag
	jq -r '.files | to_entries[] | "\(.value.lfs_sha256 // .value.blob_id) \(.key)"' "$tree" | while read -r etag path; do
		mkdir -p "$(dirname "$1/$2/download/$path")"
		printf '%s\n%s\n%s\n' "${4:-$A}" "$etag" "$3" >"$1/$2/download/$path.metadata"
		: >"$1/$2/download/$path.lock"
	done
	printf '*' >"$1/$2/.gitignore"
}
noted() { # DIR: as huggingface_hub leaves it, with its listing
	cp -r "$SRC" "$1"
	note_down "$1" .cache/huggingface "$(date +%s.%N)"
	mkdir "$1/.cache/huggingface/trees"
	cp "$T/good/models--acme--voice/trees/$A.json" "$1/.cache/huggingface/trees"
}
as() { no_network "$PROGRAM" adopt "$1" --as acme/voice --cache "$C" "${@:2}"; }

local_dir() { # with a lock; one file not finished
	local d=$T/local meta=$T/local/.cache/huggingface/download before
	noted "$d"
	# both kinds of names
	grep -qE '^[0-9a-f]{40}$' <(sed -n 2p "$meta/config.json.metadata")
	grep -qE '^[0-9a-f]{64}$' <(sed -n 2p "$meta/big.bin.metadata")
	mv "$d/tok.json" "$meta/x.0a1b2c3d.incomplete"
	truncate -s 50 "$meta/x.0a1b2c3d.incomplete"
	before=$(picture "$d")
	fresh
	expect 6 adopt "$d" --dry-run
	mkdir "$C"
	expect 6 adopt "$d" --dry-run --json
	jq -e '.would == 3 and .lacking == 1' "$T/out"
	same "$(find "$C" | wc -l)" 1
	expect 6 adopt "$d" --json
	jq -e '.mended == 3 and .lacking == 1 and (.items[] | select(.result == "not to be had") | .path == "tok.json")' "$T/out"
	same "$(picture "$d")" "$before"
	test ! -e "$C/models--acme--voice/refs/main"
	cp "$SRC/tok.json" "$d"
	expect 0 adopt "$d" --json
	jq -e '.mended == 1 and .files == 4' "$T/out"
	whole
	test "$(inode "$d/big.bin")" -ne "$(inode "$C/models--acme--voice/snapshots/$A/big.bin")"
	# again: nothing to do
	expect 0 adopt "$d"
	prints "4 were in the cache already"
}
by_notes() { # nothing but the directory
	local d=$T/noted f
	noted "$d"
	fresh
	mkdir "$C"
	expect 0 as "$d" --dry-run --json
	jq -e '.would == 4 and .refused == []' "$T/out"
	expect 0 as "$d" --json
	jq -e '.ok and .mended == 4 and .refused == []' "$T/out"
	whole
	same "$(cat "$C/models--acme--voice/refs/main")" $A
	cmp "$C/models--acme--voice/trees/$A.json" "$T/good/models--acme--voice/trees/$A.json"
	expect 0 as "$d"
	prints "4 were in the cache already"
	if [ -d "$JUDGES/node_modules" ]; then
		for f in config.json big.bin sub/x.bin; do
			cmp "$(no_network node "$ROOT/tests/judges/offline.mjs" "$C" acme/voice $A $f)" "$SRC/$f"
		done
	fi
	# by one who reads nothing but the cache
	expect 0 no_network "$PROGRAM" export acme/voice --cache "$C" -o "$T/noted.tar"
	# older clients: another place, no listing; times are those of a copy
	mkdir -p "$T/older"
	cp -r "$SRC"/* "$T/older"
	note_down "$T/older" .huggingface 1700000000
	fresh
	expect 0 as "$T/older" --type dataset --json
	test -s "$C/datasets--acme--voice/snapshots/$A/tok.json"
	fresh
	expect 0 no_network "$PROGRAM" adopt "$T/older" --as acme/voice@v1.0 --cache "$C"
	same "$(cat "$C/models--acme--voice/refs/v1.0")" $A
	test ! -e "$C/models--acme--voice/trees"
	diff -r "$SRC" "$C/models--acme--voice/snapshots/$A"
}
by_notes_not() { # what is not as it was noted down is named and not taken
	local d=$T/not meta=$T/not/.cache/huggingface/download
	noted "$d"
	printf X | dd of="$d/config.json" conv=notrunc status=none
	touch -d '+1 hour' "$d/config.json"
	printf X | dd of="$d/big.bin" conv=notrunc status=none
	touch -d '-1 hour' "$d/big.bin"
	rm "$d/sub/x.bin"
	printf 'a\nb\n' >"$meta/tok.json.metadata"
	printf '%s\n%s\n1.5\n' $A 0123456789abcdef0123456789abcdef-12 >"$meta/s3.bin.metadata"
	printf '%s\n%s\n1.5\n' $A "$(printf '%040d' 7)" >"$meta/extra.bin.metadata"
	fresh
	expect 6 as "$d"
	says "config.json: not taken: was changed after" "big.bin: not taken: is not what was downloaded" \
		"sub/x.bin: not taken: is not there" "tok.json: not taken: not the three lines" \
		"s3.bin: not taken: etag is no digest" "extra.bin: not taken: is not in the listing"
	cache_is_honest "$C"
	same "$(find "$C" -type l)" ""
	test ! -e "$C/models--acme--voice/refs/main"
	expect 6 as "$d" --json
	jq -e '(.ok | not) and ([.refused[].path] | sort) == ["big.bin", "config.json", "extra.bin", "s3.bin", "sub/x.bin", "tok.json"]' "$T/out"
	# listing against note; a link that leads out
	rm -rf "$d"
	noted "$d"
	sed -i "2s/.*/$(printf '%064d' 7)/" "$meta/big.bin.metadata"
	mv "$d/tok.json" "$T/outside"
	ln -s "$T/outside" "$d/tok.json"
	fresh
	expect 6 as "$d"
	says "big.bin: not taken: its metadata and the listing" "tok.json: not taken: is a link that leads out"
	diff "$SRC/sub/x.bin" "$C/models--acme--voice/snapshots/$A/sub/x.bin"
	# two commits: each its own files, main is the newer
	rm -rf "$d"
	cp -r "$SRC" "$d"
	note_down "$d" .cache/huggingface 1700000000.25
	sed -i "1s/.*/$B/;3s/.*/1700000001.5/" "$meta/tok.json.metadata"
	fresh
	expect 0 as "$d"
	says "files of 2 commits"
	same "$(cat "$C/models--acme--voice/refs/main")" $B
	same "$(ls "$C/models--acme--voice/snapshots/$B")" tok.json
	test ! -e "$C/models--acme--voice/snapshots/$A/tok.json"
	cache_is_honest "$C"
	# words that do not go together, and a directory without notes
	for words in "acme/voice --as acme/voice" "--as ../x" "--as acme/voice@$A" "--as acme/voice@../../x" "--as acme/voice --lock x"; do
		# shellcheck disable=SC2086
		expect 2 itts adopt "$d" $words --cache "$C"
		one_error
	done
	expect 6 as "$SRC"
	one_error
	says "hf download --local-dir was not here"
}
shared_space() { # on a file system that can, nothing is taken twice
	local disk=$T/xfs sha before after mode
	[ "$(id -u)" -eq 0 ] && command -v mkfs.xfs >/dev/null || return 0
	truncate -s 400M "$T/xfs.img"
	mkfs.xfs -q -m reflink=1 "$T/xfs.img"
	mkdir "$disk"
	mount -o loop "$T/xfs.img" "$disk"
	trap 'umount "$T/xfs"' EXIT
	mkdir "$disk/d" && cp -r "$SRC"/* "$disk/d"
	head -c 64M /dev/urandom >"$disk/d/weights.bin"
	sha=$(sha256sum <"$disk/d/weights.bin" | cut -c 1-64)
	note_down "$disk/d" .cache/huggingface 1700000000
	printf '%s\n%s\n1700000000\n' $A "$sha" >"$disk/d/.cache/huggingface/download/weights.bin.metadata"
	for mode in "" --link; do
		sync -f "$disk"
		before=$(df --output=used -B1 "$disk" | tail -n 1)
		# shellcheck disable=SC2086
		expect 0 no_network "$PROGRAM" adopt "$disk/d" --as acme/voice --cache "$disk/hub$mode" $mode --json
		# of less than a block nothing can be shared
		jq -e '.copied <= 2 and .mended == 5' "$T/out"
		sync -f "$disk"
		after=$(df --output=used -B1 "$disk" | tail -n 1)
		echo "adopt $mode took $((after - before)) bytes"
		test $((after - before)) -lt $((64 * 1048576 / 100))
		cache_is_honest "$disk/hub$mode"
	done
}
linked() {
	local d=$T/tolink
	cp -r "$SRC" "$d"
	fresh
	expect 0 adopt "$d" --link --json
	# small texts stay the user's own, to be edited
	jq -e '.hard_links == 2 and .copied + .shared == 2' "$T/out"
	whole
	echo edited >>"$d/config.json"
	whole
	same "$(inode "$d/big.bin")" "$(inode "$C/models--acme--voice/snapshots/$A/big.bin")"
	same "$(stat -c %a "$d/big.bin")" 444
	expect 2 adopt "$d" --link --copy
	one_error
}
modelscope() { # both layouts of its cache, with what it leaves behind
	local new=$T/ms/models/acme--voice/snapshots/master old=$T/msold/hub/models/acme/voice
	mkdir -p "$new" "$old/._____temp" "$T/ms/.lock"
	cp -r "$SRC"/* "$new"
	touch "$T/ms/.lock/model_acme___voice_big_bin.lock"
	fresh
	expect 0 adopt "$T/ms"
	whole
	cp -r "$SRC"/* "$old"
	mv "$old/big.bin" "$old/._____temp/big.bin"
	head -c 300000 /dev/zero >"$old/big.bin" # the right size, the wrong bytes
	printf 'Revision:master,CreatedAt:1' >"$old/.mv"
	printf '\200\4.' >"$old/.msc"
	printf '\200\4.' >"$old/.mdl"
	fresh
	expect 0 adopt "$T/msold"
	whole
}
git_lfs() { # a clone: pointers in the work tree, or content; the objects beside
	local d=$T/clone sha
	git init -q "$d"
	cp -r "$SRC"/* "$d"
	for f in big.bin sub/x.bin; do
		sha=$(sha256sum <"$SRC/$f" | cut -c 1-64)
		mkdir -p "$d/.git/lfs/objects/${sha:0:2}/${sha:2:2}"
		mv "$d/$f" "$d/.git/lfs/objects/${sha:0:2}/${sha:2:2}/$sha"
		printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' "$sha" "$(stat -c %s "$SRC/$f")" >"$d/$f"
	done
	fresh
	expect 0 adopt "$d" --json
	jq -e '.hard_links == 2' "$T/out"
	whole
	# a bare clone: the objects alone
	fresh
	expect 6 adopt "$d/.git" --json
	jq -e '.hard_links == 2 and .lacking == 2' "$T/out"
}
by_hub() { # no lock: the hub says what belongs there
	fresh
	expect 0 itts adopt "$SRC" acme/voice --endpoint "$hub" --cache "$C"
	whole
	expect 6 adopt "$T/nowhere"
	one_error
	expect 2 itts adopt --cache "$C"
	# links that lead out are not followed
	mkdir "$T/links"
	ln -s "$SRC/big.bin" "$T/links/big.bin"
	fresh
	expect 6 adopt "$T/links" --json
	jq -e '.mended == 0' "$T/out"
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
		! grep -F accents "$T/err" # the name came as it was
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
	! grep -F accents "$T/err"
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

check "hf download --local-dir, by a lock" local_dir
check "what it has noted down is enough" by_notes
check "what is not as it was noted down is named" by_notes_not
check "extents are shared, or names" shared_space
check "hard links when asked" linked
check "both caches of ModelScope" modelscope
check "a clone with Git LFS" git_lfs
check "as the hub lists it" by_hub
check "export and import" export_import
check "some of a bundle, of volumes, of an archive" some_of
check "one revision of an archive" two_revisions
check "accents as characters of their own" accents
check "from another cache" other_cache
finish
