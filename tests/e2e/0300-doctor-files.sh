#!/usr/bin/env bash
# doctor on model directories: what users ran into, and the healthy twin of each.
# The thread is named where there is one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq cc
export HF_HUB_OFFLINE=1
C=checkpoints
must tree new
must tree old --program old --layout hub
must tree new25 --family 2.5 --layout flat
must tree v15 --family 1.5 --layout none --no-record

healthy() { # TREE...
	local name
	for name; do
		copy "$name"
		# (without this, webui.py up to v2.0.0 would look elsewhere: 0301)
		HF_HUB_CACHE=$PWD/$C/hf_cache doctor
		quiet
	done
}
check "healthy trees of each family and layout: quiet" healthy new old new25 v15

INSTALL="itts-pack install BUNDLE --model-dir $T/case/checkpoints"
declare -A REMEDY=(
	[files.leftover]="rm $T/case/checkpoints/." [files.examples]="=itts-pack install BUNDLE --model-dir $T/case/checkpoints && cp -f $T/case/checkpoints/examples/*.wav $T/case/checkpoints/../examples"
	[build.lock]="rm /" [build.running]="=wait until it has ended"
)
sick() { # TREE SEVERITY ID WORDS -- COMMAND...
	local tree=$1 severity=$2 id=$3 words=$4
	shift 5
	copy "$tree"
	"$@"
	doctor
	finds "$severity" "$id" "$words"
	: "${REMEDY[$id]:=$INSTALL}"
	remedy_is "$id"
}

cut_to() { fresh "$2" && truncate -s "$1" "$2"; }
write_to() { rm "$1" && printf '%b' "$2" >"$1"; }
pointer() { write_to "$1" 'version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 5\n'; }

# index-tts#469 #254
check "bpe.model is missing" sick new error files.missing bpe.model -- rm $C/bpe.model
check "s2mel.pth is missing" sick new error files.missing s2mel.pth -- rm $C/s2mel.pth
check "2.5: codec.pth is missing" sick new25 error files.missing codec.pth -- rm $C/codec.pth
check "1.5: bigvgan_generator.pth is missing" \
	sick v15 error files.missing bigvgan_generator.pth -- rm $C/bigvgan_generator.pth
# index-tts#701: config.yaml is gone after an update
check "config.yaml is gone" sick new error files.missing config.yaml -- rm $C/config.yaml
# index-tts#457: truncated, pointer, empty
W2V=$C/hf_cache/w2v-bert-2.0
check "safetensors cut off" sick new error files.truncated MetadataIncompleteBuffer -- \
	cut_to 1000000000 $W2V/model.safetensors
check "safetensors empty" sick new error files.empty HeaderTooSmall -- \
	cut_to 0 $W2V/model.safetensors
check "safetensors is a pointer" sick new error files.pointer "Git LFS pointer" -- \
	pointer $W2V/model.safetensors
check "gpt.pth cut off" sick new error files.truncated PytorchStreamReader -- \
	cut_to 3000000000 $C/gpt.pth
check "gpt.pth is a pointer" sick new error files.pointer "invalid load key, 'v'" -- pointer $C/gpt.pth
check "gpt.pth is a web page" sick new error files.html "invalid load key, '<'" -- \
	write_to $C/gpt.pth '<!DOCTYPE html><html>login</html>'
zeros() { rm "$1" && truncate -s "$2" "$1"; }
check "space that was only reserved" sick new error files.zeros "reserved" -- \
	zeros $C/gpt.pth 3484663079
garbage() { fresh "$1" && printf 'xxxxxxxxxxxxxxxx' | dd of="$1" bs=1 conv=notrunc status=none; }
check "a header that is garbage" sick new error files.broken "HeaderTooLarge" -- \
	garbage $W2V/model.safetensors
check "JSON that is cut off" sick new error files.truncated "bytes, expected" -- \
	cut_to 100 $W2V/config.json
