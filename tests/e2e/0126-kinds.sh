#!/usr/bin/env bash
# Endpoints that speak the Hub's API in their own way (tests/servers/mirror.py): olah,
# OpenCSG, hf-mirror. A lock made there is the Hub's, or there is none; the Hub's lock
# is filled from each of them; a token goes to none that it is not meant for.
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=9000000 sub/small.bin=20000 empty.txt=0
mapfile -t crumbs < <(seq -f 'crumb-%g.json=30' 60)
repo "$TOP" acme/crumbs $A "${crumbs[@]}"
for kind in unknown directory none; do
	repo "$TOP" acme/with-$kind $A config.json=300 weights.bin=20000
	[ $kind != none ] || kind=
	printf '{"submodules": {"vendor/code": "%s", "vendor/more": "%s"}}' $kind $kind \
		>"$TOP/models/acme/with-${kind:-none}/hub.json"
done
SRC=$TOP/models/acme/voice/$A
CANARY=hf_CaNaRy$RANDOM
echo "$CANARY granted" >"$T/tokens"
start_hub hub "$TOP" --page-size 50 --tokens "$T/tokens"
start_kind() { # NAME OPTIONS...: sets NAME
	local name=$1
	shift
	# shellcheck disable=SC2154
	start "$name" python3 "$SERVERS/mirror.py" --upstream "$hub" --ready "$T/$name.ready" \
		--log "$T/log/$name.requests" "$@"
	await test -e "$T/$name.ready"
	eval "$name=$(ready "$name" mirror)"
}
start_kind olah --kind olah
start_kind torn --kind olah --break 3
start_fault lost --upstream "$hub"
faults "$lost" '[{"path": "/tree/", "fault": "headers", "drop": ["Link"]}]'
start_kind csg --kind opencsg
start_kind bare --kind opencsg --bare
start_kind hfm --kind hf-mirror
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"

