# What the scripts about run and watch share.

run() { # STATUS KIND ARGS...: runs a program, its report in $T/report.json
	local status=$1
	shift
	rm -f "$T/report.json"
	expect "$status" itts run --patience 2 --report "$T/report.json" "$@"
}
# The kind that took longest, without the beginning.
longest() { jq -r '[.spans[] | select(.kind != "start")] | max_by(.end_ms - .begin_ms) | .kind' "${1:-$T/report.json}"; }
stalled() { jq -r '[.spans[] | select(.stalled)] | .[0].kind // "nothing"' "${1:-$T/report.json}"; }
text() { jq -r --arg k "$1" '[.spans[] | select(.kind == $k)] | .[-1].text' "$T/report.json"; }
