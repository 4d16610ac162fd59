#!/usr/bin/env bash
# Offline means that no connection is opened, not even a name looked up.
. "$(dirname "$0")/lib.sh"

need python3 jq strace
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=70000
start_hub hub "$TOP"
must itts fetch acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/full"
: >"$T/log/hub.requests"

silent() { # STATUS ARGS...: run under strace, no socket of any network
	local status=$1
	shift
	expect "$status" strace -f -qq -e trace=socket,connect -o "$T/trace" "$PROGRAM" "$@"
	same "$(grep -cE 'AF_INET' "$T/trace")" 0
}
plain() { # OPTION-OR-VARIABLE
	local words=(--cache "$T/full" --endpoint "$hub")
	silent 0 fetch --lock "$T/lock.json" "${words[@]}" "$@"
	silent 0 pack --lock "$T/lock.json" "${words[@]}" -o "$T/b.tar" "$@"
	silent 2 lock acme/voice --lock "$T/lock.json" "${words[@]}" "$@"
	silent 2 fetch acme/other "${words[@]}" "$@"
	one_error
	silent 6 fetch --lock "$T/lock.json" --cache "$T/absent" "$@"
	one_error
	says "$T/absent" "itts-pack fetch"
	test ! -e "$T/absent"
	mkdir -p "$T/empty"
	silent 6 fetch --lock "$T/lock.json" --cache "$T/empty" "$@"
	one_error
	says "2 of 2 files" big.safetensors
}
by_option() { plain --offline; }
by_variable() {
	for value in 1 ON yes TRUE; do
		HF_HUB_OFFLINE=$value silent 6 fetch --lock "$T/lock.json" --cache "$T/empty"
	done
	HF_HUB_OFFLINE=1 plain
	TRANSFORMERS_OFFLINE=1 silent 6 fetch --lock "$T/lock.json" --cache "$T/empty"
}
damaged() {
	cp -r "$T/full" "$T/bad"
	local blob
	blob=$(readlink -f "$T/bad/models--acme--voice/snapshots/$A/big.safetensors")
	chmod u+w "$blob"
	printf X | dd of="$blob" bs=1 seek=500 conv=notrunc status=none
	silent 6 fetch --lock "$T/lock.json" --cache "$T/bad" --offline
	says big.safetensors
	silent 9 pack --lock "$T/lock.json" --cache "$T/bad" --offline -o "$T/bad.tar"
	one_error
	says big.safetensors
	test ! -e "$T/bad.tar"
	silent 9 pack --lock "$T/lock.json" --cache "$T/bad" --offline -o -
}
off() { # 0 is off
	HF_HUB_OFFLINE=0 expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c2"
}
needless() { # these never need a network
	silent 0 install "$T/b.tar" --cache "$T/c3" --model-dir "$T/m"
	silent 0 verify --cache "$T/c3"
	silent 0 verify "$T/b.tar"
	silent 0 inspect "$T/b.tar"
	silent 0 env --cache "$T/c3"
	silent 0 recipes
}
untouched() {
	same "$(jq -r 'select(.peer) | .path' "$T/log/hub.requests" | wc -l)" 0
}

check "--offline" by_option
check "HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE" by_variable
check "damage is noticed offline" damaged
check "install, verify, inspect, env, recipes open no connection" needless
check "the hub heard nothing" untouched
check "HF_HUB_OFFLINE=0 is off" off
finish
