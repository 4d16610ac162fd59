#!/usr/bin/env bash
# Other proxies than squid: tinyproxy, which says what it is; nginx, which does not; and
# a page for people. The one error line names the proxy and what can be done.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 jq curl openssl tinyproxy nginx
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=3000000
certificates
start_hub hub "$TOP"
start_hub tls "$TOP" --tls-cert "$T/server.pem" --tls-key "$T/server.key"
start_fault page
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
NOBODY=127.0.0.1:$(free_port)
PASSWORD=s3cret-$RANDOM$RANDOM

start_tinyproxy() { # NAME [LINE...]: sets NAME to its URL; it connects from 127.0.0.6
	local name=$1 port
	shift
	port=$(free_port)
	printf '%s\n' "Port $port" "Listen 127.0.0.1" "Bind 127.0.0.6" "Timeout 60" "MaxClients 200" \
		"LogFile \"$T/log/$name.txt\"" "$@" >"$T/$name.conf"
	start "$name" tinyproxy -d -c "$T/$name.conf"
	await listens "$port"
	eval "$name=http://127.0.0.1:$port"
}
echo nowhere.example >"$T/nothing"
start_tinyproxy open
start_tinyproxy deny "Filter \"$T/nothing\"" "FilterDefaultDeny Yes"
start_tinyproxy login "BasicAuth anna $PASSWORD"
FORWARD=$(free_port) FORBID=$(free_port)
start_nginx "$FORWARD" <<CONF
	server {
		listen 127.0.0.1:$FORWARD;
		location / { proxy_pass http://\$http_host\$request_uri; }
	}
	server { listen 127.0.0.1:$FORBID; location / { return 403; } }
CONF

fetch() { # STATUS ENDPOINT PROXY OPTIONS...
	local status=$1 at=$2 proxy=$3
	shift 3
	: >"$T/log/hub.requests"
	: >"$T/log/tls.requests"
	rm -rf "$T/c"
	expect "$status" itts fetch --lock "$T/lock.json" --endpoint "$at" --cache "$T/c" --retries 0 \
		--ca-bundle "$T/ca.pem" --proxy "$proxy" "$@"
	[ "$status" -eq 0 ] || one_error
}
through() {
	local at
	for at in "$hub" "$tls"; do
		# shellcheck disable=SC2154
		fetch 0 "$at" "$open"
		cache_is_honest "$T/c"
		same "$(jq -r '.peer | split(":")[0]' "$T/log/hub.requests" "$T/log/tls.requests" | sort -u)" 127.0.0.6
	done
	fetch 0 "$hub" "http://127.0.0.1:$FORWARD"
	cache_is_honest "$T/c"
}
denied() {
	# shellcheck disable=SC2154
	fetch 5 "$hub" "$deny"
	says "$hub: acme/voice " "the proxy $deny refuses the request (status 403)" "ask who runs it" no_proxy --proxy
	not grep -i token "$T/err"
	fetch 5 "$tls" "$deny"
	says "acme/voice " "the proxy $deny refuses to connect to $tls (status 403)" "ask who runs it" no_proxy --proxy
	not grep -i token "$T/err"
	same "$(cat "$T/log/hub.requests" "$T/log/tls.requests" | wc -l)" 0
}
another_host() { # may be allowed
	local at
	for at in "${hub/127.0.0.1/localhost}" "${tls/127.0.0.1/localhost}"; do
		(export no_proxy=127.0.0.1 && fetch 0 "$at" "$deny" --endpoint "$hub")
		cache_is_honest "$T/c"
		(export no_proxy=127.0.0.1 && expect 0 itts lock acme/voice --lock "$T/other.json" --cache "$T/c0" \
			--endpoint "$at" --endpoint "$hub" --ca-bundle "$T/ca.pem" --proxy "$deny")
		says "the proxy $deny refuses" "going on without $at"
		rm "$T/other.json"
	done
}
log_in() {
	local at
	for at in "$hub" "$tls"; do
		# shellcheck disable=SC2154
		fetch 5 "$at" "$login"
		says "acme/voice " "the proxy $login wants a user name and password" USER:PASSWORD
		fetch 5 "$at" "${login/127/anna:wrong-$PASSWORD@127}"
		says "the proxy $login wants a user name and password"
		not grep -F "$PASSWORD" "$T/err"
		fetch 0 "$at" "${login/127/anna:$PASSWORD@127}"
	done
}
nobody_there() { # behind the proxy
	fetch 4 "http://$NOBODY" "$open"
	says "acme/voice " "the proxy $open cannot get it from there (status 500)" "check the address" no_proxy --proxy
	fetch 4 "https://$NOBODY" "$open"
	says "acme/voice " "the proxy $open cannot connect to https://$NOBODY (status 500)" "check the address" --proxy
}
who_knows() { # it may be the proxy's own, and may be the hub's
	fetch 5 "$hub" "http://127.0.0.1:$FORBID"
	says "acme/voice " "access is refused (status 403)" "came through the proxy http://127.0.0.1:$FORBID, which may have" \
		"ask who runs it" no_proxy --proxy HF_TOKEN
	fetch 4 "http://$NOBODY" "http://127.0.0.1:$FORWARD"
	says "acme/voice " "(status 502)" "came through the proxy http://127.0.0.1:$FORWARD, which may have"
	# shellcheck disable=SC2154
	faults "$page" '[{"path": ".", "fault": "html"}]'
	fetch 9 "$hub" "$page"
	says "acme/voice " "sent a web page" "came through the proxy $page, which may have"
	expect 4 itts lock acme/voice --lock "$T/none.json" --endpoint "$hub" --cache "$T/c0" --retries 0 --proxy "$page"
	one_error
	says "acme/voice@main" "sent a web page" "came through the proxy $page, which may have"
	expect 4 itts mirrors acme/voice --endpoint "$hub" --proxy "$page"
	prints "$hub: of no use: " "sent a web page" "came through the proxy $page, which may have"
}
not_blamed() { # what the hub has answered itself
	local at
	start_fault forbids --upstream "$hub"
	# shellcheck disable=SC2154
	faults "$forbids" '[{"path": ".", "fault": "status", "status": 403, "type": "text/html", "body": "<p>no"}]'
	fetch 5 "$forbids" "$open" # it says that it has passed that on
	says "access is refused (status 403)" HF_TOKEN
	not grep -i proxy "$T/err"
	faults "$forbids" '[{"path": ".", "fault": "status", "status": 403}]'
	fetch 5 "$forbids" "http://127.0.0.1:$FORWARD" # it does not, but speaks as a hub does
	says "access is refused (status 403)" "set up to fail" HF_TOKEN
	not grep -i proxy "$T/err"
}

check "through tinyproxy, through nginx" through
check "rules that refuse: the proxy is named, for http and for https" denied
check "one host is refused, another is allowed" another_host
check "no or a wrong password" log_in
check "nobody there behind the proxy" nobody_there
check "an answer that may be the proxy's" who_knows
check "an answer that is not the proxy's" not_blamed
finish
