#!/usr/bin/env bash
# Another user of the cache swaps directories for links to a place of his choice while
# something is installed: that place stays as it was, and a quiet run mends the rest.
# And of what a thin bundle leaves out some goes away while it waits for its turn.
# ITTS_RACE: seconds for each of them (make torture: 60).
. "$(dirname "$0")/lib.sh"

need python3 jq flock
SECONDS_EACH=${ITTS_RACE:-2}
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.bin=1500000 sub/notes.txt=40 sub/x.bin=90000
start_hub hub "$TOP"
jq -n --arg c $A '{format: "itts-manifest", version: 1, name: "voice", models: [
	{id: "acme/voice", revision: $c, hub_view: "hf", views: [{files: "*", to: "m/"}]}]}' >"$T/m.json"
must itts pack -m "$T/m.json" --lock "$T/lock.json" --endpoint "$hub" --cache "$T/full" -o "$T/b.tar"
mkdir "$T/volumes"
must itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/volumes/b.tar" --volume-size 400K

install() { # FROM
	"$PROGRAM" install "$1" --cache "$T/hub" --model-dir "$T/models" --progress none
}
jq -r '.repos[].files[] | .etag // .sha256' "$T/lock.json" >"$T/etags"
race() { # FROM PATH...: below $T
	local from=$1 paths=() p flipper runs=0 done=0
	shift
	for p; do paths+=("$T/$p"); done
	rm -rf "$T/hub" "$T/models" "$T/decoy"
	mkdir "$T/decoy"
	install "$from" >"$T/out" 2>"$T/err"
	# what an installer would write to, delete, or take for its own
	mkdir -p "$T/decoy/sub" "$T/decoy/voice" "$T/decoy/models--acme--voice"
	for p in config.json main sub/x.bin "$A" "$A.json" voice/itts-bundle.json; do
		echo precious >"$T/decoy/$p"
	done
	picture "$T/decoy" >"$T/before"
	python3 "$ROOT/tests/e2e/flip.py" "$SECONDS_EACH" "$T/decoy" "${paths[@]}" >"$T/flips" &
	flipper=$!
	while kill -0 $flipper 2>/dev/null; do
		# what is there is made to lack, so that there is something to do
		for p in $(cat "$T/etags"); do
			rm -f "$T/hub/models--acme--voice/blobs/$p" 2>/dev/null || true
		done
		install "$from" >"$T/out" 2>"$T/err" && done=$((done + 1)) || true
		runs=$((runs + 1))
		picture "$T/decoy" >"$T/after"
		diff "$T/before" "$T/after"
	done
	wait $flipper
	echo "$runs runs, $done of them well, $(cat "$T/flips") swaps"
	[ "$(cat "$T/flips")" -gt 100 ]
	[ "$runs" -gt 1 ]
	find "$T/hub" "$T/models" -name '*.flip' -type l -delete
	expect 0 install "$from"
	cache_is_honest "$T/hub"
	expect 0 itts verify --cache "$T/hub" --lock "$T/lock.json"
}
repo_dir=hub/models--acme--voice
make_thin() {
	expect 0 itts install "$T/b.tar" --cache "$T/site"
	expect 0 itts inventory --cache "$T/site"
	cp "$T/out" "$T/site.json"
	expect 0 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/thin.tar" --for "$T/site.json" --json
	same "$(jq .left_out "$T/out")" 2
	# it has something to write
	find "$T/site/models--acme--voice/blobs" -type f -size -60k -delete
	rm -r "$T"/site/models--acme--voice/{snapshots,refs,trees}
}
# thin_waits STATUS COMMAND...: which is done to a blob after it was found right, while another
# installation has the lock; STATUS 0: the thin bundle can be installed
thin_waits() {
	local status=$1 pid got=0
	shift
	rm -rf "$T/hub" "$T/thin.err" && cp -a "$T/site" "$T/hub"
	exec 7<"$T/hub/.locks/itts-pack.lock"
	flock -x 7
	"$PROGRAM" install "$T/thin.tar" --cache "$T/hub" >"$T/out" 2>"$T/thin.err" 7<&- &
	pid=$!
	await grep -q "waiting for another itts-pack" "$T/thin.err"
	"$@"
	picture "$T/hub" >"$T/before"
	exec 7<&-
	wait $pid || got=$?
	cp "$T/thin.err" "$T/err"
	show
	same $got "$status"
	[ "$status" -ne 0 ] || return 0
	one_error
	says "thin.tar: a thin bundle that leaves out what $T/hub has not: acme/voice" "nothing was written"
	picture "$T/hub" | diff "$T/before" -
}
base_goes_away() {
	local blobs=$T/hub/models--acme--voice/blobs path blob
	make_thin
	thin_waits 0 true
	cache_is_honest "$T/hub"
	expect 0 itts verify --cache "$T/hub" --lock "$T/lock.json"
	for path in big.bin sub/x.bin; do
		blob=$blobs/$(jq -r --arg p $path '.repos[0].files[] | select(.path == $p).sha256' "$T/lock.json")
		thin_waits 6 rm "$blob"
		says "acme/voice $path (missing)"
		thin_waits 9 truncate -s -1 "$blob"
		says "acme/voice $path (damaged)"
		thin_waits 9 ln -sf nowhere "$blob"
		says "acme/voice $path (damaged)"
	done
	thin_waits 6 rm -r "$blobs"
	says "acme/voice big.bin (missing), acme/voice sub/x.bin (missing)"
}

# never one inside another: the swapper itself would write into the decoy
check "blobs/" race "$T/b.tar" $repo_dir/blobs
check "snapshots/, refs/, trees/" race "$T/b.tar" $repo_dir/snapshots $repo_dir/refs $repo_dir/trees
check "snapshots/COMMIT/" race "$T/b.tar" $repo_dir/snapshots/$A
check "snapshots/COMMIT/sub/" race "$T/b.tar" $repo_dir/snapshots/$A/sub
check "the repository, the locks" race "$T/b.tar" $repo_dir hub/.locks
check "the record" race "$T/b.tar" hub/.locks/itts-pack/voice hub/.locks/models--acme--voice
check "the model directory's own" race "$T/b.tar" models/m/sub models/hf models/.itts-pack
check "blobs/ with volumes" race "$T/volumes" $repo_dir/blobs
check "what a thin bundle leaves out" base_goes_away
finish
