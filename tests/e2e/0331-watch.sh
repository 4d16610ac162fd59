#!/usr/bin/env bash
# run and watch: real processes that wait, work or serve, each called by its name.
# run: first
# In a network of its own: the kernel counts failing connections of all programs in one,
# and other tests have some.
if [ -z "${ITTS_OWN_NETWORK:-}" ] && [ "$(id -u)" -eq 0 ] && unshare -n ip link set lo up 2>/dev/null; then
	ITTS_OWN_NETWORK=1 exec unshare -n sh -c 'ip link set lo up && exec bash "$0"' "$0"
fi
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
	time timeout --foreground --preserve-status -s INT 20 "$PROGRAM" watch "$many_PID" --quiet
}
# and one that has more of everything than anybody should have
cat >"$T/heavy.py" <<'PYTHON'
import resource, sys, threading, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for i in range(500): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
files = [open(sys.argv[1], "rb") for i in range(2000)]
time.sleep(600)
PYTHON
truncate -s 200M "$T/gpt.pth"
start heavy python3 "$T/heavy.py" "$T/gpt.pth"
(
	sleep 1
	TIMEFORMAT="%R %U %S"
	time timeout --foreground --preserve-status -s INT 20 "$PROGRAM" watch "$heavy_PID" --quiet
) >"$T/cost.out" 2>"$T/heavy" &
PIDS="$PIDS $!"
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
# where torch builds what DeepSpeed and others bring: in its own place, and in a chosen one
BATON='
import os, sys, time
while os.path.exists(sys.argv[1]): time.sleep(0.1)'
EXTENSIONS=$HOME/.cache/torch_extensions/py311_cu128/fused
mkdir -p "$EXTENSIONS" "$T/built/fused"
touch -d '1 hour ago' "$EXTENSIONS/lock" "$T/built/fused/lock"
scene extension "lock" -- env -u TORCH_EXTENSIONS_DIR -u XDG_CACHE_HOME python3 -c "$BATON" "$EXTENSIONS/lock"
scene chosen "lock" -- env TORCH_EXTENSIONS_DIR="$T/built" python3 -c "$BATON" "$T/built/fused/lock"
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
# the same in a program that serves something else, as a notebook does
scene notebook "lock" -- python3 -c '
import fcntl, os, socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
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
# a mapped model on a file system whose reading the kernel counts nowhere
if [ "$(id -u)" -eq 0 ] && [ -w /dev/fuse ]; then
	mkdir "$T/fuse"
	start slowfs python3 "$ROOT/tests/e2e/slowfs.py" "$T/fuse" 200000000 3000000
	MOUNTS="$MOUNTS $T/fuse"
	await test -e "$T/fuse.ready"
	moving fuse python3 -c '
import mmap, sys
f = open(sys.argv[1], "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); n = 0
for page in range(0, len(m), 4096): n += m[page]' "$T/fuse/model.safetensors"
	# its twin: it has mapped it, and waits for something else
	scene mapped "asleep" -- python3 -c '
import mmap, sys, time
f = open(sys.argv[1], "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
n = sum(m[page] for page in range(0, 1 << 20, 4096))
time.sleep(600)' "$T/fuse/model.safetensors"
fi
# without a position that moves: pread(), pwrite(), a pipe from elsewhere
moving preads python3 -c '
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
for at in range(200): os.pread(fd, 1 << 20, at << 20); time.sleep(0.2)' "$T/gpt.pth"
moving pwrites python3 -c '
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for at in range(200): os.pwrite(fd, b"x" * (1 << 20), at << 20); time.sleep(0.2)' "$T/new.pth"
mkfifo "$T/fifo"
moving pipes python3 -c '
import sys
f = open(sys.argv[1], "rb", buffering=0)
while f.read(1 << 16): pass' "$T/fifo"
start feeds python3 -c '
import sys, time
f = open(sys.argv[1], "wb", buffering=0)
while True: f.write(b"x" * (1 << 16)); time.sleep(0.1)' "$T/fifo"
moving busy python3 -c 'while True: pass'
cp "$(command -v sleep)" "$T/nvcc"
# shellcheck disable=SC2016
moving build sh -c 'trap "kill \$!" EXIT; trap exit TERM; "$1" 600 & wait' sh "$T/nvcc"
# one whose first thread has ended, while another one reads
cc -pthread -o "$T/headless" -x c - <<'C' || skip_all "no compiler"
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
static char buf[500000];
static void *reads(void *name)
{
	int fd = open(name, O_RDONLY);
	while (read(fd, buf, sizeof(buf)) > 0)
		usleep(100000);
	return NULL;
}
int main(int argc, char **argv)
{
	pthread_t t;
	pthread_create(&t, NULL, reads, argv[argc - 1]);
	pthread_exit(NULL);
}
C
moving headless "$T/headless" "$T/gpt.pth"
# one whose worker goes on when who had started it has ended
# shellcheck disable=SC2016
moving detached sh -c 'setsid sh -c "exec python3 -c \"\$0\" \"\$1\" & true" "$1" "$2"; sleep 600' sh '
import sys, time
f = open(sys.argv[1], "rb", buffering=0)
while f.read(500000): time.sleep(0.1)' "$T/gpt.pth"
# a web UI that has started waits, and that is fine
moving serve python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); s.accept()'
# one that has a visitor, who is at rest
moving visited python3 -c '
import os, socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1])); os.rename(sys.argv[1] + ".new", sys.argv[1])
c = s.accept()
time.sleep(600)' "$T/served"
await test -e "$T/served"
start visitor python3 -c '
import socket, sys, time
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)' "$(cat "$T/served")"
scenes_end

