#!/usr/bin/env bash
# verify names each state; env can be used in every form, whatever the path.
. "$(dirname "$0")/lib.sh"

need python3 dash jq
A=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa R=models--acme--voice
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "states", "repos": [{"hub_view": "hf_cache", "files": [
	{"path": "a.bin", "size": 100000, "views": ["a.bin"]}, {"path": "b.bin", "size": 20000, "views": ["b.bin"]},
	{"path": "c.bin", "size": 3000, "views": ["c.bin"]}, {"path": "d.bin", "size": 200, "views": ["d.bin"]},
	{"path": "e.bin", "size": 5000, "views": ["e.bin"]},
	{"path": "config.yaml", "text": "a: 1\n", "git": true, "views": ["config.yaml"]}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"

state() { # PATH STATE: in the report in $T/out
	same "$(jq -r --arg p "$1" '[.items[] | select(.path | endswith($p)) | .state][0]' "$T/out")" "$2"
}
model_dir() {
	expect 0 itts install "$T/b.tar" --cache "$T/hub" --model-dir "$T/m"
	rm "$T/m/a.bin" "$T/m/b.bin" "$T/m/c.bin" "$T/m/d.bin" "$T/m/e.bin"
	printf short >"$T/m/b.bin"
	head -c 3000 /dev/zero >"$T/m/c.bin"
	mkdir "$T/m/d.bin"
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 5000\n' 0 >"$T/m/e.bin"
	echo mine >"$T/m/more.txt"
	expect 9 itts verify --model-dir "$T/m" --json
	state a.bin missing
	state b.bin "wrong size"
	state c.bin "wrong digest"
	state d.bin "not a regular file"
	state e.bin "pointer instead of content"
	state more.txt extra
	same "$(jq .damaged "$T/out")" 5
	expect 9 itts verify --model-dir "$T/m"
	prints missing "wrong size" "wrong digest" "5 damaged"
	rmdir "$T/m/d.bin"
	expect 0 itts install "$T/b.tar" --cache "$T/hub" --model-dir "$T/m"
	expect 0 itts verify --model-dir "$T/m"
}
cache_of_python() { # without a lock: names, links, refs, leftovers, shared blobs
	cp -r "$T/store" "$T/py"
	chmod -R u+w "$T/py"
	mkdir -p "$T/py/blobs/ab"
	local blob
	blob=$(readlink -f "$T/py/$R/snapshots/$A/a.bin")
	mv "$blob" "$T/py/blobs/ab/$(printf '%064d' 7)"
	ln -s "../../blobs/ab/$(printf '%064d' 7)" "$blob"
	expect 0 itts verify --cache "$T/py"
	expect 0 itts verify --cache "$T/py" --lock "$T/lock.json"
	expect 0 itts pack --offline --cache "$T/py" --lock "$T/lock.json" -o "$T/again.tar"
	cmp "$T/b.tar" "$T/again.tar"
	printf '%s\n' $A >"$T/py/$R/refs/main"
	ln -s ../../blobs/none "$T/py/$R/snapshots/$A/dangling"
	touch "$T/py/$R/blobs/$(printf '%064d' 1).0123abcd.incomplete"
	printf x >>"$(readlink -f "$T/py/$R/snapshots/$A/b.bin")"
	expect 9 itts verify --cache "$T/py" --json
	jq -r '.items[] | "\(.state): \(.path)"' "$T/out"
	jq -e '[.items[].path] | any(test("refs/main"))' "$T/out"
	jq -e '[.items[].path] | any(test("dangling"))' "$T/out"
	jq -e '[.items[].path] | any(test("incomplete"))' "$T/out"
	test "$(jq .damaged "$T/out")" -ge 3
}
env_paths() { # quotes, spaces, dollars: the value arrives as it is
	local dir shell
	for dir in "plain" "with space" "it's" 'a"b' 'c$HOME' 'd`x`' 'e\f' "ü 文"; do
		mkdir -p "$T/env/$dir"
		for shell in dash bash "busybox sh"; do
			same "$($shell -c 'eval "$("$0" env --cache "$1")" && printf %s "$HF_HUB_CACHE"' \
				"$PROGRAM" "$T/env/$dir")" "$T/env/$dir"
		done
		expect 0 itts env --cache "$T/env/$dir" --format docker
		same "$(sed -n 's/^HF_HUB_CACHE=//p' "$T/out")" "$T/env/$dir"
		same "$(grep -vc '^[A-Za-z_]*=\|^#' "$T/out" || true)" 0
		expect 0 itts env --cache "$T/env/$dir" --json
		same "$(jq -r .set.HF_HUB_CACHE "$T/out")" "$T/env/$dir"
		expect 0 itts env --cache "$T/env/$dir" --format systemd
		prints "Environment=" "UnsetEnvironment=HF_HOME"
		expect 0 itts env --cache "$T/env/$dir" --format fish
		prints "set -gx HF_HUB_CACHE" "set -e HF_HOME"
	done
}
env_values() {
	export HF_HOME=/old TRANSFORMERS_CACHE=/old
	expect 0 itts env --model-dir "$T/m"
	eval "$(cat "$T/out")"
	same "$HF_HUB_OFFLINE $TRANSFORMERS_OFFLINE $USE_MODELSCOPE $GRADIO_ANALYTICS_ENABLED" "1 1 false False"
	same "$NO_PROXY $no_proxy" "localhost,127.0.0.1,::1 localhost,127.0.0.1,::1"
	# what the user has stays, once; a service has an environment of its own
	export no_proxy=.corp NO_PROXY=.corp
	for _ in 1 2; do
		expect 0 itts env --model-dir "$T/m"
		eval "$(cat "$T/out")"
		same "$NO_PROXY $no_proxy" ".corp,localhost,127.0.0.1,::1 .corp,localhost,127.0.0.1,::1"
	done
	expect 0 itts env --model-dir "$T/m" --format systemd
	prints '"NO_PROXY=localhost,127.0.0.1,::1"'
	same "$HF_HUB_CACHE" "$T/m/hf_cache"
	same "${HF_HOME-unset} ${TRANSFORMERS_CACHE-unset}" "unset unset"
	cd "$T" && expect 0 itts env --model-dir m
	grep -q "$T/m/hf_cache" "$T/out"
}

bad_records() { # damaged, or no file at all: told, not waited for; install writes it anew
	local record=$T/m/.itts-pack/states.lock.json make
	for make in ': >' 'echo { >' 'mkfifo' 'mkdir' 'ln -s /dev/zero'; do
		rm -rf "$record"
		eval "$make" '"$record"'
		timeout 20 "$PROGRAM" verify --model-dir "$T/m" >"$T/out" 2>"$T/err" && fail "$make: no error"
		one_error
		says states.lock.json
		timeout 20 "$PROGRAM" repair --offline --model-dir "$T/m" --cache "$T/hub" >"$T/out" 2>"$T/err" && fail "$make: no error"
		one_error
		expect 1 timeout 20 "$PROGRAM" doctor --model-dir "$T/m" --cache "$T/hub"
		rm -df "$record"
		[ "$make" = mkdir ] || eval "$make" '"$record"'
		expect 0 timeout 20 "$PROGRAM" install "$T/b.tar" --cache "$T/hub" --model-dir "$T/m"
		expect 0 itts verify --model-dir "$T/m"
	done
}
check "model directory: every state, and mended by install" model_dir
check "records that cannot be read" bad_records
check "a cache that Python made, shared blobs included" cache_of_python
check "env: any path, every form" env_paths
check "env: the values" env_values
finish