lock_same() { # REPO ENDPOINT: the lock made there is the Hub's, byte for byte
	rm -f "$T/hub.json" "$T/own.json"
	expect 0 itts lock "$1" --lock "$T/hub.json" --endpoint "$hub" --cache "$T/c0"
	expect 0 itts lock "$1" --lock "$T/own.json" --endpoint "$2" --cache "$T/c0"
	cmp "$T/own.json" "$T/hub.json"
}
fetch() { # ENDPOINT ARGS...
	rm -rf "$T/c-$BASHPID"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$@" --cache "$T/c-$BASHPID" --json
	cache_is_honest "$T/c-$BASHPID"
	diff -r "$SRC" "$T/c-$BASHPID/models--acme--voice/snapshots/$A"
}
no_token() { # NAME: it was not told any
	same "$(jq -r 'select(.auth or .cookie) | .path' "$T/log/$1.requests")" ""
}
usual() { # NAME ENDPOINT
	: >"$T/log/$1.requests"
	export HF_TOKEN=$CANARY
	lock_same acme/voice "$2"
	fetch "$2"
	jq -e '.retries == 0 and .wasted_bytes == 0' "$T/out"
	# listed and filled with nobody else's help
	expect 0 itts mirrors acme/voice --endpoint "$2"
	prints "$2: listings, files"
	no_token "$1"
	# but for whom it was meant
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$2" --token-for "$2" --cache "$T/t-$BASHPID"
	test "$(jq -r 'select(.auth) | .path' "$T/log/$1.requests" | wc -l)" -ge 1
}
# shellcheck disable=SC2154
olah_usual() {
	usual olah "$olah"
	# in ranges, with its ETag as validator that it does not look at
	test "$(jq -r 'select(.path | test("big")) | .range' "$T/log/olah.requests" | sort -u | wc -l)" -ge 3
	grep -q '"path": "/api/models/acme/voice/tree/[^"]*/"' "$T/log/olah.requests"
}
# A cache that has lost the way to the next page: half a listing is none.
pages_lost() {
	rm -f "$T/p.json"
	# shellcheck disable=SC2154
	expect 4 itts lock acme/crumbs --lock "$T/p.json" --endpoint "$lost" --cache "$T/c0"
	one_error
	says "acme/crumbs" "$lost" "is not in the listing" crumb-
	test ! -e "$T/p.json"
}
# A commit of elsewhere is no file, whatever its tree calls it: the rest is whole.
submodules() { # KIND
	expect 0 itts lock "acme/with-$1" --lock "$T/s.json" --endpoint "$hub" --cache "$T/c0"
	same "$(jq -r '.repos[0].files[].path' "$T/s.json" | tr '\n' ' ')" "config.json weights.bin "
	same "$(jq '.repos[0].complete' "$T/s.json")" true
	expect 0 itts fetch --lock "$T/s.json" --endpoint "$hub" --cache "$T/s"
	cache_is_honest "$T/s"
	diff -r "$TOP/models/acme/with-$1/$A" "$T/s/models--acme--with-$1/snapshots/$A"
}
submodules_unasked() { # a mirror that cannot say what the name is lists nothing
	start_fault deaf --upstream "$hub"
	# shellcheck disable=SC2154
	faults "$deaf" '[{"path": "/paths-info/", "method": "POST", "fault": "status", "status": 404}]'
	rm -f "$T/s.json"
	expect 4 itts lock acme/with-none --lock "$T/s.json" --endpoint "$deaf" --cache "$T/c0"
	one_error
	says "acme/with-none" "$deaf" "vendor/code" "another endpoint"
	test ! -e "$T/s.json"
	expect 0 itts lock acme/with-unknown --lock "$T/s.json" --endpoint "$deaf" --cache "$T/c0"
}
# It cannot turn pages: no lock of what it does not show, and at once.
olah_pages() {
	rm -f "$T/p.json"
	: >"$T/log/olah.requests"
	expect 4 itts lock acme/crumbs --lock "$T/p.json" --endpoint "$olah" --cache "$T/c0"
	one_error
	says "acme/crumbs" "$olah" "same page again" "another endpoint"
	test ! -e "$T/p.json"
	test "$(wc -l <"$T/log/olah.requests")" -le 8
	# the next endpoint can
	expect 0 itts lock acme/crumbs --lock "$T/p.json" --endpoint "$olah" --endpoint "$hub" --cache "$T/c0"
	says "going on without $olah"
	same "$(jq '.repos[0].files | length' "$T/p.json")" 60
	expect 0 itts fetch --lock "$T/p.json" --endpoint "$olah" --cache "$T/p"
	cache_is_honest "$T/p"
	diff -r "$TOP/models/acme/crumbs/$A" "$T/p/models--acme--crumbs/snapshots/$A"
}
olah_refuses() {
	expect 6 itts lock acme/nothing --lock "$T/n.json" --endpoint "$olah" --cache "$T/c0"
	one_error
	says acme/nothing "$olah"
	expect 6 itts lock acme/voice@nowhere --lock "$T/n.json" --endpoint "$olah" --cache "$T/c0"
	one_error
	test ! -e "$T/n.json"
	# no git there: nothing is proven, and no lock is written
	local got=0
	itts lock acme/voice --prove --lock "$T/n.json" --endpoint "$olah" --cache "$T/c0" 2>"$T/err" || got=$?
	cat "$T/err"
	test $got -ne 0
	one_error
	says acme/voice "$olah"
	test ! -e "$T/n.json"
}
olah_torn() { # its answers end in the middle where the Hub refuses it
	# shellcheck disable=SC2154
	fetch "$torn"
	same "$(grep -c '"broken": true' "$T/log/torn.requests")" 3
	jq -e '.retries == 3 and ([.sources[].received_bytes] | add) <= 9020300 + 1048576' "$T/out"
}
# shellcheck disable=SC2154
csg_usual() {
	usual csg "$csg/csg"
	lock_same acme/crumbs "$csg/csg"
	same "$(jq -r 'select(.path | startswith("/csg/") | not) | .path' "$T/log/csg.requests")" ""
	# without the prefix it is a page, not a hub
	expect 6 itts lock acme/voice --lock "$T/n.json" --endpoint "$csg" --cache "$T/c0"
	one_error
}
csg_bare() { # no digests: bytes for a lock, but no lock
	# shellcheck disable=SC2154
	expect 4 itts lock acme/voice --lock "$T/n.json" --endpoint "$bare/csg" --cache "$T/c0"
	one_error
	says acme/voice "$bare/csg" big.safetensors "is missing"
	test ! -e "$T/n.json"
	fetch "$bare/csg"
	# beside another it is left out
	expect 0 itts lock acme/voice --lock "$T/n.json" --endpoint "$bare/csg" --endpoint "$hub" --cache "$T/c0"
	says "going on without $bare/csg"
	cmp "$T/n.json" "$T/lock.json"
	rm "$T/n.json"
}
# shellcheck disable=SC2154
mirror_usual() {
	usual hfm "$hfm"
	lock_same acme/crumbs "$hfm"
	same "$(grep -c '/tree/main' "$T/log/hfm.requests")" 0
	same "$(jq -r 'select(.status == 200 and .sent == 59) | .path' "$T/log/hfm.requests")" ""
}
all_of_them() { # one file from four kinds at once
	fetch "$olah" --endpoint "$csg/csg" --endpoint "$hfm" --endpoint "$hub"
	jq -e '[.sources[].dropped] | any | not' "$T/out"
}

check "olah: lock, fetch, mirrors, token" olah_usual
check "olah: a listing in pages" olah_pages
check "a listing in pages without the links" pages_lost
for kind in unknown directory none; do
	check "submodules, in the tree as: $kind" submodules $kind
done
check "submodules, and nobody to say so" submodules_unasked
check "olah: what is not there" olah_refuses
check "olah: answers that end in the middle" olah_torn
check "OpenCSG: lock, fetch, mirrors, token" csg_usual
check "OpenCSG: a description without digests" csg_bare
check "hf-mirror: lock, fetch, mirrors, token" mirror_usual
check "all of them at once" all_of_them
finish
