#!/usr/bin/env bash
# Bad input of every kind: one error line that names what and where, the exit status of
# its class, and not a byte of the disk changed.
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
SHA=$(printf '%064d' 7)
W=$T/w # what must not change
mkdir -p "$W/dir" "$W/cache"
cd "$W" || exit 1
printf 'a file' >"$W/file"

bad() { # STATUS COMMAND... :: TEXT...
	local status=$1 before command=()
	shift
	while [ "$1" != "::" ]; do
		command+=("$1")
		shift
	done
	shift
	before=$(picture "$W")
	{
		expect "$status" "${command[@]}" && one_error && says_all "$@" &&
			same "$(picture "$W")" "$before" && same "$(cat "$T/out")" ""
	} || MISFITS=$((MISFITS + 1))
}
says_all() {
	local text
	for text; do
		grep -qiF -- "$text" "$T/err" || fail "no \"$text\" on standard error" || return
	done
}
rows() { # FUNCTION of calls of bad: all of them, then the verdict
	MISFITS=0
	"$1"
	same $MISFITS 0
}
# MANIFEST-BODY is put behind format, version and name, unless it is a whole
manifest() { # STATUS JSON TEXT...
	local status=$1 text=$2
	shift 2
	case $text in
	+*) text="{\"format\": \"itts-manifest\", \"version\": 1, \"name\": \"x\", \"models\": [
		{\"id\": \"acme/voice\", \"revision\": \"main\"${text#+}}]}" ;;
	esac
	printf '%s' "$text" >"$W/m.json"
	bad "$status" itts lock -m m.json --cache "$W/cache" --endpoint http://127.0.0.1:9 :: m.json "$@"
	rm "$W/m.json"
}
manifest_file() { # STATUS PYTHON-BYTES TEXT...
	local status=$1
	python3 -c "import sys; sys.stdout.buffer.write($2)" >"$W/m.json"
	shift 2
	bad "$status" itts lock -m m.json --cache "$W/cache" --endpoint http://127.0.0.1:9 :: m.json "$@"
	rm "$W/m.json"
}
GOOD='{"format":"itts-manifest","version":1,"name":"x","models":[{"id":"acme/voice","revision":"main"}]}'
manifest_text() { # no JSON, or not ours
	manifest 7 ''
	manifest 7 'nonsense'
	manifest 7 '{"format": "itts-manifest", "version": 1'
	manifest 7 "$GOOD trailing"
	manifest 7 '[]' object
	manifest 7 '{"version": 1, "name": "x", "models": []}' format
	manifest 7 '{"format": "itts-lock", "version": 1, "name": "x", "models": []}' itts-lock
	manifest 7 '{"format": "itts-manifest", "version": 2, "name": "x", "models": []}' version 2
	manifest 7 '{"format": "itts-manifest", "version": "1", "name": "x", "models": []}' version
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x"}' models
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "../x", "models": []}' name
}
manifest_bytes() {
	manifest_file 7 "b'\xef\xbb\xbf' + b'''$GOOD'''" BOM
	manifest_file 7 "b'''$GOOD'''.replace(b'voice', b'vo\x00ce')"
	manifest_file 7 "b'''$GOOD'''.replace(b'voice', b'vo\\\\u0000ce')"
	manifest_file 7 "b'''$GOOD'''.replace(b'voice', b'vo\xff\xfece')" UTF-8
	manifest_file 7 "b'''$GOOD'''.replace(b'voice', b'vo\\\\ud800ce')"
	manifest_file 7 "b'[' * 100000" deep
	manifest_file 7 "b'{\"a\":' * 100000" deep
	manifest_file 7 "b' ' * (4 << 20) + b'''$GOOD'''" "larger than 4194304"
}
manifest_keys() {
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x", "models": [], "colour": 1}' colour
	manifest 7 '+, "revison": "main"' revison 'models[0]'
	manifest 7 '+, "views": [{"files": "*", "to": "", "too": 1}]' too 'models[0]' 'views[0]'
	manifest 7 '+, "digests": {"a.bin": {"sha257": "'"$SHA"'"}}' sha257 'models[0]' a.bin
	manifest 7 '+, "mirrors": {"gitee": "a/b"}' gitee 'models[0]' mirrors
	manifest 7 '+, "groups": {"odd": ["*"]}' odd 'models[0]' groups
	manifest 7 '+, "archive": {"url": "http://h/a.tar", "sha256": "'"$SHA"'", "sha1": ""}' sha1 'models[0]' archive
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x", "models": [{"id": "a/b"}], "groups": {"g": {"defualt": true}}}' \
		groups.g.defualt
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x", "models": [{"id": "a/b"}], "requires": {"pyhton": "3"}}' \
		requires.pyhton
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x", "models": [{"id": "a/b"}],
		"requires": {"memory": [{"profile": "p", "ram": 1}]}}' 'requires.memory[0].ram'
	manifest 7 '+, "id": "acme/other"' id twice
	manifest 7 '{"format": "itts-manifest", "format": "itts-manifest", "version": 1, "name": "x", "models": []}' \
		format twice
}
manifest_types() {
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": 7, "models": []}' name
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x", "models": {}}' models
	manifest 7 '+, "include": "*.json"' include 'models[0]'
	manifest 7 '+, "include": [7]' include 'models[0]'
	manifest 7 '+, "type": "mode"' type mode
	manifest 7 '+, "digests": {"a.bin": {"sha256": "xyz"}}' sha256 a.bin
	manifest 7 '+, "digests": {"a.bin": {"size": 9007199254740993, "sha256": "'"$SHA"'"}}' size a.bin
	manifest 7 '+, "digests": {"a.bin": {"size": -1, "sha256": "'"$SHA"'"}}' size a.bin
	manifest 7 '+, "digests": {"a.bin": {"size": 1.5, "sha256": "'"$SHA"'"}}' size a.bin
	manifest 7 '+, "digests": {"a.bin": {"size": 1e400, "sha256": "'"$SHA"'"}}'
}
manifest_paths() {
	manifest 8 '+, "views": [{"files": "*", "to": "../../etc/"}]' ../../etc
	manifest 8 '+, "views": [{"files": "*", "to": "/etc/"}]' /etc
	manifest 8 '+, "hub_view": "../cache"' ../cache
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x", "models": [{"id": "../../x", "revision": "main"}]}' ../../x
	manifest 7 '{"format": "itts-manifest", "version": 1, "name": "x", "models": [{"id": "a/b/c", "revision": "main"}]}' a/b/c
	manifest 8 '{"format": "itts-manifest", "version": 1, "name": "x", "models": [{"id": "acme/voice", "revision": "../../main"}]}' ../../main
}
lock_text() { # jq FILTER: the good lock, altered
	jq -c "$1" "$T/good.json"
}
lock_bad() { # STATUS TEXT-OF-LOCK TEXT...
	local status=$1
	printf '%s' "$2" >"$W/l.json"
	shift 2
	bad "$status" itts fetch --offline --lock l.json --cache "$W/cache" :: l.json "$@"
	rm "$W/l.json"
}
locks() {
	lock_bad 7 ''
	lock_bad 7 "$GOOD" itts-manifest
	lock_bad 7 "$(lock_text '.version = 2')" version 2
	lock_bad 7 "$(lock_text '.repos[0].colour = 1')" colour 'repos[0]'
	lock_bad 7 "$(lock_text '.repos[0].files[0].colour = 1')" colour 'repos[0]' 'files: [0]'
	lock_bad 7 "$(lock_text '.repos[0].commit = "main"')" commit
	lock_bad 7 "$(lock_text '.repos[0].files[0].size = 9007199254740993')" size
	lock_bad 7 "$(lock_text '.repos[0].files[0].size = "many"')" size
	lock_bad 7 "$(lock_text '.repos[0].files[0].sha256 = "xyz"')" sha256
	lock_bad 7 "$(lock_text '.repos[0].files[1] = .repos[0].files[0]')" twice
	lock_bad 8 "$(lock_text '.repos[0].files[0].path = "../../x"')" ../../x
	lock_bad 8 "$(lock_text '.repos[0].files[0].path = "/etc/x"')" /etc/x
	lock_bad 8 "$(lock_text '.repos[0].files[0].path = "a\u0007b"')"
	lock_bad 8 "$(lock_text '.repos[0].refs = ["../../../x"]')" ../../../x
	lock_bad 7 "$(lock_text '.' | sed 's/"version"/"version":1,"version"/')" version
	lock_bad 7 "$(head -c 300 "$T/good.json")"
}
lock_of_another() {
	cp "$T/good.json" "$W/l.json"
	bad 2 itts fetch acme/another --lock l.json --locked --cache "$W/cache" :: l.json
	printf '%s' "$GOOD" | sed 's/voice/another/' >"$W/m.json"
	bad 2 itts fetch -m m.json --lock l.json --locked --cache "$W/cache" :: l.json
	rm "$W/m.json" "$W/l.json"
}
files() { # missing, directories, pipes, no right to read
	bad 6 itts lock -m nothing.json --cache "$W/cache" :: nothing.json
	bad 3 itts lock -m dir --cache "$W/cache" :: dir
	bad 6 itts fetch --lock nothing.json --locked --cache "$W/cache" :: nothing.json
	bad 3 itts fetch --lock dir --locked --cache "$W/cache" :: dir
	bad 3 itts fetch --lock "$T/good.json" --cache "$W/file" --endpoint http://127.0.0.1:9 :: "$W/file"
	bad 6 itts fetch --lock "$T/good.json" --cache "$W/none" --offline :: "$W/none"
	bad 3 itts fetch --lock "$T/good.json" --cache /dev/null/x --endpoint http://127.0.0.1:9 :: /dev/null
	bad 2 itts init -o "$W/dir" :: "$W/dir"
}
environment() { # NAME=VALUE STATUS TEXT...
	local name=$1 status=$2
	shift 2
	bad "$status" env "$name" "$PROGRAM" fetch --lock "$T/good.json" --cache "$W/cache" :: "$@"
}
environments() {
	local NO=http://127.0.0.1:9
	environment HF_ENDPOINT=ftp://host 2 HF_ENDPOINT ftp://host
	environment HF_ENDPOINT=nonsense 2 HF_ENDPOINT nonsense
	environment "HF_ENDPOINT=http://ho st" 2 HF_ENDPOINT
	environment https_proxy=gopher://x 2 https_proxy
	environment ALL_PROXY=quic://x:1 2 ALL_PROXY
	environment SSL_CERT_FILE=/nothing.pem 2 SSL_CERT_FILE "/nothing.pem: no such file"
	environment SSL_CERT_DIR=/nothing 2 SSL_CERT_DIR "/nothing: no such file"
	environment "SSL_CERT_DIR=$W/file:/nothing/" 2 SSL_CERT_DIR "$W/file:/nothing/"
	environment CURL_CA_BUNDLE=$W/file 2 CURL_CA_BUNDLE "no certificate in $W/file"
	environment "HF_TOKEN=hf_a b" 2 HF_TOKEN
	environment HF_TOKEN_PATH=$W/dir 3 "$W/dir"
	bad 3 env HF_HUB_CACHE="$W/file" HF_ENDPOINT=$NO "$PROGRAM" fetch --lock "$T/good.json" :: "$W/file"
	bad 3 env HF_HOME=/dev/null HF_ENDPOINT=$NO "$PROGRAM" fetch --lock "$T/good.json" :: /dev/null
	# a token is never shown, also where it is the mistake
	not grep -q "hf_a b" "$T/err"
}
options() {
	bad 2 itts lock --colour :: --colour "itts-pack help lock"
	bad 2 itts fetch a/b c/d :: c/d
	bad 2 itts lock -m :: -m
	bad 2 itts lock --check --locked :: --check --locked
	bad 2 itts fetch --jobs 0 :: --jobs
	bad 2 itts fetch --jobs many :: --jobs many
	bad 2 itts fetch --endpoint not-a-url --lock "$T/good.json" :: not-a-url
	bad 2 itts fetch --proxy gopher://x --lock "$T/good.json" :: --proxy
	bad 2 itts lock 'a/b@' :: revision NAMESPACE/NAME
	bad 2 itts lock 'no such recipe' :: 'no such recipe'
	bad 2 itts lock a/b/c :: a/b/c
	bad 2 itts lock --recipe x -m y :: --recipe
	bad 2 itts lock -m m.json --include '*' :: --include
	bad 2 itts nonsense :: nonsense
	bad 2 itts lock --progress=loud :: --progress loud
	bad 2 itts lock '' ::
}
another_kind() { # one of our own files in the place of another; what is too late after hours
	local NO=http://127.0.0.1:9
	cp "$T/good.json" "$W/l.json"
	printf '%s' "$GOOD" >"$W/m.json"
	printf '{"format": "itts-inventory", "version": 1, "blobs": []}' >"$W/i.json"
	bad 7 itts lock -m l.json --cache "$W/cache" --endpoint $NO :: l.json "it is a lock file"
	bad 7 itts fetch --lock m.json --cache "$W/cache" --endpoint $NO :: m.json "it is a manifest"
	bad 7 itts install i.json --cache "$W/cache" :: i.json "it is an inventory"
	bad 7 itts verify l.json :: l.json "it is a lock file"
	bad 7 itts install dir --cache "$W/cache" :: dir "itts-pack import"
	bad 7 itts pack --for l.json --lock l.json --cache "$W/cache" --endpoint $NO -o x.tar :: --for "it is a lock file"
	bad 6 itts pack --for none --lock l.json --cache "$W/cache" --endpoint $NO -o x.tar :: --for none
	bad 2 itts pack --volume-size huge --lock l.json --cache "$W/cache" --endpoint $NO -o x.tar :: --volume-size huge
	bad 2 itts pack --installer file --lock l.json --cache "$W/cache" --endpoint $NO -o x.tar :: --installer file
	bad 6 itts pack --installer none --lock l.json --cache "$W/cache" --endpoint $NO -o x.tar :: --installer none
	bad 2 itts fetch https://huggingface.co/acme/voice --cache "$W/cache" :: URL NAMESPACE/NAME
	bad 3 itts env --model-dir file :: file directory
	bad 6 itts verify --model-dir none :: "no model directory none" "itts-pack install BUNDLE --model-dir none"
	bad 6 itts env --model-dir none :: "no model directory" "itts-pack install BUNDLE --model-dir none"
	bad 6 itts lock -m none.json :: "none.json: no such file" "itts-pack init -o none.json"
	# what can be pasted, whatever the name
	bad 6 itts verify --model-dir "it's none" :: "no model directory it's none;" "--model-dir 'it'\\''s none' makes it"
	bad 6 itts env --model-dir "it's none" :: "no model directory it's none;" "--model-dir 'it'\\''s none' makes it"
	bad 6 itts lock -m "no ne.json" :: "itts-pack init -o 'no ne.json'"
	bad 2 itts lock "no ne.json" :: "-m 'no ne.json'"
	bad 3 itts verify --model-dir file :: file directory
	rm "$W"/[lmi].json
}
no_cache() {
	local command
	for command in ls du gc verify inventory "export a/b" "rm a/b" repair \
		"repair --dry-run" "pack --from-store -o x.tar"; do
		# shellcheck disable=SC2086
		bad 6 itts $command --cache none :: "cache none: no such directory" "itts-pack fetch or itts-pack install" --cache
	done
}
unused() { # settings of a network that it turned out not to need
	bad 2 itts repair --endpoint nonsense --cache cache :: --endpoint nonsense
	bad 2 itts repair --endpoint http://127.0.0.1:9 --limit-rate much --cache cache :: --limit-rate much
	bad 2 env SSL_CERT_FILE=/nothing.pem "$PROGRAM" repair --cache cache :: SSL_CERT_FILE /nothing.pem
}
nobody() { # where no hub listens: what shows why, and what can be given
	local at="http://127.0.0.1:$(free_port)/it's" advice
	advice="itts-pack mirrors --endpoint '${at//\'/\'\\\'\'}' shows"
	bad 4 itts lock acme/voice --cache "$T/nobody" --lock "$T/none.json" --endpoint "$at" --retries 0 \
		:: "$at: " "cannot connect: connection refused" "$advice" --endpoint --proxy
	bad 4 itts fetch --cache "$T/nobody" --lock "$T/good.json" --endpoint "$at" --retries 0 :: "cannot connect" "$advice"
	bad 4 itts pack --cache "$T/nobody" --lock "$T/good.json" --endpoint "$at" --retries 0 -o "$T/n.tar" :: "cannot connect" "$advice"
	# a deadline is no such thing
	bad 4 itts fetch --cache "$T/nobody" --lock "$T/good.json" --endpoint "$at" --deadline 1s :: deadline
	not grep -q "itts-pack mirrors" "$T/err"
}
replaced() { # what an output or a lock would take the place of, by a slip of the hand
	local NO=http://127.0.0.1:9
	printf '%s' "$GOOD" >"$W/m.json"
	cp "$T/good.json" "$W/l.json"
	cp "$T/b.tar" "$W/b.tar"
	bad 7 itts lock -m m.json --lock m.json --cache "$W/cache" --endpoint $NO :: m.json "it is a manifest" "not replaced"
	bad 7 itts lock acme/voice --lock file --cache "$W/cache" --endpoint $NO :: file "not replaced" --lock
	bad 7 itts lock acme/voice --lock b.tar --cache "$W/cache" --endpoint $NO :: b.tar "not replaced"
	bad 2 itts sbom b.tar -o ./b.tar :: "-o ./b.tar would replace"
	bad 2 itts sbom --lock l.json -o l.json :: "-o l.json would replace"
	bad 2 itts pack --offline --cache "$T/c0" --lock l.json -o l.json :: "-o l.json would replace"
	ln -s nowhere "$W/link"
	bad 3 itts install b.tar --cache "$T/cr" --model-dir link :: "link is a link that leads nowhere"
	bad 3 itts install b.tar --cache link :: link
	bad 3 itts env --cache file :: file directory
	test ! -e "$T/cr/models--acme--voice/snapshots" || MISFITS=$((MISFITS + 1))
	rm "$W"/[lm].json "$W/b.tar" "$W/link"
	# but what was a lock, and was cut off or has marks of a merge, is made anew
	{ echo "<<<<<<< HEAD" && cat "$T/good.json"; } >"$T/torn.json"
	expect 0 itts lock acme/voice --lock "$T/torn.json" --endpoint "$hub" --cache "$T/c0"
	cmp "$T/torn.json" "$T/good.json"
}
unwritable() { # a place where the result cannot go is named, and nothing half stays
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chmod 755 "$T"
	chmod 555 "$W/dir"
	mkdir "$W/dir.txt"
	mkdir -m 777 "$T/cn"
	bad 3 "${as[@]}" "$PROGRAM" init -o "$W/dir/m.json" :: "$W/dir/m.json"
	bad 3 "${as[@]}" "$PROGRAM" lock acme/voice --lock "$W/dir/l.json" --endpoint "$hub" --cache "$T/cn" :: "$W/dir/l.json"
	bad 3 "${as[@]}" "$PROGRAM" fetch --lock "$T/good.json" --endpoint "$hub" --cache "$W/dir/c" :: "$W/dir/c"
	# not when all is over
	bad 3 timeout 20 "$PROGRAM" watch $$ --report "$W/none/r.html" :: --report "$W/none/r.html"
	bad 3 itts run --report "$W/none/r.txt" -- touch "$W/ran" :: --report "$W/none/r.txt"
	bad 2 itts run --report "$W/dir.txt" -- touch "$W/ran" :: --report directory
	# not after all of it has been copied into the cache
	bad 3 "${as[@]}" "$PROGRAM" install "$T/b.tar" --cache "$T/cn/new" --model-dir "$W/dir/m" :: "$W/dir/m" --model-dir
	same "$(find "$T/cn/new" -path '*/blobs/*' | wc -l)" 0
}
as_json() { # --json: the same as a document
	expect 7 itts lock -m file --json
	jq -e '.v == 1 and .error.class == "format" and .error.status == 7 and (.error.message | test("file"))' "$T/out"
	expect 2 itts lock --json --colour
	jq -e '.error.class == "usage" and .error.status == 2' "$T/out"
	expect 2 itts nonsense --json
	expect 6 itts lock -m nothing.json --json
	jq -e '.error.class == "not_found"' "$T/out"
	same "$(wc -l <"$T/out")" 1
}
full_output() { # results that cannot be written are no success
	local status=0
	itts recipes >/dev/full 2>"$T/err" || status=$?
	same $status 3
	one_error
	status=0
	itts help lock >/dev/full 2>"$T/err" || status=$?
	same $status 3
}

repo "$T/repos" acme/voice $A a.json=300 b.bin=5000
start_hub hub "$T/repos"
must itts lock acme/voice --lock "$T/good.json" --endpoint "$hub" --cache "$T/c0" --quiet
must itts fetch --lock "$T/good.json" --endpoint "$hub" --cache "$T/c0" --quiet
must pack_store "$T/c0" "$T/good.json" "$T/b.tar"
check "manifest: text that is none" rows manifest_text
check "manifest: bytes that are none" rows manifest_bytes
check "manifest: unknown and double keys, with their places" rows manifest_keys
check "manifest: wrong types and sizes" rows manifest_types
check "manifest: paths and names that lead out" rows manifest_paths
check "lock: every field" rows locks
check "lock of another manifest" rows lock_of_another
check "files that are missing, or are none" rows files
check "environment" rows environments
check "command line" rows options
check "one kind of file in the place of another" rows another_kind
check "a cache that is not there" rows no_cache
check "outputs and locks in the place of other files" rows replaced
check "settings that were not needed" rows unused
check "a hub that is not there" rows nobody
check "places that cannot be written" rows unwritable
check "--json" as_json
check "standard output that is full" full_output
finish
