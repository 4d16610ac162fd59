#!/usr/bin/env bash
# The bill of materials: a CycloneDX document that judges nobody here wrote accept,
# the same from lock and bundle, and in the bundle.
. "$(dirname "$0")/lib.sh"

need python3 jq
need_judges
B=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
make_store "$T/store" "$T/lock.json" <<SPEC
{"name": "bom", "repos": [
 {"id": "acme/voice", "license": "apache-2.0", "files": [
   {"path": "a \"b\" ä.bin", "size": 70001}, {"path": "config.yaml", "text": "a: 1\n", "git": true}]},
 {"id": "acme/voice", "commit": "$B", "refs": ["v2"], "license": "Voice licence 1.0", "files": [
   {"path": "config.yaml", "text": "a: 2\n", "git": true}, {"path": "empty", "size": 0}]},
 {"id": "gpt2", "license": "mIt", "files": [{"path": "x/y.bin", "size": 9}]},
 {"id": "acme/Sounds", "type": "dataset", "files": [{"path": "s.bin", "size": 10}]},
 {"id": "acme/demo", "type": "space", "files": [{"path": "app.py", "size": 11}]},
 {"id": "acme/none", "license": "apache-2.0 or (mit and LicenseRef-own)", "files": []}]}
SPEC
# what no fixture of a cache has: other kinds of source
jq -c '.repos += [
	{id: "acme/lfs", type: "model", revision: "main", commit: .repos[1].commit, refs: [], git: "https://git.example/a b/lfs.git" | sub(" "; "%20"),
	 files: [.repos[2].files[0]]},
	{id: "acme/urls", type: "model", revision: "main", commit: .repos[1].commit, refs: [],
	 files: [.repos[2].files[0] + {url: "https://files.example/y.bin?v=1&w=2"}]},
	{id: "acme/ms", type: "model", revision: "main", commit: .repos[1].commit, refs: [], hub: "modelscope",
	 mirrors: {modelscope: "Acme/ms"}, files: [.repos[2].files[0]]}]' "$T/lock.json" >"$T/kinds.json"
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"

