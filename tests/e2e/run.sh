#!/usr/bin/env bash
# run.sh PROGRAM [PATTERN...]: runs the end-to-end scripts (those whose name fits a
# glob or contains the word), two at a time, and counts. ITTS_E2E=require, or
# CI=true: what would be skipped fails.
set -u
here=$(cd "$(dirname "$0")" && pwd)
ITTS_PROGRAM=$(realpath "$1") || exit 1
shift
export ITTS_PROGRAM
work=$(mktemp -d "${TMPDIR:-/tmp}/itts-e2e-run.XXXXXX")
children=
# each script ends its own servers when it is told to stop
trap 'for p in $children; do kill "$p" 2>/dev/null; done; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export PYTHONDONTWRITEBYTECODE=1
if [ -z "${ITTS_FIXTURES:-}" ] && command -v python3 >/dev/null; then
	export ITTS_FIXTURES=$work/fixtures
	python3 "$here/../servers/fixtures.py" "$here/../../manifest/recipes" "$ITTS_FIXTURES"
fi

fits() {
	local name=$1 pattern
	shift
	[ $# -eq 0 ] && return
	for pattern; do
		# shellcheck disable=SC2254
		case $name in $pattern | *"$pattern"*) return 0 ;; esac
	done
	return 1
}

one() { # SCRIPT: its TAP and status into files, one line to us
	local script=$1 name start=$SECONDS status=0
	name=$(basename "$script" .sh)
	bash "$script" >"$work/$name.tap" 2>"$work/$name.err" &
	trap 'kill %1 2>/dev/null; wait; exit 130' INT TERM
	wait $! || status=$?
	local ran planned bad
	ran=$(grep -cE '^(not )?ok ' "$work/$name.tap")
	planned=$(sed -n 's/^1\.\.//p' "$work/$name.tap")
	bad=$(grep -c '^not ok ' "$work/$name.tap")
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ran" != "$planned" ]; }; then
		echo "not ok 0 - $name ended early, status $status" >>"$work/$name.tap"
		sed 's/^/# /' "$work/$name.err" | tail -n 20 >>"$work/$name.tap"
		bad=1
	fi
	if [ "$bad" -eq 0 ]; then
		printf 'ok      %-28s %3d tests %4d s\n' "$name" "$ran" $((SECONDS - start))
	else
		printf 'FAILED  %-28s %3d tests %4d s\n%s\n' "$name" "$ran" $((SECONDS - start)) \
			"$(grep -vE '^ok |^1\.\.' "$work/$name.tap" | sed 's/^/        /')"
	fi
}

running=0
for script in "$here"/[0-9]*.sh; do
	fits "$(basename "$script" .sh)" "$@" || continue
	if [ $running -ge 2 ]; then
		wait -n
		running=$((running - 1))
	fi
	one "$script" &
	children="$children $!"
	running=$((running + 1))
done
wait

cat "$work"/*.tap >"$work/all" 2>/dev/null
failed=$(grep -c '^not ok ' "$work/all")
skipped=$(grep -c '^ok .* # SKIP ' "$work/all")
passed=$(($(grep -c '^ok ' "$work/all") - skipped))
printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
printf '\n'
if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
	echo "no script fits" >&2
	exit 1
fi
[ "$failed" -eq 0 ]
