#!/usr/bin/env bash
# 50,000 files and nearly 8 MiB of manifest, both the most that there may be: memory
# stays. ITTS_LONG=1: every command.
. "$(dirname "$0")/lib.sh"

need python3 jq
X=$T/many
mkdir "$X"
if [ "$(id -u)" -eq 0 ]; then # nothing to wait for
	mount -t tmpfs -o size=2g,nr_inodes=1m many "$X"
	MOUNTS=$X
fi

many() { # 50,000 files
	python3 - >"$T/many.spec" <<'PYTHON'
import json
print(json.dumps({"name": "many", "repos": [{"id": "acme/many", "files": [
    {"path": "d%03d/some-weights-%05d.json" % (i // 100, i), "text": "%d" % i, "git": i % 2 == 0,
     "views": ["v/%d" % i] if i % 2 == 0 else []} for i in range(49998)]},
    {"id": "acme/few", "files": [{"path": p, "text": p, "views": ["few/" + p]} for p in "ab"]}]}))
PYTHON
	make_store "$X/store" "$T/many.json" <"$T/many.spec"
	within 0 "$PROGRAM" pack --offline --cache "$X/store" --lock "$T/many.json" -o "$X/b.tar"
	tar -xOf "$X/b.tar" itts-bundle.json | wc -c >"$T/size"
	test "$(cat "$T/size")" -gt $((7700 << 10)) || fail "only $(cat "$T/size") bytes"
	within 0 "$PROGRAM" inspect "$X/b.tar"
	[ -z "${ITTS_LONG:-}" ] || within 0 "$PROGRAM" verify "$X/b.tar"
	within 0 "$PROGRAM" install "$X/b.tar" --cache "$X/hub" --model-dir "$X/model"
	within 0 "$PROGRAM" verify --cache "$X/hub" --lock "$T/many.json"
	[ -z "${ITTS_LONG:-}" ] || within 0 "$PROGRAM" verify --cache "$X/hub"
}
every() { # of the other commands that see all files
	local hub=$X/hub
	within 0 "$PROGRAM" ls --cache "$hub"
	within 0 "$PROGRAM" inventory --cache "$hub"
	within 0 "$PROGRAM" sbom --lock "$T/many.json"
	within 0 "$PROGRAM" scan "$hub"
	within 0 "$PROGRAM" gc --cache "$hub"
	within 0 "$PROGRAM" export acme/many --cache "$hub" -o "$X/e.tar"
	within 0 "$PROGRAM" import "$X/e.tar" --cache "$X/taken"
	within 0 "$PROGRAM" repair --cache "$X/taken"
	rm -r "$X/e.tar" "$X/taken"
	within 0 "$PROGRAM" du --cache "$hub"
	within 0 "$PROGRAM" rm acme/many --cache "$hub"
	within 0 "$PROGRAM" env --model-dir "$X/model" --cache "$hub"
	within 0 "$PROGRAM" verify --model-dir "$X/model"
	# half of the files have a place there
	within 6 "$PROGRAM" adopt "$X/model" --lock "$T/many.json" --cache "$X/adopted"
	rm -r "$X/adopted"
	# whatever it finds
	within 1 "$PROGRAM" doctor --model-dir "$X/model" --cache "$hub"
}
registry() { # of which an image of two files carries the manifest of all
	local at=$X/www/v2/acme/few
	mkdir -p "$at/manifests" "$at/blobs"
	tar -xOf "$X/b.tar" index.json >"$T/index"
	# a repository of more than 10,000 files has no image
	same "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$T/index")" acme--few
	blob() { tar -xOf "$X/b.tar" "blobs/sha256/$1" >"$at/blobs/sha256:$1"; }
	blob "$(jq -r '.manifests[0].digest[7:]' "$T/index")"
	cp "$at"/blobs/* "$at/manifests/v1"
	for digest in $(jq -r '.layers[].digest[7:]' "$at/manifests/v1"); do blob "$digest"; done
	port=$(free_port)
	start www python3 -m http.server --bind 127.0.0.1 -d "$X/www" "$port"
	await listens "$port"
	within 0 "$PROGRAM" install "oci:127.0.0.1:$port/acme/few:v1" --plain-http --cache "$X/few" --model-dir "$X/few.m"
	same "$(cat "$X/few.m/few/b")" b
}
other_names() { # two locks, and each line in which they differ
	python3 - "$X/hub-root/models/acme/names" <<'PYTHON'
import os, sys
for commit in "ab":
    for i in range(50000):
        place = "%s/%s/d%03d" % (sys.argv[1], commit * 40, i // 100)
        if i % 100 == 0:
            os.makedirs(place)
        with open("%s/%s-%05d.bin" % (place, (commit + "-long-name") * 6, i), "w") as f:
            f.write("x")
PYTHON
	start_hub hub "$X/hub-root"
	for commit in "$(printf 'a%.0s' {1..40})" "$(printf 'b%.0s' {1..40})"; do
		within 0 "$PROGRAM" lock "acme/names@$commit" --endpoint "$hub" --cache "$X/names" --lock "$T/names.json"
	done
	same "$(grep -c '^[-+] acme/names d' "$T/out")" 100000
	rm -r "$X/hub-root"
}
one_more() { # pack says so before it writes anything
	jq -c '.repos[0].files[0] as $f | .repos[1].files += [$f | .path = "c" | del(.views)]' "$T/many.json" >"$T/more.json"
	expect 7 itts pack --offline --cache "$X/store" --lock "$T/more.json" -o "$X/more.tar"
	says "50001 files" "at most 50000"
	test ! -e "$X/more.tar"
}
check "50,000 files" many
check "every command" every
check "a registry" registry
check "one file more" one_more
[ -z "${ITTS_LONG:-}" ] || check "two locks that differ in all names" other_names
finish
