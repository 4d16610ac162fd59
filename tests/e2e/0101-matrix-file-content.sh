#!/usr/bin/env bash
# The fault matrix with one large file: what is sent.
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034
ONE=1 ROWS=content
. "$(dirname "$0")/matrix.sh"
finish
