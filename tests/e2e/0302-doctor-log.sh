#!/usr/bin/env bash
# doctor --log: what users have pasted, in the form in which Python prints it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need jq
GPT='>> GPT weights restored from: ./checkpoints/gpt.pth'
CODEC='>> semantic_codec weights restored from: ./checkpoints/hf_cache/x'
S2MEL='>> s2mel weights restored from: ./checkpoints/s2mel.pth'
CAMP='>> campplus_model weights restored from: ./checkpoints/c.bin'
GAN='>> bigvgan weights restored from: nvidia/bigvgan_v2_22khz_80band_256x'
TEXT='>> TextNormalizer loaded'
BPE='>> bpe model loaded from: ./checkpoints/bpe.model'
HEAD='Traceback (most recent call last):
  File "/app/webui.py", line 51, in <module>
    tts = IndexTTS2(model_dir=cmd_args.model_dir)
  File "/app/indextts/infer_v2.py", line 85, in __init__'
DURING='
During handling of the above exception, another exception occurred:
'

# What each tells to do: the same words are in no other's remedy.
INSTALL="itts-pack install BUNDLE --model-dir MODELDIR" ENV='eval "$(itts-pack env --model-dir MODELDIR)"'
DOCTOR="itts-pack doctor --model-dir MODELDIR"
declare -A REMEDY=(
	[log.dns]="=$INSTALL" [log.timeout]="=$ENV; $INSTALL" [log.tls]="=$ENV" [log.mirror-redirect]="=$INSTALL"
	[log.modelscope-fallback]="=$INSTALL" [log.safetensors]="=$DOCTOR names it; $INSTALL"
	[log.torch-zip]="=$DOCTOR names it; $INSTALL" [log.token]="=unset HF_TOKEN; $ENV"
	[log.local-folder]="=give the right directory; $INSTALL" [log.local-folder-url]="=give the right directory; $INSTALL"
	[log.gpu-memory]="use_fp16=True" [log.killed]="a higher limit" [log.no-kernel]="older cards: torch of the cu126 index"
	[log.transformers-new]="transformers==4.52.1" [log.safetensors-new]="safetensors==0.5.2"
	[log.extras]="uv sync without --all-extras" [log.state-dict]="=$DOCTOR tells which; $INSTALL"
	[log.kernel-build]="=IndexTTS2(use_cuda_kernel=False)" [log.assets-missing]="=$INSTALL"
	[log.modelscope-download]="=wetext>=0.1.0; $INSTALL" [log.xet]="HF_HUB_DISABLE_XET=1" [log.cubefs]="=$INSTALL"
	[log.required]="=$INSTALL" [log.localhost-proxy]="=$ENV (it sets no_proxy)" [log.retrying]="=$ENV; $INSTALL"
	[log.end-of-2.5]="itts-pack watch PID" [log.unknown]="itts-pack doctor --json" [log.stops]="$DOCTOR"
)
log() { printf '%s\n' "$@" >"$T/start.log"; }
told() { # SEVERITY ID WORDS LINES...
	local severity=$1 id=$2 words=$3
	shift 3
	log "$@"
	doctor --log "$T/start.log"
	finds "$severity" "$id" "$words"
	remedy_is "$id"
	case $id in
	log.stops) ;;
	*) [ "$severity" = warning ] || lacks log.stops ;;
	esac
}
complete() {
	log "$GPT" "$CODEC" "$S2MEL" "$CAMP" "$GAN" "$TEXT" "$BPE"
	doctor --log "$T/start.log"
	quiet
	jq -e '.facts[] | select(.topic == "log") | .text | contains("complete")' "$T/out"
}
check "a start that came to its end: quiet" complete

URL=https://huggingface.co
# index-tts#376: which file
check "no name server, and which file was asked for" told error log.dns \
	"semantic_codec/model.safetensors of amphion/MaskGCT" "$GPT" "$HEAD" \
	"requests.exceptions.ConnectionError: (MaxRetryError('HTTPSConnectionPool(host=\\'huggingface.co\\', port=443): Max retries exceeded with url: /amphion/MaskGCT/resolve/main/semantic_codec/model.safetensors (Caused by NameResolutionError(\": Failed to resolve \\'huggingface.co\\' ([Errno -3] Temporary failure in name resolution)\"))'), '(Request ID: 1)')" \
	"$DURING" "$HEAD" \
	"huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file on the Hub and we cannot find the requested files in the local cache. Please check your connection and try again."
