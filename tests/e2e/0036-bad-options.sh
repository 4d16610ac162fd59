#!/usr/bin/env bash
# Every command and every option of the program's own help, with values that cannot be
# right: a documented status, one error line, nothing changed on disk.
. "$(dirname "$0")/lib.sh"

need python3
mkdir -p "$T/w/dir" "$T/w/home"
printf 'a file' >"$T/w/file"
printf 'unreadable' >"$T/w/secret"
chmod 600 "$T/w/secret"

sweep() { python3 "$ROOT/tests/e2e/bad_options.py" "$PROGRAM" "$T/w" "$1"; }

check "values that are missing or empty: 2, for every command and option" sweep empty
check "options that are nearly right, words that are too many" sweep nearly
check "values that are too long" sweep long
check "numbers that are none: 2" sweep numbers
check "files, directories and names that cannot be" sweep values
check "environment variables that say nonsense" sweep environment
finish
