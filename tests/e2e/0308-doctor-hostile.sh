#!/usr/bin/env bash
# doctor on what nobody should have: loops, pipes, bombs, names and values full of bytes
# that terminals obey, huge files and logs, secrets in all of these. It ends soon, says
# what is wrong, prints no secret and no control byte, changes nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq
C=checkpoints
SECRET=Sup3rSecretWord
export HF_HUB_OFFLINE=1
must tree new
must tree old --program old --layout hub

# Both forms, within 20 s (a loaded machine, ASan); what they print is $T/all.
look() { # OPTIONS...
	local begin=$SECONDS status=0
	find . -printf '%p %y %m %s %n %T@ %C@ %l\n' 2>/dev/null | sort >"$T/before"
	doctor "$@"
	itts doctor -v "$@" >"$T/text" 2>"$T/text.err" || status=$?
	[ $status -le 1 ] || { cat "$T/text.err"; fail "status $status"; }
	find . -printf '%p %y %m %s %n %T@ %C@ %l\n' 2>/dev/null | sort >"$T/after"
	cmp "$T/before" "$T/after"
	[ $((SECONDS - begin)) -le 20 ] || fail "$((SECONDS - begin)) s"
	cat "$T/out" "$T/err" "$T/text" "$T/text.err" >"$T/all"
	! grep -a "$SECRET" "$T/all" || fail "a secret"
	! LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$T/all" || fail "a control byte"
	iconv -f UTF-8 -t UTF-8 "$T/all" >"$T/converted" || fail "no UTF-8"
}

loops() {
	copy new
	ln -s . $C/loop
	ln -s ../hf_cache $C/hf_cache/again
	ln -s $C/self $C/self
	rm $C/bpe.model $C/s2mel.pth
	ln -s s2mel.pth $C/bpe.model
	ln -s bpe.model $C/s2mel.pth
	rm -r $C/hf_cache/w2v-bert-2.0
	ln -s w2v-bert-2.0 $C/hf_cache/w2v-bert-2.0
	look
	finds error files.dangling bpe.model s2mel.pth
}
check "loops of links" loops
refs() {
	local top=$C/hf_cache/models--amphion--MaskGCT
	copy old
	rm $top/refs/main
	ln -s main $top/refs/main
	look
	finds error start.bad-ref "amphion/MaskGCT"
	rm $top/refs/main && mkfifo $top/refs/main
	look
	finds error start.bad-ref "amphion/MaskGCT"
	rm -r $top/snapshots && ln -s ../.. $top/snapshots
	look
	rm -r $top && ln -s ../hf_cache $top
	look
	finds error start.missing "amphion/MaskGCT"
}
check "a cache of loops and pipes" refs
# every name that is looked at, as what a program would wait for, or never end to read
nodes() { # HOW
	local name how=$1
	copy new
	mkdir -p .venv/lib/python3.11/site-packages/x.dist-info
	for name in $C/gpt.pth $C/config.yaml $C/hf_cache/w2v-bert-2.0/config.json \
		$C/hf_cache/campplus_cn_common.bin $C/.itts-pack/indextts-2.lock.json \
		indextts/infer_v2.py indextts/utils/tagger_cache/zh_tn_tagger.fst .venv/pyvenv.cfg \
		.venv/lib/python3.11/site-packages/x.dist-info/METADATA $C/examples/a.wav; do
		rm -f "$name" && mkdir -p "${name%/*}"
		case $how in
		socket) python3 -c 'import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]) or "."); socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))' "$name" ;;
		*) $how "$name" ;;
		esac
	done
	look
	finds error files.no-file gpt.pth config.yaml campplus_cn_common.bin
}
zero() { ln -s /dev/zero "$1"; }
check "pipes in the place of files" nodes mkfifo
check "sockets" nodes socket
check "devices" nodes zero
device_nodes() { # a real node, where nothing of the machine can be met
	copy new
	rm $C/gpt.pth
	unshare -m bash -c "mount -t tmpfs none $C/examples 2>/dev/null || { mkdir $C/examples && mount -t tmpfs none $C/examples; }
		mknod $C/examples/a.wav c 1 5 && mknod $C/examples/.incomplete c 1 5 && '$PROGRAM' doctor --json" >"$T/out" || :
	read_findings
	finds error files.missing gpt.pth
	finds warning files.examples a.wav
}
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
	check "nodes of devices" device_nodes
else
	skip_one "nodes of devices" "no mount namespace"
fi