check "three exceptions in a chain: the cause counts" told error log.timeout \
	"preprocessor_config.json of facebook/w2v-bert-2.0" "$GPT" "$HEAD" \
	"requests.exceptions.ConnectTimeout: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /facebook/w2v-bert-2.0/resolve/main/preprocessor_config.json (Caused by ConnectTimeoutError(<urllib3.connection>, 'Connection to huggingface.co timed out. (connect timeout=10)'))\"), '(Request ID: 2)')" \
	"$DURING" "$HEAD" "huggingface_hub.errors.LocalEntryNotFoundError: we cannot find the requested files in the local cache." \
	"$DURING" "$HEAD" "OSError: Can't load feature extractor for 'facebook/w2v-bert-2.0'. If you were trying to load it from 'https://huggingface.co/models', make sure ..."
# index-tts#458
check "TLS is intercepted" told error log.tls "even where the cache is full" "$HEAD" \
	"requests.exceptions.SSLError: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /funasr/campplus/resolve/main/campplus_cn_common.bin (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1006)')))\"))"
# index-tts#705
check "308 of the mirror" told error log.mirror-redirect "5ad3403" \
	"ModelScope download failed for nvidia/bigvgan_v2_22khz_80band_256x: 404. Falling back to hf-mirror." "$HEAD" \
	"urllib.error.HTTPError: HTTP Error 308: Permanent Redirect"
check "ModelScope has no such part" told warning log.modelscope-fallback "hf-mirror" \
	"ModelScope download failed for nvidia/bigvgan_v2_22khz_80band_256x: 404. Falling back to hf-mirror."
# index-tts#457
check "HeaderTooSmall" told error log.safetensors "cut off" "$HEAD" \
	"safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooSmall"
check "a truncated .pth" told error log.torch-zip "cut off" "$HEAD" \
	"RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory"
# chenpipi0807#72
check "401 for a bad token" told error log.token "unset HF_TOKEN" "$HEAD" \
	"requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: $URL/facebook/w2v-bert-2.0/resolve/main/config.json"
# chenpipi0807#129, Ksuriuri#166
check "a local folder taken for a repository" told error log.local-folder "nothing to do with it" "$HEAD" \
	"huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': './checkpoints/w2v-bert-2.0'. Use \`repo_type\` argument if needed."
check "Network is unreachable, for a local path" told error log.local-folder-url "misspelt" "$HEAD" \
	"requests.exceptions.ConnectionError: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /checkpoints/gpt/resolve/main/tokenizer.json (Caused by NewConnectionError('[Errno 101] Network is unreachable'))\"))"
# index-tts#288 #301 #326
check "the card is too small" told error log.gpu-memory "fp16" "$GPT" "$HEAD" \
	"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.21 GiB. GPU 0 has a total capacity of 7.99 GiB"
check "killed" told error log.killed "out of memory" "$GPT" "$CODEC" "Killed"
# index-tts#815 #84
check "no kernel image" told error log.no-kernel "cu126" "$HEAD" \
	"RuntimeError: CUDA error: no kernel image is available for execution on the device"
# index-tts#281 #508
check "transformers is too new" told error log.transformers-new "4.52.1" "$HEAD" \
	"ImportError: cannot import name 'QuantizedCacheConfig' from 'transformers.cache_utils' (/x/cache_utils.py)"
check "safetensors is too new" told error log.safetensors-new "0.5.2" "$HEAD" \
	"TypeError: torch_load_file() got an unexpected keyword argument 'backend'"
# index-tts#283 #304
check "an extra that cannot be installed" told error log.extras "works without" \
	"error: failed to build \`flash-attn==2.8.3.post1\`: The build backend returned an error"
# index-tts#151
check "weights of another version" told error log.state-dict "different versions" "$HEAD" \
	"RuntimeError: Error(s) in loading state_dict for UnifiedVoice:" \
	"	size mismatch for text_embedding.weight: copying a param with shape torch.Size([12001, 1280])"
# index-tts#172
check "the kernel's build, survived: no error" told warning log.stops "w2v-bert-2.0" "$GPT" "$HEAD" \
	"RuntimeError: Error building extension 'anti_alias_activation_cuda': ninja: build stopped: subcommand failed." \
	">> Failed to load custom CUDA kernel for BigVGAN. Falling back to torch."
survived() {
	log "$GPT" "$HEAD" "RuntimeError: Error building extension 'anti_alias_activation_cuda': ninja: build stopped: subcommand failed." \
		">> Failed to load custom CUDA kernel for BigVGAN. Falling back to torch." "$CODEC" "$S2MEL" "$CAMP" "$GAN" "$TEXT" "$BPE"
	doctor --log "$T/start.log"
	quiet
}
check "the kernel's build, survived to the end: quiet" survived
check "the kernel's build, fatal" told error log.kernel-build "use_cuda_kernel=False" "$GPT" "$HEAD" \
	"RuntimeError: Error building extension 'anti_alias_activation_cuda'"
