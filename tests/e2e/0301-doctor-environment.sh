#!/usr/bin/env bash
# doctor on the environment: which cache each part of the program looks in, which
# variable wins, what the network would be asked. The thread is named where there is one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq
C=checkpoints
must tree new
must tree old --program old --layout hub
must tree none --layout none --program old

# Every case: the pain, and the same when what is told was done in the shell.
mkdir "$T/bin"
ln -s "$PROGRAM" "$T/bin/itts-pack"
PATH=$T/bin:$PATH
mended() { # ID OPTIONS...: in this shell
	local remedy
	remedy=$(jq -r --arg id "$1" '[.findings[] | select(.id == $id)][0].remedy' "$T/out")
	shift
	echo "$remedy"
	eval "$remedy"
	doctor "$@"
	quiet
}
sick() { # TREE SEVERITY ID WORDS VARIABLE=VALUE...
	local tree=$1 severity=$2 id=$3 words=$4
	shift 4
	copy "$tree"
	(
		[ $# -eq 0 ] || export "$@"
		doctor
		finds "$severity" "$id" "$words"
		mended "$id"
	)
}

set_to() { # SEVERITY ID WORDS VARIABLE=VALUE...
	sick new "$@"
}

# index-tts#690 #616 #658: the web interface downloads again
check "webui.py looks in another cache than ./checkpoints/hf_cache" \
	sick old warning start.split-cache "webui.py looks in another cache" HF_HUB_OFFLINE=1
# chenpipi0807#113, voicebox#557: the network is asked at each start
check "all is there, but the network is asked" sick old warning start.network "7 requests"
requests() {
	copy old
	doctor
	jq -e '[.steps[] | .requests] | add == 7' "$T/out"
	jq -e '.steps[] | select(.what == "w2v-bert-2.0 model.safetensors") | .requests == 0' "$T/out"
	jq -e '.steps[] | select(.what == "BigVGAN config.json") | .requests == 2 and .wait_s == 20' "$T/out"
}
check "seven requests, as the libraries send them; 10 s each" requests
waits() {
	copy old
	HF_HUB_ETAG_TIMEOUT=3 doctor
	jq -e '.steps[] | select(.what == "campplus") | .wait_s == 3' "$T/out"
}
check "HF_HUB_ETAG_TIMEOUT counts" waits
flat_quiet() {
	copy new
	doctor
	quiet
	jq -e '[.steps[] | .requests] | add == 0' "$T/out"
}
check "the flat layout asks nothing, whatever is set" flat_quiet

# hermes-agent#111072: how long the silence lasts; with hub 1.2 and later, six times more
silence() {
	copy none
	doctor
	finds error start.missing "up to 10 s of silence"
	python3 "$ROOT/tests/e2e/model_tree.py" --venv .venv huggingface-hub=1.29.0
	doctor
	finds error start.missing "up to 393 s of silence"
	HF_HUB_OFFLINE=1 doctor
	finds error start.missing "offline: LocalEntryNotFoundError"
}
check "what is missing: how long the silence is" silence

# the guide's recipe: three caches, none of which helps the others
guide() {
	copy none
	mkdir -p "$HOME/.cache/huggingface"
	python3 "$ROOT/tests/e2e/model_tree.py" "$T/filled" --layout hub --program none
	mv "$T/filled/$C/hf_cache" "$HOME/.cache/huggingface/hub"
	HF_HOME=$PWD/hf_cache TRANSFORMERS_CACHE=$PWD/hf_cache/transformers HF_HUB_OFFLINE=1 doctor
	finds warning env.split-cache "TRANSFORMERS_CACHE" "HF_HOME" "$PWD/hf_cache/hub"
	finds error start.split-cache "$HOME/.cache/huggingface/hub" "infer_v2.py sets HF_HUB_CACHE"
	# its twin: the default cache, used by all (webui.py)
	HF_HUB_OFFLINE=1 doctor
	lacks env.split-cache
	finds warning start.split-cache "Python (IndexTTS2) looks in another cache"
	rm -r "$HOME/.cache"
}
check "the guide's three caches" guide
order() {
	copy none
	export HF_HUB_OFFLINE=1 XDG_CACHE_HOME=$T/xdg
	doctor
	jq -e '.facts | map(.text) | any(contains("infer_v2.py sets"))' "$T/out"
	jq -e --arg d "$T/xdg/huggingface/hub (XDG_CACHE_HOME)" \
		'.facts | map(.text) | any(contains("webui.py: hub library " + $d))' "$T/out"
	python3 "$ROOT/tests/e2e/model_tree.py" "$T/x" --layout hub --program none
	mkdir -p "$T/xdg/huggingface" && mv "$T/x/$C/hf_cache" "$T/xdg/huggingface/hub"
	doctor
	finds warning start.split-cache "$T/xdg/huggingface/hub"
	mkdir -p "$T/home2" && mv "$T/xdg/huggingface/hub" "$T/home2/hub"
	HF_HOME=$T/home2 doctor
	finds warning start.split-cache "it is in $T/home2/hub"
	HF_HOME=$T/home2 HUGGINGFACE_HUB_CACHE=$T/nowhere doctor
	finds error start.split-cache "$T/nowhere (HUGGINGFACE_HUB_CACHE)"
	HF_HUB_CACHE=$T/first HF_HOME=$T/home2 HUGGINGFACE_HUB_CACHE=$T/nowhere doctor
	finds error start.split-cache "$T/first (HF_HUB_CACHE)"
}
check "which variable wins" order
# PR#532: the cache depends on the directory it is started in
elsewhere() {
	copy old
	mkdir work
	cd work
	HF_HUB_OFFLINE=1 doctor --model-dir ../$C
	finds warning start.cwd "./checkpoints/hf_cache" "cd $T/case"
}
at_home() {
	copy old
	HF_HUB_OFFLINE=1 doctor
	lacks start.cwd
}
check "started in another directory" elsewhere
check "started in its own: quiet" at_home
renamed() { # a model directory that has another name
	copy old
	mv $C 'Index TTS-2'
	export HF_HUB_OFFLINE=1
	doctor --model-dir 'Index TTS-2'
	finds warning start.cwd "ln -s '$T/case/Index TTS-2' checkpoints"
	eval "$(jq -r '.findings[] | select(.id == "start.cwd") | .remedy' "$T/out")"
	HF_HUB_CACHE=$PWD/$C/hf_cache doctor
	quiet
}
check "the model directory has another name" renamed
linked() { # the models on another disk, the program where the link is
	copy old
	mv $C ../elsewhere
	ln -s ../elsewhere $C
	cd /
	HF_HUB_OFFLINE=1 doctor --model-dir "$T/case/$C"
	jq -e '.facts[] | select(.topic == "models") | .text | contains("up to v2.0.0")' "$T/out"
	rm -rf "$T/elsewhere"
}
check "a link to the models: the program is where the link is" linked
unusual() { # what is set, and not used where all is local
	copy new
	mkdir -p "$HOME/my cache/hub"
	ln -s "$HOME/my cache/hub" "$HOME/link"
	TRANSFORMERS_CACHE=/elsewhere https_proxy=http://h:1 no_proxy=localhost doctor
	quiet
	copy old
	mv $C/hf_cache/* "$HOME/my cache/hub"
	export HF_HUB_OFFLINE=1 HF_HOME="~/my cache"
	TRANSFORMERS_CACHE=$HOME/link doctor
	lacks env.split-cache
	jq -e --arg d "webui.py: hub library $HOME/my cache/hub (HF_HOME)" \
		'.facts | map(.text) | any(. == $d)' "$T/out"
	lacks start.missing
	rm -r "$HOME/my cache" "$HOME/link"
}
check "a cache by ~, blanks or a link; what nothing here uses: quiet" unusual

# the disk with the cache is not mounted
ln -s "$T/unmounted" "$T/disk"
ln -s "$TREES" "$T/mounted"
check "HF_HOME is a link that leads nowhere" set_to note env.lost-cache "HF_HOME=$T/disk: $T/disk is a link" HF_HOME="$T/disk"
check "so is what it is below" set_to note env.lost-cache "$T/disk is a link" XDG_CACHE_HOME="$T/disk/a/b"
lost() {
	copy old
	# (that variables differ, and the network is asked, are findings of their own)
	export HF_HUB_OFFLINE=1 HF_HUB_CACHE=$C/hf_cache
	doctor
	quiet
	TRANSFORMERS_CACHE=$T/disk doctor
	finds warning env.lost-cache "TRANSFORMERS_CACHE=$T/disk"
	TRANSFORMERS_CACHE=$T/mounted/none doctor
	lacks env.lost-cache
	# without a model directory, and where no variable says so
	cd "$T"
	unset HF_HUB_CACHE
	mkdir -p "$T/other/.cache"
	ln -s "$T/unmounted" "$T/other/.cache/huggingface"
	HOME=$T/other doctor
	finds warning env.lost-cache "$T/other/.cache/huggingface is a link"
	HF_HOME=$T/mounted HOME=$T/other doctor
	lacks env.lost-cache
}
check "where something is looked for; and its twins" lost

# index-tts#458: proxy and TLS are fatal unless offline
check "a proxy, not offline" sick old warning env.proxy "ProxyError" https_proxy=http://proxy.invalid:3128
check "a proxy for localhost, too" sick new warning env.no-proxy "shareable link" \
	https_proxy=http://proxy.invalid:3128
# chenpipi0807#72: a token
check "a token, not offline" sick new note env.token "401" HF_TOKEN=hf_aVerySecretToken123
# hf-mirror-site#64: big files around the mirror
check "a mirror without HF_HUB_DISABLE_XET" sick new note env.xet "CAS service error" \
	HF_ENDPOINT=https://hf-mirror.com
check "an endpoint that is no URL" set_to warning env.endpoint "https://" HF_ENDPOINT=hf-mirror.com
check "HF_HUB_OFFLINE=0 beats TRANSFORMERS_OFFLINE=1" set_to warning env.offline "not looked at" \
	HF_HUB_OFFLINE=0 TRANSFORMERS_OFFLINE=1
check "a value that is not understood" set_to warning env.offline "only 1, ON, YES and TRUE" \
	HF_HUB_OFFLINE=y
check "variables that nobody reads" set_to note env.useless "TRANSFORMERS_TIMEOUT" \
	TRANSFORMERS_TIMEOUT=300 HF_HUB_TIMEOUT=300
check "HF_DATASETS_OFFLINE does nothing here" set_to note env.useless "only the library datasets" \
	HF_DATASETS_OFFLINE=1
check "hidden cards" set_to warning env.no-gpu "processor" CUDA_VISIBLE_DEVICES=
check "CUDA_LAUNCH_BLOCKING" set_to note env.blocking "prevents no hang" CUDA_LAUNCH_BLOCKING=1
socks() {
	copy new
	python3 "$ROOT/tests/e2e/model_tree.py" --venv .venv requests=2.32.0
	ALL_PROXY=socks5h://127.0.0.1:1 doctor
	finds warning env.socks "SOCKS"
	# httpx looks at each of them
	(
		export HTTPS_PROXY=http://127.0.0.1:1 ALL_PROXY=socks5h://127.0.0.1:1 all_proxy=socks5://127.0.0.1:1 no_proxy=localhost
		doctor
		finds warning env.socks "ALL_PROXY" "all_proxy" "SOCKS"
		not grep "unset.*HTTPS_PROXY" "$T/findings"
		eval "$(jq -r '.findings[] | select(.id == "env.socks") | .remedy' "$T/out")"
		doctor
		lacks env.socks
	)
	python3 "$ROOT/tests/e2e/model_tree.py" --venv env2 PySocks=1.7.1
	ALL_PROXY=socks5h://127.0.0.1:1 doctor --venv env2
	lacks env.socks
}
check "SOCKS without PySocks, and with it" socks

secrets() {
	copy old
	export HF_TOKEN=hf_aVerySecretToken123 https_proxy=http://me:pass-word-9@proxy.invalid:3128
	export HF_ENDPOINT=https://me:pass-word-9@hf.invalid
	printf '%s\n' "Authorization: Bearer hf_aVerySecretToken123" \
		"401 Client Error for url: https://me:pass-word-9@hf.invalid/a?token=pass-word-9" >log
	doctor --log log
	cat "$T/out" "$T/err" >"$T/all"
	itts doctor -v --log log >>"$T/all" 2>&1 || :
	not grep -e VerySecret -e pass-word "$T/all"
	for url in me:pass-word-9@h.invalid:1 'http://me:pass-word-9/x@h:1' $'http://me:pass-word-9\nx@h:1' \
		"http://me:pass-word-9$(head -c 100000 /dev/zero | tr '\0' x)@h"; do
		https_proxy=$url HF_ENDPOINT=$url itts doctor >>"$T/all" 2>&1 || :
		https_proxy=$url HF_ENDPOINT=$url itts doctor --json >>"$T/all" 2>&1 || :
	done
	not grep -e VerySecret -e pass-word "$T/all"
	grep -q 'HF_TOKEN is set' "$T/all"
	grep -q 'proxy.invalid' "$T/all"
}
check "no secret is shown" secrets

finish