one_bit() { fresh "$1" && printf 'Z' | dd of="$1" bs=1 seek=200 conv=notrunc status=none; }
check "a small file with another byte" sick new warning files.other-bytes "SHA-256" -- \
	one_bit $C/wav2vec2bert_stats.pt
# index-tts#739, VoiceStudio#2097
cubefs() { fresh $C/config.yaml && sed -i 's|gpt_checkpoint: gpt.pth|gpt_checkpoint: /cubefs/x/gpt.pth|' $C/config.yaml; }
check "absolute paths in config.yaml" sick new25 error files.absolute "/cubefs/x/gpt.pth" -- cubefs
# index-tts#151 #236 #173: 1.0 weights with the configuration of 1.5; 2.0 with 2.5
check "weights of 1.0 with config.yaml of 1.5" sick v15 error files.mixed "IndexTTS 1.0" -- \
	cut_to 696528896 $C/gpt.pth
mix() { rm $C/gpt.pth && cp --sparse=always "$TREES/new25/$C/gpt.pth" $C/gpt.pth; }
check "gpt.pth of 2.5 in 2.0" sick new error files.mixed "3259599833" -- mix
bomb() { # of lines, and of aliases
	fresh $C/config.yaml
	{
		echo 'a: &a [x, x]'
		for i in $(seq 3000); do echo "b$i: /cubefs/$i"; done
		for i in $(seq 3000); do echo "c$i: [*a, *a, *a, *a, {d: {e: {f: *a}}}]"; done
	} >>$C/config.yaml
}
bombed() {
	sick new error files.absolute "and 2997 more" -- bomb
	[ "$(grep -c files.absolute "$T/findings")" -eq 1 ]
}
check "a thousand of them are one finding" bombed
# 2.0 loads Qwen at every start, which only programs since June 2026 can be told not to
no_qwen() { rm -r $C/qwen0.6bemo4-merge; }
check "no Qwen, old program" sick old error files.no-qwen "HFValidationError" -- no_qwen
may_leave_it() {
	REMEDY[files.no-qwen]="=IndexTTS2(use_qwen_emo=False)"
	sick new warning files.no-qwen "unless it is told not to: HFValidationError" -- no_qwen
}
check "no Qwen, new program" may_leave_it
no_qwen25() {
	copy new25
	no_qwen
	doctor
	quiet
}
check "its twin: 2.5 starts without Qwen" no_qwen25
# what install has put into the directory beside those three files
crowded() {
	copy new
	for i in $(seq 300); do echo >"$C/hf_cache/w2v-bert-2.0/a$i"; done
	doctor
	quiet
}
check "many more files in w2v-bert-2.0: quiet" crowded
# Ksuriuri#166, chenpipi0807#129: a directory that is missing looks like the network
check "no model directory" sick new error files.no-directory "Network is unreachable" -- mv $C elsewhere
# TTS-Audio-Suite#91 #93: partial w2v-bert-2.0
check "w2v-bert-2.0 lacks preprocessor_config.json" \
	sick new error files.partial preprocessor_config.json -- rm $W2V/preprocessor_config.json
check "w2v-bert-2.0 lacks its weights" sick new error files.partial model.safetensors -- \
	rm $W2V/model.safetensors
