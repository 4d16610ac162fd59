#!/usr/bin/env bash
# run.sh PROGRAM [CASE...]: speed against peers in the same run, as ratios of
# medians. Takes minutes and gigabytes below ${TMPDIR:-/tmp}.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$1
shift
python3 "$here/bench.py" "$program" "$@"
[ $# -eq 0 ] || exit 0
for more in "$here"/[a-z]*.sh; do
	[ "$more" = "$here/run.sh" ] || "$more" "$program"
done
