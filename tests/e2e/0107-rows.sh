#!/usr/bin/env bash
# The fault matrix with one large file: what does not pass by itself. And files of 0 bytes.
# run: first
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034
ONE=1 ROWS=rest
. "$(dirname "$0")/matrix.sh"

# Nobody needs to be asked for nothing: no fault of anybody's matters.
repo "$TOP" acme/nil $A empty.bin=0
repo "$TOP" acme/nil-text $A empty.txt=0
reload hub
nothing() { # REPO
	local lock=$T/nil.json
	rm -f "$lock"
	expect 0 itts lock "acme/$1" --lock "$lock" --endpoint "$hub" --cache "$T/n0"
	expect 0 itts fetch --lock "$lock" --endpoint "http://127.0.0.1:$DEAD" --cache "$T/n-$1" --json
	jq -e '.downloaded_files == 1 and .downloaded_bytes == 0' "$T/out"
	cache_is_honest "$T/n-$1"
	same "$(stat -Lc %s "$T/n-$1/models--acme--$1/snapshots/$A"/empty.*)" 0
	expect 0 itts fetch --lock "$lock" --offline --cache "$T/n-$1"
	# a lock that says 0 bytes of what is not the digest of none
	jq '.repos[0].files[0].sha256 |= ("0000" + .[4:]) |
		if .repos[0].files[0].etag then .repos[0].files[0].etag |= ("0000" + .[4:]) else . end' "$lock" >"$T/lie.json"
	expect 9 itts fetch --lock "$T/lie.json" --endpoint "$hub" --cache "$T/l-$1"
	one_error
	says "acme/$1 empty."
	cache_is_honest "$T/l-$1"
	expect 0 itts fetch --lock "$lock" --endpoint "$hub" --cache "$T/l-$1"
	cache_is_honest "$T/l-$1"
}
check "a file of 0 bytes alone" nothing nil
check "a text of 0 bytes alone" nothing nil-text
finish
