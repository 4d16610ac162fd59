#!/usr/bin/env bash
# run on a real process that has too little memory, whose pages go to a real swap file
# and come back; and on its twin that has room.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq mkswap swapon
need_root
GROUP= SWAP=
give_back() {
	local i
	if [ -n "$GROUP" ]; then
		for ((i = 0; i < 100; i++)); do
			xargs -r kill -KILL <"$GROUP/cgroup.procs" 2>/dev/null
			rmdir "$GROUP" 2>/dev/null && break
			sleep 0.1
		done
	fi
	[ -z "$SWAP" ] || swapoff "$SWAP"
	[ -z "$LOOP" ] || losetup -d "$LOOP"
	at_exit
}
trap give_back EXIT

# A group of processes that may have LIMIT bytes, in either version of cgroups.
LIMIT=$((64 << 20))
limited() {
	local v2=/sys/fs/cgroup v1=/sys/fs/cgroup/memory
	if [ -w $v1/memory.limit_in_bytes ]; then
		GROUP=$(mktemp -d $v1/itts-e2e.XXXXXX) && echo $LIMIT >"$GROUP/memory.limit_in_bytes"
	elif grep -qw memory $v2/cgroup.subtree_control 2>/dev/null; then
		GROUP=$(mktemp -d $v2/itts-e2e.XXXXXX) && echo $LIMIT >"$GROUP/memory.max"
	else
		false
	fi
}
LOOP=
swapped() { # (a file on a loop device: not every file system takes swap)
	dd if=/dev/zero of="$T/swap" bs=1M count=256 status=none && chmod 600 "$T/swap" &&
		LOOP=$(losetup --find --show "$T/swap") && mkswap "$LOOP" >/dev/null &&
		swapon "$LOOP" && SWAP=$LOOP
}
limited || skip_all "no cgroup with a limit of memory"
swapped || skip_all "no swap"

cat >"$T/touch.py" <<'PYTHON'
# more pages than there is room for, over and over; says how many of its pages are in swap
import mmap, os, sys
size = 160 << 20
m = mmap.mmap(-1, size, mmap.MAP_PRIVATE)
for at in range(0, size, 4096): m[at] = 1
at = n = 0
while True:
    at = (at + 4096 * 10007) % size
    n += m[at]
    if at % (4096 * 512) == 0:
        status = dict(l.split(":", 1) for l in open("/proc/self/status"))
        with open(sys.argv[1] + ".new", "w") as out:
            print(status["VmSwap"].split()[0], file=out)
        os.rename(sys.argv[1] + ".new", sys.argv[1])
PYTHON
# shellcheck disable=SC2016
scene swapping "memory is short" -- sh -c 'echo $$ >"$0/cgroup.procs" && exec python3 "$@"' \
	"$GROUP" "$T/touch.py" "$T/in-swap"
scenes_end

swapping() {
	seen swapping
	cat "$T/in-swap"
	[ "$(cat "$T/in-swap")" -gt 10000 ]
	same "$(stalled)" swap
	text swap | grep -E "pages come from the disk \([0-9.]+ MiB in swap\)"
	advice swap | grep "less memory than"
}
enough() { # the same, with room
	run 124 --timeout 4 -- python3 "$T/touch.py" "$T/enough"
	same "$(stalled) $(longest)" "nothing compute"
	same "$(cat "$T/enough")" 0
}
check "its memory comes back from swap, page by page" swapping
check "its twin, with room" enough
finish
