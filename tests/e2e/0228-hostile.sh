#!/usr/bin/env bash
# Hostile bundles and archives, one by one, from files and from pipes: each is refused
# with a message of its own; nothing is written outside, nothing has a final name.
# The attacks are made and listed in hostile.py.
#
# What else an attacker, a bad disk or a bad moment can do, and where it is tried:
#   every bit of headers, many of payloads, every cut, bytes more    0055
#   files of 0, 1, 511, 512, ... 8 GiB bytes through all readers      0057
#   links raced, a bundle rewritten while it is read                  0225
#   a thin bundle whose target lacks or has damaged something         0220
#   old serials, jumps, a lost record, a wrong clock                  0201
#   volumes cut, missing, of another set, twice, in any order         0221
#   signatures: other key, namespace, kind, time, text, flipped       0200
#   nothing is made before the signature holds                        0200
#   every parser, with its corpus                                     tests/fuzz
#   JSON: twice, deep, 1e400, surrogates, NUL, a BOM, too large       0058, 0035
#   the policy: repositories, licences, sizes, signers, code          0230
. "$(dirname "$0")/lib.sh"

need python3 jq ssh-keygen
A=$(printf 'a%.0s' {1..40})
mkdir "$T/bad" "$T/disk" "$T/outside"
echo canary >"$T/outside/canary"
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "hostile", "repos": [{"files": [{"path": "a.bin", "size": 70001, "views": ["a.bin"]},
	{"path": "b.bin", "size": 70001}, {"path": "config.yaml", "text": "a: 1\n", "git": true}]}]}
SPEC
prepare() {
	pack_store "$T/store" "$T/lock.json" "$T/good.tar" --serial 7
	pack_store "$T/store" "$T/lock.json" "$T/newer.tar" --serial 8
	ssh-keygen -q -t ed25519 -N "" -f "$T/key"
	echo "release@example.com $(cat "$T/key.pub")" >"$T/allowed"
	cp "$T/good.tar" "$T/signed.tar"
	itts sign "$T/signed.tar" --key "$T/key"
	itts sign "$T/newer.tar" --key "$T/key"
	# what it must not touch is there, and the serial is known
	expect 0 itts install "$T/good.tar" --cache "$T/first"
	python3 "$ROOT/tests/e2e/hostile.py" "$T/good.tar" "$T/signed.tar" "$T/newer.tar" "$T/bad" >"$T/table"
	cp "$T/state/itts-pack/serials.json" "$T/serials"
	picture "$T/outside" >"$T/outside.before"
	: >"$T/messages"
}
must prepare

around() { # all that is beside the disk, but for what this script writes itself
	(cd "$T" && find . \( -path ./disk -o -path ./log -o -name out -o -name err -o -name messages \
		-o -name '*.before' \) -prune -o \( -type d -printf '%p %y %m %i\n' -o -printf '%p %y %m %s %i %T@ %l\n' \) | sort)
}
unharmed() { # no name below disk that its bytes do not deserve, nothing visible, nothing outside
	same "$(find "$T/disk" -type l)" ""
	same "$(find "$T/disk" -type f | grep -v '/\.locks/\|CACHEDIR\.TAG\|\.itts-part$' |
		grep -v '/blobs/[0-9a-f]*$' || true)" ""
	[ ! -d "$T/disk/hub" ] || cache_is_honest "$T/disk/hub"
	around | diff "$T/around.before" -
	[ ! -e "${T%/*}/outside" ] && [ ! -e /outside ] && [ ! -e /etc/cron.d/x ]
}
refused() { # STATUS WORDS COMMAND...
	local status=$1 words=$2
	shift 2
	rm -rf "$T/disk"
	mkdir "$T/disk"
	around >"$T/around.before"
	expect "$status" "$@"
	one_error
	says "$words"
	unharmed
}
attack() { # KIND NAME STATUS WORDS
	local kind=$1 file=$T/bad/$2 status=$3 words=$4
	local to=(--cache "$T/disk/hub")
	case $kind in
	import) to+=(--import) ;;
	signed) to+=(--allowed-signers "$T/allowed") ;;
	bundle) to+=(--model-dir "$T/disk/m") ;;
	esac
	refused "$status" "$words" timeout 20 "$PROGRAM" install "$file" "${to[@]}"
	# its own message, apart from the name of the file
	sed -n 's/^itts-pack: //p' "$T/err" | sed "s|$T/bad/$2||g" >>"$T/messages"
	grep -qF "$2" "$T/err"
	[ "$kind-$status" != bundle-9 ] || says "the bundle is damaged" "copy it again"
	refused "$status" "$words" sh -c 'f=$1; shift; cat "$f" | timeout 20 "$0" install - "$@"' \
		"$PROGRAM" "$file" "${to[@]}"
	[ "$kind" = import ] || [[ $name == replay ]] || [[ $name == serial-jump ]] || verified "$file" "${to[@]:2}"
}
verified() { # what is wrong with the bytes is a report, and status 9
	local got=0
	[ "$2" = --allowed-signers ] || set -- "$1"
	timeout 20 "$PROGRAM" verify "$@" >"$T/out" 2>"$T/err" || got=$?
	case $got in 7 | 8 | 9) ;; *) fail "verify: status $got" ;; esac
}
strange() { # neither a ref nor a listing: left out, and said
	rm -rf "$T/disk"
	expect 0 itts install --import "$T/bad/strange" --cache "$T/disk/hub"
	says "refs/main: not a ref" "not a listing"
	same "$(find "$T/disk/hub" -path '*/refs/*')" ""
	cache_is_honest "$T/disk/hub"
	picture "$T/outside" | diff "$T/outside.before" -
}
distinct() {
	local n
	n=$(wc -l <"$T/messages")
	echo "$n messages"
	test "$n" -ge 45
	same "$(sort "$T/messages" | uniq -d)" ""
}
other_volume() { # of the same name and size
	mkdir "$T/v" "$T/w"
	pack_store "$T/store" "$T/lock.json" "$T/v/b.tar" --serial 7 --volume-size 64K
	pack_store "$T/store" "$T/lock.json" "$T/w/b.tar" --serial 8 --volume-size 64K
	cp "$T/w/b.tar.001" "$T/v"
	refused 9 "another set" itts install "$T/v" --cache "$T/disk/hub"
	sed 's/^itts-pack: //' "$T/err" | tail -n 1 >>"$T/messages"
}
still_works() { # what is honest is taken after all that
	expect 0 itts install "$T/good.tar" --cache "$T/disk/hub"
	cache_is_honest "$T/disk/hub"
	test -e "$T/disk/hub/models--acme--voice/snapshots/$A/a.bin"
}

while IFS=$'\t' read -r kind name status words; do
	check "$kind: $name" attack "$kind" "$name" "$status" "$words"
done <"$T/table"
check "refs and listings that are none" strange
check "a volume of another set" other_volume
check "each has its own message" distinct
check "the honest bundle is taken" still_works
finish
