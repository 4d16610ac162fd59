# What the scripts about run and watch share. The programs that are watched mostly
# sleep: they run side by side, and each test then looks at what was seen of its own.

SCENES=

# Before it begins to wait, a loaded machine may let a program wait: the first name that
# is given must be right all the same.
PATIENCE=5

# NAME: its lines into $T/NAME.err, and with the time at which each came, by a clock that
# is not the program's, into $T/NAME.stamps, which begins with the start.
stamp() {
	local line
	: >"$T/$1.err"
	printf '%s start\n' "$EPOCHREALTIME" >"$T/$1.stamps"
	while IFS= read -r line; do
		printf '%s %s\n' "$EPOCHREALTIME" "$line" >>"$T/$1.stamps"
		printf '%s\n' "$line" >>"$T/$1.err"
	done
}
# NAME SAYS ARGS...: itts-pack run of a program, in the background, until it has said
# that nothing moves and why (SAYS: a regular expression). Report: $T/NAME.json.
scene() {
	local name=$1 says=$2
	shift 2
	staged "$name" "$says" "$PROGRAM" run --patience $PATIENCE --timeout 100 --report "$T/$name.json" "$@"
}
# NAME SAYS COMMAND...: the same, for a command that becomes it in its own way.
staged() {
	local name=$1 says=$2
	shift 2
	: >"$T/$name.err"
	"$@" >"$T/$name.out" 2> >(stamp "$name") </dev/null &
	PIDS="$PIDS $!"
	SCENES="$SCENES $name:$!"
	printf '%s' "$says" >"$T/$name.says"
}
# NAME ARGS...: itts-pack run of a program that moves, for ten seconds.
moving() {
	local name=$1 pid
	shift
	: >"$T/$name.err"
	"$PROGRAM" run --patience $PATIENCE --timeout 10 --report "$T/$name.json" -- "$@" \
		>"$T/$name.out" 2> >(stamp "$name") </dev/null &
	pid=$!
	MOVING="${MOVING:-} $name:$pid"
	(sleep 8; cost_of "$pid" >"$T/$name.cost") 2>/dev/null &
	PIDS="$PIDS $pid $!"
}
# PID: hundredths of a second of a processor that it alone has used, seconds that it lives.
cost_of() {
	local ticks age # (in any case: 100 ticks a second)
	ticks=$(sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }')
	age=$(awk -v began="$(sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20)" \
		'{ print $1 - began / 100 }' /proc/uptime)
	echo "$ticks $age"
}
# Until all of them are over; what comes next are tests that look.
scenes_end() {
	local scene name status i
	for scene in $SCENES; do
		name=${scene%:*}
		for ((i = 0; i < 600; i++)); do
			! grep -qE "nothing moves .*$(cat "$T/$name.says")" "$T/$name.err" || break
			sleep 0.1
		done
		cost_of "${scene#*:}" >"$T/$name.cost"
		kill -TERM "${scene#*:}"
		status=0
		wait "${scene#*:}" || status=$?
		echo "$status" >"$T/$name.status"
	done
	for scene in ${MOVING:-}; do
		status=0
		wait "${scene#*:}" || status=$?
		echo "$status" >"$T/${scene%:*}.status"
	done
}
# In a test: what was seen there.
seen() { # NAME [STATUS]: that of a program that was told to end
	cat "$T/$1.err"
	cp "$T/$1.json" "$T/report.json"
	cp "$T/$1.err" "$T/err"
	jq .spans "$T/report.json"
	same "$(cat "$T/$1.status")" "${2:-143}"
	cheap "$1"
	[ "${2:-143}" = 124 ] || in_time "$1"
}
# Watching has taken less than 2 % of a processor, as the system counts it.
cheap() { # NAME
	echo "$(cat "$T/$1.cost"): ticks, seconds"
	sanitized || awk '{ exit !($1 / 100 < 0.02 * $2) }' "$T/$1.cost"
}
# Its name is said at most 10 s after the patience was over, by a clock outside, and no
# other name before it.
in_time() { # NAME
	grep "nothing moves" "$T/$1.stamps" | head -n 1 | grep -E -e "$(cat "$T/$1.says")"
	awk -v most=$((PATIENCE + 10)) 'NR == 1 { begin = $1 }
		/nothing moves/ { print "named after " $1 - begin " s"; exit !($1 - begin <= most) }' \
		"$T/$1.stamps"
}

run() { # STATUS ARGS...: runs a program, its report in $T/report.json
	local status=$1
	shift
	rm -f "$T/report.json"
	expect "$status" itts run --patience 2 --report "$T/report.json" "$@"
}
# The kind that took longest, without the beginning.
longest() { jq -r '[.spans[] | select(.kind != "start")] | max_by(.end_ms - .begin_ms) | .kind' "${1:-$T/report.json}"; }
# The last: before a program has begun, a loaded machine may let it wait.
stalled() { jq -r '[.spans[] | select(.stalled)] | .[-1].kind // "nothing"' "${1:-$T/report.json}"; }
text() { jq -r --arg k "$1" '[.spans[] | select(.kind == $k)] | .[-1].text' "$T/report.json"; }
advice() { jq -r --arg k "$1" '[.spans[] | select(.kind == $k and .stalled)] | .[-1].advice' "$T/report.json"; }