# Ksuriuri#89: what was left over
temp_dir() { mkdir -p "$C/._____temp" && echo x >"$C/._____temp/gpt.pth"; }
check "left over by ModelScope" sick new warning files.leftover "._____temp" -- temp_dir
incomplete() { mkdir -p $C/.cache/huggingface/download && echo x >$C/.cache/huggingface/download/a.incomplete; }
check "left over by hf download" sick new warning files.leftover ".incomplete" -- incomplete
pasted() { # ID: the command that is told, as it stands
	bash -ec "$(jq -r --arg id "$1" '.findings[] | select(.id == $id) | .remedy' "$T/out")"
}
leftovers() { # of each kind, with names that shells and terminals would take amiss, behind a link
	copy new
	mkdir -p "$C/._____temp/a b" "$C/.cache/huggingface/download"
	touch "$C/._____temp/a b/gpt.pth" "$C/.cache/huggingface/download/"$'a\n b'"';rm.incomplete" \
		"$C/gpt.pth.aria2" "$C/x.crdownload" "$C/y.tmp.part" "$C/z.itts-part"
	touch incomplete "$C/kept.incomplete.txt" "$C/temp"
	mv $C "models 'x' \$y" && ln -s "models 'x' \$y" $C
	doctor
	finds warning files.leftover "6 downloads"
	pasted files.leftover
	doctor
	quiet
	test -e incomplete
	test -e $C/kept.incomplete.txt
	test -e $C/temp
	test -e $C/gpt.pth
	touch $C/"; one 'x.incomplete"
	doctor
	finds warning files.leftover "1 download has"
	pasted files.leftover
	doctor
	quiet
}
check "the command that deletes what was left over" leftovers
dangle() { rm $C/bpe.model && ln -s /nowhere/bpe.model $C/bpe.model; }
no_file() { # COMMAND NAME: what is in the place of a file must not be opened
	rm $C/"$2" && $1 $C/"$2"
}
for file in gpt.pth config.yaml bpe.model s2mel.pth; do
	for how in mkfifo mkdir "ln -s /dev/zero"; do
		check "$file: $how" sick new error files.no-file "$file" -- no_file "$how" "$file"
	done
done
check "a link that leads nowhere" sick new error files.dangling bpe.model -- dangle
# index-tts#701: web page instead of a sample voice; and LFS pointers
voices() { mkdir examples && echo '<html>' >examples/voice_01.wav; }
check "sample voices that are web pages" sick new warning files.examples "web page" -- voices
voices_lfs() { mkdir examples && echo 'version https://git-lfs.github.com/spec/v1' >examples/a.wav; }
check "sample voices that are pointers" sick new warning files.examples "Git LFS" -- voices_lfs

# index-tts#701: the flat layout is wanted, only the Hub layout is there
old_layout() { rm -rf $C/hf_cache/[!m]*; }
check "only the Hub layout, new program: copies first" sick new note start.migrate "copied" -- old_layout
nothing() { rm -rf $C/hf_cache; }
check "no parts at all: stops at the first" sick new error start.missing w2v-bert-2.0 -- nothing
# xinference#4169, refs
newline() { local f; for f in $C/hf_cache/models--*/refs/main; do fresh "$f" && echo >>"$f"; done; }
check "a line break in refs/main" sick old error start.bad-ref "line break" -- newline
check "refs/main is missing" sick old error start.missing "refs/main is missing" -- \
	rm $C/hf_cache/models--amphion--MaskGCT/refs/main
no_snapshot() { rm -r $C/hf_cache/models--amphion--MaskGCT/snapshots; }
check "the snapshot is missing" sick old error start.missing "snapshot that is not there" -- no_snapshot
lacks_one() { rm $C/hf_cache/models--facebook--w2v-bert-2.0/snapshots/*/preprocessor_config.json; }
check "the snapshot lacks a file" sick old error start.missing "lacks the file" -- lacks_one
no_blob() { rm $C/hf_cache/models--funasr--campplus/blobs/*; }
check "a blob is gone" sick old error start.missing "blob that is gone" -- no_blob

blob_of() { readlink -f $C/hf_cache/models--"$1"/snapshots/*/"$2"; } # OWNER--NAME FILE
cut_blob() { # as a copy that ended early leaves it
	local blob
	blob=$(blob_of facebook--w2v-bert-2.0 model.safetensors)
	fresh "$blob" && truncate -s 1000000 "$blob"
}
check "a blob is cut off" sick old error files.broken "MetadataIncompleteBuffer" -- cut_blob
page_blob() {
	local blob
	blob=$(blob_of nvidia--bigvgan_v2_22khz_80band_256x config.json)
	rm "$blob" && echo '<html>login</html>' >"$blob"
}
bit_blob() { one_bit "$(blob_of facebook--w2v-bert-2.0 config.json)"; }
check "a small blob with another byte" sick old warning files.other-bytes "not the name of its blob" -- bit_blob
check "a blob is a web page" sick old error files.html "config.json" -- page_blob

