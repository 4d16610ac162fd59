#!/usr/bin/env bash
# run on real processes that have too little memory: one whose pages go to a real swap
# file and come back, one whose mapped model does not stay and is read again and again;
# and on their twins that have room.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq mkswap swapon
need_root
GROUPS_MADE=() SWAP= LOOP= SHM=
give_back() {
	local i group
	for group in "${GROUPS_MADE[@]}"; do
		for ((i = 0; i < 100; i++)); do
			xargs -r kill -KILL <"$group/cgroup.procs" 2>/dev/null
			rmdir "$group" 2>/dev/null && break
			sleep 0.1
		done
	done
	[ -z "$SWAP" ] || swapoff "$SWAP"
	[ -z "$LOOP" ] || losetup -d "$LOOP"
	rm -rf "$SHM"
	at_exit
}
trap give_back EXIT

# A group of processes that may have LIMIT bytes, in either version of cgroups: $GROUP.
LIMIT=$((64 << 20))
limited() {
	local v2=/sys/fs/cgroup v1=/sys/fs/cgroup/memory
	if [ -w $v1/memory.limit_in_bytes ]; then
		GROUP=$(mktemp -d $v1/itts-e2e.XXXXXX) && GROUPS_MADE+=("$GROUP") &&
			echo $LIMIT >"$GROUP/memory.limit_in_bytes"
	elif grep -qw memory $v2/cgroup.subtree_control 2>/dev/null; then
		GROUP=$(mktemp -d $v2/itts-e2e.XXXXXX) && GROUPS_MADE+=("$GROUP") &&
			echo $LIMIT >"$GROUP/memory.max"
	else
		false
	fi
}
# (what they tell is not on the disk, which others keep busy)
SHM=$(mktemp -d /dev/shm/itts-e2e.XXXXXX)
swapped() { # (a file on a loop device: not every file system takes swap)
	dd if=/dev/zero of="$T/swap" bs=1M count=256 status=none && chmod 600 "$T/swap" &&
		LOOP=$(losetup --find --show "$T/swap") && mkswap "$LOOP" >/dev/null &&
		swapon "$LOOP" && SWAP=$LOOP
}
cat >"$T/neighbour.py" <<'PYTHON'
# another process of the group, whose file is put out and comes back, over and over
import mmap, sys
MADV_PAGEOUT = 21
f = open(sys.argv[1], "r+b")
m = mmap.mmap(f.fileno(), 0)
n = 0
while True:
    for page in range(0, len(m), 4096): n += m[page]
    m.madvise(MADV_PAGEOUT)
PYTHON
limited || skip_all "no cgroup with a limit of memory"
swapped || skip_all "no swap"
[ "$(stat -f -c %T "$T")" != tmpfs ] || skip_all "no disk: $T is in memory"

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
cat >"$T/mapped.py" <<'PYTHON'
# a mapped model, as safetensors has it: a cold start, then used again and again; of the
# program itself nothing goes to the swap that the other one has. "MODEL SECONDS LIBRARY":
# not faster than that a MiB, and once, after a library
import ctypes, mmap, os, sys, time
assert ctypes.CDLL(None).mlockall(1) == 0
def cold(name):
    f = open(name, "rb")
    os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
n = 0
pause = float(sys.argv[2]) if len(sys.argv) > 2 else 0.02
if len(sys.argv) > 3:
    library = cold(sys.argv[3])
    for page in range(0, len(library), 4096): n += library[page]
m = cold(sys.argv[1])
while True:
    for at in range(0, len(m), 1 << 20):
        for page in range(at, at + (1 << 20), 4096): n += m[page]
        time.sleep(pause)
    pause = 0
PYTHON
dd if=/dev/zero of="$T/model.safetensors" bs=1M count=160 conv=fsync status=none
# shellcheck disable=SC2016
scene swapping "memory is short" -- sh -c 'echo $$ >"$0/cgroup.procs" && exec python3 "$@"' \
	"$GROUP" "$T/touch.py" "$SHM/in-swap"
limited || skip_all "no second group" # (not must: that is a subshell, and a group would be left)
# shellcheck disable=SC2016
scene mapped "memory is short" -- sh -c 'echo $$ >"$0/cgroup.procs" && exec python3 "$@"' \
	"$GROUP" "$T/mapped.py" "$T/model.safetensors"
scenes_end

swapping() {
	seen swapping
	cat "$SHM/in-swap"
	[ "$(cat "$SHM/in-swap")" -gt 10000 ]
	same "$(stalled)" swap
	text swap | grep -E "pages come from the disk \([0-9.]+ MiB in swap\)"
	advice swap | grep "less memory than"
}
mapped() {
	seen mapped
	same "$(stalled)" swap
	same "$(text swap)" "memory is short: $T/model.safetensors does not stay in it and is read again and again"
	advice swap | grep "less memory than"
}
enough() { # the same, with room
	run 124 --timeout 4 -- python3 "$T/touch.py" "$SHM/enough"
	same "$(stalled) $(longest)" "nothing compute"
	same "$(cat "$SHM/enough")" 0
}
refaults() { awk '/^workingset_refault(_file)? / { print $2; exit }' /proc/vmstat; }
room() {
	local before
	# (the kernel keeps in mind, for each file, what it put out: this one is new)
	cp "$T/model.safetensors" "$T/first.safetensors"
	dd if=/dev/zero of="$T/library" bs=1M count=20 status=none
	sync "$T/first.safetensors" "$T/library"
	before=$(refaults)
	run 124 --timeout 9 -- python3 "$T/mapped.py" "$T/first.safetensors" 0.045 "$T/library"
	[ $(($(refaults) - before)) -gt 100000 ]
	same "$(stalled)" nothing
	# how far: as much as it has looked at
	text read | grep -E "reading $T/first.safetensors: [1-9][0-9]* % of 160.00 MiB"
	jq -e 'all(.spans[]; .kind != "swap")' "$T/report.json"
}
check "its memory comes back from swap, page by page" swapping
check "its mapped model does not stay in memory" mapped
check "its twin, with room" enough
dd if=/dev/zero of="$T/put-out" bs=1M count=20 conv=fsync status=none
start neighbour python3 "$T/neighbour.py" "$T/put-out"
check "a mapped model that is read for the first time, with room" room
finish
