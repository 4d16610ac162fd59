#!/bin/sh
# The one format: see .clang-format.
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2046
set -- $(product_files h c) $(test_files h c)
[ $# -eq 0 ] || clang-format --dry-run --Werror "$@" 2>&1 | awk -F : '
/ error: / && seen[$1]++ { next }
/ error: / { print $1 ":" $2 ": try \"make format\"" }
/not found/ { print }
' | finish
