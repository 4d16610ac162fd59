# Power cuts on a loop-mounted file system, sourced by 0223 and 0224. The log of the
# file system is cut ("godown"), the program dies of it, the disk is mounted again.
# ITTS_CUTS: how many of each job (make torture: 300). ITTS_POWER: which jobs.

need python3 jq xfs_io losetup
need_root
sanitized && skip_gladly "timing with sanitizers"

A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos
DISK=$T/disk
CUTS=${ITTS_CUTS:-3}
JOBS=${ITTS_POWER:-full thin update volumes gc rm}
# images in memory where there is room: only their file systems are tested
IMAGES=$T
if [ "$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -ge 1000000 ] 2>/dev/null; then
	IMAGES=$(mktemp -d /dev/shm/itts-power.XXXXXX)
fi
power_exit() {
	umount -l "$DISK" 2>/dev/null
	at_exit
	rm -rf "$IMAGES"
}
trap power_exit EXIT

power_make_bundles() {
	local v
	repo "$TOP" acme/voice $A config.json=300 shared.bin=2500000 old.bin=1000000 a/b.json=40
	repo "$TOP" acme/voice $B config.json=310 shared.bin=2500000 new.bin=1100000 a/b.json=40
	start_hub hub "$TOP"
	for v in A B; do
		jq -n --arg c "${!v}" '{format: "itts-manifest", version: 1, name: "voice", models: [
			{id: "acme/voice", revision: $c, views: [{files: "*", to: "m/"}]}]}' >"$T/$v.json"
		expect 0 itts lock -m "$T/$v.json" --lock "$T/$v.lock" --endpoint "$hub" --cache "$T/full"
		expect 0 itts fetch --lock "$T/$v.lock" --endpoint "$hub" --cache "$T/full"
		power_pack $v -o "$T/$v.tar"
	done
	power_pack B -o "$T/thin.tar" --for "$T/A.tar"
	mkdir "$T/volumes"
	power_pack B -o "$T/volumes/v.tar" --volume-size 800K
	# one stick without a volume in the middle of the large file
	mkdir "$T/stick"
	cp "$T"/volumes/v.*json "$T"/volumes/v.tar.00[1245] "$T/stick"
}
power_pack() { # A|B OPTIONS
	local v=$1
	shift
	expect 0 itts pack --offline --lock "$T/$v.lock" --cache "$T/full" "$@"
}

power_image() { # ext4|xfs
	rm -f "$IMAGES/disk"
	truncate -s 320M "$IMAGES/disk"
	mkfs."$1" -q "$IMAGES/disk"
}
power_mount() {
	mkdir -p "$DISK"
	mount -o loop "$IMAGES/disk" "$DISK"
}
power_umount() { umount "$DISK"; }
power_probe() { # ext4|xfs: can this machine do it?
	power_image "$1" && power_mount && xfs_io -x -c shutdown "$DISK" && power_umount
}

on_disk() { # COMMAND...: of the program
	local command=$1
	shift
	"$PROGRAM" "$command" "$@" --cache "$DISK/hub" --progress none --json --quiet
}
put() { on_disk install "$@" --model-dir "$DISK/models"; }
job() { # JOB [again]
	case $1 in
	full | update) put "$T/B.tar" ;;
	shared) put "$DISK/B.tar" ;; # nothing is copied where blocks can be shared
	thin) put "$T/thin.tar" ;;
	# at first one volume lacks: status 6
	volumes) { [ -n "${2:-}" ] || put "$T/stick" >/dev/null || [ $? -eq 6 ]; } && put "$T/volumes" ;;
	gc) on_disk gc --detached --grace 0 --yes --lock "$T/B.lock" ;;
	rm) # gc takes up what an interrupted one has left
		on_disk rm acme/voice@$A --yes --lock "$T/B.lock" || { [ $? -eq 6 ] && [ -n "${2:-}" ]; } || return 1
		[ -z "${2:-}" ] || on_disk gc --grace 0 --yes
		;;
	esac
}
REPO=$DISK/hub/models--acme--voice
before() { # JOB: what is there before
	case $1 in
	thin | update) put "$T/A.tar" ;;
	gc | rm) # two revisions, and no model directory that needs the old one
		on_disk install "$T/A.tar"
		on_disk install "$T/B.tar"
		;;
	esac
	case $1 in
	shared) cp "$T/B.tar" "$DISK" ;;
	gc) # and what no revision has
		head -c 70000 /dev/zero >"$REPO/blobs/$(printf %064d 7).itts-part"
		printf orphan >"$REPO/blobs/$(printf orphan | sha256sum | cut -c 1-64)"
		;;
	rm) printf %s $A >"$REPO/refs/old" ;;
	esac
}
prepare() { # ext4|xfs JOB: an image to begin each round with; whole: milliseconds it takes
	local start end i
	power_image "$1"
	power_mount
	before "$2"
	power_umount
	mv "$IMAGES/disk" "$IMAGES/$2"
	whole=99999
	for i in 1 2 3; do # the fastest: a cut behind the end hits nothing
		cp --sparse=always "$IMAGES/$2" "$IMAGES/disk"
		power_mount
		start=$(date +%s%N)
		job "$2" >"$T/out" 2>"$T/err" || { show; fail "$2 fails"; }
		end=$((($(date +%s%N) - start) / 1000000))
		power_umount
		[ "$2" != shared ] || [ "$(jq .shared_bytes "$T/out")" -gt 3000000 ] || fail "nothing is shared"
		[ $end -ge $whole ] || whole=$end
	done
}

