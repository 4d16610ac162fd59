#!/usr/bin/env bash
# Locking: canonical bytes, --check, --locked, pages, mirrors without the tree
# API, endpoints that must agree, pins.
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 model.safetensors=90000 sub/a.txt=10 sub/b.bin=5000 empty.txt=0
repo "$TOP" acme/voice $B config.json=301 model.safetensors=90000 sub/b.bin=5000 new.txt=7
refs() { printf '{"refs": {"main": "%s", "v1": "%s", "refs/pr/7": "%s"}}' "$1" $A $B >"$TOP/models/acme/voice/hub.json"; }
refs $A
start_hub hub "$TOP" --page-size 2
start_hub bare "$TOP" --no-tree
export HF_HUB_CACHE=$T/cache

lock() { # STATUS FILE ARGS...
	local status=$1 file=$2
	shift 2
	expect "$status" itts lock "${WHAT:-acme/voice}" --lock "$file" --endpoint "${AT:-$hub}" "$@"
}
plain() {
	lock 0 "$T/a.json"
	jq -e ".repos[0].commit == \"$A\"" "$T/a.json"
	same "$(jq '.repos[0].files | length' "$T/a.json")" 5
	# small files have two digests, weights one that is both
	jq -e '[.repos[0].files[] | .sha256 | length == 64] | all' "$T/a.json"
	same "$(jq -r '.repos[0].files[] | select(.path == "config.json") | .sha256' "$T/a.json")" \
		"$(sha256sum <"$TOP/models/acme/voice/$A/config.json" | cut -d' ' -f1)"
	test "$(requests hub GET '/tree/')" -ge 3
}
canonical() { # same bytes from another place, with nothing cached
	(
		mkdir -p "$T/else where"
		cd "$T/else where"
		umask 077
		TZ=Asia/Shanghai LC_ALL=C HF_HUB_CACHE=$T/cache2 lock 0 ../b.json
	)
	cmp "$T/a.json" "$T/b.json"
	same "$(stat -c %a "$T/a.json")" 644
}
by_commit_tag_pr() {
	WHAT=acme/voice@v1 lock 0 "$T/tag.json"
	WHAT=acme/voice@$B lock 0 "$T/commit.json"
	WHAT=acme/voice@refs/pr/7 lock 0 "$T/pr.json"
	same "$(jq -r '.repos[0].commit' "$T/tag.json" "$T/commit.json" "$T/pr.json" | tr '\n' ' ')" "$A $B $B "
	jq -e '.repos[0].refs == ["v1"]' "$T/tag.json"
}
patterns() {
	lock 0 "$T/p.json" --include '*.json' --include 'sub/*' --exclude '*.bin'
	same "$(jq -r '.repos[0].files[].path' "$T/p.json" | tr '\n' ' ')" "config.json sub/a.txt "
	lock 6 "$T/none.json" --include '*.nothing'
	one_error
	says "matches the patterns" "--include"
	test ! -e "$T/none.json"
}
locked() {
	lock 0 "$T/a.json" --locked
	expect 2 itts lock acme/other --lock "$T/a.json" --locked
	one_error
	expect 6 itts lock acme/voice --lock "$T/absent.json" --locked
	one_error
	says "itts-pack lock"
}
moved() { # main moves on the hub
	refs $B
	reload hub
	reload bare
	cp "$T/a.json" "$T/before.json"
	lock 1 "$T/a.json" --check
	prints "+ acme/voice new.txt" "- acme/voice empty.txt" "~ acme/voice config.json"
	cmp "$T/a.json" "$T/before.json"
	lock 0 "$T/a.json"
	jq -e ".repos[0].commit == \"$B\"" "$T/a.json"
	lock 0 "$T/a.json" --check
	expect 0 itts lock acme/voice --lock "$T/a.json" --check --endpoint "$hub" --json
	jq -e '.differences == []' "$T/out"
}
reformatted() { # laid out anew by somebody's tool: taken as it is, and put in order by lock
	local form
	expect 0 itts sbom --lock "$T/a.json"
	cp "$T/out" "$T/sbom"
	for form in "--indent 4" -c -S; do
		# shellcheck disable=SC2086
		jq $form . "$T/a.json" >"$T/form.json"
		not cmp -s "$T/form.json" "$T/a.json"
		cp "$T/form.json" "$T/form.old"
		expect 0 itts sbom --lock "$T/form.json"
		cmp "$T/out" "$T/sbom"
		lock 0 "$T/form.json" --check
		lock 0 "$T/form.json" --locked
		cmp "$T/form.json" "$T/form.old"
		lock 0 "$T/form.json" --json
		jq -e '.written and .differences == []' "$T/out"
		cmp "$T/form.json" "$T/a.json"
	done
	lock 0 "$T/form.json"
	prints "up to date"
	# where a bundle is expected, a lock is none, whatever it looks like
	for form in a.json form.old; do
		expect 7 itts sbom "$T/$form"
		one_error
		says "it is a lock file" --lock
	done
}
locked_fetch() { # --locked never asks what is new
	expect 0 itts fetch acme/voice --lock "$T/before.json" --locked --endpoint "$hub" --cache "$T/cache3"
	test -d "$T/cache3/models--acme--voice/snapshots/$A"
	test ! -e "$T/cache3/models--acme--voice/snapshots/$B"
	expect 2 itts fetch acme/voice@v1 --lock "$T/before.json" --locked --endpoint "$hub"
}
alone() { # where nothing is said the lock says it: by its default name, or --lock
	mkdir "$T/alone"
	cd "$T/alone"
	cp "$T/before.json" itts-pack.lock.json
	expect 0 itts fetch --endpoint "$hub" --cache c --json
	jq -e '.name == "acme-voice"' "$T/out"
	says "working on acme-voice, as itts-pack.lock.json says"
	test -d c/models--acme--voice/snapshots/$A
	expect 0 itts pack --offline --cache c --lock itts-pack.lock.json
	expect 0 itts pack --offline --cache c -o twin.tar --locked
	cmp acme-voice.tar twin.tar
	# something is said: it has to fit, and what is said is never passed over
	expect 2 itts fetch --recipe indextts-2 --offline --cache c
	expect 2 itts fetch --without qwen --offline --cache c
	for lock in "" --lock=itts-pack.lock.json; do
		expect 2 itts fetch $lock --include '*.json' --endpoint "$hub" --cache c
		one_error
		says --include
	done
	printf x >itts-pack.lock.json
	expect 7 itts fetch --endpoint "$hub" --cache c
	says itts-pack.lock.json
	rm itts-pack.lock.json
	expect 6 itts fetch --locked --endpoint "$hub" --cache c
	says "run itts-pack lock"
	expect 2 itts fetch --offline --recipe indextts-2 --cache c
	says "run itts-pack lock --recipe indextts-2 with a network, or name the lock with --lock"
	cd "$T"
}
no_tree() {
	AT=$bare lock 0 "$T/bare.json"
	cmp "$T/a.json" "$T/bare.json"
}
agree() {
	start_hub twin "$TOP" --page-size 1
	expect 0 itts lock acme/voice --lock "$T/two.json" --endpoint "$hub" --endpoint "$twin" \
		--endpoint "$bare"
	cmp "$T/a.json" "$T/two.json"
	# one that is not there does no harm, but is named
	local gone
	gone=http://127.0.0.1:$(free_port)
	expect 0 itts lock acme/voice --lock "$T/two.json" --endpoint "$hub" --endpoint "$gone"
	cmp "$T/a.json" "$T/two.json"
	says "$gone"
}
disagree() {
	start_hub hides "$TOP" --hide acme/voice:new.txt
	expect 9 itts lock acme/voice --lock "$T/no.json" --endpoint "$hub" --endpoint "$hides"
	one_error
	says "$hub" "$hides" new.txt "--only-mirror" "--prove"
	# another commit behind the same name
	refs $A
	start_hub old "$TOP"
	refs $B
	expect 9 itts lock acme/voice --lock "$T/no.json" --endpoint "$hub" --endpoint "$old"
	one_error
	says "$A" "$B"
	test ! -e "$T/no.json"
}
small_file_altered() { # a mirror lies about a git file: its name does not fit
	start_hub liar "$TOP" --alter acme/voice:config.json
	expect 9 itts lock acme/voice --lock "$T/no.json" --endpoint "$liar" --cache "$T/cache4"
	one_error
	says config.json
	test ! -e "$T/no.json"
	cache_is_honest "$T/cache4"
	same "$(find "$T/cache4" -path '*snapshots*' -type l | wc -l)" 0
}
pins() {
	local good bad manifest
	good=$(sha256sum <"$TOP/models/acme/voice/$B/model.safetensors" | cut -d' ' -f1)
	bad=$(printf '%064d' 7)
	manifest='{"format": "itts-manifest", "version": 1, "name": "voice", "models": [{"id":
		"acme/voice", "revision": "main", "digests": {"model.safetensors": {"sha256": "%s"}}}]}'
	# shellcheck disable=SC2059
	printf "$manifest" "$good" >"$T/good.json"
	# shellcheck disable=SC2059
	printf "$manifest" "$bad" >"$T/bad.json"
	expect 0 itts lock -m "$T/good.json" --lock "$T/pin.json" --endpoint "$hub"
	same "$(jq -r .manifest "$T/pin.json")" "sha256:$(sha256sum <"$T/good.json" | cut -d' ' -f1)"
	expect 9 itts lock -m "$T/bad.json" --lock "$T/pin2.json" --endpoint "$hub"
	one_error
	says model.safetensors "$good" "$bad"
	test ! -e "$T/pin2.json"
}
groups() {
	fixtures
	start_hub index "$FIX" --page-size 4
	expect 0 itts lock -m "$FIX/indextts-2.json" --lock "$T/g1.json" --endpoint "$index"
	expect 0 itts lock -m "$FIX/indextts-2.json" --lock "$T/g2.json" --endpoint "$index" --without qwen
	expect 0 itts lock -m "$FIX/indextts-2.json" --lock "$T/g3.json" --endpoint "$index" --with examples
	same "$(grep -c 'qwen0.6bemo4-merge/model' "$T/g1.json")" 1
	same "$(grep -c 'qwen0.6bemo4-merge/model' "$T/g2.json")" 0
	same "$(grep -c 'examples/voice_01.wav' "$T/g3.json")" 1
	expect 0 itts lock -m "$FIX/indextts-2.5.json" --lock "$T/g4.json" --endpoint "$index"
	expect 2 itts lock -m "$FIX/indextts-2.json" --lock "$T/g5.json" --endpoint "$index" --with nonsense
	says qwen examples
}

check "a lock of one repository, listed in pages" plain
check "the same bytes whatever directory, umask, zone, locale" canonical
check "tag, commit, pull request" by_commit_tag_pr
check "include and exclude" patterns
check "--locked" locked
check "--check says what changed and writes nothing" moved
check "a lock that was laid out anew says the same" reformatted
check "fetch --locked stays at the commit" locked_fetch
check "a lock file alone says what to work on" alone
check "a mirror without the tree API gives the same lock" no_tree
check "endpoints that agree" agree
check "endpoints that disagree are an error that names both" disagree
check "a small file that does not fit its git id is refused" small_file_altered
check "pinned digests" pins
check "groups of the recipes" groups
finish