valid() { # FILE
	expect 0 node "$ROOT/tests/judges/sbom.mjs" "$1"
}
accepted() {
	itts sbom --lock "$T/kinds.json" >"$T/kinds.cdx.json"
	valid "$T/kinds.cdx.json"
	itts sbom --lock "$T/lock.json" >"$T/lock.cdx.json"
	valid "$T/lock.cdx.json"
}
judge_can_fail() { # or it would be none
	jq 'del(.components[0].type)' "$T/lock.cdx.json" >"$T/bad1.json"
	jq '.components[0].licenses[0].license.id = "apache-2.0"' "$T/lock.cdx.json" >"$T/bad2.json"
	jq '.components[1]."bom-ref" = .components[0]."bom-ref"' "$T/lock.cdx.json" >"$T/bad3.json"
	jq '.components[0].purl = "pkg:huggingface"' "$T/lock.cdx.json" >"$T/bad4.json"
	expect 1 node "$ROOT/tests/judges/sbom.mjs" "$T"/bad[123].json
	prints bad1.json bad2.json "2 components are"
	expect 1 node "$ROOT/tests/judges/sbom.mjs" "$T/bad4.json"
}
one_document() {
	expect 0 itts sbom "$T/b.tar" -o "$T/b.cdx.json"
	cmp "$T/b.cdx.json" "$T/lock.cdx.json"
	tar -xOf "$T/b.tar" sbom.cdx.json | cmp - "$T/b.cdx.json"
	cat "$T/b.tar" | "$PROGRAM" sbom - | cmp - "$T/b.cdx.json"
	mkdir -p "$T/v"
	pack_store "$T/store" "$T/lock.json" "$T/v/b.tar" --volume-size 32K
	itts sbom "$T/v" | cmp - "$T/b.cdx.json"
	# neither time, place nor order of keys has a say
	jq -S . "$T/lock.json" >"$T/sorted.json"
	(cd / && env TZ=Asia/Kathmandu SOURCE_DATE_EPOCH=5 "$PROGRAM" sbom --lock "$T/sorted.json") | cmp - "$T/b.cdx.json"
	same "$(stat -c %a "$T/b.cdx.json")" 644
}
facts() { # every file of the lock with its digest; ids of SPDX; commits
	jq -r '.repos[] | .id as $r | .commit as $c | .files[] | "\($r) \($c) \(.path) \(.sha256) \(.size)"' \
		"$T/lock.json" >"$T/want"
	jq -r '.components[] | (if .group then .group + "/" else "" end + .name) as $r | .version as $c | .components[] |
		"\($r) \($c) \(.name) \(.hashes[0].content) \(.properties[0].value)"' "$T/b.cdx.json" | diff "$T/want" -
	same "$(jq -r '[.components[] | .licenses[0] | .expression // .license.id // .license.name] | join(",")' "$T/b.cdx.json")" \
		"Apache-2.0,Voice licence 1.0,MIT,,,Apache-2.0 OR (MIT AND LicenseRef-own)"
	same "$(jq -r '.components[0].purl' "$T/b.cdx.json")" "pkg:huggingface/acme/voice@$(printf 'a%.0s' {1..40})"
	same "$(jq -r '.components[2].purl' "$T/b.cdx.json" | cut -d@ -f1)" "pkg:huggingface/gpt2"
	same "$(jq -r '[.components[].type] | unique | join(",")' "$T/b.cdx.json")" application,data,machine-learning-model
	same "$(jq -r '.components[0].components[1].swhid[0]' "$T/b.cdx.json")" \
		"swh:1:cnt:$(printf 'a: 1\n' | git hash-object --stdin)"
	# another licence, another commit: another document with another number
	jq '.repos[0].license = "mit"' "$T/lock.json" >"$T/other.json"
	itts sbom --lock "$T/other.json" >"$T/other.cdx.json"
	test "$(jq .serialNumber "$T/other.cdx.json")" != "$(jq .serialNumber "$T/b.cdx.json")"
	same "$(jq -r '.components[6].purl' "$T/kinds.cdx.json")" \
		"pkg:generic/lfs@$B?vcs_url=git%2Bhttps%3A%2F%2Fgit.example%2Fa%2520b%2Flfs.git%40$B"
	same "$(jq -r '.components[7].components[0].externalReferences[0].url' "$T/kinds.cdx.json")" \
		"https://files.example/y.bin?v=1&w=2"
	same "$(jq -r '.components[8].externalReferences[0].url' "$T/kinds.cdx.json")" "https://modelscope.cn/models/Acme/ms"
	same "$(jq -r '.components[7, 8] | .purl // "none"' "$T/kinds.cdx.json" | sort -u)" none
}
made_again() { # from what was installed, the same bundle with the same document
	expect 0 itts install "$T/b.tar" --cache "$T/hub"
	expect 0 itts pack --from-store --cache "$T/hub" -o "$T/again.tar"
	cmp "$T/b.tar" "$T/again.tar"
}
damaged() { # a document that was changed is noticed
	cp "$T/b.tar" "$T/bad.tar"
	local at
	at=$(grep -abo -m1 '"name": "Apache\|"id": "Apache' "$T/bad.tar" | head -n 1 | cut -d: -f1)
	printf '"ID"' | dd of="$T/bad.tar" bs=1 seek="$at" conv=notrunc 2>/dev/null
	expect 9 itts verify "$T/bad.tar"
	prints sbom.cdx.json
	expect 9 itts install "$T/bad.tar" --cache "$T/none"
	says sbom.cdx.json
	same "$(find "$T/none" -path '*/refs/*')" ""
}
another_program() { # a bundle without the document, or with another, is read
	python3 - "$T/b.tar" "$T/old" <<'PYTHON'
import hashlib, json, os, sys, tarfile
bundle, store = sys.argv[1:]
os.makedirs(store)
with tarfile.open(bundle) as t:
    m = json.loads(t.extractfile("itts-bundle.json").read())
    for e in m["extras"]:
        open(os.path.join(store, e["sha256"]), "wb").write(t.extractfile(e["path"]).read())
m["extras"] = [e for e in m["extras"] if e["path"] != "sbom.cdx.json"]
other = b'{"another": "document"}\n'
m["extras"].append({"path": "sbom.cdx.json", "size": len(other), "sha256": hashlib.sha256(other).hexdigest()})
open(os.path.join(store, m["extras"][-1]["sha256"]), "wb").write(other)
open(os.path.join(store, "itts-bundle.json"), "w", encoding="utf-8").write(
    json.dumps(m, separators=(",", ":"), ensure_ascii=False) + "\n")
PYTHON
	rm -rf "$T/hub/.locks/itts-pack/bom"
	cp -r "$T/old" "$T/hub/.locks/itts-pack/bom"
	expect 0 itts pack --from-store --cache "$T/hub" -o "$T/other.tar"
	same "$(tar -xOf "$T/other.tar" sbom.cdx.json)" '{"another": "document"}'
	expect 0 itts verify "$T/other.tar"
	expect 0 itts install "$T/other.tar" --cache "$T/hub2"
	# what it claims follows from its lock
	itts sbom "$T/other.tar" | cmp - "$T/b.cdx.json"
	jq -c '.extras |= map(select(.path != "sbom.cdx.json"))' "$T/old/itts-bundle.json" \
		>"$T/hub/.locks/itts-pack/bom/itts-bundle.json"
	expect 0 itts pack --from-store --cache "$T/hub" -o "$T/none.tar"
	same "$(tar -tf "$T/none.tar" | grep -F sbom)" ""
	expect 0 itts verify "$T/none.tar"
	expect 0 itts install "$T/none.tar" --cache "$T/hub3"
}
usage() {
	expect 6 itts sbom
	one_error
	says "itts-pack.lock.json" "give a bundle"
	expect 6 itts sbom nothing.tar
	expect 2 itts sbom "$T/b.tar" --lock "$T/lock.json"
	one_error
	expect 7 itts sbom "$T/lock.cdx.json"
	expect 3 sh -c '"$0" sbom "$1" >/dev/full' "$PROGRAM" "$T/b.tar"
	expect 3 itts sbom "$T/b.tar" -o /proc/none/x
	one_error
	itts init -o m.json
	expect 2 itts sbom --lock "$T/lock.json" -m m.json
	one_error
	says "made from another manifest"
	jq --arg d "sha256:$(sha256sum <m.json | cut -c 1-64)" '.manifest = $d' "$T/lock.json" >itts-pack.lock.json
	expect 0 itts sbom -m m.json
	expect 0 itts sbom -o out.json --json
	same "$(jq -r .sha256 "$T/out")" "$(sha256sum <out.json | cut -c 1-64)"
}

check "CycloneDX 1.6, SPDX and package URLs: the judges accept it" accepted
check "the judges can refuse" judge_can_fail
check "the same document from lock, bundle, stream, volumes, and in the bundle" one_document
check "files, digests, licences, sources" facts
check "the bundle made again from a store" made_again
check "a changed document is damage" damaged
check "bundles of other versions, with another document or none" another_program
check "what is refused" usage
finish