# After the cut: no name that its bytes do not deserve, no empty blob, refs that lead
# to complete snapshots.
sound() { # JOB
	local ref
	[ -d "$REPO" ] || return 0
	cache_is_honest "$DISK/hub"
	same "$(find "$REPO/blobs" -type f -size 0 -regextype posix-extended -regex '.*/[0-9a-f]{40,64}')" ""
	for ref in "$REPO"/refs/*; do
		[ -e "$ref" ] || continue
		case $(cat "$ref") in
		"$A" | "$B") ;;
		*) fail "$ref says \"$(cat "$ref")\"" ;;
		esac
		same "$(find -L "$REPO/snapshots/$(cat "$ref")" -type f | wc -l)" 4
	done
	# what goes with gc or rm is A: nothing of B lacks at any time
	case $1 in gc | rm)
		same "$(cat "$REPO/refs/main")" $B
		on_disk verify --lock "$T/B.lock" >"$T/out" 2>"$T/err" || { show; fail "B is harmed"; }
		;;
	esac
}
blobs_of_b() { # payloads of B that the disk has under their names, as files
	local etag
	for etag in $ETAGS; do
		[ ! -e "$REPO/blobs/$etag" ] || stat -c '%i %Y %n' "$REPO/blobs/$etag"
	done
}
again() { # finishes, and does not copy again what is there
	blobs_of_b >"$T/there"
	job "$1" again >"$T/again" 2>"$T/err" || { show; fail "the rerun fails"; }
	blobs_of_b >"$T/now"
	same "$(comm -23 <(sort "$T/there") <(sort "$T/now") | wc -l)" 0
	case $1 in
	gc | rm)
		same "$(find "$REPO" "$DISK/hub/.locks" -name '*.itts-trash')" ""
		test ! -e "$REPO/snapshots/$A"
		same "$(find "$REPO/blobs" -name '*.itts-part')" ""
		same "$(find "$REPO/blobs" -type f | wc -l)" 4
		;;
	*)
		[ "$(jq .had_files "$T/again")" -ge "$(wc -l <"$T/there")" ] ||
			fail "$(wc -l <"$T/there") were there: $(cat "$T/again")"
		expect 0 itts verify --model-dir "$DISK/models" --quiet
		;;
	esac
	expect 0 itts verify --cache "$DISK/hub" --lock "$T/B.lock" --quiet
}
cut_once() { # JOB MILLISECONDS FLAG
	local pid status=0
	cp --sparse=always "$IMAGES/$1" "$IMAGES/disk"
	power_mount
	(job "$1") >"$T/out" 2>"$T/err" &
	pid=$!
	sleep "$(printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)))"
	# with -f the log reaches the disk and data that nobody has synced does not:
	# names without bytes, if the order is wrong
	xfs_io -x -c "shutdown ${3:-}" "$DISK"
	wait $pid || status=$?
	[ $status -eq 0 ] || HIT=$((HIT + 1))
	power_umount
	power_mount
	sound "$1"
	again "$1"
	power_umount
}
cuts() { # ext4|xfs JOB
	local i whole at flag HIT=0 ETAGS
	RANDOM=${ITTS_SEED:-42}
	ETAGS=$(jq -r '.repos[].files[] | .etag // .sha256' "$T/B.lock" | sort -u)
	prepare "$1" "$2"
	for ((i = 0; i < CUTS; i++)); do
		at=$((RANDOM * (whole * 11 / 10 + 1) / 32768))
		# gc and rm wait in their middle: two thirds of the cuts before and after that
		case $2-$((i % 3)) in
		[gr]?-0) at=$((RANDOM % 60)) ;;
		[gr]?-1) at=$((whole - RANDOM % 80)) ;;
		esac
		flag=
		[ $((i % 2)) -eq 1 ] || flag=-f
		echo "--- cut $i: $2 after $at of $whole ms $flag"
		cut_once "$2" $((at > 0 ? at : 0)) $flag
	done
	echo "$2: $HIT of $CUTS cuts ended it" | tee -a "$T/cuts"
	rm -f "$IMAGES/$2"
}

power_run() { # ext4|xfs
	local what
	power_probe "$1" >"$T/log/probe.txt" 2>&1 || skip_all "no loop device with $1 that can be shut down"
	must power_make_bundles
	[ "$1" != xfs ] || [ -n "${ITTS_POWER:-}" ] || JOBS="$JOBS shared"
	for what in $JOBS; do
		check "$CUTS power cuts on $1: $what" cuts "$1" "$what"
	done
	sed 's/^/# /' "$T/cuts" 2>/dev/null
	finish
}