# vllm-omni#6123, CosyVoice#1492, hf-mirror-site#64
check "vllm-omni lacks w2v-bert-2.0" told error log.assets-missing "flat layout" \
	"ValueError: IndexTTS Wav2Vec2-BERT assets are missing from /models/IndexTTS-2"
check "wetext asks ModelScope" told warning log.modelscope-download "0.1.0" "$GPT" "$GAN" \
	"Downloading Model from https://www.modelscope.cn to directory: /root/.cache/modelscope/hub/models/pengzhendong/wetext" "$TEXT" "$BPE" \
	"Downloading Model from https://www.modelscope.cn to directory: /root/.cache/modelscope/hub/models/pengzhendong/wetext"
check "Xet" told error log.xet "Xet" "$HEAD" \
	"RuntimeError: Data processing error: CAS service error : Reqwest Error"
check "config.yaml with /cubefs/" told error log.cubefs "IndexTTS-2.5" "$HEAD" \
	"FileNotFoundError: [Errno 2] No such file or directory: '/cubefs/a/wav2vec2bert_stats.pt'"
check "Required file" told error log.required "missing" \
	"Required file ./checkpoints/bpe.model does not exist. Please download it."
check "gradio and a proxy" told error log.localhost-proxy "no_proxy" "$GPT" "$BPE" "$HEAD" \
	"ValueError: When localhost is not accessible, a shareable link must be created."

# hermes-agent#111072: the live retry loop names the artifact
check "asking again and again" told error log.retrying "config.json of nvidia/bigvgan_v2_22khz_80band_256x" \
	"$GPT" "$CODEC" "$S2MEL" "$CAMP" \
	"'(MaxRetryError(\"HTTPSConnectionPool(host='h', port=443)\"), '(Request ID: 1)')' thrown while requesting HEAD $URL/nvidia/bigvgan_v2_22khz_80band_256x/resolve/main/config.json" \
	"Retrying in 1s [Retry 1/5]."

# index-tts#539, chenpipi0807#46, yolain#10 #11: no error, the log just stops
check "stops behind GPT" told warning log.stops "w2v-bert-2.0" "$GPT"
check "stops behind the kernel" told warning log.stops "w2v-bert-2.0" "$GPT" ">> Preload custom CUDA kernel for BigVGAN <module>"
check "stops behind the semantic codec" told warning log.stops "s2mel.pth" "$GPT" "$CODEC"
check "stops behind s2mel" told warning log.stops "funasr/campplus" "$GPT" "$CODEC" "$S2MEL"
check "stops behind campplus" told warning log.stops "bigvgan_generator.pt" "$GPT" "$CODEC" "$S2MEL" "$CAMP"
check "stops behind BigVGAN: the normaliser" told warning log.stops "normaliser" \
	"$GPT" "$CODEC" "$S2MEL" "$CAMP" "$GAN"
check "nothing printed" told warning log.stops "imports" "some banner"

# 2.5 says nothing behind BigVGAN; the web interface says that it is up
CODEC25='>> semantic_codec weights restored from: ./checkpoints/codec.pth'
check "2.5: its last line is no hang" told note log.end-of-2.5 "complete" \
	">> QwenEmotion not loaded (use_qwen_emo=False)" "$GPT" "$CODEC25" "$S2MEL" "$CAMP" "$GAN"
up() {
	log "$GPT" "$CODEC25" "$S2MEL" "$CAMP" "$GAN" "* Running on local URL:  http://0.0.0.0:7860"
	doctor --log "$T/start.log"
	quiet
}
check "2.5: the web interface is up: quiet" up
check "an error behind a complete start is no reason for none" told warning log.gpu-memory \
	"behind a complete start" "$GPT" "$BPE" "$HEAD" \
	"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"

# forms of logs
check "docker compose puts names in front" told error log.safetensors "cut off" \
	"tts-1  | $GPT" "tts-1  | Traceback (most recent call last):" \
	'tts-1  |   File "x.py", line 1, in <module>' \
	"tts-1  | safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer"
check "colours, progress bars and CRLF" told error log.torch-zip "cut off" \
	$'\033[32m'"$GPT"$'\033[0m\r' $'Loading:  10%\rLoading: 100%' "Traceback (most recent call last):"$'\r' \
	'  File "x.py", line 1'$'\r' "RuntimeError: PytorchStreamReader failed reading zip archive"$'\r'
