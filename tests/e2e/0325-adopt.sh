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

local_dir() { # hf download --local-dir, with its metadata; one file not finished
	local d=$T/local meta=$T/local/.cache/huggingface/download before
	cp -r "$SRC" "$d"
	mkdir -p "$meta/sub"
	printf '*' >"$T/local/.cache/huggingface/.gitignore"
	for f in config.json big.bin sub/x.bin tok.json; do
		printf '%s\n%s\n%s\n' $A "$(sha256sum <"$d/$f" | cut -c 1-64)" 1700000000.5 >"$meta/$f.metadata"
	done
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
linked() {
	local d=$T/tolink
	cp -r "$SRC" "$d"
	fresh
	expect 0 adopt "$d" --link --json
	jq -e '.hard_links == 4 and .copied == 0' "$T/out"
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

check "hf download --local-dir" local_dir
check "hard links when asked" linked
check "both caches of ModelScope" modelscope
check "a clone with Git LFS" git_lfs
check "as the hub lists it" by_hub
check "export and import" export_import
check "from another cache" other_cache
finish
