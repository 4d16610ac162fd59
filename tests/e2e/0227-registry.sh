#!/usr/bin/env bash
# A fleet: bundle -> skopeo -> docker-registry -> install oci:..., with and without
# names and passwords, and against a registry that lies.
. "$(dirname "$0")/lib.sh"

need python3 jq skopeo docker-registry openssl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=3000000 notes.json=90000 sub/x.txt=40 \
	empty.txt=0 README.md=500
SRC=$TOP/models/acme/voice/$A
mkdir -p "$TOP/models/acme/evil/$A"
printf 'cos\nsystem\n(S"true"\ntR.' >"$TOP/models/acme/evil/$A/m.bin"
printf '{}' >"$TOP/models/acme/evil/$A/config.json"
start_hub hub "$TOP"
must itts pack acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/full" -o "$T/b.tar"

start_registry() { # NAME [AUTH-YAML]
	local port=
	port=$(free_port)
	mkdir -p "$T/$1.data"
	{
		printf 'version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s}}\n' "$T/$1.data"
		printf 'http: {addr: "127.0.0.1:%s", secret: abc}\n' "$port"
		[ $# -lt 2 ] || printf '%s\n' "$2"
	} >"$T/$1.yml"
	start "$1" docker-registry serve "$T/$1.yml"
	await listens "$port" || return 1
	eval "$1=127.0.0.1:$port"
}
push() { # HOST [OPTIONS]
	local host=$1
	shift
	expect 0 skopeo copy --dest-tls-verify=false "$@" "oci-archive:$T/b.tar:acme--voice" \
		"docker://$host/models/voice:v1"
}
start_registry open || skip_all "docker-registry does not start"
# htpasswd with bcrypt, made by Python's crypt or openssl
bcrypt=$(python3 -W ignore -c 'import crypt; print(crypt.crypt("s3cret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)) if crypt.METHOD_BLOWFISH in crypt.methods else "")' 2>/dev/null)
installed() { # CACHE
	cache_is_honest "$1"
	expect 0 itts verify --cache "$1" --lock "$T/lock.json"
	for f in config.json big.safetensors notes.json sub/x.txt empty.txt README.md; do
		cmp "$1/models--acme--voice/snapshots/$A/$f" "$SRC/$f"
	done
	same "$(cat "$1/models--acme--voice/refs/main")" $A
	# the very blobs that fetch has, by their names on the Hub
	diff <(ls "$1/models--acme--voice/blobs") <(ls "$T/full/models--acme--voice/blobs")
}

pull() {
	push "$open"
	expect 0 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c1" --json
	same "$(jq -r '.repo, .commit' "$T/out" | paste -sd ' ')" "acme/voice $A"
	installed "$T/c1"
}
again() {
	: >"$T/log/open.out"
	expect 0 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c1" --json
	same "$(jq .new_files "$T/out")" 0
	! grep -q "GET /v2/models/voice/blobs" "$T/log/open.out"
	# one that is damaged, and only that
	local blob
	blob=$(readlink -f "$T/c1/models--acme--voice/snapshots/$A/big.safetensors")
	chmod 644 "$blob" && printf x | dd of="$blob" bs=1 seek=77 conv=notrunc 2>/dev/null
	expect 0 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c1" --json
	same "$(jq .new_files "$T/out")" 1
	installed "$T/c1"
}
dry() {
	expect 0 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c2" --dry-run --json
	same "$(jq .new_files "$T/out")" 6
	test ! -e "$T/c2"
}
by_digest() {
	local digest
	digest=$(skopeo inspect --tls-verify=false --raw "docker://$open/models/voice:v1" | sha256sum | cut -c 1-64)
	expect 0 itts install "oci:$open/models/voice@sha256:$digest" --plain-http --cache "$T/c3"
	installed "$T/c3"
	expect 6 itts install "oci:$open/models/voice@sha256:${digest//[0-8]/9}" --plain-http --cache "$T/c4"
	test ! -e "$T/c4"
}
policies() { # a registry is no way around them
	local at="oci:$open/models/voice:v1"
	push "$open"
	policy() { printf '{"format": "itts-policy", "version": 1, %s}' "$1" >"$T/p.json"; }
	policy '"repos": ["facebook/*"]'
	expect 8 itts install "$at" --plain-http --cache "$T/none" --policy "$T/p.json"
	says "$at" '"repos"' acme/voice
	policy '"signers": ["release@example.com"]'
	expect 8 itts install "$at" --plain-http --cache "$T/none" --policy "$T/p.json"
	says '"signers"' "no signature"
	policy '"max_file_bytes": 2999999'
	expect 8 itts install "$at" --plain-http --cache "$T/none" --policy "$T/p.json"
	says big.safetensors
	test ! -e "$T/none"
	policy '"no_code": true, "repos": ["acme/*"]'
	expect 0 itts install "$at" --plain-http --cache "$T/cp" --policy "$T/p.json"
	installed "$T/cp"
	! find "$T/cp" -name '*.itts-part' | grep .
	expect 0 itts pack acme/evil --lock "$T/evil.json" --endpoint "$hub" --cache "$T/full.evil" -o "$T/evil.tar"
	expect 0 skopeo copy --dest-tls-verify=false "oci-archive:$T/evil.tar:acme--evil" "docker://$open/models/evil:v1"
	expect 8 itts install "oci:$open/models/evil:v1" --plain-http --cache "$T/none" --policy "$T/p.json"
	one_error
	says '"no_code"' "acme/evil m.bin" os.system
	! find "$T/none" -type f ! -path '*/.locks/*' ! -name CACHEDIR.TAG | grep .
	! find "$T/none" -type l | grep .
}
resumes() { # what an interrupted pull has left
	local etag part
	etag=$(sha256sum <"$SRC/big.safetensors" | cut -c 1-64)
	mkdir -p "$T/c5/models--acme--voice/blobs"
	part=$T/c5/models--acme--voice/blobs/$etag.itts-part
	head -c 2000000 "$SRC/big.safetensors" >"$part"
	: >"$T/log/open.out"
	expect 0 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c5"
	installed "$T/c5"
	grep -a "blobs/sha256:$etag" "$T/log/open.out" | grep -qa 'http.response.written=1000000'
}
absent() {
	expect 6 itts install "oci:$open/models/other:v1" --plain-http --cache "$T/c6"
	one_error
	expect 6 itts install "oci:$open/models/voice:v2" --plain-http --cache "$T/c6"
	expect 2 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c6" --model-dir "$T/m"
	expect 2 itts install "oci:nowhere" --cache "$T/c6"
	expect 2 itts install "oci:$open/Models/voice:v1" --cache "$T/c6"
	expect 2 itts install "oci:$open/models/../voice:v1" --cache "$T/c6"
	HF_HUB_OFFLINE=1 expect 2 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c6"
	test ! -e "$T/c6"
}
password() {
	start_registry closed "auth: {htpasswd: {realm: test, path: $T/htpasswd}}"
	printf 'eva:%s\n' "$bcrypt" >"$T/htpasswd"
	push "$closed" --dest-creds eva:s3cret
	expect 5 itts install "oci:$closed/models/voice:v1" --plain-http --cache "$T/c7"
	says "skopeo login"
	jq -n --arg h "$closed" --arg a "$(printf eva:wrong | base64)" '{auths: {($h): {auth: $a}}}' >"$T/auth.json"
	REGISTRY_AUTH_FILE=$T/auth.json expect 5 itts install "oci:$closed/models/voice:v1" --plain-http --cache "$T/c7"
	says "name or password is wrong"
	expect 0 skopeo login --tls-verify=false --authfile "$T/auth.json" -u eva -p s3cret "$closed"
	REGISTRY_AUTH_FILE=$T/auth.json expect 0 itts install "oci:$closed/models/voice:v1" --plain-http --cache "$T/c7" --verbose
	installed "$T/c7"
	! grep -rqE "s3cret|$(printf eva:s3cret | base64)" "$T/out" "$T/err" "$T/c7"
}
BIG=$(sha256sum <"$SRC/big.safetensors" | cut -c 1-64)
through() { # CACHE [OPTIONS]: through the server that does wrong
	itts install "oci:${liar#http://}/models/voice:v1" --plain-http --cache "$@"
}
wrong_bytes() {
	faults "$liar" '[{"path": "sha256:'"$BIG"'", "fault": "flip", "at": 1000}]'
	expect 9 through "$T/c8"
	one_error
	cache_is_honest "$T/c8"
	test ! -e "$T/c8/models--acme--voice/refs/main"
	faults "$liar" '[]'
	expect 0 through "$T/c8"
	installed "$T/c8"
}
cut_and_cut_again() {
	faults "$liar" '[{"path": "sha256:'"$BIG"'", "fault": "cut", "after": 1000000, "count": 2}]'
	expect 0 through "$T/c9"
	installed "$T/c9"
	faults "$liar" '[{"path": "sha256:'"$BIG"'", "fault": "no-range"},
		{"path": "sha256:'"$BIG"'", "fault": "cut", "after": 1000000, "count": 1}]'
	expect 0 through "$T/c10"
	installed "$T/c10"
}
patience() { # as much as was asked for
	local busy='[{"path": "PATH", "fault": "status", "status": 503, "count": 1}]'
	for path in manifests "sha256:$BIG"; do
		faults "$liar" "${busy/PATH/$path}"
		: >"$T/log/liar.requests"
		expect 4 through "$T/c15" --retries 0
		one_error
		same "$(jq -r 'select(.path | contains("'"$path"'")).path' "$T/log/liar.requests" | wc -l)" 1
		faults "$liar" "${busy/PATH/$path}"
		expect 0 through "$T/c15.$path" --retries 1
		installed "$T/c15.$path"
	done
}
bad_manifests() {
	local rule
	for rule in '"fault": "html"' '"fault": "endless"' '"fault": "status", "status": 200, "body": "{}"'; do
		faults "$liar" '[{"path": "manifests", '"$rule"'}]'
		expect 7 through "$T/c11"
		one_error
		test ! -e "$T/c11"
	done
	# the digest that the registry itself gives
	faults "$liar" '[{"path": "manifests", "fault": "flip", "at": 20}]'
	expect 9 through "$T/c11"
	test ! -e "$T/c11"
}
bearer='{"path": "manifests", "fault": "status", "status": 401, "count": 1, "headers": {"WWW-Authenticate": "Bearer realm=\"REALM\",service=\"x\",scope=\"repository:models/voice:pull\""}, "body": ""}'
jq_auth() { # HOST: REGISTRY_AUTH_FILE with eva:s3cret
	jq -n --arg h "$1" --arg a "$(printf eva:s3cret | base64)" '{auths: {($h): {auth: $a}}}' >"$T/auth2.json"
}
no_credentials_elsewhere() { # not after a redirect of a blob
	jq_auth "${liar#http://}"
	faults "$liar" '['"${bearer/REALM/$liar/token}"',
		{"path": "/token", "fault": "status", "status": 200, "body": "{\"token\": \"t0ken-canary\"}"},
		{"path": "sha256:'"$BIG"'", "fault": "redirect", "status": 307, "to": "'"$cdn/v2/models/voice/blobs/sha256:$BIG"'"}]'
	: >"$T/log/liar.requests"
	: >"$T/log/cdn.requests"
	REGISTRY_AUTH_FILE=$T/auth2.json expect 0 through "$T/c12"
	installed "$T/c12"
	# name and password to the token server, the token to the registry, nothing to the other
	same "$(jq -r 'select(.path | startswith("/token")).auth' "$T/log/liar.requests" | sort -u)" true
	jq -e 'select((.path | contains("blobs/")) and .auth)' "$T/log/liar.requests" >/dev/null
	same "$(jq -r 'select(.path | contains("blobs/")).auth' "$T/log/cdn.requests" | sort -u)" false
	! grep -rq "t0ken-canary\|s3cret" "$T/c12" "$T/out" "$T/err"
}
no_password_to_strangers() { # a realm without TLS that is not the registry
	jq_auth "${liar#http://}"
	faults "$liar" '['"${bearer/REALM/$cdn/token}"']'
	: >"$T/log/cdn.requests"
	REGISTRY_AUTH_FILE=$T/auth2.json expect 8 through "$T/c13"
	one_error
	same "$(grep -c token "$T/log/cdn.requests")" 0
}
signers() { # where only signed bundles are taken, a tag says nothing
	ssh-keygen -q -t ed25519 -N '' -f "$T/key" && printf 'eva %s\n' "$(cut -d ' ' -f 1,2 "$T/key.pub")" >"$T/allowed"
	expect 9 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c14" --allowed-signers "$T/allowed" ||
		expect 2 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c14" --allowed-signers "$T/allowed"
	says digest
	test ! -e "$T/c14"
}
start_fault liar --upstream "http://$open"
start_fault cdn --upstream "http://$open"

check "pull from docker-registry" pull
check "again: only what lacks" again
check "dry run" dry
check "by digest" by_digest
check "a policy" policies
check "goes on where it was interrupted" resumes
check "what is absent or wrong" absent
check "wrong bytes" wrong_bytes
check "cut on the way" cut_and_cut_again
check "--retries" patience
check "manifests that are none" bad_manifests
check "no credentials after a redirect to another host" no_credentials_elsewhere
check "no password to a stranger" no_password_to_strangers
check "a list of allowed signers" signers
if [ -n "$bcrypt" ]; then
	check "name and password" password
else
	skip_one "name and password" "no bcrypt here"
fi
finish
