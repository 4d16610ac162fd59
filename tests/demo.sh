#!/usr/bin/env bash
# demo.sh PROGRAM: the whole job against a local hub, then an install where no
# network interface is up.
ITTS_PROGRAM=$(realpath "$1")
export ITTS_PROGRAM
. "$(dirname "$0")/e2e/lib.sh"
set -e

bold= plain=
[ ! -t 1 ] || [ -n "${NO_COLOR:-}" ] || bold=$'\033[1m' plain=$'\033[0m'
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
run() {
	printf '$ %s\n' "$*"
	"$@"
}
on_server() {
	printf '$ %s\n' "$*"
	shift
	no_network "$PROGRAM" "$@"
}
itts-pack() { "$PROGRAM" "$@"; }

fixtures
start_hub hub "$FIX" --page-size 3

step "The local hub, and caches of the demo's own, in the variables that Python reads, too"
run export HF_ENDPOINT="$hub" HF_HUB_CACHE="$T/store"
cp "$FIX/indextts-2.json" small.json

step "1. A connected machine: resolve, download, verify, write one tarball"
run itts-pack pack -m small.json -o indextts-2.tar

step "2. What is in it"
run itts-pack inspect indextts-2.tar

step "3. The air-gapped server: a network namespace with no interface up, an empty cache"
run export HF_HUB_CACHE="$T/server/hub"
unset HF_ENDPOINT
on_server itts-pack install indextts-2.tar --model-dir checkpoints

step "4. Every byte again"
on_server itts-pack verify --model-dir checkpoints

step "5. What the Python program is started with"
run itts-pack env --model-dir checkpoints

step "That was a local hub with small files. The real one is one flag less:"
echo "  itts-pack pack -o indextts-2.tar"
echo "  itts-pack install indextts-2.tar --model-dir /srv/index-tts/checkpoints"
