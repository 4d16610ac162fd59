#!/usr/bin/env bash
# nginx as a mirror under a path, and as CDN with TLS from a private CA.
. "$(dirname "$0")/lib.sh"

need python3 jq nginx openssl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=3000000 sub/small.bin=20000 a.txt=5
repo "$TOP" acme/single $A big.safetensors=3000000
SRC=$TOP/models/acme/voice/$A
certificates
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Other CA" \
	-keyout "$T/other.key" -out "$T/other.pem" 2>"$T/log/other-ca.txt"
openssl x509 -req -in "$T/server.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial \
	-days -1 -extfile "$T/server.ext" -out "$T/expired.pem" 2>"$T/log/expired.txt"
PORT=$(free_port)
EXPIRED=$(free_port)
TLS=https://127.0.0.1:$PORT
start_hub hub "$TOP" --page-size 2 --cdn-url "$TLS/cdn"
# shellcheck disable=SC2154
# (the signed path is the CDN's own: nginx cuts /cdn off)
start_nginx "$PORT" <<CONF
	limit_req_zone \$server_addr zone=busy:64k rate=2r/s;
	server {
		listen 127.0.0.1:$PORT ssl http2;
		ssl_certificate $T/server.pem;
		ssl_certificate_key $T/server.key;
		location /cdn/ { proxy_pass $hub_CDN/; }
		location /mirror/hf/ {
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /mirror/hf/\$1;
		}
		location /busy/ {
			limit_req zone=busy burst=1 nodelay;
			limit_req_status 429;
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /busy/\$1;
		}
		location /slow/ {
			limit_rate 2m;
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /slow/\$1;
		}
		location /norange/ {
			proxy_set_header Range "";
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /norange/\$1;
		}
		location /broken/ { return 503; }
	}
	server {
		listen 127.0.0.1:$EXPIRED ssl;
		ssl_certificate $T/expired.pem;
		ssl_certificate_key $T/server.key;
		location /mirror/hf/ { proxy_pass $hub/; }
	}
CONF
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$TLS/mirror/hf" --ca-bundle "$T/ca.pem" --cache "$T/c0"
must itts lock acme/single --lock "$T/single.json" --endpoint "$TLS/mirror/hf" --ca-bundle "$T/ca.pem" --cache "$T/c0"

# the one that was right before: the lock's other files are not
jq '.repos[0].files |= map(select(.path == "sub/small.bin")) | .repos[0].complete = false' \
	"$T/lock.json" >"$T/part.json"

