#!/usr/bin/env bash
# gc and rm: what goes, what stays, and that Python's and npm's clients can still
# use what is left.
. "$(dirname "$0")/lib.sh"

need python3 jq setpriv strace
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
D=dddddddddddddddddddddddddddddddddddddddd
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.bin=2000000 same.bin=900
repo "$TOP" acme/other $A a.bin=5000
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/voice.json" --endpoint "$hub" --cache "$T/c0"

fill() { # CACHE: two repositories, and what clients leave behind
	local repo=$1/models--acme--voice
	itts fetch --lock "$T/voice.json" --endpoint "$hub" --cache "$1"
	itts fetch acme/other --endpoint "$hub" --cache "$1"
	# an older revision, without ref: shares one blob, has one of its own
	mkdir "$repo/snapshots/$B"
	cp -P "$repo/snapshots/$A/same.bin" "$repo/snapshots/$B"
	printf old >"$repo/blobs/$D"
	ln -s ../../blobs/$D "$repo/snapshots/$B/old.bin"
	printf unused >"$repo/blobs/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	printf part >"$repo/blobs/$A.0a1b2c3d.incomplete"
	printf part >"$repo/blobs/$B.itts-part"
	printf part >"$repo/blobs/$B.incomplete"
	printf %s $A >"$repo/refs/main.0a1b2c3d.tmp"
}
judge() { # CACHE: npm's scanner reads it without a warning
	if [ -d "$JUDGES/node_modules" ]; then node "$ROOT/tests/judges/scan.mjs" "$1" >"$T/scan.json"; fi
	cache_is_honest "$1"
}
gc() { expect 0 itts gc --cache "$T/$1" "${@:2}"; }

