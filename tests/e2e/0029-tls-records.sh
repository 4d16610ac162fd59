#!/usr/bin/env bash
# TLS records are read several at a time: what has come and stands in memory makes no
# socket readable. Whoever waited for the socket would wait until a connection that brings
# nothing is given up; with one alone nobody else asks for what it lacks.
. "$(dirname "$0")/lib.sh"

need python3 jq nginx openssl squid strace
A=1111111111111111111111111111111111111111
SIZE=67108864
TOP=$T/repos
repo "$TOP" acme/big $A big.safetensors=$SIZE m.bin=2000000 a.json=300
FILES=$TOP/models/acme/big/$A
certificates
start_hub hub "$TOP"
start_hub tls "$TOP" --tls-cert "$T/server.pem" --tls-key "$T/server.key"
chmod -R a+rX "$T"
PORT=$(free_port)
TINY=$(free_port)
server() { # PORT BYTES-OF-A-RECORD
	cat <<CONF
	server {
		listen 127.0.0.1:$1 ssl;
		ssl_certificate $T/server.pem;
		ssl_certificate_key $T/server.key;
		ssl_buffer_size $2;
		location /acme/big/resolve/$A/ { alias $FILES/; }
	}
CONF
}
# (not behind a pipe: that is a subshell, and nginx would stay)
start_nginx "$PORT" <<CONF
$(server "$PORT" 16k)
$(server "$TINY" 100)
CONF
must itts lock acme/big --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
rm -rf "$T/c0"
PROXY=$(free_port)
start_squid proxy "$(free_port)" "https_port 127.0.0.1:$PROXY tls-cert=$T/server.pem tls-key=$T/server.key
http_access allow all"

# No connection was given up.
fetch() { # ENDPOINT ARGS...
	local at=$1
	shift
	rm -rf "$T/c"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$at" --cache "$T/c" --ca-bundle "$T/ca.pem" \
		--json "$@"
	jq -e '.retries == 0' "$T/out"
	cache_is_honest "$T/c"
	cmp "$FILES/big.safetensors" "$T/c/models--acme--big/snapshots/$A/big.safetensors"
}
often() {
	for _ in 1 2 3; do
		fetch "https://127.0.0.1:$PORT" --connections 1
	done
	fetch "https://127.0.0.1:$PORT"
}
# How many a call brings is the network's: what is asked for counts. One record at a time
# is asked for by its head, of 5 bytes.
fewer_calls() {
	rm -rf "$T/c"
	expect 0 strace -f -qq -s 0 -o "$T/calls" -e trace=recvfrom "$PROGRAM" fetch --lock "$T/lock.json" \
		--endpoint "https://127.0.0.1:$PORT" --cache "$T/c" --ca-bundle "$T/ca.pem"
	sed -n 's/.*recvfrom([0-9]*, [^,]*, \([0-9]*\), .*/\1/p' "$T/calls" | sort -n | uniq -c | sort -n | tail -n 8
	test "$(grep -cE 'recvfrom\([0-9]+, [^,]*, 5, ' "$T/calls")" -lt 500
	test "$(grep -cE 'recvfrom\([0-9]+, [^,]*, [0-9]{5}, ' "$T/calls")" -gt 500
}
small_records() { # a header takes several of them
	must itts lock acme/big --include 'm*' --lock "$T/m.json" --endpoint "$hub" --cache "$T/c0"
	expect 0 itts fetch --lock "$T/m.json" --endpoint "https://127.0.0.1:$TINY" --cache "$T/c0" \
		--ca-bundle "$T/ca.pem" --connections 1 --json
	jq -e '.retries == 0' "$T/out"
	cmp "$FILES/m.bin" "$T/c0/models--acme--big/snapshots/$A/m.bin"
}

check "64 MiB, again and again" often
check "fewer calls than records" fewer_calls
check "records of 100 bytes" small_records
check "a hub with an API and redirects, over TLS" fetch "$tls"
check "through a proxy that is spoken to with TLS" fetch "https://127.0.0.1:$PORT" --proxy "https://127.0.0.1:$PROXY"
check "with a limit" fetch "https://127.0.0.1:$PORT" --limit-rate 16M
finish
