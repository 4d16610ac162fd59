#!/usr/bin/env bash
# run.sh PROGRAM [PATTERN...]: runs the end-to-end scripts (those whose name fits a
# glob or contains the word) and counts. Mostly they wait, for servers and for what is
# tried again, so there are more at a time than cores (ITTS_JOBS). A script may say
#   # run: alone    it measures time or takes the whole machine: nothing beside it
#   # run: first    it takes long: not as the last one
# ITTS_E2E=require, or CI=true: what would be skipped fails.
set -u
jobs=${ITTS_JOBS:-$(($(nproc) * 2))}
here=$(cd "$(dirname "$0")" && pwd)
ITTS_PROGRAM=$(realpath "$1") || exit 1
shift
export ITTS_PROGRAM
work=$(mktemp -d "${TMPDIR:-/tmp}/itts-e2e-run.XXXXXX")
# those that still run; each script ends its own servers when it is told to stop
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export PYTHONDONTWRITEBYTECODE=1
# Python is started hundreds of times: itself, not a script that looks for it
mkdir "$work/bin"
for python in $(type -ap python3); do
	[ "$(head -c 4 "$python" | tr -d '\177')" = ELF ] || continue
	ln -s "$python" "$work/bin/python3"
	PATH=$work/bin:$PATH
	break
done
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

# What a script has started and not ended disturbs others, for hours.
left_running() { # NAME: a line for each
	local environ pid i lines
	for i in 1 2 3 4 5; do
		[ "$i" -eq 1 ] || sleep 0.3 # some are about to end
		lines=
		for environ in $(grep -lzsx "ITTS_SCRIPT=$work/$1" /proc/[0-9]*/environ); do
			pid=${environ//[^0-9]/}
			lines+="$pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"$'\n'
		done
		[ -n "$lines" ] || return
	done
	printf '%s' "$lines"
}

one() { # SCRIPT: its TAP and status into files, one line to us
	local script=$1 name start=$SECONDS status=0
	name=$(basename "$script" .sh)
	ITTS_SCRIPT=$work/$name bash "$script" >"$work/$name.tap" 2>"$work/$name.err" &
	trap 'kill %1 2>/dev/null; wait; exit 130' INT TERM
	wait $! || status=$?
	local ran planned bad left
	left=$(left_running "$name")
	ran=$(grep -cE '^(not )?ok ' "$work/$name.tap")
	planned=$(sed -n 's/^1\.\.//p' "$work/$name.tap")
	bad=$(grep -c '^not ok ' "$work/$name.tap")
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ran" != "$planned" ]; }; then
		echo "not ok 0 - $name ended early, status $status" >>"$work/$name.tap"
		sed 's/^/# /' "$work/$name.err" | tail -n 20 >>"$work/$name.tap"
		bad=1
	fi
	if [ -n "$left" ]; then
		printf 'not ok 0 - %s left processes behind\n%s\n' "$name" "${left//#/# }" \
			>>"$work/$name.tap"
		bad=$((bad + 1))
	fi
	if [ "$bad" -eq 0 ]; then
		printf 'ok      %-28s %3d tests %4d s\n' "$name" "$ran" $((SECONDS - start))
	else
		printf 'FAILED  %-28s %3d tests %4d s\n%s\n' "$name" "$ran" $((SECONDS - start)) \
			"$(grep -vE '^ok |^1\.\.' "$work/$name.tap" | sed 's/^/        /')"
	fi
}

marked() { # WORD SCRIPT
	grep -q "^# run: $1" "$2"
}

running=0
pool() { # JOBS SCRIPT...
	local most=$1 script
	shift
	for script; do
		if [ $running -ge "$most" ]; then
			wait -n
			running=$((running - 1))
		fi
		one "$script" &
		running=$((running + 1))
	done
}

first=() others=() alone=()
for script in "$here"/[0-9]*.sh; do
	fits "$(basename "$script" .sh)" "$@" || continue
	if marked alone "$script"; then
		alone+=("$script")
	elif marked first "$script"; then
		first+=("$script")
	else
		others+=("$script")
	fi
done
pool "$jobs" "${first[@]}" "${others[@]}"
wait
running=0
pool 1 "${alone[@]}"
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
