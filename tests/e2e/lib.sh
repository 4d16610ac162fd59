# What every end-to-end script begins with: a directory of its own ($T), a clean
# environment, servers that are ended by pid, TAP on standard output.
#
#   . "$(dirname "$0")/lib.sh"
#   check "what must be true" COMMAND ARGS...     one test, in a subshell, set -e
#   finish
#
# Inside a test: itts runs the program; expect STATUS COMMAND... demands an exit
# status and leaves $T/out and $T/err; says TEXT looks into $T/err.

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NAME=$(basename "$0" .sh)
PROGRAM=${ITTS_PROGRAM:-$ROOT/build/release/itts-pack}
SERVERS=$ROOT/tests/servers
JUDGES=$ROOT/build/judges
KEPT=$ROOT/build/e2e/$NAME
T=$(mktemp -d "${TMPDIR:-/tmp}/itts-e2e.XXXXXX")
PIDS= MOUNTS= COUNT=0 FAILED=0

for variable in $(compgen -e); do
	case $variable in
	HF_* | HUGGING* | XDG_* | *_proxy | *_PROXY | SSL_CERT_* | *_CA_BUNDLE | TRANSFORMERS_* | \
		SOURCE_DATE_EPOCH | NO_COLOR | ITTS_PACK_*) unset "$variable" ;;
	esac
done
export XDG_STATE_HOME=$T/state
export HOME=$T/home LC_ALL=C.UTF-8 TZ=UTC TERM=dumb PYTHONDONTWRITEBYTECODE=1 T JUDGES
export PATH=$PATH:/usr/sbin:/sbin
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:exitcode=99}
mkdir -p "$HOME" "$T/log"
cd "$T" || exit 1

[ -x "$PROGRAM" ] || {
	echo "Bail out! no program $PROGRAM"
	rm -rf "$T"
	exit 1
}

at_exit() {
	local pid place
	set +e
	for pid in $PIDS; do kill "$pid" 2>/dev/null; done
	for pid in $PIDS; do wait "$pid" 2>/dev/null; done
	cd / || true
	for place in $MOUNTS; do umount "$place" 2>/dev/null || umount -l "$place"; done
	if [ "$FAILED" -gt 0 ]; then
		rm -rf "$KEPT" && mkdir -p "$KEPT"
		cp -r "$T/log" "$KEPT"
	fi
	rm -rf "$T"
}
trap at_exit EXIT
trap 'exit 130' INT TERM

# --- tests ---------------------------------------------------------------------
check() {
	local name=$1 log status
	COUNT=$((COUNT + 1))
	log=$T/log/$COUNT.txt
	shift
	(
		set -eE
		PIDS= # servers of this test end with it
		trap 'for pid in $PIDS; do kill "$pid" 2>/dev/null || :; done' EXIT
		trap 'echo "FAIL at line $LINENO: $BASH_COMMAND" >&2' ERR
		"$@"
	) >"$log" 2>&1 </dev/null
	status=$?
	if [ $status -eq 0 ]; then
		echo "ok $COUNT - $name"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $COUNT - $name"
		tail -n 40 "$log" | sed 's/^/# /'
	fi
}

# What tests stand on: without it there is no use in going on.
must() {
	local before=$FAILED
	check "preparation: $1" "$@"
	[ "$FAILED" -eq "$before" ] || finish
}

skip_one() { # one test that cannot run here: NAME REASON
	COUNT=$((COUNT + 1))
	if [ "${CI:-}" = true ] || [ "${ITTS_E2E:-auto}" = require ]; then
		FAILED=$((FAILED + 1))
		echo "not ok $COUNT - $1: $2"
	else
		echo "ok $COUNT - $1 # SKIP $2"
	fi
}

finish() {
	echo "1..$COUNT"
	[ "$FAILED" -eq 0 ]
	exit
}

# The whole script cannot run here (or must not be missed: then it fails).
skip_all() {
	skip_one "$NAME" "$1"
	finish
}

skip_gladly() { # not even CI misses it: it makes no sense here
	COUNT=$((COUNT + 1))
	echo "ok $COUNT - $NAME # SKIP $1"
	finish
}

need() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip_all "no $program"
	done
}

need_judges() {
	need node
	[ -d "$JUDGES/node_modules" ] || skip_all "no @huggingface/hub (tests/deps.sh)"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip_all "not root"
}

sanitized() {
	case $PROGRAM in */asan/* | */tsan/*) return 0 ;; *) return 1 ;; esac
}

# --- inside a test ----------------------------------------------------------------
itts() { "$PROGRAM" "$@"; }
# the leak checker cannot work in a program that is traced
strace() { ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 command strace "$@"; }

fail() {
	echo "FAIL: $*"
	return 1
}

# COMMAND...: that must not be true. ("! COMMAND" ends no test: set -e passes over it.)
not() {
	local got=0
	"$@" || got=$?
	[ "$got" -eq 1 ] || fail "status $got, expected 1: $*"
}

show() {
	echo "--- out"
	head -c 4000 "$T/out"
	echo "--- err"
	tail -n 25 "$T/err"
}

expect() { # STATUS COMMAND...
	local wanted=$1 got=0
	shift
	echo "+ $*"
	"$@" >"$T/out" 2>"$T/err" || got=$?
	show
	[ "$got" -eq "$wanted" ] || fail "exit status $got, expected $wanted: $*"
	case " $* " in *" itts "* | *"$PROGRAM"*) counts_well ;; esac
}

# What is said of one thing is said of one.
counts_well() {
	grep -anE "(^|[^0-9.,:_-])1 ($MANY)([^a-z-]|\$)" "$T/out" "$T/err" || return 0
	fail "one of them is no plural"
}
MANY="files|repositories|revisions|snapshots|refs|blobs|listings|places|payloads|volumes|inodes|entries|requests|retries"
MANY+="|packages|parts|lines|errors|warnings|notes|processes|threads|connections|directories"

says() { # TEXT...: each is in what the last command said on standard error
	local text
	for text; do
		grep -qiF -- "$text" "$T/err" || fail "no \"$text\" on standard error"
	done
}

prints() {
	local text
	for text; do
		grep -qF -- "$text" "$T/out" || fail "no \"$text\" on standard output"
	done
}

# Bad input: exactly one line that begins with "itts-pack: ".
one_error() {
	[ "$(grep -c '^itts-pack: ' "$T/err")" -eq 1 ] || fail "not one error line"
	[ "$(tail -n 1 "$T/err" | cut -c 1-11)" = "itts-pack: " ] || fail "error is not last"
}

same() { # A B: equal texts
	[ "$1" = "$2" ] || fail "\"$1\" is not \"$2\""
}

# What quick checks remember is full of times and inodes: in no picture.
MEMORY=(! -path '*/.locks/itts-pack.checked' ! -path '*/.itts-pack/checked')

# A picture of a tree: types, modes, sizes, targets and digests; no times.
picture() {
	(cd "$1" && find . "${MEMORY[@]}" -printf '%p %y %m %l\n' | sort
		find . -type f "${MEMORY[@]}" -print0 | sort -z | xargs -0 -r sha256sum)
}

# As picture, without modes: for trees that other programs wrote.
content() {
	(cd "$1" && find . ! -type d "${MEMORY[@]}" -printf '%p %y %l\n' | sort
		find . -type f "${MEMORY[@]}" -print0 | sort -z | xargs -0 -r sha256sum)
}

# No name in a cache that its bytes do not deserve: every blob hashes to its name,
# every snapshot link leads to one, no temporary file in a snapshot.
cache_is_honest() { python3 "$ROOT/tests/e2e/honest.py" "$@"; }

# The file big.safetensors of $SRC, which $T/lock.json has of commit $A, into a new
# cache: all is right, and nothing is left beside it.
fetch_big() { # OPTIONS of fetch...
	local cache=$T/cache-$BASHPID
	rm -rf "$cache"
	expect 0 itts fetch --lock "$T/lock.json" --cache "$cache" --json "$@"
	cache_is_honest "$cache"
	cmp "$SRC/big.safetensors" "$cache/models--acme--voice/snapshots/$A/big.safetensors"
	same "$(find "$cache" -name '*.itts-part' | wc -l)" 0
	rm -rf "$cache"
}

# In a cache, of what was installed under that name: nothing but what makes it again.
record_is_lean() { # CACHE NAME
	local dir=$1/.locks/itts-pack/$2
	{
		echo itts-bundle.json
		jq -r '.extras[].sha256' "$dir/itts-bundle.json"
		find "$dir" -name "$(sha256sum <"$dir/itts-bundle.json" | cut -c 1-64).sig" -printf '%f\n'
	} | sort | diff - <(LC_ALL=C ls "$dir" | sort)
}

# One bit of a file: content in which the damage is one, whatever stands there.
flip() { # FILE OFFSET
	local old
	old=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\0$(printf %o $((old ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# A root directory for chroot: busybox and its libraries, no /dev, /tmp or /proc.
bare_root() { # DIR
	local busybox file
	busybox=$(command -v busybox)
	mkdir -p "$1/bin"
	cp "$busybox" "$1/bin"
	for file in $(ldd "$busybox" 2>&1 | grep -o '/[^ ]*'); do
		[ "$file" = "$busybox" ] || install -D "$file" "$1$file"
	done
	for file in $(busybox --list); do
		[ -e "$1/bin/$file" ] || ln -s busybox "$1/bin/$file"
	done
}

# No network but loopback that is down.
no_network() {
	if [ "$(id -u)" -eq 0 ]; then
		unshare -n "$@"
	else
		unshare -rn "$@"
	fi
}

can_unshare() { no_network true 2>/dev/null; }

# --- servers ------------------------------------------------------------------------
# start NAME COMMAND...: in the background, ended with the script.
start() {
	local name=$1
	shift
	"$@" >"$T/log/$name.out" 2>&1 </dev/null &
	PIDS="$PIDS $!"
	eval "${name}_PID=$!"
}

await() { # COMMAND...: until it is true, 10 s at most
	local i
	for ((i = 0; i < 200; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	fail "waited in vain for: $*"
}

ready() { # NAME KEY: a URL of a server that was started
	python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
		"$T/$1.ready" "$2"
}

# start_hub NAME ROOT [OPTIONS]: sets NAME and NAME_CDN to its URLs; its request
# log is $T/log/NAME.requests.
start_hub() {
	local name=$1 top=$2
	shift 2
	rm -f "$T/$name.ready"
	start "$name" python3 "$SERVERS/hub.py" --root "$top" --ready "$T/$name.ready" \
		--log "$T/log/$name.requests" "$@"
	await test -e "$T/$name.ready" || exit 1
	eval "$name=$(ready "$name" hub) ${name}_CDN=$(ready "$name" cdn)"
}

start_fault() { # NAME [OPTIONS]: sets NAME to its URL
	local name=$1
	shift
	rm -f "$T/$name.ready"
	start "$name" python3 "$SERVERS/fault.py" --ready "$T/$name.ready" \
		--log "$T/log/$name.requests" "$@"
	await test -e "$T/$name.ready" || exit 1
	eval "$name=$(ready "$name" fault)"
}

faults() { # URL RULES: a JSON list of rules (fault.py says which)
	curl -sS --noproxy '*' -d "{\"rules\":$2}" "$1/setup" >"$T/setup.out"
}

# The hub reads its repositories again.
reload() { # NAME
	local pid
	eval "pid=\$${1}_PID"
	kill -HUP "$pid"
	sleep 0.2
}

stop() { # NAME
	local pid
	eval "pid=\$${1}_PID"
	kill "$pid"
	wait "$pid" 2>/dev/null || true
}

# A port of loopback that nobody listens on, from the kernel.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listens() { # PORT
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# How many requests of a hub's log fit: requests NAME METHOD PATH-REGEX [STATUS-REGEX]
requests() {
	jq -r 'select(.method == "'"$2"'") | "\(.status) \(.path)"' "$T/log/$1.requests" |
		grep -cE "^${4:-[0-9]+} .*$3" || true
}

# The repositories of IndexTTS2 in small; $FIX/indextts-2.json is their manifest.
fixtures() {
	FIX=${ITTS_FIXTURES:-}
	if [ -z "$FIX" ]; then
		FIX=$T/fixtures
		python3 "$SERVERS/fixtures.py" "$ROOT/manifest/recipes" "$FIX"
	fi
}

# repo TOP ID REVISION PATH=SIZE...: a repository of pseudo-random files
repo() {
	python3 - "$@" <<'PYTHON'
import os, random, sys
top, repo_id, revision = sys.argv[1:4]
for arg in sys.argv[4:]:
    path, size = arg.rsplit("=", 1)
    place = os.path.join(top, "models", repo_id, revision, path)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as f:
        f.write(random.Random(repo_id + path + size).randbytes(int(size)))
PYTHON
}

# make_store STORE LOCK <SPEC: a Hub cache and its lock, without a hub (store.py)
make_store() { python3 "$ROOT/tests/e2e/store.py" "$@" || exit 1; }

pack_store() { # STORE LOCK BUNDLE [OPTIONS]
	local store=$1 lock=$2 bundle=$3
	shift 3
	expect 0 itts pack --offline --cache "$store" --lock "$lock" -o "$bundle" "$@"
}

# Peak memory of a command in KiB into $T/peak; its status is checked.
within() { # STATUS COMMAND...
	local wanted=$1
	shift
	expect "$wanted" python3 -c 'import os, resource, subprocess, sys
status = subprocess.run(sys.argv[2:], check=False).returncode
with open(sys.argv[1], "w") as f: print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=f)
sys.exit(status)' "$T/peak" "$@"
	echo "peak $(cat "$T/peak") KiB"
	sanitized || test "$(cat "$T/peak")" -le 65536
}

# start_nginx PORT [LOG-FORMAT] <SERVERS: what stands in its http { }; PORT is one that
# they listen on. Its log is $T/log/nginx.access.
start_nginx() {
	local user="" format=${2:-'$remote_addr - - [$time_local] "$request" $status $bytes_sent'}
	[ "$(id -u)" -ne 0 ] || user="user root;" # $T is closed to others
	cat >"$T/nginx.conf" <<CONF
daemon off;
$user
pid $T/nginx.pid;
error_log $T/log/nginx.error;
worker_processes 1;
events { worker_connections 128; }
http {
	log_format ours '$format';
	access_log $T/log/nginx.access ours;
	client_body_temp_path $T/n1; proxy_temp_path $T/n2; fastcgi_temp_path $T/n3;
	uwsgi_temp_path $T/n4; scgi_temp_path $T/n5;
	proxy_http_version 1.1;
	proxy_max_temp_file_size 0;
$(cat)
}
CONF
	start nginx nginx -c "$T/nginx.conf"
	await listens "$1"
}

# start_squid NAME PORT RULES: its log is $T/log/NAME/access; it connects from
# 127.0.0.3, so that a server's log tells what went around it.
start_squid() {
	mkdir -p "$T/log/$1"
	chmod 755 "$T" # squid is not root
	chmod 777 "$T/log/$1"
	cat >"$T/$1.conf" <<CONF
http_port 127.0.0.1:$2
tcp_outgoing_address 127.0.0.3
$3
http_access deny all
cache deny all
access_log stdio:$T/log/$1/access
cache_log $T/log/$1/cache
pid_filename none
visible_hostname localhost
shutdown_lifetime 0 seconds
pinger_enable off
logfile_rotate 0
CONF
	start "$1" squid -N -f "$T/$1.conf"
	await listens "$2"
}

# A certificate authority in $T/ca.pem, and a certificate for 127.0.0.1, localhost and
# these names in $T/server.pem + $T/server.key.
certificates() { # [NAME...]
	(
		cd "$T" || exit 1
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Test CA" \
			-keyout ca.key -out ca.pem
		openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" \
			-keyout server.key -out server.csr
		printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' >server.ext
		printf '%s\n' "${@/#/,DNS:}" | tr -d '\n' >>server.ext
		openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
			-days 2 -extfile server.ext -out server.pem
	) >"$T/log/openssl.txt" 2>&1
}
