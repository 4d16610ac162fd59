#!/usr/bin/env bash
# A SOCKS5 proxy that looks names up itself (microsocks).
# run: first
. "$(dirname "$0")/lib.sh"

need python3 jq microsocks
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=300000
SRC=$TOP/models/acme/voice/$A
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
OPEN=$(free_port)
start open microsocks -i 127.0.0.1 -p "$OPEN" -b 127.0.0.4
SHUT=$(free_port)
start shut microsocks -i 127.0.0.1 -p "$SHUT" -b 127.0.0.4 -u anna -P pass
await listens "$OPEN"
await listens "$SHUT"

fetch() { # STATUS PROXY ARGS...
	: >"$T/log/hub.requests"
	rm -rf "$T/c"
	expect "$1" itts fetch --lock "$T/lock.json" --endpoint "${AT:-$hub}" --cache "$T/c" --proxy "${@:2}"
}
through() {
	fetch 0 "$1"
	cmp "$SRC/big.safetensors" "$T/c/models--acme--voice/snapshots/$A/big.safetensors"
	same "$(jq -r '.peer | split(":")[0]' "$T/log/hub.requests" | sort -u)" 127.0.0.4
}
by_variable() {
	: >"$T/log/hub.requests"
	rm -rf "$T/c"
	all_proxy=socks5h://127.0.0.1:$OPEN expect 0 itts fetch --lock "$T/lock.json" \
		--endpoint "$hub" --cache "$T/c"
	same "$(jq -r '.peer | split(":")[0]' "$T/log/hub.requests" | sort -u)" 127.0.0.4
}
names() { # one that only the proxy knows
	local AT=http://hub.example.invalid:${hub##*:} far unshare=(unshare -m)
	[ "$(id -u)" -eq 0 ] || unshare=(unshare -rm)
	far=$(free_port)
	echo "127.0.0.1 hub.example.invalid" >"$T/hosts"
	start far "${unshare[@]}" sh -c 'mount --bind "$1" /etc/hosts && exec microsocks -i 127.0.0.1 -p "$2" -b 127.0.0.4' \
		- "$T/hosts" "$far"
	await listens "$far"
	fetch 4 "socks5://127.0.0.1:$far" --retries 0
	through "socks5h://127.0.0.1:$far"
}
refused() {
	fetch "$1" "$2"
	one_error
	says proxy 127.0.0.1
	same "$(grep -c wrong-pass "$T/err")" 0
	same "$(wc -l <"$T/log/hub.requests")" 0
}

check "socks5h" through "socks5h://127.0.0.1:$OPEN"
check "with credentials" through "socks5h://anna:pass@127.0.0.1:$SHUT"
check "all_proxy" by_variable
if can_unshare; then
	check "names are the proxy's business" names
else
	skip_one "names are the proxy's business" "no namespaces"
fi
check "wrong credentials" refused 5 "socks5h://anna:wrong-pass@127.0.0.1:$SHUT"
# with all retries and their pauses
check "nobody there" refused 4 "socks5h://127.0.0.1:$(free_port)"
finish
