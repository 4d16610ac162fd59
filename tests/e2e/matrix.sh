# The fault matrix: what a server or a line can do wrong. Sourced after lib.sh; ONE: 1
# for one file, 0 for a set; ROWS: line (0100, 0102), content (0101, 0103) or rest (0107, 0108).
#
# After each row: right bytes, or a status that is not 0 with one message that names
# the file and the endpoint; no name in the cache that its bytes do not deserve; and
# with an honest server the next run succeeds, without fetching again what was right.

# Rows of the matrix that stand elsewhere:
#   journal and part harmed, kill -9                                      0104, 0033
#   no room from the beginning                                            0104
#   a signed URL of Git LFS that expired                                  0123
#   a file of 0 bytes alone                                               0107
#   TLS: wrong name, expired, unknown CA                                  0030
#   a redirect to another host, for listings; with credentials            0023, 0121
#   pages of a listing that lead to another host                          0022, 0001, 0121
#   a message with status 200 in place of a file (ModelScope)             0120
#   npm's client in the same store at the same time                       0034
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
CANARY=hf_CaNaRy$RANDOM$RANDOM
echo "$CANARY granted" >"$T/tokens"
start_hub hub "$TOP" --tokens "$T/tokens"
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
# What came is in a file or was in vain, to the byte.
adds_up() { # FILES...: what fetch --json printed
	jq -se '([.[].sources[].received_bytes] | add) == (map(.downloaded_bytes + .wasted_bytes) | add) and
		all(([.sources[].wasted_bytes] | add) == .wasted_bytes)' "$@"
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
	local statuses=$1 kept=$2 source=$3 cache=$T/cache-$BASHPID got=0
	shift 3
	itts fetch --lock "$T/lock.json" --cache "$cache" --json "$@" \
		${RETRIES:+--retries "$RETRIES"} >"$T/out" 2>"$T/err" || got=$?
	judge "$statuses" "$kept" "$source" "$cache" $got
}
judge() { # STATUSES KEPT SOURCE CACHE STATUS: of a run that has ended
	local statuses=$1 kept=$2 source=$3 cache=$4 got=$5 before had
	show
	case " $statuses " in *" $got "*) ;; *) fail "status $got, expected $statuses" ;; esac
	same "$(grep -c -- "${ABSENT:-no such words}" "$T/err")" 0
	cache_is_honest "$cache"
	if [ "$got" -eq 0 ]; then
		adds_up "$T/out"
		all_right "$cache"
		rm -rf "$cache"
		return
	fi
	one_error
	says "$source" "${WORDS:-}"
	grep -q "^itts-pack: .*acme/voice ${FILE:-big\.safetensors}" "$T/err"
	test ! -e "$cache/models--acme--voice/blobs/$SUM"
	before=$(bytes_kept "$cache")
	# what came in order before the fault has not gone with it, nor the other files
	test "$before" -ge $((${LEAST:-0} * 1048576))
	had=$(find "$cache/models--acme--voice/blobs" -type f ! -name '*.itts-part' | wc -l)
	[ -n "${FILE:-}" ] || same "$had" ${#SMALL[@]}
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$cache" --json
	all_right "$cache"
	# files that were right stay; files of the same bytes are one blob
	same "$(jq .had_files "$T/out")" "$had"
	if [ "$kept" = kept ]; then
		# the last block may be a short one
		jq -e ".resumed_bytes + 1048576 >= $before" "$T/out"
	fi
	# a slow machine asks for the last blocks twice; nothing else comes again
	adds_up "$T/out"
	rm -rf "$cache"
}
big() { printf '{"path": "big.safetensors", %s}' "$1"; }
status() { big "\"fault\": \"status\", \"status\": $1, \"headers\": {$2}${3:+, \"count\": $3}"; }

