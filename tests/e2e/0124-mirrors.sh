#!/usr/bin/env bash
# itts-pack mirrors: what each endpoint and each host behind it answers, with TLS of
# a private CA, squid, a dead port, a captive page, ModelScope, no ranges.
. "$(dirname "$0")/lib.sh"

need python3 jq nginx openssl squid
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=6000000
certificates
PORT=$(free_port)
TLS=https://127.0.0.1:$PORT
PAGE_PORT=$(free_port)
DEAD=http://127.0.0.1:$(free_port)
CANARY=hf_CaNaRy$RANDOM
echo "$CANARY granted" >"$T/tokens"
printf '%s\n' "$CANARY" >"$T/canary"
start_hub hub "$TOP" --cdn-url "https://localhost:$PORT/cdn" --tokens "$T/tokens"
start_hub plain "$TOP"
start site python3 "$SERVERS/modelscope.py" --root "$TOP" --ready "$T/site.ready"
await test -e "$T/site.ready"
SITE=$(ready site modelscope)
# shellcheck disable=SC2154
start_nginx "$PORT" <<CONF
	server {
		listen 127.0.0.1:$PORT ssl http2;
		ssl_certificate $T/server.pem;
		ssl_certificate_key $T/server.key;
		location /cdn/ { proxy_pass $hub_CDN/; }
		location /hf/ { proxy_pass $hub/; proxy_redirect ~^/(.*)\$ /hf/\$1; }
		location /norange/ { proxy_set_header Range ""; proxy_pass $hub/;
			proxy_redirect https://localhost:$PORT/cdn/ $TLS/nocdn/; proxy_redirect ~^/(.*)\$ /norange/\$1; }
		location /nocdn/ { proxy_set_header Range ""; proxy_pass $hub_CDN/; }
	}
	server {
		listen 127.0.0.1:$PAGE_PORT;
		location / { default_type text/html; return 200 "<!doctype html><title>Log in</title>"; }
	}
CONF
PROXY=$(free_port)
start_squid squid "$PROXY" "http_access allow all"

of() { jq -r ".endpoints[$1]$2" "$T/out"; }
last_hop() { of "$1" ".hops[-1].$2"; }

all_kinds() {
	HF_TOKEN=$CANARY expect 0 itts mirrors acme/voice --json --ca-bundle "$T/ca.pem" \
		--endpoint "$DEAD" --endpoint "http://127.0.0.1:$PAGE_PORT" --endpoint "$TLS/hf" \
		--token-for "$TLS/hf" --endpoint "$plain" --endpoint "modelscope=$SITE" --endpoint "$TLS/norange"
	same "$(jq -c '[.endpoints[] | [.listings, .files]]' "$T/out")" \
		'[[false,false],[false,false],[true,true],[true,true],[true,true],[true,true]]'
	# dead: one hop without an answer, and why
	same "$(of 0 '.hops | length')" 1
	same "$(last_hop 0 status)" 0
	of 0 .error | grep -q "${DEAD##*:}"
	of 1 .error | grep -q "web page"
	# TLS and the CDN behind it: times of each, ranges, rate, certificates
	same "$(of 2 '.hops | map(.asked) | join(" ")')" "revision file file"
	same "$(of 2 '.hops[0].certificates')" "$T/ca.pem"
	same "$(of 2 '.hops | map(.tls_us > 0 and .connect_us > 0 and .first_byte_us > 0) | all')" true
	same "$(of 2 '.hops[-1] | .name_us > 0 and .host == "https://localhost:'"$PORT"'"')" true
	same "$(of 2 '.hops | map(.address | startswith("127.0.0.1")) | all')" true
	same "$(of 3 '.hops | map(.tls_us == 0) | all')" true # plain http
	same "$(last_hop 2 ranges)" true
	same "$(last_hop 2 bytes)" 4194304
	test "$(last_hop 2 bytes_per_second)" -gt 100000
	same "$(of 2 '.hops | map(.token) | join(" ")')" "true true false"
	# another host for the bytes; no token for anybody else
	same "$(of 3 '.hops | map(.host) | unique | length')" 2
	same "$(jq -c '[.endpoints[3,4,5].hops[].token] | any' "$T/out")" false
	same "$(of 4 .kind)" modelscope
	same "$(last_hop 4 ranges)" true
	same "$(last_hop 5 ranges)" false
	same "$(grep -cFf "$T/canary" "$T/out" "$T/err" | grep -vc ':0$')" 0
}
table() {
	HF_TOKEN=$CANARY expect 0 itts mirrors acme/voice --ca-bundle "$T/ca.pem" --endpoint "$DEAD" \
		--endpoint "$TLS/hf" --token-for "$TLS/hf" --endpoint "$plain"
	head -n 1 "$T/out" | grep -qE '^host +name +connect +TLS +first byte +rate +asked for$'
	# what took no time was not done
	grep -qE "^https://localhost:$PORT( +[0-9.]+ ms){4} +[0-9.]+ .iB/s +file, status 206, ranges: yes, cert" "$T/out"
	grep -qE "^$TLS/hf .*, token, " "$T/out"
	grep -qE "^$plain +([0-9.]+ ms|-) +[0-9.]+ ms +- +[0-9.]+ ms " "$T/out"
	prints "first byte" "ranges: yes" "no answer" "certificates: $T/ca.pem" "$DEAD: of no use" \
		"$TLS/hf: listings, files (first choice)" "$plain: listings, files"
}
by_proxy() { # said only of those that went through it
	https_proxy=http://anna:s3cret@127.0.0.1:$PROXY expect 0 itts mirrors acme/voice --json \
		--ca-bundle "$T/ca.pem" --endpoint "$TLS/hf" --endpoint "$plain"
	same "$(of 0 '.hops | map(.proxy) | unique | join(" ")')" "http://127.0.0.1:$PROXY"
	same "$(of 1 '.hops | map(.proxy) | unique | join(" ")')" ""
	same "$(grep -c s3cret "$T/out")" 0
	grep -q "CONNECT 127.0.0.1:$PORT" "$T/log/squid/access"
	http_proxy=http://127.0.0.1:$PROXY no_proxy=127.0.0.1 expect 0 itts mirrors acme/voice --json \
		--endpoint "$plain"
	same "$(of 0 '.hops | map(.proxy) | unique | join(" ")')" ""
}
untrusted() {
	expect 4 itts mirrors acme/voice --endpoint "$TLS/hf"
	prints certificate "of no use"
}
# The hosts that it redirects to count as much: dead, unknown, of a CA of their own.
behind() {
	start_hub deadcdn "$TOP" --cdn-url "$DEAD/cdn"
	start_hub nowhere "$TOP" --cdn-url http://cdn.example.invalid/cdn
	# shellcheck disable=SC2154
	expect 0 itts mirrors acme/voice --json --endpoint "$deadcdn" --endpoint "$nowhere" --endpoint "$hub" \
		--endpoint "$plain"
	same "$(jq -c '[.endpoints[] | [.listings, .files]]' "$T/out")" '[[true,false],[true,false],[true,false],[true,true]]'
	same "$(jq -c '[.endpoints[].hops[-1] | [.host, .asked, .status]]' "$T/out")" \
		"[[\"$DEAD\",\"file\",0],[\"http://cdn.example.invalid\",\"file\",0],[\"https://localhost:$PORT\",\"file\",0],[\"$plain_CDN\",\"file\",206]]"
	of 0 .error | grep -qF "$DEAD: cannot connect"
	of 1 .error | grep -q "http://cdn.example.invalid: cannot find the host"
	of 2 .error | grep -q "https://localhost:$PORT: certificate"
	same "$(last_hop 2 certificates)" system
	expect 0 itts mirrors acme/voice --endpoint "$deadcdn" --endpoint "$plain"
	grep -qE "^$DEAD .* file, no answer$" "$T/out"
	prints "$deadcdn: listings, no files: $DEAD: cannot connect" "$plain: listings, files (first choice)"
}
useless() { # the status tells
	expect 4 itts mirrors acme/voice --endpoint "$DEAD" --endpoint "http://127.0.0.1:$PAGE_PORT"
	expect 5 itts mirrors acme/none --endpoint "$plain"
	# one that is given twice is one
	expect 0 itts mirrors acme/voice --endpoint "$plain" --endpoint "$plain" --endpoint "$plain//" \
		--endpoint "huggingface=HTTP${plain#http}" --json
	jq -e '.endpoints | length == 1' "$T/out"
	expect 2 itts mirrors acme/voice --offline
	one_error
}
check "every kind of endpoint, as JSON" all_kinds
check "as a table, with what each will be used for" table
check "through squid, and past it" by_proxy
check "an unknown CA" untrusted
check "hosts behind an endpoint that are of no use" behind
check "none will do" useless
finish
