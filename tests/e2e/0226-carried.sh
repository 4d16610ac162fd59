#!/usr/bin/env bash
# The carried program: in a directory that holds the bundle and nothing else.
. "$(dirname "$0")/lib.sh"

need python3 jq tar chroot bsdtar busybox
need_root
sanitized && skip_gladly "it is linked statically, without sanitizers"
CARRIED=$(dirname "$PROGRAM")/static/itts-pack
[ -x "$CARRIED" ] || skip_all "not built (make static)"
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.bin=1500000 sub/x.txt=40
start_hub hub "$TOP"
jq -n --arg c $A '{format: "itts-manifest", version: 1, name: "voice", models: [
	{id: "acme/voice", revision: $c, hub_view: "hf_cache", views: [{files: "*", to: "m/"}]}]}' >"$T/m.json"
ARCH=$(uname -m)

small() {
	[ "$(stat -c %s "$CARRIED")" -le $((8 << 20)) ]
	# no interpreter, no shared library
	same "$(readelf -lW "$CARRIED" | grep INTERP)" ""
	same "$(readelf -dW "$CARRIED" | grep NEEDED)" ""
}
carry() {
	expect 0 itts pack -m "$T/m.json" --lock "$T/lock.json" --endpoint "$hub" --cache "$T/full" \
		-o "$T/b.tar" --installer "$CARRIED"
	expect 0 itts verify "$T/b.tar"
	mkdir "$T/tree"
	tar -xf "$T/b.tar" -C "$T/tree"
	(cd "$T/tree" && sha256sum -c --quiet SHA256SUMS && grep -q " bin/itts-pack-$ARCH\$" SHA256SUMS)
	cmp "$T/tree/bin/itts-pack-$ARCH" "$CARRIED"
	same "$(stat -c %a "$T/tree/bin/itts-pack-$ARCH")" 755
	same "$(tar -xOf "$T/b.tar" itts-bundle.json | jq -r '.extras[] | select(.executable).path' |
		grep ^bin/)" "bin/itts-pack-$ARCH"
}
jail() { chroot "$T/jail" "/bin/itts-pack-$ARCH" "$@"; }
nothing_else() { # no libc, no shell, no /proc, no /dev, no locale
	mkdir "$T/jail"
	tar -xf "$T/b.tar" -C "$T/jail" bin
	cp "$T/b.tar" "$T/jail"
	same "$(find "$T/jail" -type f | wc -l)" 2
	expect 0 jail inspect /b.tar
	prints acme/voice
	expect 0 jail install /b.tar --cache /hub --model-dir /models
	expect 0 jail verify /b.tar
	expect 0 jail verify --model-dir /models
	expect 0 jail verify --cache /hub
	expect 0 jail inventory --cache /hub
	same "$(jq '.blobs | length' "$T/out")" 1
	expect 0 jail ls --cache /hub
	expect 0 jail env --cache /hub
	prints HF_HUB_OFFLINE
	# what it says of the models is what the program outside says
	expect 1 jail doctor --model-dir /models --json
	jq -e '.findings | length > 0' "$T/out" >/dev/null
	expect 2 jail doctor --online
	says "built without network"
	for command in doctor env inspect install inventory ls verify; do
		expect 0 jail $command --help
	done
	cache_is_honest "$T/jail/hub"
	cmp "$T/jail/models/m/big.bin" "$TOP/models/acme/voice/$A/big.bin"
	expect 2 jail fetch
}
compressed() { # and from a pipe, by whatever means
	for how in gzip xz zstd bzip2; do
		$how -c "$T/b.tar" >"$T/jail/b.z"
		rm -rf "$T/jail/hub2"
		expect 0 jail install /b.z --cache /hub2
		cache_is_honest "$T/jail/hub2"
	done
	rm -rf "$T/jail/hub2"
	cat "$T/b.tar" | chroot "$T/jail" "/bin/itts-pack-$ARCH" install - --cache /hub2 --quiet
	cache_is_honest "$T/jail/hub2"
}
damaged_in_jail() {
	cp "$T/b.tar" "$T/jail/bad.tar"
	printf x | dd of="$T/jail/bad.tar" bs=1 seek=$(($(stat -c %s "$T/b.tar") - 900000)) conv=notrunc 2>/dev/null
	expect 9 jail install /bad.tar --cache /hub3
	cache_is_honest "$T/jail/hub3"
}
script_finds_it() {
	mkdir "$T/s"
	tar -xf "$T/b.tar" -C "$T/s" bin SHA256SUMS install.sh
	expect 0 sh "$T/s/install.sh" "$T/s-models" "$T/s-home" "$T/b.tar"
	prints "installed voice"
	test ! -e "$T/s/hub"
	expect 0 itts verify --cache "$T/s-home/hub" --lock "$T/lock.json"
}
script_in_jail() { # with busybox beside it, without /dev/null
	bare_root "$T/bare"
	cp "$T/b.tar" "$T/bare"
	expect 0 chroot "$T/bare" /bin/sh -ec 'tar -xf b.tar bin/itts-pack-$(uname -m) SHA256SUMS install.sh
		sh install.sh /models /home b.tar'
	prints "installed voice"
	test ! -e "$T/bare/dev" -a ! -e "$T/bare/hub"
	expect 0 itts verify --cache "$T/bare/home/hub" --lock "$T/lock.json"
}
as_told() { # the commands of INSTALL.txt and of the README, whatever tar there is
	local tar line told=$T/told
	tar -xOf "$T/b.tar" INSTALL.txt >"$T/INSTALL.txt"
	same "$(grep -c '^    tar -xf BUNDLE.tar "bin' "$T/INSTALL.txt")" 2
	{
		grep '^    tar -xf BUNDLE.tar "bin' "$T/INSTALL.txt"
		grep -o '`tar -xf BUNDLE.tar "*bin[^&`]*&& ' "$ROOT/README.md" | tr -d '`&'
	} | sort -u >"$T/lines"
	test "$(wc -l <"$T/lines")" -ge 2
	for tar in tar bsdtar "busybox tar"; do
		while read -r line; do
			rm -rf "$told"
			mkdir "$told"
			cp "$T/b.tar" "$told/BUNDLE.tar"
			expect 0 sh -ec "cd '$told'; $tar ${line#tar}; sh install.sh '$told/models' '$told/home' BUNDLE.tar"
			prints "installed voice"
			expect 0 itts verify --cache "$told/home/hub" --lock "$T/lock.json"
		done <"$T/lines"
	done
}
script_falls_back() { # a program that is not what SHA256SUMS says is not run
	mkdir "$T/f"
	tar -xf "$T/b.tar" -C "$T/f" bin SHA256SUMS install.sh
	printf '#!/bin/sh\ntouch "%s"\n' "$T/was-run" >"$T/f/bin/itts-pack-$ARCH"
	expect 0 sh "$T/f/install.sh" "$T/f-models" "$T/f-home" "$T/b.tar"
	prints Unpacking "Checking SHA256SUMS"
	test ! -e "$T/was-run"
	expect 0 itts verify --cache "$T/f-home/hub" --lock "$T/lock.json"
}
refused() {
	expect 2 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/x.tar" --installer "$PROGRAM"
	says "not linked statically"
	expect 2 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/x.tar" --installer "$T/m.json"
	says "not a program"
	expect 6 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/x.tar" --installer "$T/none"
	test ! -e "$T/x.tar"
}
again_from_store() {
	expect 0 itts pack --from-store --cache "$T/jail/hub" -o "$T/again.tar"
	cmp "$T/again.tar" "$T/b.tar"
}
in_visits() { # volumes that never lie together: the installer is not kept, and told so
	local v dir=$T/sticks
	mkdir "$dir" "$dir/all"
	expect 0 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$dir/all/b.tar" \
		--installer "$CARRIED" --volume-size 1M
	for v in "$dir"/all/b.tar.*; do
		mkdir "$dir/${v##*.}"
		cp "$dir"/all/b.*json "$v" "$dir/${v##*.}"
		itts install "$dir/${v##*.}" --cache "$dir/hub" >/dev/null 2>&1 || test $? -eq 6
	done
	expect 0 itts verify --cache "$dir/hub" --lock "$T/lock.json"
	expect 6 itts pack --from-store --cache "$dir/hub" -o "$dir/again.tar"
	one_error
	says "bin/itts-pack-$ARCH" "were not kept" "a registry has no extras" "itts-pack install once more"
	test ! -e "$dir/again.tar"
	expect 0 itts install "$dir/all" --cache "$dir/hub"
	expect 0 itts pack --from-store --cache "$dir/hub" -o "$dir/again.tar"
	cmp "$dir/again.tar" "$T/b.tar"
}

check "at most 8 MiB, and nothing shared" small
check "the bundle carries it" carry
check "where there is nothing else" nothing_else
check "compressed bundles, pipes" compressed
check "damage is seen there too" damaged_in_jail
check "install.sh finds it" script_finds_it
check "install.sh finds it in a bare root" script_in_jail
check "what INSTALL.txt says, with three tars" as_told
check "install.sh falls back to tar and sha256sum" script_falls_back
check "what is no such program" refused
check "the same bundle again, with it" again_from_store
check "volumes that were never together" in_visits
finish
