#!/usr/bin/env bash
# Every layout that Python's client has written, against every command that looks
# into a cache or changes it: nothing is lost, damage is found and mended.
. "$(dirname "$0")/lib.sh"

need python3 jq
G=$T/good C=$T/cache
# models--org--links: links, listing, nested refs, .no_exist
# models--org--own: no-symlink mode: files of their own, blobs/ is empty, a listing
# models--org--shared: blobs that are links into a shared store
# models--gpt2: an id of one part; before 1.22, without listing
mkdir -p "$T/tag" && must itts repair --offline --cache "$T/tag"
python3 - "$G" "$T/tag/CACHEDIR.TAG" <<'PYTHON'
import hashlib, json, os, random, sys
top = sys.argv[1]
A = "a" * 40
FILES = {"config.json": 300, "w/model.bin": 60000, "same.bin": 60000, "empty.txt": 0}
def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
for name, listing in ("org--links", True), ("org--own", True), ("org--shared", False), ("gpt2", False):
    repo = f"{top}/models--{name}"
    os.makedirs(repo + "/blobs")
    files = {}
    for path, size in FILES.items():
        seed = "same" if size == 60000 else path
        data = random.Random(name + seed).randbytes(size)
        git = hashlib.sha1(b"blob %d\0" % size + data).hexdigest()
        etag = hashlib.sha256(data).hexdigest() if path.endswith(".bin") else git
        files[path] = {"size": size, "blob_id": git}
        if etag != git:
            files[path].update(lfs_sha256=etag, lfs_size=size)
        link = f"{repo}/snapshots/{A}/{path}"
        if name == "org--own":
            put(link, data)
            continue
        blob = f"{repo}/blobs/{etag}"
        if name == "org--shared" and etag != git:
            xet = hashlib.sha256(b"xet" + data).hexdigest()
            put(f"{top}/blobs/{xet[:2]}/{xet}", data)
            if not os.path.lexists(blob):
                os.symlink(f"../../blobs/{xet[:2]}/{xet}", blob)
        else:
            put(blob, data)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink("../" * (2 + path.count("/")) + "blobs/" + etag, link)
    if listing:
        put(f"{repo}/trees/{A}.json", json.dumps({"format_version": 1, "files": dict(sorted(files.items()))}, indent=1).encode())
    put(f"{repo}/refs/main", A.encode())
    if name == "org--links":
        put(f"{repo}/refs/refs/pr/1", A.encode())
        put(f"{repo}/.no_exist/{A}/adapter_config.json", b"")
put(f"{top}/blobs/.huggingface-shared-blobs", b"1\n")
put(f"{top}/version.txt", b"1")
with open(sys.argv[2], encoding="ascii") as f:
    put(f"{top}/CACHEDIR.TAG", f.read().encode())
os.makedirs(top + "/.locks/models--org--links")
PYTHON
cp -a "$G" "$C"

bytes_of() { (cd "$1" && find -L models--*/snapshots -type f -print0 | sort -z | xargs -0 sha256sum); }
kept() { same "$(bytes_of "$C")" "$(bytes_of "$G")"; }
# npm's scanner knows no shared store and warns of it; of nothing else, and no more
# than in the beginning
scan() { node "$ROOT/tests/judges/scan.mjs" "$1" 2>&1 | sed "s|$1||g" || :; }
judge() {
	[ -d "$JUDGES/node_modules" ] || return 0
	scan "$G" >"$T/scan.G"
	scan "$C" | diff "$T/scan.G" -
}
target() { # REPO: the bytes of its model.bin, wherever they are
	readlink -f "$C/models--$1/snapshots/"*/w/model.bin
}

