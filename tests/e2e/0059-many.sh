#!/usr/bin/env bash
# 50,000 files and nearly 8 MiB of manifest, both the most that there may be, and as
# many with paths of 200 characters: memory stays. ITTS_LONG=1: every command.
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
# 50,000 files with names as long as they get; no bundle takes so much manifest, but
# caches, locks and model directories do.
lock=(--lock "$T/long.json")
long_paths() {
	python3 - >"$T/long.spec" <<'PYTHON'
import json
def path(i):
    head, tail = "d%03d/" % (i // 100), "-%05d.json" % i
    return head + ("some-long-weights-name-" * 9)[:200 - len(head) - len(tail)] + tail
print(json.dumps({"name": "long", "repos": [{"id": "acme/long", "files": [
    {"path": path(i), "text": "%d" % i, "git": i % 2 == 0,
     "views": ["v/" + path(i)[2:]] if i % 2 == 0 else []} for i in range(50000)]}]}))
PYTHON
	make_store "$X/long" "$T/long.json" <"$T/long.spec"
	same "$(jq '.repos[0].files[0].path | length' "$T/long.json")" 200
	within 0 "$PROGRAM" verify --cache "$X/long" "${lock[@]}"
	within 0 "$PROGRAM" fetch --dry-run --cache "$X/none" "${lock[@]}" --endpoint http://127.0.0.1:9
	same "$(grep -c "^acme/long d" "$T/out")" 50000
}
long_mended() { # each is told, with where it came from
	local store=$X/long/models--acme--long made=$X/made
	told() {
		same "$(jq ".items | map(select(.result == \"mended\" and .from == \"$1\")) | length" "$T/out")" 50000
		rm -r "$made"
	}
	within 0 "$PROGRAM" repair --from "$X/long" --offline --json --cache "$made" "${lock[@]}"
	told "$X/long"
	within 0 "$PROGRAM" import "$X/long" --json --cache "$made"
	told "$X/long"
	cp -rL "$store"/snapshots/* "$X/plain"
	within 0 "$PROGRAM" adopt "$X/plain" --json --cache "$made" "${lock[@]}"
	told "$X/plain"
	within 0 "$PROGRAM" adopt "$X/plain" --verbose --cache "$made" "${lock[@]}"
	same "$(grep -c '^mended  *missing  *acme/long  *d' "$T/out")" 50000
	rm -r "$made"
	python3 - "$X/plain" <<'PYTHON'
import hashlib, os, sys
top = sys.argv[1]
for here, dirs, files in os.walk(top):
    dirs[:] = [d for d in dirs if d != ".cache"]
    notes = os.path.join(top, ".cache/huggingface/download", os.path.relpath(here, top))
    os.makedirs(notes)
    for name in files:
        with open(os.path.join(here, name), "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        with open(os.path.join(notes, name + ".metadata"), "w", encoding="ascii") as f:
            f.write("%s\n%s\n9999999999.0\n" % ("a" * 40, digest))
PYTHON
	within 0 "$PROGRAM" adopt "$X/plain" --as acme/long --json --cache "$made"
	told "$X/plain"
	rm -r "$X/plain"
}
long_every() {
	within 0 "$PROGRAM" fetch --dry-run --json --cache "$X/none" "${lock[@]}" --endpoint http://127.0.0.1:9
	same "$(jq '.missing | length' "$T/out")" 50000
	within 0 "$PROGRAM" fetch --offline --cache "$X/long" "${lock[@]}"
	within 7 "$PROGRAM" pack --offline --cache "$X/long" "${lock[@]}" -o "$X/no.tar"
	within 7 "$PROGRAM" export acme/long --cache "$X/long" -o "$X/no.tar"
	within 0 "$PROGRAM" verify --json --cache "$X/long" "${lock[@]}"
	within 9 "$PROGRAM" verify --cache "$X/hub" "${lock[@]}"
	within 0 "$PROGRAM" verify --cache "$X/long"
	within 0 "$PROGRAM" verify --quick --cache "$X/long"
	within 0 "$PROGRAM" ls --json --cache "$X/long"
	within 0 "$PROGRAM" du --cache "$X/long"
	within 0 "$PROGRAM" inventory --cache "$X/long"
	within 0 "$PROGRAM" sbom "${lock[@]}"
	within 0 "$PROGRAM" scan "$X/long"
	within 0 "$PROGRAM" gc --cache "$X/long"
	within 0 "$PROGRAM" repair --offline --cache "$X/long" "${lock[@]}"
	within 0 "$PROGRAM" repair --offline --cache "$X/long"
	within 9 "$PROGRAM" repair --offline --cache "$X/none" "${lock[@]}" --json
	within 0 "$PROGRAM" adopt "$X/long" "${lock[@]}" --cache "$X/adopted"
	rm -r "$X/adopted"
	within 0 "$PROGRAM" rm acme/long --cache "$X/long"
}
# Two locks, and each line in which they differ: names of 200 characters, and places in
# a model directory for half of them.
other_names() {
	python3 - "$X/hub-root/models/acme/names" "$T" <<'PYTHON'
import json, os, sys
for commit in "ab":
    with open("%s/%s.json" % (sys.argv[2], commit), "w") as f:
        json.dump({"format": "itts-manifest", "version": 1, "name": "names", "models": [
            {"id": "acme/names", "revision": commit * 40, "views": [{"files": "*[02468].bin", "to": "v/"}]}]}, f)
    for i in range(50000):
        place = "%s/%s/d%03d" % (sys.argv[1], commit * 40, i // 100)
        if i % 100 == 0:
            os.makedirs(place)
        with open("%s/%s-%05d.bin" % (place, ((commit + "-long-name-") * 16)[:185], i), "w") as f:
            f.write("x%d" % i)
PYTHON
	start_hub hub "$X/hub-root" --quota 10000000
	ask() { within "$1" "$PROGRAM" "$2" -m "$T/$3.json" --endpoint "$hub" --cache "$X/names" --lock "$T/names.json" "${@:4}"; }
	ask 0 lock a
	same "$(jq '.repos[0].files[0].path | length' "$T/names.json")" 200
	ask 0 lock a --check
	ask 1 lock b --check --json
	same "$(jq '.differences | map(select(test("^[-+] acme/names d"))) | length' "$T/out")" 100000
	ask 0 lock b
	same "$(grep -c '^[-+] acme/names d' "$T/out")" 100000
	ask 0 fetch b
	ask 0 fetch b --json
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
check "paths of 200 characters" long_paths
check "what comes from elsewhere has paths of 200 characters" long_mended
[ -z "${ITTS_LONG:-}" ] || check "every command with paths of 200 characters" long_every
[ -z "${ITTS_LONG:-}" ] || check "two locks that differ in all names" other_names
finish
