#!/usr/bin/env bash
# Git servers that mean harm (tests/servers/gitliar.py): packs that swell, trees
# without end, names that lead out, sizes that are wrong, words that steer a
# terminal. Each is refused in good time, within the usual memory, with one message,
# and leaves nothing behind.
. "$(dirname "$0")/lib.sh"

need python3 jq curl
start git python3 "$SERVERS/gitliar.py" --ready "$T/git.ready" --log "$T/log/git.requests"
await test -e "$T/git.ready"
GIT=$(ready git git)

manifest() { # FILE CASE REVISION
	cat >"$1" <<JSON
{"format": "itts-manifest", "version": 1, "name": "g", "models": [
 {"id": "acme/voice", "git": "$GIT/$2/voice.git", "revision": "$3", "refs": ["main"], "views": [{"files": "*", "to": ""}]}]}
JSON
}
clean() { # no trace of packs in a cache, no escape on a terminal
	same "$(find "$1" -name '*itts-git*')" ""
	same "$(find "$1" -type f -path '*/blobs/*' | wc -l)" 0
	same "$(tr -d '\n\t -~' <"$T/err" | LC_ALL=C tr -d '\200-\377' | wc -c)" 0
}
refused() { # STATUS CASE WORDS...
	local status=$1 case=$2 cache=$T/c-$BASHPID before=$SECONDS
	shift 2
	rm -rf "$cache" "$T/g.lock"
	manifest "$T/g.json" "$case" main
	# the server takes its time for some of them
	curl -sS --noproxy '*' "$GIT/commit/$case" >"$T/commit"
	within "$status" "$PROGRAM" lock -m "$T/g.json" --lock "$T/g.lock" --cache "$cache" \
		--endpoint http://127.0.0.1:1 2>"$T/err"
	cat "$T/err"
	one_error
	says "$@"
	test ! -e "$T/g.lock"
	[ ! -d "$cache" ] || clean "$cache"
	test $((SECONDS - before)) -le 60
}
good() { # the server is right where it wants to be
	manifest "$T/g.json" good main
	expect 0 itts lock -m "$T/g.json" --lock "$T/good.lock" --cache "$T/c1" --endpoint http://127.0.0.1:1
	expect 0 itts fetch --lock "$T/good.lock" --cache "$T/c1" --endpoint http://127.0.0.1:1
	cache_is_honest "$T/c1"
	same "$(jq '.repos[0].files | length' "$T/good.lock")" 2
}
lfs() { # STATUS CASE WORDS...: listed, and not filled with anything wrong
	local status=$1 case=$2 cache=$T/l-$BASHPID
	shift 2
	manifest "$T/l.json" "$case" main
	expect 0 itts lock -m "$T/l.json" --lock "$T/l.lock" --cache "$cache" --endpoint http://127.0.0.1:1
	expect "$status" itts fetch --lock "$T/l.lock" --cache "$cache" --endpoint http://127.0.0.1:1 --retries 1
	one_error
	says acme/voice "$@"
	cache_is_honest "$cache"
	same "$(find "$cache" -type f -path '*/blobs/*' -size +1k ! -name '*.itts-part')" ""
}

lfs_status() { # STATUS HTTP-STATUS WORDS...: the batch is refused as a whole
	local status=$1 http=$2
	shift 2
	lfs "$status" "lfs-$http" "status $http" "the server says: no more of" "$@"
	same "$(grep -c "HF_TOKEN" "$T/err")" 0
	same "$(tr -d '\n\t -~' <"$T/err" | LC_ALL=C tr -d '\200-\377' | wc -c)" 0
}
lfs_right() { # CASE: filled
	manifest "$T/l.json" "$1" main
	rm -rf "$T/c3"
	: >"$T/log/git.requests"
	expect 0 itts lock -m "$T/l.json" --lock "$T/l.lock" --cache "$T/c3" --endpoint http://127.0.0.1:1
	HF_TOKEN=hf_CaNaRy expect 0 itts fetch --lock "$T/l.lock" --cache "$T/c3" --endpoint http://127.0.0.1:1
	cache_is_honest "$T/c3"
}
lfs_many() { # 250 objects: three questions
	lfs_right lfs-many
	same "$(jq '.repos[0].files | length' "$T/l.lock")" 250
	same "$(requests git POST objects/batch)" 3
}
lfs_authorized() { # what the batch gives goes to the host of the link, and no further; of its verify no word
	lfs_right lfs-verify
	same "$(told)" /object/lfs-verify
	same "$(requests git POST '/verify$')$(requests git GET '/verify$')" 00
	lfs_right lfs-elsewhere
	same "$(told)" /object/lfs-elsewhere
	lfs_right lfs-redirect
	same "$(told)" /object/lfs-redirect
	test "$(requests git GET '/object/good$')" -ge 1
}
told() { jq -r 'select(.auth) | .path' "$T/log/git.requests" | sort -u; } # with credentials

