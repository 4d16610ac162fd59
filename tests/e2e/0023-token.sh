#!/usr/bin/env bash
# Where the token goes (the hub that it is for), and where it does not: CDN, other
# hosts, mirrors, logs, command lines, files.
. "$(dirname "$0")/lib.sh"

need python3 jq curl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/gated $A config.json=300 model.safetensors=3000000
echo '{"gated": "auto"}' >"$TOP/models/acme/gated/hub.json"
CANARY=hf_CaNaRy$RANDOM$RANDOM$RANDOM
printf '%s granted\n' "$CANARY" >"$T/tokens"
printf '%s\n' "$CANARY" >"$T/canary" # for grep -f: never on a command line
start_hub hub "$TOP" --tokens "$T/tokens" --rate 3000000
start_hub other "$TOP" --tokens "$T/tokens"
start_fault mirror --upstream "$hub"

auth() { # LOG ORIGIN: how many requests with credentials
	jq -r "select(.origin == \"$2\" and .auth) | .path" "$T/log/$1.requests" | wc -l
}
fetch() { # STATUS ENDPOINT ARGS...
	local status=$1 at=$2
	shift 2
	expect "$status" itts fetch acme/gated --endpoint "$at" --cache "$T/c-$BASHPID" "$@" \
		--verbose --progress plain
}
named() {
	(
		for ((i = 0; i < 15; i++)); do
			cat /proc/[0-9]*/cmdline || true # processes come and go
			sleep 0.1
		done >"$T/cmdlines" 2>/dev/null
	) &
	watch=$!
	HF_TOKEN=$CANARY fetch 0 "$hub" --token-for "$hub"
	wait $watch
	test "$(auth hub hub)" -gt 0
	same "$(auth hub cdn)" 0
	cp "$T/out" "$T/err" "$T/log"
	grep -qaF itts-pack "$T/cmdlines"
	same "$(grep -caFf "$T/canary" "$T/cmdlines")" 0
}
unnamed() { # an endpoint gets no token unless it is named
	HF_TOKEN=$CANARY fetch 5 "$other"
	same "$(auth other hub)" 0
}
suggested() { # a manifest, perhaps somebody else's, names an endpoint
	printf '{"format":"itts-manifest","version":1,"name":"m","endpoints":["%s"],
		"models":[{"id":"acme/gated"}]}' "$other" >"$T/m.json"
	: >"$T/log/other.requests"
	HF_TOKEN=$CANARY expect 5 itts fetch -m "$T/m.json" --cache "$T/c-$BASHPID" --verbose
	says "$other, from endpoints of the manifest"
	test "$(jq -r .path "$T/log/other.requests" | wc -l)" -gt 0
	same "$(auth other hub)" 0
	HF_TOKEN=$CANARY expect 0 itts fetch -m "$T/m.json" --cache "$T/c-$BASHPID" --token-for "$other"
	# the user's own word comes first
	: >"$T/log/other.requests"
	HF_ENDPOINT=http://127.0.0.1:$(free_port) expect 4 itts fetch -m "$T/m.json" \
		--cache "$T/c2-$BASHPID" --retries 0
	expect 5 itts fetch -m "$T/m.json" --cache "$T/c2-$BASHPID" --endpoint "$hub"
	same "$(cat "$T/log/other.requests")" ""
}
from_files() {
	mkdir -p "$T/hf home"
	cp "$T/canary" "$T/hf home/token"
	HF_HOME="$T/hf home" fetch 0 "$hub" --token-for "$hub"
	rm -rf "$T/c-$BASHPID"
	HF_TOKEN_PATH=$T/canary fetch 0 "$hub" --token-for "$hub"
	rm -rf "$T/c-$BASHPID"
	HF_TOKEN_PATH=$T/canary HF_HUB_DISABLE_IMPLICIT_TOKEN=1 fetch 2 "$hub" --token-for "$hub"
}
redirected() { # a named endpoint that sends us to another host
	faults "$mirror" "[{\"path\": \"resolve\", \"fault\": \"redirect\", \"to\": \"$other/acme/gated/resolve/$A/config.json\"},
		{\"path\": \"^/api/\", \"fault\": \"redirect\", \"to\": \"$other/api/models/acme/gated\", \"count\": 1}]"
	: >"$T/log/other.requests"
	local got=0
	HF_TOKEN=$CANARY itts fetch acme/gated --endpoint "$mirror" --token-for "$mirror" \
		--cache "$T/c-$BASHPID" || got=$?
	test $got -ne 0
	test "$(jq -r .path "$T/log/other.requests" | wc -l)" -gt 0
	same "$(auth other hub)" 0
	test "$(auth mirror fault)" -gt 0
}
echoed() { # the words of a refusal are told, but not if the token is in them
	local header
	for header in '"headers": {"X-Error-Message": "'$CANARY'"}, "body": ""' '"body": "{\"error\": \"'$CANARY' it is not\"}"'; do
		faults "$mirror" "[{\"path\": \"\", \"fault\": \"status\", \"status\": 401, $header}]"
		HF_TOKEN=$CANARY expect 5 itts fetch acme/gated --endpoint "$mirror" --token-for "$mirror" \
			--cache "$T/c-$BASHPID"
		says "status 401"
		not grep -qF "$CANARY" "$T/out" "$T/err"
	done
}
in_bundle() {
	HF_TOKEN=$CANARY expect 0 itts pack acme/gated --endpoint "$hub" --token-for "$hub" \
		--cache "$T/cache" --lock "$T/lock.json" -o "$T/b.tar" --verbose
	expect 0 itts install "$T/b.tar" --cache "$T/c2" --model-dir "$T/m"
	HF_TOKEN=$CANARY expect 0 itts env --cache "$T/c2"
}
nowhere() { # in no file of this test but the two that hold it
	grep -rlaFf "$T/canary" "$T" | grep -vxF -e "$T/canary" -e "$T/tokens" -e "$T/hf home/token" >"$T/found" || true
	same "$(cat "$T/found")" ""
	# no part of a signed URL either
	same "$(grep -rlaE 'Signature=[0-9a-f]+' "$T/log" "$T/cache" "$T/lock.json" "$T/b.tar")" ""
}
bad_token() { # a token that would break the header
	HF_TOKEN=$'hf_a\nX: b' fetch 2 "$hub" --token-for "$hub"
	one_error
}

check "the token goes to the endpoint that is named, not to its CDN" named
check "no other endpoint gets it" unnamed
check "nor one that a manifest names" suggested
check "from HF_HOME, HF_TOKEN_PATH" from_files
check "not sent after a redirect to another host" redirected
check "not told where a server tells it back" echoed
check "lock, bundle and environment" in_bundle
check "a token with a line break" bad_token
check "the token is in no log, cache, lock or bundle" nowhere
finish
