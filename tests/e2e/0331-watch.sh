#!/usr/bin/env bash
# run and watch: real processes that wait, work or serve, each called by its name.
# run: first
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq

# What watching costs: processor time, which load does not change much. It goes on while
# the other tests run; the program has as many threads and sockets as one with torch.
cat >"$T/many.py" <<'PYTHON'
import socket, sys, threading, time
sockets = [socket.socket() for i in range(50)]
for s in sockets: s.bind(("127.0.0.1", 0)); s.listen()
for i in range(60): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
files = [open(sys.executable, "rb") for i in range(20)]
time.sleep(600)
PYTHON
start many python3 "$T/many.py"
watch_many() {
	local TIMEFORMAT="%R %U %S"
	time timeout --preserve-status -s INT 20 "$PROGRAM" watch "$many_PID" --quiet
}
(sleep 1; watch_many) >"$T/cost.out" 2>"$T/cost" &
COST=$!
PIDS="$PIDS $COST"
# as torch leaves it when the build of the kernel was killed
BUILD=$T/app/indextts/s2mel/modules/bigvgan/alias_free_activation/cuda/build
mkdir -p "$BUILD"
touch -d '1 hour ago' "$BUILD/lock"
cd "$T/app" || exit
scene stale "lock" -- python3 -c '
import os, time
while os.path.exists("indextts/s2mel/modules/bigvgan/alias_free_activation/cuda/build/lock"): time.sleep(0.1)'
cd "$T" || exit
# as two processes of the hub library
start holder python3 -c '
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
open(sys.argv[1] + ".held", "w").close()
time.sleep(600)' "$T/abc.lock"
await test -e "$T/abc.lock.held"
scene held "lock" -- python3 -c '
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
while True:
    try: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB); break
    except BlockingIOError: time.sleep(0.05)' "$T/abc.lock"
scene asleep "asleep" -- sleep 600
truncate -s 200M "$T/gpt.pth"
moving slow python3 -c '
import sys, time
f = open(sys.argv[1], "rb", buffering=0)
while f.read(500000): time.sleep(0.1)' "$T/gpt.pth"
moving busy python3 -c 'while True: pass'
cp "$(command -v sleep)" "$T/nvcc"
# shellcheck disable=SC2016
moving build sh -c 'trap "kill \$!" EXIT; trap exit TERM; "$1" 600 & wait' sh "$T/nvcc"
# a web UI that has started waits, and that is fine
moving serve python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); s.accept()'
scenes_end

stale_lock() {
	seen stale
	same "$(stalled)" lock
	text lock | grep -F "$BUILD/lock, which is older than the program"
	says "delete that file"
}
held_lock() {
	seen held
	same "$(stalled)" lock
	text lock | grep -F "$T/abc.lock, which process $holder_PID holds"
}
moves() { # NAME KIND SAYS: named within 10 s, by a clock outside
	seen "$1" 124
	same "$(stalled) $(longest)" "nothing $2"
	! grep "nothing moves" "$T/err"
	awk -v says="$3" 'NR == 1 { begin = $1 }
		$0 ~ says { took = $1 - begin; print "named after " took " s"; exit }
		END { exit !took || took > 10 }' \
		"$T/$1.stamps"
}
slow_file() {
	moves slow read "reading .*gpt.pth"
	text read | grep -E "gpt.pth: [0-9]+ % of 200.00 MiB"
}
asleep() {
	seen asleep
	same "$(stalled)" idle
	says "itts-pack doctor"
}
paused() { # a running process, looked at by number
	local pid
	sleep 60 &
	pid=$!
	kill -STOP $pid
	: >"$T/err" # what is awaited in it must not be of the test before
	"$PROGRAM" watch $pid --patience 2 --json >"$T/watch.json" 2>"$T/err" &
	watcher=$!
	await grep -q "nothing moves" "$T/err"
	kill -KILL $pid
	wait $watcher
	same "$(stalled "$T/watch.json")" paused
	jq -e '.outcome == "it has ended" and .command == "watch"' "$T/watch.json"
}
interrupted() { # Ctrl-C ends watching, not what is watched
	local pid watcher
	sleep 600 &
	pid=$!
	PIDS="$PIDS $pid"
	: >"$T/err" # (else the signal may come before the program is there to take it)
	"$PROGRAM" watch $pid --patience 1 >"$T/out" 2>"$T/err" &
	watcher=$!
	await grep -q "nothing moves" "$T/err"
	kill -INT $watcher
	wait $watcher
	kill -0 $pid
	prints "it was still running"
}
ends_well() {
	run 0 -- true
	same "$(stalled)" nothing
	run 3 -- sh -c 'exit 3'
	run 143 -- sh -c 'kill -TERM $$'
	expect 6 itts run -- no-such-program-here
	one_error
	expect 2 itts run
	expect 2 itts watch
	expect 2 itts watch 12x
	expect 6 itts watch 2000000000
	expect 2 itts run --patience x -- true
	expect 2 itts run --report report.doc -- true
}
environment() {
	mkdir -p "$T/models/hf_cache/models--a--b"
	expect 0 env HF_HOME=/elsewhere "$PROGRAM" run --model-dir "$T/models" --quiet -- env
	prints "HF_HUB_OFFLINE=1" "HF_HUB_CACHE=$T/models/hf_cache"
	! grep -q '^HF_HOME=' "$T/out"
	expect 0 env HF_HOME="$T/hub" "$PROGRAM" run --offline --quiet -- env
	prints "HF_HUB_OFFLINE=1" "HF_HUB_CACHE=$T/hub/hub"
	expect 0 env HF_HOME=/elsewhere "$PROGRAM" run --quiet -- env
	prints "HF_HOME=/elsewhere"
	! grep -q HF_HUB_OFFLINE "$T/out"
}
reports() {
	expect 0 itts run --report "$T/r.html" --report "$T/r.json" --report "$T/r.txt" -- \
		sh -c 'sleep 1; true hf_abcdefghijklmnopqrstuvwx "<script>"'
	prints "ended with status 0"
	for f in r.html r.json r.txt; do
		! grep -q hf_abcdefghijklmnopqrstuvwx "$T/$f"
	done
	! grep -q hf_abcdefghijklmnopqrstuvwx "$T/out" "$T/err"
	jq -e '.v == 1 and .outcome == "ended with status 0" and (.points | length) > 1' "$T/r.json"
	grep -q '<svg' "$T/r.html"
	grep -q '&lt;script&gt;' "$T/r.html"
	# nothing from elsewhere, nothing that runs
	! grep -qiE '<script|src=|href=|url\(|@import|https?://' "$T/r.html"
	expect 3 itts run --report "$T/no/such/r.html" -- true
}

check "a stale lock of a kernel build" stale_lock
check "a lock that another process holds" held_lock
check "a big file, slowly" slow_file
check "computing" moves busy compute computing
check "compiling" moves build build "compiling .nvcc."
check "serving" moves serve serve "waiting for requests on port"
check "paused" paused
check "asleep" asleep
check "Ctrl-C ends the watching" interrupted
check "statuses and bad words" ends_well
check "the environment it gets" environment
check "reports without secrets" reports
cost() {
	await grep -qE '^[0-9.]+ [0-9.]+ [0-9.]+$' "$T/cost"
	cat "$T/cost"
	awk '/^[0-9.]+ [0-9.]+ [0-9.]+$/ { exit !($1 > 15 && $2 + $3 < 0.02 * $1) }' "$T/cost"
}
if ! sanitized; then check "watching takes less than 2 % of a processor" cost; fi
finish
