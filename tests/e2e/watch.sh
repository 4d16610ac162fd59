# What the scripts about run and watch share. The programs that are watched mostly
# sleep: they run side by side, and each test then looks at what was seen of its own.

SCENES=

# NAME SAYS ARGS...: itts-pack run of a program, in the background, until it has said
# that nothing moves and why (SAYS: a regular expression). Report: $T/NAME.json.
scene() {
	local name=$1 says=$2
	shift 2
	staged "$name" "$says" "$PROGRAM" run --patience 2 --timeout 100 --report "$T/$name.json" "$@"
}
# NAME SAYS COMMAND...: the same, for a command that becomes it in its own way.
staged() {
	local name=$1 says=$2
	shift 2
	: >"$T/$name.err"
	"$@" >"$T/$name.out" 2>"$T/$name.err" </dev/null &
	PIDS="$PIDS $!"
	SCENES="$SCENES $name:$!"
	printf '%s' "$says" >"$T/$name.says"
}
# NAME ARGS...: itts-pack run of a program that moves, for ten seconds, with a patience
# that lets it begin on a loaded machine.
moving() {
	local name=$1
	shift
	: >"$T/$name.err"
	"$PROGRAM" run --patience 5 --timeout 10 --report "$T/$name.json" -- "$@" \
		>"$T/$name.out" 2>"$T/$name.err" </dev/null &
	PIDS="$PIDS $!"
	MOVING="${MOVING:-} $name:$!"
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
	[ "${2:-143}" != 143 ] || in_time "$1"
}
# Its name is said at most 10 s after the patience (2 s) was over.
in_time() { # NAME
	local after
	after=$(grep -E "nothing moves .*$(cat "$T/$1.says")" "$T/$1.err" | head -n 1 |
		sed -n 's/.*nothing moves for \([0-9]*\) s: .*/\1/p')
	echo "named after ${after:-?} s"
	test "${after:-99}" -le 12
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
