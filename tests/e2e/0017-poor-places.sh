#!/usr/bin/env bash
# Every command of the program where the working directory is gone, and with odd locales,
# homes, terminals, paths and masks: the same as ever.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 ssh-keygen
. "$ROOT/tests/e2e/poor_places.sh"

check "a working directory that was deleted" sweep gone
check "locale, time zone, home, terminal, path" sweep environments
check "umask" sweep masks
finish
