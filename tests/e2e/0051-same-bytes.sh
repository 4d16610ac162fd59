#!/usr/bin/env bash
# One lock, one bundle: whoever packs, wherever and whenever; and the file has its
# name only when it is complete.
. "$(dirname "$0")/lib.sh"

need python3 sha256sum
make_store "$T/store" "$T/lock.json" <<'SPEC'
{"name": "same", "repos": [
 {"id": "acme/b", "hub_view": "hf_cache", "files": [
   {"path": "Z.bin", "size": 70001, "views": ["Z.bin"]}, {"path": "a.bin", "size": 200001},
   {"path": "ä.json", "text": "{}", "git": true, "views": ["ä.json"]}, {"path": "same", "text": "{}"}]},
 {"id": "acme/a", "commit": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "files": [
   {"path": "big.bin", "size": 2500000}, {"path": "empty", "size": 0}]}]}
SPEC
must pack_store "$T/store" "$T/lock.json" "$T/b.tar"

packs_same() { # COMMAND...: ends with what packs into $T/x.tar
	rm -f "$T/x.tar"
	expect 0 "$@" pack --offline --cache "${STORE:-$T/store}" --lock "$T/lock.json" -o "$T/x.tar"
	cmp "$T/b.tar" "$T/x.tar"
}
surroundings() {
	packs_same env TZ=Asia/Kathmandu LC_ALL=C LANG=tr_TR.UTF-8 LOGNAME=x USER=x "$PROGRAM"
	(umask 077 && packs_same "$PROGRAM")
	(umask 000 && packs_same "$PROGRAM" && same "$(stat -c %a "$T/x.tar")" 644)
	(cd / && packs_same "$PROGRAM")
	packs_same "$PROGRAM" --quiet
	rm -f "$T/x.tar"
	mkdir "$T/sub dir" && cd "$T/sub dir"
	expect 0 itts pack --offline --cache ../store --lock ../lock.json -o ../x.tar
	cmp "$T/b.tar" "$T/x.tar"
}
other_user() {
	cp -r "$T/store" "$T/store2"
	chmod -R a+rX "$T" "$T/store2"
	mkdir "$T/theirs"
	chown 65534:65534 "$T/theirs"
	expect 0 setpriv --reuid 65534 --regid 65534 --clear-groups "$PROGRAM" pack --offline \
		--cache "$T/store2" --lock "$T/lock.json" -o "$T/theirs/x.tar"
	cmp "$T/b.tar" "$T/theirs/x.tar"
}
other_order() { # of directory entries, of the cache, of what is in it besides
	mkdir -p "$T/store3"
	(cd "$T/store" && find . ! -type d | sort -r | tar -cf - --no-recursion -T -) | tar -xf - -C "$T/store3"
	mkdir -p "$T/store3/models--else--where/blobs"
	touch -d 2001-01-01 "$T/store3"/*/blobs/*
	chmod -R u+w "$T/store3"
	STORE=$T/store3 packs_same "$PROGRAM"
}
other_lock_text() { # the same lock as another program would write it
	jq -S . "$T/lock.json" >"$T/sorted.json"
	expect 0 itts pack --offline --cache "$T/store" --lock "$T/sorted.json" -o "$T/x.tar"
	cmp "$T/b.tar" "$T/x.tar"
}
pipe() {
	itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o - 2>"$T/err" | cat >"$T/x.tar"
	cmp "$T/b.tar" "$T/x.tar"
	itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o - >"$T/x.tar" 2>"$T/err"
	cmp "$T/b.tar" "$T/x.tar"
	mkfifo "$T/fifo"
	cat "$T/fifo" >"$T/x.tar" &
	expect 0 itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o "$T/fifo"
	wait $!
	test -p "$T/fifo"
	cmp "$T/b.tar" "$T/x.tar"
	# appended to what is there already
	printf begin >"$T/x.tar"
	itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o - >>"$T/x.tar" 2>"$T/err"
	cmp -i 5:0 "$T/x.tar" "$T/b.tar"
}
pipe_fails() { # a reader that goes away, a full device: an error, and no noise
	local status
	"$PROGRAM" pack --offline --cache "$T/store" --lock "$T/lock.json" -o - 2>"$T/err" | head -c 5000 >"$T/x.tar"
	status=${PIPESTATUS[0]}
	cat "$T/err"
	same "$status" 3
	one_error
	expect 3 sh -c '"$0" "$@" >/dev/full' "$PROGRAM" pack --offline --cache "$T/store" --lock "$T/lock.json" -o -
	one_error
	expect 3 itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o /dev/full
	one_error
	test -c /dev/full
}
json_beside() { # results never mix with the bundle
	itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o - --json >"$T/x.tar" 2>"$T/err"
	cmp "$T/b.tar" "$T/x.tar"
	cat "$T/err"
}
epoch() {
	expect 0 env SOURCE_DATE_EPOCH=1700000000 "$PROGRAM" pack --offline --cache "$T/store" \
		--lock "$T/lock.json" -o "$T/x.tar"
	not cmp -s "$T/b.tar" "$T/x.tar"
	same "$(tar --utc --full-time -tvf "$T/x.tar" | awk '{ print $4, $5 }' | sort -u)" "2023-11-14 22:13:20"
	same "$(tar --utc --full-time -tvf "$T/b.tar" | awk '{ print $4, $5 }' | sort -u)" "1970-01-01 00:00:00"
	expect 0 itts verify "$T/x.tar"
	for wrong in -1 x 1e9 99999999999999999999 8589934592; do
		expect 2 env SOURCE_DATE_EPOCH=$wrong "$PROGRAM" pack --offline --cache "$T/store" \
			--lock "$T/lock.json" -o "$T/y.tar"
		one_error
		says SOURCE_DATE_EPOCH
		test ! -e "$T/y.tar"
	done
}
serial() {
	expect 0 itts pack --offline --cache "$T/store" --lock "$T/lock.json" -o "$T/x.tar" --serial 7
	not cmp -s "$T/b.tar" "$T/x.tar"
	expect 0 itts inspect "$T/x.tar" --json
	same "$(jq .serial "$T/out")" 7
}
no_headers_of_ours() { # owners, names, modes: nothing of this machine
	same "$(tar --numeric-owner -tvf "$T/b.tar" | awk '{ print $2 }' | sort -u)" 0/0
	same "$(tar -tvf "$T/b.tar" | awk '{ print $1 }' | sort -u | tr '\n' ' ')" \
		"$(printf '%s\n' -r--r--r-- -rw-r--r-- -rwxr-xr-x hr--r--r-- lrwxrwxrwx | sort -u | tr '\n' ' ')"
	! grep -q "$(hostname)" "$T/b.tar" || [ "$(hostname | wc -c)" -lt 5 ]
}
old_file_stays() { # until the new one is complete; a failure leaves the old one
	cp "$T/b.tar" "$T/old/b.tar"
	cp -r "$T/store" "$T/broken"
	chmod -R u+w "$T/broken"
	printf x | dd of="$(find "$T/broken/models--acme--a/blobs" -size +1M)" bs=1 seek=99999 conv=notrunc 2>"$T/dd"
	expect 9 itts pack --offline --cache "$T/broken" --lock "$T/lock.json" -o "$T/old/b.tar"
	one_error
	says big.bin
	cmp "$T/b.tar" "$T/old/b.tar"
	same "$(ls -A "$T/old")" b.tar
	rm "$(find "$T/broken/models--acme--a/blobs" -size +1M)"
	expect 6 itts pack --offline --cache "$T/broken" --lock "$T/lock.json" -o "$T/old/b.tar"
	one_error
	says big.bin fetch
	cmp "$T/b.tar" "$T/old/b.tar"
	same "$(ls -A "$T/old")" b.tar
}
temporary_name() { # seen from outside while it is written
	rm -f "$T/seen/b.tar"
	strace -f -o "$T/trace" -e trace=openat,rename,renameat,renameat2,linkat,fsync,fdatasync,syncfs \
		"$PROGRAM" pack --offline --cache "$T/store" --lock "$T/lock.json" -o "$T/seen/b.tar"
	cmp "$T/b.tar" "$T/seen/b.tar"
	not grep -E 'openat.*seen/b\.tar".*O_CREAT' "$T/trace"
	# on disk before it has the name
	awk '/f(data)?sync\(/ && !s { s = NR } /(rename|linkat).*b\.tar/ { n = NR } END { exit !(s && n && s < n) }' "$T/trace"
	same "$(ls -A "$T/seen")" b.tar
}
mkdir "$T/old" "$T/seen"

check "umask, time zone, locale, directory" surroundings
if [ "$(id -u)" -eq 0 ]; then
	check "another user" other_user
else
	skip_one "another user" "not root"
fi
check "another order of the same cache" other_order
check "another text of the same lock" other_lock_text
check "pack -o - into pipe and file, a FIFO" pipe
check "a pipe that breaks, a full device" pipe_fails
check "pack -o - --json" json_beside
check "SOURCE_DATE_EPOCH" epoch
check "--serial" serial
check "nothing of this machine in headers" no_headers_of_ours
check "a failure leaves the old file and nothing else" old_file_stays
if command -v strace >/dev/null && ! sanitized; then
	check "a temporary name until it is complete and on disk" temporary_name
fi
finish
