#!/usr/bin/env bash
# System calls that fail once in the middle of every command that writes, and of verify: no wrong
# success, nothing lost, and the next run finishes. ITTS_FAULTS=all takes every call of
# every kind instead of a few of each (make torture); ITTS_FAULT_JOBS: only these jobs.
. "$(dirname "$0")/lib.sh"

need python3 jq strace ssh-keygen
sanitized && skip_gladly "strace and sanitizers"
strace -f -e inject=fsync:error=EIO:when=1 true 2>/dev/null || skip_all "strace cannot trace here"
A=1111111111111111111111111111111111111111
TOP=$T/repos
# two that are copied one by one: the first waits for its name while the second comes
repo "$TOP" acme/voice $A config.json=300 big.bin=1500000 mid.bin=1100000 sub/notes.txt=40
repo "$TOP" acme/codec $A config.json=301 codec.bin=200000
start_hub hub "$TOP"
jq -n --arg c $A '{format: "itts-manifest", version: 1, name: "voice", models: [
	{id: "acme/voice", revision: $c, hub_view: "hf", views: [{files: "*", to: "m/"}]},
	{id: "acme/codec", revision: $c, views: [{files: "*", to: "c/"}]}]}' >"$T/m.json"
must itts pack -m "$T/m.json" --lock "$T/lock.json" --endpoint "$hub" --cache "$T/full" -o "$T/b.tar"

install() { # the job; everything of it below $T/x
	"$PROGRAM" install "$T/b.tar" --cache "$T/x/hub" --model-dir "$T/x/models" --progress none
}
installed() {
	cache_is_honest "$T/x/hub" &&
		"$PROGRAM" verify --cache "$T/x/hub" --lock "$T/lock.json" --quiet &&
		"$PROGRAM" verify --model-dir "$T/x/models" --quiet
}
pack() {
	"$PROGRAM" pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/x/b.tar" \
		--progress none
}
packed() {
	cmp "$T/x/b.tar" "$T/b.tar"
}
pack_volumes() {
	"$PROGRAM" pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/x/b.tar" \
		--volume-size 600K --progress none
}
packed_volumes() {
	cat "$T"/x/b.tar.0* | cmp - "$T/b.tar"
}
pack_thin() {
	"$PROGRAM" pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/x/b.tar" --for "$T/site.json" \
		--progress none
}
pack_thined_check() { cmp "$T/x/b.tar" "$T/thin.tar"; }

# A site that has the largest file and nothing else; a stick without the second volume.
make_bundles() {
	local big
	big=$(jq -r '.repos[].files[] | select(.path == "big.bin").sha256' "$T/lock.json")
	jq -n --arg s "$big" '{format: "itts-inventory", version: 1, blobs: [{sha256: $s, size: 1500000}]}' >"$T/site.json"
	mkdir -p "$T/site/${BIG%/*}" "$T/volumes" "$T/stick"
	cp "$T/full/$BIG" "$T/site/$BIG"
	expect 0 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/thin.tar" --for "$T/site.json"
	expect 0 itts pack --offline --lock "$T/lock.json" --cache "$T/full" -o "$T/volumes/b.tar" --volume-size 600K
	cp "$T"/volumes/b.* "$T/stick"
	rm "$T/stick/b.tar.002"
}
BIG=models--acme--voice/blobs/$(jq -r '.repos[].files[] | select(.path == "big.bin").sha256' "$T/lock.json")
install_thin_before() { cp -a "$T/site" "$T/x/hub"; }
install_thin() {
	"$PROGRAM" install "$T/thin.tar" --cache "$T/x/hub" --model-dir "$T/x/models" --progress none
}
install_thined_check() { installed; }
install_volumes() { # in two visits, of which the first lacks something
	local status=0
	"$PROGRAM" install "$T/stick" --cache "$T/x/hub" --progress none 2>"$T/visit" || status=$?
	[ $status -eq 6 ] || cat "$T/visit" >&2
	[ $status -eq 6 ] || [ $status -eq 0 ] || return $status
	"$PROGRAM" install "$T/volumes" --cache "$T/x/hub" --model-dir "$T/x/models" --progress none
}
install_volumesed_check() { installed && ! find "$T/x/hub" -name '*.itts-part' | grep .; }

