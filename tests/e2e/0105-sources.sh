#!/usr/bin/env bash
# One file from several endpoints at once, and what connections cost.
. "$(dirname "$0")/lib.sh"

need python3 jq curl openssl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A big.safetensors=20000000 config.json=300
repo "$TOP" acme/thrift $A weights.bin=5500000
mapfile -t crumbs < <(seq -f 'crumb-%g.json=300' 150)
repo "$TOP" acme/crumbs $A "${crumbs[@]}"
repo "$TOP" acme/six $A {1..6}.bin=2500000
certificates
# shellcheck disable=SC2034 # of fetch_big
SRC=$TOP/models/acme/voice/$A
start_hub hub "$TOP"
start_hub near "$TOP" --rate 3000000
start_hub far "$TOP" --rate 600000
# shellcheck disable=SC2154
start_fault bad --upstream "$hub" --follow
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
must itts lock acme/crumbs --lock "$T/crumbs.json" --endpoint "$hub" --cache "$T/crumbs"

# A byte a second for ever takes its time to be given up: beside all the rest.
start_fault drip --upstream "$hub" --follow
# shellcheck disable=SC2154
faults "$drip" '[{"path": "big.safetensors", "fault": "slow", "rate": 1}]'
(
	status=0
	"$PROGRAM" fetch --lock "$T/lock.json" --cache "$T/drip" --endpoint "$drip" --retries 0 \
		>"$T/drip.out" 2>"$T/drip.err" || status=$?
	echo $status >"$T/drip.status"
) &
DRIP=$!
PIDS="$PIDS $DRIP"

