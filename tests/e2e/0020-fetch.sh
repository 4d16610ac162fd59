#!/usr/bin/env bash
# Fetching: resume, cache reuse, two processes, refs and listings.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=6000000 mid.pt=2500000 small.bin=20000 empty.txt=0
repo "$TOP" acme/other $A README.md=200 twin.bin=1000
SRC=$TOP/models/acme/voice/$A
cp "$SRC/mid.pt" "$TOP/models/acme/other/$A/twin.bin"
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
blob() { echo "models--acme--voice/blobs/$(sha256sum <"$SRC/$1" | cut -d' ' -f1)"; }

fetch() { # STATUS CACHE ARGS...
	local status=$1 cache=$2
	shift 2
	expect "$status" itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$cache" "$@"
}
plain() {
	fetch 0 "$T/c1" --json
	jq -e '.downloaded_files == 5' "$T/out"
	cache_is_honest "$T/c1"
	for f in config.json big.safetensors mid.pt small.bin empty.txt; do
		cmp "$SRC/$f" "$T/c1/models--acme--voice/snapshots/$A/$f"
	done
	same "$(cat "$T/c1/models--acme--voice/refs/main")" $A
	same "$(readlink "$T/c1/models--acme--voice/snapshots/$A/mid.pt")" \
		"../../blobs/$(basename "$(blob mid.pt)")"
	test -e "$T/c1/models--acme--voice/trees/$A.json"
	same "$(jq '.files | length' "$T/c1/models--acme--voice/trees/$A.json")" 5
	same "$(head -n 1 "$T/c1/CACHEDIR.TAG")" "Signature: 8a477f597d28d172789f06886806bc55"
}
nothing_twice() {
	: >"$T/log/hub.requests"
	fetch 0 "$T/c1" --json
	jq -e '.downloaded_files == 0 and .had_files == 5' "$T/out"
	same "$(requests hub GET resolve)" 0
}
partial_listing() { # a part of a commit: no listing that would promise all of it
	expect 0 itts fetch acme/voice --include '*.json' --endpoint "$hub" --cache "$T/c2" --json
	# what the hub answers when it is asked what there is, is no file's
	jq -e '.sources[0].received_bytes == .downloaded_bytes + .wasted_bytes' "$T/out"
	test ! -e "$T/c2/models--acme--voice/trees/$A.json"
	test ! -e "$T/c2/models--acme--voice/blobs/$(basename "$(blob mid.pt)")"
}
mended() { # damage in the cache is seen and repaired, the rest left
	chmod u+w "$T/c1/$(blob mid.pt)"
	printf X | dd of="$T/c1/$(blob mid.pt)" bs=1 seek=5000 conv=notrunc status=none
	: >"$T/log/hub.requests"
	fetch 0 "$T/c1" --json
	jq -e '.downloaded_files == 1' "$T/out"
	cache_is_honest "$T/c1"
}
refs_stay() { # fetch only adds refs
	printf %s 9999999999999999999999999999999999999999 >"$T/c1/models--acme--voice/refs/main"
	fetch 0 "$T/c1"
	same "$(cat "$T/c1/models--acme--voice/refs/main")" 9999999999999999999999999999999999999999
}
interrupt() { # SIGNAL: begin slowly, stop, go on
	local signal=$1 cache=$T/$2 pid got=0 part had
	start_hub slow "$TOP" --rate 1000000
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$slow" --cache "$cache" --progress plain \
		--connections 2 2>"$T/err" >"$T/out" &
	pid=$!
	part=$cache/$(blob big.safetensors).itts-part
	await sh -c "[ \$(stat -c %s '$part' 2>/dev/null || echo 0) -gt 1500000 ] &&
		[ -e '$cache/$(blob mid.pt)' ]"
	kill -"$signal" $pid
	wait $pid || got=$?
	echo "status $got"
	test ! -e "$cache/$(blob big.safetensors)"
	cache_is_honest "$cache"
	had=$(stat -c %s "$part")
	echo "$had bytes are there"
	finished=$(cd "$cache/models--acme--voice/blobs" && find . -type f ! -name '*.itts-part*' | wc -l)
	: >"$T/log/hub.requests"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$cache" --json
	# what was finished is not fetched again, the rest is continued
	same "$(jq .downloaded_files "$T/out")" $((5 - finished))
	jq -e ".resumed_bytes > 0" "$T/out"
	same "$(jq -r 'select(.origin == "cdn") | .path' "$T/log/hub.requests" |
		grep -c "$(basename "$(blob mid.pt)")")" 0
	jq -e 'select(.origin == "cdn" and (.path | endswith("'"$(basename "$(blob big.safetensors)")"'"))) |
		.range | test("^bytes=[1-9][0-9]*-")' "$T/log/hub.requests"
	cache_is_honest "$cache"
	cmp "$SRC/big.safetensors" "$cache/models--acme--voice/snapshots/$A/big.safetensors"
	test ! -e "$part"
	stop slow
	[ "$signal" != INT ] || same "$got" 130
}
foreign_part() { # a part with other bytes in it is noticed, the file fetched anew
	local part=$T/c3/$(blob big.safetensors).itts-part
	mkdir -p "$(dirname "$part")"
	head -c 3000000 /dev/zero >"$part"
	fetch 0 "$T/c3"
	cache_is_honest "$T/c3"
	cmp "$SRC/big.safetensors" "$T/c3/models--acme--voice/snapshots/$A/big.safetensors"
	test ! -e "$part"
}
python_leftovers() { # .incomplete files of Python are no business of ours
	local dir=$T/c4/models--acme--voice/blobs
	mkdir -p "$dir"
	head -c 1000 /dev/zero >"$T/c4/$(blob big.safetensors).incomplete"
	head -c 1000 /dev/zero >"$T/c4/$(blob mid.pt).0a1b2c3d.incomplete"
	fetch 0 "$T/c4"
	same "$(find "$dir" -name '*.incomplete' | wc -l)" 2
	cache_is_honest "$T/c4"
}
two_processes() {
	local a b
	start_hub slow "$TOP" --rate 6000000
	for i in 1 2; do
		"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$slow" --cache "$T/c5" --json \
			>"$T/out$i" 2>"$T/err$i" &
		eval "p$i=$!"
	done
	a=0 b=0
	wait "$p1" || a=$?
	wait "$p2" || b=$?
	cat "$T/err1" "$T/err2" "$T/out1" "$T/out2"
	same "$a $b" "0 0"
	cache_is_honest "$T/c5"
	# together they fetched each file once
	same "$(jq -s 'map(.downloaded_files) | add' "$T/out1" "$T/out2")" 5
	same "$(find "$T/c5" -name '*.itts-part' | wc -l)" 0
	stop slow
}
python_holds_lock() { # flock on the file that Python's client takes
	local dir=$T/c6/.locks/models--acme--voice pid
	mkdir -p "$dir"
	python3 - "$dir/$(basename "$(blob mid.pt)").lock" <<'PYTHON' &
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o664)
fcntl.flock(fd, fcntl.LOCK_EX)
open(sys.argv[1] + ".held", "w").close()
time.sleep(1.5)
PYTHON
	pid=$!
	await test -e "$dir/$(basename "$(blob mid.pt)").lock.held"
	start_time=$(date +%s%N)
	fetch 0 "$T/c6"
	took=$((($(date +%s%N) - start_time) / 1000000))
	wait $pid
	echo "took $took ms"
	test $took -ge 900
	cache_is_honest "$T/c6"
}
same_bytes_once() { # equal files of two repositories travel once
	cat >"$T/both.json" <<JSON
{"format": "itts-manifest", "version": 1, "name": "both", "models": [
 {"id": "acme/voice", "revision": "main"}, {"id": "acme/other", "revision": "main"}]}
JSON
	: >"$T/log/hub.requests"
	expect 0 itts fetch -m "$T/both.json" --endpoint "$hub" --cache "$T/c7"
	same "$(jq -r 'select(.origin == "cdn") | .path' "$T/log/hub.requests" |
		grep -c "$(basename "$(blob mid.pt)")")" 1
	cmp "$SRC/mid.pt" "$T/c7/models--acme--other/snapshots/$A/twin.bin"
	cache_is_honest "$T/c7"
}
environment() { # where the cache is, as Python looks for it
	for line in "HF_HUB_CACHE=$T/e1 HF_HOME=$T/x=$T/e1" "HUGGINGFACE_HUB_CACHE=$T/e2=$T/e2" \
		"HF_HOME=$T/e3=$T/e3/hub" "XDG_CACHE_HOME=$T/e4=$T/e4/huggingface/hub" \
		"A=b=$HOME/.cache/huggingface/hub"; do
		# shellcheck disable=SC2086
		expect 0 env ${line%=*} "$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub"
		test -d "${line##*=}/models--acme--voice"
	done
	expect 0 env HF_ENDPOINT="$hub" "$PROGRAM" fetch --lock "$T/lock.json" --cache "$T/e5"
	# each goes before those behind it
	local order=(HF_HUB_CACHE=1 HUGGINGFACE_HUB_CACHE=2 HF_HOME=3 XDG_CACHE_HOME=4) i
	mkdir "$T/order"
	cd "$T/order"
	for i in 0 1 2 3; do
		expect 0 env "${order[@]:i}" "$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub"
		same "$(ls)" $((i + 1))
		rm -r "$((i + 1))"
	done
	expect 0 env "${order[@]}" "$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub" --cache 0
	same "$(ls)" 0
}
read_only_cache() {
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	mkdir "$T/ro"
	chmod 755 "$T"
	chmod 555 "$T/ro"
	expect 3 "${as[@]}" "$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/ro/cache"
	one_error
	says "$T/ro"
}

check "all files, under their Hub names" plain
check "a second run fetches nothing" nothing_twice
check "part of a commit leaves no listing" partial_listing
check "a damaged blob is fetched again, alone" mended
check "refs that exist are left alone" refs_stay
check "resume after SIGINT" interrupt INT i1
check "resume after SIGTERM" interrupt TERM i2
check "resume after kill -9" interrupt KILL i3
check "a part with other bytes" foreign_part
check "leftovers of Python's client" python_leftovers
check "two processes in one cache" two_processes
check "a lock that Python's client holds" python_holds_lock
check "equal files travel once" same_bytes_once
check "cache directory and endpoint from the environment" environment
check "a cache that cannot be written" read_only_cache
finish
