#!/usr/bin/env bash
# A bundle is an OCI archive: skopeo carries it to a registry and back.
. "$(dirname "$0")/lib.sh"

need skopeo docker-registry python3 jq
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "oci", "repos": [
 {"id": "acme/voice", "license": "MIT", "files": [
   {"path": "model.safetensors", "size": 3000001, "views": ["model.safetensors"]},
   {"path": "model.safetensors.index.json", "text": "{\"a\": 1}", "git": true},
   {"path": "config.json", "text": "{}", "git": true},
   {"path": "README.md", "text": "# Voice\n", "git": true},
   {"path": "run.py", "text": "print(1)\n", "git": true}]},
 {"id": "acme/voice", "commit": "cccccccccccccccccccccccccccccccccccccccc", "refs": ["v2"], "files": [
   {"path": "model.safetensors", "size": 3000001, "seed": "acme/voicemodel.safetensors"}]},
 {"id": "acme/set", "type": "dataset", "files": [{"path": "a.bin", "size": 100}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"
PORT=$(free_port)
mkdir "$T/registry"
cat >"$T/registry.yml" <<CONF
version: 0.1
storage: { filesystem: { rootdirectory: $T/registry } }
http: { addr: "127.0.0.1:$PORT" }
CONF
start registry docker-registry serve "$T/registry.yml"
await listens "$PORT"
SKOPEO="skopeo --insecure-policy --tmpdir $T"

tags() {
	tar -xOf "$T/b.tar" index.json >"$T/index.json"
	jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$T/index.json" | sort >"$T/tags"
	same "$(tr '\n' ' ' <"$T/tags")" "acme--voice acme--voice--cccccccccccc datasets--acme--set "
	# nothing but the archive's own files is needed to list it
	expect 0 skopeo list-tags "oci-archive:$T/b.tar" || skopeo --version
}
inspects() {
	expect 0 $SKOPEO inspect --raw "oci-archive:$T/b.tar:acme--voice"
	same "$(jq -r .artifactType "$T/out")" application/vnd.cncf.model.manifest.v1+json
	same "$(jq -r '.layers[] | select(.annotations["org.cncf.model.filepath"] == "model.safetensors").digest' \
		"$T/out")" "sha256:$(jq -r '.repos[0].files[] | select(.path == "model.safetensors").sha256' "$T/lock.json")"
	jq -r '.layers[] | "\(.annotations["org.cncf.model.filepath"]) \(.mediaType)"' "$T/out" >"$T/types"
	grep -q '^README.md application/vnd.cncf.model.doc.v1.raw$' "$T/types"
	grep -q '^run.py application/vnd.cncf.model.code.v1.raw$' "$T/types"
	grep -q '^model.safetensors application/vnd.cncf.model.weight.v1.raw$' "$T/types"
	grep -q '^model.safetensors.index.json application/vnd.cncf.model.weight.config.v1.raw$' "$T/types"
}
there_and_back() { # TAG
	local tag=$1 repo=models/$1
	expect 0 $SKOPEO copy --dest-tls-verify=false "oci-archive:$T/b.tar:$tag" "docker://127.0.0.1:$PORT/$repo:v1"
	expect 0 $SKOPEO copy --src-tls-verify=false "docker://127.0.0.1:$PORT/$repo:v1" "oci:$T/back/$tag:v1"
	$SKOPEO inspect --raw "oci-archive:$T/b.tar:$tag" >"$T/sent"
	$SKOPEO inspect --raw --tls-verify=false "docker://127.0.0.1:$PORT/$repo:v1" >"$T/kept"
	cmp "$T/sent" "$T/kept"
	# every file came back under its digest, with its bytes
	jq -r '.layers[].digest' "$T/sent" | sort -u >"$T/digests"
	test -s "$T/digests"
	while IFS=: read -r _ digest; do
		same "$(sha256sum <"$T/back/$tag/blobs/sha256/$digest" | cut -d' ' -f1)" "$digest"
	done <"$T/digests"
}
all() {
	mkdir -p "$T/back"
	while read -r tag; do there_and_back "$tag"; done <"$T/tags"
	cmp "$T/back/acme--voice/blobs/sha256/$(jq -r '.repos[0].files[] |
		select(.path == "model.safetensors").sha256' "$T/lock.json")" \
		"$T/store/models--acme--voice/snapshots/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/model.safetensors"
}
unpacked() { # the unpacked tree is an OCI layout as well
	mkdir "$T/tree"
	tar -xf "$T/b.tar" -C "$T/tree"
	expect 0 $SKOPEO copy "oci:$T/tree:acme--voice" "oci:$T/again:v1"
}

check "tags" tags
check "skopeo inspect: layers are the files" inspects
check "to docker-registry and back, blobs equal" all
check "the unpacked tree is an OCI layout" unpacked
finish
