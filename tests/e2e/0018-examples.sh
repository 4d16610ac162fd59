#!/usr/bin/env bash
# The examples of each command's --help and of the manual, as they stand, each in a shell
# and a directory that has what they speak of. Only places and hosts are others: hubs are
# the local one, /srv, /media, /mnt and /models lie below the test's directory.
. "$(dirname "$0")/lib.sh"

need python3 jq fish zstd ssh-keygen ssh-agent git
fixtures
repo "$FIX" acme/voice v1.0 config.json=300
start_hub hub "$FIX"
W=$T/w
mkdir -p "$T/bin" "$W/home/.ssh" "$W/home/.config/fish/completions" "$W/srv/models"
ln -s "$PROGRAM" "$T/bin/itts-pack"
printf '#!/bin/sh\n# ssh HOST COMMAND...: here, in a home of its own\nshift\nHOME=%s/there\nexec sh -c "$*"\n' "$W" >"$T/bin/ssh"
printf '#!/bin/sh\ncat server.log\n' >"$T/bin/journalctl"
printf '#!/bin/sh\nexec python3 "$@"\n' >"$T/bin/python"
chmod +x "$T/bin"/*
mkdir -p "$W/there"
export PATH=$T/bin:$PATH HOME=$W/home HF_ENDPOINT=$hub
L=itts-pack.lock.json C=home/.cache/huggingface/hub

make_places() {
	cd "$W" || return 1
	expect 0 itts lock -m "$FIX/indextts-2.json" --quiet
	expect 0 itts pack -o indextts-2.tar --quiet
	expect 0 itts install indextts-2.tar --model-dir srv/index-tts/checkpoints --cache srv/hub --quiet
	expect 0 itts fetch acme/voice@v1.0 --quiet
	expect 0 itts fetch facebook/w2v-bert-2.0 --quiet
	cp -r srv/index-tts/checkpoints checkpoints
	cp -r srv/index-tts/checkpoints models
	cp "$FIX/indextts-2.json" my-models.json
	cp checkpoints/gpt.pth gpt.pth
	zstd -q indextts-2.tar -o bundle.tar.zst
	mkdir -p mnt media/usb1 media/usb2
	cp -r srv/hub mnt/hub
	(cd srv && tar -czf ../cache.tar.gz hub)
	expect 0 itts pack --offline -o v.tar --volume-size 512K --quiet
	set -- v.tar.0*
	[ $# -ge 2 ]
	cp v.tar.001 v.volumes.json v.bundle.json media/usb1 || cp v.tar.001 v*json media/usb1
	shift
	cp "$@" v*json media/usb2
	ssh-keygen -q -t ed25519 -N "" -f home/.ssh/id_ed25519
	printf 'me@acme %s\n' "$(cut -d ' ' -f 1,2 home/.ssh/id_ed25519.pub)" >allowed_signers
	printf '>> GPT weights restored from: checkpoints/gpt.pth\n' >server.log
	echo 'print("started")' >webui.py
	cp -r "$FIX/models/facebook/w2v-bert-2.0"/* home/w2v-bert-2.0
	mkdir -p home/src home/.cache/modelscope/hub
	cp -r "$FIX/models/IndexTeam/IndexTTS-2"/* home/src/IndexTTS-2
	cp -r "$FIX/models/IndexTeam/IndexTTS-2"/* home/.cache/modelscope/hub/IndexTTS-2
	noted
	certificates
	cp "$T/ca.pem" .
	mkdir -p "$C/models--facebook--w2v-bert-2.0/refs/refs/pr"
	cp "$C/models--facebook--w2v-bert-2.0/refs/main" "$C/models--facebook--w2v-bert-2.0/refs/refs/pr/1"
}
noted() { # what hf download --local-dir writes beside its files
	local commit path etag at=checkpoints/.cache/huggingface/download
	commit=$(jq -r '.repos[] | select(.id == "IndexTeam/IndexTTS-2").commit' $L)
	jq -r '.repos[] | select(.id == "IndexTeam/IndexTTS-2").files[] | "\(.etag // .sha256) \(.path)"' $L |
		while read -r etag path; do
			mkdir -p "$(dirname "$at/$path")"
			printf '%s\n%s\n%s\n' "$commit" "$etag" "$(date +%s.%N)" >"$at/$path.metadata"
		done
}
examples() { # COMMAND: one a line, those of several lines joined
	itts help "$1" | sed -n '/^Examples:/,/^$/s/^      //p' | sed -e ':a; /\\$/{N; s/\\\n */ /; ba}'
}
manual() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$ROOT/docs/itts-pack.1" |
		awk '/^\.Bd/ { on = 1; next } /^\.Ed/ { on = 0; print "" } on' | sed 's/\\e/\\/g; s/\\&//g'
}
here() { # the same with our places and hosts
	sed -E -e "s#https://(huggingface\.co|hf-mirror\.com|modelscope\.cn)#$hub#g" \
		-e "s#(^|[ =])/(srv|media|mnt|models)([/ ;\"]|$)#\1$W/\2\3#g" <<<"$1"
}
play() { # LINES: status 0, or that of the verdict that is asked for
	local line status=0 wanted="^0$" pid=
	line=$(here "$1")
	case $1 in
	*oci:*) return ;;     # 0227 and 0235 have a registry
	*"--prove") return ;; # 0123 has git
	"itts-pack init -o my-models.json"*) # it is edited; the local hub has not what the recipe pins
		rm my-models.json
		line=${line/.json/.json; cp \"$FIX/indextts-2.json\" my-models.json} ;;
	"itts-pack lock"*)
		line=${line/itts-pack lock/itts-pack lock -m my-models.json}
		line=${line/-m my-models.json -m my-models.json/-m my-models.json}
		[[ $line != *--without* ]] || line="$line --lock other.json; jq -e '.groups == []' other.json" ;;
	"itts-pack watch"*)
		sleep 1 &
		pid=$!
		line=${line/4711/$pid} ;;
	*doctor*) wanted="^[01]$" ;;  # no card and no Python here
	*"scan "*) wanted="^[01]$" ;; # weights made of nothing
	*"--from-store"*) line="export HF_HUB_CACHE=srv/hub; $line" ;;
	*"--for site.json"*) [ -e site.json ] || itts inventory >site.json ;;
	"itts-pack import maskgct.tar") [ -e maskgct.tar ] || itts export amphion/MaskGCT -o maskgct.tar --quiet ;;
	"itts-pack rm"*) rm -f $L ;; # else it is needed here
	*"sign "*".pub"*) line="eval \"\$(ssh-agent)\" && ssh-add -q ~/.ssh/id_ed25519 && mv ~/.ssh/id_ed25519 kept
		$line; status=\$?; ssh-agent -k; mv kept ~/.ssh/id_ed25519; exit \$status" ;;
	esac
	echo "+ $line"
	case $line in
	*"| source") fish -N -c "$line" >"$T/out" 2>"$T/err" </dev/null || status=$? ;;
	*) timeout 100 bash -e -o pipefail -c "$line" >"$T/out" 2>"$T/err" </dev/null || status=$? ;;
	esac
	[ -z "$pid" ] || wait "$pid"
	tail -n 3 "$T/err" "$T/out"
	[[ $status =~ $wanted ]] || {
		echo "MISFIT: status $status: $1"
		MISFITS=$((MISFITS + 1))
	}
}
fresh() { # DIR: the places as they were
	rm -rf "$W"
	cp -a "$T/kept" "$W"
	cd "$W"
}
of_command() {
	local line count=0
	MISFITS=0
	fresh
	while IFS= read -r line <&3; do
		play "$line"
		count=$((count + 1))
	done 3< <(examples "$1")
	test $count -ge 1
	same $MISFITS 0
}
of_manual() {
	local block
	MISFITS=0
	fresh
	while IFS= read -r -d '' block <&3; do
		[ -z "$block" ] || play "$block"
	done 3< <(manual | awk 'NF { text = text $0 "\n"; next } { printf "%s%c", text, 0; text = "" }')
	same $MISFITS 0
}