shown_first() {
	fill "$T/c1"
	before=$(picture "$T/c1")
	gc c1 --grace 0
	prints "would be freed" "--yes"
	gc c1 --grace 0 --json
	jq -e '.done == false and (.items | length) == 5 and .detached_revisions == 1' "$T/out"
	same "$(picture "$T/c1")" "$before"
}
young() { # all of it was made just now
	gc c1 --yes --json
	jq -e '[.items[].state] | unique == ["too young"]' "$T/out"
	test -e "$T/c1/models--acme--voice/blobs/$A.0a1b2c3d.incomplete"
}
collects() {
	local repo=$T/c1/models--acme--voice
	gc c1 --grace 0 --yes --json
	jq -e '.done and .bytes == 6 + 4 * 3 + 40 and ([.items[].state] | unique == ["deleted"])' "$T/out"
	same "$(find "$repo/blobs" -type f | wc -l)" 4
	test -e "$repo/snapshots/$B/old.bin"
	test ! -e "$repo/refs/main.0a1b2c3d.tmp"
	rm -r "$repo/snapshots/$B" "$repo/blobs/$D"
	judge "$T/c1"
	gc c1 --grace 0
	prints "nothing to delete"
}
detached() {
	local repo=$T/c2/models--acme--voice
	fill "$T/c2"
	gc c2 --grace 0 --yes --detached
	test ! -e "$repo/snapshots/$B"
	test ! -e "$repo/blobs/$D"
	test -e "$repo/snapshots/$A/same.bin"
	judge "$T/c2"
	# without a ref, but a lock needs it
	rm "$repo/refs/main"
	gc c2 --grace 0 --yes --detached --lock "$T/voice.json"
	test -e "$repo/snapshots/$A/big.bin"
	gc c2 --grace 0 --yes --detached
	test ! -e "$repo/snapshots/$A"
	test -z "$(find "$repo/blobs" -type f)"
	test -e "$T/c2/models--acme--other/snapshots/$A/a.bin"
}
open_files() {
	local repo=$T/c3/models--acme--voice unused
	fill "$T/c3"
	unused=$repo/blobs/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
	sleep 60 <"$unused" &
	PIDS="$PIDS $!"
	gc c3 --grace 0 --yes --json
	jq -e '[.items[] | select(.state == "open")] | length == 1 and (.[0].detail | startswith("process "))' "$T/out"
	test -e "$unused"
	# mapped, and the descriptor closed
	python3 - "$repo/blobs/$D" "$T/mapped" <<'PYTHON' &
import mmap, sys, time
f = open(sys.argv[1], "rb")
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
f.close()
open(sys.argv[2], "w").close()
time.sleep(60)
PYTHON
	PIDS="$PIDS $!"
	await test -e "$T/mapped"
	gc c3 --grace 0 --yes --detached --json
	jq -e '.items[] | select(.kind == "revision") | .state == "open"' "$T/out"
	test -e "$repo/snapshots/$B/old.bin"
	expect 10 itts rm acme/voice --cache "$T/c3" --yes
	prints open
	test -e "$repo/snapshots/$A/big.bin"
}
locked() { # as Python's filelock does
	local repo=$T/c4/models--acme--voice locks=$T/c4/.locks/models--acme--voice
	fill "$T/c4"
	mkdir -p "$locks"
	python3 - "$locks/$A.lock" "$T/held" <<'PYTHON' &
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o664)
fcntl.flock(fd, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
time.sleep(60)
PYTHON
	PIDS="$PIDS $!"
	await test -e "$T/held"
	gc c4 --grace 0 --yes --json
	jq -e --arg n "$A.0a1b2c3d.incomplete" \
		'.items[] | select(.path | endswith($n)) | .state == "in use"' "$T/out"
	test -e "$repo/blobs/$A.0a1b2c3d.incomplete"
	test ! -e "$repo/blobs/$B.itts-part"
}
interrupted() { # trash of a run that was killed: back where it is wanted, else gone
	local repo=$T/c5/models--acme--voice blob
	fill "$T/c5"
	blob=$(basename "$(readlink "$repo/snapshots/$A/big.bin")")
	mv "$repo/blobs/$blob" "$repo/blobs/$blob.0badf00d.itts-trash"
	printf x >"$repo/blobs/$D$D.0badf00d.itts-trash"
	mkdir -p "$T/c5/.locks/models--gone.0badf00d.itts-trash/blobs"
	gc c5 --yes
	cmp "$TOP/models/acme/voice/$A/big.bin" "$repo/snapshots/$A/big.bin"
	test -z "$(find "$T/c5" -name '*.itts-trash')"
}
removes() {
	local repo=$T/c6/models--acme--voice
	fill "$T/c6"
	printf %s $B >"$repo/refs/old"
	expect 0 itts rm acme/voice@old --cache "$T/c6"
	prints "would be freed"
	test -e "$repo/refs/old"
	expect 0 itts rm acme/voice@old --cache "$T/c6" --yes
	test ! -e "$repo/refs/old"
	test ! -e "$repo/snapshots/$B"
	test ! -e "$repo/blobs/$D"
	test -e "$repo/snapshots/$A/same.bin"
	# only what belonged to it: garbage is gc's business
	test -e "$repo/blobs/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	rm "$repo/refs/main.0a1b2c3d.tmp" "$repo/blobs/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	judge "$T/c6"
	expect 2 itts rm acme/voice --cache "$T/c6" --lock "$T/voice.json" --yes
	says "needed by" --force
	expect 0 itts rm acme/voice --cache "$T/c6" --lock "$T/voice.json" --force --yes
	test ! -e "$repo"
	judge "$T/c6"
	expect 6 itts rm acme/voice --cache "$T/c6" --yes
	one_error
	expect 6 itts rm acme/other@nope --cache "$T/c6" --yes
	says "acme/other has no revision nope"
	expect 6 itts rm acme/othre --cache "$T/c6" --yes
	one_error
	says "there is no acme/othre in it; did you mean acme/other?"
	expect 6 itts rm $D --cache "$T/c6" --yes
	one_error
	expect 0 itts rm $A --cache "$T/c6" --yes
	test ! -e "$T/c6/models--acme--other"
	judge "$T/c6"
	expect 2 itts rm --cache "$T/c6"
	expect 2 itts rm ../x --cache "$T/c6"
	expect 6 itts gc --cache "$T/nowhere" --yes
	test ! -e "$T/nowhere"
}
unreadable() { # what cannot be read may need what seems unused
	local repo=$T/c8/models--acme--voice what before as=()
	fill "$T/c8"
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	[ "$(id -u)" -ne 0 ] || chown -hR 65534:65534 "$T/c8"
	chmod a+x "$T"
	before=$(picture "$T/c8")
	for what in "$repo/snapshots" "$repo/snapshots/$A" "$repo/refs" "$repo/refs/main"; do
		chmod 000 "$what"
		expect 3 "${as[@]}" "$PROGRAM" gc --grace 0 --detached --yes --cache "$T/c8"
		prints "models--acme--voice" "${what#"$repo/"}: Permission denied"
		[ "$what" = "$repo/snapshots" ] || # then nobody knows that it is there
			expect 3 "${as[@]}" "$PROGRAM" rm --yes "$B" --cache "$T/c8"
		expect 3 "${as[@]}" "$PROGRAM" du --json --cache "$T/c8"
		jq -e '.repos[] | select(.id == "acme/voice") | .unused == 0' "$T/out"
		if [ -d "$what" ]; then chmod 755 "$what"; else chmod 644 "$what"; fi
		same "$(picture "$T/c8")" "$before"
	done
	# a directory that breaks off in the middle
	breaks() { # STATUS DIRECTORY COMMAND...
		expect "$1" strace -f -qq -o "$T/log/trace" -P "$2" -e trace=getdents64 \
			-e inject=getdents64:error=EIO "$PROGRAM" "${@:3}" --cache "$T/c8"
	}
	breaks 3 "$repo/snapshots/$A" gc --grace 0 --yes
	prints "snapshots/$A: Input/output error"
	for what in blobs snapshots "snapshots/$A" refs; do
		breaks 9 "$repo/$what" verify
		prints "$what" "Input/output error"
	done
	breaks 3 "$repo/blobs" inventory
	for what in "verify" "ls" "du" "gc" "inventory"; do breaks 3 "$T/c8" "$what"; done
	same "$(picture "$T/c8")" "$before"
}
hand_made() { # links that no client makes: what is behind them is needed all the same
	local hand=$T/c-hand repo=$T/c-hand/models--acme--voice other=$T/c-hand/models--acme--other
	local big mid
	fill "$hand"
	big=$(basename "$(readlink "$repo/snapshots/$A/big.bin")")
	mid=$(basename "$(readlink "$repo/snapshots/$A/config.json")")
	ln -s c-hand "$T/c-alias"
	# absolute, by another name of the cache; from a snapshot of another repository
	ln -sfn "$T/c-alias/models--acme--voice/blobs/$big" "$repo/snapshots/$A/big.bin"
	rm "$repo/snapshots/$A/config.json"
	ln -s "../../../models--acme--voice/blobs/$mid" "$other/snapshots/$(ls "$other/snapshots")/copy.json"
	gc c-hand --grace 0 --yes
	test -s "$repo/blobs/$big"
	test -s "$repo/snapshots/$A/big.bin"
	test -s "$repo/blobs/$mid"
	test -s "$other/snapshots/$(ls "$other/snapshots")/copy.json"
	test ! -e "$repo/blobs/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" # the others do go
	expect 10 itts rm acme/voice --cache "$hand" --yes
	prints "needed again" "another repository"
	test -s "$repo/blobs/$mid"
	expect 0 itts rm acme/other --cache "$hand" --yes
	expect 0 itts rm acme/voice --cache "$hand" --yes
	test ! -e "$repo"
}
foretold() { # STATUS COMMAND...: of each thing the dry run says what the run then does
	local status=$1 said
	shift
	expect 0 itts "$@" --json
	said=$(jq -S '[.items[] | del(.detail) + {state: (.state | sub("to be deleted"; "deleted"))}], .bytes' "$T/out")
	expect "$status" itts "$@" --json --yes
	diff <(echo "$said") <(jq -S '[.items[] | del(.detail)], .bytes' "$T/out")
}
hold() { # FILE: its lock, as Python's filelock takes it
	flock --no-fork "$1" sh -c ': >"$1"; exec sleep 60' sh "$T/held" &
	PIDS="$PIDS $!"
	await test -e "$T/held"
	rm "$T/held"
}
linked_blobs() { # one repository's blob is a link to that of another, or to its own
	local all=$T/c-linked repo=$T/c-linked/models--acme--voice other=$T/c-linked/models--acme--other
	local e=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
	fill "$all"
	ln -s ../../models--acme--voice/blobs/$e "$other/blobs/$e"
	ln -s ../../blobs/$e "$other/snapshots/$A/linked.bin"
	printf own >"$other/blobs/$B"
	ln -s $B "$other/blobs/$D"
	ln -s ../../blobs/$D "$other/snapshots/$A/own.bin"
	gc c-linked --grace 0 --yes
	same "$(cat "$other/snapshots/$A/linked.bin" "$other/snapshots/$A/own.bin")" unusedown
	expect 10 itts rm acme/voice --cache "$all" --yes
	prints "needed again" "another repository"
	expect 0 itts rm acme/other --cache "$all" --yes
	expect 0 itts rm acme/voice --cache "$all" --yes
}
own_names() { # files of a repository that are called like what clients leave
	local own=$T/c-names repo=$T/c-names/models--acme--voice
	fill "$own"
	printf kept >"$repo/snapshots/$A/notes.incomplete"
	printf kept >"$repo/snapshots/$A/x.itts-part"
	ln -s ../../blobs/$D "$repo/snapshots/$A/data.incomplete"
	ln -s ../../blobs/$D "$repo/snapshots/$A/ours.0a1b2c3d.itts-part"
	gc c-names --grace 0 --yes
	test -s "$repo/snapshots/$A/notes.incomplete"
	test -s "$repo/snapshots/$A/x.itts-part"
	test -s "$repo/snapshots/$A/data.incomplete"
	test ! -L "$repo/snapshots/$A/ours.0a1b2c3d.itts-part"
}
neighbour() { # nobody knows what a repository needs that cannot be read
	local all=$T/c-near repo=$T/c-near/models--acme--voice near=$T/c-near/models--acme--near
	local as=() e=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee moved=$T/moved
	fill "$all"
	mkdir -p "$near/snapshots/$A" "$near/refs" "$near/blobs"
	printf %s $A >"$near/refs/main"
	ln -s ../../../models--acme--voice/blobs/$e "$near/snapshots/$A/hand.bin"
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	[ "$(id -u)" -ne 0 ] || chown -hR 65534:65534 "$all"
	chmod a+x "$T"
	chmod 000 "$near/snapshots"
	expect 3 "${as[@]}" "$PROGRAM" gc --grace 0 --yes --cache "$all"
	prints "blobs/$e" "not all that may need it can be read" "models--acme--near/snapshots"
	test -s "$repo/blobs/$e"
	chmod 755 "$near/snapshots"
	# moved to another disk, a link in its place: what it needs can be seen
	mv "$near" "$moved"
	ln -sfn "$repo/blobs/$e" "$moved/snapshots/$A/hand.bin"
	ln -s "$moved" "$near"
	printf more >"$repo/blobs/$A"
	expect 3 itts gc --grace 0 --yes --cache "$all"
	test -s "$repo/blobs/$e"
	test ! -e "$repo/blobs/$A"
}
held() { # a client that is at work in a repository, at any file of it
	local all=$T/c-held repo=$T/c-held/models--acme--voice locks=$T/c-held/.locks/models--acme--voice
	fill "$all"
	foretold 0 gc --grace 0 --cache "$all"
	printf part >"$repo/blobs/$A.0a1b2c3d.incomplete"
	printf unused >"$repo/blobs/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	mkdir -p "$locks"
	hold "$locks/$A.lock"
	foretold 0 gc --grace 0 --detached --cache "$all"
	jq -e '[.items[] | select(.state == "in use")] | length == 2' "$T/out"
	test -e "$repo/snapshots/$B/old.bin"
	test -e "$repo/blobs/$A.0a1b2c3d.incomplete"
	foretold 10 rm $B --cache "$all"
	foretold 10 rm acme/voice --cache "$all"
	prints "in use"
	test -e "$repo/snapshots/$A/big.bin"
	# as Python's client did before 0.19: beside the blob
	hold "$T/c-held/models--acme--other/blobs/$A.lock"
	foretold 10 rm acme/other --cache "$all"
	# what an interrupted gc has renamed goes back
	fill "$T/c-back"
	repo=$T/c-back/models--acme--voice
	mv "$repo/blobs/$D" "$repo/blobs/$D.0badf00d.itts-trash"
	sleep 60 <"$repo/blobs/$D.0badf00d.itts-trash" &
	PIDS="$PIDS $!"
	foretold 0 gc --grace 0 --cache "$T/c-back"
	test -e "$repo/snapshots/$B/old.bin"
}
while_fetching() { # a fetch that is under way keeps its repository to itself
	local repo=$T/c7/models--acme--voice pid
	start_hub slow "$TOP" --rate 500000
	"$PROGRAM" fetch --lock "$T/voice.json" --endpoint "$slow" --cache "$T/c7" 2>"$T/log/slow.err" &
	pid=$!
	await sh -c "ls '$repo'/blobs/*.itts-part"
	gc c7 --grace 0 --json
	jq -e '.items | length > 0 and all(.state == "in use" or .state == "open")' "$T/out"
	gc c7 --grace 0 --yes --json
	jq -e '[.items[] | select(.state == "deleted")] | length == 0' "$T/out"
	wait $pid
	judge "$T/c7"
	cmp "$TOP/models/acme/voice/$A/big.bin" "$repo/snapshots/$A/big.bin"
	stop slow
}

check "links made by hand, absolute or from another repository" hand_made
check "blobs that are links to other blobs" linked_blobs
check "files that are called like leftovers" own_names
check "a repository that cannot be read may need its neighbours" neighbour
check "what clients hold locks of, and the dry run of it" held
check "shown first" shown_first
check "what is young stays" young
check "unused blobs, parts, temporary refs" collects
check "detached revisions, but not those of a lock" detached
check "what is open or mapped stays" open_files
check "what Python's client has locked stays" locked
check "what an interrupted run left" interrupted
check "rm" removes
check "what cannot be read is left alone, with all that it may need" unreadable
check "gc while a fetch runs" while_fetching
finish
