#!/usr/bin/env bash
# The servers that the other scripts rely on do what they say.
. "$(dirname "$0")/lib.sh"

need python3
cd "$SERVERS" || exit 1
check "local hub" python3 -m unittest test_hub
check "fault server" python3 -m unittest test_fault
check "local registry" python3 -m unittest test_registry
check "local ModelScope" python3 -m unittest test_modelscope
finish
