#!/usr/bin/env bash
# Downloads that are killed, whose journals are harmed, whose disk is full: what came
# is not fetched again, what cannot be vouched for is.
# ITTS_KILLS: how often the first is killed.
. "$(dirname "$0")/lib.sh"

need python3 jq curl
A=1111111111111111111111111111111111111111
SIZE=12345678
TOP=$T/repos
KILLS=${ITTS_KILLS:-5}
repo "$TOP" acme/voice $A big.safetensors=$SIZE config.json=300
SRC=$TOP/models/acme/voice/$A
BLOBS=models--acme--voice/blobs
SUM=$(sha256sum <"$SRC/big.safetensors" | cut -d' ' -f1)
start_hub hub "$TOP"
start_hub slow "$TOP" --rate 4000000
# shellcheck disable=SC2154
start_fault bad --upstream "$hub" --follow
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"

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
	local tenth
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
	mount -o "remount,size=$((SIZE + 4000000))" "$T/disk"
	finish_it "$T/disk/c"
}
filled() { # on the way: files may not grow beyond a limit
	local kib
	for kib in 1000 5000 9000; do
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

check "killed $KILLS times at random" killed
check "journal lost" harmed h1 'rm $JOURNAL'
check "journal empty" harmed h2 ': >$JOURNAL'
check "journal of another file" harmed h3 'sed -i "2s/blob ..../blob 0000/" $JOURNAL'
check "journal damaged" harmed h4 'echo rubbish >>$JOURNAL'
check "part lost" harmed h5 'rm $PART'
check "part longer than the file" harmed h6 'truncate -s 99999999 $PART'
check "one block damaged" damaged
check "another file there in the next run" changed
if [ "$(id -u)" -eq 0 ]; then
	check "disk full at every tenth" full_disk
else
	skip_one "disk full at every tenth" "not root"
fi
check "no room on the way" filled
finish
