#!/usr/bin/env bash
# What the disk needs at its peak: the payload once, on each side. An ext4 with room
# for that and no more is enough for every way to pack and to install; with less, all
# of them say so before they write anything.
. "$(dirname "$0")/lib.sh"

need python3 jq mount mkfs.ext4 fallocate
need_root
DISK=$T/disk
MOUNTS=$DISK
MIB=1048576
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "peaks", "repos": [{"refs": ["main"], "hub_view": "hf_cache", "files": [
   {"path": "a.bin", "size": 15000001, "views": ["a.bin", "more/a.bin"]},
   {"path": "b.bin", "size": 7000001, "views": ["deep/er/b.bin"]},
   {"path": "c.bin", "size": 2000001},
   {"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["config.yaml"]}]}]}
SPEC
# the same without its largest file: what a target has that gets a thin bundle
jq 'del(.repos[].files[] | select(.path == "a.bin"))' "$T/lock.json" >"$T/old.json"
PAYLOAD=$((15000001 + 7000001 + 2000001 + 5))
NEW=15000001
pack_from_store() { itts pack --offline --cache "$T/store" --lock "$T/lock.json" "$@"; }
bundles() {
	expect 0 pack_from_store -o "$T/b.tar"
	mkdir "$T/v"
	expect 0 pack_from_store -o "$T/v/b.tar" --volume-size 5M
	expect 0 itts pack --offline --cache "$T/store" --lock "$T/old.json" -o "$T/old.tar"
	expect 0 pack_from_store -o "$T/thin.tar" --for "$T/old.tar"
}
must bundles

room() { # BYTES: a disk with that much and nothing on it
	umount "$DISK" 2>/dev/null || true
	rm -f "$T/image" && truncate -s 96M "$T/image"
	mkfs.ext4 -q -m 0 "$T/image"
	mkdir -p "$DISK" && mount -o loop "$T/image" "$DISK"
	leave "$1"
}
leave() { # BYTES: free
	local free
	free=$(df -B1 --output=avail "$DISK" | tail -n 1)
	fallocate -l $((free - $1)) "$DISK/filler"
	sync -f "$DISK"
	free=$(df -B1 --output=avail "$DISK" | tail -n 1)
	[ $((free - $1)) -lt 65536 ] || fail "$free are free, not $1"
}
put() { itts install "$@" --cache "$DISK/hub" --model-dir "$DISK/models"; }
no_file() { # but those by which processes wait for one another
	same "$(find "$DISK" -type f -newer "$T/before" ! -name filler ! -name CACHEDIR.TAG \
		-not -path '*/.locks/itts-pack.lock' -not -path '*/.locks/itts-pack.lease')" ""
}
refused() { # COMMAND...
	touch "$T/before"
	expect 3 "$@"
	one_error
	says "$DISK" needs free
	no_file
}
complete() {
	expect 0 itts verify --cache "$DISK/hub" --model-dir "$DISK/models" --lock "$T/lock.json" --quiet
}

whole() { # FILE or -
	room $((PAYLOAD - MIB))
	refused put "$@" <"$T/b.tar"
	room $((PAYLOAD + 2 * MIB))
	expect 0 put "$@" <"$T/b.tar"
	complete
}
visits() { # each volume alone: what waits for others takes no second place
	local i last
	room $((PAYLOAD + 2 * MIB))
	last=$(find "$T/v" -name 'b.tar.0*' | wc -l)
	for ((i = 1; i <= last; i++)); do
		rm -rf "$T/stick" && mkdir "$T/stick"
		cp "$T"/v/b.*json "$T/v/b.tar.00$i" "$T/stick"
		put "$T/stick" >"$T/out" 2>"$T/err" || [ $? -eq 6 ] || { show; fail "volume $i"; }
	done
	complete
	room $((PAYLOAD - MIB))
	refused put "$T/stick"
}
thin() { # only what is new
	room $((PAYLOAD + 3 * MIB))
	expect 0 put "$T/old.tar"
	leave_more $((NEW - MIB))
	refused put "$T/thin.tar"
	leave_more $((NEW + 2 * MIB))
	expect 0 put "$T/thin.tar"
	complete
}
leave_more() { rm "$DISK/filler" && leave "$1"; }
packed() { # the bundle, beside nothing
	room $((PAYLOAD - MIB))
	refused pack_from_store -o "$DISK/b.tar"
	refused pack_from_store -o "$DISK/b.tar" --volume-size 5M
	same "$(find "$DISK" -type f ! -name filler)" ""
	room $((PAYLOAD + 2 * MIB))
	expect 0 pack_from_store -o "$DISK/b.tar"
	cmp "$DISK/b.tar" "$T/b.tar"
	room $((PAYLOAD + 2 * MIB))
	expect 0 pack_from_store -o "$DISK/b.tar" --volume-size 5M
	cat "$DISK"/b.tar.0* | cmp - "$T/b.tar"
}
exported() { # one repository to a tar, and from a cache into another
	room $((PAYLOAD + 2 * MIB))
	expect 0 itts export acme/voice --cache "$T/store" -o "$DISK/e.tar"
	cp "$DISK/e.tar" "$T"
	room $((PAYLOAD - MIB))
	refused itts import "$T/e.tar" --cache "$DISK/hub"
	room $((PAYLOAD + 2 * MIB))
	expect 0 itts import "$T/e.tar" --cache "$DISK/hub"
	expect 0 itts verify --cache "$DISK/hub"
}
registry() {
	local port
	port=$(free_port)
	printf 'version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s", secret: abc}\n' \
		"$T/registry" "$port" >"$T/registry.yml"
	start registry docker-registry serve "$T/registry.yml"
	await listens "$port"
	expect 0 skopeo copy --dest-tls-verify=false "oci-archive:$T/b.tar:acme--voice" "docker://127.0.0.1:$port/m/v:1"
	room $((PAYLOAD - MIB))
	refused put "oci:127.0.0.1:$port/m/v:1" --plain-http
	room $((PAYLOAD + 2 * MIB))
	expect 0 put "oci:127.0.0.1:$port/m/v:1" --plain-http
	complete
}

check "install from a file" whole "$T/b.tar"
check "install from a pipe" whole -
check "install from volumes at hand" whole "$T/v"
check "install from one volume after the other" visits
check "install a thin bundle" thin
check "pack to a file and into volumes" packed
check "export and import" exported
if command -v skopeo docker-registry >/dev/null; then
	check "install from a registry" registry
else
	skip_one "install from a registry" "no skopeo, no docker-registry"
fi
finish
