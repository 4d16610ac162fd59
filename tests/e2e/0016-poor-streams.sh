#!/usr/bin/env bash
# Every command of the program with standard streams that are closed, full or cut: a
# result that did not arrive is no success, and nothing else changes.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 ssh-keygen
. "$ROOT/tests/e2e/poor_places.sh"

check "standard streams that are closed" sweep closed
check "outputs that are full" sweep full
check "pipes that nobody reads" sweep cut
finish
