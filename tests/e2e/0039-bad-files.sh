#!/usr/bin/env bash
# Every command that takes a file, with what is no such file.
. "$(dirname "$0")/lib.sh"

need python3 ssh-keygen
A=1111111111111111111111111111111111111111
repo "$T/repos" acme/voice $A config.json=300 big.bin=200000
start_hub hub "$T/repos"
mkdir -p "$T/w/home"
make_good() {
	cd "$T/w" || return 1
	expect 0 itts pack acme/voice --lock good.lock --endpoint "$hub" --cache hub -o good.tar
	expect 0 itts init -o good.json
	ssh-keygen -q -t ed25519 -N "" -f key
	printf 'me@acme %s\n' "$(cut -d ' ' -f 1,2 key.pub)" >good.pub
	expect 0 itts sign good.tar --key key
	chmod -R a+rX . && chmod 644 key
	chmod 711 "$T"
}
must make_good
chmod 711 "$T"
sweep() { python3 "$ROOT/tests/e2e/bad_files.py" "$PROGRAM" "$T/w"; }

check "missing, directories, empty, noise, sparse, links, unreadable" sweep
finish
