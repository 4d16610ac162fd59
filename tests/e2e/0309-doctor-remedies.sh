#!/usr/bin/env bash
# What doctor tells to do is done as it stands, with a real bundle, and doctor is quiet then;
# the commands that the README names for each part of the guides answer their question.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq cc
fixtures
mkdir "$T/bin"
ln -s "$PROGRAM" "$T/bin/itts-pack"
export PATH=$T/bin:$PATH HF_HUB_OFFLINE=1 HF_HUB_CACHE=$T/hub
TOP=$T/srv/index-tts
C=$TOP/checkpoints

# The repositories in small, with content of the right kind: doctor looks into it.
valid() {
	cp -r "$FIX" "$T/valid"
	PYTHONPATH=$ROOT/tests/e2e python3 - "$T/valid" <<'PYTHON'
import os, sys
import model_tree
for top, _, names in os.walk(sys.argv[1] + "/models"):
    for name in names:
        path = os.path.join(top, name)
        if name.endswith((".pt", ".pth", ".bin", ".safetensors", ".json", ".yaml")):
            size = os.path.getsize(path)
            os.remove(path)
            model_tree.put(path, size, "2.0" if "IndexTTS-2/" in top else "2.5")
PYTHON
}
bundle() { # NAME [OPTIONS of pack]: of the recipe
	(
		unset HF_HUB_OFFLINE
		expect 0 itts pack -m "$T/valid/$1.json" --endpoint "$hub" --cache "$T/$1.cache" -o "$T/$1.tar" "${@:2}"
	)
}
must valid
start_hub hub "$T/valid"
must bundle indextts-2
must bundle indextts-2.5
must bundle indextts-2 --with examples -o "$T/voices.tar"
sources() { # new|old
	PYTHONPATH=$ROOT/tests/e2e python3 -c 'import sys, model_tree; model_tree.write_source(*sys.argv[1:])' "$TOP" "$1"
}
installed() { # [PROGRAM [RECIPE]]: anew, and doctor is quiet
	rm -rf "$T/srv" "$HF_HUB_CACHE"
	mkdir -p "$TOP"
	sources "${1:-new}"
	BUNDLE=$T/${2:-indextts-2}.tar
	cd "$TOP"
	itts install "$BUNDLE" --model-dir "$C" --quiet
	look_again
	quiet
}
look_again() { doctor --model-dir "$C"; }
remedy_of() { # ID: the first that is found
	jq -r --arg id "$1" '[.findings[] | select(.id == $id)][0].remedy // "none"' "$T/out"
}
mends() { # ID -- COMMAND...: what that breaks, the remedy of ID mends
	local id=$1 remedy
	shift 2
	"$@"
	look_again
	remedy=$(remedy_of "$id")
	echo "$id: $remedy"
	ids
	case $remedy in
	"itts-pack install BUNDLE --model-dir $C"${LINKS:+*} | mv*" && itts-pack install BUNDLE --model-dir $C") ;;
	*) fail "$id tells: $remedy" ;;
	esac
	pasted "$remedy"
	look_again
	quiet
	expect 0 itts verify --model-dir "$C"
}
pasted() { # TEXT: in a shell of its own, with the bundle for BUNDLE
	expect 0 bash -ec "${1//BUNDLE/$BUNDLE}"
}
# what was installed keeps its bytes in the cache: the file gets bytes of its own
cut_off() { truncate -s 2000 "$C/$1"; }
other() { rm "$C/$1" && printf '%b' "$2" >"$C/$1"; }
zeros() { local size; size=$(stat -c %s "$C/$1"); rm "$C/$1" && truncate -s "$size" "$C/$1"; }
appended() { fresh "$C/$1" && printf x >>"$C/$1"; }
one_byte() { fresh "$C/$1" && flip "$C/$1" 5000; }
header() { fresh "$C/$1" && printf xxxxxxxxxxxxxxxx | dd of="$C/$1" bs=1 conv=notrunc status=none; }
link() { rm "$C/$1" && ln -s "$T/nowhere" "$C/$1"; }
directory() { rm "$C/$1" && mkdir "$C/$1"; }
pipe() { rm "$C/$1" && mkfifo "$C/$1"; }
from_25() { rm "$C/$1" && cp "$T/valid/models/IndexTeam/IndexTTS-2.5"/*/"$1" "$C/$1"; }
absolute() { fresh "$C/config.yaml" && sed -i 's|gpt_checkpoint: gpt.pth|gpt_checkpoint: /x/gpt.pth|' "$C/config.yaml"; }
W2V=hf_cache/w2v-bert-2.0
BLOB=$HF_HUB_CACHE/models--facebook--w2v-bert-2.0/blobs

broken() {
	installed
	mends files.truncated -- cut_off gpt.pth
	mends files.truncated -- cut_off $W2V/model.safetensors
	mends files.empty -- other gpt.pth ''
	mends files.pointer -- other s2mel.pth 'version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 5\n'
	mends files.html -- other gpt.pth '<!DOCTYPE html><html>login</html>'
	mends files.zeros -- zeros gpt.pth
	mends files.broken -- header $W2V/model.safetensors
	mends files.other-size -- appended bpe.model
	mends files.other-bytes -- one_byte wav2vec2bert_stats.pt
}
gone() {
	installed
	mends files.missing -- rm "$C/bpe.model"
	mends files.missing -- rm "$C/config.yaml" "$C/s2mel.pth"
	mends files.partial -- rm "$C/$W2V/preprocessor_config.json"
	mends files.dangling -- link s2mel.pth
	mends files.dangling -- link $W2V/model.safetensors
	mends files.no-directory -- rm -r "$C"
	mends files.no-family -- find "$C" -mindepth 1 -delete
	mends files.missing -- rm -r "$HF_HUB_CACHE" "$C/gpt.pth"
}
in_the_way() {
	installed
	mends files.no-file -- directory s2mel.pth
	mends files.no-file -- pipe gpt.pth
	mends files.no-file -- directory $W2V/config.json
}
versions() {
	installed
	mends files.absolute -- absolute
	mends files.mixed -- from_25 config.yaml
	installed new indextts-2.5
	mends files.missing -- rm "$C/codec.pth"
	mends files.absolute -- absolute
}
old() { # up to v2.0.0: it looks where a Hub cache is
	installed old
	mends files.no-qwen -- rm -r "$C/qwen0.6bemo4-merge"
	# (one of two places where it looks)
	mends start.split-cache -- rm -r "$C/hf_cache/models--funasr--campplus"
	mends start.missing -- rm -r "$C/hf_cache/models--funasr--campplus" "$HF_HUB_CACHE/models--funasr--campplus"
	mends start.split-cache -- find "$C/hf_cache/models--facebook--w2v-bert-2.0" -name config.json -delete
	local ref=models--nvidia--bigvgan_v2_22khz_80band_256x/refs/main
	mends start.missing -- rm "$C/hf_cache/$ref" "$HF_HUB_CACHE/$ref"
	mends start.bad-ref -- sed -i '$a\' "$C/hf_cache/$ref" "$HF_HUB_CACHE/$ref"
}
copies() { # the flat names are gone, the Hub layout is there
	installed
	mends start.migrate -- rm -r "$C/hf_cache/bigvgan" "$C/hf_cache/campplus_cn_common.bin"
}
comfy() { # a node of ComfyUI looks beside gpt.pth first
	installed
	C=$TOP/ComfyUI/models/IndexTTS-2
	mkdir -p "$TOP/ComfyUI/custom_nodes" "$TOP/ComfyUI/models"
	itts install "$BUNDLE" --model-dir "$C" --quiet
	cp -r "$C/$W2V" "$C"
	mkdir -p "$C/semantic_codec"
	cp "$C/hf_cache/semantic_codec_model.safetensors" "$C/semantic_codec/model.safetensors"
	look_again
	quiet
	mends files.missing -- rm "$C/bpe.model"
	LINKS=1
	mends files.truncated -- cut_off w2v-bert-2.0/model.safetensors
	mends start.partial -- rm "$C/w2v-bert-2.0/model.safetensors"
	mends files.empty -- other semantic_codec/model.safetensors ''
}
voices() { # in the model directory, and beside the program's source
	installed
	BUNDLE=$T/voices.tar
	itts install "$BUNDLE" --model-dir "$C" --quiet
	mends files.examples -- other examples/voice_01.wav '<html>'
	mkdir "$TOP/examples"
	printf '<html>' >"$TOP/examples/voice_02.wav"
	look_again
	finds warning files.examples "pack --with examples"
	pasted "$(remedy_of files.examples)"
	look_again
	quiet
	test "$(ls "$TOP/examples" | wc -l)" -gt 5
}
left_over() {
	installed
	printf x >"$C/gpt.pth.aria2"
	mkdir -p "$C/._____temp" && printf x >"$C/._____temp/gpt.pth"
	look_again
	pasted "$(remedy_of files.leftover)"
	look_again
	quiet
	expect 0 itts verify --model-dir "$C"
}
by_log() {
	installed
	printf '%s\n' ">> GPT weights restored from: checkpoints/gpt.pth" "Traceback (most recent call last):" \
		'  File "infer_v2.py", line 1, in <module>' \
		"huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': './checkpoints/w2v-bert-2.0'. Use \`repo_type\` argument if needed." >"$T/server.log"
	rm -r "$C/$W2V"
	doctor --model-dir "$C" --log "$T/server.log"
	finds error log.local-folder
	remedy_of log.local-folder
	pasted "$(remedy_of log.local-folder | sed 's/.*\(itts-pack install\)/\1/')"
	look_again
	quiet
}
# --- the README's table: what guides guess, and the command that knows -------------------
table() { # the rows: the guess, tab, what to ask
	awk -F ' [|] ' '/^[|] the guess [|]/ { inside = 1; getline; next }
		!/^[|]/ { inside = 0 }
		inside { sub(/^[|] /, "", $1); sub(/ [|]$/, "", $2); print $1 "\t" $2 }' "$ROOT/README.md"
}
row() { # WORDS IDS...: the row of the guess names these ids (or those of *), and no other
	local words=$1 line
	shift
	line=$(table | grep -F -- "$words") || fail "the README has no row about: $words"
	echo "$line" | cut -f 1 >>"$T/asked"
	same "$(echo "$line" | cut -f 2 | grep -oE '`[a-z]+[.](\*|[a-z][a-z-]+)`' | tr -d '\140' | sort -u | xargs)" "$*"
}
answers() { # SEVERITY ID [WORDS...]: as finds, of the machine, too
	TO_LINES=${TO_LINES//^(machine|gpu)/^none} read_findings
	finds "$@"
}
little_memory() { # doctor on a machine that has this much
	mount --bind "$T/meminfo" /proc/meminfo
	look_again
}
memory() {
	row "not enough memory" "gpu.memory" "machine.*"
	installed
	mkdir -p "$T/lib"
	cc -shared -fPIC -o "$T/lib/libnvidia-ml.so.1" "$ROOT/tests/e2e/nvml_stub.c"
	LD_LIBRARY_PATH=$T/lib STUB_FREE=1000 STUB_USERS="$$:20000" look_again
	answers error gpu.memory "1000 of 24576 MiB" "process $$ (bash) has 20000 MiB"
	jq -e '.facts[] | select(.topic == "memory") | .text | contains("free")' "$T/out"
	[ "$(id -u)" -eq 0 ] || return 0
	sed -E 's/^(MemAvailable|MemFree):.*/\1: 1000 kB/; s/^MemTotal:.*/MemTotal: 4000000 kB/' /proc/meminfo >"$T/meminfo"
	export -f little_memory look_again doctor itts read_findings show fail
	export PROGRAM C TO_LINES
	unshare -m bash -c little_memory
	answers error machine.memory "Killed"
}
network() {
	row "the network is slow" "start.*"
	installed old
	rm -r "$C/hf_cache/models--funasr--campplus" "$HF_HUB_CACHE/models--funasr--campplus"
	HF_HUB_OFFLINE=0 look_again
	answers error start.missing "campplus_cn_common.bin of funasr/campplus" "$C/hf_cache" "s of silence"
	row network_debug.py "online.*"
	HF_HUB_OFFLINE=0 HF_ENDPOINT=http://127.0.0.1:1 doctor --model-dir "$C" --online
	answers warning online.hub ": refused" "HF_ENDPOINT names this host"
	HF_HUB_OFFLINE=0 HF_ENDPOINT=$hub doctor --model-dir "$C" --online
	lacks online.hub
	jq -e '.facts[] | select(.topic == "network") | .text | contains("ms)")' "$T/out"
}
variables() {
	row "set \`HF_HOME\`, \`TRANSFORMERS_CACHE\`" env.split-cache start.split-cache
	installed old
	rm -rf "$C/hf_cache"/models--facebook* "$C/hf_cache/w2v-bert-2.0"
	TRANSFORMERS_CACHE=$T/elsewhere HF_HOME=$T/home look_again
	answers warning env.split-cache TRANSFORMERS_CACHE
	answers error start.split-cache "it is in $HF_HUB_CACHE"
	# the other half of the answer: install, then env
	pasted "$(remedy_of start.split-cache)"
	(
		export TRANSFORMERS_CACHE=$T/elsewhere HF_HOME=$T/home
		eval "$(itts env --model-dir "$C")"
		look_again
		quiet
	)
	row "memory fragmentation" "env.*"
	installed
	CUDA_LAUNCH_BLOCKING=1 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True look_again
	answers note env.blocking "prevents no hang"
}
damage() {
	row "a damaged or partial download" "files.*"
	installed
	one_byte gpt.pth
	expect 9 itts verify --model-dir "$C"
	says gpt.pth
	cut_off gpt.pth
	look_again
	answers error files.truncated
	row predownload_models.py
	itts inspect "$BUNDLE" >"$T/out"
	prints facebook/w2v-bert-2.0 amphion/MaskGCT funasr/campplus nvidia/bigvgan_v2_22khz_80band_256x IndexTeam/IndexTTS-2
}
packages() {
	row "wrong versions" "packages.*"
	installed
	python3 "$ROOT/tests/e2e/model_tree.py" --venv "$TOP/.venv" torch=2.8.0 transformers=4.30.0
	doctor --model-dir "$C" --venv "$TOP/.venv"
	answers error packages.version "4.30.0" "4.52.1"
}
hardware() {
	row torch.version.cuda "gpu.*"
	installed
	mkdir -p "$T/lib"
	cc -shared -fPIC -o "$T/lib/libnvidia-ml.so.1" "$ROOT/tests/e2e/nvml_stub.c"
	python3 "$ROOT/tests/e2e/model_tree.py" --venv "$T/cpu" torch=2.8.0+cpu
	LD_LIBRARY_PATH=$T/lib doctor --model-dir "$C" --venv "$T/cpu"
	answers warning gpu.cpu-torch
	jq -e '.facts[] | select(.topic == "graphics") | .text | contains("driver")' "$T/out"
	LD_LIBRARY_PATH=$T/lib look_again
	lacks gpu.cpu-torch
}
flags() {
	row HF_DATASETS_OFFLINE env.offline env.useless
	installed
	HF_HUB_OFFLINE=0 TRANSFORMERS_OFFLINE=1 HF_DATASETS_OFFLINE=1 look_again
	answers warning env.offline "not looked at"
	answers note env.useless HF_DATASETS_OFFLINE
	expect 0 env -u HF_HUB_OFFLINE "$PROGRAM" run --offline --model-dir "$C" -- sh -c 'echo "$HF_HUB_OFFLINE"'
	prints 1
}
detours() {
	row solve_network_issue.sh env.no-gpu env.proxy env.useless env.xet
	installed old
	HF_HUB_OFFLINE=0 HF_ENDPOINT=https://hf-mirror.com https_proxy=http://proxy.invalid:1 no_proxy=localhost \
		TRANSFORMERS_TIMEOUT=600 CUDA_VISIBLE_DEVICES='' look_again
	answers note env.xet "CAS service error"
	answers warning env.proxy ProxyError
	answers note env.useless "no library reads it"
	answers warning env.no-gpu
	HF_HUB_OFFLINE=0 expect 0 itts mirrors funasr/campplus --endpoint "$hub" --endpoint http://127.0.0.1:1
	prints "$hub" "refused"
}
carried() {
	row "\`tar\` of" ""
	installed
	tar -C "$HF_HUB_CACHE" -czf "$T/cache.tgz" .
	expect 0 itts install --import "$T/cache.tgz" --cache "$T/carried" --json
	expect 0 itts verify --cache "$T/carried"
	cache_is_honest "$T/carried"
	# and one that was damaged on the way is not taken
	cp -r "$HF_HUB_CACHE" "$T/damaged"
	flip "$(find "$T/damaged" -type f -path '*campplus*/blobs/*' -size +10k)" 5000
	tar -C "$T/damaged" -czf "$T/damaged.tgz" .
	expect 9 itts install --import "$T/damaged.tgz" --cache "$T/other"
}
steps() {
	local at last=0 step
	row debug_model_loading.py
	installed
	expect 0 itts doctor --model-dir "$C" --verbose
	for step in config.yaml "GPT weights" "CUDA kernel of BigVGAN" "w2v-bert-2.0 model.safetensors" \
		"MaskGCT semantic codec" "s2mel weights" campplus "BigVGAN weights" "text normaliser" bpe.model; do
		at=$(grep -nF -- "$step" "$T/out" | grep -v "of the model" | tail -n 1 | cut -d : -f 1)
		test "$at" -gt "$last" || fail "$step is not behind the step before"
		last=$at
	done
}
monitor() {
	row monitor_init.py "log.*"
	installed
	expect 0 itts run --report "$T/run.json" -- python3 -c 'import sys, time
f = open(sys.argv[1], "rb", buffering=0)
while f.read(100000): time.sleep(0.2)' "$C/gpt.pth"
	jq -e '[.spans[] | select(.kind == "read") | .what] | any(endswith("gpt.pth"))' "$T/run.json"
	sleep 100 &
	PIDS="$PIDS $!"
	expect 0 timeout --foreground --preserve-status -s INT 4 "$PROGRAM" watch $! --patience 1
	says "nothing moves" "asleep"
	echo ">> GPT weights restored from: checkpoints/gpt.pth" >"$T/server.log"
	doctor --model-dir "$C" --log "$T/server.log"
	answers warning log.stops "GPT weights restored" "w2v-bert-2.0"
}
kernel() {
	row "(never named there;" "build.*"
	installed
	touch -d '1 hour ago' "$TOP/indextts/s2mel/modules/bigvgan/alias_free_activation/cuda/build/lock"
	look_again
	pasted "$(remedy_of build.lock)"
	look_again
	quiet
}
all_asked() { # each row, by one of these
	same "$(sort -u "$T/asked")" "$(table | cut -f 1 | sort -u)"
}