huge() {
	copy new
	rm $C/gpt.pth $C/bpe.model $C/hf_cache/w2v-bert-2.0/model.safetensors $C/config.yaml
	truncate -s 10T $C/gpt.pth $C/bpe.model $C/config.yaml $C/hf_cache/w2v-bert-2.0/model.safetensors
	look
	finds error files.zeros gpt.pth model.safetensors bpe.model config.yaml
}
check "10 TB of nothing" huge
headers() {
	local file=$C/hf_cache/w2v-bert-2.0/model.safetensors
	copy new
	rm $file $C/gpt.pth
	printf '\0\0\0\0\0\0\0\020{"a":{' >$file # 2^60
	truncate -s 2322063736 $file
	# a directory that says it is everywhere, of entries that are one
	python3 - $C/gpt.pth <<'PYTHON'
import struct, sys
name = b"archive/data/0"
entry = b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 0, 0, 10, 0xfffffffe, len(name), 0, 0, 0, 0, 0, 0) + name
with open(sys.argv[1], "wb") as f:
    f.write(b"PK\3\4" + b"\0" * 100)
    f.write(entry * 60000)
    f.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 60000, 60000, 60000 * len(entry), 104, 0))
PYTHON
	look
	finds error files.broken "HeaderTooLarge"
	finds error files.truncated gpt.pth
	rm $file
	python3 -c 'import struct; h = b"{\"a\":" + b"[" * 3000000; print(end=""); import sys
sys.stdout.buffer.write(struct.pack("<Q", len(h)) + h)' >$file
	truncate -s 2322063736 $file
	look
	finds error files.broken "model.safetensors"
}
check "headers and directories that lie" headers
yaml() {
	copy new
	rm $C/config.yaml
	python3 -c 'print("a: " + "{b: " * 20000); print("- " * 20000 + "x"); print("k" * 100000 + ": /etc/passwd")
print("a0: &a0 [x]"); [print(f"a{i+1}: &a{i+1} [" + f"*a{i}," * 9 + "]") for i in range(50)]
print("p: \"/x\x1b]0;title\x07\xff\""); print("url: http://me:'$SECRET'@h/x"); print("q: /http://me:'$SECRET'@h/x")' >$C/config.yaml
	look
	finds error files.absolute "config.yaml leads out"
}
check "a config.yaml of bombs" yaml
config_loop() {
	copy new
	python3 "$ROOT/tests/e2e/model_tree.py" --venv .venv torch=2.8.0
	rm .venv/pyvenv.cfg && ln -s pyvenv.cfg .venv/pyvenv.cfg
	ln -s ../.venv .venv/lib/python3.99
	look
	rm .venv/pyvenv.cfg
	printf 'home = %s\ninclude-system-site-packages = true\n' "$PWD/.venv/bin" >.venv/pyvenv.cfg
	mkdir .venv/bin
	look
	printf 'version = %s\nhome = /proc/self/root\ninclude-system-site-packages = true\n' \
		"$(head -c 60000 /dev/zero | tr '\0' 9)" >.venv/pyvenv.cfg
	look
	finds error packages.missing transformers
}
check "pyvenv.cfg that leads to itself" config_loop

