#!/usr/bin/env bash
# kill -9 at random instants of a fetch: ITTS_KILLS of them (40; make torture: 200).
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 a.txt=10 sub/b.txt=3000 sub/c.txt=0 README.md=9000 \
	one.bin=1500000 two.bin=1100000 three.bin=2000000 four.bin=90000 five.bin=20000 six.bin=1
repo "$TOP" acme/single $A large.bin=7500000
# every answer takes a while, so that there are instants to hit
start_hub hub "$TOP" --rate 7000000
kills() { # REPO COUNT
	expect 0 itts lock "acme/$1" --lock "$T/$1.json" --endpoint "$hub" --cache "$T/c0"
	python3 "$ROOT/tests/e2e/kill_fetch.py" "$PROGRAM" "$T/$1.json" "$hub" \
		"$T/log/hub.requests" "$T/cache" "$TOP/models/acme/$1/$A" "$2"
}

check "kill -9 at random instants, the next run goes on" kills voice "${ITTS_KILLS:-40}"
check "the same with one large file" kills single "${ITTS_KILLS:-40}"
finish
