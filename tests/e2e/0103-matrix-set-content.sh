#!/usr/bin/env bash
# The fault matrix with a large file among others: what is sent.
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034
ONE=0 ROWS=content
. "$(dirname "$0")/matrix.sh"
finish
