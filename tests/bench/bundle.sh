#!/usr/bin/env bash
# bundle.sh PROGRAM [CASE...]: pack and install, one after the other, beside what else
# carries files: tar and zstd, skopeo, dar with hashes (it has no SHA-256), casync. Cases: peers disk xfs
# btrfs (the last three as root, on loop devices).
#   BENCH_MIB=1024  bytes of payload (the bar is meant for 8192)    BENCH_RUNS=5
set -eu
export BENCH_MIB=${BENCH_MIB:-1024}
exec python3 "$(dirname "$0")/bundle.py" "$@"