# It has come, and to take it in would last for long: that ends as well.
late() {
	manifest "$T/g.json" slow main
	curl -sS --noproxy '*' "$GIT/commit/slow" >"$T/commit"
	expect 4 itts fetch -m "$T/g.json" --lock "$T/late.lock" --cache "$T/late" \
		--endpoint http://127.0.0.1:1 --deadline 1s
	one_error
	says acme/voice "$GIT/slow/voice.git" deadline "run the command again"
	test ! -e "$T/late.lock"
	clean "$T/late"
}

check "a git server that is right" good
check "--deadline, while a pack is taken in" late
check "a blob of 1 GiB in 1 MiB" refused 7 zeros "Git LFS"
check "a delta that makes 2 GiB" refused 7 swollen
check "thirty deltas of 60 MiB each" refused 7 many-swollen "larger than any may be"
check "a blob that promises 2^60 bytes" refused 7 promised
check "a blob that is larger than it says" refused 7 smaller
check "fewer objects than promised" refused 7 more-objects
check "more objects than promised" refused 7 fewer-objects
check "a pack with a flipped bit" refused 7 flipped
check "a pack that ends too soon" refused 7 cut
check "a tree that branches without end" refused 7 branching "no end"
check "a tree 200 levels deep" refused 7 deep "too deep"
check "150,000 files" refused 7 wide "more than"
check "a name of 5,000 bytes" refused 8 long
check "a folder named .." refused 8 dotdot
check "a name with slashes that leads out" refused 8 slash
check "a name with control bytes" refused 8 control
check "a name twice" refused 7 twice
check "no name" refused 7 no-name
check "no tree" refused 7 no-tree
check "no blob" refused 7 no-blob
check "a blob in place of a tree" refused 7 blob-for-tree
check "a tree of rubbish" refused 7 rubbish-tree
check "a pack without the commit" refused 7 other-commit
check "a refusal that steers a terminal" refused 6 refused "$GIT"
check "a refusal in the pack that steers a terminal" refused 6 band-error "$GIT"
check "a ref name with control bytes is another name" refused 6 ref-escape "no such revision"
check "refs of no use" refused 6 ref-short "no such revision"
check "a tag that peels to no commit" refused 6 ref-peeled "no such revision"
check "refs without end" refused 7 endless-refs "$GIT"
check "an advertisement without end" refused 7 endless-advert "$GIT"
check "a packet without a length" refused 7 bad-length "$GIT"
check "Git LFS: a size that the object has not" lfs 9 lfs-sizes "$GIT"
check "Git LFS: a local file" lfs 8 lfs-file "$GIT"
check "Git LFS: another object" lfs 6 lfs-oid "$GIT"
check "Git LFS: other bytes" lfs 9 lfs-bytes "$GIT"
check "Git LFS: no object" lfs 6 lfs-none "$GIT"
check "Git LFS: another way of transfer" lfs 7 lfs-transfer "$GIT" '"basic"'
check "Git LFS: an object that was taken away" lfs 6 lfs-gone weights.bin "taken away"
check "Git LFS: not for us" lfs_status 5 401 "no token is sent there"
check "Git LFS: forbidden" lfs_status 5 403 "no token is sent there"
check "Git LFS: none there" lfs_status 6 404 "URL of the repository"
check "Git LFS: more than it takes" lfs_status 4 413
check "Git LFS: out of bandwidth" lfs_status 4 507
check "Git LFS: 250 objects" lfs_many
check "Git LFS: credentials of the batch" lfs_authorized
check "Git LFS: a header with a line of its own" lfs 8 lfs-header "$GIT"
finish
