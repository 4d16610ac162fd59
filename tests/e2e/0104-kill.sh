#!/usr/bin/env bash
# Downloads that are killed, whose journals are harmed, whose disk is full: what came
# is not fetched again, what cannot be vouched for is.
# ITTS_KILLS: how often the first is killed.
. "$(dirname "$0")/lib.sh"

need python3 jq curl strace
A=1111111111111111111111111111111111111111
SIZE=12345678
TOP=$T/repos
KILLS=${ITTS_KILLS:-5}
repo "$TOP" acme/voice $A big.safetensors=$SIZE config.json=300
SETTINGS=(a b c d e f)
repo "$TOP" acme/set $A one.safetensors=12345678 two.bin=9000000 "${SETTINGS[@]/%/.json=300}"
SRC=$TOP/models/acme/voice/$A
BLOBS=models--acme--voice/blobs
SUM=$(sha256sum <"$SRC/big.safetensors" | cut -d' ' -f1)
start_hub hub "$TOP"
start_hub slow "$TOP" --rate 4000000
start_hub trickle "$TOP" --rate 1000000
# shellcheck disable=SC2154
start_fault bad --upstream "$hub" --follow
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
must itts lock acme/set --lock "$T/set.json" --endpoint "$hub" --cache "$T/c0"

blocks() { # CACHE: that the journal vouches for
	cat "$1/$BLOBS"/*.journal.itts-part 2>/dev/null |
		awk '/^block/ { have[$2] = 1 } END { print length(have) }'
}
begun() { # CACHE: blocks that have bytes, but no line in the journal
	python3 - "$1/$BLOBS/$SUM" <<-'END'
		import os, sys
		part, journal = (sys.argv[1] + end for end in (".itts-part", ".journal.itts-part"))
		have = set()
		if os.path.exists(journal):
		    have = {int(x.split()[1]) for x in open(journal) if x.startswith("block ")}
		blocks = open(part, "rb") if os.path.exists(part) else ()
		data = iter(lambda: blocks.read(1 << 20), b"") if blocks else ()
		print(sum(any(b) and i not in have for i, b in enumerate(data)))
	END
}
finish_it() { # CACHE: with the rest of the bytes, and no more
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$1" --json
	cache_is_honest "$1"
	cmp "$SRC/big.safetensors" "$1/models--acme--voice/snapshots/$A/big.safetensors"
	same "$(find "$1" -name '*.itts-part' | wc -l)" 0
}
killed() {
	local i pid before after sent lost
	for ((i = 0; i < KILLS; i++)); do
		before=$(blocks "$T/c1")
		# shellcheck disable=SC2154
		"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$slow" --cache "$T/c1" \
			--connections 2 >"$T/out" 2>"$T/err" &
		pid=$!
		sleep "0.$((RANDOM % 10))"
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		cache_is_honest "$T/c1"
		[ ! -e "$T/c1/$BLOBS/$SUM" ] || break
		after=$(blocks "$T/c1")
		lost=$(begun "$T/c1")
		echo "killed $i: $before blocks, $after blocks, $lost lost"
		test "$after" -ge "$before"
		# a block a connection has to be fetched again, no more
		test "$lost" -le 2
	done
	before=$(blocks "$T/c1")
	finish_it "$T/c1"
	# all blocks of the journal were used; the last may be short
	[ "$before" -eq 0 ] || jq -e ".resumed_bytes > ($before - 1) * 1048576" "$T/out"
	sent=$(jq -s 'map(.sent) | add' "$T/log/slow.requests" "$T/log/hub.requests")
	echo "$sent bytes were sent of $SIZE"
}
half() { # CACHE [ENDPOINT]: a part of some blocks
	local pid
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "${2:-$slow}" --cache "$1" >"$T/out" 2>"$T/err" &
	pid=$!
	await sh -c "grep -q '^block' $1/$BLOBS/*.journal.itts-part"
	kill -9 $pid
	wait $pid || true
	test "$(blocks "$1")" -ge 1
}
harmed() { # CACHE STATEMENT: what is not vouched for is not used
	half "$T/$1"
	(cd "$T/$1/$BLOBS" && PART=$SUM.itts-part JOURNAL=$SUM.journal.itts-part && eval "$2")
	finish_it "$T/$1"
	jq -e '.resumed_bytes == 0' "$T/out"
}
planted() { # in the place where the journal is written anew
	half "$T/p1"
	mkfifo "$T/p1/$BLOBS/$SUM.journal-new.itts-part"
	expect 0 timeout 60 "$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/p1" --json
	jq -e '.resumed_bytes > 0' "$T/out"
	finish_it "$T/p1"
}
torn() { # an append cut off, twice: one block each, and what follows is in order again
	local before i
	for i in 1 2; do
		half "$T/t1"
		before=$(blocks "$T/t1")
		truncate -s -3 "$T/t1/$BLOBS/$SUM.journal.itts-part"
		test "$(tail -c 1 "$T/t1/$BLOBS/$SUM.journal.itts-part")" != ""
	done
	finish_it "$T/t1"
	# the last block may be a short one
	jq -e ".resumed_bytes > ($before - 2) * 1048576 and .resumed_bytes > 0" "$T/out"
}
# The same with two large files on their way and small ones that are there.
SET=models--acme--set
set_harmed() { # CACHE TEST STATEMENT: in the set's blobs; TEST: of what goes on
	local c=$T/$1 pid
	jq '.repos[0].files |= map(select(.size == 300)) | .repos[0].complete = false' "$T/set.json" >"$T/small.json"
	expect 0 itts fetch --lock "$T/small.json" --endpoint "$hub" --cache "$c"
	"$PROGRAM" fetch --lock "$T/set.json" --endpoint "$trickle" --cache "$c" >"$T/out" 2>"$T/err" &
	pid=$!
	await sh -c "test \$(grep -l '^block' $c/$SET/blobs/*.journal.itts-part | wc -l) -eq 2"
	kill -9 $pid
	wait $pid || true
	cache_is_honest "$c"
	journals=("$c/$SET/blobs"/*.journal.itts-part)
	same ${#journals[@]} 2
	# what the second vouches for
	vouched=$(awk '/^block/ { have[$2] = 1 } END { print length(have) * 1048576 }' "${journals[1]}")
	(cd "$c/$SET/blobs" && eval "$3")
	expect 0 itts fetch --lock "$T/set.json" --endpoint "$hub" --cache "$c" --json
	cache_is_honest "$c"
	diff -r "$TOP/models/acme/set/$A" "$c/$SET/snapshots/$A"
	same "$(find "$c" -name '*.itts-part' | wc -l)" 0
	jq -e ".had_files == 6 and ($2)" --argjson vouched "$vouched" "$T/out"
}
damaged() { # the block that is not what it was, and no other
	half "$T/d1"
	local before
	before=$(blocks "$T/d1")
	first=$(awk '/^block/ { print $2; exit }' "$T/d1/$BLOBS/$SUM.journal.itts-part")
	printf X | dd of="$T/d1/$BLOBS/$SUM.itts-part" bs=1 seek=$((first * 1048576 + 99)) \
		conv=notrunc status=none
	finish_it "$T/d1"
	jq -e ".resumed_bytes <= ($before - 1) * 1048576 and .wasted_bytes == 0" "$T/out"
}
# It is never written over: the new one is on disk before it takes the old one's name,
# and lines are added to that.
replaced() {
	local journal=$SUM.journal.itts-part
	half "$T/r1"
	expect 0 strace -f -qq -o "$T/trace" -y -s 300 -e trace=openat,fsync,renameat,renameat2,ftruncate "$PROGRAM" fetch \
		--lock "$T/lock.json" --endpoint "$hub" --cache "$T/r1" --json
	jq -e '.resumed_bytes > 0' "$T/out"
	grep "$SUM" "$T/trace"
	same "$(grep -cE "openat.*\"$journal\", .*(O_WRONLY|O_RDWR|O_TRUNC)|truncate.*$journal" "$T/trace")" 0
	grep -oE "fsync\(.*$SUM.journal-new.itts-part|renameat.*$journal" "$T/trace" | sed 's/(.*//' | xargs >"$T/order"
	same "$(cat "$T/order")" "fsync renameat"
}
changed() { # between two runs the endpoint has got another file under that name
	local before
	# shellcheck disable=SC2154
	faults "$bad" '[{"path": "big.safetensors", "fault": "slow", "rate": 1500000}]'
	half "$T/x1" "$bad"
	before=$(blocks "$T/x1")
	faults "$bad" '[{"path": "big.safetensors", "fault": "other"}]'
	expect 9 itts fetch --lock "$T/lock.json" --endpoint "$bad" --cache "$T/x1"
	one_error
	says big.safetensors "$bad"
	cache_is_honest "$T/x1"
	test ! -e "$T/x1/$BLOBS/$SUM"
	finish_it "$T/x1"
	echo "$before blocks were right"
	jq -c '[.resumed_bytes, .wasted_bytes, .downloaded_bytes]' "$T/out"
}
full_disk() { # of every tenth of what is needed
	local tenth pid got hits=0 before
	mkdir -p "$T/disk"
	mount -t tmpfs -o size=1m tmpfs "$T/disk"
	MOUNTS=$T/disk
	trap 'umount "$T/disk"; for pid in $PIDS; do kill $pid; done' EXIT
	for tenth in 1 2 3 4 5 6 7 8 9; do
		mount -o "remount,size=$((tenth * SIZE / 10))" "$T/disk"
		expect 3 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/disk/c"
		one_error
		says "$T/disk" free
		[ ! -d "$T/disk/c" ] || cache_is_honest "$T/disk/c"
	done
	# there was room when it began
	for tenth in 1 2 3 4 5 6 7 8 9; do
		mount -o "remount,size=$((SIZE + 4000000))" "$T/disk"
		before=$(blocks "$T/disk/c")
		: >"$T/err"
		# shellcheck disable=SC2154
		"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$trickle" --cache "$T/disk/c" \
			--connections 2 >"$T/out" 2>"$T/err" &
		pid=$! got=0
		await grep -q '^fetching: ' "$T/err"
		# too late where it has got further already
		mount -o "remount,size=$((tenth * SIZE / 10 + 300000))" "$T/disk" || kill -9 $pid
		wait $pid || got=$?
		cache_is_honest "$T/disk/c"
		echo "tenth $tenth: status $got, $before blocks before, $(blocks "$T/disk/c") after"
		test "$(blocks "$T/disk/c")" -ge "$before"
		[ $got -ne 137 ] || continue
		show
		same $got 3
		one_error
		says "failed: acme/voice big.safetensors: $T/disk/c/$BLOBS/$SUM.itts-part: No space left" \
			"itts-pack: acme/voice big.safetensors: $T/disk/c/$BLOBS/$SUM.itts-part: No space left"
		says "free some space where the cache is ($T/disk/c)"
		hits=$((hits + 1))
	done
	test $hits -ge 6
	before=$(blocks "$T/disk/c")
	mount -o "remount,size=$((SIZE + 4000000))" "$T/disk"
	finish_it "$T/disk/c"
	test "$before" -ge 7
	jq -e ".resumed_bytes > ($before - 1) * 1048576" "$T/out"
}
filled() { # on the way: files may not grow beyond a limit
	local kib
	for kib in 1000 2200 3400 4600 5800 7000 8200 9400 10600; do
		rm -rf "$T/limit"
		(
			trap '' XFSZ
			ulimit -f $kib
			expect 3 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/limit"
		)
		one_error
		says big.safetensors
		cache_is_honest "$T/limit"
		finish_it "$T/limit"
	done
}
# What could not be brought to disk may have left memory or not: nobody can tell by
# reading it back, so it is fetched again.
unsynced() {
	local part=$T/u1/$BLOBS/$SUM.itts-part error
	for error in EIO ENOSPC; do
		rm -rf "$T/u1"
		expect 3 strace -f -qq -o "$T/trace" -P "$part" -e trace=fsync -e "inject=fsync:error=$error:when=1" \
			"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/u1"
		grep -q INJECTED "$T/trace"
		one_error
		says "acme/voice big.safetensors: $part: fsync"
		[ $error = EIO ] || says "free some space where the cache is ($T/u1)"
		test ! -e "$T/u1/$BLOBS/$SUM"
		finish_it "$T/u1"
		jq -e '.resumed_bytes == 0' "$T/out"
	done
}

