# Power cuts on a loop-mounted file system, sourced by 0223 and 0224. The log of the
# file system is cut ("godown"), the program dies of it, the disk is mounted again.
# ITTS_CUTS: how many (make torture: 300).

need python3 jq xfs_io losetup
need_root
sanitized && skip_gladly "timing with sanitizers"

A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos
DISK=$T/disk
CUTS=${ITTS_CUTS:-15}

power_make_bundles() {
	local v
	repo "$TOP" acme/voice $A config.json=300 shared.bin=6000000 old.bin=2500000 a/b.json=40
	repo "$TOP" acme/voice $B config.json=310 shared.bin=6000000 new.bin=2600000 a/b.json=40
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
	power_pack B -o "$T/volumes/v.tar" --volume-size 2M
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
	rm -f "$T/image"
	truncate -s 320M "$T/image"
	mkfs."$1" -q "$T/image"
}
power_mount() {
	mkdir -p "$DISK"
	mount -o loop "$T/image" "$DISK"
	MOUNTS=$DISK
}
power_umount() {
	umount "$DISK"
	MOUNTS=
}
power_probe() { # ext4|xfs: can this machine do it?
	power_image "$1" && power_mount && xfs_io -x -c shutdown "$DISK" && power_umount
}

job() { # full|thin|volumes|update
	local what=(--cache "$DISK/hub" --model-dir "$DISK/models" --progress none)
	case $1 in
	full) "$PROGRAM" install "$T/B.tar" "${what[@]}" ;;
	thin) "$PROGRAM" install "$T/thin.tar" "${what[@]}" ;;
	update) "$PROGRAM" install "$T/B.tar" "${what[@]}" ;;
	volumes) "$PROGRAM" install "$T/stick" "${what[@]}" || "$PROGRAM" install "$T/volumes" "${what[@]}" ;;
	esac
}
clean_disk() { # JOB: what is there before
	rm -rf "$DISK/hub" "$DISK/models"
	case $1 in
	thin | update) "$PROGRAM" install "$T/A.tar" --cache "$DISK/hub" --model-dir "$DISK/models" \
		--progress none --quiet ;;
	esac
	sync -f "$DISK"
}
whole_time() { # JOB: milliseconds that it takes
	local start end
	clean_disk "$1" && start=$(date +%s%N) && job "$1" >"$T/out" 2>"$T/err"
	end=$(date +%s%N)
	echo $(((end - start) / 1000000))
}

# After the cut: no name that its bytes do not deserve, no empty blob, refs that lead
# to complete snapshots; and what is there is not copied again.
sound() { # JOB
	local blobs had
	[ -d "$DISK/hub" ] || return 0
	cache_is_honest "$DISK/hub"
	! find "$DISK/hub" -path '*/blobs/*' -type f -size 0 ! -name '*.itts-part' ! -name '*.tmp' | grep .
	for ref in "$DISK"/hub/models--*/refs/*; do
		[ -e "$ref" ] || continue
		case $(cat "$ref") in
		"$A" | "$B") ;;
		*) fail "$ref says \"$(cat "$ref")\"" ;;
		esac
		same "$(find -L "${ref%/refs/*}/snapshots/$(cat "$ref")" -type f | wc -l)" 4
	done
}
blobs_of_b() { # how many payloads of B the disk has under their names
	jq -r '.repos[].files[] | .etag // .sha256' "$T/B.lock" | sort -u | while read -r etag; do
		[ ! -e "$DISK/hub/models--acme--voice/blobs/$etag" ] || echo "$etag"
	done | wc -l
}
again() {
	local there
	there=$(blobs_of_b)
	"$PROGRAM" install "$T/B.tar" --cache "$DISK/hub" --model-dir "$DISK/models" --json --quiet \
		>"$T/again" 2>"$T/err" || { show; fail "the rerun fails"; }
	[ "$(jq .had_files "$T/again")" -ge "$there" ] || fail "$there were there: $(cat "$T/again")"
	expect 0 itts verify --cache "$DISK/hub" --lock "$T/B.lock"
	expect 0 itts verify --model-dir "$DISK/models"
}
cut_once() { # JOB MILLISECONDS FLAG
	local pid
	clean_disk "$1"
	(job "$1") >"$T/out" 2>"$T/err" &
	pid=$!
	sleep "$(printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)))"
	# with -f the log reaches the disk and data that nobody has synced does not:
	# names without bytes, if the order is wrong
	xfs_io -x -c "shutdown ${3:-}" "$DISK"
	wait $pid || true
	power_umount
	power_mount
	sound "$1"
	again
}
cuts() { # ext4|xfs
	local i job whole=() at flag
	RANDOM=${ITTS_SEED:-42}
	for job in full thin update volumes; do whole+=("$(whole_time $job)"); done
	for ((i = 0; i < CUTS; i++)); do
		case $((i % 4)) in 0) job=full ;; 1) job=thin ;; 2) job=update ;; 3) job=volumes ;; esac
		at=$((RANDOM * (whole[i % 4] * 11 / 10 + 1) / 32768))
		flag=
		[ $((i / 4 % 2)) -eq 1 ] || flag=-f
		echo "--- cut $i: $job after $at of ${whole[i % 4]} ms $flag"
		cut_once $job $at $flag
	done
	power_umount
}

power_run() { # ext4|xfs
	power_probe "$1" >"$T/log/probe.txt" 2>&1 || skip_all "no loop device with $1 that can be shut down"
	must power_make_bundles
	power_image "$1"
	power_mount
	check "$CUTS power cuts on $1" cuts "$1"
	finish
}
