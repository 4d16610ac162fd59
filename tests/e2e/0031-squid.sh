#!/usr/bin/env bash
# squid as proxy: plain, CONNECT, with credentials. Squid's own connections come
# from another address than ours, so the hub's log proves that nothing went around.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 jq squid openssl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=3000000
SRC=$TOP/models/acme/voice/$A
certificates
start_hub hub "$TOP"
start_hub tls "$TOP" --tls-cert "$T/server.pem" --tls-key "$T/server.key"
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
HELPER=$(ls /usr/lib/squid/basic_ncsa_auth /usr/lib64/squid/basic_ncsa_auth 2>/dev/null | head -n 1)
[ -n "$HELPER" ] || skip_all "no basic_ncsa_auth of squid"
PASSWORD=s3cret-$RANDOM$RANDOM
printf 'anna:%s\n' "$(openssl passwd -apr1 "$PASSWORD")" >"$T/users"
printf '%s\n' "$PASSWORD" >"$T/canary"

OPEN=$(free_port)
start_squid open "$OPEN" "http_access allow all"
SHUT=$(free_port)
start_squid shut "$SHUT" "auth_param basic program $HELPER $T/users
auth_param basic realm test
acl known proxy_auth REQUIRED
http_access allow known"
DENY=$(free_port)
start_squid deny "$DENY" "http_access deny all"

fetch() { # STATUS ENDPOINT ARGS...
	local status=$1 at=$2
	shift 2
	: >"$T/log/hub.requests"
	: >"$T/log/tls.requests"
	rm -rf "$T/c"
	expect "$status" itts fetch --lock "$T/lock.json" --endpoint "$at" --cache "$T/c" \
		--ca-bundle "$T/ca.pem" "$@"
	[ "$status" -ne 0 ] || {
		cache_is_honest "$T/c"
		cmp "$SRC/big.safetensors" "$T/c/models--acme--voice/snapshots/$A/big.safetensors"
	}
}
all_through_squid() {
	local peers
	peers=$(jq -r '.peer | split(":")[0]' "$T/log/hub.requests" "$T/log/tls.requests" | sort -u)
	same "$peers" 127.0.0.3
}
none_through_squid() {
	same "$(jq -r '.peer | split(":")[0]' "$T/log/hub.requests" | sort -u)" 127.0.0.1
}
plain() {
	fetch 0 "$hub" --proxy "http://127.0.0.1:$OPEN"
	all_through_squid
	grep -q "GET $hub/acme/voice/resolve" "$T/log/open/access"
	grep -q "GET $hub_CDN/" "$T/log/open/access"
}
connect() {
	fetch 0 "$tls" --proxy "http://127.0.0.1:$OPEN"
	all_through_squid
	grep -q "CONNECT ${tls#https://}" "$T/log/open/access"
	grep -q "CONNECT ${tls_CDN#https://}" "$T/log/open/access"
	same "$(grep -c 'GET https' "$T/log/open/access")" 0
}
variables() {
	local proxy=http://127.0.0.1:$OPEN
	(export http_proxy=$proxy && fetch 0 "$hub" && all_through_squid)
	(export HTTP_PROXY=$proxy && fetch 0 "$hub" && all_through_squid)
	(export https_proxy=$proxy && fetch 0 "$tls" && all_through_squid)
	(export HTTPS_PROXY=$proxy && fetch 0 "$tls" && all_through_squid)
	(export all_proxy=$proxy && fetch 0 "$tls" && all_through_squid)
	(export ALL_PROXY=$proxy && fetch 0 "$hub" && all_through_squid)
	# a proxy for the other scheme is none for this one
	(export https_proxy=$proxy && fetch 0 "$hub" && none_through_squid)
}
exceptions() {
	local proxy=http://127.0.0.1:$OPEN name
	for name in no_proxy NO_PROXY; do
		(export http_proxy=$proxy $name=example.org,127.0.0.1 && fetch 0 "$hub" &&
			none_through_squid)
		(export http_proxy=$proxy $name=example.org && fetch 0 "$hub" && all_through_squid)
	done
	(export no_proxy='*' && fetch 0 "$hub" --proxy "$proxy" && none_through_squid)
}
credentials() {
	fetch 0 "$hub" --proxy "http://anna:$PASSWORD@127.0.0.1:$SHUT"
	all_through_squid
	fetch 0 "$tls" --proxy "http://anna:$PASSWORD@127.0.0.1:$SHUT" --verbose
	all_through_squid
	same "$(grep -cFf "$T/canary" "$T/out" "$T/err" | grep -vc ':0$')" 0
	grep -q ' anna ' "$T/log/shut/access"
	# they are for the proxy, not for the hub
	same "$(jq -r 'select(.auth) | .path' "$T/log/hub.requests" "$T/log/tls.requests" | wc -l)" 0
}
refused() {
	local at
	for at in "$hub" "$tls"; do
		fetch 5 "$at" --proxy "http://anna:wrong-pass-word@127.0.0.1:$SHUT"
		one_error
		says proxy
		same "$(grep -c wrong-pass-word "$T/err")" 0
		fetch 5 "$at" --proxy "http://127.0.0.1:$SHUT"
		one_error
		says proxy USER:PASSWORD
	done
	same "$(cat "$T/log/hub.requests" "$T/log/tls.requests" | wc -l)" 0
}
denied() { # by a rule of the proxy's: no token helps, and nobody has asked the hub
	fetch 5 "$hub" --proxy "http://anna:$PASSWORD@127.0.0.1:$DENY"
	one_error
	says "the proxy http://127.0.0.1:$DENY refuses the request" "status 403" no_proxy --proxy
	not grep -i token "$T/err"
	not grep -F "$PASSWORD" "$T/err"
	same "$(cat "$T/log/hub.requests")" ""
	(export no_proxy=127.0.0.1 && fetch 0 "$hub" --proxy "http://127.0.0.1:$DENY" && none_through_squid)
	# what the hub itself refuses is the hub's
	start_fault forbids --upstream "$hub"
	faults "$forbids" '[{"path": ".", "fault": "status", "status": 403}]'
	fetch 5 "$forbids" --proxy "http://127.0.0.1:$OPEN"
	one_error
	says "access is refused"
}
dead() {
	local port at
	port=$(free_port)
	for at in "$hub" "$tls"; do
		fetch 4 "$at" --retries 1 --proxy "http://anna:$PASSWORD@127.0.0.1:$port"
		one_error
		says proxy "127.0.0.1:$port"
		same "$(grep -cFf "$T/canary" "$T/err")" 0
	done
	same "$(cat "$T/log/hub.requests" "$T/log/tls.requests" | wc -l)" 0
}
resumes() { # through a proxy too
	local journal pid
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c" \
		--proxy "http://127.0.0.1:$OPEN" --limit-rate 500K >"$T/out" 2>"$T/err" &
	pid=$!
	journal="$T/c/models--acme--voice/blobs/*.journal.itts-part"
	await sh -c "grep -q '^block' $journal"
	kill -9 $pid
	wait $pid || true
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c" --json \
		--proxy "http://127.0.0.1:$OPEN"
	jq -e '.resumed_bytes > 0' "$T/out"
	cache_is_honest "$T/c"
}

check "plain HTTP" plain
check "CONNECT" connect
check "with credentials" credentials
check "proxy variables in both cases" variables
check "no_proxy in both cases" exceptions
check "wrong or no credentials: 5" refused
check "a proxy whose rules refuse: it is named" denied
check "dead proxy: 4, nothing goes around it" dead
check "resume through the proxy" resumes
finish
