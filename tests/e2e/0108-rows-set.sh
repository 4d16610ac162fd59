#!/usr/bin/env bash
# The fault matrix with a large file among others: what does not pass by itself.
# run: first
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034
ONE=0 ROWS=rest
. "$(dirname "$0")/matrix.sh"
finish
