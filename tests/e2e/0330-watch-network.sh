#!/usr/bin/env bash
# run: real processes that wait for the network, each called by its name.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq ip
# A namespace whose packets go nowhere: a firewall that drops.
nowhere() {
	# shellcheck disable=SC2016
	unshare -nm sh -c 'ip link set lo up && ip link add v0 type veth peer name v1 &&
		ip addr add 10.9.9.1/24 dev v0 && ip link set v0 up && ip link set v1 up &&
		ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0 &&
		ip neigh add 10.9.9.53 lladdr 02:00:00:00:00:02 dev v0 || exit 99
		echo nameserver 10.9.9.53 >"$T/resolv.conf"
		mount --bind "$T/resolv.conf" /etc/resolv.conf || exit 99
		exec "$@"' sh "$@"
}
need_nowhere() { nowhere true 2>/dev/null || skip_all "no namespace with an interface of its own"; }
need_root
need_nowhere

dropped() {
	expect 124 nowhere "$PROGRAM" run --patience 2 --timeout 5 --report "$T/report.json" -- \
		python3 -c 'import socket; socket.create_connection(("10.9.9.2", 443), 60)'
	same "$(stalled)" connect
	text connect | grep -F '10.9.9.2:443 (dropped'
	says "nothing moves for" "10.9.9.2:443" "itts-pack run --offline"
}
dropped_in_turns() { # a client that gives up, sleeps and asks again
	expect 124 nowhere "$PROGRAM" run --patience 4 --timeout 8 --report "$T/report.json" -- python3 -c '
import socket, time
while True:
    try: socket.create_connection(("10.9.9.2", 443), 1)
    except OSError: time.sleep(1)'
	same "$(stalled)" connect
}
name_server() {
	expect 124 nowhere "$PROGRAM" run --patience 2 --timeout 5 --report "$T/report.json" -- \
		python3 -c 'import socket; socket.getaddrinfo("huggingface.co", 443)'
	same "$(stalled)" name
	text name | grep -F 10.9.9.53:53
}
no_answer() { # connected, and the other side is silent
	start silent python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1]))
import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)' "$T/port"
	await test -e "$T/port"
	run 124 --timeout 5 -- python3 -c '
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).recv(1)' "$(cat "$T/port")"
	same "$(stalled)" answer
}
check "a connection that is dropped" dropped
check "and asked for again and again" dropped_in_turns
check "a name server that is silent" name_server
check "a server that is silent" no_answer
finish