many() {
	copy new
	mkdir -p $C/many $C/examples $C/hf_cache/models--a--b $HOME/.cache/torch_extensions/a
	(cd $C && python3 -c 'import os
for i in range(100000): open(f"many/{i}.incomplete", "w").close()
for i in range(20000): open(f"hf_cache/models--a--b/{i}", "w").close(); os.symlink("x", f"examples/{i}.wav")')
	look
	finds warning files.examples "examples/"
	jq -e '.facts[] | select(.topic == "leftovers")' "$T/out"
	rm -r $C/examples $C/hf_cache/models--a--b
	look
	finds warning files.leftover "many/"
}
check "100,000 entries" many
names() {
	local odd
	odd=$'\033]0;title\007\n mend:   rm -rf x\r\377\342\200\256'
	copy new
	mkdir "$odd"
	mv indextts $C "$odd"
	cd "$odd"
	mv $C "$odd"
	mkdir "$odd/._____temp"
	printf x >"$odd/._____temp/$odd"
	printf x >"$odd/http:--me:$SECRET@h.incomplete"
	mkdir -p "$odd/examples" && printf '<html>' >"$odd/examples/$odd.wav"
	rm "$odd/bpe.model"
	touch "indextts/s2mel/modules/bigvgan/alias_free_activation/cuda/build/lock"
	look --model-dir "$odd"
	finds error files.missing bpe.model
	# no line of ours begins as a finding's does
	not grep -a '^ mend:' "$T/text"
	# and a command that is told is still the right one
	eval "$(jq -r '.findings[] | select(.id == "build.lock") | .remedy' "$T/out")"
	[ ! -e "indextts/s2mel/modules/bigvgan/alias_free_activation/cuda/build/lock" ]
	jq -r '.findings[] | select(.id == "files.missing") | .remedy' "$T/out" |
		sed 's/^itts-pack install BUNDLE --model-dir/cd/' >"$T/command"
	(. "$T/command" && [ -e gpt.pth ])
}
check "names that terminals would obey" names
denied() {
	copy new
	chmod 755 "$T" "$T/case"
	cp "$PROGRAM" "$T/itts-pack" && chmod 755 "$T/itts-pack"
	as_nobody() {
		setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$T/itts-pack" doctor --json >"$T/out" || :
		read_findings
	}
	sudo() { "$@"; }
	remedies() { jq -r '.findings[] | select(.id == "files.unreadable") | .remedy' "$T/out" | sort -u; }
	opens() { # COMMAND: what is told, and done, opens it
		finds error files.unreadable
		same "$(remedies)" "$1"
		eval "$(remedies)"
		as_nobody
		lacks files.unreadable
	}
	chmod 700 $C
	as_nobody
	finds error files.unreadable "may not look"
	lacks files.no-directory
	# another's, then one's own
	opens "sudo chmod -R a+rX $T/case/$C"
	chown 65534 $C && chmod 000 $C
	as_nobody
	opens "chmod -R a+rX $T/case/$C"
	chown 0 $C
	fresh $C/gpt.pth
	chmod 600 $C/gpt.pth
	chmod 700 $C/hf_cache
	as_nobody
	finds error files.unreadable gpt.pth campplus
	opens "sudo chmod -R a+rX $T/case/$C"
	# behind links that lead out of it: a closed file, a closed directory
	mkdir -p out/side && mv $C/gpt.pth out/side && ln -s ../out/side/gpt.pth $C/gpt.pth
	chmod 600 out/side/gpt.pth
	as_nobody
	opens "sudo chmod a+r $T/case/checkpoints/../out/side/gpt.pth"
	chmod 700 out
	as_nobody
	opens "sudo chmod a+x $T/case/checkpoints/../out"
	# a directory above all of it
	mkdir up && mv $C up/$C && ln -s up/$C $C && chmod 700 up
	as_nobody
	opens "sudo chmod a+x $T/case/up"
}
if [ "$(id -u)" -eq 0 ] && ! sanitized; then check "directories of others, and the command that opens them" denied; fi

variables() {
	local name long
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	copy old
	for name in HF_HOME HF_HUB_CACHE TRANSFORMERS_CACHE XDG_CACHE_HOME HF_ENDPOINT https_proxy HF_HUB_OFFLINE \
		TRANSFORMERS_OFFLINE HF_HUB_ETAG_TIMEOUT CUDA_VISIBLE_DEVICES PYTORCH_CUDA_ALLOC_CONF \
		TORCH_EXTENSIONS_DIR INDEXTTS2_MODEL_DIR VIRTUAL_ENV HF_TOKEN no_proxy PATH_X; do
		(
			export "$name=http://me:$SECRET@h/$long"
			look --model-dir $C --venv /nonexistent
			export "$name"=$'\033]0;t\007\nmend: x\r\377'"http://me:$SECRET@h"
			look --model-dir $C --venv /nonexistent
		)
	done
	HF_TOKEN=$SECRET HF_HUB_OFFLINE=0 https_proxy=me:$SECRET@h:1 look
}
check "variables of 100 KB, control bytes, secrets" variables

GPT='>> GPT weights restored from: ./checkpoints/gpt.pth'
OOM='torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB'
TRACE=$'Traceback (most recent call last):\n  File "x.py", line 1, in <module>'
logs() {
	copy new
	printf '%s\n' "$GPT" "$TRACE" "$OOM" >end
	truncate -s 10T log && cat end >>log
	look --log log
	finds error log.gpu-memory ""
	{
		echo "$GPT"
		head -c 104857600 /dev/zero | tr '\0' 'x'
		printf '\n%s\n%s\n' "$TRACE" "$OOM"
	} >log
	look --log log
	finds error log.gpu-memory ""
	# short lines, of which there are most
	{ yes x | head -c 30000000; cat end; } >log
	look --log log
	finds error log.gpu-memory ""
	{ head -c 3000000 /dev/urandom; printf '\n'; cat end; } >log
	look --log log
	finds error log.gpu-memory ""
	yes "$TRACE" | head -c 20000000 >log
	look --log log
	rm log
}
check "logs without end" logs
secret_logs() {
	local line long
	long=$(head -c 280 /dev/zero | tr '\0' x)
	copy new
	for line in "http://me:$SECRET@h/x" "Killed $long http://me:$SECRET@h" "hf_$SECRET" "HF_TOKEN=hf_$SECRET" \
		"Authorization: Bearer $SECRET" "https_proxy=http://me:${SECRET}/x@h:1" "?token=$SECRET&x=1" \
		"url: https://me:$SECRET@h/resolve/main/x Connection refused" \
		$'http://me:\033[1m'"$SECRET@h"; do
		printf '%s\n' "$GPT" "$line" "Killed $line" "$TRACE" "E: [Errno 111] Connection refused $line" >log
		look --log log
		finds error log.refused ""
		printf '%s\n' "$GPT" "Killed: ${line/ Connection refused/}" >log
		look --log log
		finds error log.killed ""
	done
	printf '%s\n' "$TRACE" $'quux.\033]0;t\007\302\233Quux: \377\r' >log
	look --log log
	finds error log.unknown quux
}
check "secrets and control bytes in logs" secret_logs
finish
