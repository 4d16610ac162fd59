#!/usr/bin/env bash
# Where a system call fails, the message names the whole path of what failed and why, and
# nothing else is made of it: no other cache, no other cause, nothing left out without a
# word. One row a command and a call; the next run finishes.
. "$(dirname "$0")/lib.sh"

need python3 jq strace
sanitized && skip_gladly "strace and sanitizers"
strace -f -e inject=fsync:error=EIO:when=1 true 2>/dev/null || skip_all "strace cannot trace here"
A=$(printf 'a%.0s' {1..40})
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"format": "itts-lock", "version": 1, "name": "voice", "repos": [{"complete": true, "files": [
	{"path": "big.safetensors", "size": 1200000, "views": ["m/big.safetensors"]}, {"path": "config.json", "size": 300, "git": true},
	{"path": "sub/mid.bin", "size": 90500}]}]}
SPEC
REPO=models--acme--voice SNAP=models--acme--voice/snapshots/$A
blob() { jq -r --arg p "$1" '.repos[0].files[] | select(.path == $p) | .etag // .sha256' "$T/lock.json"; }
BIG=$REPO/blobs/$(blob big.safetensors) SMALL=$REPO/blobs/$(blob config.json)
prepare() {
	local path
	pack_store "$T/store" "$T/lock.json" "$T/b.tar"
	expect 0 itts install b.tar --cache store # with records and a listing
	mkdir local noted empty && cp -rL "store/$SNAP/." local && cp -rL "store/$SNAP/." noted
	for path in big.safetensors config.json sub/mid.bin; do
		mkdir -p "noted/.cache/huggingface/download/$(dirname "$path")"
		printf '%s\n%s\n%s\n' "$A" "$(blob "$path")" "$(date +%s.%N)" \
			>"noted/.cache/huggingface/download/$path.metadata"
	done
	expect 0 itts install b.tar --cache inst --model-dir models
	expect 0 itts verify --cache inst
	expect 0 itts verify --model-dir models
	mkdir -p models/hf_cache && cp -a store/$REPO models/hf_cache
}
must prepare