# --- docs/doctor.md -----------------------------------------------------------------------
# All that doctor can print, out of its source and its data, stands on the page, and nothing
# else; so do the wheels of torch.
page() {
	python3 - "$ROOT" <<'PYTHON'
import glob, json, os, re, sys
root = sys.argv[1]
page = open(f"{root}/docs/doctor.md").read()
told = dict(re.findall(r"^\| `([a-z]+\.[a-z0-9.-]+)` \| ([a-z, ]+) \|", page, re.M))
rules = {"log." + r["id"]: r["severity"] for r in json.load(open(f"{root}/doctor/log_table.json"))["rules"]}
ids, bad = set(rules), []
for path in glob.glob(f"{root}/doctor/*.c"):
    text = open(path).read()
    ids |= set(re.findall(r'"((?:files|start|env|packages|machine|gpu|build|online|log)\.[a-z0-9.-]+)"', text))
    # each finding by its call: the third argument, which has the id in it or is a variable
    for call in re.finditer(r"\b(?:FIND|note)\(\s*d,(.*?)\);", text, re.S):
        arguments = re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: m.group().replace(",", "\0"), call.group(1)).split(",")
        literals = re.findall(r'"([^"]*)"', arguments[1])
        if not literals and not re.search(r"\bids?\b", arguments[1]):
            bad.append(f"{os.path.basename(path)}: which id? {arguments[1].strip()}")
        bad += [f"{os.path.basename(path)}: {i} is none of the topics" for i in literals if i not in ids]
