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
# "s3cret" as htpasswd -B writes it
bcrypt='$2b$04$qbKP80uLJqwyW6i.jRdUeuExaZ2Ql2NsPk9wEWD.ehkjt1F32mdfy'
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
image_manifest() { # of the bundle, which the image carries
	skopeo inspect --raw --tls-verify=false "docker://$open/models/voice:v1" |
		jq -r '.layers[] | select(.annotations["vnd.itts-pack.bundle"]).digest'
}
again() {
	local carried
	carried=$(image_manifest)
	: >"$T/log/open.out"
	expect 0 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c1" --json
	same "$(jq .new_files "$T/out")" 0
	# what the image says of itself, and no payload
	same "$(grep -ao '"GET /v2/models/voice/blobs/[^ ]*' "$T/log/open.out")" "\"GET /v2/models/voice/blobs/$carried"
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
	digest=$(digest_of models/voice:v1)
	expect 0 itts install "oci:$open/models/voice@sha256:$digest" --plain-http --cache "$T/c3"
	installed "$T/c3"
	expect 6 itts install "oci:$open/models/voice@sha256:${digest//[0-8]/9}" --plain-http --cache "$T/c4"
	test ! -e "$T/c4"
}
policy() { printf '{"format": "itts-policy", "version": 1, %s}' "$1" >"$T/p.json"; }
policies() { # a registry is no way around them
	local at="oci:$open/models/voice:v1"
	push "$open"
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
	same "$(find "$T/cp" -name '*.itts-part')" ""
	expect 0 itts pack acme/evil --lock "$T/evil.json" --endpoint "$hub" --cache "$T/full.evil" -o "$T/evil.tar"
	expect 0 skopeo copy --dest-tls-verify=false "oci-archive:$T/evil.tar:acme--evil" "docker://$open/models/evil:v1"
	expect 8 itts install "oci:$open/models/evil:v1" --plain-http --cache "$T/none" --policy "$T/p.json"
	one_error
	says '"no_code"' "acme/evil m.bin" os.system
	same "$(find "$T/none" -type f ! -path '*/.locks/*' ! -name CACHEDIR.TAG)" ""
	same "$(find "$T/none" -type l)" ""
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
	not grep -rqE "s3cret|$(printf eva:s3cret | base64)" "$T/out" "$T/err" "$T/c7"
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
	not grep -rq "t0ken-canary\|s3cret" "$T/c12" "$T/out" "$T/err"
}
manifest_elsewhere() { # as registry.k8s.io does it: asked there as here, without the token
	jq_auth "${liar#http://}"
	faults "$liar" '['"${bearer/REALM/$liar/token}"',
		{"path": "/token", "fault": "status", "status": 200, "body": "{\"token\": \"t0ken-canary\"}"},
		{"path": "manifests", "fault": "redirect", "status": 307, "to": "'"$cdn/v2/models/voice/manifests/v1"'"}]'
	: >"$T/log/liar.requests"
	: >"$T/log/cdn.requests"
	REGISTRY_AUTH_FILE=$T/auth2.json expect 0 through "$T/c16"
	installed "$T/c16"
	same "$(jq -r 'select((.path | contains("manifests")) and .status == 307).auth' "$T/log/liar.requests" | sort -u)" true
	same "$(jq -r 'select(.path | contains("manifests")).auth' "$T/log/cdn.requests" | sort -u)" false
}
no_password_to_strangers() { # a realm without TLS that is not the registry
	jq_auth "${liar#http://}"
	faults "$liar" '['"${bearer/REALM/$cdn/token}"']'
	: >"$T/log/cdn.requests"
	REGISTRY_AUTH_FILE=$T/auth2.json expect 8 through "$T/c13"
	one_error
	same "$(grep -c token "$T/log/cdn.requests")" 0
}
digest_of() { skopeo inspect --tls-verify=false --raw "docker://$open/$1" | sha256sum | cut -c 1-64; }
signers() { # where only signed bundles are taken, a tag says nothing
	ssh-keygen -q -t ed25519 -N '' -f "$T/key" && printf 'eva %s\n' "$(cut -d ' ' -f 1,2 "$T/key.pub")" >"$T/allowed"
	expect 2 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c14" --allowed-signers "$T/allowed"
	says "--signature FILE"
	mkdir -p "$T/conf/itts-pack"
	cp "$T/allowed" "$T/conf/itts-pack/allowed_signers"
	XDG_CONFIG_HOME=$T/conf expect 9 itts install "oci:$open/models/voice:v1" --plain-http --cache "$T/c14"
	says "--signature FILE" "@sha256:DIGEST"
	test ! -e "$T/c14"
	# a digest stands for the list that is in place, but not for what was demanded just now
	at="oci:$open/models/voice@sha256:$(digest_of models/voice:v1)"
	expect 2 itts install "$at" --plain-http --cache "$T/c14" --require-signature
	test ! -e "$T/c14"
	XDG_CONFIG_HOME=$T/conf expect 0 itts install "$at" --plain-http --cache "$T/c14"
	installed "$T/c14"
}
# A bundle with places in a model directory: one repository after the other
S=$T/set
make_set() {
	make_store "$S.store" "$S.json" <<'SPEC'
{"name": "voices", "repos": [
 {"id": "acme/voice", "license": "MIT", "files": [
   {"path": "big.bin", "size": 200000, "views": ["weights/big.bin"]},
   {"path": "config.json", "text": "{\"a\": 1}", "git": true, "views": ["config.json"]},
   {"path": "unplaced.txt", "text": "x", "git": true}]},
 {"id": "acme/codec", "hub_view": "hf_cache", "files": [
   {"path": "sub/codec.bin", "size": 90000}, {"path": "README.md", "text": "# c", "git": true}]}]}
SPEC
	pack_store "$S.store" "$S.json" "$S.tar" --serial 5
	itts verify "$S.tar" || return 1
	expect 0 itts sign "$S.tar" --key "$T/key"
	tar -xOf "$S.tar" itts-bundle.json.sig >"$S.sig"
	tar -xOf "$S.tar" itts-bundle.json >"$S.bundle.json"
	for one in voice codec; do
		expect 0 skopeo copy --dest-tls-verify=false "oci-archive:$S.tar:acme--$one" "docker://$open/set/$one:v1"
	done
	expect 0 itts install "$S.tar" --cache "$S.file/hub" --model-dir "$S.file/model"
}
one_of() { # NAME DIR [OPTIONS]
	local name=$1 dir=$2
	shift 2
	itts install "oci:$open/set/$name:v1" --plain-http --cache "$dir/hub" --model-dir "$dir/model" "$@"
}
model_dirs() {
	make_set || return 1
	expect 0 one_of voice "$S.oci" --dry-run
	test ! -e "$S.oci"
	expect 0 one_of voice "$S.oci" --json
	same "$(jq -c '[.name, .serial, .signature, .lacking]' "$T/out")" '["voices",5,null,["acme/codec"]]'
	# what is there is recorded, and no more
	expect 0 itts verify --model-dir "$S.oci/model"
	same "$(jq -r '.repos[].id' "$S.oci/model/.itts-pack/voices.lock.json")" acme/voice
	test ! -e "$S.oci/hub/.locks/itts-pack/voices/itts-bundle.json"
	expect 0 itts env --model-dir "$S.oci/model"
	printf '{"a": 2}' >"$S.oci/model/config.json"
	expect 0 one_of codec "$S.oci"
	grep -q "^model directory $S.oci/model: " "$T/out"
	not grep -q "other repositories" "$T/out"
	# an edited file of the other one is left alone; then all is as after an installation
	same "$(cat "$S.oci/model/config.json")" '{"a": 2}'
	test ! -e "$S.oci/model/config.json.orig"
	expect 0 one_of voice "$S.oci"
	same "$(cat "$S.oci/model/config.json.orig")" '{"a": 2}'
	rm "$S.oci/model/config.json.orig"
	same_as_file "$S.oci"
}
same_as_file() { # DIR: cache and model directory as after the installation of the file
	local side
	expect 0 itts verify --model-dir "$1/model"
	expect 0 itts verify --cache "$1/hub" --lock "$S.json"
	cache_is_honest "$1/hub"
	for side in "$S.file" "$1"; do
		(cd "$side" && find . ! -path '*/.locks/*' ! -name checked ! -name '*.quick*' \( -type f -printf '%p ' -exec sha256sum {} \; -o -printf '%p %y %l\n' \) |
			grep -v checked | sed 's,^\(.*\)  \./.*,\1,' | sort) >"$side.list"
	done
	diff "$S.file.list" "$1.list"
	cmp "$S.file/model/.itts-pack/voices.lock.json" "$1/model/.itts-pack/voices.lock.json"
	cmp "$S.file/hub/.locks/itts-pack/voices/itts-bundle.json" "$1/hub/.locks/itts-pack/voices/itts-bundle.json"
	diff <(itts env --model-dir "$S.file/model" | sed "s,$S.file,DIR,") <(itts env --model-dir "$1/model" | sed "s,$1,DIR,")
	expect 0 itts ls --cache "$1/hub" --json
}
signed() {
	local name
	for name in voice codec; do
		expect 0 one_of "$name" "$S.signed" --allowed-signers "$T/allowed" --require-signature --signature "$S.sig" --json
		same "$(jq -r .signature.principals "$T/out")" eva
	done
	same_as_file "$S.signed"
	# one over something else, one by somebody else, none at all
	printf 'x' | ssh-keygen -q -Y sign -f "$T/key" -n itts-pack >"$T/other.sig"
	expect 9 one_of voice "$S.none" --allowed-signers "$T/allowed" --signature "$T/other.sig"
	one_error
	ssh-keygen -q -t ed25519 -N '' -f "$T/stranger"
	ssh-keygen -q -Y sign -f "$T/stranger" -n itts-pack <"$S.bundle.json" >"$T/stranger.sig"
	expect 9 one_of voice "$S.none" --allowed-signers "$T/allowed" --signature "$T/stranger.sig"
	expect 9 one_of voice "$S.none" --allowed-signers "$T/allowed" --revoked "$T/key.pub" --signature "$S.sig"
	# a policy that wants signer and serial
	policy '"signers": ["eva"], "serial": 5'
	expect 8 one_of voice "$S.none" --policy "$T/p.json"
	says '"signers"' "--signature FILE"
	expect 0 one_of voice "$S.pol" --policy "$T/p.json" --allowed-signers "$T/allowed" --signature "$S.sig"
	policy '"serial": 6'
	expect 8 one_of voice "$S.none" --policy "$T/p.json"
	says '"serial"'
	# and the serial that was installed last
	pack_store "$S.store" "$S.json" "$S.4.tar" --serial 4
	expect 0 skopeo copy --dest-tls-verify=false "oci-archive:$S.4.tar:acme--voice" "docker://$open/set/older:v1"
	expect 8 one_of older "$S.none"
	says "serial 4"
	test ! -e "$S.none"
}
altered() { # NAME JQ [BUNDLE-JSON]: as set/NAME:v1
	local dir=$T/altered.$1 digest
	expect 0 skopeo copy --src-tls-verify=false "docker://$open/set/voice:v1" "dir:$dir"
	jq -c "$2" "$dir/manifest.json" | tr -d '\n' >"$dir/m" && mv "$dir/m" "$dir/manifest.json"
	if [ $# -gt 2 ]; then
		digest=$(sha256sum <"$3" | cut -c 1-64)
		cp "$3" "$dir/$digest"
	fi
	expect 0 skopeo copy --dest-tls-verify=false "dir:$dir" "docker://$open/set/$1:v1"
}
images_that_differ() {
	# of an older itts-pack: the cache, but nothing that needs the manifest
	altered bare 'del(.layers[] | select(.annotations["vnd.itts-pack.bundle"]))'
	expect 2 one_of bare "$S.none"
	says "pack the bundle again" "install the bundle's file"
	expect 2 itts install "oci:$open/set/bare@sha256:$(digest_of set/bare:v1)" --plain-http --cache "$S.none/hub" \
		--signature "$S.sig" --allowed-signers "$T/allowed"
	test ! -e "$S.none"
	expect 0 itts install "oci:$open/set/bare:v1" --plain-http --cache "$S.bare/hub"
	cache_is_honest "$S.bare/hub"
	# another licence, one file less, another place of a file than the bundle says
	altered licence '.annotations["org.opencontainers.image.licenses"] = "x"'
	altered less 'del(.layers[0])'
	altered path '.layers[0].annotations["org.cncf.model.filepath"] = "other.bin"'
	for one in licence less path; do
		expect 9 one_of "$one" "$S.none"
		one_error
		says "something else than the bundle"
	done
	# a manifest that was changed along with the image: the signature tells
	sed 's,weights/big.bin,weights/bad.bin,' "$S.bundle.json" >"$T/bad.json"
	altered views '(.layers[] | select(.annotations["vnd.itts-pack.bundle"])).digest = "sha256:'"$(sha256sum <"$T/bad.json" | cut -c 1-64)"'"' "$T/bad.json"
	expect 9 one_of views "$S.none" --allowed-signers "$T/allowed" --signature "$S.sig"
	expect 7 one_of views "$S.none"
	test ! -e "$S.none"
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
check "a manifest at another host" manifest_elsewhere
check "no password to a stranger" no_password_to_strangers
check "a list of allowed signers" signers
check "model directories, repository by repository" model_dirs
check "signature, policy and serial of the bundle" signed
check "images that are not what their bundle says" images_that_differ
check "name and password" password
finish
