#!/usr/bin/env bash
# run and watch as programs around a program: what it is called, with secrets and strange
# names in it; signals, statuses and terminals go through; time that is over ends all.
# What is ignored where these are started (nohup) stays so, and no shell can change that.
[ -n "${ITTS_SIGNALS:-}" ] || ITTS_SIGNALS=usual exec env --default-signal bash "$0"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/watch.sh"

need python3 jq

# --- words of the command line -------------------------------------------------
SECRET=zq9SECRETzq9
# In each row one word or two, with the secret where a person puts it.
words() {
	printf '%s\0' --token "$SECRET" --token="$SECRET" "HF_TOKEN=$SECRET" "--hf-token=ab\"c$SECRET" \
		"HF_TOKEN=ab'c $SECRET" "password=ab;c&d,e)f$SECRET" $'password=ab\n'"$SECRET" \
		-H "Authorization: Bearer $SECRET" -H "Authorization: token $SECRET" -H "X-Api-Key: $SECRET" \
		-H "Cookie: a=$SECRET; b=$SECRET" --password "a b$SECRET" --api-key "$SECRET" -u "me:$SECRET" \
		--auth "me:$SECRET" "https://me:$SECRET@host/x" "https://host/x?sig=$SECRET&y=1" \
		"AWS_SECRET_ACCESS_KEY=$SECRET" "{\"hf_token\": \"$SECRET\"}" "hf_${SECRET}abcdefgh" \
		"ghp_${SECRET}abcdefgh" "sh -c 'x --token $SECRET'"
}
WORDS=()
while IFS= read -r -d '' word; do WORDS+=("$word"); done < <(words)
# The texts, the page and what was printed: no secret, no control byte, sound JSON and UTF-8.
clean() {
	local f
	for f in "$T"/r.html "$T"/r.json "$T"/r.txt "$T/out" "$T/err"; do
		not grep -a "$SECRET" "$f"
		LC_ALL=C not grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$f"
		python3 -c 'import sys; open(sys.argv[1], encoding="utf-8").read()' "$f"
	done
	python3 -m json.tool "$T/r.json" >/dev/null
}
REPORTS=(--report "$T/r.html" --report "$T/r.json" --report "$T/r.txt")
secrets_run() {
	expect 0 itts run "${REPORTS[@]}" --json -- sh -c 'sleep 0.6' sh "${WORDS[@]}" model=gpt.pth --tokenizer bpe.model
	python3 -m json.tool "$T/out" >/dev/null
	clean
	jq -e '.title | contains("model=gpt.pth --tokenizer bpe.model") and contains("--auth")' "$T/r.json"
}
secrets_watch() {
	python3 -c 'import time; time.sleep(600)' x "${WORDS[@]}" model=gpt.pth &
	PIDS="$PIDS $!"
	expect 0 timeout --foreground --preserve-status -s INT 2 "$PROGRAM" watch $! "${REPORTS[@]}" --json
	python3 -m json.tool "$T/out" >/dev/null
	clean
	jq -e '.title | contains("model=gpt.pth")' "$T/r.json"
}
# what a file is called, is said without harm, and a name that is cut keeps its end
cat >"$T/slow.py" <<'PYTHON'
import os, sys, time
for part in sys.argv[1].split("/")[:-1]:
    os.makedirs(part, exist_ok=True)
    os.chdir(part)
f = open(sys.argv[1].split("/")[-1], "wb+", buffering=0)
f.truncate(50 << 20)
for i in range(20):
    f.read(1 << 20)
    time.sleep(0.1)
