#!/usr/bin/env bash
# ModelScope: locks made there, locks of the Hub filled from there and the other
# way round, its refusals with status 200, its token.
. "$(dirname "$0")/lib.sh"

need python3 jq curl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 sub/a.txt=5000 empty.txt=0 big.safetensors=3000000
repo "$TOP" acme/secret $A config.json=300 model.safetensors=100000
echo '{"private": true}' >"$TOP/models/acme/secret/hub.json"
repo "$TOP" acme/many $A {10..40}.json=400 last.json=500 voice.safetensors=100000
mkdir -p "$TOP/datasets/acme/clips/$A"
for i in 1 2 3 4 5; do echo "clip $i" >"$TOP/datasets/acme/clips/$A/$i.txt"; done
# vendor/code is a commit of elsewhere, and no file
echo '{"submodules": {"vendor/code": "unknown"}}' >"$TOP/models/acme/voice/hub.json"
SRC=$TOP/models/acme/voice/$A
CANARY=ms-CaNaRy$RANDOM$RANDOM
HF_CANARY=hf_CaNaRy$RANDOM$RANDOM
printf '%s\n%s\n' "$CANARY" "$HF_CANARY" >"$T/canary"

# start_site NAME ROOT [OPTIONS]
start_site() {
	local name=$1 top=$2
	shift 2
	start "$name" python3 "$SERVERS/modelscope.py" --root "$top" --ready "$T/$name.ready" \
		--log "$T/log/$name.requests" "$@"
	await test -e "$T/$name.ready" || exit 1
	eval "$name=$(ready "$name" modelscope)"
}
start_hub hub "$TOP"
start_site site "$TOP" --name acme/voice=other/mini --token "$CANARY"
start_fault relay --upstream "$site" --follow
# shellcheck disable=SC2154
MS=modelscope=$site
cat >"$T/m.json" <<JSON
{"format": "itts-manifest", "version": 1, "name": "m", "models": [
 {"id": "acme/voice", "mirrors": {"modelscope": "other/mini"}}]}
JSON
rows() { jq -S '.repos[0].files' "$1"; }
right() { # CACHE COMMIT
	cache_is_honest "$1"
	local f
	for f in config.json sub/a.txt empty.txt big.safetensors; do
		cmp "$SRC/$f" "$1/models--acme--voice/snapshots/$2/$f"
	done
}

