#!/usr/bin/env bash
# The policy of a machine: each rule refuses, says which it is and what it is about, and
# leaves nothing under a final name; from a file, a stream, volumes, thin, an archive.
. "$(dirname "$0")/lib.sh"

need python3 jq ssh-keygen zstd
make_bundles() {
	python3 - <<'PYTHON'
import io, json, os, pickle, zipfile
def torch(path, data):
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("m/data.pkl", data)
        z.writestr("m/version", b"3\n")
os.makedirs("files", exist_ok=True)
torch("files/good.pth", b"\x80\x02}q\x00.")
torch("files/evil.pth", b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.")
open("files/old.bin", "wb").write(b"cos\nsystem\n(S'true'\ntR.")
open("files/torn.pt", "wb").write(b"\x80\x02}")
open("files/elf.dat", "wb").write(b"\177ELF\2\1\1" + bytes(5000))
open("files/run.txt", "wb").write(b"#!/bin/sh\necho\n")
open("files/tab.txt", "wb").write(b"#!\t/bin/sh\necho\n")
open("files/rel.txt", "wb").write(b"#!sh\necho\n")
PYTHON
	local name
	for name in good.pth evil.pth old.bin torn.pt elf.dat run.txt tab.txt rel.txt code.py libx.so.1; do
		mkdir -p "top/models/acme/${name%%.*}/main"
		[ -e "files/$name" ] || echo "$name" >"files/$name"
		cp "files/$name" "top/models/acme/${name%%.*}/main/m.${name#*.}"
		python3 -c 'import random,sys; sys.stdout.buffer.write(random.Random(1).randbytes(2500000))' \
			>"top/models/acme/${name%%.*}/main/a.safetensors"
		echo '{}' >"top/models/acme/${name%%.*}/main/config.json"
	done
	mv top/models/acme/libx/main/m.so.1 top/models/acme/libx/main/libx.so.1
	start_hub hub "$T/top"
	for name in good evil old torn elf run tab rel code libx; do
		expect 0 itts lock acme/$name --endpoint "$hub" --cache "$T/store" --lock $name.json
		# a lock written by hand would say it; the Hub's fixtures do not
		jq '.repos[0].license = "mit"' $name.json >x && mv x $name.json
		expect 0 itts fetch --lock $name.json --endpoint "$hub" --cache "$T/store"
		pack_store "$T/store" $name.json $name.tar --serial 5
	done
	kill "$hub_PID"
	ssh-keygen -q -t ed25519 -N "" -f key
	ssh-keygen -q -t ed25519 -N "" -f other
	printf 'release@example.com %s\nintern@example.com %s\n' "$(cat key.pub)" "$(cat other.pub)" >allowed
	cp good.tar signed.tar && expect 0 itts sign signed.tar --key key
	cp good.tar intern.tar && expect 0 itts sign intern.tar --key other
}
policy() { # RULES: p.json
	printf '{"format": "itts-policy", "version": 1%s}' "${1:+, $1}" >p.json
}
no_names() { # CACHE: no blob, snapshot, ref of what was refused, and no part of it
	[ -d "$1" ] || return 0
	same "$(find "$1" -type f ! -path '*/.locks/*' ! -name CACHEDIR.TAG)" ""
	same "$(find "$1" -type l)" ""
}
# CACHE FILE: what comes file by file leaves the harmless ones, of which nothing is made
no_name_of() {
	same "$(find "$1" -type l -o -path '*/refs/*' -o -path '*/trees/*' -o -name '*.itts-part')" ""
	find "$1" -type f -path '*/blobs/*' >blobs
	while read -r blob; do
		not cmp -s "$blob" "$2"
	done <blobs
}
# each RULES BUNDLE TEXT...: refused with these words, before the cache is made
refuses() {
	local rules=$1 bundle=$2
	shift 2
	policy "$rules"
	rm -rf none
	expect 8 itts install "$bundle" --cache none --policy p.json --model-dir none-m
	one_error
	says "$bundle" p.json "$@"
	test ! -e none
	test ! -e none-m
	expect 8 itts install "$bundle" --cache none --policy p.json --dry-run
}
takes() { # RULES BUNDLE
	policy "$1"
	rm -rf some
	expect 0 itts install "$2" --cache some --policy p.json "${@:3}"
	cache_is_honest some
}

rules() {
	refuses '"repos": ["facebook/*", "acme/go"]' good.tar '"repos"' "acme/good"
	takes '"repos": ["facebook/*", "acme/g*"]' good.tar
	refuses '"licenses": ["Apache-2.0"]' good.tar '"licenses"' '"mit"' acme/good
	takes '"licenses": ["Apache-2.0", "MIT"]' good.tar
	refuses '"serial": 6' good.tar '"serial"' "serial 5, the least allowed is 6"
	takes '"serial": 5' good.tar
	refuses '"serials": {"acme-good": 9}' good.tar '"serials"' "least allowed is 9"
	takes '"serials": {"acme-other": 9, "acme-good": 5}' good.tar
	refuses '"max_files": 2' good.tar '"max_files"' "3 files, allowed are 2"
	takes '"max_files": 3' good.tar
	refuses '"max_file_bytes": 2499999' good.tar '"max_file_bytes"' a.safetensors "2500000 bytes"
	takes '"max_file_bytes": 2500000' good.tar
	refuses '"max_bytes": 2500100' good.tar '"max_bytes"'
	takes '' evil.tar
	takes '"no_code": false' evil.tar
}
no_licence() {
	jq 'del(.repos[0].license)' good.json >nolic.json
	pack_store "$T/store" nolic.json nolic.tar --serial 9
	refuses '"licenses": ["MIT"]' nolic.tar "licence is not known"
}
expressions() { # one operand of OR is enough, AND needs all
	jq '.repos[0].license = "GPL-3.0-only OR (mit AND Apache-2.0)"' good.json >two.json
	pack_store "$T/store" two.json two.tar --serial 5
	takes '"licenses": ["MIT", "Apache-2.0"]' two.tar
	takes '"licenses": ["gpl-3.0-only"]' two.tar
	refuses '"licenses": ["MIT"]' two.tar '"licenses"' "GPL-3.0-only OR (mit AND Apache-2.0)"
}
no_code() {
	local bundle
	takes '"no_code": true' good.tar
	refuses '"no_code": true' evil.tar '"no_code"' "acme/evil m.pth" os.system
	refuses '"no_code": true' old.tar "acme/old m.bin" os.system
	refuses '"no_code": true' torn.tar "acme/torn m.pt" malformed
	refuses '"no_code": true' elf.tar "acme/elf m.dat" ELF
	refuses '"no_code": true' run.tar "acme/run m.txt" "a script"
	refuses '"no_code": true' tab.tar "acme/tab m.txt" "a script"
	refuses '"no_code": true' rel.tar "acme/rel m.txt" "a script"
	refuses '"no_code": true' code.tar "acme/code m.py" "a name"
	refuses '"no_code": true' libx.tar "acme/libx libx.so.1" "a name"
}
signers() {
	expect 0 itts install signed.tar --cache some --allowed-signers allowed
	policy '"signers": ["release@example.com"]'
	rm -rf none some
	expect 0 itts install signed.tar --cache some --allowed-signers allowed --policy p.json
	expect 9 itts install intern.tar --cache none --allowed-signers allowed --policy p.json
	one_error
	says intern.tar intern@example.com 'not among the signers that the rule "signers" of p.json demands'
	expect 9 itts install good.tar --cache none --allowed-signers allowed --policy p.json
	says 'not signed, and the rule "signers" of p.json demands a signature'
	expect 2 itts install signed.tar --cache none --policy p.json
	says 'the rule "signers" of p.json' "no list of allowed signers"
	# the same key under two names: one of them is enough
	printf 'ops@example.com %s\nrelease@example.com %s\n' "$(cat key.pub)" "$(cat key.pub)" >two
	expect 0 itts install signed.tar --cache some --allowed-signers two --policy p.json
	says "signed by release@example.com"
	test ! -e none
}
streams() { # nothing is named before all has come, and nothing stays
	local bundle
	policy '"no_code": true'
	for bundle in evil old torn elf run; do
		rm -rf none
		expect 8 sh -c 'cat "$1" | "$0" install - --cache none --policy p.json' "$PROGRAM" $bundle.tar
		one_error
		says '"no_code"' "acme/$bundle m."
		no_names none
	done
	zstd -q -f evil.tar -o evil.tar.zst
	expect 8 itts install evil.tar.zst --cache none --policy p.json
	no_names none
	rm -rf some
	expect 0 sh -c 'cat good.tar | "$0" install - --cache some --policy p.json' "$PROGRAM"
	cache_is_honest some
	same "$(find some -name '*.itts-part')" ""
	expect 0 itts verify --cache some --lock good.json
	# again: what is there is looked at, not trusted
	expect 0 sh -c 'cat good.tar | "$0" install - --cache some --policy p.json' "$PROGRAM"
}
already_there() { # the store has the bytes: they get no new name either
	rm -rf none
	expect 0 itts install evil.tar --cache none
	rm -r none/models--acme--evil/snapshots none/models--acme--evil/refs none/models--acme--evil/trees
	expect 8 sh -c 'cat evil.tar | "$0" install - --cache none --policy p.json' "$PROGRAM"
	says os.system
	same "$(find none -path '*/refs/*' -o -type l)" ""
}
thin() {
	policy '"no_code": true'
	rm -rf none
	expect 0 itts install evil.tar --cache none
	itts inventory --cache none >site.json
	pack_store "$T/store" evil.json thin.tar --serial 6 --for site.json
	find none | sort >before
	expect 8 itts install thin.tar --cache none --policy p.json
	says thin.tar "acme/evil m.pth"
	find none | sort | diff before -
	refuses '"max_bytes": 5' thin.tar '"max_bytes"'
}
volumes() {
	mkdir -p v v1
	pack_store "$T/store" evil.json v/b.tar --volume-size 400K --serial 9
	refuses '"no_code": true' v '"no_code"' "acme/evil m.pth"
	refuses '"repos": ["x/y"]' v '"repos"'
	# several visits: what it refuses comes with the last
	pack_store "$T/store" good.json v1/g.tar --volume-size 400K --serial 9
	rm -rf some && mkdir part
	policy '"no_code": true'
	cp v1/g.*json v1/g.tar.00[1-4] part
	expect 6 itts install part --cache some --policy p.json
	expect 0 itts install v1 --cache some --policy p.json
	cache_is_honest some
	rm -rf none part && mkdir part
	cp v/b.*json v/b.tar.00[1-4] part
	expect 6 itts install part --cache none --policy p.json
	expect 8 itts install v --cache none --policy p.json
	same "$(find none -path '*/refs/*' -o -type l)" ""
}
imports() {
	rm -rf none some
	tar -czf good.tgz -C "$T/store" models--acme--good
	tar -czf evil.tgz -C "$T/store" models--acme--evil
	tar -czf code.tgz -C "$T/store" models--acme--code
	policy '"no_code": true, "repos": ["acme/*"], "max_files": 3'
	expect 0 itts install --import good.tgz --cache some --policy p.json
	cache_is_honest some
	same "$(find some -name '*.itts-part')" ""
	expect 8 itts install --import evil.tgz --cache none --policy p.json
	one_error
	says evil.tgz '"no_code"' m.pth os.system
	no_names none
	rm -rf none
	expect 8 itts install --import code.tgz --cache none --policy p.json
	says m.py
	test ! -e none
	policy '"repos": ["facebook/*"]'
	expect 8 itts install --import good.tgz --cache none --policy p.json
	says '"repos"' acme/good
	policy '"licenses": ["mit"]'
	expect 8 itts install --import good.tgz --cache none --policy p.json
	says "licence is not known"
	expect 0 itts install --import good.tgz --cache some --policy p.json --lock good.json
	policy '"max_file_bytes": 100'
	expect 8 itts install --import good.tgz --cache none --policy p.json
	says '"max_file_bytes"'
	policy '"signers": ["release@example.com"]'
	expect 8 itts install --import good.tgz --cache none --policy p.json
	says '"signers"' "no signature"
	policy '"serial": 1'
	expect 8 itts install --import good.tgz --cache none --policy p.json
	says '"serial"' "no serial"
	test ! -e none
}
imports_too() { # itts-pack import: files, some of them, another cache
	local n rules words
	expect 0 itts export acme/good acme/evil --cache "$T/store" -o two.tar
	tar -czf two.tgz -C "$T/store" models--acme--good models--acme--evil
	rm -rf some none
	while IFS='|' read -r rules words; do
		policy "$rules"
		for n in "two.tar" "two.tar acme/evil" "two.tgz" "two.tgz acme/evil" "$T/store acme/evil"; do
			rm -rf none
			# shellcheck disable=SC2086
			expect 8 itts import $n --cache none --policy p.json
			one_error
			says "$words"
			no_names none
		done
	done <<'ROWS'
"repos": ["facebook/*"]|"repos"
"max_file_bytes": 100|"max_file_bytes"
ROWS
	# of what is named alone only that is judged
	policy '"no_code": true, "repos": ["acme/good"]'
	for n in two.tar two.tgz "$T/store"; do
		rm -rf some
		expect 0 itts import "$n" acme/good --cache some --policy p.json
		cache_is_honest some
		expect 8 itts import "$n" acme/evil --cache some --policy p.json
		same "$(ls -d some/models--*)" some/models--acme--good
	done
	# what the bytes say: none of them gets a name
	policy '"no_code": true'
	for n in two.tar two.tgz; do
		rm -rf none
		expect 8 itts import $n --cache none --policy p.json
		says m.pth os.system
		no_names none
	done
	for n in two.tar two.tgz "$T/store"; do
		rm -rf none
		expect 8 itts import "$n" acme/evil --cache none --policy p.json
		says m.pth os.system
		same "$(find none -name '*.itts-part' -o -path '*/refs/main' -o -name m.pth)" ""
	done
	policy '"serial": 9'
	for n in two.tar "two.tar acme/good" two.tgz "$T/store"; do
		# shellcheck disable=SC2086
		expect 8 itts import $n --cache none2 --policy p.json
		says '"serial"'
	done
	policy '"signers": ["release@example.com"]'
	for n in two.tar "two.tar acme/good"; do
		# shellcheck disable=SC2086
		expect 9 itts import $n --cache none2 --policy p.json --allowed-signers allowed
		says "p.json demands a signature"
	done
	for n in two.tgz "$T/store"; do
		expect 8 itts import "$n" --cache none2 --policy p.json
		says '"signers"'
	done
	expect 0 itts sign two.tar --key other
	expect 9 itts import two.tar acme/good --cache none2 --policy p.json --allowed-signers allowed
	expect 0 itts sign two.tar --key key
	expect 0 itts import two.tar acme/good --cache some --policy p.json --allowed-signers allowed
	expect 6 itts import two.tar --cache none2 --policy nothing.json
	test ! -e none2
	rm -rf none
}
bad_policies() {
	local n=0 text
	while IFS='|' read -r text word; do
		printf '%s' "$text" >p.json
		expect 7 itts install good.tar --cache none --policy p.json
		one_error
		says p.json "$word"
		n=$((n + 1))
	done <<'ROWS'
|
[]|object
{"format": "itts-policy", "version": 1, "no_cod": true}|no_cod
{"format": "itts-policy", "version": 2}|version
{"format": "itts-lock", "version": 1}|itts-lock
{"version": 1}|format
{"format": "itts-policy", "version": 1, "no_code": "yes"}|no_code
{"format": "itts-policy", "version": 1, "repos": "acme/*"}|repos
{"format": "itts-policy", "version": 1, "repos": []}|repos: is empty
{"format": "itts-policy", "version": 1, "signers": [""]}|signers[0]
{"format": "itts-policy", "version": 1, "serial": -1}|serial
{"format": "itts-policy", "version": 1, "serials": {"x": "7"}}|serials
{"format": "itts-policy", "version": 1, "serials": [7]}|serials
{"format": "itts-policy", "version": 1, "repos": ["a"], "repos": ["*"]}|repos
{"format": "itts-policy", "version": 1}{}|
ROWS
	test $n -gt 13
	expect 6 itts install good.tar --cache none --policy nothing.json
	says nothing.json
	expect 3 itts install good.tar --cache none --policy files
	test ! -e none
}
system_file() { # in a mount namespace of its own
	local how
	mkdir -p etc/itts-pack
	cp -a /etc/ssl etc/ 2>/dev/null || true
	run() { expect "$1" unshare -m sh -c 'mount --bind etc /etc && shift && exec "$@"' sh "$@"; }
	rm -rf some none
	run 0 "$PROGRAM" install run.tar --cache some
	policy '"repos": ["x/y"]'
	cp p.json etc/itts-pack/policy.json
	run 8 "$PROGRAM" install run.tar --cache none
	says /etc/itts-pack/policy.json '"repos"'
	expect 0 itts install run.tar --cache some
	# from another cache, copied or as a link
	policy '"no_code": true'
	cp p.json etc/itts-pack/policy.json
	for how in "" --link; do
		# shellcheck disable=SC2086
		run 8 "$PROGRAM" import "$T/store" acme/evil --cache none $how
		says '"no_code"' os.system
		no_name_of none files/evil.pth
		rm -rf none
	done
	# mended with: what a lock names anew, and what is there already
	run 8 "$PROGRAM" repair --lock evil.json --from evil.tar --cache none
	says '"no_code"' os.system
	no_name_of none files/evil.pth
	rm -rf none
	policy '"repos": ["acme/good"]'
	cp p.json etc/itts-pack/policy.json
	run 8 "$PROGRAM" repair --lock evil.json --from evil.tar --cache none
	says '"repos"' acme/evil
	policy '"signers": ["release@example.com"]'
	cp p.json etc/itts-pack/policy.json
	run 8 "$PROGRAM" repair --lock good.json --from good.tar --cache none
	says '"signers"' "no signature"
	test ! -e none
	echo '{' >etc/itts-pack/policy.json
	run 7 "$PROGRAM" install run.tar --cache none
	says /etc/itts-pack/policy.json
	rm etc/itts-pack/policy.json && mkdir etc/itts-pack/policy.json
	run 3 "$PROGRAM" install run.tar --cache none
	says /etc/itts-pack/policy.json "knowing the policy"
	rmdir etc/itts-pack/policy.json && ln -s nowhere etc/itts-pack/policy.json
	run 6 "$PROGRAM" install run.tar --cache none
	says /etc/itts-pack/policy.json "knowing the policy"
	test ! -e none
}

must make_bundles
check "repositories, licences, serials, sizes" rules
check "a licence that is not known" no_licence
check "licences that are expressions" expressions
check "no code: pickles, ELF, scripts, names" no_code
check "signers" signers
check "streams: held back until all has come" streams
check "what the store has already" already_there
check "thin bundles" thin
check "volumes" volumes
check "archives for --import" imports
check "import obeys as well" imports_too
check "policies that are none" bad_policies
if [ "$(id -u)" -eq 0 ]; then
	check "/etc/itts-pack/policy.json" system_file
else
	skip_one "/etc/itts-pack/policy.json" "not root"
fi
finish