# A cache with a revision that nothing names and a blob that nobody has: they go, what
# main has stays, whatever could not be read. Of /proc there is only what is its own.
make_cache() {
	cp -a "$T/full" "$T/two"
	rm "$T/two/models--acme--codec/refs/main"
	printf orphan >"$T/two/models--acme--voice/blobs/$(printf orphan | sha256sum | cut -c 1-64)"
	jq '.repos |= map(select(.id == "acme/voice"))' "$T/lock.json" >"$T/voice.json"
}
gc_before() { cp -a "$T/two" "$T/x/hub"; }
gc() {
	unshare -fp --mount-proc "$PROGRAM" gc --cache "$T/x/hub" --detached --grace 0 --yes --progress none
}
voice_is_there() {
	cache_is_honest "$T/x/hub" &&
		"$ITTS" verify --cache "$T/x/hub" --lock "$T/voice.json" --quiet &&
		[ "$(cat "$T/x/hub/models--acme--voice/refs/main")" = $A ]
}
gced_check() {
	voice_is_there || return 1
	# what could not be looked at is left, and said
	[ "${FAULTY:-0}" -gt 0 ] && cat "$T/out" "$T/err" | grep -qE '^(warning|itts-pack|needed again)' ||
		{ [ ! -e "$T/x/hub/models--acme--codec/snapshots/$A" ] &&
			! find "$T/x/hub" -name '*.itts-trash' | grep . &&
			[ "$(find "$T/x/hub" -path '*/blobs/*' -type f | wc -l)" -eq 4 ]; }
}
# One revision lacks a file: no fault may hide that.
verify_before() {
	cp -a "$T/full" "$T/x/hub"
	rm "$(readlink -f "$T/x/hub/models--acme--voice/snapshots/$A/sub/notes.txt")"
}
verify() {
	local status=0
	"$PROGRAM" verify --cache "$T/x/hub" --progress none || status=$?
	[ $status -ne 0 ] || echo "all is right, it says" >>"$T/wrong"
	[ $status -eq 9 ]
}
verified_check() { [ ! -s "$T/wrong" ]; }

# One revision is deleted by name; what a run that was cut short has left is gc's.
discard_before() { gc_before; }
discard() {
	local status=0
	unshare -fp --mount-proc "$PROGRAM" rm "acme/codec@$A" --cache "$T/x/hub" --yes --progress none || status=$?
	[ $status -eq 6 ] || return $status
	gc
}
discarded_check() {
	voice_is_there || return 1
	# as for gc
	[ "${FAULTY:-0}" -gt 0 ] && cat "$T/out" "$T/err" | grep -qE '^(warning|itts-pack|failed)' ||
		{ [ ! -e "$T/x/hub/models--acme--codec/snapshots/$A" ] && ! find "$T/x/hub" -name '*.itts-trash' | grep .; }
}
repair_before() { # two files lack, with their names
	local link
	cp -a "$T/full" "$T/x/hub"
	for link in "$T/x/hub/models--acme--voice/snapshots/$A"/{big.bin,sub/notes.txt}; do
		rm "$(readlink -f "$link")" "$link"
	done
}
repair() {
	"$PROGRAM" repair --from "$T/b.tar" --lock "$T/lock.json" --cache "$T/x/hub" --offline --progress none
}
complete() { # all of the lock, and nothing wrong
	cache_is_honest "$T/x/hub" && "$ITTS" verify --cache "$T/x/hub" --lock "$1" --quiet
}
repaired_check() { complete "$T/lock.json"; }
make_archives() {
	itts export acme/voice --cache "$T/full" -o "$T/e.tar"
	cp -rL "$T/full/models--acme--voice/snapshots/$A" "$T/local"
	ssh-keygen -q -t ed25519 -N "" -f "$T/key"
	printf 'me@acme %s\n' "$(cut -d ' ' -f 1,2 "$T/key.pub")" >"$T/signers"
}
import() { "$PROGRAM" import "$T/e.tar" --cache "$T/x/hub" --progress none; }
imported_check() { complete "$T/voice.json"; }
export_() { "$PROGRAM" export acme/voice --cache "$T/full" -o "$T/x/e.tar" --progress none; }
export_ed_check() { cmp "$T/x/e.tar" "$T/e.tar"; }
adopt_before() { cp -r "$T/local" "$T/x/local"; }
adopt() {
	"$PROGRAM" adopt "$T/x/local" --lock "$T/voice.json" --cache "$T/x/hub" --offline --progress none
}
adopted_check() { complete "$T/voice.json" && diff -r "$T/local" "$T/x/local"; }
sign_before() { cp "$T/b.tar" "$T/x/b.tar"; }
sign() { "$PROGRAM" sign "$T/x/b.tar" --key "$T/key" --progress none; }
signed_check() {
	"$ITTS" verify "$T/x/b.tar" --allowed-signers "$T/signers" --require-signature --quiet
}

