#!/usr/bin/env bash
# doctor and run on graphics cards: a driver's library of our own in the place of the
# real one (nvml_stub.c), a nvidia-smi of our own, errors of both.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq cc
# cards are the matter here, memory of the machine is not
TO_LINES=${TO_LINES//^(machine|gpu)/^machine}
mkdir "$T/lib" "$T/lib535" "$T/smi"
STUB="$ROOT/tests/e2e/nvml_stub.c"
must cc -Wall -Wextra -Werror -shared -fPIC -o "$T/lib/libnvidia-ml.so.1" "$STUB"
must cc -Wall -Wextra -Werror -shared -fPIC -DSTUB_V3 -o "$T/lib535/libnvidia-ml.so.1" "$STUB"
must tree new
export HF_HUB_OFFLINE=1
cd "$TREES/new" || exit

card() { jq -r '.facts[] | select(.topic == "graphics") | .text' "$T/out"; }
with() { # VARIABLE=VALUE...: doctor with that card
	(
		export LD_LIBRARY_PATH=$T/lib "$@"
		doctor
	)
}
healthy() {
	with
	quiet
	card | grep -F "Stub RTX 4090, driver 570.86.15, 24000 of 24576 MiB free (NVML)"
	jq -r '.facts[] | select(.topic == "fit") | .text' "$T/out" | grep -F "fits for full precision"
}
check "a card by the driver's library: quiet" healthy
used() {
	local pid
	sleep 100 &
	pid=$!
	PIDS="$PIDS $pid"
	with STUB_FREE=3000 STUB_USERS="$pid:20000,1:500,4000000:?"
	finds error gpu.memory "3000 of 24576 MiB free" "process $pid (sleep) has 20000 MiB" \
		"process 1 (" "has 500 MiB" "process 4000000 (?) does not tell how much it has"
	with STUB_FREE=7500
	finds warning gpu.memory "7500 of 24576"
	# drivers whose third form writes more than was asked for
	with LD_LIBRARY_PATH="$T/lib535" STUB_FREE=3000 STUB_USERS="$pid:20000,1:500"
	finds error gpu.memory "process $pid (sleep) has 20000 MiB" "has 500 MiB"
	# more than fit: the memory is told all the same
	with STUB_FREE=3000 STUB_USERS="$(seq -f '%.0f:1' -s , 1 300)"
	finds error gpu.memory "3000 of 24576"
}
check "who uses its memory" used
errors() {
	with STUB_INIT=9
	finds warning gpu.no-driver "error 9 (the kernel has no driver loaded)"
	with STUB_INIT=18
	finds warning gpu.no-driver "error 18 (library and kernel module"
	with STUB_INIT=999
	finds warning gpu.no-driver "error 999"
	with STUB_GONE=1
	card | grep -F "no NVIDIA card that answers"
	# no library, and one that is none
	with LD_LIBRARY_PATH="$T/smi"
	quiet
	card | grep -F "no NVIDIA card that answers"
	mkdir -p "$T/text" && echo text >"$T/text/libnvidia-ml.so.1"
	with LD_LIBRARY_PATH="$T/text"
	quiet
}
check "errors of the library, and none" errors
quick() { # COMMAND...: an answer within seconds (a loaded machine takes some more)
	local begin=$SECONDS
	"$@"
	echo "$((SECONDS - begin)) s"
	[ $((SECONDS - begin)) -le 25 ]
}
hangs() { # WHERE: in its init, in a function
	quick with STUB_HANGS="$1" PATH="$T/smi:$PATH"
	finds warning gpu.no-driver "the driver's library does not answer for 8 s"
	not grep -q "library says" "$T/err"
}
crashes() {
	local where
	for where in init list; do
		with STUB_CRASHES=$where
		finds warning gpu.no-driver "the driver's library has crashed (signal 6)"
	done
	# what it is asked for again and again while a program runs
	STUB_CRASHES=list LD_LIBRARY_PATH=$T/lib run 0 -- sleep 1
	STUB_HANGS=list LD_LIBRARY_PATH=$T/lib quick run 0 -- sleep 1
	jq -e 'has("peak_gpu") | not' "$T/report.json"
}
check "a library that hangs" hangs init
check "one that crashes" crashes
colours() { # what it says reaches no terminal as it is
	with STUB_NAME=$'a\033]0;title\007 card\nmend: \302\233x'
	quiet
	LD_LIBRARY_PATH=$T/lib STUB_NAME=$'a\033]0;title\007 card\nmend: \302\233x' itts doctor >"$T/said"
	grep "card" "$T/said"
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$T/said"
	not grep -q "^mend:" "$T/said"
}
check "control bytes in its names" colours
smi() { # what nvidia-smi says, or does
	printf '#!/bin/sh\n%s\n' "$1" >"$T/smi/nvidia-smi.new"
	chmod 755 "$T/smi/nvidia-smi.new"
	mv "$T/smi/nvidia-smi.new" "$T/smi/nvidia-smi"
	(
		export PATH=$T/smi:$PATH STUB_INIT=9 LD_LIBRARY_PATH=${2:-$T/smi}
		doctor
	)
}
fallback() {
	# shellcheck disable=SC2016
	smi '[ "$1" = --query-gpu=name,driver_version,memory.total,memory.free,compute_cap ] &&
		echo "Fake A10, 535.54.03, 23028, 22000, 8.6"'
	quiet
	card | grep -F "Fake A10, driver 535.54.03, 22000 of 23028 MiB free (nvidia-smi)"
	smi 'echo "Fake A10, 535.54.03, 23028, 900, 8.6"' "$T/lib"
	finds error gpu.memory "900 of 23028"
	smi 'echo "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver"; exit 9' "$T/lib"
	finds warning gpu.no-driver "error 9"
	smi 'exec sleep 100'
	quiet
	card | grep -F "no NVIDIA card that answers"
}
check "nvidia-smi where the library is silent; one that hangs" fallback
gpu_memory() { # of the program alone, not of others
	LD_LIBRARY_PATH=$T/lib run 0 -- sh -c 'exec 3>/dev/null; sleep 2; :'
	jq -e '.peak_gpu == 0' "$T/report.json"
	sleep 100 &
	PIDS="$PIDS $!"
	STUB_USERS="$!:512,1:4096" LD_LIBRARY_PATH=$T/lib "$PROGRAM" watch $! --report "$T/report.json" \
		--report "$T/report.html" --patience 1 >"$T/out" 2>"$T/err" &
	local watcher=$!
	await grep -q "nothing moves" "$T/err"
	kill -TERM $watcher
	wait $watcher
	jq -e '.peak_gpu == 512 * 1048576 and (.points[-1].gpu == 512 * 1048576)' "$T/report.json"
	grep -q "512.00 MiB of GPU memory" "$T/out"
	grep -q "GPU memory <span" "$T/report.html"
}
check "run and watch: GPU memory of the program" gpu_memory
finish
