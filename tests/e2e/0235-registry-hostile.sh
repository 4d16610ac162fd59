#!/usr/bin/env bash
# A registry that does wrong, one way at a time: a status of its class, one error that
# names the image and says what to do, nothing wrong in the store, and a next run that
# is none the worse for it. Then two serials at once, and one registry out of another.
. "$(dirname "$0")/lib.sh"

need python3 jq skopeo docker-registry openssl flock
SPEC='{"name": "voices", "repos": [
 {"id": "acme/voice", "license": "MIT", "files": [
   {"path": "big.bin", "size": 3000000},
   {"path": "config.json", "text": "{\"a\": 1}", "git": true},
   {"path": "page.html", "text": "<!DOCTYPE html><p>A page", "git": true}]}]}'
make_store "$T/store" "$T/lock.json" <<<"$SPEC"
pack() { # SERIAL: N.tar, and its layout in N
	pack_store "$T/store" "$T/lock.json" "$T/$1.tar" --serial "$1"
	mkdir "$T/$1"
	tar -xf "$T/$1.tar" -C "$T/$1"
}
must pack 1
must pack 2
BIG=$(jq -r '.repos[0].files[] | select(.path == "big.bin").sha256' "$T/lock.json")
PAGE=$(jq -r '.repos[0].files[] | select(.path == "page.html").sha256' "$T/lock.json")
COMMIT=$(jq -r '.repos[0].commit' "$T/lock.json")
certificates