# What a job that failed may leave: nothing under a final name that is not right.
sane() { # JOB
	case $1 in
	gc | discard) voice_is_there ;;
	repair) cache_is_honest "$T/x/hub" && [ -e "$T/x/hub/models--acme--voice/snapshots/$A/mid.bin" ] ;;
	import) [ ! -d "$T/x/hub" ] || cache_is_honest "$T/x/hub" ;;
	export_) [ ! -e "$T/x/e.tar" ] || export_ed_check ;;
	adopt) diff -r "$T/local" "$T/x/local" && { [ ! -d "$T/x/hub" ] || cache_is_honest "$T/x/hub"; } ;;
	sign) signed_check >/dev/null 2>&1 || "$ITTS" verify "$T/x/b.tar" --quiet ;;
	verify) verified_check ;;
	install | install_volumes) [ ! -d "$T/x/hub" ] || cache_is_honest "$T/x/hub" ;;
	install_thin) cache_is_honest "$T/x/hub" && cmp "$T/site/$BIG" "$T/x/hub/$BIG" ;;
	pack) [ ! -e "$T/x/b.tar" ] || packed ;;
	pack_thin) [ ! -e "$T/x/b.tar" ] || pack_thined_check ;;
	pack_volumes) [ ! -e "$T/x/b.volumes.json" ] || packed_volumes ;;
	esac
}
fresh() {
	rm -rf "$T/x" "$T/trace" && mkdir "$T/x"
	! declare -F "${1:-}_before" >/dev/null || "${1}_before"
}
# All calls of a job in which nothing fails, in $T/made.JOB.
look() { # JOB
	[ ! -e "$T/made.$1" ] || return 0
	fresh "$1"
	printf '#!/bin/sh\nexec strace -f -qq -y -A -o "%s" -e signal=none "%s" "$@"\n' "$T/trace" "$ITTS" >"$T/traced"
	chmod +x "$T/traced"
	(PROGRAM="$T/traced" && "$1") >/dev/null 2>&1 && mv "$T/trace" "$T/made.$1"
}
# How often the busiest thread of a job makes this call.
count() { # JOB SYSCALL
	awk -v call="$2(" 'index($2, call) == 1 { if (++n[$1] > max) max = n[$1] } END { print max + 0 }' "$T/made.$1"
}
# Calls that the program makes before its main() does anything: libraries, their settings.
startup() { # JOB SYSCALL
	awk -v call="$2(" 'index($2, call) == 1 { ++n[$1] }
		index($2, call) == 1 && /\.so|openssl\.cnf|locale|gconv/ { if (n[$1] > max) max = n[$1] }
		END { print max + 0 }' "$T/made.$1"
}
ITTS=$PROGRAM
durable() { # these may not be retried into success
	case $1 in fsync | fdatasync | syncfs) [ "$2" = EIO ] ;; *) false ;; esac
}
only_remembered() { # the file, or its directory right behind it
	grep -B 1 INJECTED "$T/trace" | grep -qE '/\.(locks|itts-pack)/#[0-9]+>\(deleted\)'
}
one_fault() { # JOB SYSCALL ERROR NUMBER
	local status=0 hit
	fresh "$1"
	printf '#!/bin/sh\nexec strace -f -qq -y -A -o "%s" -e trace=%s -e inject=%s:error=%s:when=%s -e signal=none "%s" "$@"\n' \
		"$T/trace" "$2" "$2" "$3" "$4" "$ITTS" >"$T/traced"
	chmod +x "$T/traced"
	(PROGRAM="$T/traced" && "$1") >"$T/out" 2>"$T/err" || status=$?
	hit=$(grep -c INJECTED "$T/trace") || true
	FAULTS=$((FAULTS + hit))
	[ "$hit" -eq 0 ] || echo "$1 $2 $3" >>"$T/hit"
	if [ $status -eq 0 ]; then
		FAULTY=$hit "$1"ed_check || fail "$1: $2 $3 number $4: success, and not right"
		# the record of serials comes after the data, and is not part of it; nor
		# is what spares the next check some hashing
		if [ "$hit" -gt 0 ] && durable "$2" "$3" && ! only_remembered &&
			! grep -q '^warning: serial .* is not recorded: ' "$T/err"; then
			fail "$1: $2 $3 number $4: success after data may have been lost"
		fi
		return
	fi
	# (strace counts for each thread: it may have been the message that was not written)
	# gc says of each thing what became of it
	[ "$(grep -c '^itts-pack: ' "$T/err")" -eq 1 ] || { [[ $1 = gc || $1 = discard ]] && grep -q "^failed: " "$T/out" "$T/err"; } ||
		grep -q 'write(2<.*INJECTED' "$T/trace" || fail "$1: $2 $3 number $4: no one error"
	sane "$1" || fail "$1: $2 $3 number $4: something wrong is left behind"
	"$1" >"$T/out" 2>"$T/err" || fail "$1: $2 $3 number $4: the next run fails"
	"$1"ed_check || fail "$1: $2 $3 number $4: the next run is not right"
}
installed_check() { installed; }
packed_check() { packed; }
pack_volumesed_check() { packed_volumes; }
verifyed_check() { verified_check; }