stale_lock() {
	seen stale
	same "$(stalled)" lock
	text lock | grep -F "$BUILD/lock, which is older than the program"
	says "delete that file"
}
extension() { # SCENE LOCK
	seen "$1"
	same "$(stalled)" lock
	text lock | grep -F "$2, which is older than the program"
}
held_lock() { # SCENE
	seen "$1"
	same "$(stalled)" lock
	text lock | grep -F "$T/abc.lock, which process $holder_PID holds"
}
moves() { # NAME KIND SAYS: named within 10 s, by a clock outside
	seen "$1" 124
	same "$(stalled) $(longest)" "nothing $2"
	not grep "nothing moves" "$T/err"
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
	not grep -q '^HF_HOME=' "$T/out"
	expect 0 env HF_HOME="$T/hub" "$PROGRAM" run --offline --quiet -- env
	prints "HF_HUB_OFFLINE=1" "HF_HUB_CACHE=$T/hub/hub"
	expect 0 env HF_HOME=/elsewhere "$PROGRAM" run --quiet -- env
	prints "HF_HOME=/elsewhere"
	not grep -q HF_HUB_OFFLINE "$T/out"
}
reports() {
	expect 0 itts run --report "$T/r.html" --report "$T/r.json" --report "$T/r.txt" -- \
		sh -c 'sleep 1; true hf_abcdefghijklmnopqrstuvwx "<script>"'
	prints "ended with status 0"
	for f in r.html r.json r.txt; do
		not grep -q hf_abcdefghijklmnopqrstuvwx "$T/$f"
	done
	not grep -q hf_abcdefghijklmnopqrstuvwx "$T/out" "$T/err"
	jq -e '.v == 1 and .outcome == "ended with status 0" and (.points | length) > 1' "$T/r.json"
	grep -q '<svg' "$T/r.html"
	grep -q '&lt;script&gt;' "$T/r.html"
	# nothing from elsewhere, nothing that runs
	not grep -qiE '<script|src=|href=|url\(|@import|https?://' "$T/r.html"
	expect 3 itts run --report "$T/no/such/r.html" -- true
}

check "a stale lock of a kernel build" stale_lock
check "a stale lock of another extension" extension extension "$EXTENSIONS/lock"
check "and in a place of one's own" extension chosen "$T/built/fused/lock"
check "a lock that another process holds" held_lock held
check "and its twin, which serves as well" held_lock notebook
check "a big file, slowly" slow_file
mapped() {
	seen mapped
	same "$(stalled)" idle
}
if [ -d "$T/fuse" ]; then
	check "a mapped model of a FUSE file system" moves fuse read "reading .*model.safetensors"
	check "its twin, asleep" mapped
else
	skip_one "a mapped model of a FUSE file system" "no /dev/fuse, or not root"
fi
check "a file that is read without a position" moves preads read "reading .*gpt.pth"
check "a file that is written without a position" moves pwrites write "writing .*new.pth"
check "a program without its first thread" moves headless read "reading .*gpt.pth"
check "a worker whose parent has ended" moves detached read "reading .*gpt.pth"
check "a pipe" moves pipes read "reading a pipe"
check "a server with a visitor at rest" moves visited serve "waiting for requests on port"
check "computing" moves busy compute computing
check "compiling" moves build build "compiling .nvcc."
check "serving" moves serve serve "waiting for requests on port"
check "paused" paused
check "asleep" asleep
check "Ctrl-C ends the watching" interrupted
strangers() {
	expect 3 timeout 20 setpriv --reuid 65534 --regid 65534 --clear-groups "$T/itts-pack" watch $$
	one_error
	says "another user's"
	expect 0 setpriv --reuid 65534 --regid 65534 --clear-groups "$T/itts-pack" run --quiet -- true
}
# one of its processes cannot be looked into, and that is said
closed() {
	# shellcheck disable=SC2016
	expect 124 setpriv --reuid 65534 --regid 65534 --clear-groups "$T/itts-pack" run --patience 2 --timeout 6 -- \
		sh -c 'python3 -c "import ctypes, time; ctypes.CDLL(None).prctl(4, 0); time.sleep(60)"; true'
	prints "asleep, for no reason that can be seen; 1 of its processes may only be looked into by root"
}
chmod 711 "$T"
if [ "$(id -u)" -eq 0 ] && cp "$PROGRAM" "$T/itts-pack" && ! sanitized; then
	check "a process of another user" strangers
	check "a child that keeps others out" closed
fi
check "statuses and bad words" ends_well
check "the environment it gets" environment
check "reports without secrets" reports
cost() { # FILE
	await grep -qE '^[0-9.]+ [0-9.]+ [0-9.]+$' "$1"
	cat "$1"
	awk '/^[0-9.]+ [0-9.]+ [0-9.]+$/ { exit !($1 > 15 && $2 + $3 < 0.02 * $1) }' "$1"
}
if ! sanitized; then
	check "watching takes less than 2 % of a processor" cost "$T/cost"
	check "with 500 threads and 2000 files" cost "$T/heavy"
fi
finish
