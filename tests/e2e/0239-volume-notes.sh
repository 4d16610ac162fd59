#!/usr/bin/env bash
# What visits with some of the volumes leave in blobs/ for the next one, when others have
# written it: numbers of volumes that the file does not lie in, the note of another set,
# a file that is not one of its own.
. "$(dirname "$0")/lib.sh"

need python3 jq
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"format": "itts-lock", "version": 1, "name": "voice", "repos": [{"files": [
	{"path": "a.safetensors", "size": 600000}, {"path": "big.safetensors", "size": 900000},
	{"path": "config.json", "size": 300, "git": true}]}]}
SPEC
REPO=models--acme--voice
BIG=$(jq -r '.repos[0].files[] | select(.path == "big.safetensors").sha256' "$T/lock.json")
PART=$REPO/blobs/$BIG.volumes.itts-part NOTE=$REPO/blobs/$BIG.volumes.txt.itts-part
make_volumes() { # big.safetensors is in the volumes 3 to 6
	mkdir v w
	pack_store store lock.json v/b.tar --volume-size 256K --serial 2
	pack_store store lock.json w/b.tar --volume-size 224K --serial 3
	visit first v 4
	says "still needed: b.tar.001, b.tar.002, b.tar.003, b.tar.005, b.tar.006"
	printf '%s\n4\n' "$(set_of v)" | cmp - "first/$NOTE"
}
set_of() { # DIR
	jq -r .set "$1/b.volumes.json"
}
visit() { # CACHE DIR NUMBER...: with these volumes, of which some lack
	local cache=$1 dir=$2 n
	shift 2
	rm -rf stick && mkdir stick
	cp "$dir"/b.*json stick
	for n; do cp "$dir/b.tar.00$n" stick; done
	export XDG_STATE_HOME=$T/state.$cache
	expect 6 itts install stick --cache "$cache"
	one_error
	same "$(find "$cache" -path '*/refs/*' -o -path '*/snapshots/*')" ""
}
again() { rm -rf c state.c && cp -a first c; } # after the first visit
whole() { # CACHE DIR [LOCK]
	export XDG_STATE_HOME=$T/state.$1
	expect 0 itts install "$2" --cache "$1"
	cache_is_honest "$1"
	expect 0 itts verify --cache "$1" --lock "${3:-lock.json}"
	same "$(find "$1" -name '*.itts-part')" ""
}

