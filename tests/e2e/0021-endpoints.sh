#!/usr/bin/env bash
# Several endpoints: failover, mirrors that lie, faults on the way. The rule is:
# right bytes, or a status that is not 0 and nothing under a final name.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 jq curl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=700000 small.bin=20000
SRC=$TOP/models/acme/voice/$A
start_hub hub "$TOP"
start_fault mirror --upstream "$hub" --follow
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
BIG=resolve/$A/big.safetensors

fetch() { # STATUS ARGS...: into a new cache, $C
	local status=$1
	shift
	C=$T/cache-$BASHPID
	rm -rf "$C"
	expect "$status" itts fetch --lock "$T/lock.json" --cache "$C" "$@"
	cache_is_honest "$C"
	[ "$status" -ne 0 ] || cmp "$SRC/big.safetensors" \
		"$C/models--acme--voice/snapshots/$A/big.safetensors"
}
nothing_there() {
	test ! -e "$C/models--acme--voice/blobs/$(sha256sum <"$SRC/big.safetensors" | cut -d' ' -f1)"
	test ! -L "$C/models--acme--voice/snapshots/$A/big.safetensors"
}
survives() { # RULE: with one endpoint, right in the end
	faults "$mirror" "[$1]"
	fetch 0 --endpoint "$mirror"
}
right_or_nothing() { # RULE: one endpoint, wrong once; giving up is allowed, wrong bytes are not
	local got=0
	C=$T/cache-$BASHPID
	faults "$mirror" "[$1]"
	itts fetch --lock "$T/lock.json" --cache "$C" --endpoint "$mirror" || got=$?
	cache_is_honest "$C"
	case $got in
	0) cmp "$SRC/big.safetensors" "$C/models--acme--voice/snapshots/$A/big.safetensors" ;;
	9) nothing_there ;;
	*) fail "status $got" ;;
	esac
}
elsewhere() { # RULE: this endpoint never serves it, the next does
	faults "$mirror" "[$1]"
	fetch 0 --endpoint "$mirror" --endpoint "$hub"
}
refused() { # STATUS RULE TEXT...
	local status=$1 rule=$2
	shift 2
	faults "$mirror" "[$rule]"
	fetch "$status" --endpoint "$mirror"
	one_error
	says "$@"
	nothing_there
}
on_big() { printf '{"path": "%s", %s}' "$BIG" "$1"; }
dead_first() {
	fetch 0 --endpoint "http://127.0.0.1:$(free_port)" --endpoint "$hub"
}
path_prefix() { # joined, not resolved
	faults "$mirror" '[]'
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/prefix" --endpoint "$hub/"
}
waits() { # HEADER: it is obeyed, also in a listing, and the user told how long it takes
	local before
	before=${EPOCHREALTIME/./}
	faults "$mirror" "[$(on_big "\"fault\": \"status\", \"status\": 429, \"headers\": {$1}, \"count\": 1")]"
	fetch 0 --endpoint "$mirror" --progress plain
	says "asking again in 0:02"
	faults "$mirror" "[{\"path\": \"api/\", \"fault\": \"status\", \"status\": 429, \"headers\": {$1}, \"count\": 1}]"
	expect 0 itts lock acme/voice --lock "$T/waited.json" --endpoint "$mirror" --cache "$T/c0"
	says "asking again in 0:02"
	test $((${EPOCHREALTIME/./} - before)) -ge 4000000
}
crawls() { # fewer than 1000 bytes a second, for as long as Python would wait
	local before=$SECONDS
	faults "$mirror" "[$(on_big '"fault": "stall", "after": 1000, "seconds": 50, "count": 1')]"
	HF_HUB_DOWNLOAD_TIMEOUT=2 fetch 0 --endpoint "$mirror" --progress plain
	says "timed out"
	test $((SECONDS - before)) -le 20
}
resumed() { # a connection cut in the middle costs what is missing, not all
	faults "$mirror" "[$(on_big '"fault": "cut", "after": 500000, "count": 1')]"
	: >"$T/log/mirror.requests"
	fetch 0 --endpoint "$mirror" --json
	jq -r .range "$T/log/mirror.requests" | grep -qE '^bytes=500000-699999$'
	jq -e '.wasted_bytes == 0' "$T/out"
}
asked() { # HOW-OFTEN ARGS...: before it gives up; told that it need not wait, it does not
	local often=$1
	shift
	faults "$mirror" "[$(on_big '"fault": "status", "status": 503, "headers": {"Retry-After": "0"}')]"
	: >"$T/log/mirror.requests"
	fetch 4 --endpoint "$mirror" "$@"
	one_error
	same "$(requests mirror GET big.safetensors)" "$often"
}
retries() { # those of a listing are counted alike
	asked 1 --retries 0
	asked 3 --retries 2
	asked 6
	asked 9 --retries 8
	faults "$mirror" '[{"path": "api/", "fault": "status", "status": 503, "headers": {"Retry-After": "0"}}]'
	: >"$T/log/mirror.requests"
	expect 4 itts lock acme/voice --lock "$T/none.json" --endpoint "$mirror" --retries 3
	same "$(requests mirror GET api/)" 4
	test ! -e "$T/none.json"
	for text in -1 101 x 0x1 1.5; do
		expect 2 itts fetch --retries "$text"
		says --retries "0 to 100"
	done
}
no_gain() { # no answer at all: network class, and it says where
	faults "$mirror" '[{"path": ".", "fault": "drop"}]'
	fetch 4 --endpoint "$mirror" --retries 1
	one_error
	says 127.0.0.1
}
lied_to() { # the liar is named
	faults "$mirror" "[$(on_big '"fault": "flip", "at": 1000')]"
	fetch 0 --endpoint "$mirror" --endpoint "$hub"
	says "$mirror"
}
file_redirect() {
	echo secret >"$T/secret"
	faults "$mirror" "[$(on_big "\"fault\": \"redirect\", \"to\": \"file://$T/secret\"")]"
	fetch 4 --endpoint "$mirror"
	nothing_there
	elsewhere "$(on_big "\"fault\": \"redirect\", \"to\": \"file://$T/secret\"")"
}

