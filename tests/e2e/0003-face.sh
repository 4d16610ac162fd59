#!/usr/bin/env bash
# What is to be seen: on a terminal (a real one, terminal.py), in a log, by a machine;
# narrow, in colour or not, with outputs that are closed, full or cut.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
LONG=a-directory-with-a-rather-long-name/model-00001-of-00002.safetensors
repo "$T/repos" acme/voice $A "$LONG=6000000" config.json=300
start_hub hub "$T/repos"
start_fault mirror --upstream "$hub" --follow
must itts fetch acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/store" --quiet
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"
cat >"$T/slow.py" <<'PYTHON'
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
while data := sys.stdin.buffer.read1(65536):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    time.sleep(len(data) / 2e6)
PYTHON
# a job that takes two seconds, for each of the four: JOB CACHE
job() {
	case $1 in
	fetch) echo "'$PROGRAM' fetch --lock lock.json --endpoint $hub --cache '$2' --limit-rate 2M" ;;
	pack) echo "'$PROGRAM' pack --offline --cache store --lock lock.json -o - | python3 slow.py >'$2.tar'" ;;
	install) echo "python3 slow.py <b.tar | '$PROGRAM' install - --cache '$2'" ;;
	verify) echo "python3 slow.py <b.tar >'$2.fifo' & exec '$PROGRAM' verify '$2.fifo'" ;;
	esac
}
terminal() { # STATUS JOB [OPTIONS OF terminal.py]: its record in $R
	local status=$1 name=$2
	shift 2
	R=$T/record-$COUNT C=c$COUNT
	rm -rf "$C" "$C.fifo"
	[ "$name" != verify ] || mkfifo "$C.fifo"
	expect "$status" env "TERM=${AS-xterm}" python3 "$ROOT/tests/e2e/terminal.py" \
		"$@" "$R" bash -o pipefail -c "$(job "$name" "$C")"
	jq -r '.raw' "$R" | cat -v
}
seen() { jq -e "$1" "$R" || fail "not so: $1"; } # JQ-EXPRESSION of a record

