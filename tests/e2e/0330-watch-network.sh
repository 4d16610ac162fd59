#!/usr/bin/env bash
# run and watch: real processes that wait for the network, each called by its name, with
# the host and the file that is asked for.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq ip
# A namespace whose packets go nowhere: a firewall that drops. HOSTS: its /etc/hosts.
nowhere() { # HOSTS COMMAND...
	# shellcheck disable=SC2016
	exec unshare -nm sh -c 'ip link set lo up && ip link add v0 type veth peer name v1 &&
		ip addr add 10.9.9.1/24 dev v0 && ip link set v0 up && ip link set v1 up &&
		ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0 &&
		ip neigh add 10.9.9.53 lladdr 02:00:00:00:00:02 dev v0 || exit 99
		mount --bind "$T/resolv.conf" /etc/resolv.conf || exit 99
		mount --bind "$1" /etc/hosts || exit 99
		shift
		exec "$@"' sh "$@"
}
echo nameserver 10.9.9.53 >"$T/resolv.conf"
echo 127.0.0.1 localhost >"$T/no-hosts"
printf '%s\n' "127.0.0.1 localhost" "# 10.9.9.2 wrong.invalid" "10.9.9.2  other.invalid Huggingface.co # x" >"$T/hosts"
need_root
(nowhere "$T/no-hosts" true 2>/dev/null) || skip_all "no namespace with an interface of its own"