numbers() { # FIRST LAST SALT: which of these calls
	if [ "${ITTS_FAULTS:-}" = all ]; then
		seq "$1" "$2"
	else
		echo $(($3 % ($2 - $1 + 1) + $1))
	fi
}
errors() { # SALT JOB: which of the four
	local all=(ENOSPC EDQUOT EIO EINTR)
	if [ "${ITTS_FAULTS:-}" = all ]; then
		echo "${all[@]}"
	elif [[ $2 =~ ^(gc|discard)$ ]]; then # it waits in its middle
		echo "${all[$1 % 4]}"
	else
		echo "${all[$1 % 4]} ${all[($1 + 2) % 4]}"
	fi
}
order=0
faults_of() { # JOB SYSCALL...
	local job=$1 call errno n total first salt=1
	FAULTS=0
	shift
	case " ${ITTS_FAULT_JOBS:-$job} " in *" $job "*) ;; *) return 0 ;; esac
	look "$job" || fail "$job does not work under strace"
	for call; do
		echo "$job $call" >>"$T/rows"
		total=$(count "$job" "$call")
		first=$(($(startup "$job" "$call") + 1))
		[ "$total" -ge $first ] || {
			echo "$job $call" >>"$T/unmade"
			continue
		}
		order=$((order + 1))
		for errno in $(errors $order "$job"); do
			salt=$(((salt * 7 + 3) % 1009))
			for n in $(numbers $first "$total" $salt); do
				one_fault "$job" "$call" $errno "$n"
			done
		done
	done
	echo "$FAULTS calls have failed" | tee -a "$T/faults"
	[ "$FAULTS" -gt 0 ]
}

check "install: write, pwrite64, sendfile" \
	faults_of install write pwrite64 sendfile
check "install: fsync, syncfs" faults_of install fsync syncfs
check "install: linkat, renameat, symlinkat, unlinkat" faults_of install linkat renameat symlinkat unlinkat
check "install: fallocate, ftruncate, mkdirat, fchmod" \
	faults_of install fallocate ftruncate mkdirat fchmod
check "install: openat, openat2, read, pread64, getdents64" \
	faults_of install openat openat2 read pread64 getdents64
check "pack: write, pwrite64, sendfile, fsync, linkat, fchmod" \
	faults_of pack write pwrite64 sendfile fsync linkat fchmod
check "pack: openat, openat2, pread64" faults_of pack openat openat2 pread64
check "pack in volumes: write, fsync, renameat, linkat, fchmod, openat, pread64" \
	faults_of pack_volumes write fsync renameat linkat fchmod openat pread64
must make_bundles
check "a thin install: write, fsync, linkat, renameat, symlinkat, fallocate, openat" \
	faults_of install_thin write pwrite64 sendfile fsync syncfs linkat renameat symlinkat \
	fallocate ftruncate mkdirat unlinkat fchmod openat openat2
check "an install of volumes, in two visits: write, fsync, linkat, renameat, fallocate, openat" \
	faults_of install_volumes write pwrite64 fsync syncfs linkat renameat symlinkat \
	fallocate ftruncate mkdirat unlinkat fchmod openat openat2 pread64