documents() { # the manifests, locks and policies that stand in the texts are such
	local name count=0
	fresh
	python3 - "$ROOT" <<'PYTHON'
import json, re, sys
for name in ("README.md", "docs/manifest.md", "docs/policy.md"):
    with open(sys.argv[1] + "/" + name, encoding="utf-8") as f:
        text = f.read()
    fenced = re.compile(r"^```json\n(.*?)^```", re.M | re.S)
    blocks = fenced.findall(text) + re.findall(r"^    \{\n.*?^    \}\n", fenced.sub("", text), re.M | re.S)
    for i, block in enumerate(blocks):
        doc = json.loads(block.replace('"..."', '"%064d"' % 7))
        if "format" not in doc:
            doc = {"format": "itts-manifest", "version": 1, "name": "x", "models": [doc]}
        with open("%s-%s-%d" % (doc["format"], name.replace("/", "-"), i), "w", encoding="utf-8") as f:
            json.dump(doc, f)
PYTHON
	for name in itts-*-*.md-*; do
		count=$((count + 1))
		case $name in # what is right in itself fails at the network, or at what it demands
		itts-manifest*)
			expect 4 no_network "$PROGRAM" lock -m "$name" --lock new.json --retries 0
			says ": cannot " ;;
		itts-lock*) expect 0 itts sbom --lock "$name" ;;
		itts-policy*)
			expect 9 itts install indextts-2.tar --policy "$name" --allowed-signers allowed_signers --cache new
			says "indextts-2.tar: " signed ;;
		esac
	done
	test $count -ge 7
}

must make_places
cp -a "$W" "$T/kept"
for command in $(itts --help | sed -nE 's/^  ([a-z]+)( {2,}.*|)$/\1/p'); do
	check "help $command" of_command "$command"
done
check "the manual" of_manual
check "documents in README.md and docs" documents
finish