# pytorch#189245, the guide's second hang
B=indextts/s2mel/modules/bigvgan/alias_free_activation/cuda/build
# with a card, as the driver's library tells it; without one the kernel is not tried
mkdir "$T/lib"
must cc -shared -fPIC -o "$T/lib/libnvidia-ml.so.1" "$ROOT/tests/e2e/nvml_stub.c"
carded() { LD_LIBRARY_PATH=$T/lib "$@"; }
check "a lock that nobody holds" carded sick new error build.lock "rm $T/case/$B/lock" -- touch $B/lock
check "without a card it is not waited for" sick new warning build.lock "with a card" -- touch $B/lock
unlock() { # what it says to do mends it
	copy new
	touch $B/lock
	carded doctor
	eval "$(jq -r '.findings[] | select(.id == "build.lock") | .remedy' "$T/out")"
	carded doctor
	quiet
	rm "$B"/*.so
	touch $B/lock
	carded doctor
	jq -e '.steps[] | select(.what | startswith("CUDA kernel")) | .result == "fails"' "$T/out"
}
check "the command that is told mends it" unlock
cp "$(type -P sleep)" "$T/ninja"
is_ninja() { [ "$(readlink "/proc/$1/exe")" = "$T/ninja" ]; }
builds_in() { # DIR: what ninja is for us, working there
	touch $B/lock
	(cd "$1" && exec "$T/ninja" 600) &
	PIDS="$PIDS $!"
	await is_ninja $!
}
check "a lock beside which somebody else compiles" \
	sick new warning build.lock "no compiler works there" -- builds_in "$T"
check "its twin: a build that runs" sick new note build.running "process" -- builds_in $B
extension() { mkdir -p "$HOME/.cache/torch_extensions/py311/x" && touch "$HOME/.cache/torch_extensions/py311/x/lock"; }
gone() { rm -r "$HOME/.cache"; }
check "a lock of another extension" sick new warning build.lock "torch_extensions" -- extension
# torch's own place follows XDG_CACHE_HOME; a chosen one has no folder for each version
extension_at() { # VARIABLE DIRECTORY
	rm -rf "$HOME/.cache/torch_extensions"
	copy new
	doctor --model-dir checkpoints
	lacks build.lock
	mkdir -p "$2" && touch "$2/lock"
	export "$1=$T/elsewhere"
	doctor --model-dir checkpoints
	finds warning build.lock "rm $2/lock"
	unset "$1"
}
check "in the cache that XDG_CACHE_HOME names" extension_at XDG_CACHE_HOME "$T/elsewhere/torch_extensions/py311_cu128/x"
check "in the place that TORCH_EXTENSIONS_DIR names" extension_at TORCH_EXTENSIONS_DIR "$T/elsewhere/y"
check "(its twin)" gone
check "quiet without it" healthy new

# yolain#10: the text normaliser cannot be written
not_writable() {
	rm indextts/utils/tagger_cache/*
	mount -t tmpfs -o ro tmpfs indextts/utils/tagger_cache
}
tagger() {
	copy new
	unshare -m bash -c "$(declare -f not_writable); not_writable && '$PROGRAM' doctor --json" >"$T/out" || :
	read_findings
	finds error build.tagger-cache "Read-only"
	# what it tells to do mends it
	jq -r '.findings[] | select(.id == "build.tagger-cache") | .remedy' "$T/out" >"$T/remedy"
	unshare -m bash -ec "mount -t tmpfs -o ro tmpfs indextts/utils/tagger_cache; sudo() { \"\$@\"; }; source '$T/remedy'
		'$PROGRAM' doctor --json" >"$T/out"
	read_findings
	quiet
	# another user's, and one that is not there at all
	chmod 755 "$T" "$T/case"
	cp "$PROGRAM" "$T/itts-pack"
	local before
	for before in true "rmdir tagger_cache"; do
		(cd indextts/utils && $before)
		as_nobody
		finds error build.tagger-cache "may not"
		same "$(jq -r '.findings[] | select(.id == "build.tagger-cache") | .remedy' "$T/out")" \
			"sudo install -d -o 65534 $T/case/indextts/utils/tagger_cache"
		(sudo() { "$@"; } && eval "$(jq -r '.findings[] | select(.id == "build.tagger-cache") | .remedy' "$T/out")")
		as_nobody
		lacks build.tagger-cache
		chown root indextts/utils/tagger_cache
	done
}
as_nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$T/itts-pack" doctor --json >"$T/out" || :
	read_findings
}
if [ "$(id -u)" -eq 0 ]; then
	check "tagger_cache cannot be written" tagger
else
	skip_one "tagger_cache cannot be written" "not root"
fi
first_start() {
	copy new
	rm indextts/utils/tagger_cache/*
	doctor
	quiet
	jq -e '.steps[] | select(.what == "text normaliser") | .result == "builds"' "$T/out"
}
check "its twin: the first start builds it" first_start

# ComfyUI: ComfyUI/models/IndexTTS-2, parts beside gpt.pth (yolain#10, chenpipi0807#96)
must tree plain --layout flat --program none
comfy() { # as its nodes want it
	mkdir -p ComfyUI/models ComfyUI/custom_nodes/ComfyUI-Index-TTS
	mv $C ComfyUI/models/IndexTTS-2
	C=ComfyUI/models/IndexTTS-2
	mkdir $C/semantic_codec $C/bigvgan
	mv $C/hf_cache/semantic_codec_model.safetensors $C/semantic_codec/model.safetensors
	mv $C/hf_cache/bigvgan $C/bigvgan/bigvgan_v2_22khz_80band_256x
	mv $C/hf_cache/* $C
}
nodes() {
	copy plain
	comfy
	unset HF_HUB_OFFLINE
	doctor --model-dir $C
	quiet
	jq -e '.facts[] | select(.topic == "models") | .text | contains("a node of ComfyUI")' "$T/out"
	jq -e '[.steps[] | .requests] | add == 0' "$T/out"
	fresh $C/w2v-bert-2.0/model.safetensors
	truncate -s 1000 $C/w2v-bert-2.0/model.safetensors
	doctor --model-dir $C
	finds error files.truncated "w2v-bert-2.0/model.safetensors is cut off"
	rm $C/w2v-bert-2.0/model.safetensors
	doctor --model-dir $C
	finds error start.partial "w2v-bert-2.0 model.safetensors" "Can't load"
	rm -r $C/semantic_codec $C/w2v-bert-2.0
	doctor --model-dir $C
	finds error start.missing "semantic_codec/model.safetensors of amphion/MaskGCT" "$HOME/.cache/huggingface/hub"
}
check "ComfyUI's layout: quiet; and what it lacks" nodes
# chenpipi0807#72, snicolast#13: wrong folder names
misplaced() {
	copy plain
	comfy
	rmdir $C/hf_cache
	mv $C checkpoints
	rm -r ComfyUI
	doctor
	finds error start.missing "where ComfyUI's nodes look"
}
check "ComfyUI's names where another program looks" misplaced
# index-tts#474: what recipes of users list beyond it does no harm
more() {
	copy new
	mkdir -p $C/JDCnet && echo x >$C/JDCnet/bst.t7
	doctor
	quiet
}
check "files that nobody needs: quiet" more
finish
