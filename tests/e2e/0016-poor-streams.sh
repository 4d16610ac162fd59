#!/usr/bin/env bash
# Every command of the program with standard streams that are closed, full or cut: a
# result that did not arrive is no success, and nothing else changes.
# run: first
. "$(dirname "$0")/lib.sh"

need python3 ssh-keygen
. "$ROOT/tests/e2e/poor_places.sh"

# Where there is no /dev/null to stand in for a closed stream, no message may get into a
# file that has its number.
no_dev() {
	local name
	cd "$T" && mkdir dev
	echo '{"repos": [{"files": [{"path": "a.json", "size": 300}, {"path": "b.bin", "size": 5000000}]}]}' |
		make_store dev/hub dev/l.json
	pack_store dev/hub dev/l.json dev/b.tar
	cd dev
	cat >run.sh <<-'SH'
		mount -t tmpfs none /dev
		pack="$1 pack --offline --cache hub --lock l.json"
		$pack -o 1.tar <&- >&- 2>&-
		$pack -o 2.tar --progress=json <&- >&- 2>&-
		$pack -o 3.tar <&- >out 2>&-
		$pack -o 4.tar --volume-size 64M >&- 2>&-
		$1 install b.tar --cache new -v <&- >&- 2>&-
		$1 init -o i.json <&- >&- 2>&-
		exit 0
	SH
	expect 0 unshare -m sh run.sh "$PROGRAM"
	for name in 1 2 3; do cmp $name.tar b.tar; done
	cmp 4.tar.001 b.tar
	expect 0 itts verify --cache new --lock l.json
	itts init -o - | cmp - i.json
}

if [ "$(id -u)" -eq 0 ]; then
	check "closed streams where there is no /dev" no_dev
else
	skip_one "closed streams where there is no /dev" "not root"
fi
check "standard streams that are closed" sweep closed
check "outputs that are full" sweep full
check "pipes that nobody reads" sweep cut
finish