looks() {
	local before
	before=$(picture "$C")
	expect 0 itts ls --cache "$C" --json
	jq -e '[.rows[] | .broken] | add == 0' "$T/out"
	jq -e '.rows | map({(.id): .state}) | add | . == {"gpt2": "unknown", "org/links": "complete", "org/own": "complete", "org/shared": "unknown"}' "$T/out"
	expect 0 itts du --cache "$C" --json
	jq -e '.unused == 0 and .parts == 0' "$T/out"
	expect 0 itts verify --cache "$C"
	expect 0 itts verify --quick --cache "$C" --json
	jq -e '.ok and .unchanged == .files and .files >= 11' "$T/out"
	expect 0 itts repair --cache "$C" --offline
	prints "nothing to mend"
	diff <(echo "$before") <(picture "$C")
}
cleans() {
	expect 0 itts gc --cache "$C" --grace 0 --yes --detached --json
	jq -e '.items | length == 0' "$T/out"
	kept
	judge
}
mends() { # in each layout
	local repo
	for repo in org--links org--own org--shared gpt2; do
		chmod u+w "$(target $repo)"
		printf X | dd of="$(target $repo)" bs=1 seek=5 conv=notrunc status=none
		expect 9 itts verify --quick --cache "$C"
		expect 9 itts verify --cache "$C"
		expect 9 itts repair --cache "$C" --offline --dry-run
		expect 0 no_network "$PROGRAM" repair --cache "$C" --from "$G"
		expect 0 itts verify --cache "$C"
		kept
		judge
	done
	test -e "$C/models--org--links/.no_exist/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/adapter_config.json"
}
carries() { # out of each, into a cache of its own
	local id
	for id in org/links org/own org/shared gpt2; do
		expect 0 itts export $id --cache "$G" -o "$T/x.tar"
		rm -rf "$T/into"
		expect 0 itts import "$T/x.tar" --cache "$T/into"
		expect 0 itts import "$G" $id --cache "$T/into2"
		expect 0 itts verify --cache "$T/into"
	done
	same "$(bytes_of "$T/into2")" "$(bytes_of "$G")"
	cache_is_honest "$T/into2"
}
read_only() { # as another user: looks, and says so where it would have to write
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chmod 755 "$T"
	chmod -R a+rX,go-w "$C"
	for what in ls du "verify" "verify --quick" "repair --dry-run --offline" gc; do
		# shellcheck disable=SC2086
		expect 0 "${as[@]}" "$PROGRAM" $what --cache "$C"
	done
	kept
}
kernels() { # a kind of repository of newer clients, or one that is still to come
	local K=$T/kernels before what kind
	cp -a "$G" "$K"
	for kind in kernels agents; do
		cp -a "$K/models--gpt2" "$K/$kind--org--name"
		printf x >"$K/$kind--org--name/blobs/$(printf %040d 1)"
		printf x >"$K/$kind--org--name/blobs/$(printf %040d 2).incomplete"
		rm "$K/$kind--org--name/refs/main"
		printf broken >"$(find "$K/$kind--org--name/blobs" -size -2 -type f | head -n 1)"
	done
	before=$(content "$K/kernels--org--name"; content "$K/agents--org--name")
	for what in "ls" "du" "verify" "verify --quick" "repair --offline" "gc --grace 0 --detached --yes"; do
		# shellcheck disable=SC2086
		expect 0 itts $what --cache "$K"
		not grep "belongs to no Hub cache" "$T/err"
	done
	same "$(content "$K/kernels--org--name"; content "$K/agents--org--name")" "$before"
	expect 0 itts ls --cache "$K"
	prints "not counted: agents--org--name, of a kind that only other clients know"
	expect 0 itts du --cache "$K" --json
	jq -e '.others == ["agents--org--name", "kernels--org--name"] and (.repos | length) == 4' "$T/out"
	expect 0 itts ls --cache "$K" --json
	jq -e '.others == ["agents--org--name", "kernels--org--name"] and .strangers == []' "$T/out"
	# what only looks like one
	printf x >"$K/kernels--org--file"
	mkdir "$K/models--a--b--c" "$K/x--y"
	expect 0 itts ls --cache "$K" --json
	same "$(jq -r '.strangers | sort | join(" ")' "$T/out")" "kernels--org--file models--a--b--c x--y"
}
nowhere() { # as when the disk with the cache is not mounted: nothing of ours makes it
	local command
	ln -s "$T/unmounted" "$T/home-link"
	cp -a "$G" "$T/n"
	for command in ls du gc verify inventory "rm gpt2" repair "export gpt2 -o $T/n.tar"; do
		# shellcheck disable=SC2086
		HF_HOME=$T/home-link expect 6 itts $command
		says "home-link is a link that leads nowhere"
		says "mount or make what it leads to, or --cache names another"
		not grep -F "makes it" "$T/err"
	done
	HF_HOME=$T/home-link expect 3 itts import "$T/n"
	says "home-link is a link that leads nowhere"
	test ! -e "$T/unmounted"
}

check "ls, du, verify, repair change nothing" looks
check "kinds of repositories that only other clients know" kernels
check "gc finds nothing to delete" cleans
check "damage is found and mended" mends
check "export and import" carries
check "read-only caches" read_only
check "a cache behind a link that leads nowhere" nowhere
finish