check "pack of a thin bundle: write, fsync, linkat, openat" \
	faults_of pack_thin write pwrite64 sendfile fsync linkat fchmod openat
must make_cache
must make_archives
check "gc: getdents64, openat, readlinkat, renameat, unlinkat" \
	faults_of gc write mkdirat fchmod getdents64 openat readlinkat renameat unlinkat
check "rm: getdents64, openat, readlinkat, renameat, unlinkat" \
	faults_of discard write mkdirat fchmod getdents64 openat readlinkat renameat unlinkat
check "repair: write, fsync, linkat, renameat, symlinkat, openat, openat2, pread64" \
	faults_of repair write pwrite64 sendfile fsync linkat renameat symlinkat fallocate ftruncate mkdirat unlinkat \
	fchmod openat openat2 pread64 getdents64
check "import: write, fsync, linkat, renameat, symlinkat, openat, fallocate" \
	faults_of import write pwrite64 sendfile fsync syncfs linkat renameat symlinkat fallocate ftruncate mkdirat \
	unlinkat fchmod openat pread64
check "export: write, fsync, linkat, openat, getdents64" \
	faults_of export_ write pwrite64 sendfile fsync linkat fchmod openat pread64 getdents64
check "adopt: write, fsync, linkat, symlinkat, openat, getdents64" \
	faults_of adopt write pwrite64 sendfile fsync syncfs linkat symlinkat fallocate ftruncate mkdirat unlinkat \
	fchmod openat pread64 getdents64
check "sign: write, pwrite64, fdatasync, openat" \
	faults_of sign write pwrite64 fdatasync openat pread64
check "verify: getdents64, openat, openat2, read, pread64, write, fsync, linkat, renameat" \
	faults_of verify write fsync linkat renameat fchmod getdents64 openat openat2 read pread64

# A row whose call its job does not make tests nothing (a slip, or the program does it in another
# way now); nor is a call tested that a job makes and that none of its rows has.
WRITING="write pwrite64 pwritev sendfile copy_file_range splice fsync fdatasync syncfs sync_file_range \
	linkat renameat renameat2 symlinkat fallocate ftruncate mkdirat unlinkat fchmod fchmodat utimensat"
