#!/usr/bin/env bash
# The fault matrix with a large file among others: the line and the server.
# run: first
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034
ONE=0 ROWS=line
. "$(dirname "$0")/matrix.sh"
finish
