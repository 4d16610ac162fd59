#!/usr/bin/env bash
# ls and du: what is there, in every layout that Python's client has written.
. "$(dirname "$0")/lib.sh"

need python3 jq
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos C=$T/cache
repo "$TOP" acme/voice $A config.json=300 big.bin=60000 sub/deep/x.json=20 empty.txt=0
repo "$TOP" acme/other $A a.bin=5000 b.bin=7000
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/voice.json" --endpoint "$hub" --cache "$T/c0"
must itts fetch --lock "$T/voice.json" --endpoint "$hub" --cache "$C"
must itts fetch acme/other --include a.bin --endpoint "$hub" --cache "$C"

ls_json() { expect 0 itts ls --cache "$C" --json "$@"; }
row() { jq -e --arg id "$1" ".rows[] | select(.id == \$id) | $2" "$T/out"; }

plain() {
	ls_json
	row acme/voice '.state == "complete" and .size == 60320 and .files == 4 and .revisions == 1'
	# only a part was fetched, so there is no listing that says what lacks
	row acme/other '.state == "unknown" and .size == 5000'
	same "$(jq '.rows | length' "$T/out")" 2
	expect 0 itts ls --cache "$C"
	prints acme/voice complete main "2 repositories"
	expect 0 itts ls --cache "$C" 'acme/v*' --quiet
	prints acme/voice
	not grep -q acme/other "$T/out"
}
needed() {
	ls_json --lock "$T/voice.json"
	row acme/voice '.claimed_by | length == 1'
	row acme/other '.claimed_by | length == 0'
	ls_json --lock "$T/voice.json" --filter claimed
	same "$(jq '.rows | length' "$T/out")" 1
	# the lock file of the current directory counts by itself
	cp "$T/voice.json" itts-pack.lock.json
	ls_json --filter unclaimed
	same "$(jq -r '.rows[].id' "$T/out")" acme/other
	rm itts-pack.lock.json
}
revisions() {
	local repo=$C/models--acme--voice
	mkdir "$repo/snapshots/$B"
	cp -P "$repo/snapshots/$A/config.json" "$repo/snapshots/$B"
	ln -s ../../blobs/$A "$repo/snapshots/$B/gone.bin"
	ls_json --revisions
	row acme/voice "select(.commit == \"$A\") | .refs == [\"main\"] and .state == \"complete\""
	row acme/voice "select(.commit == \"$B\") | .detached and .state == \"broken\" and .broken == 1"
	ls_json --filter incomplete
	same "$(jq -r '.rows[].id' "$T/out")" acme/voice
	ls_json --filter detached --revisions
	same "$(jq -r '.rows[].commit' "$T/out")" $B
	rm -r "$repo/snapshots/$B"
}
order() {
	ls_json --sort size
	same "$(jq -r '[.rows[].id] | join(" ")' "$T/out")" "acme/voice acme/other"
	ls_json --sort name
	same "$(jq -r '[.rows[].id] | join(" ")' "$T/out")" "acme/other acme/voice"
	touch -a -d '3 months ago' "$C"/models--acme--voice/blobs/*
	ls_json --sort used
	same "$(jq -r '.rows[0].id' "$T/out")" acme/voice
	ls_json --filter 'used>30d' --filter 'size>1K'
	same "$(jq -r '.rows[].id' "$T/out")" acme/voice
	ls_json --filter 'size<50K'
	same "$(jq -r '.rows[].id' "$T/out")" acme/other
	for bad in 'size' 'size=1' 'size>x' 'used>1y' 'type>model' 'type=thing' 'colour=red' ''; do
		expect 2 itts ls --cache "$C" --filter "$bad"
		one_error
	done
}
layouts() { # written by other versions of Python's client
	local c=$T/py x=$T/py/models--org--x big
	mkdir -p "$x/blobs" "$x/snapshots/$A/sub" "$x/refs/refs/pr" "$x/.no_exist/$A" "$x/trees" \
		"$c/datasets--org--d/snapshots/$B" "$c/datasets--org--d/refs" "$c/.locks/models--org--x" \
		"$c/models--plain/blobs" "$c/models--plain/snapshots/$A" "$c/models--plain/refs"
	# no-symlink mode: real files, no blob
	printf 'hello' >"$c/datasets--org--d/snapshots/$B/real.bin"
	printf %s $B >"$c/datasets--org--d/refs/main"
	# shared store of 1.32: repo blob is a link to it
	big=$(printf abc | sha256sum | cut -c 1-64)
	mkdir -p "$c/blobs/${big:0:2}"
	printf abc >"$c/blobs/${big:0:2}/$big"
	printf '1\n' >"$c/blobs/.huggingface-shared-blobs"
	ln -s "../../blobs/${big:0:2}/$big" "$x/blobs/$big"
	ln -s "../../../blobs/$big" "$x/snapshots/$A/sub/abc.bin"
	touch "$x/.no_exist/$A/adapter_config.json"
	printf %s $A >"$x/refs/main"
	printf %s $A >"$x/refs/refs/pr/1"
	printf '{"format_version": 1, "files": {"sub/abc.bin": {"size": 3, "blob_id": "%s"}, "lacks.bin": {"size": 3, "blob_id": "%s"}}}' \
		$A $A >"$x/trees/$A.json"
	# an id of one part, a ref that ends in a newline
	echo $A >"$c/models--plain/refs/main"
	printf 1 >"$c/version.txt"
	C=$c
	ls_json
	row org/d '.type == "dataset" and .size == 5 and .state == "unknown" and .files == 1'
	row org/x '.state == "partial" and .missing == 1 and .files == 1 and .broken == 0'
	row plain '.revisions == 1 and .files == 0'
	jq -e '.shared_bytes == 3 and .strangers == []' "$T/out"
	expect 0 itts ls --cache "$C"
	says "plain refs/main: has white space"
	ls_json
	row plain '.problems | length == 1 and (.[0] | startswith("refs/main: has white space"))'
	row org/x '.problems == []'
	touch "$C/models--notes.txt--x--y"
	ls_json
	jq -e '.strangers == ["models--notes.txt--x--y"]' "$T/out"
}
read_only() {
	local before word as=()
	before=$(picture "$C")
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chmod 755 "$T"
	expect 0 "${as[@]}" "$PROGRAM" ls --cache "$C"
	expect 0 "${as[@]}" "$PROGRAM" du --cache "$C"
	expect 0 "${as[@]}" "$PROGRAM" gc --cache "$C"
	for word in gc "rm acme/other"; do # and why not
		# shellcheck disable=SC2086
		expect 3 "${as[@]}" "$PROGRAM" $word --yes --cache "$C"
		one_error
		says .locks "Permission denied"
	done
	same "$(picture "$C")" "$before"
	expect 6 itts ls --cache "$T/nowhere"
	one_error
	test ! -e "$T/nowhere"
}
usage() {
	local repo=$C/models--acme--voice
	expect 0 itts du --cache "$C" --json
	jq -e '.size == 65320 and .unused == 0 and .parts == 0' "$T/out"
	printf 12345 >"$repo/blobs/$A"
	printf 123 >"$repo/blobs/$B.0a1b2c3d.incomplete"
	expect 0 itts du --cache "$C" --json acme/voice
	jq -e '.unused == 5 and .parts == 3 and (.repos | length) == 1' "$T/out"
	expect 0 itts du --cache "$C"
	prints "in all" "itts-pack gc"
	rm "$repo/blobs/$A" "$repo/blobs/$B.0a1b2c3d.incomplete"
}
by_coreutils() { # OPTION of du: of the files that ls and du count, each once
	find "$C" -type f \( -path '*/blobs/*' -o -path '*/snapshots/*' \) -print0 |
		du --files0-from=- -c "$1" | tail -n 1 | cut -f 1
}
hard_links() { # of one file: in two repositories, twice in one, in no-symlink snapshots
	local C=$T/linked v=$T/linked/models--acme--voice o=$T/linked/models--acme--other big
	cp -a "$T/cache" "$C"
	big=$(readlink -f "$v/snapshots/$A/big.bin")
	ln "$big" "$o/blobs/$(basename "$big")"
	ln -s "../../blobs/$(basename "$big")" "$o/snapshots/$A/big.bin"
	mkdir "$o/snapshots/$B"
	printf '%3000s' own >"$o/snapshots/$A/own.bin"
	ln "$o/snapshots/$A/own.bin" "$o/snapshots/$B/own.bin"
	ln "$o/snapshots/$A/own.bin" "$v/snapshots/$A/own.bin"
	# unused here, and needed there; a part under two names; one without any use
	ln "$(readlink -f "$o/snapshots/$A/a.bin")" "$v/blobs/$B"
	printf '%700s' part >"$v/blobs/$B.0a1b2c3d.incomplete"
	ln "$v/blobs/$B.0a1b2c3d.incomplete" "$v/blobs/$B.itts-part"
	printf '%50s' x >"$v/blobs/$A"
	ln "$v/blobs/$A" "$o/blobs/$A"
	# a link by hand to another's file takes nothing
	ln -s "../../../models--acme--voice/blobs/$(basename "$big")" "$o/snapshots/$A/hand.bin"
	expect 0 itts du --cache "$C" --json
	same "$(jq .size "$T/out")" "$(by_coreutils -b)"
	same "$(jq .disk "$T/out")" "$(by_coreutils -B1)"
	jq -e '.size == 60320 + 5000 + 3000 + 700 + 50 and .unused == 50 and .parts == 700 and .detached == 0' "$T/out"
	jq -e '.repos[] | select(.id == "acme/voice") | .size == 60320 + 3000 + 5000 + 700 + 50 and .unused == 5050' "$T/out"
	jq -e '.repos[] | select(.id == "acme/other") | .size == 5000 + 60000 + 3000 + 50 and .unused == 50' "$T/out"
	expect 0 itts du --cache "$C" --json acme/other
	jq -e '.size == 68050' "$T/out"
	expect 0 itts du --cache "$C"
	prints "67.45 KiB  "
	prints "the same files under other names (hard links): in all they count once"
	expect 0 itts ls --cache "$C"
	prints "2 repositories, 67.45 KiB, in" "750 B of it unused or unfinished"
	# what cleaning frees is what was foretold
	expect 0 itts du --cache "$T/cache"
	not grep -q "hard links" "$T/out"
}

check "sizes, states, patterns" plain
check "files with several names" hard_links
check "who needs it" needed
check "revisions" revisions
check "order and filters" order
check "every layout of Python's client" layouts
check "caches that cannot be written stay as they are" read_only
check "where the space is" usage
finish
