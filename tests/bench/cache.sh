#!/usr/bin/env bash
# cache.sh PROGRAM: what the commands of the cache take on 1,000 repositories with
# 100,000 files, warm, against the times that users are promised.
set -eu
exec python3 "$(dirname "$0")/cache.py" "$@"
