#!/usr/bin/env bash
# doctor.sh PROGRAM: how long doctor takes on complete model directories, warm, against
# the time that users are promised.
set -eu
exec python3 "$(dirname "$0")/doctor.py" "$@"
