#!/usr/bin/env bash
# Each way in which a hub says no, or says nonsense: one line that names what and
# where, the exit status of its class, nothing left behind.
. "$(dirname "$0")/lib.sh"

need python3 jq curl
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=70000
repo "$TOP" acme/gated $A model.safetensors=7000
repo "$TOP" acme/secret $A model.safetensors=7000
repo "$TOP" acme/gone $A model.safetensors=7000
repo "$TOP" acme/old $A model.safetensors=7000
echo '{"gated": "auto"}' >"$TOP/models/acme/gated/hub.json"
echo '{"private": true}' >"$TOP/models/acme/secret/hub.json"
echo '{"disabled": true}' >"$TOP/models/acme/gone/hub.json"
echo '{"moved": "acme/voice"}' >"$TOP/models/acme/old/hub.json"
printf 'hf_yes granted\nhf_no\n' >"$T/tokens"
start_hub hub "$TOP" --tokens "$T/tokens"
start_fault mirror --upstream "$hub" --follow
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"

ask() { # STATUS REPO TEXT...: fetch through the hub, in environment ENVIRONMENT
	local status=$1 what=$2
	shift 2
	expect "$status" env ${ENVIRONMENT:-A=b} "$PROGRAM" fetch "$what" --endpoint "$hub" \
		--cache "$T/c-$BASHPID" ${TOKEN_FOR:+--token-for "$hub"}
	[ "$status" -ne 0 ] || return 0
	one_error
	says "$@"
	test ! -e "$T/c-$BASHPID"
}
with_token() { # TOKEN ARGS OF ask...
	local ENVIRONMENT=HF_TOKEN=$1 TOKEN_FOR=yes
	shift
	ask "$@"
}
from_mirror() { # STATUS RULE TEXT...: fetch by lock, with a fault
	local status=$1
	faults "$mirror" "[$2]"
	shift 2
	expect "$status" itts fetch --lock "$T/lock.json" --endpoint "$mirror" --cache "$T/c-$BASHPID"
	one_error
	says "$mirror" "$@"
	[ "$status" -ne 9 ] || says "name another endpoint with --endpoint"
	cache_is_honest "$T/c-$BASHPID"
	same "$(find "$T/c-$BASHPID" -path '*snapshots*' -name big.safetensors | wc -l)" 0
}
lock_mirror() { # STATUS RULE TEXT...: lock, with a fault
	local status=$1
	faults "$mirror" "[$2]"
	shift 2
	expect "$status" itts lock acme/voice --endpoint "$mirror" --cache "$T/c-$BASHPID" --lock "$T/new.json"
	one_error
	says "$mirror" "$@"
	test ! -e "$T/new.json"
	test ! -e "$T/c-$BASHPID"
}
next_page() { # Link leads to another host: its page is asked of the endpoint, the token stays
	local link
	start_hub pages "$TOP" --page-size 1 --tokens "$T/tokens"
	start_hub other "$TOP"
	start_fault front --upstream "$pages" --follow
	link=$(curl -sSD - -o /dev/null --noproxy '*' "$pages/api/models/acme/voice/tree/$A?recursive=true&expand=false" |
		tr -d '\r' | sed -n 's/^Link: <https*:\/\/[^/]*\(.*\)>.*/\1/p')
	test -n "$link"
	faults "$front" '[{"path": "/tree/", "count": 1, "fault": "headers",
		"set": {"Link": "<'"$other$link"'>; rel=\"next\""}}]'
	HF_TOKEN=hf_yes expect 0 itts lock acme/voice --endpoint "$front" --token-for "$front" \
		--cache "$T/c0" --lock "$T/new.json"
	cmp "$T/new.json" "$T/lock.json"
	same "$(wc -c <"$T/log/other.requests")" 0
	jq -se 'map(select(.path | test("/tree/"))) | length >= 2' "$T/log/front.requests"
	rm "$T/new.json"
	# to something that is no listing: refused, and not asked for
	faults "$front" '[{"path": "/tree/", "count": 1, "fault": "headers",
		"set": {"Link": "<'"$other"'/acme/voice/resolve/main/x>; rel=\"next\""}}]'
	expect 7 itts lock acme/voice --endpoint "$front" --cache "$T/c0" --lock "$T/new.json"
	one_error
	says "$front"
	test ! -e "$T/new.json"
	same "$(wc -c <"$T/log/other.requests")" 0
}
not_sent() { # a token is there, and the endpoint not named: asking for one would not help
	local what
	for what in acme/gated acme/secret; do
		HF_TOKEN=hf_yes ask 5 $what $what "the token from HF_TOKEN was not sent to $hub" --token-for
	done
	ask 5 acme/gated HF_TOKEN
	same "$(grep -c "token-for" "$T/err")" 0
}
moved_repo() { # followed, kept under the name that was asked for
	ask 0 acme/old
	test -d "$T/c-$BASHPID/models--acme--old/snapshots/$A"
}
on_big='"path": "resolve/.*big"'
on_api='"path": "^/api/"'