fetch() { # STATUS PREFIX ARGS...
	local status=$1 at=$2
	shift 2
	expect "$status" itts fetch --lock "$T/lock.json" --endpoint "$at" --cache "$T/c-$BASHPID" "$@"
	[ "$status" -ne 0 ] || {
		cache_is_honest "$T/c-$BASHPID"
		cmp "$SRC/big.safetensors" "$T/c-$BASHPID/models--acme--voice/snapshots/$A/big.safetensors"
	}
	rm -rf "$T/c-$BASHPID"
}
prefix() {
	same "$(jq '.repos[0].files | length' "$T/lock.json")" 4
	fetch 0 "$TLS/mirror/hf" --ca-bundle "$T/ca.pem"
	# all API calls and downloads went below the prefix or to the CDN
	same "$(awk '{print $7}' "$T/log/nginx.access" | grep -vcE '^/(mirror/hf|cdn)/')" 0
	grep -q 'GET /cdn/' "$T/log/nginx.access"
}
protocols() { # listings over HTTP/2; bytes over HTTP/1.1
	: >"$T/log/nginx.access"
	expect 0 itts lock acme/voice --lock "$T/h2.json" --endpoint "$TLS/mirror/hf" --ca-bundle "$T/ca.pem" --cache "$T/c0"
	cmp "$T/h2.json" "$T/lock.json"
	same "$(grep -o 'GET /mirror/hf/api/models/[^ ]* HTTP/[0-9.]*' "$T/log/nginx.access" | sed 's/.* //' | sort -u)" HTTP/2.0
	test "$(grep -c 'GET /mirror/hf/api/models/' "$T/log/nginx.access")" -ge 3
	: >"$T/log/nginx.access"
	fetch 0 "$TLS/mirror/hf" --ca-bundle "$T/ca.pem"
	same "$(grep -oE 'GET /(cdn|mirror/hf/acme)/[^ ]* HTTP/[0-9.]*' "$T/log/nginx.access" | sed 's/.* //' | sort -u)" HTTP/1.1
	test "$(grep -c 'GET /cdn/' "$T/log/nginx.access")" -ge 1
}
by_variable() {
	local name
	for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
		echo "$name"
		(export $name="$T/ca.pem" && fetch 0 "$TLS/mirror/hf/")
	done
	mkdir "$T/ca-dir"
	cp "$T/ca.pem" "$T/ca-dir/$(openssl x509 -hash -noout -in "$T/ca.pem").0"
	SSL_CERT_DIR=$T/ca-dir fetch 0 "$TLS/mirror/hf"
}
refused() { # ENDPOINT OPTIONS...: one file, and a set of which one is there
	local cache=$T/t-$BASHPID
	rm -rf "$cache"
	refused_file "$@"
	rm -rf "$cache"
	refused_set "$@"
}
refused_file() {
	local at=$1
	shift
	expect 4 itts fetch --lock "$T/single.json" --endpoint "$at" --cache "$cache" "$@"
	one_error
	says "acme/single big.safetensors: $at: " certificate
	same "$(find "$cache" -type f -path '*/blobs/*' | wc -l)" 0
	expect 0 itts fetch --lock "$T/single.json" --endpoint "$TLS/mirror/hf" --ca-bundle "$T/ca.pem" --cache "$cache" --json
	jq -e '([.sources[].received_bytes] | add) == 3000000' "$T/out"
	cache_is_honest "$cache"
	diff -r "$TOP/models/acme/single/$A" "$cache/models--acme--single/snapshots/$A"
}
# One message, of the file and the endpoint; the next run, with the line in order,
# does not ask again for what was right.
refused_set() {
	local at=$1
	shift
	expect 0 itts fetch --lock "$T/part.json" --endpoint "$TLS/mirror/hf" --ca-bundle "$T/ca.pem" --cache "$cache"
	expect 4 itts fetch --lock "$T/lock.json" --endpoint "$at" --cache "$cache" "$@"
	one_error
	grep -q "^itts-pack: .*acme/voice [a-z]*[./a-z]*: $at: " "$T/err"
	says certificate
	cp "$T/err" "$T/err-$BASHPID"
	cache_is_honest "$cache"
	same "$(find "$cache" -name '*.itts-part' | wc -l)" 0
	same "$(find "$cache" -type f -path '*/blobs/*' | wc -l)" 1
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$TLS/mirror/hf" --ca-bundle "$T/ca.pem" --cache "$cache" --json
	jq -e '.had_files == 1 and .downloaded_files == 3 and
		([.sources[].received_bytes] | add) == 3000000 + 300 + 5' "$T/out"
	cache_is_honest "$cache"
	diff -r "$SRC" "$cache/models--acme--voice/snapshots/$A"
	cp "$T/err-$BASHPID" "$T/err"
}
untrusted() { # at once, and with the way out
	local before=$SECONDS
	refused "$TLS/mirror/hf"
	says --ca-bundle
	test $((SECONDS - before)) -le 10
	refused "$TLS/mirror/hf" --ca-bundle "$T/other.pem"
}
wrong_name() {
	sed "s/127.0.0.1:\([0-9]*\) ssl/127.0.0.5:\1 ssl/" "$T/nginx.conf" |
		sed "s|$T/nginx.pid|$T/nginx2.pid|" >"$T/nginx2.conf"
	start nginx2 nginx -c "$T/nginx2.conf"
	await sh -c 'test -s "$T/nginx2.pid"'
	sleep 0.2
	refused "https://127.0.0.5:$PORT/mirror/hf" --ca-bundle "$T/ca.pem"
}
expired() {
	refused "https://127.0.0.1:$EXPIRED/mirror/hf" --ca-bundle "$T/ca.pem"
	says expired
}
no_such_bundle() {
	fetch 2 "$TLS/mirror/hf" --ca-bundle "$T/nothing.pem"
	one_error
	says nothing.pem
	echo garbage >"$T/garbage.pem"
	local got=0
	itts fetch --lock "$T/lock.json" --endpoint "$TLS/mirror/hf" --cache "$T/c" \
		--ca-bundle "$T/garbage.pem" 2>"$T/err" || got=$?
	cat "$T/err"
	test $got -ne 0
	one_error
}
failover() {
	fetch 0 "$TLS/broken" --endpoint "$TLS/mirror/hf" --ca-bundle "$T/ca.pem"
}
busy() { # 429 from nginx: asked again until it works
	fetch 0 "$TLS/busy" --ca-bundle "$T/ca.pem"
	grep -q '" 429 ' "$T/log/nginx.access"
}

check "a mirror under a path prefix, CDN with TLS of a private CA" prefix
check "HTTP/2 for API calls, HTTP/1.1 for bytes" protocols
check "SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_DIR" by_variable
check "an unknown CA: clear, at once, with advice" untrusted
check "a certificate for another name" wrong_name
check "a certificate that has expired" expired
check "a CA bundle that is missing or garbage" no_such_bundle
check "503 from one mirror, the other serves" failover
check "429 from a rate limit" busy
check "limit_rate" fetch 0 "$TLS/slow" --ca-bundle "$T/ca.pem"
check "ranges ignored" fetch 0 "$TLS/norange" --ca-bundle "$T/ca.pem"
finish