encoded() { # ENCODING MARK [EOL]: what PowerShell (>, Tee-Object) and Chinese consoles write
	local mark=$2 eol=${3:-}
	write() { { printf '%b' "$mark"; printf "%s$eol\n" "$@" | iconv -f UTF-8 -t "$ENCODING"; } >"$T/start.log"; }
	ENCODING=$1
	write "$GPT" "$HEAD" '  File "C:\用户\下载\x.py", line 1, in <module>' \
		"RuntimeError: PytorchStreamReader failed reading zip archive: 找不到 central directory"
	doctor --log "$T/start.log"
	finds error log.torch-zip "RuntimeError: PytorchStreamReader failed reading" "central directory"
	if [ "$1" != GBK ]; then finds error log.torch-zip "找不到 central"; fi
	write "$GPT" "$CODEC" "Killed"
	doctor --log "$T/start.log"
	finds error log.killed "Killed"
	write "$GPT" "$CODEC"
	doctor --log "$T/start.log"
	finds warning log.stops "s2mel.pth"
	# its twin
	write "$GPT" "$CODEC" "$S2MEL" "$CAMP" "$GAN" "$TEXT" "$BPE"
	doctor --log "$T/start.log"
	quiet
}
check "UTF-16 of PowerShell" encoded UTF-16LE '\xff\xfe' '\r'
check "UTF-16 without carriage returns" encoded UTF-16LE '\xff\xfe'
check "UTF-16, the high byte first" encoded UTF-16BE '\xfe\xff' '\r'
check "UTF-16 whose mark is gone" encoded UTF-16LE '' '\r'
check "GBK" encoded GBK '' '\r'
check "UTF-8 with a mark" encoded UTF-8 '\xef\xbb\xbf' '\r'
check "the mark in front of a traceback is no prefix of its lines" told error log.torch-zip \
	"RuntimeError: PytorchStreamReader" $'\xef\xbb\xbf'"$HEAD" "RuntimeError: PytorchStreamReader failed reading"
check "a progress bar in front of a traceback is none" told error log.torch-zip \
	"RuntimeError: PytorchStreamReader" "$GPT" $'gpt.pth:  10%|#  |\rgpt.pth:  90%|#########9| 90/100 [00:10<00:01]'"$HEAD" \
	"RuntimeError: PytorchStreamReader failed reading"
check "times in front of the lines of a traceback are" told error log.torch-zip \
	"RuntimeError: PytorchStreamReader failed" "Nov 27 01:00:01 host python[12]: ${HEAD%%$'\n'*}" \
	'Nov 27 01:00:01 host python[12]:   File "x.py", line 1' \
	"Nov 27 01:00:02 host python[12]: RuntimeError: PytorchStreamReader failed"
check "titles, links and character sets of terminals" told error log.torch-zip \
	"RuntimeError: PytorchStreamReader failed" $'\033]0;start\007'"$GPT"$'\033(B\033[m\r\033[K' \
	$'\033[1m'"$HEAD" $'  File \033]8;;file:///x\033\\x.py\033]8;;\033\\, line 1' \
	$'\033[1;31mRuntime\033[0mError\033(B\033[m: Pytorch\033[31mStreamReader\033[m failed\r\033[K'
again() {
	log "$GPT" "$HEAD" "ValueError: an old start" "$GPT" "$CODEC" "$S2MEL" "$CAMP" "$GAN" "$TEXT" "$BPE"
	doctor --log "$T/start.log"
	quiet
}
check "only the last start counts" again
noise() {
	log "/x/site-packages/foo.py:3: FutureWarning: something" "Failed to load DeepSpeed. Falling back to normal inference." \
		"$GPT" "Removing weight norm..." "$GAN" "$TEXT" "$BPE"
	doctor --log "$T/start.log"
	quiet
}
check "noise is no cause" noise
check "an error that nobody knows" told error log.unknown "quux" "$HEAD" "quux.QuuxError: quux"
empty() {
	: >"$T/start.log"
	doctor --log "$T/start.log"
	finds warning log.stops ""
	head -c 300000 /dev/urandom >"$T/start.log"
	doctor --log "$T/start.log"
	printf '%s\n' "$GPT" | doctor --log -
	finds warning log.stops "w2v"
	expect 6 itts doctor --log "$T/absent"
	says "there is no log"
}
check "empty, random, standard input, absent" empty
large() {
	{
		yes "nothing to see here" | head -c 60000000
		printf '%s\n' "$GPT" "$HEAD" "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
	} >"$T/start.log"
	(ulimit -v 400000 && doctor --log "$T/start.log")
	finds error log.gpu-memory ""
}
if ! sanitized; then check "60 MB of log: the end counts" large; fi

finish