check "gated, anonymous: 5" ask 5 acme/gated acme/gated restricted conditions HF_TOKEN
check "gated, token without grant: 5" with_token hf_no 5 acme/gated acme/gated restricted
check "gated, token with grant" with_token hf_yes 0 acme/gated
check "a token that is not sent, for the endpoint is not named: 5" not_sent
check "bad token: 5" with_token hf_wrong 5 acme/voice token
check "missing or private, anonymous: 5" ask 5 acme/nothing acme/nothing private
check "private, anonymous: 5" ask 5 acme/secret acme/secret private
check "private, with token" with_token hf_yes 0 acme/secret
check "missing, with token: 6" with_token hf_yes 6 acme/nothing "no such repository"
check "disabled: 5" ask 5 acme/gone disabled
check "renamed: followed" moved_repo
check "no such revision: 6" ask 6 acme/voice@nope nope revision
check "no such file: 6" from_mirror 6 "{$on_big, \"fault\": \"status\", \"status\": 404, \"headers\": {\"X-Error-Code\": \"EntryNotFound\"}}" big.safetensors \
	"name another endpoint with --endpoint"
check "too many requests, without end: 4" from_mirror 4 \
	"{$on_big, \"fault\": \"status\", \"status\": 429, \"headers\": {\"Retry-After\": \"0\"}}" "too many"
check "withheld for legal reasons: 4" from_mirror 4 "{$on_big, \"fault\": \"status\", \"status\": 451}" legal "name another endpoint with --endpoint"
check "a fault of the server, without end: 4" from_mirror 4 \
	"{$on_big, \"fault\": \"status\", \"status\": 500, \"headers\": {\"Retry-After\": \"0\"}}" "run it again later" --endpoint
check "redirects without end: 4" from_mirror 4 "{$on_big, \"fault\": \"redirect\", \"to\": \"self\"}" redirects "ask another server"
check "a web page: 9" from_mirror 9 "{$on_big, \"fault\": \"html\"}" "web page" big.safetensors
check "a pointer: 9" from_mirror 9 "{$on_big, \"fault\": \"pointer\"}" "Git LFS pointer" big.safetensors
check "wrong bytes of the right length: 9" from_mirror 9 "{$on_big, \"fault\": \"flip\", \"at\": 69999}" sha256 big.safetensors
check "a page of the right length: 9" from_mirror 9 "{$on_big, \"fault\": \"html\", \"same_length\": true}" sha256 big.safetensors
check "too short: 9" from_mirror 9 "{$on_big, \"fault\": \"length\", \"delta\": -5}" 70000 big.safetensors
check "too long: 9" from_mirror 9 "{$on_big, \"fault\": \"length\", \"delta\": 5}" 70000 big.safetensors
check "listing is a web page" lock_mirror 4 "{$on_api, \"fault\": \"html\"}" "web page"
check "listing is no JSON: 7" lock_mirror 7 "{$on_api, \"fault\": \"status\", \"status\": 200, \"body\": \"{nonsense\"}"
check "listing leads out of the snapshot: 8" lock_mirror 8 "{\"path\": \"/tree/\", \"fault\": \"status\", \"status\": 200,
	\"body\": \"[{\\\"type\\\": \\\"file\\\", \\\"path\\\": \\\"../../x\\\", \\\"size\\\": 1, \\\"oid\\\": \\\"$A\\\"}]\"}" "../../x"
check "a digest that is none: 7" lock_mirror 7 "{\"path\": \"/tree/\", \"fault\": \"status\", \"status\": 200,
	\"body\": \"[{\\\"type\\\": \\\"file\\\", \\\"path\\\": \\\"x\\\", \\\"size\\\": 1, \\\"oid\\\": \\\"../../../x\\\"}]\"}"
check "a commit that is none: 7" lock_mirror 7 "{\"path\": \"revision\", \"fault\": \"status\", \"status\": 200,
	\"body\": \"{\\\"id\\\": \\\"acme/voice\\\", \\\"sha\\\": \\\"../../etc\\\"}\"}"
check "a page of a listing at another host" next_page
check "an endless listing: 7" lock_mirror 7 "{\"path\": \"/tree/\", \"fault\": \"endless\"}"
finish