connect() { # NAME SAYS HOSTS DIRECTORY COMMAND...: a start that is dropped
	local name=$1 says=$2 hosts=$3 dir=$4
	shift 4
	cd "$dir" || exit
	staged "$name" "$says" nowhere "$T/$hosts" "$PROGRAM" run --patience $PATIENCE --timeout 100 \
		--report "$T/$name.json" -- "$@"
	cd "$T" || exit
}
cat >"$T/ask.py" <<'PYTHON'
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
PYTHON
must tree old --program old --layout hub
must tree new
W=checkpoints/hf_cache/models--facebook--w2v-bert-2.0
lacking() { # NAME TREE: a copy
	cp -al "$TREES/$2" "$T/$1"
}
lacking complete old
lacking gap old && rm "$T/gap/$W"/snapshots/*/model.safetensors
lacking gan old && rm -r "$T/gan/checkpoints/hf_cache/models--nvidia--bigvgan_v2_22khz_80band_256x"
lacking flat new && rm -r "$T/flat/checkpoints/hf_cache"
cp "$T/ask.py" "$T/gap/webui.py"
ASK="python3 $T/ask.py"

connect address connection no-hosts "$T" python3 -c 'import socket; socket.create_connection(("10.9.9.2", 443), 60)'
# a client that gives up, sleeps and asks again
staged turns connection nowhere "$T/no-hosts" "$PROGRAM" run --patience $PATIENCE --timeout 100 --report "$T/turns.json" -- python3 -c '
import socket, time
while True:
    try: socket.create_connection(("10.9.9.2", 443), 1)
    except OSError: time.sleep(1)'
connect name "name server" no-hosts "$T/gap" python3 -c '
import socket
while True:
    try: socket.getaddrinfo("huggingface.co", 443)
    except OSError: pass'
# shellcheck disable=SC2086
{
	connect gap connection hosts "$T/gap" $ASK huggingface.co 443
	connect webui connection hosts "$T/gap" env HF_HOME="$T/elsewhere" python3 webui.py huggingface.co 443
	connect complete connection hosts "$T/complete" $ASK huggingface.co 443
	connect gan connection hosts "$T/gan" $ASK huggingface.co 443
	connect flat connection hosts / $ASK huggingface.co 443 --model_dir "$T/flat/checkpoints/"
	connect guess connection no-hosts "$T/gap" $ASK 10.9.9.2 443
	connect port connection no-hosts "$T/gap" $ASK 10.9.9.2 8443
	connect offline connection hosts "$T/gap" env HF_HUB_OFFLINE=1 $ASK huggingface.co 443
	connect mirror connection hosts "$T/gap" env HF_ENDPOINT=https://me:secret-word@other.invalid:8443/hf $ASK other.invalid 8443
	connect proxy connection hosts "$T/gap" env https_proxy=http://me:secret-word@other.invalid:3128 $ASK other.invalid 3128
}
# what fails at once, and is tried again: no socket is there when anybody looks
printf '%s\n' "127.0.0.1 localhost" "127.0.0.1 huggingface.co" >"$T/closed-hosts"
cat >"$T/tries.py" <<'PYTHON'
import socket, sys, time
ballast = b"x" * int(sys.argv[4]) if sys.argv[4:] else b""
while True:
    try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
    except OSError: time.sleep(float(sys.argv[3]))
PYTHON
connect refused "fail at once" closed-hosts "$T/gap" python3 "$T/tries.py" huggingface.co 443 2
# the same in threads, as clients of the hub download: the first one only waits
connect workers "fail at once" closed-hosts "$T/gap" python3 -c '
import sys, threading
sys.argv = sys.argv[1:]
threads = [threading.Thread(target=exec, args=(open(sys.argv[0]).read(), {"__name__": "x"})) for i in range(3)]
for t in threads: t.start()
for t in threads: t.join()' "$T/tries.py" huggingface.co 443 2
connect routeless "no route" no-hosts "$T" python3 "$T/tries.py" 10.8.8.8 443 1
# a name server that is asked over a socket without an other side, as musl does
connect unbound "name server" no-hosts "$T/gap" python3 -c '
import select, socket
while True:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"?", ("10.9.9.53", 53))
        select.select([s], [], [], 2)'
# their twin: others fail, it sleeps, and wakes now and then for something else; and whom
# a program has started that becomes run is not of what run starts
# shellcheck disable=SC2016
staged bystander asleep nowhere "$T/no-hosts" sh -c 'python3 "$T/tries.py" 127.0.0.1 9 0.3 100000000 & echo $! >"$T/tries.pid"
	exec "$@"' sh "$PROGRAM" run --patience $PATIENCE --timeout 100 --report "$T/bystander.json" -- python3 -c '
import time
while True: time.sleep(2.1)'
# and one that wakes up for something else as often as for that
# shellcheck disable=SC2016
staged poller asleep nowhere "$T/no-hosts" sh -c 'python3 "$T/tries.py" 127.0.0.1 9 1.3 & echo $! >"$T/others.pid"
	exec "$@"' sh "$PROGRAM" run --patience $PATIENCE --timeout 100 --report "$T/poller.json" -- python3 -c '
import time
while True: time.sleep(0.2)'
for name in tries others; do
	await test -s "$T/$name.pid"
	PIDS="$PIDS $(cat "$T/$name.pid")"
done
# one in a container, looked at from outside: its files and its hosts are not ours
cd "$T/gap" || exit
# shellcheck disable=SC2016
nowhere "$T/hosts" sh -c 'mount --bind "$T/gap" /mnt && cd /mnt && : >"$T/inside" &&
	exec python3 "$T/ask.py" huggingface.co 443' &
inside=$!
PIDS="$PIDS $inside"
cd "$T" || exit
await test -e "$T/inside"
staged contained connection "$PROGRAM" watch $inside --patience $PATIENCE --report "$T/contained.json"
# connected, and the other side is silent; in a network where nobody else's connections fail
start silent unshare -n sh -c 'ip link set lo up && exec "$@"' sh python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1]))
import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)' "$T/port"
await test -e "$T/port"
beside() { # NAME SAYS COMMAND...: a scene in that network
	local name=$1 says=$2
	shift 2
	# shellcheck disable=SC2154
	staged "$name" "$says" nsenter -n -t "$silent_PID" "$PROGRAM" run --patience $PATIENCE --timeout 100 \
		--report "$T/$name.json" -- "$@"
}
beside silent nothing.comes env HF_ENDPOINT="http://127.0.0.1:$(cat "$T/port")" python3 -c '
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).recv(1)' "$(cat "$T/port")"
# the same, for a client that gives up, sleeps and asks again
beside again nothing.comes python3 -c '
import socket, sys, time
while True:
    try: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2).recv(1)
    except OSError: time.sleep(1.5)' "$(cat "$T/port")"
# one that ends what it has accepted, in good order or not, and one that is slow
ends() { # NAME: MODE of its server
	start "$1" python3 -c '
import os, socket, struct, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1])); os.rename(sys.argv[1] + ".new", sys.argv[1])
c = s.accept()[0]
if sys.argv[2] == "slow":
    while True: c.send(b"x" * 2000); time.sleep(0.2)
time.sleep(2)
if sys.argv[2] == "reset": c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
c.close()
time.sleep(60)' "$T/port.$1" "$1"
	await test -e "$T/port.$1"
}
for name in reset closed slow; do ends $name; done
HOLDS='
import socket, sys, time
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)'
scene reset "was reset" -- python3 -c "$HOLDS" "$(cat "$T/port.reset")"
scene closed "was closed" -- python3 -c "$HOLDS" "$(cat "$T/port.closed")"
moving slow python3 -c '
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
data = b""
while True: data += c.recv(65536)' "$(cat "$T/port.slow")"
scenes_end

HUB="huggingface.co:443 (10.9.9.2; dropped: no answer"
MISSING="model.safetensors of facebook/w2v-bert-2.0 is not in the cache that it looks in"
address() {
	seen address
	same "$(stalled)" connect
	same "$(text connect | sed 's/, asked again//')" "waiting for a connection to 10.9.9.2:443 (dropped: no answer)"
	says "nothing moves for" "10.9.9.2:443" "itts-pack run --offline"
}
turns() {
	seen turns
	same "$(stalled)" connect
}
name() {
	seen name
	same "$(stalled)" name
	text name | grep -F "10.9.9.53:53, probably about huggingface.co: model.safetensors of facebook/w2v-bert-2.0 is not in"
}
silent() {
	seen silent
	same "$(stalled)" answer
}
again() {
	seen again
	same "$(stalled)" answer
}
lost() { # NAME
	seen "$1"
	same "$(stalled)" closed
	text closed | grep -F "127.0.0.1:$(cat "$T/port.$1") was $1"
}
slow() {
	seen slow 124
	same "$(stalled) $(longest)" "nothing receive"
	same "$(text receive)" "receiving from 127.0.0.1:$(cat "$T/port.slow")"
}
# What must be said: the host, the file, the cache, what mends it.
told() { # NAME WORDS ADVICE
	seen "$1" "${4:-143}"
	same "$(stalled)" connect
	text connect | sed 's/, asked again)/)/' | grep -F -e "$2"
	advice connect | grep -F -e "$3"
	not grep secret-word "$T/report.json" "$T/err"
}
silently() { # NAME WORDS: nothing is made up
	seen "$1"
	text connect | grep -F -e "$2"
	text connect | not grep -F "w2v-bert"
}
check "a connection that is dropped" address
check "and asked for again and again" turns
check "a name server that is silent" name
in_vain() { # NAME WORDS
	seen "$1"
	same "$(stalled)" refused
	text refused | grep -F -e "$2"
	advice refused | grep -F -e "itts-pack run --offline --model-dir"
}
unbound() {
	seen unbound
	same "$(stalled)" name
	text name | grep -F "over UDP, probably of a name server, probably about huggingface.co: model.safetensors"
}
check "connections that are refused again and again" in_vain refused \
	"asking for connections again and again, which fail at once, probably to huggingface.co: $MISSING"
check "by threads beside the first" in_vain workers \
	"asking for connections again and again, which fail at once, probably to huggingface.co: $MISSING"
check "a network to which there is no route" in_vain routeless "to which there is no route"
check "a name server that is asked without a connection" unbound
bystander() {
	seen bystander
	same "$(stalled)" idle
	jq -e '[.points[].rss] | max < 80000000' "$T/report.json"
}
check "others that ask in vain" bystander
poller() {
	seen poller
	same "$(stalled)" idle
}
check "others that do so beside one that polls" poller
check "a server that is silent" silent
check "and asked again and again" again
check "a connection that was reset" lost reset
check "a connection that the other side has closed" lost closed
check "a slow download into memory is no silence" slow
check "the host and the file that is missing" told gap "$HUB" \
	"itts-pack install BUNDLE --model-dir $T/gap/checkpoints; then start it with: itts-pack run --offline"
check "and the cache" told gap "$MISSING ($T/gap/checkpoints/hf_cache: the snapshot lacks the file); before that" \
	"itts-pack install"
check "webui.py: the cache that it looks in is another" told webui \
	"preprocessor_config.json of facebook/w2v-bert-2.0 is not in the cache that it looks in ($T/elsewhere/hub: no such directory; it is in $T/gap/checkpoints/hf_cache)" \
	"itts-pack install"
check "its twin, where nothing is missing" told complete \
	"): preprocessor_config.json of facebook/w2v-bert-2.0 and 5 more are there, it asks whether there are newer ones" \
	"Start it so that it does not ask: itts-pack run --offline --model-dir $T/complete/checkpoints"
check "only the last part is missing" told gan "bigvgan_v2_22khz_80band_256x is not in the cache" "itts-pack install"
check "the flat layout, by --model_dir" told flat \
	"preprocessor_config.json of facebook/w2v-bert-2.0 is not in the cache that it looks in ($T/flat/checkpoints/hf_cache: missing)" \
	"--model-dir $T/flat/checkpoints;"
check "no name for the address: by its port" told guess "10.9.9.2:443, probably huggingface.co (dropped" "itts-pack install"
check "another port: nothing is guessed" silently port "10.9.9.2:8443 (dropped"
check "offline: whatever it asks for, it is none of these files" silently offline "huggingface.co:443 (10.9.9.2"
check "a mirror" told mirror "other.invalid:8443 (10.9.9.2; dropped" "itts-pack install"
check "a proxy" told proxy "other.invalid:3128 (10.9.9.2; dropped" "itts-pack install"
inside() {
	told contained "$MISSING (/mnt/checkpoints/hf_cache: " "--model-dir /mnt/checkpoints;" 0
	text connect | grep -F -e "$HUB"
}
check "in a container, looked at from outside" inside
finish