PYTHON
name() { # FILE ENDS: its name in the report
	expect 0 itts run "${REPORTS[@]}" -- python3 "$T/slow.py" "$1"
	clean
	jq -e --arg tail "$2" '[.spans[] | select(.kind == "read") | .what] | any(endswith($tail))' "$T/r.json"
	# one line for each stage
	same "$(grep -c . "$T/err")" "$(jq '.spans | length' "$T/r.json")"
	[ "$(wc -l <"$T/r.txt")" -eq "$(($(jq '.spans | length' "$T/r.json") + 2))" ]
}
deep=$(printf '深%.0s' {1..80})
check "a command line with secrets: run" secrets_run
check "a command line with secrets: watch" secrets_watch
check "a name with a newline and control bytes" name $'a\nb\e[31m\x07.pth' "a?b?[31m?.pth"
check "a name that is no UTF-8" name $'a\xff\xfe.pth' "a??.pth"
check "a name in Chinese" name "模型—測試.pth" "模型—測試.pth"
check "a name with marks of HTML and shells" name "a'\"<b>&amp;\$x.pth" "a'\"<b>&amp;\$x.pth"
check "a path of 3800 bytes" name "$(printf "$deep/%.0s" {1..15})gpt.pth" "$deep/gpt.pth"
# --- signals, statuses, streams -----------------------------------------------
cat >"$T/heard.py" <<'PYTHON'
import os, signal, sys, time
def hear(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM: sys.exit(7)
for name in sys.argv[1:]: signal.signal(getattr(signal, name), hear)
print("ready", os.getpid(), flush=True)
time.sleep(60)
PYTHON
# A program that is told SIGNAL... through run says which it has heard; its status is the
# last one's. (set -m: a job of its own, as of a shell at a terminal, may be stopped.)
hears() {
	local pid status=0 signal lines=1
	set -m
	: >"$T/heard"
	env --default-signal=QUIT "$PROGRAM" run --report "$T/r.json" --quiet -- python3 "$T/heard.py" "$@" SIGTERM >"$T/heard" &
	pid=$!
	set +m
	PIDS="$PIDS $pid"
	await grep -q ready "$T/heard"
	for signal; do
		kill -"${signal#SIG}" $pid
		lines=$((lines + 1)) # the kernel brings those that wait together in its own order
		await heard $lines
	done
	if [ "$1" = SIGTSTP ]; then
		await stopped $pid
		kill -CONT $pid
	fi
	kill -TERM $pid
	wait $pid || status=$?
	same "$status" 7
	same "$(sed 1d "$T/heard" | tr '\n' ' ')" "$* SIGTERM "
	jq -e '.outcome == "ended with status 7"' "$T/r.json"
}
heard() { [ "$(wc -l <"$T/heard")" -ge "$1" ]; }
stopped() { [ "$(ps -o state= -p "$1")" = T ]; }
dies() { # SIGNAL STATUS: of its own
	expect "$2" itts run --report "$T/r.json" -- sh -c "kill -$1 \$\$"
	jq -e --arg s "SIG$1" '.outcome | startswith("ended by signal") and contains($s)' "$T/r.json"
}
tree() { # what does not hear it, what is stopped, what has a session of its own
	local begin=$SECONDS
	# shellcheck disable=SC2016
	expect 124 itts run --timeout 1 --quiet -- sh -c '
		sh -c "sleep 4711 & echo \$! >>$T/tree; setsid sleep 4711 & echo \$! >>$T/tree
			sh -c \"trap : TERM; echo \\\$\\\$ >>$T/tree; while :; do sleep 1; done\" & wait" &
		sleep 4711 & echo $! >>"$T/tree"
		kill -STOP $!
		wait'
	same "$(wc -l <"$T/tree")" 4
	while read -r pid; do fail_if_there "$pid"; done <"$T/tree"
	[ $((SECONDS - begin)) -lt 20 ]
}
# what has left the program's family all the same: a daemon is ended with it, and told of
# where the program ends by itself
cat >"$T/daemon.sh" <<'SH'
setsid sh -c "sleep 4711 & echo \$! >'$T/daemon'; wait" >/dev/null 2>&1 &
until [ -s "$T/daemon" ]; do sleep 0.01; done
SH
daemons() {
	rm -f "$T/daemon"
	expect 124 itts run --timeout 1 --quiet -- sh -c "sh $T/daemon.sh; sleep 4711"
	fail_if_there "$(cat "$T/daemon")"
	rm -f "$T/daemon"
	expect 7 itts run -- sh -c "sh $T/daemon.sh; exit 7"
	PIDS="$PIDS $(cat "$T/daemon")"
	prints "ended with status 7; it has left running: sh ("
	kill -0 "$(cat "$T/daemon")"
	# one that ends a moment later is no remark worth
	expect 0 itts run -- sh -c 'sleep 0.1 & true'
	not grep "left running" "$T/out"
}
# a report that nobody reads any more does not change what the program said
unread() {
	local statuses
	"$PROGRAM" run --report "$T/r.txt" -- sh -c 'sleep 0.3; exit 5' 2>/dev/null | true
	statuses=${PIPESTATUS[0]}
	same "$statuses" 5
	grep "ended with status 5" "$T/r.txt"
}
fail_if_there() { ! kill -0 "$1" 2>/dev/null || stopped_being "$1"; }
stopped_being() { [ "$(ps -o state= -p "$1")" = Z ]; } # (whom nobody waits for)
streams() {
	head -c 300000 /dev/urandom >"$T/bytes"
	# shellcheck disable=SC2094
	"$PROGRAM" run --quiet -- cat <"$T/bytes" 2>"$T/err" | cmp - "$T/bytes"
	expect 5 itts run --quiet -- sh -c 'exec >&- 2>&-; exit 5'
	# shellcheck disable=SC2016
	# no descriptor but its own, no signal blocked or ignored
	# (no pipe: its ends would be seen in the shell)
	expect 0 itts run --quiet --report "$T/r.json" -- sh -c 'ls /proc/$$/fd >"$T/fds"; cat /proc/self/status'
	sh -c 'ls /proc/$$/fd >"$T/fds.usual"; :'
	comm -13 <(sort "$T/fds.usual") <(sort "$T/fds") | not grep .
	grep -P 'SigBlk:\t0+$' "$T/out"
	expect 0 env --ignore-signal=HUP "$PROGRAM" run --quiet -- grep SigIgn /proc/self/status
	grep -E '[13579bdf]$' "$T/out" # (the first bit)
}
for signal in SIGINT SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGCONT SIGTSTP; do
	check "$signal goes on to the program" hears $signal
done
check "one after the other" hears SIGINT SIGINT SIGHUP
check "a program that is killed" dies KILL 137
check "a program that crashes" dies SEGV 139
check "time that is over ends all that it has started" tree
check "also what has left the family" daemons
check "its status when nobody reads the report" unread
check "its streams, descriptors and signals" streams

# --- a terminal ------------------------------------------------------------------
screen() { # STATUS ARGS OF terminal.py...: record in $T/record
	local status=$1
	shift
	expect "$status" env TERM=xterm python3 "$ROOT/tests/e2e/terminal.py" "$@"
	jq -r .raw "$T/record" | cat -v
}
lines() { # JQ: about the lines that stood last on the screen while it watched
	jq -e '[.raw | scan("\r\u001b\\[1A(?:\u001b\\[J)?([^\r\n]*)\u001b\\[K")[0]] | '"$1" "$T/record"
}
live() { # COLUMNS: a line that moves, that is never longer, and of which nothing stays
	local pid
	truncate -s 50M "$T/live.pth"
	python3 -c '
import sys, time
f = open(sys.argv[1], "rb", buffering=0)
while f.read(300000): time.sleep(0.1)' "$T/live.pth" &
	pid=$!
	PIDS="$PIDS $pid"
	screen 0 --columns "$1" --type "^C@0:04 reading" "$T/record" "$PROGRAM" watch $pid
	lines 'length > 2 and all(length < '"$1)"
	lines 'any(test("reading .* [0-9]+ % of 50.00 MiB"))'
	lines 'map(scan("([0-9]+) % of")[0] | tonumber) | . == sort and .[0] < .[-1]'
	if [ "$1" -ge 120 ]; then lines 'any(test("MiB/s, [0-9.]+ cores, .* of memory, 1 process, 1 thread$"))'; fi
	jq -e '.screen | join("\n") | test("thread") | not' "$T/record"
}
waits() { # how long it has stood still
	sleep 600 &
	PIDS="$PIDS $!"
	screen 0 --columns 100 --type "^C@for 0:03: asleep" "$T/record" "$PROGRAM" watch $!
}
own_terminal() { # the program has it: what it reads and writes, Ctrl-C, nothing of ours between
	screen 130 --columns 80 --type ^C@interrupt "$T/record" "$PROGRAM" run -- python3 -c '
import os, sys, time
assert os.isatty(0) and os.isatty(1) and os.isatty(2) and os.tcgetpgrp(0) == os.getpgrp()
print("interrupt", flush=True)
try: time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1) # a second signal would end this
    print("tidied", flush=True)
    import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGINT)'
	jq -e '.raw | contains("tidied") and (test("cores,|\u001b\\[1A") | not)' "$T/record"
}
check "live on a terminal, 40 columns" live 40
check "live on a terminal, 200 columns" live 200
check "how long it stands still" waits
check "the terminal is the program's" own_terminal
finish