start_images() { # NAME [OPTIONS]: sets NAME to its URL
	local name=$1
	shift
	start "$name" python3 "$SERVERS/registry.py" --ready "$T/$name.ready" --log "$T/log/$name.requests" \
		--image "models/voice:v1=$T/1:acme--voice" --image "models/voice:v2=$T/2:acme--voice" "$@"
	await test -e "$T/$name.ready" || exit 1
	eval "$name=$(ready "$name" registry)"
}
start_images reg
start_images other
start_images secure --tls-cert "$T/server.pem" --tls-key "$T/server.key"
HOST=${reg#http://}
AT=oci:$HOST/models/voice:v1

set_up() { # URL RULES: and secrets that are to be seen nowhere else
	curl -sS --cacert "$T/ca.pem" -d "{\"rules\": $2, \"canaries\": [\"s3cret\", \"t0ken\"]}" "$1/setup" >/dev/null
}
all_well() {
	for one in "$reg" "$other" "$secure"; do set_up "$one" '[]'; done
	for one in reg other secure; do : >"$T/log/$one.requests"; done
}
pull() { # CACHE [OPTIONS]
	local cache=$1
	shift
	itts install "$AT" --plain-http --retries 1 --cache "$cache" "$@"
}
installed() { # CACHE
	local at=models--acme--voice/snapshots/$COMMIT
	cache_is_honest "$1"
	expect 0 itts verify --cache "$1" --lock "$T/lock.json"
	for f in big.bin config.json page.html; do cmp "$1/$at/$f" "$T/store/$at/$f"; done
}
untouched() { # CACHE: nothing that anybody would take for the image
	[ -e "$1" ] || return 0
	cache_is_honest "$1"
	same "$(find "$1" -path '*/snapshots/*' -o -path '*/refs/*' -o -name itts-bundle.json)" ""
}
clear_error() { # TEXT...
	one_error
	says "$AT" "$@"
	! grep -qE 'HF_TOKEN|--jobs|a hub|\(null\)' "$T/err" || fail "advice for something else"
	! grep -qE 's3cret|t0ken' "$T/out" "$T/err" || fail "a secret is told"
}
wrong() { # STATUS RULES TEXT...
	local status=$1 rules=$2 cache=$T/c.$RANDOM
	shift 2
	set_up "$reg" "$rules"
	expect "$status" pull "$cache"
	clear_error "$@"
	untouched "$cache"
	all_well
	expect 0 pull "$cache"
	installed "$cache"
	chmod -R u+w "$cache" && rm -rf "$cache"
}
on_blob='"path": "blobs/sha256:'$BIG'"'
on_manifest='"path": "/manifests/"'

blobs() {
	wrong 9 "[{$on_blob, \"fault\": \"flip\", \"at\": 1000}]" big.bin "expected $BIG" "skopeo copy"
	wrong 9 "[{$on_blob, \"fault\": \"other\"}]" big.bin "skopeo copy"
	for delta in 5 -5 -2999999; do
		wrong 9 "[{$on_blob, \"fault\": \"length\", \"delta\": $delta}]" big.bin \
			"has $((3000000 + delta)) bytes" "expected 3000000" "skopeo copy"
	done
	wrong 7 "[{$on_blob, \"fault\": \"endless\"}]" big.bin "longer than 3000000 bytes" "ask who runs $HOST"
	wrong 7 "[{$on_blob, \"fault\": \"gzip\"}]" big.bin compressed
	wrong 7 "[{$on_blob, \"fault\": \"html\"}]" big.bin "web page" "address of a registry"
	wrong 7 "[{$on_blob, \"fault\": \"html\", \"same_length\": true}]" big.bin "web page"
	wrong 6 "[{$on_blob, \"fault\": \"status\", \"status\": 404}]" big.bin "not found" "skopeo copy"
	wrong 4 "[{$on_blob, \"fault\": \"drop\"}]" big.bin --retries
	# a file of the model that is a page is none to be refused
	wrong 9 "[{\"path\": \"$PAGE\", \"fault\": \"flip\", \"at\": 20}]" page.html
	set_up "$reg" "[{\"path\": \"$PAGE\", \"fault\": \"headers\", \"set\": {\"Content-Type\": \"text/html\"}}]"
	expect 0 pull "$T/page"
	installed "$T/page"
}
manifests() {
	wrong 9 "[{$on_manifest, \"fault\": \"flip\", \"at\": 20}]" "the registry says sha256:"
	wrong 7 "[{$on_manifest, \"fault\": \"endless\"}]" "4194304"
	wrong 7 "[{$on_manifest, \"fault\": \"html\"}]" "web page" "address of a registry"
	wrong 7 "[{$on_manifest, \"fault\": \"html\", \"type\": \"text/plain\"}]" "web page"
	wrong 7 "[{$on_manifest, \"fault\": \"gzip\"}]" compressed
	wrong 9 "[{\"path\": \"$(bundle_digest)\", \"fault\": \"flip\", \"at\": 20}]" "manifest of its bundle"
	# by digest: another manifest is another manifest, whatever the registry says of it
	local digest
	digest=$(manifest_digest)
	set_up "$reg" "[{$on_manifest, \"fault\": \"replace\", \"file\": \"$(blob_of 2)\"}]"
	expect 9 itts install "oci:$HOST/models/voice@$digest" --plain-http --cache "$T/none"
	one_error
	says "oci:$HOST/models/voice@$digest" "another manifest"
	test ! -e "$T/none"
	all_well
	expect 0 itts install "oci:$HOST/models/voice@$digest" --plain-http --cache "$T/d"
	installed "$T/d"
}
manifest_digest() { jq -r '.manifests[0].digest' "$T/1/index.json"; }
blob_of() { # LAYOUT: file of its image manifest
	echo "$T/$1/blobs/sha256/$(jq -r '.manifests[0].digest' "$T/$1/index.json" | cut -d: -f2)"
}
bundle_digest() { jq -r '.layers[] | select(.annotations["vnd.itts-pack.bundle"]).digest' "$(blob_of 1)"; }
kinds() { # images of another kind
	echo '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}' >"$T/index"
	wrong 7 "[{$on_manifest, \"fault\": \"replace\", \"file\": \"$T/index\"}]" "an index of several images" "docs/fleet.md"
	echo '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json", "manifests": []}' >"$T/list"
	wrong 7 "[{$on_manifest, \"fault\": \"replace\", \"file\": \"$T/list\"}]" "an index of several images"
	jq -c '.layers[].mediaType = "application/vnd.oci.image.layer.v1.tar+gzip"' "$(blob_of 1)" >"$T/gzip"
	wrong 7 "[{$on_manifest, \"fault\": \"replace\", \"file\": \"$T/gzip\"}]" "not a file of a model" "docs/fleet.md"
	jq -c 'del(.artifactType)' "$(blob_of 1)" >"$T/container"
	wrong 7 "[{$on_manifest, \"fault\": \"replace\", \"file\": \"$T/container\"}]" "not a model" "docs/fleet.md"
}
redirects() {
	for on in "$on_blob" "$on_manifest"; do
		wrong 4 "[{$on, \"fault\": \"redirect\", \"to\": \"self\"}]" "more than 5 redirects"
		for to in file:///etc/passwd ftp://$HOST/x gopher://$HOST/x; do
			wrong 4 "[{$on, \"fault\": \"redirect\", \"to\": \"$to\"}]" "not http or https" "$to"
		done
	done
	# what one host says of its answer is not said of the next one's
	set_up "$reg" "[{$on_manifest, \"fault\": \"redirect\", \"to\": \"$other/v2/models/voice/manifests/v1\",
		\"headers\": {\"Docker-Content-Digest\": \"sha256:$BIG\"}}]"
	set_up "$other" "[{$on_manifest, \"fault\": \"headers\", \"drop\": [\"Docker-Content-Digest\"]}]"
	expect 0 pull "$T/r"
	installed "$T/r"
	all_well
}
as_eva() { # HOST COMMAND...
	jq -n --arg h "$1" --arg a "$(printf eva:s3cret | base64)" '{auths: {($h): {auth: $a}}}' >"$T/auth.json"
	shift
	REGISTRY_AUTH_FILE=$T/auth.json SSL_CERT_FILE=$T/ca.pem "$@"
}
told() { # SERVER: how many requests had a secret
	jq -c 'select(.canary or .auth)' "$T/log/$1.requests" | wc -l
}
BASIC="Basic $(printf eva:s3cret | base64)"
answer_token='{"path": "^/token", "fault": "status", "status": 200, "body": "{\"token\": \"t0ken\"}"}'
login() { # SCHEME REALM [ACCEPT]: a rule, for all but the token
	printf '{"path": "^/v2/", "fault": "login", "scheme": "%s", "realm": "%s", "accept": ["%s"]}' "$1" "$2" "${3:-}"
}
elsewhere() { # bytes on another host, which is told nothing
	local rule rules
	all_well
	for rule in "$(login Basic x "$BASIC")" "$(login Bearer "$reg/token" "Bearer t0ken")"; do
		for on in "$on_blob" "$on_manifest"; do
			local path=blobs/sha256:$BIG cache=$T/e.$RANDOM
			[ "$on" = "$on_blob" ] || path=manifests/v1
			# first the log-in, of something else; then the redirect
			rules="[{\"path\": \"^/v2/\", \"count\": 1, ${rule#*,}, $answer_token,
				{$on, \"fault\": \"redirect\", \"to\": \"$other/v2/models/voice/$path\"}, $rule]"
			set_up "$reg" "$rules"
			expect 0 as_eva "$HOST" pull "$cache"
			installed "$cache"
			test "$(told reg)" -gt 0
			same "$(told other)" 0
			grep -q "$path" "$T/log/other.requests"
			all_well
		done
	done
	# nor when it asks for it: a challenge counts only where the request was for
	set_up "$reg" "[{$on_blob, \"fault\": \"redirect\", \"to\": \"$other/v2/models/voice/blobs/sha256:$BIG\"}]"
	for rule in "$(login Bearer "$secure/token")" "$(login Basic x)"; do
		set_up "$other" "[$rule]"
		set_up "$secure" "[$answer_token]"
		expect 5 as_eva "$HOST" pull "$T/asked"
		same "$(told other) $(told secure)" "0 0"
		clear_error big.bin "refused"
		untouched "$T/asked"
	done
	all_well
	expect 0 as_eva "$HOST" pull "$T/asked"
	installed "$T/asked"
}
token_servers() { # by https: any host, as the registry says; without: the registry alone
	all_well
	set_up "$reg" "[$(login Bearer "$other/token" "Bearer t0ken")]"
	set_up "$other" "[$answer_token]"
	expect 8 as_eva "$HOST" pull "$T/t1"
	clear_error "$other" "neither encrypted nor the registry itself"
	same "$(wc -l <"$T/log/other.requests")" 0
	test ! -e "$T/t1"
	set_up "$reg" "[$(login Bearer "file:///etc/passwd")]"
	expect 7 as_eva "$HOST" pull "$T/t1"
	clear_error "log in"
	test ! -e "$T/t1"
	# a certificate that nobody vouches for
	set_up "$reg" "[$(login Bearer "$secure/token" "Bearer t0ken")]"
	set_up "$secure" "[$answer_token]"
	expect 4 as_eva "$HOST" env -u SSL_CERT_FILE "$PROGRAM" install "$AT" --plain-http --retries 0 --cache "$T/t1"
	clear_error "log-in"
	same "$(told secure)" 0
	expect 0 as_eva "$HOST" pull "$T/t1"
	installed "$T/t1"
	same "$(jq -r 'select(.path == "/token") | "\(.auth) \(.canary)"' "$T/log/secure.requests" | sort -u)" "true true"
	not grep -rqE 's3cret|t0ken' "$T/t1"
	# which sends it on: not with the password
	all_well
	set_up "$reg" "[$(login Bearer "$secure/token" "Bearer t0ken")]"
	start_images third --tls-cert "$T/server.pem" --tls-key "$T/server.key"
	set_up "$third" "[$answer_token]"
	for to in "$other" "$third"; do
		set_up "$secure" "[{\"path\": \"^/token\", \"fault\": \"redirect\", \"to\": \"$to/token\"}]"
		as_eva "$HOST" pull "$T/t2" >"$T/out" 2>"$T/err" || clear_error "log-in"
		same "$(told secure)" 1
		: >"$T/log/secure.requests"
		same "$(told other) $(told third)" "0 0"
	done
}
no_entry() { # 401 for ever, 403
	local rule
	for rule in "$(login Basic x)" "$(login Bearer "$reg/token")"; do
		all_well
		set_up "$reg" "[$answer_token, $rule]"
		expect 5 as_eva "$HOST" pull "$T/n"
		clear_error "skopeo login $HOST"
		test ! -e "$T/n"
		test "$(wc -l <"$T/log/reg.requests")" -le 6
		all_well
		wrong 5 "[$answer_token, $rule]" "skopeo login $HOST"
	done
	wrong 5 '[{"path": "^/v2/", "fault": "status", "status": 401}]' "log-in"
	wrong 5 "[{\"path\": \"^/token\", \"fault\": \"status\", \"status\": 401}, $(login Bearer "$reg/token")]" \
		"log-in" "skopeo login $HOST"
	for on in "$on_blob" "$on_manifest"; do
		wrong 5 "[{$on, \"fault\": \"status\", \"status\": 403}]" "access is refused" "skopeo login $HOST"
	done
	wrong 7 "[{\"path\": \"^/token\", \"fault\": \"html\"}, $(login Bearer "$reg/token")]" "log-in" "web page"
	wrong 7 "[{\"path\": \"^/token\", \"fault\": \"endless\"}, $(login Bearer "$reg/token")]" "log-in"
}
absent() {
	for one in models/other:v1 models/voice:v3; do
		expect 6 itts install "oci:$HOST/$one" --plain-http --cache "$T/a"
		one_error
		says "oci:$HOST/$one" "no such image" "skopeo list-tags docker://$HOST/${one%:*}"
		not grep -q "a hub" "$T/err"
		test ! -e "$T/a"
	done
}
too_many() {
	wrong 4 '[{"path": "^/v2/", "fault": "status", "status": 429, "headers": {"Retry-After": "1"}}]' \
		"too many requests" --retries "skopeo login $HOST"
	local began=$EPOCHSECONDS
	for path in /manifests/ "$BIG"; do
		set_up "$reg" "[{\"path\": \"$path\", \"fault\": \"status\", \"status\": 429, \"count\": 1, \"headers\": {\"Retry-After\": \"2\"}}]"
		expect 0 pull "$T/m.$BASHPID$RANDOM"
	done
	test $((EPOCHSECONDS - began)) -ge 4
	# the token server is asked as patiently
	set_up "$reg" "[{\"path\": \"^/token\", \"fault\": \"status\", \"status\": 503, \"count\": 1},
		$answer_token, $(login Bearer "$reg/token" "Bearer t0ken")]"
	expect 0 pull "$T/m"
	installed "$T/m"
	all_well
	wrong 4 '[{"path": "^/v2/", "fault": "status", "status": 503}]' "has a fault" --retries
}
challenges() { # one that is known is enough; a token may have its other name
	set_up "$reg" "[{\"path\": \"^/token\", \"fault\": \"status\", \"status\": 200,
			\"body\": \"{\\\"token\\\": \\\"\\\", \\\"access_token\\\": \\\"t0ken\\\"}\"},
		$(login Bearer "$reg/token" "Bearer t0ken" | jq -c '.others = ["Negotiate", "Basic realm=\"x\""]')]"
	expect 0 pull "$T/several"
	installed "$T/several"
}
expires() { # a token may do so as often as it likes, as long as bytes come
	local cut="{$on_blob, \"fault\": \"cut\", \"after\": 300000, \"count\": 1}"
	local login="{$on_blob, \"fault\": \"login\", \"scheme\": \"Bearer\", \"realm\": \"$reg/token\", \"count\": 1}"
	set_up "$reg" "[$answer_token, $cut, $login, $cut, $login, $cut, $login]"
	: >"$T/log/reg.requests"
	expect 0 pull "$T/expires"
	installed "$T/expires"
	same "$(jq -r 'select(.path | contains("'"$BIG"'")) | .status' "$T/log/reg.requests" | grep -c 401)" 3
	# not for nothing
	set_up "$reg" "[$answer_token, {$on_blob, \"fault\": \"login\", \"scheme\": \"Bearer\", \"realm\": \"$reg/token\"}]"
	expect 5 pull "$T/never"
	clear_error big.bin
}
cut_off() { # goes on by a range; where there are none, from the beginning
	all_well
	set_up "$reg" "[{$on_blob, \"fault\": \"cut\", \"after\": 1000000, \"count\": 1}]"
	expect 4 pull "$T/cut" --retries 0
	clear_error big.bin
	untouched "$T/cut"
	: >"$T/log/reg.requests"
	expect 0 pull "$T/cut"
	installed "$T/cut"
	same "$(jq -r 'select(.path | contains("'"$BIG"'")) | "\(.range) \(.status)"' "$T/log/reg.requests")" "bytes=1000000- 206"
	set_up "$reg" "[{$on_blob, \"fault\": \"cut\", \"after\": 1000000, \"count\": 1}, {$on_blob, \"fault\": \"no-range\"}]"
	expect 0 pull "$T/cut2"
	installed "$T/cut2"
	set_up "$reg" "[{$on_blob, \"fault\": \"cut\", \"after\": 1000000, \"count\": 1}, {$on_blob, \"fault\": \"status\", \"status\": 416, \"count\": 1}]"
	expect 0 pull "$T/cut3" --retries 3
	installed "$T/cut3"
	set_up "$reg" "[{$on_blob, \"fault\": \"status\", \"status\": 416}]"
	expect 4 pull "$T/cut4"
	clear_error big.bin
	untouched "$T/cut4"
	for lie in true false; do
		set_up "$reg" "[{$on_blob, \"fault\": \"cut\", \"after\": 1000000, \"count\": 1}, {$on_blob, \"fault\": \"wrong-range\", \"lie\": $lie}]"
		expect "$([ $lie = true ] && echo 9 || echo 7)" pull "$T/cut.$lie"
		clear_error big.bin
		untouched "$T/cut.$lie"
		all_well
		expect 0 pull "$T/cut.$lie"
		installed "$T/cut.$lie"
	done
}
wrong_beginning() { # what a bad run has left must not spoil a good one
	all_well
	mkdir -p "$T/w/models--acme--voice/blobs"
	head -c 1000000 /dev/zero >"$T/w/models--acme--voice/blobs/$BIG.itts-part"
	expect 0 pull "$T/w"
	installed "$T/w"
	same "$(jq -r 'select(.path | contains("'"$BIG"'")).range' "$T/log/reg.requests" | paste -sd ' ')" "bytes=1000000- null"
}
turns() { # the newer one is installed while the older one waits
	local pid got=0
	all_well
	export XDG_STATE_HOME=$T/state.turns
	expect 0 pull "$T/turn"
	exec 7<"$T/turn/.locks/itts-pack.lock"
	flock -x 7
	"$PROGRAM" install "$AT" --plain-http --cache "$T/turn" >"$T/one.out" 2>"$T/one.err" 7<&- &
	pid=$!
	await grep -q "waiting for another itts-pack" "$T/one.err"
	expect 0 itts install "${AT%:v1}:v2" --plain-http --cache "$T/turn.2" 7<&-
	picture "$T/turn" >"$T/before"
	exec 7<&-
	wait $pid || got=$?
	cp "$T/one.err" "$T/err"
	same $got 8
	clear_error "serial 1 is older than serial 2" --allow-downgrade
	picture "$T/turn" | diff "$T/before" -
	same "$(jq -r '.bundles[0].highest' "$XDG_STATE_HOME/itts-pack/serials.json")" 2
}
race() { # both at once: whoever is first, the newer one is what stays
	local pid status old new
	for i in 1 2 3 4 5 6; do
		old=0 new=0
		export XDG_STATE_HOME=$T/state.race$i
		"$PROGRAM" install "$AT" --plain-http --cache "$T/race$i" >"$T/old.out" 2>&1 &
		pid=$!
		itts install "${AT%:v1}:v2" --plain-http --cache "$T/race$i" >"$T/new.out" 2>&1 || new=$?
		wait $pid || old=$?
		cat "$T/old.out" "$T/new.out"
		same $new 0
		[ $old = 0 ] || same $old 8
		installed "$T/race$i"
		same "$(jq -r '.bundles[0] | "\(.highest) \(.installed)"' "$XDG_STATE_HOME/itts-pack/serials.json")" "2 2"
		same "$(jq .serial "$T/race$i/.locks/itts-pack/voices/itts-bundle.json")" 2
	done
}
start_registry() { # NAME: a real one; sets NAME to HOST:PORT
	local port
	port=$(free_port)
	mkdir "$T/$1.data"
	printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
		"$T/$1.data" "$port" >"$T/$1.yml"
	start "$1" docker-registry serve "$T/$1.yml"
	await listens "$port"
	eval "$1=127.0.0.1:$port"
}
raw() { skopeo inspect --tls-verify=false --raw "docker://$1"; }
replication() { # by skopeo sync and by skopeo copy
	local digest
	start_registry first
	start_registry second
	expect 0 skopeo copy --dest-tls-verify=false "oci-archive:$T/1.tar:acme--voice" "docker://$first/models/voice:v1"
	raw "$first/models/voice:v1" >"$T/raw1"
	expect 0 skopeo sync --src docker --dest docker --src-tls-verify=false --dest-tls-verify=false \
		"$first/models/voice" "$second/models"
	expect 0 skopeo copy --src-tls-verify=false --dest-tls-verify=false \
		"docker://$first/models/voice:v1" "docker://$second/copied/voice:v1"
	kill "$first_PID" && wait "$first_PID" || :
	digest=sha256:$(sha256sum <"$T/raw1" | cut -c 1-64)
	same "$digest" "$(manifest_digest)"
	export XDG_STATE_HOME=$T/state.replica
	for name in models/voice copied/voice; do
		raw "$second/$name:v1" | cmp - "$T/raw1"
		for ref in "$name:v1" "$name@$digest"; do
			expect 0 itts install "oci:$second/$ref" --plain-http --cache "$T/replica"
			installed "$T/replica"
			chmod -R u+w "$T/replica" && rm -rf "$T/replica"
		done
	done
	# every blob under its digest
	while IFS=: read -r _ digest; do
		curl -sSL "http://$second/v2/models/voice/blobs/sha256:$digest" | sha256sum | grep -q "^$digest "
	done < <(jq -r '.layers[].digest' "$T/raw1")
}

check "blobs of wrong bytes or size" blobs
check "manifests that are wrong" manifests
check "images of another kind" kinds
check "redirects that lead nowhere" redirects
check "another host is told nothing" elsewhere
check "token servers" token_servers
check "401 for ever, 403" no_entry
check "no such image" absent
check "too many requests" too_many
check "several challenges, a token by its other name" challenges
check "a token that expires again and again" expires
check "cut in the middle" cut_off
check "a wrong beginning" wrong_beginning
check "an older one waits its turn in vain" turns
check "two serials at once" race
check "one registry out of another" replication
finish