few_descriptors() { # fewer files at a time, then
	(
		ulimit -n 100
		expect 0 itts fetch --lock "$T/crumbs.json" --cache "$T/few" --endpoint "$hub" --json
	)
	jq -e '.downloaded_files == 150 and .retries == 0' "$T/out"
	cache_is_honest "$T/few"
}
both() { # each by what it can; small files from the first
	: >"$T/log/far.requests"
	# shellcheck disable=SC2154
	fetch_big --endpoint "$near" --endpoint "$far" --connections 4
	jq -e '.sources[0].received_bytes > .sources[1].received_bytes' "$T/out"
	jq -e '.sources[1].received_bytes > 500000' "$T/out"
	# at the end a block of each slow connection may have been asked for twice, and
	# a request that was cut short has brought some bytes more
	jq -e '.wasted_bytes <= 5 * 1048576' "$T/out"
	same "$(requests far GET config.json)" 0
	# of whom nothing is known nobody waits for more than one block
	same "$(jq -r 'select(.origin == "cdn" and .range) | .range' "$T/log/far.requests" |
		head -n 1 | sed 's/bytes=//' | awk -F- '{ print $2 - $1 + 1 }')" 1048576
}
liar() { # found out by the digest, named, not asked any more; the rest was right
	faults "$bad" '[{"path": "big.safetensors", "fault": "flip", "at": 700000},
		{"path": "big.safetensors", "fault": "flip", "at": 9700000}]'
	fetch_big --endpoint "$bad" --endpoint "$hub" --connections 2
	jq -e '.sources[0].received_bytes > 0' "$T/out"
	if jq -e '.sources[0].dropped' "$T/out"; then
		says "$bad" "wrong bytes in" "is not asked any more"
	fi
}
# Slow as the other one is, the first block comes from the liar: what it sent wrong is
# found, it alone is fetched again, and nobody is in doubt about who it was.
liar_named() {
	faults "$bad" '[{"path": "big.safetensors", "fault": "flip", "at": 700000}]'
	fetch_big --endpoint "$bad" --endpoint "$far" --connections 2
	says "warning: $bad is not asked any more: it sent wrong bytes in 1 of 20 blocks of acme/voice big.safetensors"
	jq -e '[.sources[].dropped] == [true, false] and .wasted_bytes < 12 * 1048576' "$T/out"
}
liar_alone() { # all of it came from the liar before the other could
	faults "$bad" '[{"path": "big.safetensors", "fault": "flip", "at": 700000}]'
	local cache=$T/cache-alone
	expect 9 itts fetch --lock "$T/lock.json" --cache "$cache" --endpoint "$bad"
	one_error
	says big.safetensors sha256 "$bad"
	cache_is_honest "$cache"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$cache" --endpoint "$hub" --json
	# the first block was wrong: only that one comes anew
	jq -e '.downloaded_bytes == 1048576 and .resumed_bytes == 20000000 - .downloaded_bytes' "$T/out"
	cache_is_honest "$cache"
}
fails_midway() { # costs its own blocks
	faults "$bad" '[{"path": "big.safetensors", "fault": "none", "count": 2},
		{"path": "big.safetensors", "fault": "drop"}]'
	fetch_big --endpoint "$bad" --endpoint "$near"
	jq -e '.wasted_bytes < 4194304' "$T/out"
}
stalls() { # its block comes from the other
	faults "$bad" '[{"path": "big.safetensors", "fault": "stall", "after": 300000, "seconds": 50}]'
	fetch_big --endpoint "$near" --endpoint "$bad"
	jq -e '.sources[0].received_bytes > 15000000' "$T/out"
}
# Without a length, in chunks: what ends too late is found out, and what breaks behind
# the last byte has come.
chunks() {
	local where
	bounded() { timeout -k 1 60 "$PROGRAM" fetch --lock "$T/lock.json" --cache "$T/c12" --json "$@"; }
	for where in big.safetensors config.json; do
		rm -rf "$T/c12"
		faults "$bad" "[{\"path\": \"$where\", \"fault\": \"chunked\"}]"
		expect 0 bounded --endpoint "$bad"
		jq -e '.retries == 0' "$T/out"
		cache_is_honest "$T/c12"
		rm -rf "$T/c12"
		faults "$bad" "[{\"path\": \"$where\", \"fault\": \"chunked\", \"last\": false}]"
		expect 0 bounded --endpoint "$bad"
		jq -e '.retries == 0' "$T/out"
		cache_is_honest "$T/c12"
		rm -rf "$T/c12"
		faults "$bad" "[{\"path\": \"$where\", \"fault\": \"chunked\", \"more\": 5}]"
		expect 0 bounded --endpoint "$bad" --endpoint "$hub"
		cache_is_honest "$T/c12"
	done
	rm -rf "$T/c12"
	expect 7 bounded --endpoint "$bad"
	one_error
	says "acme/voice config.json" "$bad" "longer than 300 bytes"
}
once() { # the redirect of a file is resolved once
	: >"$T/log/hub.requests"
	fetch_big --endpoint "$hub"
	same "$(jq -r 'select(.origin == "hub") | .path' "$T/log/hub.requests" |
		grep -c big.safetensors)" 1
	test "$(jq -r 'select(.origin == "cdn") | .range' "$T/log/hub.requests" | sort -u | wc -l)" -ge 3
}
keeps_connections() { # few peers for many requests
	: >"$T/log/near.requests"
	fetch_big --endpoint "$near" --connections 3
	test "$(jq -r 'select(.origin == "cdn") | .peer' "$T/log/near.requests" | sort -u | wc -l)" -le 6
}
shared() { # small files: several on each connection, one after the other
	: >"$T/log/hub.requests"
	expect 0 itts fetch --lock "$T/crumbs.json" --cache "$T/c13" --endpoint "$hub" --json
	jq -e '.downloaded_files == 150' "$T/out"
	jq -r 'select(.path | test("crumb")) | .peer' "$T/log/hub.requests" >"$T/peers"
	test "$(wc -l <"$T/peers")" -ge 150
	test $((2 * $(sort -u "$T/peers" | wc -l))) -le "$(wc -l <"$T/peers")"
}
several_by_tls() { # each request on HTTP/1.1 on a connection of its own
	start_hub tls "$TOP" --tls-cert "$T/server.pem" --tls-key "$T/server.key" --rate 2000000
	# shellcheck disable=SC2154
	fetch_big --endpoint "$tls" --ca-bundle "$T/ca.pem"
	test "$(jq -r 'select(.origin == "cdn" and .range) | .peer' "$T/log/tls.requests" | sort -u | wc -l)" -ge 8
}
most_at_once() { # files that have begun and not ended, of a fetch's events
	jq -s 'reduce .[] as $e ({now: 0, most: 0};
		.now += {start: 1, done: -1}[$e.type] | .most = ([.most, .now] | max)) | .most' "$T/err"
}
jobs() { # so many files at a time
	local n
	expect 0 itts lock acme/six --lock "$T/six.json" --endpoint "$hub" --cache "$T/c0"
	for n in 1 3; do
		rm -rf "$T/c14"
		expect 0 itts fetch --lock "$T/six.json" --cache "$T/c14" --endpoint "$near" --jobs $n --progress=json
		same "$(most_at_once)" $n
	done
	# of each file and of all
	jq -se '.[0].type == "plan" and .[0].items == 6 and .[0].total == 6 * 2500000 and
		(map(select(.type == "start" and .total == 2500000)) | length) == 6 and
		(map(select(.type == "progress") | .id) | unique | length) >= 5 and
		all(.[] | select(.type == "progress"); .done <= .total)' "$T/err"
}
by_manifest() { # its endpoints, in its order; who names others gets others
	start_hub chosen "$TOP"
	# shellcheck disable=SC2154
	jq -n --arg a "$chosen" --arg b "$hub" '{format: "itts-manifest", version: 1, name: "m",
		endpoints: [$a, $b], models: [{id: "acme/voice"}]}' >"$T/m.json"
	expect 0 itts fetch -m "$T/m.json" --lock "$T/m.lock" --cache "$T/c15" --json
	jq -e --arg a "$chosen" --arg b "$hub" '[.sources[].endpoint] == [$a, $b]' "$T/out"
	test "$(requests chosen GET config.json)" -ge 1
	rm -rf "$T/c15"
	expect 0 itts fetch -m "$T/m.json" --lock "$T/m.lock" --cache "$T/c15" --endpoint "$hub" --json
	jq -e --arg b "$hub" '[.sources[].endpoint] == [$b]' "$T/out"
}
expires() { # signed URLs that live for a second
	start_hub brief "$TOP" --rate 1500000 --url-life 1
	# shellcheck disable=SC2154
	fetch_big --endpoint "$brief" --connections 2
	test "$(jq -r 'select(.origin == "hub") | .path' "$T/log/brief.requests" |
		grep -c big.safetensors)" -ge 2
	stop brief
}
dry() { # says it and does nothing
	: >"$T/log/hub.requests"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/dry" --endpoint "$hub" --dry-run --json
	jq -e '.missing_files == 2 and .missing_bytes == 20000300 and .dry_run' "$T/out"
	jq -e --arg hub "$hub" '.missing[0].from == [$hub]' "$T/out"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/dry" --endpoint "$hub" --dry-run
	prints big.safetensors "$hub"
	same "$(wc -l <"$T/log/hub.requests")" 0
	# nor are small files, where there is no lock: the hub is only asked what there is
	expect 0 itts fetch acme/voice --cache "$T/dry" --endpoint "$hub" --dry-run --json
	jq -e '.missing_files == 2 and .missing_bytes == 20000300' "$T/out"
	same "$(requests hub GET resolve)" 0
	test "$(requests hub GET api/)" -ge 1
	same "$(find "$T/dry" -type f -size +0 ! -name CACHEDIR.TAG | wc -l)" 0
}
dry_there() { # what is there lacks no more, with its SHA-256 known or not
	expect 0 itts fetch acme/voice --cache "$T/dry2" --endpoint "$hub" --include config.json
	expect 0 itts fetch acme/voice --cache "$T/dry2" --endpoint "$hub" --dry-run --json
	jq -e '.missing_files == 1 and .missing[0].path == "big.safetensors"' "$T/out"
	# where a lock would be written it is not, nor does anything come for it
	expect 0 itts init acme/voice -o "$T/dry.m.json"
	: >"$T/log/hub.requests"
	expect 0 itts fetch -m "$T/dry.m.json" --lock "$T/dry.lock" --cache "$T/dry3" --endpoint "$hub" --dry-run
	test ! -e "$T/dry.lock"
	same "$(requests hub GET resolve)" 0
}
deadline() { # gives up in time; what came is kept
	expect 4 itts fetch --lock "$T/lock.json" --cache "$T/late" --endpoint "$far" --deadline 2s \
		--connections 2
	one_error
	says deadline "run the command again"
	cache_is_honest "$T/late"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/late" --endpoint "$hub" --deadline 2h
	# nor is anything asked again after it
	expect 4 itts fetch acme/voice --cache "$T/late" --endpoint http://127.0.0.1:1 --deadline 1s
	says "asking again" "which was the deadline"
	same "$(grep -c "deadline.*asking again" "$T/err")" 0
	expect 2 itts fetch --deadline soon
	says --deadline
}
only() { # some of the endpoints, in their order; a name that means none
	start_hub third "$TOP" # nothing of an earlier row is on its way to its log
	# shellcheck disable=SC2154
	fetch_big --endpoint "$third" --endpoint "$near" --endpoint "$hub" --only-mirror "${near#http://}"
	jq -e --arg near "$near" '[.sources[].origin] == [$near]' "$T/out"
	same "$(wc -l <"$T/log/third.requests")" 0
	fetch_big --endpoint "$third" --endpoint "$near" --endpoint "$hub" --only-mirror "$hub" --only-mirror "$near/"
	jq -e --arg near "$near" --arg hub "$hub" '[.sources[].origin] == [$near, $hub]' "$T/out"
	same "$(wc -l <"$T/log/third.requests")" 0
	expect 2 itts fetch --lock "$T/lock.json" --cache "$T/c9" --endpoint "$near" --only-mirror hf-mirror.com
	one_error
	says --only-mirror hf-mirror.com "$near"
	test ! -e "$T/c9"
	# HF_ENDPOINT and the default are endpoints, too
	HF_ENDPOINT=$near expect 2 itts fetch --lock "$T/lock.json" --cache "$T/c9" --only-mirror "$hub"
	says "$near"
	expect 2 itts fetch --lock "$T/lock.json" --cache "$T/c9" --only-mirror "$hub"
	says https://huggingface.co
}
per_mirror() { # on the way and at the end, of each that sent something
	fetch_big --endpoint "$near" --endpoint "$far" --connections 2 --per-mirror --progress=json
	jq -sec --arg near "$near" --arg far "$far" '[.[] | select(.type == "source")] |
		([.[].source] | unique) == ([$near, $far] | sort) and
		(map(select(.source == $near).done) | . == sort and last > 1000000) and
		any(.connections > 1) and any(.rate > 0) and length >= 4' "$T/err"
	jq -e --arg done "$(jq -s "[.[] | select(.type == \"source\" and .source == \"$near\").done] | last" "$T/err")" \
		'.sources[0].received_bytes == ($done | tonumber)' "$T/out"
	fetch_big --endpoint "$near" --progress=json
	same "$(grep -c '"type":"source"' "$T/err")" 0
	rm -rf "$T/c10"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/c10" --endpoint "$near" --endpoint "$far" \
		--connections 1 --per-mirror
	says "from $near, 1 connection" "MiB/s"
	prints "from $near: " "from $far: "
}
limited() { # all connections together; whom the limit holds is not slow: nothing twice
	local before ms
	expect 0 itts lock acme/thrift --endpoint "$hub" --cache "$T/c11" --lock "$T/thrift.json"
	before=$EPOCHREALTIME
	expect 0 itts fetch --lock "$T/thrift.json" --endpoint "$hub" --cache "$T/c11" --limit-rate 1M --json
	ms=$(((${EPOCHREALTIME/./} - ${before/./}) / 1000))
	echo "took $ms ms"
	test $ms -ge 4500
	jq -e '.wasted_bytes == 0 and .retries == 0 and ([.sources[].received_bytes] | add) == 5500000' "$T/out"
	cache_is_honest "$T/c11"
	expect 2 itts fetch --limit-rate fast
	says --limit-rate
}

check "few descriptors are enough" few_descriptors
dripping() {
	timeout 100 tail --pid $DRIP -f /dev/null
	cp "$T/drip.err" "$T/err"
	cat "$T/err" "$T/drip.status"
	same "$(cat "$T/drip.status")" 4
	one_error
	says "acme/voice big.safetensors" "$drip" slow
	cache_is_honest "$T/drip"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$T/drip" --endpoint "$hub" --json
	jq -e '.had_files == 1' "$T/out"
	cache_is_honest "$T/drip"
}
check "two endpoints, one five times faster" both
check "one of two endpoints lies" liar
check "a liar is named and dropped" liar_named
check "the only endpoint lies, the next run has another" liar_alone
check "one of two endpoints dies" fails_midway
check "one of two endpoints falls silent" stalls
check "no length, but chunks" chunks
check "a redirect is resolved once" once
check "connections are kept" keeps_connections
check "small files share connections" shared
check "several connections, TLS" several_by_tls
check "--jobs, and what is told on the way" jobs
check "endpoints of the manifest" by_manifest
check "signed URLs that expire" expires
check "--dry-run" dry
check "--dry-run, with some of it there" dry_there
check "--deadline" deadline
check "--per-mirror" per_mirror
check "--only-mirror" only
check "--limit-rate" limited
check "a byte a second, for ever" dripping
finish