line_rows() {
	check "cut at 60 %, four times" row 0 - "$(big '"fault": "cut", "at": 3300000, "count": 4')"
	LEAST=2 RETRIES=2 check "cut at 60 %, for ever" row 4 kept "$(big '"fault": "cut", "at": 3300000')"
	check "cut after 300 KB, each time" row 0 - "$(big '"fault": "cut", "after": 300000')"
	check "no answer twice" row 0 - "$(big '"fault": "drop", "count": 2')"
	LEAST=1 check "cut, then gone for good" row 6 kept \
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
	check "range ignored, and cut in the middle of a block" row 0 - \
		"$(big '"fault": "cut", "at": 2500000, "whole": true, "count": 3')" "$(big '"fault": "no-range"')"
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

# What does not pass, and what needs a server of its own.
rest_rows() {
	local code
	# these take their time, beside all the rest
	begin stalled "$(big '"fault": "stall", "at": 5445000, "seconds": 100')"
	begin dripping "$(big '"fault": "slow", "rate": 1')"
	start_hub elsewhere "$TOP"
	start_hub brief "$TOP" --rate 1000000 --url-life 1
	start_hub never "$TOP" --url-life -5
	start_hub steady "$TOP" --rate 1500000
	RETRIES=1 check "429 for ever" row 4 kept "$(status 429 '"Retry-After": "1"')"
	for code in 500 502 503 504; do
		RETRIES=1 check "$code for ever" row 4 kept "$(status $code '')"
	done
	RETRIES=1 check "no answer, ever" row 4 kept "$(big '"fault": "drop"')"
	# (from the beginning it is right)
	check "206 that lies, for ever" row 0 - "$(big '"fault": "wrong-range", "lie": true')"
	check "another file in the next run" row_changed
	check "a redirect to another host, with a token" row_token 0 \
		"$(big "\"fault\": \"redirect\", \"to\": \"$elsewhere/acme/voice/resolve/$A/big.safetensors\"")"
	check "a redirect to another host, with a token, that has not got it" row_token 6 \
		"$(big "\"fault\": \"redirect\", \"to\": \"$elsewhere/acme/voice/resolve/$A/none\"")"
	check "a redirect to where nobody is" row 4 kept \
		"$(big "\"fault\": \"redirect\", \"to\": \"http://127.0.0.1:$DEAD/big\"")"
	check "signed URLs that expire" run_row 0 - "$brief" --endpoint "$brief" --connections 1
	FILE='[a-z]*\.[a-z]*' check "signed URLs that are never good" run_row 5 kept "$never" --endpoint "$never"
	[ "$ONE" = 1 ] || RETRIES=1 check "proxy: dead" row_proxy 4 "127.0.0.1:$DEAD" "$hub" "http://127.0.0.1:$DEAD" ""
	# shellcheck disable=SC2154
	RETRIES=1 check "proxy: dead, CONNECT" row_proxy 4 "127.0.0.1:$DEAD" "$tls" "http://127.0.0.1:$DEAD" ""
	check "two processes, one store" row_two
	if [ "$(id -u)" -eq 0 ]; then
		check "disk full at every tenth" row_full
	else
		skip_one "disk full at every tenth" "not root"
	fi
	LEAST=5 check "silence at 99 %, for ever" end stalled
	check "one byte a second, for ever" end dripping
}
begin() { # NAME RULE: a fetch from a server of its own
	start_fault "$1" --upstream "$hub" --follow
	faults "${!1}" "[$2]"
	rm -rf "$T/$1"
	(
		status=0
		"$PROGRAM" fetch --lock "$T/lock.json" --cache "$T/$1" --endpoint "${!1}" --retries 0 \
			>"$T/$1.stdout" 2>"$T/$1.stderr" || status=$?
		echo $status >"$T/$1.status"
	) &
	PIDS="$PIDS $!"
	eval "$1_RUN=$!"
}
end() { # NAME
	local run=${1}_RUN
	timeout 120 tail --pid "${!run}" -f /dev/null
	cp "$T/$1.stdout" "$T/out"
	cp "$T/$1.stderr" "$T/err"
	judge 4 kept "${!1}" "$T/$1" "$(cat "$T/$1.status")"
}
row_two() { # together they fetch each file once
	local i cache=$T/cache-$BASHPID pids=()
	for i in 1 2; do
		# shellcheck disable=SC2154
		"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$steady" --cache "$cache" --json \
			>"$T/out$i" 2>"$T/err$i" &
		pids+=($!)
	done
	for i in 0 1; do wait "${pids[i]}"; done
	all_right "$cache"
	same "$(jq -s 'map(.downloaded_files) | add' "$T/out1" "$T/out2")" "$(find "$SRC" -type f | wc -l)"
	adds_up "$T/out1" "$T/out2"
	rm -rf "$cache"
}
# There is room when it begins, and then for so many tenths only.
row_full() {
	local tenth pid hits=0 got
	mkdir -p "$T/disk"
	mount -t tmpfs -o size=1m tmpfs "$T/disk"
	trap 'umount -l "$T/disk"' EXIT
	for tenth in 1 2 3 4 5 6 7 8 9; do
		mount -o "remount,size=$((BYTES + 4000000))" "$T/disk"
		: >"$T/err"
		"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$steady" --cache "$T/disk/c" --connections 2 \
			>"$T/out" 2>"$T/err" &
		pid=$! got=0
		await grep -q '^fetching' "$T/err"
		# too late where it has got further already
		mount -o "remount,size=$((tenth * BYTES / 10 + 200000))" "$T/disk" || kill -9 $pid
		wait $pid || got=$?
		echo "tenth $tenth: status $got"
		if [ $got -eq 137 ]; then
			rm -rf "$T/disk/c"
			continue
		fi
		hits=$((hits + 1))
		mount -o "remount,size=$((BYTES + 4000000))" "$T/disk"
		WORDS="No space left" FILE='[a-z]*\.[a-z]*' judge 3 kept "free some space" "$T/disk/c" $got
	done
	test $hits -ge 6
}
# Some of it came; then the endpoint has another file under that name.
row_changed() {
	local pid cache=$T/cache-$BASHPID
	faults "$bad" "[$(big '"fault": "slow", "rate": 700000')]"
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$bad" --cache "$cache" --connections 2 >"$T/out" 2>&1 &
	pid=$!
	await sh -c "grep -q '^block' $cache/models--acme--voice/blobs/$SUM.journal.itts-part"
	kill -9 $pid
	wait $pid || true
	row 9 - "$(big '"fault": "other"')"
}
row_token() { # STATUS RULE: it goes to the endpoint, and no further
	: >"$T/log/elsewhere.requests"
	: >"$T/log/bad.requests"
	faults "$bad" "[$2]"
	HF_TOKEN=$CANARY run_row "$1" kept "$bad" --endpoint "$bad" --token-for "$bad"
	test "$(jq -r .path "$T/log/elsewhere.requests" | wc -l)" -ge 1
	same "$(jq -r 'select(.auth or .cookie) | .path' "$T/log/elsewhere.requests")" ""
	test "$(jq -r 'select(.auth) | .path' "$T/log/bad.requests" | wc -l)" -ge 1
	same "$(grep -c "$CANARY" "$T/out" "$T/err" | grep -vc ':0$')" 0
}

"${ROWS}_rows"
