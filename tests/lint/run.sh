#!/bin/sh
# Usage: tests/lint/run.sh [CHECK...]
# Runs all checks (or those named) over this tree; "make lint" builds first.
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
passed=0 failed=0

[ $# -gt 0 ] ||
	set -- layers headers banned sizes globals format unfinished scripts selftest
for check; do
	if "$here/$check.sh" > "$out" 2>&1; then
		echo "ok $check"
		passed=$((passed + 1))
	else
		echo "not ok $check"
		sed 's/^/    /' "$out"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
