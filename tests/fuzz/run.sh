#!/usr/bin/env bash
# run.sh DIR SECONDS: every fuzzer in DIR over its corpus, then SECONDS of search.
set -eu
dir=$1 seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0
for source in "$here"/fuzz_*.c; do
	name=$(basename "$source" .c)
	corpus=$here/corpus/${name#fuzz_}
	found=build/fuzz/found/$name
	mkdir -p "$found"
	printf '%s: ' "$name"
	if "$dir/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="$found/" -print_final_stats=1 \
		"$found" "$corpus" >"$found.log" 2>&1; then
		sed -n 's/^stat::number_of_executed_units: */runs: /p' "$found.log"
		passed=$((passed + 1))
	else
		echo "FAILED"
		tail -n 40 "$found.log"
		failed=$((failed + 1))
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
