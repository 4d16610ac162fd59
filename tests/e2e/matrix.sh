# The fault matrix: what a server or a line can do wrong, for 0100 and 0101 (one file),
# 0102 and 0103 (a set). Sourced after lib.sh; ONE is 1 or 0; ROWS: line or content.
#
# After each row: right bytes, or a status that is not 0 with one message that names
# the file and the endpoint; no name in the cache that its bytes do not deserve; and
# with an honest server the next run succeeds, without fetching again what was right.

# Rows of the matrix that stand elsewhere:
#   changed between runs, journal and part harmed, disk full, kill -9     0104, 0033
#   a signed URL that expired                                             0105; of Git LFS: 0123
#   TLS: wrong name, expired, unknown CA                                  0030
#   a redirect to another host, with a canary as token                    0023, 0121
#   pages of a listing that lead to another host                          0022, 0001, 0121
#   a message with status 200 in place of a file (ModelScope)             0120
#   two processes and one store; npm's client in it at the same time      0020, 0034
#   a proxy that wants or refuses credentials (a real one)                0031
#   every class of refusal, and its exit status                           0022

need python3 jq curl openssl
A=1111111111111111111111111111111111111111
SIZE=5500000
TOP=$T/repos
SMALL=(config.json=300 empty.txt=0 small.bin=20000 more.safetensors=1500000)
[ "$ONE" = 0 ] || SMALL=()
repo "$TOP" acme/voice $A big.safetensors=$SIZE "${SMALL[@]}"
SRC=$TOP/models/acme/voice/$A
SUM=$(sha256sum <"$SRC/big.safetensors" | cut -d' ' -f1)
BYTES=$(cat "$SRC"/* | wc -c)
start_hub hub "$TOP"
# shellcheck disable=SC2154
start_fault bad --upstream "$hub" --follow
certificates
start_hub tls "$TOP" --tls-cert "$T/server.pem" --tls-key "$T/server.key"
# shellcheck disable=SC2154
start_fault badtls --upstream "$hub" --follow --tls-cert "$T/server.pem" --tls-key "$T/server.key"
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"

DEAD=$(free_port)

all_right() { # CACHE
	local f
	cache_is_honest "$1"
	for f in "$SRC"/*; do
		cmp "$f" "$1/models--acme--voice/snapshots/$A/$(basename "$f")"
	done
	same "$(find "$1" -name '*.itts-part' | wc -l)" 0
}
# Bytes that the journal vouches for.
bytes_kept() {
	local lines
	lines=$(cat "$1"/models--acme--voice/blobs/*.journal.itts-part 2>/dev/null | awk '
		/^block/ { have[$2] = 1 } /^lost/ { delete have[$2] } END { print length(have) }')
	echo $((lines * 1048576))
}
row() { # STATUSES KEPT RULE...: KEPT is "kept" if what came before the fault was right
	local statuses=$1 kept=$2
	shift 2
	# shellcheck disable=SC2154
	faults "$bad" "[$(IFS=,; echo "$*")]"
	run_row "$statuses" "$kept" "$bad" --endpoint "$bad"
}
row_tls() { # STATUS TEXT RULE: of an https endpoint
	# shellcheck disable=SC2154
	curl -sS -k --noproxy '*' -d "{\"rules\":[$3]}" "$badtls/setup" >"$T/setup.out"
	WORDS=$2 run_row "$1" kept "$badtls" --endpoint "$badtls" --ca-bundle "$T/ca.pem"
}
row_proxy() { # STATUS SOURCE ENDPOINT PROXY RULE
	[ -z "$5" ] || faults "$4" "[$5]"
	local FILE='[a-z]*\.[a-z]*' # all of them are affected
	run_row "$1" kept "$2" --endpoint "$3" --proxy "$4" --ca-bundle "$T/ca.pem"
}
# RETRIES: where it fails for ever, waiting for it is another row's matter (0032).
run_row() { # STATUSES KEPT SOURCE OPTIONS...
	local statuses=$1 kept=$2 source=$3 cache=$T/cache-$BASHPID got=0 before had
	shift 3
	itts fetch --lock "$T/lock.json" --cache "$cache" "$@" \
		${RETRIES:+--retries "$RETRIES"} >"$T/out" 2>"$T/err" || got=$?
	show
	case " $statuses " in *" $got "*) ;; *) fail "status $got, expected $statuses" ;; esac
	same "$(grep -c -- "${ABSENT:-no such words}" "$T/err")" 0
	cache_is_honest "$cache"
	if [ "$got" -eq 0 ]; then
		all_right "$cache"
		rm -rf "$cache"
		return
	fi
	one_error
	says "$source" "${WORDS:-}"
	grep -q "^itts-pack: .*acme/voice ${FILE:-big\.safetensors}" "$T/err"
	test ! -e "$cache/models--acme--voice/blobs/$SUM"
	before=$(bytes_kept "$cache")
	had=$(find "$cache/models--acme--voice/blobs" -type f ! -name '*.itts-part' | wc -l)
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$cache" --json
	all_right "$cache"
	# files that were right stay; files of the same bytes are one blob
	same "$(jq .had_files "$T/out")" "$had"
	if [ "$kept" = kept ]; then
		# the last block may be a short one
		jq -e ".resumed_bytes + 1048576 >= $before" "$T/out"
	fi
	# a slow machine asks for the last blocks twice; nothing else comes again
	jq -e "([.sources[].received_bytes] | add) - .wasted_bytes <= $BYTES + 1048576" "$T/out"
	rm -rf "$cache"
}
big() { printf '{"path": "big.safetensors", %s}' "$1"; }
status() { big "\"fault\": \"status\", \"status\": $1, \"headers\": {$2}${3:+, \"count\": $3}"; }

line_rows() {
	check "cut at 60 %, four times" row 0 - "$(big '"fault": "cut", "at": 3300000, "count": 4')"
	RETRIES=2 check "cut at 60 %, for ever" row 4 kept "$(big '"fault": "cut", "at": 3300000')"
	check "cut after 300 KB, each time" row 0 - "$(big '"fault": "cut", "after": 300000')"
	check "no answer twice" row 0 - "$(big '"fault": "drop", "count": 2')"
	check "cut, then gone for good" row 6 kept \
		"$(big '"fault": "cut", "at": 3300000, "count": 1')" "$(status 410 '')"
	check "429 with Retry-After" row 0 - "$(status 429 '"Retry-After": "1"' 2)"
	check "429 with RateLimit" row 0 - "$(status 429 '"RateLimit": "\"api\";r=0;t=0"' 2)"
	check "500, 502, 503, 504" row 0 - "$(status 500 '' 1)" "$(status 502 '' 1)" "$(status 503 '' 1)" "$(status 504 '' 1)"
	check "404" row 6 kept "$(status 404 '')"
	check "403" row 5 kept "$(status 403 '')"
	check "a redirect loop" row 4 kept "$(big '"fault": "redirect", "to": "self"')"
	check "a redirect to a local file" row 4 kept "$(big '"fault": "redirect", "to": "file:///etc/passwd"')"
	check "a redirect to plain http" row_tls 4 "not encrypted" \
		"$(big "\"fault\": \"redirect\", \"to\": \"$hub/acme/voice/resolve/$A/big.safetensors\"")"
	check "a redirect from https to a local file" row_tls 4 "not http or https" \
		"$(big '"fault": "redirect", "to": "file:///etc/passwd"')"
	check "proxy: 407" row_proxy 5 "$hub" "$hub" "$bad" '{"path": ".", "fault": "status", "status": 407}'
	# shellcheck disable=SC2154
	check "proxy: 407 to CONNECT" row_proxy 5 "${bad#http://}" "$tls" "$bad" '{"path": ".", "fault": "status", "status": 407}'
	check "proxy: a page" row_proxy 9 "$hub" "$hub" "$bad" '{"path": ".", "fault": "html"}'
	RETRIES=1 check "proxy: a page to CONNECT" row_proxy 4 "$tls" "$tls" "$bad" '{"path": ".", "fault": "html"}'
	# 0031 has it with a set
	[ "$ONE" = 0 ] || RETRIES=1 check "proxy: dead" row_proxy 4 "127.0.0.1:$DEAD" "$hub" "http://127.0.0.1:$DEAD" ""
	# another connection brings it, long before the first is given up
	local ABSENT="retry: "
	check "silence at 99 %" row 0 - "$(big '"fault": "stall", "at": 5445000, "seconds": 50, "count": 1')"
	check "one byte a second, once" row 0 - "$(big '"fault": "slow", "rate": 1, "count": 1')"
}
content_rows() {
	check "nothing wrong" row 0 -
	check "range ignored" row 0 - "$(big '"fault": "no-range"')"
	check "206 from the beginning" row 0 - "$(big '"fault": "wrong-range"')"
	check "206 that lies, once" row 0 - "$(big '"fault": "wrong-range", "lie": true, "count": 1')"
	check "206 with another total" row 0 - \
		"$(big '"fault": "headers", "set": {"Content-Range": "bytes 0-4194303/9999999"}')"
	check "a page" row 9 kept "$(big '"fault": "html"')"
	check "a page of the right length, once" row 0 - "$(big '"fault": "html", "same_length": true, "count": 1')"
	check "a page of the right length, for ever" row 9 - "$(big '"fault": "html", "same_length": true')"
	check "a pointer" row 9 kept "$(big '"fault": "pointer"')"
	check "one byte flipped, once" row 0 - "$(big '"fault": "flip", "at": 3000000, "count": 1')"
	check "one byte flipped, for ever" row 9 - "$(big '"fault": "flip", "at": 3000000')"
	check "compressed" row 9 kept "$(big '"fault": "gzip"')"
	check "nothing, once" row 0 - "$(big '"fault": "length", "delta": -9999999, "count": 1')"
	check "nothing, for ever" row 9 kept "$(big '"fault": "length", "delta": -9999999')"
	check "too short" row 9 kept "$(big '"fault": "length", "delta": -7')"
	check "too long" row 9 kept "$(big '"fault": "length", "delta": 7')"
	check "endless" row "7 9" - "$(big '"fault": "endless"')"
	check "another file after the first answer" row 0 - \
		"$(big '"fault": "none", "count": 1')" "$(big '"fault": "other", "count": 1')"
	# what the other file sends is not mixed with the first block: all of it is compared
	ABSENT="comparing 1.00 MiB" WORDS="comparing 6.00 MiB" check "another file from then on" row 9 - \
		"$(big '"fault": "none", "count": 1')" "$(big '"fault": "other"')"
}

"${ROWS}_rows"
