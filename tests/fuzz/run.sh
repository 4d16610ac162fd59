#!/usr/bin/env bash
# run.sh DIR SECONDS: every fuzzer in DIR over its corpus, then SECONDS of search; as
# many at a time as there are cores.
set -u
dir=$1 seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
logs=build/fuzz/found
mkdir -p "$logs"
rm -f "$logs"/*.failed
# those that still run; each ends its own fuzzer
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
trap 'exit 130' INT TERM

one() { # NAME
	local found=$logs/$1 pid
	mkdir -p "$found"
	"$dir/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="$found/" -print_final_stats=1 \
		"$found" "$here/corpus/${1#fuzz_}" >"$found.log" 2>&1 &
	pid=$!
	trap 'kill "$pid"; exit 130' INT TERM
	if wait "$pid"; then
		sed -n "s/^stat::number_of_executed_units: */$1: runs: /p" "$found.log"
	else
		touch "$found.failed"
		printf '%s: FAILED\n%s\n' "$1" "$(tail -n 40 "$found.log")"
	fi
}

running=0 count=0
for source in "$here"/fuzz_*.c; do
	if [ $running -ge "$(nproc)" ]; then
		wait -n
		running=$((running - 1))
	fi
	one "$(basename "$source" .c)" &
	running=$((running + 1))
	count=$((count + 1))
done
wait
failed=$(find "$logs" -name '*.failed' | wc -l)
printf '%d passed, %d failed\n' $((count - failed)) "$failed"
[ "$failed" -eq 0 ]
