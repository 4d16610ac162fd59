#!/usr/bin/env bash
# One flipped bit anywhere, one cut anywhere, one byte more: never a success.
. "$(dirname "$0")/lib.sh"

need python3
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "damage", "repos": [{"hub_view": "hf_cache", "license": "MIT", "files": [
   {"path": "a.bin", "size": 70001, "views": ["a.bin"]},
   {"path": "b.bin", "size": 4097}, {"path": "c.bin", "size": 511},
   {"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["config.yaml"]}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"

damage() { # on a disk that has nothing to wait for
	local work=$T/work
	mkdir "$work"
	[ "$(id -u)" -ne 0 ] || { mount -t tmpfs none "$work" && trap 'umount "$T/work"' EXIT; }
	python3 "$ROOT/tests/e2e/damage.py" "$PROGRAM" "$T/b.tar" "$work" "${ITTS_SEED:-1}" ${ITTS_LONG:+all}
}
bigger() { # a file in several pieces: verify says where
	make_store "$T/store2" "$T/lock2.json" <<'SPEC'
{"name": "big", "repos": [{"files": [{"path": "big.bin", "size": 209715201, "zeros": true},
	{"path": "small.bin", "size": 100}]}]}
SPEC
	pack_store "$T/store2" "$T/lock2.json" "$T/big.tar"
	printf x | dd of="$T/big.tar" bs=1 seek=160000000 conv=notrunc 2>/dev/null
	expect 9 itts verify "$T/big.tar"
	prints big.bin "between byte 134217728 and 201326592"
	expect 9 sh -c '"$0" verify - <"$1"' "$PROGRAM" "$T/big.tar"
	prints big.bin "between byte 134217728 and 201326592"
	expect 9 itts install "$T/big.tar" --cache "$T/c2"
	says big.bin
	test ! -e "$T/c2/models--acme--voice/refs/main"
	cache_is_honest "$T/c2"
	# mended, the next run reads only what is missing
	printf '\0' | dd of="$T/big.tar" bs=1 seek=160000000 conv=notrunc 2>/dev/null
	expect 0 itts install "$T/big.tar" --cache "$T/c2"
	# a state that is wrong
	local at
	at=$(python3 -c 'import sys, tarfile; print(tarfile.open(sys.argv[1]).getmember("itts-bundle.states").offset_data)' "$T/big.tar")
	printf x | dd of="$T/big.tar" bs=1 seek=$((at + 33)) conv=notrunc 2>/dev/null
	expect 9 itts verify "$T/big.tar"
	prints itts-bundle.states
	same "$(grep -c big.bin "$T/out")" 0
	expect 9 itts install "$T/big.tar" --cache "$T/c3"
	says itts-bundle.states
	test ! -e "$T/c3/models--acme--voice/refs/main"
}

check "flipped bits, cuts, additions" damage
check "damage in a file of several pieces is located" bigger
finish
