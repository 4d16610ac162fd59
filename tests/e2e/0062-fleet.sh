#!/usr/bin/env bash
# The commands of docs/fleet.md, taken from it and pasted as they stand: a registry with
# TLS under the very name of the page, in a network of its own; /srv is a new file system.
. "$(dirname "$0")/lib.sh"

need python3 jq unshare skopeo docker-registry openssl ip
need_root
fixtures
start_hub hub "$FIX"
certificates registry.example
mkdir "$T/bin" "$T/data"
ln -s "$PROGRAM" "$T/bin/itts-pack"
export PATH=$T/bin:$PATH
cat >"$T/registry.yml" <<CONF
version: 0.1
storage: { filesystem: { rootdirectory: $T/data } }
http: { addr: "127.0.0.1:443", tls: { certificate: $T/server.pem, key: $T/server.key } }
CONF
printf '127.0.0.1 localhost registry.example\n' >"$T/hosts"
pack() {
	expect 0 itts lock -m "$FIX/indextts-2.json" --endpoint "$hub"
	expect 0 itts pack --endpoint "$hub" -o indextts-2.tar
}
must pack

# What the page leaves to the reader: tags instead of "...", a digest instead of "4f1c...";
# nobody asks for a password here.
blocks() {
	awk '/^```sh/ { inside = 1; next } /^```/ { inside = 0 } inside' "$ROOT/docs/fleet.md" |
		sed -e '/^skopeo login/d' \
			-e "s/\\(for tag in amphion--maskgct\\) .* \\.\\.\\.;/\\1 $(paste -sd ' ' tags);/" \
			-e 's/sha256:4f1c\.\.\./$(cat digest)/' >"$T/block"
	not grep -F ... "$T/block"
	same "$(grep -c registry.example "$T/block")" 4
}
fleet() {
	tar -xOf indextts-2.tar index.json |
		jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"] | ascii_downcase' |
		grep -v amphion--maskgct >tags
	tar -xOf indextts-2.tar index.json |
		jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "amphion--MaskGCT").digest' >digest
	blocks
	echo "--- blocks" && cat "$T/block"
	expect 0 env SSL_CERT_FILE="$T/ca.pem" E2E="$ROOT/tests/e2e" unshare -m -n bash -ec '
		mount -t tmpfs none /srv
		mount --bind "$T/hosts" /etc/hosts
		ip link set lo up
		docker-registry serve "$T/registry.yml" >"$T/log/registry.txt" 2>&1 &
		trap "kill $!" EXIT
		for i in $(seq 100); do
			! (: </dev/tcp/127.0.0.1/443) 2>/dev/null || break
			sleep 0.1
		done
		. "$T/block"
		[ "$HF_HUB_CACHE" = /srv/index-tts/checkpoints/hf_cache ]
		python3 "$E2E/honest.py" "$HF_HUB_CACHE"'
	prints "bigvgan_v2_22khz_80band_256x"
}

check "a bundle to a registry, a registry to a server" fleet
finish