check "first endpoint is dead" dead_first
check "an endpoint with a trailing slash" path_prefix
check "connection cut once: goes on where it was" resumed
check "no connection, twice" survives "$(on_big '"fault": "drop", "count": 2')"
check "503 twice" survives "$(on_big '"fault": "status", "status": 503, "count": 2')"
check "429 with Retry-After" waits '"Retry-After": "2"'
check "429 with RateLimit" waits '"RateLimit": "\"api\";r=0;t=1"'
check "silence in the middle of a file" crawls
check "one flipped byte, once" right_or_nothing "$(on_big '"fault": "flip", "at": 5000, "count": 1')"
check "range ignored" survives \
	"$(on_big '"fault": "cut", "after": 300000, "count": 1'),$(on_big '"fault": "no-range", "count": 1')"
check "206 from another byte" survives \
	"$(on_big '"fault": "cut", "after": 300000, "count": 1'),$(on_big '"fault": "wrong-range", "count": 1')"
check "206 that lies about its bytes" survives \
	"$(on_big '"fault": "cut", "after": 300000, "count": 1'),$(on_big '"fault": "wrong-range", "lie": true, "count": 1')"
check "a web page, once" right_or_nothing "$(on_big '"fault": "html", "count": 1')"
check "compressed though nobody asked" elsewhere "$(on_big '"fault": "gzip"')"
check "a web page of the right length" elsewhere \
	"$(on_big '"fault": "html", "same_length": true, "type": "application/octet-stream"')"
check "wrong bytes for ever: the other endpoint serves, the liar is named" lied_to
check "a pointer instead of the file" elsewhere "$(on_big '"fault": "pointer"')"
check "too short" elsewhere "$(on_big '"fault": "length", "delta": -7')"
check "too long" elsewhere "$(on_big '"fault": "length", "delta": 7')"
check "an endless body" elsewhere "$(on_big '"fault": "endless"')"
check "a redirect loop" elsewhere "$(on_big '"fault": "redirect", "to": "self"')"
check "a redirect to a file of this machine" file_redirect
check "404 for one file" elsewhere "$(on_big '"fault": "status", "status": 404')"
check "403 for one file" elsewhere "$(on_big '"fault": "status", "status": 403')"
check "wrong digest: status 9" refused 9 "$(on_big '"fault": "flip", "at": 5')" big.safetensors sha256
check "pointer: status 9" refused 9 "$(on_big '"fault": "pointer"')" big.safetensors pointer
check "--retries" retries
check "nobody answers: status 4" no_gain
no_name() { # a host that no name server knows is asked for again, as others are
	expect 4 no_network "$PROGRAM" lock acme/voice --lock "$T/none.json" --endpoint http://hub.example \
		--retries 2 --cache "$T/c-none"
	one_error
	says "acme/voice@main: http://hub.example: cannot find the host"
	same "$(grep -c "asking again" "$T/err")" 2
	expect 4 no_network "$PROGRAM" fetch --lock "$T/lock.json" --endpoint http://hub.example \
		--retries 2 --cache "$T/c-none"
	one_error
	says "acme/voice " "http://hub.example: cannot find the host"
}
if can_unshare; then
	check "a host without a name, again and again" no_name
else
	skip_one "a host without a name, again and again" "no namespaces"
fi
finish