lock_there() { # the same files, digests and names as from the Hub
	expect 0 itts lock -m "$T/m.json" --lock "$T/ms.json" --endpoint "$MS" --cache "$T/c1"
	expect 0 itts lock -m "$T/m.json" --lock "$T/hub.json" --endpoint "$hub" --cache "$T/c2"
	same "$(rows "$T/ms.json")" "$(rows "$T/hub.json")"
	same "$(jq -r '.repos[0].hub' "$T/ms.json")" modelscope
	same "$(jq -r '.repos[0].mirrors.modelscope' "$T/ms.json")" other/mini
	same "$(jq -r '.repos[0].hub' "$T/hub.json")" null
	test "$(jq -r '.repos[0].commit' "$T/ms.json")" != $A
	# what its own pen wrote, it reads
	expect 0 itts lock -m "$T/m.json" --lock "$T/ms.json" --endpoint "$MS" --cache "$T/c1" --check
}
fill() { # LOCK ENDPOINT
	rm -rf "$T/c-$BASHPID"
	expect 0 itts fetch --lock "$1" --endpoint "$2" --cache "$T/c-$BASHPID"
	right "$T/c-$BASHPID" "$(jq -r '.repos[0].commit' "$1")"
}
both_forms() {
	: >"$T/log/site.requests"
	fill "$T/hub.json" "$MS"
	same "$(requests site GET '/models/other/mini/resolve/master/big.safetensors$')" 1
	test "$(requests site GET '/api/v1/models/other/mini/repo$')" -ge 2
	same "$(requests site HEAD .)" 0
}
cut_small() { # its gateway gets ranges wrong: from the beginning, never from where it was
	faults "$relay" '[{"path": "/repo\\?.*a.txt", "fault": "cut", "after": 2000, "count": 2}]'
	: >"$T/log/site.requests" >"$T/log/relay.requests"
	fill "$T/hub.json" "modelscope=$relay"
	same "$(requests relay GET '/repo$')" 4 # config.json, and this one three times
	same "$(jq -r 'select(.path | test("/repo")) | .range // empty' "$T/log/site.requests" "$T/log/relay.requests")" ""
}
# Without a lock small files come for the sake of their names, and not once more.
small_once() {
	local names=(10 20 40 last)
	: >"$T/log/site.requests"
	expect 0 itts fetch acme/many --endpoint "$MS" --cache "$T/c-many" --dry-run --json
	jq -e '.missing_files == 33 and (.missing | length) == 33' "$T/out"
	same "$(requests site GET '/repo$')" 0
	same "$(find "$T/c-many" -path '*/blobs/*' | wc -l)" 0
	expect 0 itts fetch acme/many --endpoint "$MS" --cache "$T/c-many" --json
	same "$(requests site GET '/repo$')" 32
	expect 0 itts fetch acme/many --endpoint "$MS" --cache "$T/c-many" --dry-run --json
	jq -e '.missing_files == 0' "$T/out"
	: >"$T/log/site.requests"
	expect 0 itts fetch acme/many --endpoint "$MS" --cache "$T/c-many" --json
	jq -e '.had_files == 33' "$T/out"
	expect 0 itts lock acme/many --endpoint "$MS" --cache "$T/c-many" --lock "$T/many.json"
	same "$(requests site GET '/repo$')" 0
	cache_is_honest "$T/c-many"
	# a name is not believed
	local blob
	blob=$(readlink -f "$T/c-many/models--acme--many/snapshots"/*/20.json)
	chmod u+w "$blob"
	flip "$blob" 7
	expect 0 itts fetch acme/many --endpoint "$MS" --cache "$T/c-many" --json
	same "$(requests site GET '/repo$')" 1
	cache_is_honest "$T/c-many"
	for name in "${names[@]}"; do
		cmp "$TOP/models/acme/many/$A/$name.json" "$T/c-many/models--acme--many/snapshots"/*/"$name.json"
	done
	# another cache has not got them
	: >"$T/log/site.requests"
	expect 0 itts lock acme/many --endpoint "$MS" --cache "$T/c-none" --lock "$T/many2.json"
	same "$(requests site GET '/repo$')" 32
	cmp "$T/many.json" "$T/many2.json"
}
small_kept() { # what came right before one of them failed
	local had
	faults "$relay" '[{"path": "last.json", "fault": "flip", "at": 7}]'
	expect 9 itts fetch acme/many --endpoint "modelscope=$relay" --cache "$T/c-kept"
	one_error
	says "$relay: acme/many last.json" --endpoint
	cache_is_honest "$T/c-kept"
	had=$(find "$T/c-kept" -type f -path '*/blobs/*' | wc -l)
	test "$had" -ge 10
	faults "$relay" '[]'
	: >"$T/log/relay.requests"
	expect 0 itts fetch acme/many --endpoint "modelscope=$relay" --cache "$T/c-kept"
	same "$(requests relay GET '/repo$')" $((32 - had))
	cache_is_honest "$T/c-kept"
}
refused() { # 200 with a message in place of the file: the other endpoint has it
	faults "$relay" '[{"path": "big.safetensors", "fault": "redirect", "to": "'"$site"'/models/other/mini/resolve/master/none"}]'
	rm -rf "$T/c-$BASHPID"
	expect 6 itts fetch --lock "$T/hub.json" --endpoint "modelscope=$relay" --cache "$T/c-$BASHPID"
	one_error
	says big.safetensors "$relay" "the server says: "
	cache_is_honest "$T/c-$BASHPID"
	# alone, and what was right is not fetched again
	jq '.repos[0].files |= map(select(.path == "big.safetensors")) | .repos[0].complete = false' \
		"$T/hub.json" >"$T/one.json"
	expect 6 itts fetch --lock "$T/one.json" --endpoint "modelscope=$relay" --cache "$T/c-one"
	one_error
	says big.safetensors "$relay" "the server says: "
	cache_is_honest "$T/c-one"
	expect 0 itts fetch --lock "$T/one.json" --endpoint "$hub" --cache "$T/c-one"
	cache_is_honest "$T/c-one"
	expect 0 itts fetch --lock "$T/hub.json" --endpoint "modelscope=$relay" --endpoint "$hub" \
		--cache "$T/c-$BASHPID"
	right "$T/c-$BASHPID" $A
}
unknown_repo() {
	expect 6 itts lock acme/none --lock "$T/none.json" --endpoint "$MS" --cache "$T/c1"
	one_error
	says "$site: acme/none@master" "the server says: namespace acme name none is not exists" "check the name"
	test ! -e "$T/none.json"
}
unknown_revision() {
	sed 's|other/mini|other/mini@v9|' "$T/m.json" >"$T/m9.json"
	expect 6 itts lock -m "$T/m9.json" --lock "$T/none.json" --endpoint "$MS" --cache "$T/c1"
	one_error
	says "the server says" "other/mini@v9"
}
own_revision() { # no other one than was asked for is taken without a word
	local commit
	expect 6 itts lock acme/many@v9 --lock "$T/none.json" --endpoint "$MS" --cache "$T/c1"
	one_error
	says "$site: acme/many@v9" "the server says" revision
	test ! -e "$T/none.json"
	expect 6 itts mirrors acme/many@v9 --endpoint "$MS"
	expect 0 itts mirrors "acme/many@$A" --endpoint "$MS"
	# a commit of its own, then one of the Hub
	expect 0 itts lock acme/many --lock "$T/own.json" --endpoint "$MS" --cache "$T/c1"
	commit=$(jq -r '.repos[0].commit' "$T/own.json")
	expect 0 itts lock "acme/many@$commit" --lock "$T/own2.json" --endpoint "$MS" --cache "$T/c1"
	not grep warning "$T/err"
	same "$(jq -r '.repos[0].commit' "$T/own2.json")" "$commit"
	expect 0 itts lock "acme/many@$A" --lock "$T/own3.json" --endpoint "$MS" --cache "$T/c1"
	says "warning: $site: acme/many@$A: that commit is not known there, so its master is taken"
	same "$(jq -r '.repos[0].commit' "$T/own3.json")" "$commit"
}
refused_with_status() { # its words stand in the body, whatever the status; its own token is what may help
	faults "$relay" '[{"path": "/commits", "fault": "status", "status": 401, "body":
		"{\"Code\": 10010101004, \"Success\": false, \"Message\": \"log in first\\nhere\"}"}]'
	expect 5 itts lock acme/voice --lock "$T/none.json" --endpoint "modelscope=$relay" --cache "$T/c1"
	one_error
	says "$relay: acme/voice@master" "the server says: log in first; " "(MODELSCOPE_API_TOKEN)"
	faults "$relay" '[{"path": "/repo\\?.*config.json", "fault": "status", "status": 404, "body":
		"{\"Code\": 1, \"Success\": false, \"Message\": \"not here any more\"}"}]'
	rm -rf "$T/c-$BASHPID"
	expect 6 itts fetch --lock "$T/hub.json" --endpoint "modelscope=$relay" --cache "$T/c-$BASHPID"
	one_error
	says "$relay: acme/voice config.json" "the server says: not here any more"
	cache_is_honest "$T/c-$BASHPID"
}
pinned() { # the manifest can name a commit there
	sed "s|other/mini|other/mini@$(jq -r '.repos[0].commit' "$T/ms.json")|" "$T/m.json" >"$T/mp.json"
	: >"$T/log/site.requests"
	expect 0 itts lock -m "$T/mp.json" --lock "$T/mp.lock" --endpoint "$MS" --cache "$T/c1"
	same "$(requests site GET commits)" 0
	same "$(rows "$T/mp.lock")" "$(rows "$T/ms.json")"
}
hub_first() { # commits of the Hub count where it answers; else ModelScope's
	expect 0 itts lock -m "$T/m.json" --lock "$T/both.json" --endpoint "$hub" --endpoint "$MS" --cache "$T/c2"
	cmp "$T/both.json" "$T/hub.json"
	expect 0 itts lock -m "$T/m.json" --lock "$T/other.json" --endpoint "http://127.0.0.1:$(free_port)" \
		--endpoint "$MS" --cache "$T/c1"
	cmp "$T/other.json" "$T/ms.json"
	says "going on without"
}
one_moved() { # a file that is other bytes there comes from the Hub
	cp -r "$TOP" "$T/repos2"
	head -c 5000 /dev/zero >"$T/repos2/models/acme/voice/$A/sub/a.txt"
	start_site moved "$T/repos2"
	rm -rf "$T/c-$BASHPID"
	sed 's|other/mini|acme/voice|' "$T/hub.json" >"$T/same-id.json"
	expect 0 itts fetch --lock "$T/same-id.json" --endpoint "modelscope=$moved" --endpoint "$hub" \
		--cache "$T/c-$BASHPID"
	right "$T/c-$BASHPID" $A
	same "$(requests moved GET 'lfs-objects|/prod/')" 1
}
with_token() {
	export HF_TOKEN=$HF_CANARY
	MODELSCOPE_API_TOKEN=$CANARY expect 0 itts fetch acme/secret --endpoint "$MS" --token-for "$site" \
		--cache "$T/c-$BASHPID" --verbose
	cp "$T/out" "$T/err" "$T/log"
	same "$(jq -r 'select(.origin == "cdn" and (.auth or .cookie)) | .path' "$T/log/site.requests")" ""
	same "$(jq -r 'select(.origin == "modelscope" and .auth and .cookie) | .path' "$T/log/site.requests" |
		grep -c resolve)" 1
	: >"$T/log/site.requests"
	# not named: no token, and none of the Hub's
	MODELSCOPE_API_TOKEN=$CANARY expect 6 itts lock acme/secret --endpoint "$MS" --cache "$T/c9" --lock "$T/x.json"
	says "not authorized"
	expect 2 itts lock acme/secret --endpoint "$MS" --token-for "$hub" --cache "$T/c9" --lock "$T/x.json"
	same "$(jq -r 'select(.auth or .cookie) | .path' "$T/log/site.requests")" ""
	same "$(grep -rlaFf "$T/canary" "$T" | grep -vxF "$T/canary")" ""
}
dataset() { # listed in pages
	expect 0 itts lock acme/clips --type dataset --endpoint "$MS" --lock "$T/d.json" --cache "$T/c3"
	expect 0 itts lock acme/clips --type dataset --endpoint "$hub" --lock "$T/dh.json" --cache "$T/c3"
	same "$(rows "$T/d.json")" "$(rows "$T/dh.json")"
	expect 0 itts fetch --lock "$T/d.json" --endpoint "$MS" --cache "$T/c3"
	cache_is_honest "$T/c3"
}
bundled() { # a lock from there goes all the way
	expect 0 itts pack --lock "$T/ms.json" --endpoint "$MS" --cache "$T/c4" -o "$T/b.tar"
	expect 0 itts install "$T/b.tar" --cache "$T/c5"
	right "$T/c5" "$(jq -r '.repos[0].commit' "$T/ms.json")"
}