bars_within() { # COLUMNS: no line that moves is longer
	seen '[.raw | scan("[^\r\n]*%[^\r\n]*") | gsub("\u001b\\[[0-9]*[A-Z]"; "") | length] | max <= '"$1"
}
moving() { # JOB: a bar, rate and time left; nothing of it stays
	terminal 0 "$1"
	seen '.raw | test("\\[#+-+\\] +[0-9]+% ")'
	seen '.raw | test("[0-9.]+ [KM]iB/s +[0-9]+:[0-9][0-9] left")'
	seen '.raw | test("acme/voice a-dir.*safetensors +[0-9]+% ")'
	seen '[.raw | scan("(?<p>[0-9]+)%  [0-9.]+ [KMG]?i?B of")[0] | tonumber] | length > 3 and . == sort'
	bars_within 79
	seen '.screen | join("\n") | test("left|#|%|start:") | not'
	seen '.screen | join("\n") | test("'"$2"'")'
}
narrow() { # what does not fit is left out, not cut in two
	terminal 0 fetch --columns 40 --rows 5
	seen '.raw | test("fetching +[0-9]+%.* left")'
	seen '.raw | test("fetching [^\n]*[0-9.]\\.\\.\\.") | not'
	bars_within 39
	terminal 0 fetch --columns 10 --rows 2
	seen '.raw | test("fetch")'
}
texts() { # break at words, and tables at columns
	R=$T/record-texts
	expect 0 env TERM=xterm python3 "$ROOT/tests/e2e/terminal.py" --columns 40 "$R" "$PROGRAM" recipes
	seen '.wrapped == 0'
	expect 0 env TERM=xterm python3 "$ROOT/tests/e2e/terminal.py" --columns 40 "$R" "$PROGRAM" help verify
	# but in commands to copy, six columns in, and in one long word
	seen '[.raw | split("\r\n")[] | select(length > 40 and test("[^ ] ") and (test("^ {6}[^ ]") | not))] == []'
	expect 0 env TERM=xterm python3 "$ROOT/tests/e2e/terminal.py" --columns 55 "$R" "$PROGRAM" inspect b.tar
	seen '.screen | any(test("^acme/voice +1{40}$"))'
	seen '.screen | any(test("^    2 +5.72 MiB +main$"))'
	expect 0 itts inspect b.tar
	grep -qE "^acme/voice +1{40} +2 +5.72 MiB +main$" "$T/out"
}
resized() {
	terminal 0 install --resize 40@MiB/s
	seen '.widest > 60'
	seen '[.raw | split("MiB/s")[2:][] | split("\n")[0:3][] | select(test("%")) | gsub("\u001b\\[[0-9]*[A-Z]"; "") | length] | max <= 40'
	terminal 0 install --columns 40 --resize 100@MiB/s
	seen '.later > 60'
}
colours() { # a warning is yellow, unless that is not wanted
	local AS=xterm
	faults "$mirror" '[{"path": "safetensors", "fault": "flip", "at": 1000}]'
	job() { echo "'$PROGRAM' fetch --lock lock.json --endpoint $mirror --endpoint $hub --cache '$2'"; }
	terminal 0 fetch
	seen '.raw | test("\u001b\\[33mwarning:\u001b\\[0m ")'
	NO_COLOR=1 terminal 0 fetch
	seen '.raw | test("warning: ")'
	seen '.raw | test("\u001b\\[[0-9;]*m") | not'
	seen '.raw | test("\u001b\\[J")'
	NO_COLOR='' terminal 0 fetch # empty is as if it were not there
	seen '.raw | test("\u001b\\[33m")'
}
dumb() { # no terminal that could move: lines
	local AS
	for AS in dumb ''; do
		terminal 0 fetch
		seen '.raw | test("\u001b") | not'
		seen '.raw | test("start: acme/voice [^\u0000]*done: ")'
	done
}
interrupted() { # Ctrl-C: what to do next, and the next run goes on
	terminal 130 fetch --type "^C@0:01 left"
	seen '.screen | map(select(startswith("itts-pack: "))) == ["itts-pack: interrupted; run the same command again to continue"]'
	seen '.screen | join("\n") | test("left|#|%") | not'
	expect 0 itts fetch --lock lock.json --endpoint "$hub" --cache "$C" --json
	jq -e '.resumed_bytes > 0' "$T/out"
	terminal 130 install --columns 120 --type ^C@MiB/s
	seen '.screen | map(select(startswith("itts-pack: "))) | length == 1 and (.[0] | endswith("; run the same command again to continue"))'
	expect 0 itts install b.tar --cache "$C"
	terminal 130 pack --columns 120 --type ^C@MiB/s
	seen '.screen | join("\n") | test("itts-pack: .*interrupted; run the same")'
}