bad += [f"not on the page: {i}" for i in sorted(ids - set(told))]
bad += [f"on the page, and nowhere else: {i}" for i in sorted(set(told) - ids)]
bad += [f"{i}: {told[i]}, is {s}" for i, s in rules.items() if told.get(i, s) != s]
wheels = re.findall(r'\{ "([\d.]+)", "([\d.]*)", \{ ([\d, ]+) \},\s*"([\d.]+)" \}', open(f"{root}/doctor/gpufit.c").read())
for cuda, torch, cards, driver in wheels:
    cards = ", ".join(f"{int(c) // 10}.{int(c) % 10}" for c in cards.split(","))
    if not re.search(rf"^\| {cuda} \| {'from ' + torch if torch else '(any|older)'} \| {cards} \| {driver} \|$", page, re.M):
        bad.append(f"not on the page: torch {torch} for CUDA {cuda}")
bad += [f"only {len(ids)} findings, {len(wheels)} wheels"] * (len(ids) < 100 or len(wheels) < 10)
print(len(ids), "findings", *bad, sep="\n")
sys.exit(bool(bad))
PYTHON
}
check "docs/doctor.md has each finding, and no other" page

check "files that are broken" broken
check "files that are not there" gone
check "directories and pipes in their place" in_the_way
check "other versions" versions
check "the program up to v2.0.0" old
check "parts that are only in a Hub layout" copies
check "where nodes of ComfyUI look" comfy
check "sample voices" voices
check "what downloads have left" left_over
check "what the log names" by_log
check "guess: memory" memory
check "guess: network" network
check "guess: variables" variables
check "guess: the card" hardware
check "guess: flags" flags
check "guess: mirrors, proxies, timeouts" detours
check "guess: an archive of the cache" carried
check "guess: downloads" damage
check "guess: versions" packages
check "guess: scripts that print steps" steps
check "guess: scripts that look on" monitor
check "what no guide names" kernel
check "each row of the table was asked" all_asked
finish
