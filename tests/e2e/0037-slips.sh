#!/usr/bin/env bash
# Slips of the hand and poor places: outputs that are devices, pipes, directories or the
# input; odd names; no HOME, no TMPDIR; low limits; file systems that cannot be written;
# options twice, nearly right. One error line that says it, and the disk as it was.
. "$(dirname "$0")/lib.sh"

need python3 jq
repo "$T/repos" acme/voice "$(printf '%040d' 1)" a.json=300 b.bin=5000 d/c.bin=300000
start_hub hub "$T/repos"
must itts fetch acme/voice --lock "$T/l.json" --endpoint "$hub" --cache "$T/store" --quiet
must pack_store "$T/store" "$T/l.json" "$T/b.tar"
PACK="pack --offline --cache store --lock l.json"

refused() { # STATUS COMMAND... :: TEXT...: one line of error, with these texts
	local status=$1 command=()
	shift
	while [ "$1" != "::" ]; do
		command+=("$1")
		shift
	done
	shift
	[ "${command[0]}" != itts ] || command[0]=$PROGRAM
	expect "$status" timeout -k 1 20 "${command[@]}"
	one_error
	says "$@"
}
devices() { # as root a rename would take the place of /dev/null
	local what d=$T/dev
	mkdir "$d"
	mount -t tmpfs none "$d"
	MOUNTS="$MOUNTS $d"
	mknod -m 666 "$d/null" c 1 3
	mknod -m 666 "$d/full" c 1 7
	ln -s /proc/self/fd/1 "$d/stdout"
	find "$d" -printf '%p %y %l\n' | sort >before
	refused 2 itts sbom b.tar -o "$d/null" :: "$d/null" device
	refused 2 itts lock acme/voice --endpoint "$hub" --cache store --lock "$d/null" :: "$d/null" device
	refused 2 itts lock acme/voice --endpoint "$hub" --cache store --lock "$d/stdout" :: "standard output"
	refused 2 itts init -o "$d/null" :: "$d/null"
	refused 3 itts $PACK -o "$d/full" :: "$d/full" "no space left"
	expect 0 itts $PACK -o "$d/null"
	for what in "$PACK" "export acme/voice --cache store" "sbom b.tar" init; do
		itts $what -o - >wanted 2>"$T/err"
		itts $what -o "$d/stdout" >file 2>"$T/err"
		cmp file wanted
		itts $what -o "$d/stdout" 2>"$T/err" | cmp - wanted
	done
	find "$d" -printf '%p %y %l\n' | sort | diff before -
	umount "$d"
}
fifos() { # waited for, until Ctrl-C
	local what
	mkfifo fifo
	for what in "verify fifo" "inspect fifo" "install fifo --cache none" "$PACK -o fifo"; do
		refused 130 sh -c '"$0" '"$what"' & sleep 0.3; kill $!; wait $!' "$PROGRAM" :: interrupted
	done
	test ! -e none
	"$PROGRAM" $PACK -o fifo >"$T/out" 2>"$T/err" &
	cmp fifo b.tar
	wait $!
	"$PROGRAM" verify fifo >"$T/out" 2>"$T/err" &
	cat b.tar >fifo
	wait $!
	test -p fifo
	refused 2 itts sbom b.tar -o fifo :: fifo pipe
}
places() { # what -o names is there already
	mkdir dir
	refused 2 itts $PACK -o dir :: "dir is a directory"
	refused 2 itts $PACK -o dir/ :: "is a directory"
	refused 2 itts sbom b.tar -o dir :: "dir is a directory"
	refused 2 itts $PACK -o l.json :: "-o l.json" replace
	cp b.tar site.tar
	refused 2 itts $PACK --for site.tar -o ./site.tar :: "-o ./site.tar" replace
	cmp site.tar b.tar
	echo old >old.tar
	expect 0 itts $PACK -o old.tar
	cmp old.tar b.tar
}
names() { # spaces, quotes, a line break; the commands that are shown can be pasted
	local d=$'a d\'i"r/x\ny' e="a d'i\"r/\$HOME"
	mkdir -p "$d" "$e"
	cp b.tar "$d/b.tar"
	expect 0 itts install "$d/b.tar" --cache "$d/c" --model-dir "$d/m"
	prints ": 3 files, 298.14 KiB (3 new, 298.14 KiB)"
	cache_is_honest "$d/c"
	expect 0 itts verify --model-dir "$d/m"
	refused 6 itts verify $'no\nthing\e[31m' :: "no?thing?[31m"
	refused 2 itts env --format docker --cache "$d/c" :: "line break"
	(eval "$("$PROGRAM" env --cache "$d/c")" && [ "$HF_HUB_CACHE" = "$T/$d/c" ])
	expect 0 itts install b.tar --cache "$e/c" --model-dir "$e/m"
	tail -n 1 "$T/out" | sed "s|itts-pack|'$PROGRAM'|" >pasted
	(. ./pasted && [ "$HF_HUB_CACHE" = "$T/$e/c" ])
}
poor_environment() {
	expect 0 env -u HOME "$PROGRAM" env
	expect 0 env -i "$PROGRAM" verify b.tar
	for args in "install b.tar --cache tmpless" "$PACK -o t.tar" "verify b.tar" "sbom b.tar" \
		"scan b.tar" "verify --cache store"; do
		TMPDIR=/nothing expect 0 itts $args
	done
	cmp t.tar b.tar
	for args in 20 500 0 -1 x ''; do
		COLUMNS=$args expect 0 itts help pack
		test "$(wc -L <"$T/out")" -le 100
	done
	expect 0 sh -c '"$0" verify b.tar <&-' "$PROGRAM"
	refused 7 sh -c '"$0" verify - <&-' "$PROGRAM" :: "standard input"
}
masks() { # modes and bytes are not the umask's
	local mask
	for mask in 000 027 077; do
		(umask $mask && expect 0 itts install b.tar --cache "u$mask" --model-dir "m$mask" &&
			expect 0 itts pack --offline --cache "u$mask" --lock l.json -o "u$mask.tar")
		cmp "u$mask.tar" b.tar
		same "$(find "u$mask" "m$mask" -type f -perm /022 ! -name '*.lock' ! -path '*lease')" ""
	done
	diff <(picture u077 | grep -v ' d ') <(picture u000 | grep -v ' d ')
}
own_mask() { # a umask that takes the owner's own access: not from a plain user's program either
	local mask as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	mkdir own
	cp b.tar own && cp "$PROGRAM" own/itts-pack
	chmod 711 "$T" && chmod 777 own
	for mask in 0777 0377 0577 0677; do
		expect 0 "${as[@]}" sh -c 'umask '$mask' && cd own && exec env HOME="$PWD/h'$mask'" XDG_STATE_HOME= \
			./itts-pack install b.tar --cache d'$mask'/e/hub --model-dir m'$mask
		cache_is_honest "own/d$mask/e/hub"
		same "$(find own -type d ! -perm -700)" ""
		same "$(find own/[dhm]* -type d -perm /077)" ""
		same "$("${as[@]}" sh -c "umask $mask; own/itts-pack run --cache own/d$mask/e/hub -- sh -c umask" | sed -n 1p)" $mask
		rm -rf own/[dhm]*
	done
}
limits() { # of files, of their size, of memory: an error, never a wrong file
	local n status
	for n in 4 5 6 8 10 12 14 16 20; do
		status=0
		(ulimit -n $n && itts install b.tar --cache "n$n") 2>"$T/err" || status=$?
		cat "$T/err"
		[ $status -eq 0 ] && cache_is_honest "n$n" && continue
		same $status 3
		one_error
		says "too many open files"
		[ ! -d "n$n" ] || cache_is_honest "n$n"
	done
	for n in 1 100; do
		refused 3 bash -c "ulimit -f $n; exec '$PROGRAM' install b.tar --cache f$n" :: "file too large"
		cache_is_honest "f$n"
		refused 3 bash -c "ulimit -f $n; exec '$PROGRAM' $PACK -o f$n.tar" :: "file too large"
		test ! -e "f$n.tar"
		refused 3 bash -c "ulimit -f $n; exec '$PROGRAM' fetch --lock l.json --endpoint $hub --cache g$n --retries 0" \
			:: "file too large"
		cache_is_honest "g$n"
	done
	expect 0 itts install b.tar --cache f1
	sanitized || expect 0 bash -c "ulimit -v 150000; exec '$PROGRAM' verify b.tar"
}
read_only() {
	local before
	mkdir ro
	mount -t tmpfs none ro
	MOUNTS="$MOUNTS $T/ro"
	expect 0 itts install b.tar --cache ro/c --model-dir ro/m
	mount -o remount,ro,noexec ro
	before=$(find . ! -path './log*' ! -path './out' ! -path './err' ! -path './state*' | sort)
	refused 3 itts install b.tar --cache ro/new :: ro/new read-only --cache
	refused 3 itts install b.tar --cache new --model-dir ro/new :: ro/new read-only --model-dir
	refused 3 itts fetch --lock l.json --endpoint "$hub" --cache ro/new :: ro/new read-only
	refused 3 itts lock acme/voice --endpoint "$hub" --cache store --lock ro/l.json :: ro/l.json read-only
	refused 3 itts $PACK -o ro/x.tar :: ro/x.tar read-only
	refused 3 itts sbom b.tar -o ro/x.json :: ro/x.json read-only
	refused 3 itts init -o ro/m.json :: ro/m.json read-only
	refused 3 itts rm acme/voice --cache ro/c --yes :: ro/c read-only
	expect 0 itts verify --cache ro/c
	expect 0 itts verify --model-dir ro/m
	expect 0 itts ls --cache ro/c
	expect 0 itts env --model-dir ro/m
	expect 0 itts pack --offline --cache ro/c --lock l.json -o r.tar
	cmp r.tar b.tar
	rm r.tar
	diff <(echo "$before") <(find . ! -path './log*' ! -path './out' ! -path './err' ! -path './state*' | sort)
	umount ro
}
options() {
	expect 0 itts $PACK --cache none --cache store --offline -o one.tar -o two.tar
	test ! -e one.tar
	cmp two.tar b.tar # the last one counts
	expect 0 itts --json --json verify -- b.tar
	expect 0 itts -- verify b.tar
	refused 6 itts verify -- --cache :: --cache
	refused 2 itts fetch --endpont x :: "did you mean --endpoint?"
	refused 2 itts verify --jsn b.tar :: "did you mean --json?"
	refused 2 itts instal b.tar :: "did you mean install?"
	refused 2 itts verify --json=yes b.tar :: "takes no value"
	refused 2 itts lock acme/voice --endpoint hf-mirror.com :: "write https://hf-mirror.com"
	HF_ENDPOINT=hf-mirror.com/hf refused 2 itts lock acme/voice :: HF_ENDPOINT "write https://hf-mirror.com/hf"
	echo none >none.pem
	refused 2 itts lock acme/voice --endpoint "$hub" --ca-bundle none.pem :: --ca-bundle "no certificate in none.pem"
	refused 5 itts lock acme/voice --endpoint "http://me:secret@${hub#http://}" --lock x.json :: "user:password@"
	not grep -q secret "$T/err"
}
stopped() { # Ctrl-Z and fg
	local pid
	rm -rf z
	# a job of its own: the signal does nothing in a group that no shell looks after
	set -m
	"$PROGRAM" fetch --lock l.json --endpoint "$hub" --cache z --limit-rate 150K >"$T/out" 2>"$T/err" &
	pid=$!
	set +m
	await grep -q '^fetching: 3 files' "$T/err"
	kill -TSTP $pid
	await grep -q '^State:.T' "/proc/$pid/status"
	sleep 0.5
	kill -CONT $pid
	wait $pid
	same "$(grep -c warning "$T/err")" 0
	cache_is_honest z
}

if [ "$(id -u)" -eq 0 ]; then
	check "outputs: devices, /dev/stdout" devices
	check "a file system that cannot be written" read_only
else
	skip_one "outputs: devices, /dev/stdout" "not root"
	skip_one "a file system that cannot be written" "not root"
fi
check "FIFOs" fifos
check "outputs: directories, the input, an old file" places
check "odd names" names
check "no HOME, no TMPDIR, odd COLUMNS, no standard input" poor_environment
check "umask" masks
check "a umask that takes the owner's access" own_mask
check "ulimit" limits
check "options twice, --, nearly right" options
check "Ctrl-Z, fg" stopped
finish
