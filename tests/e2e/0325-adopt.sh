#!/usr/bin/env bash
# adopt: what other programs left on disk.
. "$(dirname "$0")/lib.sh"

need python3 jq git
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos SRC=$T/repos/models/acme/voice/$A C=$T/cache
repo "$TOP" acme/voice $A config.json=300 big.bin=300000 sub/x.bin=5000 tok.json=70
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/voice.json" --endpoint "$hub" --cache "$T/c0"
must itts fetch --lock "$T/voice.json" --endpoint "$hub" --cache "$T/good"

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
	local new=$T/ms/models/acme--voice/snapshots/master old=$T/msold/hub/models/acme/voice d
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
	# half a download: under its last name nothing, what there is is too short
	truncate -s 200000 "$old/._____temp/big.bin"
	truncate -s 4999 "$new/sub/x.bin"
	for d in "$T/msold:big.bin" "$T/ms:sub/x.bin"; do
		fresh
		expect 6 adopt "${d%%:*}" --json
		jq -e --arg path "${d##*:}" '.mended == 3 and .lacking == 1 and (.items[] | select(.result == "not to be had") | .path == $path)' "$T/out"
		cache_is_honest "$C"
		test ! -e "$C/models--acme--voice/refs/main"
	done
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
	# an object that is damaged, one that is half there: neither is linked nor is
	# the pointer taken for the file
	chmod -R u+w "$d/.git/lfs"
	sha=$(sha256sum <"$SRC/big.bin" | cut -c 1-64)
	f=$d/.git/lfs/objects/${sha:0:2}/${sha:2:2}/$sha
	cp "$f" "$f.x" && mv "$f.x" "$f" # not the cache's own
	printf X | dd of="$f" bs=1 seek=7 conv=notrunc status=none
	sha=$(sha256sum <"$SRC/sub/x.bin" | cut -c 1-64)
	mkdir -p "$d/.git/lfs/incomplete"
	head -c 100 "$SRC/sub/x.bin" >"$d/.git/lfs/incomplete/$sha.part"
	rm "$d/.git/lfs/objects/${sha:0:2}/${sha:2:2}/$sha"
	fresh
	expect 6 adopt "$d" --json
	jq -e '.hard_links == 0 and .mended == 2 and ([.items[] | select(.result == "not to be had") | .path] == ["big.bin", "sub/x.bin"])' "$T/out"
	cache_is_honest "$C"
	test ! -e "$C/models--acme--voice/refs/main"
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
one_size() { # under other names, both kinds of digests, some not there: each is read twice at most
	local d=$T/shards n all
	mkdir "$d"
	python3 - "$d" "$T/shards.json" <<'PYTHON'
import hashlib, json, os, sys
files = []
for n in range(120):
    data = os.urandom(20000)
    sha, git = hashlib.sha256(data).hexdigest(), hashlib.sha1(b"blob 20000\0" + data).hexdigest()
    files.append({"path": "shard-%03d.bin" % n, "size": 20000, "etag": git if n % 2 else sha, "sha256": sha})
    if n % 10:
        open("%s/%03d" % (sys.argv[1], 999 - n), "wb").write(data)
json.dump({"format": "itts-lock", "version": 1, "name": "shards", "manifest": "sha256:" + "0" * 64, "groups": [],
           "repos": [{"id": "acme/shards", "type": "model", "revision": "main", "commit": "%040d" % 1,
                      "refs": ["main"], "files": files}]}, open(sys.argv[2], "w"))
PYTHON
	fresh
	expect 6 strace -f -qq -y -e trace=pread64,read,sendfile -e signal=none -o "$T/trace" "$PROGRAM" adopt "$d" \
		--lock "$T/shards.json" --offline --cache "$C" --json
	jq -e '.mended == 108 and .lacking == 12' "$T/out"
	expect 9 itts verify --cache "$C" --lock "$T/shards.json" # (12 are missing)
	cache_is_honest "$C"
	n=$(grep -F "<$d/" "$T/trace" | awk '/ = [0-9]+$/ { n += $NF } END { print n + 0 }')
	all=$((108 * 20000))
	echo "$n bytes read of $all"
	# for the SHA-256 names, for those of git, and to be copied
	[ "$n" -ge $((2 * all)) ] && [ "$n" -le $((3 * all)) ]
}
check "hf download --local-dir, by a lock" local_dir
check "many files of one size" one_size
check "what it has noted down is enough" by_notes
check "what is not as it was noted down is named" by_notes_not
check "extents are shared, or names" shared_space
check "hard links when asked" linked
check "both caches of ModelScope" modelscope
check "a clone with Git LFS" git_lfs
check "as the hub lists it" by_hub
finish