recipe() { # IndexTTS 2 under the names that ModelScope has for its repositories
	fixtures
	start_hub all "$FIX"
	start_site there "$FIX" --name facebook/w2v-bert-2.0=AI-ModelScope/w2v-bert-2.0 \
		--name funasr/campplus=iic/speech_campplus_sv_zh-cn_16k-common \
		--name nvidia/bigvgan_v2_22khz_80band_256x=nv-community/bigvgan_v2_22khz_80band_256x
	expect 0 itts lock -m "$FIX/indextts-2.json" --lock "$T/r1.json" --endpoint "modelscope=$there" --cache "$T/r1"
	expect 0 itts lock -m "$FIX/indextts-2.json" --lock "$T/r2.json" --endpoint "$all" --cache "$T/r2"
	same "$(jq -S '.repos[] | [.id, .files]' "$T/r1.json")" "$(jq -S '.repos[] | [.id, .files]' "$T/r2.json")"
	expect 0 itts fetch --lock "$T/r2.json" --endpoint "modelscope=$there" --cache "$T/r3"
	cache_is_honest "$T/r3"
	expect 0 itts pack --lock "$T/r2.json" --offline --cache "$T/r3" -o "$T/r.tar"
}

check "the recipe for IndexTTS 2, all of it from ModelScope" recipe
check "a lock from ModelScope has the files and names of one from the Hub" lock_there
check "a lock from the Hub is filled from ModelScope, by both forms of URL" both_forms
check "a small file that is cut off there comes again whole" cut_small
check "small files come once, lock or no lock" small_once
check "small files that were right are kept when one fails" small_kept
check "a lock from ModelScope is filled from there" fill "$T/ms.json" "$MS"
check "a lock from ModelScope is filled from the Hub" fill "$T/ms.json" "$hub"
check "status 200 with a refusal is no file" refused
check "no such repository" unknown_repo
check "no such revision" unknown_revision
check "a revision that is asked for there, too" own_revision
check "a refusal with its status" refused_with_status
check "a commit of ModelScope in the manifest" pinned
check "the first kind of hub that answers names the commit" hub_first
check "a file that differs there comes from elsewhere" one_moved
check "a dataset" dataset
check "pack and install" bundled
check "its token: as bearer and cookie, to it alone" with_token
finish
