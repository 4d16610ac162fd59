#!/usr/bin/env bash
# The commands of README.md, taken from it and pasted as they stand into a shell, in the
# README's own places (/srv is a new file system): each block ends with status 0.
. "$(dirname "$0")/lib.sh"

need python3 jq unshare
need_root
fixtures
start_hub hub "$FIX"
mkdir "$T/bin"
ln -s "$PROGRAM" "$T/bin/itts-pack"
export PATH=$T/bin:$PATH

block() { # FIRST-WORDS: the sh block of the README that begins with them
	awk -v first="$1" '
		/^```sh/ { inside = 1; at = 0; next }
		/^```/ { inside = 0; wanted = 0 }
		inside && !at++ && index($0, first) == 1 { wanted = 1 }
		inside && wanted' "$ROOT/README.md" >"$T/block"
	test -s "$T/block" || fail "no block of the README begins with $1"
}
paste() { # SCRIPT, which has $T/block sourced where it says so
	echo "--- block" && cat "$T/block"
	expect 0 env HF_ENDPOINT="$hub" E2E="$ROOT/tests/e2e" unshare -m bash -ec \
		"mount -t tmpfs none /srv; $1"
}

main_job() { # the default recipe, by a lock: the local hub has other bytes than it pins
	expect 0 itts lock -m "$FIX/indextts-2.json" --endpoint "$hub"
	block "itts-pack pack -o indextts-2.tar"
	paste '. "$T/block"
		[ "$HF_HUB_OFFLINE$HF_HUB_CACHE" = 1/srv/index-tts/checkpoints/hf_cache ]
		python3 "$E2E/honest.py" "$HF_HUB_CACHE"'
}
other_models() {
	mkdir other
	block "itts-pack init"
	sed -i "1a cp '$FIX/indextts-2.json' my-models.json # it is edited" "$T/block"
	paste 'cd other; . "$T/block"'
	same "$(itts inspect other/my-models.tar --json | jq '.repos | length')" 5
	same "$(itts inspect other/w2v.tar --json | jq '.repos[0].files | length')" 2
}
by_tar() { # and what looks files up as Python does finds all of them
	block "mkdir -p /srv/hf"
	paste '. "$T/block"; cd "$T"
		[ "$HF_HOME$HF_HUB_OFFLINE" = /srv/hf1 ]
		python3 "$E2E/honest.py" "$HF_HOME/hub"
		python3 "$E2E/offline.py" "$HF_HOME/hub" itts-pack.lock.json
		[ /srv/hf/checkpoints/gpt.pth -ef /srv/index-tts/checkpoints/gpt.pth ]
		itts-pack verify
		itts-pack verify --model-dir /srv/index-tts/checkpoints
		itts-pack verify --model-dir /srv/hf/checkpoints'
}
updates() { # of the machine that main_job was installed on
	block "itts-pack inventory"
	cp indextts-2.tar first.tar
	paste '. "$T/block"'
	cmp first.tar indextts-2.tar
	test "$(stat -c %s update.tar)" -lt "$(stat -c %s first.tar)"
}

# No card and no Python here: doctor may find that the start would fail, but it runs.
diagnosis() {
	printf '>> GPT weights restored from: checkpoints/gpt.pth\n' >server.log
	block "itts-pack doctor"
	sed -i '/^itts-pack/s/ *#.*$//; /^itts-pack/s/$/ || [ $? -eq 1 ]/' "$T/block"
	paste 'itts-pack install indextts-2.tar --model-dir /srv/index-tts/checkpoints --quiet; . "$T/block"'
	prints gpt.pth "$hub"
}
on_disk() { # what the main job leaves, under the names of the table
	local path
	expect 0 itts install first.tar --cache "$T/disk/CACHE" --model-dir "$T/disk/MODELDIR"
	expect 0 itts fetch --offline --cache "$T/disk/CACHE"
	expect 0 itts verify --cache "$T/disk/CACHE"
	sed -n '/^## Files on disk/,/^## Mach/s/^| \(.*\) |.*/\1/p' "$ROOT/README.md" >"$T/rows"
	cp -r "$XDG_STATE_HOME" "$T/disk/var-lib"
	(cd disk && find . ! -type d) | sed -E 's,^\./,,
		/^MODELDIR\/[^.]/d
		s,models--[^/]*--[^/]*,models--ORG--NAME,; s,(snapshots|refs|trees)/.*,\1/,; s,snapshots/$,snapshots/<commit>/...,
		s,[0-9a-f]{40}([0-9a-f]{24})?,<etag>,; s,(\.locks/itts-pack)/[^/]*/.*,\1/NAME/...,
		s,(MODELDIR/.itts-pack)/.*\.lock\.json,\1/<name>.lock.json,; s,^var-lib/,/var/lib/,; s,serials.json.lock,serials.json,
		s,^CACHE/models--ORG--NAME/(refs|trees)/,\1/,' | sort -u >left
	cat left
	test "$(wc -l <left)" -ge 12
	while read -r path; do
		grep -qF "\`$path\`" "$T/rows" || fail "not in the README: $path"
	done <left
}

check "pack, install, verify, env" main_job
check "a manifest of one's own, or none" other_models
check "without itts-pack on the server" by_tar
check "updates" updates
check "doctor" diagnosis
check "files on disk" on_disk
finish
