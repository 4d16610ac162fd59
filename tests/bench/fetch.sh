#!/usr/bin/env bash
# fetch.sh PROGRAM [CASE...]: downloads beside aria2c, curl and rclone, each at its best
# settings, from nginx on loopback, the files in memory, to the disk that PROGRAM is on
# (small files: to memory). Who has no digest of its own gets openssl's, and its time
# counts, as does that until the bytes are on the disk. Cases: throttled plain tls set
# small mirrors faults.
#   BENCH_MIB=2048  size of the large file    BENCH_RUNS=5  runs of each
#   BENCH_OUT=DIR   download to there
set -eu
for program in nginx aria2c curl openssl rclone squid; do
	PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || {
		echo "fetch: skipped, no $program (tests/deps.sh)"
		exit 0
	}
done
exec python3 "$(dirname "$0")/fetch.py" "$@"
