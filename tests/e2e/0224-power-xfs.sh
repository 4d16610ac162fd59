#!/usr/bin/env bash
# Power cuts at random instants of installing, on xfs.
# a mount namespace of its own: nobody else keeps the dead file system mounted
[ "$(id -u)" -ne 0 ] || [ -n "${ITTS_OWN_MOUNTS:-}" ] ||
	ITTS_OWN_MOUNTS=1 exec unshare -m --propagation private bash "$0"
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/power.sh"

power_run xfs