outside() { # the nearest below and above, and far ones: nothing is done by them
	local n
	for n in 0 1 2 7 8 999999 18446744073709551615 18446744073709551619 99999999999999999999999999; do
		again
		printf '%s\n%s\n4\n' "$(set_of v)" "$n" >"c/$NOTE"
		visit c v 1 2
		if [ ${#n} -eq 1 ]; then # behind one that cannot be, nothing counts
			says "still needed: b.tar.003, b.tar.005, b.tar.006"
		else
			says "still needed: b.tar.003, b.tar.004, b.tar.005, b.tar.006"
		fi
		whole c v
	done
	for n in -1 +3 3x '' ' 3' 0x3 3,5; do
		again
		printf '%s\n4\n%s\n' "$(set_of v)" "$n" >"c/$NOTE"
		visit c v 1 2
		says "still needed: b.tar.003, b.tar.005, b.tar.006"
	done
}
other_set() { # of the same files, cut in other places: its numbers say nothing
	again
	visit c w 1 2 3 5 6 7
	says "still needed: b.tar.004"
	printf '%s\n3\n5\n6\n7\n' "$(set_of w)" | cmp - "c/$NOTE"
	cp -a c half
	whole c w
	# and the other way round
	visit half v 1 2 3 6
	says "still needed: b.tar.004, b.tar.005"
	visit half v 4
	says "still needed: b.tar.005"
	whole half v
	# a note that begins as this set's
	again
	printf '%s\n3\n4\n5\n6\n' "$(set_of v | cut -c 1-63)" >"c/$NOTE"
	visit c v 1 2
	says "still needed: b.tar.003, b.tar.004, b.tar.005, b.tar.006"
}
not_its_own() { # a file of the user's under the part's name, too: not a byte of it changes
	local size how n
	for size in 900000 5 0 1000000; do
		head -c $size /dev/zero | tr '\0' p >precious
		cp precious before
		for how in "ln" "ln -s"; do
			again
			rm "c/$PART" # its note stays
			$how "$T/precious" "c/$PART"
			rm -rf stick other && mkdir stick other
			cp v/b.*json v/b.tar.00[1-3] stick
			cp v/b.*json v/b.tar.00[124-6] other
			for n in stick other; do
				expect 8 itts install $n --cache c
				one_error
				says "c/$PART: not a file of its own" "remove it"
				cmp precious before
				test precious -ef "c/$PART"
				same "$(find c -path '*/refs/*' -o -path '*/snapshots/*')" ""
			done
			whole c v # which needs no such part, and takes the name away
			cmp precious before
		done
	done
}

no_file() { # what stands there is kept
	again
	rm "c/$PART" && mkdir "c/$PART" && echo precious >"c/$PART/notes"
	rm -rf stick && mkdir stick
	cp v/b.*json v/b.tar.00[1-3] stick
	expect 8 itts install stick --cache c
	one_error
	says "c/$PART: not a file of its own" "remove it"
	same "$(cat "c/$PART/notes")" precious
	rm -r "c/$PART"
	visit c v 1 2 3 5 6 # it forgets what the note says
	says "still needed: b.tar.004"
	whole c v
}
at_the_cut() { # a file that ends where a volume ends needs none of the next
	local at sum
	# the same number of digits: it begins at the same place
	pack_of 900000
	at=$(python3 - <<'PYTHON'
import tarfile
print(next(m.offset_data for m in tarfile.open("cut.tar") if m.size == 900000))
PYTHON
	)
	pack_of $((4 * 262144 - at))
	sum=$(jq -r '.repos[0].files[0].sha256' cut.json)
	dd if=cut.tar bs=4096 skip=$((at / 4096)) count=$((256 - at / 4096)) status=none | sha256sum | grep -q "^$sum "
	mkdir x
	pack_store cut.store cut.json x/b.tar --volume-size 256K --serial 2
	visit cut x 1 3
	test ! -e "cut/$REPO/blobs/$sum"
	visit cut x 2 4
	says "still needed: b.tar.005, b.tar.006"
	test -e "cut/$REPO/blobs/$sum"
	same "$(find cut -name '*.itts-part')" ""
	whole cut x cut.json
}
room() { # what a part has on the disk already is not needed once more
	local fresh
	again
	export XDG_STATE_HOME=$T/state.room
	expect 0 itts install v --cache none --dry-run --json
	fresh=$(jq .need_bytes "$T/out")
	expect 0 itts install v --cache c --dry-run --json
	echo "$fresh bytes in an empty cache, $(jq .need_bytes "$T/out") here"
	test $((fresh - $(jq .need_bytes "$T/out"))) -ge 262144 # or all of it, where room can be had before
	test "$(jq .need_bytes "$T/out")" -ge 600000
	test ! -e none
}
pack_of() { # SIZE: cut.tar, whose first file has it
	rm -rf cut.*
	make_store cut.store cut.json <<SPEC
{"format": "itts-lock", "version": 1, "name": "voice", "repos": [{"files": [
	{"path": "a.safetensors", "size": $1}, {"path": "b.safetensors", "size": 400000}]}]}
SPEC
	pack_store cut.store cut.json cut.tar --serial 2
}

must make_volumes
check "numbers of volumes that the file is not in" outside
check "the note of another set" other_set
check "a part that is not a file of its own" not_its_own
check "a directory in its place" no_file
check "a file that ends where a volume ends" at_the_cut
check "the room that a part has" room
finish
