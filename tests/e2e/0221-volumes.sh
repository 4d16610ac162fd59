#!/usr/bin/env bash
# Bundles in volumes: cut anywhere, read where they lie, in any order and over
# several visits, never joined.
. "$(dirname "$0")/lib.sh"

need python3 jq tar sha256sum
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=900000 mid.bin=300500 \
	a/config.json=3000 twin.bin=150000 empty.txt=0
SRC=$TOP/models/acme/voice/$A
start_hub hub "$TOP"
make_bundle() {
	expect 0 itts pack acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/full" \
		-o "$T/b.tar"
}
must make_bundle
pack_again() { # OPTIONS
	expect 0 itts pack --offline --lock "$T/lock.json" --cache "$T/full" "$@"
}
cut_into() { # DIR SIZE
	mkdir -p "$1"
	pack_again -o "$1/b.tar" --volume-size "$2"
}
installed() { # CACHE
	cache_is_honest "$1"
	expect 0 itts verify --cache "$1" --lock "$T/lock.json"
	cmp "$1/models--acme--voice/snapshots/$A/big.safetensors" "$SRC/big.safetensors"
	same "$(find "$1" -name '*.itts-part')" ""
}
nothing_visible() { # CACHE
	cache_is_honest "$1"
	same "$(find "$1" -path '*/refs/*' -o -path '*/snapshots/*')" ""
}