check "killed $KILLS times at random" killed
check "journal lost" harmed h1 'rm $JOURNAL'
check "journal empty" harmed h2 ': >$JOURNAL'
check "journal of another file" harmed h3 'sed -i "2s/blob ..../blob 0000/" $JOURNAL'
check "journal damaged" harmed h4 'echo rubbish >>$JOURNAL'
check "something else where the journal is written" planted
check "journal cut off in a line, twice" torn
check "part lost" harmed h5 'rm $PART'
check "part longer than the file" harmed h6 'truncate -s 99999999 $PART'
check "a set: journals lost" set_harmed s1 '.resumed_bytes == 0' 'rm *.journal.itts-part'
check "a set: journals empty" set_harmed s2 '.resumed_bytes == 0' 'for j in *.journal.itts-part; do : >$j; done'
check "a set: each with the other's journal" set_harmed s3 '.resumed_bytes == 0' \
	'mv ${journals[0]} x && mv ${journals[1]} ${journals[0]} && mv x ${journals[1]}'
check "a set: one journal lost, the other of use" set_harmed s4 \
	'.resumed_bytes > 0 and .resumed_bytes <= $vouched and .resumed_bytes > $vouched - 1048576' 'rm ${journals[0]}'
check "a set: parts longer than the files" set_harmed s5 '.resumed_bytes == 0' \
	'for p in ????????????????????????????????????????????????????????????????.itts-part; do truncate -s 99999999 $p; done'
check "one block damaged" damaged
check "the journal is replaced, not written over" replaced
check "another file there in the next run" changed
if [ "$(id -u)" -eq 0 ]; then
	check "disk full at every tenth" full_disk
else
	skip_one "disk full at every tenth" "not root"
fi
check "no room on the way" filled
check "fsync fails: nothing of it is believed" unsynced
finish