# fails CALL:WHEN:ERROR PATH STATUS COMMAND...: that call on that path (as the program
# writes it; "": on any) fails
fails() {
	local call when error path=$2 status=$3
	IFS=: read -r call when error <<<"$1"
	shift 3
	expect "$status" strace -f -qq -o trace ${path:+-P "$path"} -e "trace=$call" \
		-e "inject=$call:error=$error:when=$when" "$PROGRAM" "$@"
	grep -q INJECTED trace
	case $status in 3) one_error ;; esac
}
# The call fails, and PATH in full and the cause stand in the one error line.
row() { # CALL:WHEN:ERROR PATH-IN-CALL WHOLE-PATH COMMAND...
	local error=${1##*:} what=$1 at=$2 whole=$3 cause
	shift 3
	case $error in EIO) cause="Input/output error" ;; ENOSPC) cause="No space left on device" ;; esac
	rm -rf c
	fails "$what" "$at" 3 "$@"
	says "$whole: $cause"
	[ "$error" != ENOSPC ] || says "free some space where the cache is ($T/c) and run the command again"
	expect 0 itts "$@"
	case " $* " in *" --cache c "*) cache_is_honest c ;; esac
}
taking() { # the same of all that take bytes into a cache
	local from=("$@")
	row "fsync:1:EIO" "$T/c/$BIG.itts-part" "$T/c/$BIG.itts-part" "${from[@]}"
	row "ftruncate:1:EIO" "$T/c/$BIG.itts-part" "cannot empty $T/c/$BIG.itts-part" "${from[@]}"
	row "symlinkat:1:EIO" config.json "$T/c/$SNAP/config.json: cannot make a symbolic link" "${from[@]}"
}
adopting() {
	local from=(adopt local --lock lock.json --offline --cache c)
	taking "${from[@]}"
	# a small one, which has no name yet when it is written; a big one goes by sendfile()
	row "pwrite64:1:ENOSPC" "" "$T/c/$SMALL.itts-part" "${from[@]}" --copy
	row "pwrite64:1:EIO" "" "$T/c/$SMALL.itts-part" "${from[@]}" --copy
	row "openat2:1:EIO" sub/mid.bin "is not to be had: local/sub/mid.bin" "${from[@]}"
	row "pread64:1:EIO" "$T/local/config.json" "is not to be had: local/config.json" "${from[@]}"
	# what is not looked at is told, also where it was not needed
	rm -rf c
	fails "newfstatat:1:EIO" config.json 0 "${from[@]}"
	says "not looked into: local/config.json: Input/output error"
}
adopting_noted() {
	local from=(adopt "$T/noted" --as acme/voice --cache c) home=$T/noted/.cache/huggingface
	row "openat2:1:EIO" .cache/huggingface/download "$home/download" "${from[@]}"
	row "getdents64:1:EIO" "$home/download" "$home/download" "${from[@]}"
	row "newfstatat:1:EIO" config.json.metadata "$home/download/config.json.metadata" "${from[@]}"
	row "read:1:EIO" "$home/download/sub/mid.bin.metadata" "$home/download/sub/mid.bin.metadata" "${from[@]}"
	row "getdents64:1:EIO" "$home/download/sub" "$home/download/sub" "${from[@]}"
	mkdir -p "$home/trees" && cp "store/$REPO/trees/$A.json" "$home/trees"
	row "read:1:EIO" "$home/trees/$A.json" "$home/trees/$A.json" "${from[@]}"
}
others_take() {
	local error
	taking repair --from b.tar --lock lock.json --offline --cache c
	taking import b.tar --cache c
	# not as if somebody had deleted it
	row "openat2:1:EIO" "$SMALL" "$T/c/$SMALL" import b.tar --cache c
	# nor as if it were missing; where it is not the disk, repair would not help
	for error in EIO EMFILE; do
		fails "openat2:1:$error" "$SMALL" 3 export acme/voice --cache "$T/store" -o e.tar
		says "acme/voice config.json: $T/store/$SMALL: "
		test ! -e e.tar
		[ $error != EIO ] || says "Input/output error; itts-pack repair gets it again"
		[ $error = EIO ] || not grep repair err
	done
	expect 0 itts export acme/voice --cache "$T/store" -o e.tar
	# a cache that cannot be looked into is still one
	row "openat:1:EIO" "$T/store" "$T/store" import "$T/store" --link --cache c
	row "getdents64:1:EIO" "$T/store" "$T/store" repair --from "$T/store" --lock lock.json --offline --cache c
}
reading() {
	cp -a inst bare && rm -r bare/.locks/itts-pack
	row "openat:1:EIO" .locks "$T/bare/.locks/itts-pack" ls --cache bare
	row "openat:1:EIO" "$T/models/.itts-pack" "$T/models/.itts-pack" verify --quick --model-dir "$T/models"
	row "read:1:EIO" "$T/models/.itts-pack/voice.lock.json" "$T/models/.itts-pack/voice.lock.json" \
		verify --model-dir "$T/models"
	row "openat:1:EIO" "$T/models/hf_cache" "$T/models/hf_cache" env --model-dir "$T/models" --cache store
	row "getdents64:1:EIO" "$T/models/hf_cache" "$T/models/hf_cache" env --model-dir "$T/models" --cache store
	# the last reading asks whether it is an archive
	expect 0 strace -f -qq -o trace -P "$T/local/config.json" -e trace=pread64 "$PROGRAM" scan local
	row "pread64:$(grep -c pread64 trace):EIO" "$T/local/config.json" "local/config.json" scan local
	fails "read:1:EIO" "$T/inst/.locks/itts-pack.checked" 0 verify --quick --cache inst
	says "$T/inst/.locks/itts-pack.checked: Input/output error; all is read"
	fails "read:1:EIO" "$T/models/.itts-pack/checked" 0 verify --quick --model-dir models
	says "models/.itts-pack/checked: Input/output error; all is read"
}
listing() { # no error line: the rest is listed
	expect 3 strace -f -qq -o trace -P "$T/inst/$REPO/blobs" -e trace=getdents64 -e inject=getdents64:error=EIO:when=1 \
		"$PROGRAM" ls --cache inst
	says "warning: acme/voice: $T/inst/$REPO/blobs: Input/output error"
	expect 3 strace -f -qq -o trace -P "$T/inst/$REPO/trees/$A.json" -e trace=read -e inject=read:error=EIO:when=1 \
		"$PROGRAM" ls --cache inst
	says "warning: acme/voice: $T/inst/$REPO/trees/$A.json: Input/output error"
	expect 3 strace -f -qq -o trace -P "$REPO" -e trace=openat2 -e inject=openat2:error=EIO:when=1 "$PROGRAM" ls --cache inst
	says "warning: acme/voice: $T/inst/$REPO: Input/output error"
}
young() { # how old a revision is that cannot be looked at, nobody knows
	local before
	cp -a store g && rm "g/$REPO/refs/main"
	before=$(picture "g/$REPO")
	expect 3 strace -f -qq -o trace -P "$A" -e trace=newfstatat -e inject=newfstatat:error=EIO:when=1+ \
		"$PROGRAM" gc --cache g --detached --yes
	prints "snapshots/$A: Input/output error"
	same "$(picture "g/$REPO")" "$before"
	expect 0 itts gc --cache g --detached --yes
	same "$(picture "g/$REPO")" "$before"
}

held() { # nor who downloads into it, where its locks cannot be looked at
	local before what
	cp -a store h && mkdir -p "h/.locks/$REPO"
	before=$(picture "h/$REPO")
	for what in acme/voice "acme/voice@$A"; do
		expect 3 strace -f -qq -o trace -P ".locks/$REPO" -e trace=openat2 -e inject=openat2:error=EIO:when=1+ \
			"$PROGRAM" rm "$what" --cache h --yes
		prints "its locks cannot be looked at: .locks/$REPO: Input/output error"
		same "$(picture "h/$REPO")" "$before"
		expect 3 strace -f -qq -o trace -P "$T/h/.locks/$REPO" -e trace=getdents64 \
			-e inject=getdents64:error=EIO:when=1+ "$PROGRAM" rm "$what" --cache h --yes
		same "$(picture "h/$REPO")" "$before"
	done
	expect 0 itts rm acme/voice --cache h --yes
	test ! -e "h/$REPO"
}

check "adopt" adopting
check "adopt --as" adopting_noted
check "repair, import, export" others_take
check "ls, verify, env, scan" reading
check "ls tells the rest, and what it could not look at" listing
check "rm leaves what may be locked" held
check "gc --detached leaves a revision whose age it cannot see" young
finish