# Made or not, as the place has it: where files can share ranges (XFS, Btrfs) nothing is copied.
PLACES="install/sendfile install_thin/sendfile pack/sendfile pack_thin/sendfile repair/sendfile import/sendfile export_/sendfile adopt/sendfile"
rows_are_alive() {
	local job call bad=0
	for job in ${ITTS_FAULT_JOBS:-}; do
		grep -q "^$job " "$T/rows" && continue
		echo "FAIL: ITTS_FAULT_JOBS: there is no job $job"
		bad=1
	done
	while read -r job call; do
		case " $PLACES " in *" $job/$call "*) echo "not here: $job/$call" && continue ;; esac
		echo "FAIL: $job never makes the call $call: a slip, or a row without use"
		bad=1
	done < <(cat "$T/unmade" 2>/dev/null)
	for job in $(cut -d ' ' -f 1 "$T/rows" | sort -u); do
		for call in $WRITING; do
			[ "$(count "$job" "$call")" -gt 0 ] || continue
			! grep -qx "$job $call" "$T/rows" || continue
			echo "FAIL: $job makes the call $call, and no row of it has that"
			bad=1
		done
	done
	[ $bad -eq 0 ]
}
check "each call of these rows is made by its job, and each that writes has a row" rows_are_alive
old_kernel() { # before 5.6: no openat2(); some filters of containers say EPERM
	local without
	for without in openat2,renameat2,copy_file_range,clone3:error=ENOSYS openat2:error=EPERM; do
		fresh
		printf '#!/bin/sh\nexec strace -f -qq -o "%s" -e inject=%s -e signal=none "%s" "$@"\n' \
			"$T/trace" "$without" "$ITTS" >"$T/traced"
		(
			PROGRAM=$T/traced
			install
			installed
			# a link that leads out is seen here too
			ln -sfn /etc/passwd "$T/x/hub/models--acme--voice/snapshots/$A/config.json"
			expect 9 itts verify --cache "$T/x/hub" --lock "$T/lock.json"
			prints "leads out"
		)
		grep -q 'openat2(.*INJECTED' "$T/trace"
	done
}
rm_unread() { # what cannot be read is neither absent nor needed by others
	local codec=$T/x/hub/models--acme--codec what=() before
	breaks() { # WHICH DIRECTORY: it breaks off at its WHICH reading
		command strace -f -qq -o "$T/trace" -P "$2" -e trace=getdents64 -e inject=getdents64:error=EIO:when="$1" \
			-e signal=none "$ITTS" rm "${what[@]}" --cache "$T/x/hub" --yes --progress none
	}
	fresh discard
	before=$(picture "$T/x/hub/models--acme--codec")
	for what in "acme/codec@$A" $A; do
		expect 3 breaks 1 "$codec/snapshots"
		one_error
		says "$codec/snapshots: Input/output error"
	done
	what=(acme/codec@main) # it has none, but who knows
	expect 3 breaks 1 "$codec/refs"
	one_error
	says "$codec/refs: Input/output error"
	what=("acme/codec@$A") # each reading but the first, by the first look at all
	expect 3 breaks 3+ "$codec/blobs"
	prints "failed" "blobs: Input/output error"
	same "$(picture "$T/x/hub/models--acme--codec")" "$before"
	expect 0 "$ITTS" rm "${what[@]}" --cache "$T/x/hub" --yes --progress none
	test ! -e "$codec"
}
repair_unread() { # a place that has it and cannot be read is told as such
	local n
	traced() { # WHEN COMMAND OPTIONS...
		command strace -f -qq -o "$T/trace" -P "$T/b.tar" -e trace=pread64 -e inject=pread64:error=EIO:when="$1" \
			-e signal=none "$ITTS" repair --from "$T/b.tar" --lock "$T/lock.json" --cache "$T/x/hub" --offline \
			--progress none "${@:2}"
	}
	fresh repair
	expect 0 traced 60000
	# the last of the thread that copies is of a payload; strace counts for each
	n=$(awk '/pread64\(/ { if (++n[$1] > max) max = n[$1] } END { print max }' "$T/trace")
	fresh repair
	expect 3 traced "$n"
	one_error
	says "is not to be had: $T/b.tar: Input/output error"
	fresh repair
	expect 3 traced "$n" --json
	jq -e '.lacking == 1 and (.items | map(select(.why)) | length == 1)' "$T/out"
	expect 0 repair
	repaired_check
}
check "kernels without openat2" old_kernel
# NFS and many FUSE servers: an edited file is set aside there, too.
no_flags() {
	local file="$T/x/models/m/config.json"
	fresh
	expect 0 install
	rm "$file"
	echo mine >"$file"
	expect 0 strace -f -qq -o "$T/trace" -e trace=renameat2 -e inject=renameat2:error=EINVAL -e signal=none \
		"$ITTS" install "$T/b.tar" --cache "$T/x/hub" --model-dir "$T/x/models" --progress none
	grep -q 'renameat2(.*INJECTED' "$T/trace"
	same "$(cat "$file.orig")" mine
	installed
}
# A server that takes no byte and says nothing is not asked for ever.
takes_nothing() {
	fresh
	expect 3 timeout 30 strace -f -qq -o "$T/trace" -e trace=pwrite64,sendfile -e inject=sendfile:error=EINVAL \
		-e inject=pwrite64:retval=0 -e signal=none "$ITTS" install "$T/b.tar" --cache "$T/x/hub" --progress none
	one_error
	says "No space left on device"
	expect 0 install
	installed
}
# What one visit has put together is of no use once the file has come by another way.
other_way() {
	fresh
	expect 6 "$ITTS" install "$T/stick" --cache "$T/x/hub" --progress none
	test -e "$T/x/hub/$BIG.volumes.itts-part"
	cp "$T/full/$BIG" "$T/x/hub/$BIG"
	expect 0 "$ITTS" install "$T/volumes" --cache "$T/x/hub" --model-dir "$T/x/models" --progress none
	install_volumesed_check
}
no_size() { # mounted without a limit: there is room
	expect 0 unshare -m sh -c 'mkdir "$1/free" && mount -t tmpfs -o size=0 none "$1/free" &&
		"$2" install "$1/b.tar" --cache "$1/free/hub" --progress none' sh "$T" "$ITTS"
}
check "file systems whose rename knows no flags" no_flags
check "a write of nothing" takes_nothing
check "volumes, and the file came by another way between two visits" other_way
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
	check "a file system that does not say how large it is" no_size
fi
check "repair: what cannot be read" repair_unread
check "rm: what cannot be read" rm_unread
sed "s/^/# /" "$T/faults"
finish