each() { # OPTIONS: the four jobs, in a log, each with $T/NAME.out and $T/NAME.err
	local name cache=each-$COUNT
	rm -rf "$cache"
	itts fetch --lock lock.json --endpoint "$hub" --cache "$cache" "$@" >fetch.out 2>fetch.err
	itts pack --offline --cache store --lock lock.json -o "$cache.tar" "$@" >pack.out 2>pack.err
	itts install "$cache.tar" --cache "$cache.2" "$@" >install.out 2>install.err
	itts verify "$cache.tar" "$@" >verify.out 2>verify.err
	for name in fetch pack install verify; do head -c 3000 $name.out $name.err; done
}
lines() {
	local name
	each
	for name in fetch pack install verify; do
		same "$(grep -c $'\e\|\r' $name.out $name.err | grep -vc ':0$')" 0
		test -s $name.out
		grep -qE "^[a-z]+: 2 files, 5.72 MiB$" $name.err
		[ $name = verify ] && continue # by pieces, on all cores
		grep -qE "^start: acme/voice $LONG \(5.72 MiB\)" $name.err
		grep -qxF "done: acme/voice $LONG (5.72 MiB)" $name.err
	done
}
documents() {
	local name
	each --json
	for name in fetch pack install verify; do
		same "$(wc -l <$name.out)" 1
		jq -e --arg n $name '.v == 1 and .command == $n' $name.out
	done
}
objects() { # --progress=json: every line is one, with the keys that README names
	local name
	each --progress=json
	for name in fetch pack install verify; do
		jq -es '
			(["v", "type", "id", "name", "text", "source", "items", "done", "total", "delay_ms", "rate", "connections"]) as $keys |
			all(.[]; .v == 1 and (keys - $keys == [])) and
			(map(.type) | unique - ["plan", "start", "progress", "retry", "source", "done", "fail", "info", "warn"]) == [] and
			(map(select(.type == "plan")) | last | .items == 2 and .total == 6000300) and
			all(.[] | select(.type == "progress"); .done <= .total)' $name.err
		[ $name = verify ] || jq -es --arg long "acme/voice $LONG" '
			(map(select(.type == "done")) | length == 2) and
			(map(select(.name == $long and .type == "start")) | length == 1)' $name.err
		same "$(wc -l <$name.err)" "$(jq -c . $name.err | wc -l)"
	done
	for key in id name text source items done total delay_ms rate connections; do
		grep -q "\`$key\`" "$ROOT/README.md" || fail "README does not tell of $key"
	done
}
quiet() { # nothing but what is wrong
	local name
	each --quiet
	for name in fetch pack install verify; do same "$(cat $name.out $name.err)" ""; done
	expect 6 itts verify nothing.tar --quiet
	one_error
	same "$(cat "$T/out")" ""
	head -c 5000000 b.tar >cut.tar
	expect 9 itts verify cut.tar --quiet
	prints "wrong size" # the findings are what was asked for
}
locales() { # what is said and stored does not depend on them
	local locale
	itts verify b.tar >"$T/wanted"
	for locale in C POSIX de_DE.ISO-8859-1 zh_CN.GB18030 tr_TR.UTF-8 nonsense; do
		LC_ALL=$locale LANG=$locale expect 0 itts verify b.tar
		cmp "$T/out" "$T/wanted"
		TZ=nonsense LC_ALL=$locale expect 0 itts pack --offline --cache store --lock lock.json -o l.tar
		cmp l.tar b.tar
	done
}
closed() { # standard streams that are not there
	local status=0
	expect 0 sh -c '"$0" verify b.tar --quiet >&-' "$PROGRAM"
	expect 3 sh -c '"$0" recipes >&-' "$PROGRAM"
	one_error
	expect 3 sh -c '"$0" pack --offline --cache store --lock lock.json -o - >&-' "$PROGRAM"
	one_error
	expect 0 sh -c '"$0" install b.tar --cache closed <&- 2>&-' "$PROGRAM"
	cache_is_honest closed
	expect 0 sh -c '"$0" pack --offline --cache store --lock lock.json -o c.tar >/dev/null 2>&- <&-' "$PROGRAM"
	cmp c.tar b.tar
}
full() { # a result that did not arrive is no success
	local args
	for args in "recipes" "help pack" "verify b.tar" "verify b.tar --json" "inspect b.tar" \
		"inspect b.tar --json" "ls --cache store" "du --cache store" "env --cache store" \
		"pack --offline --cache store --lock lock.json -o -" "inventory --cache store" \
		"install b.tar --cache full" "version" "completion bash" "init -o -"; do
		expect 3 sh -c "'$PROGRAM' $args >/dev/full"
		one_error
		same "$(grep -ci 'no space left' "$T/err")" 1
	done
}
headed() { # "| head" closes the pipe; that is its right, and no message
	local args nobody='import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sys.exit(subprocess.run(sys.argv[1:], stdout=w).returncode)'
	for args in recipes "help pack" "pack --help" "completion bash" "inventory --cache store" \
		"inspect b.tar --json" "verify b.tar --quiet --json"; do
		expect 3 python3 -c "$nobody" "$PROGRAM" $args
		same "$(grep -c '^itts-pack: ' "$T/err")" 0
	done
	# a bundle that nobody takes is an error
	expect 3 python3 -c "$nobody" "$PROGRAM" pack --offline --cache store --lock lock.json -o -
	one_error
}

check "terminal: fetch" moving fetch "2 files"
check "terminal: pack" moving pack "standard output: acme-voice"
check "terminal: install" moving install "installed "
check "terminal: verify" moving verify "all right: 2 files"
check "terminal: narrow" narrow
check "terminal: texts and tables on a narrow one" texts
check "terminal: another size meanwhile" resized
check "terminal: colours, NO_COLOR" colours
check "terminal: TERM=dumb, none" dumb
check "terminal: Ctrl-C" interrupted
check "no terminal: lines" lines
check "--json" documents
check "--progress=json" objects
check "--quiet" quiet
check "locales and time zones" locales
check "closed streams" closed
check "a full output" full
check "a pipe that is cut" headed
finish
