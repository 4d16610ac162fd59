#!/usr/bin/env bash
# The main job: pack on a machine with network, install and verify on one without.
. "$(dirname "$0")/lib.sh"

need python3 unshare
can_unshare || skip_all "no network namespaces"
fixtures
start_hub hub "$FIX" --page-size 3
MODELS=$T/srv/checkpoints
commit=740dcaff396282ffb241903d150ac011cd4b1ede
w2v=da985ba0987f70aaeb84a80f2851cfac8c697a7b

pack() {
	expect 0 itts pack -m "$FIX/indextts-2.json" --endpoint "$hub" \
		--cache "$T/store" --lock itts-pack.lock.json \
		-o "$T/indextts-2.tar"
	test -s "$T/indextts-2.tar"
	test -s itts-pack.lock.json
	cache_is_honest "$T/store"
}
notice() {
	grep -q CC-BY-NC-4.0 "$T/err" "$T/out"
}
needed_only() {
	for path in conformer_shaw.pt t2s_model acoustic_codec 3msteps Modelfile; do
		same "$(grep -c "$path" itts-pack.lock.json)" 0
	done
	same "$(requests hub GET 'conformer|t2s_model')" 0
	# qwen in, examples out
	grep -q qwen0.6bemo4-merge/model.safetensors itts-pack.lock.json
	same "$(grep -c voice_01 itts-pack.lock.json)" 0
}
install() {
	expect 0 no_network "$PROGRAM" install "$T/indextts-2.tar" --cache "$T/server/hub" \
		--model-dir "$MODELS"
	cache_is_honest "$T/server/hub"
}
verify() {
	expect 0 no_network "$PROGRAM" verify --model-dir "$MODELS"
	expect 0 no_network "$PROGRAM" verify --cache "$T/server/hub"
	expect 0 no_network "$PROGRAM" verify --cache "$T/server/hub" --lock itts-pack.lock.json
	expect 0 no_network "$PROGRAM" verify "$T/indextts-2.tar"
}
source_of() { echo "$FIX/models/$1"; }
same_bytes() { # every view is what the hub has
	local a=$FIX/models
	cmp "$MODELS/gpt.pth" "$a/IndexTeam/IndexTTS-2/$commit/gpt.pth"
	cmp "$MODELS/config.yaml" "$a/IndexTeam/IndexTTS-2/$commit/config.yaml"
	for f in config.json preprocessor_config.json model.safetensors; do
		cmp "$MODELS/hf_cache/w2v-bert-2.0/$f" "$a/facebook/w2v-bert-2.0/$w2v/$f"
	done
	cmp "$MODELS/hf_cache/semantic_codec_model.safetensors" \
		"$a"/amphion/MaskGCT/*/semantic_codec/model.safetensors
	cmp "$MODELS/hf_cache/campplus_cn_common.bin" "$a"/funasr/campplus/*/campplus_cn_common.bin
	cmp "$MODELS/hf_cache/bigvgan/bigvgan_generator.pt" \
		"$a"/nvidia/bigvgan_v2_22khz_80band_256x/*/bigvgan_generator.pt
}
hub_layout() { # what Python finds in both caches, and one copy of the bytes
	local cache
	for cache in "$T/server/hub" "$MODELS/hf_cache"; do
		same "$(cat "$cache/models--facebook--w2v-bert-2.0/refs/main")" "$w2v"
		same "$(wc -c <"$cache/models--facebook--w2v-bert-2.0/refs/main")" 40
		cmp "$cache/models--facebook--w2v-bert-2.0/snapshots/$w2v/model.safetensors" \
			"$FIX/models/facebook/w2v-bert-2.0/$w2v/model.safetensors"
	done
	same "$(stat -c %i "$MODELS/gpt.pth")" "$(stat -Lc %i \
		"$T/server/hub/models--IndexTeam--IndexTTS-2/snapshots/$commit/gpt.pth")"
	same "$(stat -c %h "$MODELS/hf_cache/w2v-bert-2.0/model.safetensors")" 3
	# people edit this one, so it is a copy
	same "$(stat -c '%h %a' "$MODELS/config.yaml")" "1 644"
}
env_sh() {
	expect 0 itts env --model-dir "$MODELS"
	eval "$(cat "$T/out")"
	same "$HF_HUB_OFFLINE" 1
	same "$TRANSFORMERS_OFFLINE" 1
	test "${HF_HUB_CACHE:0:1}" = /
	test -d "$HF_HUB_CACHE"
	for form in sh fish systemd docker; do
		expect 0 itts env --cache "$T/server/hub" --format "$form"
		prints HF_HUB_OFFLINE "$T/server/hub"
	done
}
inspect() {
	expect 0 itts inspect "$T/indextts-2.tar"
	prints IndexTeam/IndexTTS-2 facebook/w2v-bert-2.0 amphion/MaskGCT funasr/campplus
	expect 0 itts inspect "$T/indextts-2.tar" --json
	jq -e . "$T/out" >/dev/null
}
again() {
	local files=(find "$T/server" "$MODELS" -type f ! -path '*/.itts-pack/*' -printf '%p %i %T@\n')
	"${files[@]}" | sort >"$T/before"
	expect 0 no_network "$PROGRAM" install "$T/indextts-2.tar" --cache "$T/server/hub" \
		--model-dir "$MODELS" --json
	same "$(jq .new_files "$T/out")" 0
	"${files[@]}" | sort >"$T/after"
	diff "$T/before" "$T/after"
}
pages_stay_home() { # Link headers named huggingface.co
	test "$(requests hub GET 'tree/')" -gt 10
}

check "pack: lock, fetch and bundle in one command" pack
check "pack shows the non-commercial licence" notice
check "only what is needed was asked for" needed_only
check "all pages of listings came from the endpoint" pages_stay_home
check "inspect" inspect
check "install without any network" install
check "verify model directory, cache, lock, bundle" verify
check "the files are those of the hub" same_bytes
check "Hub layout in both places, one copy of the bytes" hub_layout
check "env in its four forms" env_sh
check "installing again changes nothing" again
finish