same_bytes() {
	cut_into "$T/v" 256K
	cat "$T"/v/b.tar.0* | cmp - "$T/b.tar"
	same "$(find "$T/v" -name 'b.tar.*' | wc -l)" $((($(stat -c %s "$T/b.tar") + 262143) / 262144))
	(cd "$T/v" && sha256sum -c --quiet b.volumes.sha256)
	for f in "$T"/v/b.tar.0*; do # each alone
		(cd "$T/v" && grep -F "${f##*/}" b.volumes.sha256 | sha256sum -c --quiet)
	done
	mkdir "$T/tree"
	cat "$T"/v/b.tar.0* | tar -xf - -C "$T/tree"
	(cd "$T/tree" && sha256sum -c --quiet SHA256SUMS)
	# the copy of the manifest, by which the set is known
	cmp "$T/tree/itts-bundle.json" "$T/v/b.bundle.json"
	same "$(jq -r .set "$T/v/b.volumes.json")" "$(sha256sum <"$T/v/b.bundle.json" | cut -c 1-64)"
	same "$(find "$T/v" -name '.*' -type f)" ""
}
# The smallest volumes there are: cuts fall into headers, payloads, states, between
# members and into the end of the tar. KIND VOLUME: the first cut of each kind.
cuts() {
	python3 - "$T/b.tar" 4096 <<'PY'
import sys, tarfile
step, kinds = int(sys.argv[2]), {}
with tarfile.open(sys.argv[1]) as tar:
    members = tar.getmembers()
    size = tar.fileobj.seek(0, 2)
def kind(cut):
    for m in members:
        end = m.offset_data + (m.size + 511) // 512 * 512
        if cut == m.offset: return "between"
        if m.offset < cut < m.offset_data: return "header"
        if cut == m.offset_data and m.size: return "behind-header"
        if m.offset_data < cut < end: return "states" if m.name.endswith(".states") else "payload"
    return "end"
for at in range(step, size, step):
    kinds.setdefault(kind(at), at // step + 1)
for name in sorted(kinds): print(name, kinds[name])
PY
}
damage_to() { # DIR VOLUME OFFSET: named by both, and by nothing else
	local file
	file=$(printf 'b.tar.%03d' "$2")
	cp "$1/$file" "$T/kept"
	flip "$1/$file" "$3"
	expect 9 itts verify "$1"
	same "$(grep -o 'b\.tar\.[0-9]*' "$T/out")" "$file"
	rm -rf "$T/never"
	expect 9 itts install "$1" --cache "$T/never"
	one_error
	says "$file is damaged or of another set"
	test ! -d "$T/never" || nothing_visible "$T/never"
	mv "$T/kept" "$1/$file"
}
every_cut() {
	local kind n
	cut_into "$T/e" 4096
	cat "$T"/e/b.tar.[0-9]* | cmp - "$T/b.tar"
	cuts | tee "$T/cuts"
	same "$(grep -cE "^(behind-header|between|header|payload) " "$T/cuts")" 4
	expect 0 itts install "$T/e" --cache "$T/e0"
	installed "$T/e0"
	# two visits: every other volume, of the front of the tar too; the rest
	mkdir -p "$T/odd" "$T/even"
	cp "$T"/e/b.*json "$T/odd" && cp "$T"/e/b.*json "$T/even"
	cp "$T"/e/b.tar.*[13579] "$T/odd" && cp "$T"/e/b.tar.*[02468] "$T/even"
	expect 6 itts install "$T/odd" --cache "$T/e1"
	nothing_visible "$T/e1"
	expect 0 itts install "$T/even" --cache "$T/e1"
	installed "$T/e1"
	# a byte on each side of each kind of cut
	while read -r kind n; do
		damage_to "$T/e" $((n - 1)) 4095
		damage_to "$T/e" "$n" 0
	done <"$T/cuts"
}
read_there() {
	content "$T/v" >"$T/before"
	for path in "$T/v" "$T/v/b.tar.001" "$T/v/b.tar.003" "$T/v/b.volumes.json"; do
		expect 0 itts verify "$path"
		expect 0 itts inspect "$path" --json
		same "$(jq .payloads "$T/out")" 6
	done
	expect 0 itts install "$T/v" --cache "$T/c0" --model-dir "$T/m0"
	installed "$T/c0"
	content "$T/v" | diff "$T/before" -
}
# visits NAME VOLUME...: one volume at a time, with the card on each stick
visits() {
	local cache=$T/$1 stick=$T/$1.stick v last
	export XDG_STATE_HOME=$T/$1.state
	shift
	for last; do :; done
	for v; do
		rm -rf "$stick" && mkdir "$stick"
		cp "$T"/v/b.*json "$T/v/$v" "$stick"
		content "$stick" >"$T/before"
		if [ "$v" = "$last" ]; then
			expect 0 itts install "$stick" --cache "$cache"
		else
			expect 6 itts install "$stick" --cache "$cache"
			one_error
			says "still needed" "$last"
			not grep -qF "$v" "$T/err"
			nothing_visible "$cache"
			expect 6 itts pack --from-store --cache "$cache" -o "$T/never.tar"
			says "no bundle was installed there"
			expect 0 itts gc --cache "$cache"
		fi
		not grep "$T/err" -e warning -e "no record of serials" -e "$cache: no bundle"
		content "$stick" | diff "$T/before" -
	done
	installed "$cache"
}
in_order() {
	local all=()
	# the last volume may hold nothing but what follows from the manifest
	while read -r name; do all+=("$name"); done < <(needed)
	visits c1 "${all[@]}"
}
backwards() {
	local all=()
	while read -r name; do all+=("$name"); done < <(needed | sort -r)
	visits c2 "${all[@]}"
}
needed() { # names of the volumes that have payload
	rm -rf "$T/none" && mkdir "$T/none"
	cp "$T"/v/b.*json "$T/none"
	"$PROGRAM" install "$T/none" --cache "$T/c-none" 2>&1 | grep -o 'b\.tar\.0[0-9]*' | sort -u
}
two_at_a_time() { # in different places at once
	mkdir -p "$T/s1" "$T/s2" "$T/s3"
	cp "$T"/v/b.*json "$T/v/b.tar.002" "$T/v/b.tar.005" "$T/s1"
	cp "$T/v/b.tar.003" "$T/v/b.tar.001" "$T/s2"
	cp "$T/v/b.tar.004" "$T/v/b.tar.006" "$T/s3"
	expect 6 itts install "$T/s1" "$T/s2" --cache "$T/c3"
	says b.tar.004
	expect 0 itts install "$T/s1" "$T/s2" "$T/s3" --cache "$T/c3"
	installed "$T/c3"
	expect 0 itts verify "$T/v"
	expect 2 itts install "$T/b.tar" "$T/s1" --cache "$T/c3"
}
missing() {
	rm -rf "$T/x" && cp -r "$T/v" "$T/x"
	rm "$T/x/b.tar.003"
	expect 6 itts install "$T/x" --cache "$T/c4"
	says "still needed: b.tar.003"
	nothing_visible "$T/c4"
	expect 9 itts verify "$T/x"
	prints b.tar.003
	expect 0 itts inspect "$T/x"
	rm "$T/x/b.tar.001" # the manifest comes from beside the card now
	expect 6 itts install "$T/x" --cache "$T/c4"
	rm "$T/x/b.bundle.json"
	expect 6 itts install "$T/x" --cache "$T/c4"
	says b.bundle.json
	rm "$T/x/b.volumes.json"
	expect 7 itts install "$T/x" --cache "$T/c4"
	says card
}
damaged() { # of the right size: every volume, one byte
	local v at
	for v in 002 004; do
		rm -rf "$T/x" && cp -r "$T/v" "$T/x"
		printf '\377\0\377\0' | dd of="$T/x/b.tar.$v" bs=1 seek=100000 conv=notrunc 2>/dev/null
		expect 9 itts install "$T/x" --cache "$T/c5-$v"
		one_error
		says "b.tar.$v is damaged or of another set"
		nothing_visible "$T/c5-$v"
		expect 9 itts verify "$T/x"
		prints "b.tar.$v"
	done
	# all of them are named at once, and each alone with what is on its stick
	expect 0 cp "$T/v/b.tar.002" "$T/x"
	for v in 001 002; do flip "$T/x/b.tar.$v" 262143; done
	expect 9 itts verify "$T/x" --json
	same "$(jq -r '.items[].path | select(startswith("b.tar"))' "$T/out" | tr '\n' ' ')" \
		"b.tar.001 b.tar.002 b.tar.004 "
	mkdir "$T/alone4" && cp "$T"/x/b.*json "$T/x/b.tar.004" "$T/alone4"
	expect 9 itts verify "$T/alone4" --json
	same "$(jq -r '.items[] | select(.state == "wrong digest") | .path' "$T/out")" b.tar.004
}
front() { # of the first volume, by which a bundle is known: with and without its copy
	local at
	for at in 0 7 130 600; do
		damage_to "$T/v" 1 $at
	done
	test ! -e "$T/never"
	rm -rf "$T/x" && cp -r "$T/v" "$T/x" && rm "$T/x/b.bundle.json"
	expect 0 itts verify "$T/x"
	flip "$T/x/b.tar.001" 0
	for command in verify install inspect; do
		expect 9 itts $command "$T/x"
		one_error
		says "b.tar.001 is damaged or of another set"
	done
}
truncated() {
	rm -rf "$T/x" && cp -r "$T/v" "$T/x"
	truncate -s -512 "$T/x/b.tar.002"
	expect 9 itts install "$T/x" --cache "$T/c6"
	says "b.tar.002: 261632 bytes, expected 262144"
	test ! -e "$T/c6"
	expect 9 itts verify "$T/x"
	prints "wrong size" b.tar.002
	truncate -s +512 "$T/x/b.tar.002"
	truncate -s +1 "$T/x/b.tar.004"
	expect 9 itts install "$T/x" --cache "$T/c6"
	says b.tar.004
}
other_set() { # same names, same sizes
	rm -rf "$T/w" "$T/x"
	mkdir -p "$T/w"
	pack_again -o "$T/w/b.tar" --volume-size 256K --serial 2
	cp -r "$T/v" "$T/x"
	cp "$T/w/b.tar.001" "$T/x"
	expect 9 itts install "$T/x" --cache "$T/c7"
	says "b.tar.001" "another set"
	cp "$T/v/b.tar.001" "$T/x"
	cp "$T/w/b.bundle.json" "$T/x"
	rm "$T/x/b.tar.001"
	expect 9 itts install "$T/x" --cache "$T/c7"
	says "b.bundle.json" "another set"
	test ! -e "$T/c7"
	# a volume of another model under this one's name
	repo "$TOP" acme/other $A big.safetensors=900001 config.json=300
	reload hub
	expect 0 itts pack acme/other --endpoint "$hub" --cache "$T/full" -o "$T/w/o.tar" --volume-size 256K
	rm -rf "$T/x" && cp -r "$T/v" "$T/x"
	cp "$T/w/o.tar.002" "$T/x/b.tar.002"
	expect 9 itts install "$T/x" --cache "$T/c7"
	says "b.tar.002 is damaged or of another set"
	nothing_visible "$T/c7"
	# also when it was read in an earlier visit
	mkdir "$T/y" && cp "$T"/v/b.*json "$T/w/o.tar.002" "$T/y" && mv "$T/y/o.tar.002" "$T/y/b.tar.002"
	expect 6 itts install "$T/y" --cache "$T/c8"
	rm "$T/y/b.tar.002" && cp "$T"/v/b.tar.001 "$T"/v/b.tar.00[3-9] "$T/y"
	expect 9 itts install "$T/y" --cache "$T/c8"
	nothing_visible "$T/c8"
	expect 0 itts install "$T/v" --cache "$T/c8"
	installed "$T/c8"
}
twice() { # the same volume in two places, one of them cut
	mkdir "$T/d1" && cp "$T/v/b.tar.002" "$T/d1" && rm -rf "$T/x" && cp -r "$T/v" "$T/x"
	truncate -s 1000 "$T/x/b.tar.002"
	expect 0 itts install "$T/x" "$T/d1" --cache "$T/c9"
	installed "$T/c9"
}
many() { # more than 999, cut at every 4096 bytes: in headers, padding, between files
	mkdir "$T/many"
	repo "$TOP" acme/long $A w.bin=4200000 config.json=5
	reload hub
	expect 0 itts pack acme/long --endpoint "$hub" --cache "$T/full" -o "$T/many/l.tar" --volume-size 4096
	test -e "$T/many/l.tar.0001"
	test -e "$T/many/l.tar.1001"
	expect 0 itts verify "$T/many"
	expect 0 itts install "$T/many" --cache "$T/c10"
	cmp "$T/c10/models--acme--long/snapshots/$A/w.bin" "$TOP/models/acme/long/$A/w.bin"
	cat "$T"/many/l.tar.[0-9]* >"$T/l.tar"
	expect 0 itts verify "$T/l.tar"
}
cut_everywhere() { # each size moves the cuts to other places
	local k
	for k in 3 11; do
		rm -rf "$T/x"
		cut_into "$T/x" $((k * 4096))
		expect 0 itts verify "$T/x"
		expect 0 itts install "$T/x" --cache "$T/c11-$k"
		installed "$T/c11-$k"
	done
}
no_second_copy() { # nothing of the size of a volume but the blobs and one part
	local cache=$T/c12 total
	rm -rf "$T/x" && mkdir "$T/x"
	cp "$T"/v/b.*json "$T"/v/b.tar.00[12] "$T/x"
	expect 6 itts install "$T/x" --cache "$cache"
	total=$(find "$cache" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
	same "$((total < 1500000))" 1
	same "$(find "$cache" -name '*.tar*')" ""
}
interrupted() { # a part whose note is gone or foreign is begun again
	rm -rf "$T/x" && mkdir "$T/x"
	cp "$T"/v/b.*json "$T/v/b.tar.002" "$T/x"
	expect 6 itts install "$T/x" --cache "$T/c13"
	local note part
	note=$(find "$T/c13" -name '*.volumes.txt.itts-part')
	part=${note%.txt.itts-part}.itts-part
	test -s "$note"
	test -s "$part"
	echo garbage >"$note"
	expect 6 itts install "$T/x" --cache "$T/c13"
	says b.tar.003
	truncate -s 5 "$part"
	expect 6 itts install "$T/x" --cache "$T/c13"
	rm "$T/x/b.tar.002" && cp "$T"/v/b.tar.001 "$T"/v/b.tar.00[3-9] "$T/x"
	expect 0 itts install "$T/x" --cache "$T/c13"
	installed "$T/c13"
}
refusals() {
	expect 2 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o - --volume-size 1M
	expect 2 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/q.tar" --volume-size 1000
	expect 2 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/q.tar" --volume-size cd
	says fat32
	# a longer set is in the way: its rest would follow in "cat b.tar.0*"
	expect 3 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/v/b.tar" --volume-size 512K
	says b.tar.00
	expect 0 itts verify "$T/v"
	same "$(find "$T" -maxdepth 2 -name '.b.tar*')" ""
	# a volume whose card is not there
	mkdir "$T/alone" && cp "$T/v/b.tar.001" "$T/alone"
	expect 7 itts install "$T/alone/b.tar.001" --cache "$T/c14"
	mkdir "$T/two" && cp "$T/v/b.volumes.json" "$T/two" && cp "$T/v/b.volumes.json" "$T/two/c.volumes.json"
	expect 2 itts install "$T/two" --cache "$T/c14"
	mkdir "$T/evil"
	sed 's|"b.tar.002"|"../b.tar.002"|' "$T/v/b.volumes.json" >"$T/evil/b.volumes.json"
	expect 8 itts install "$T/evil" --cache "$T/c14"
	test ! -e "$T/c14"
}
presets() {
	for p in fat32 dvd bd25 1G; do
		rm -rf "$T/p" && mkdir "$T/p"
		pack_again -o "$T/p/b.tar" --volume-size $p --json
		same "$(jq .volumes "$T/out")" 1
		cmp "$T/p/b.tar.001" "$T/b.tar"
	done
}
thin_too() {
	expect 0 itts inventory --cache "$T/c0"
	cp "$T/out" "$T/site.json"
	mkdir "$T/tv"
	pack_again -o "$T/tv/t.tar" --volume-size 8K --for "$T/site.json"
	expect 0 itts install "$T/tv" --cache "$T/c0"
	installed "$T/c0"
	pack_again -o "$T/x.tar" --for "$T/v"
	expect 0 itts inspect "$T/x.tar"
	prints "thin bundle"
}

check "the volumes are the bundle, each checked alone" same_bytes
check "verify, inspect, install where they lie" read_there
check "cuts of every kind" every_cut
check "one after the other" in_order
check "backwards" backwards
check "in several places at once" two_at_a_time
check "missing volumes, manifest, card" missing
check "damaged volumes are named" damaged
check "a first volume that no longer begins as a bundle" front
check "cut and grown volumes" truncated
check "volumes of another set" other_set
check "the same volume twice" twice
check "more than 999 volumes" many
check "cuts in headers, padding, between files" cut_everywhere
check "no joined copy" no_second_copy
check "visits that were interrupted" interrupted
check "presets" presets
check "thin bundles in volumes" thin_too
check "what is refused" refusals
finish
