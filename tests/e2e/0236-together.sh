#!/usr/bin/env bash
# run: first
# Two installers (one of them killed now and then), gc, a reader and verify in one
# cache at the same time: nothing is lost, nothing waits for ever. ITTS_TOGETHER:
# seconds for each of the two (make torture: 300). With a program that was built with
# -fsanitize=thread (make VARIANT=tsan check-e2e E2E=0236) every race ends it.
. "$(dirname "$0")/lib.sh"

need python3 jq
SECONDS_EACH=${ITTS_TOGETHER:-4}
export TSAN_OPTIONS=${TSAN_OPTIONS:-exitcode=66:halt_on_error=1}
A=1111111111111111111111111111111111111111
B=2222222222222222222222222222222222222222
TOP=$T/repos C=$T/hub
R=$C/models--acme--voice
# two releases; most of it is in both
repo "$TOP" acme/voice $A config.json=300 same.bin=1200000 a/old.bin=300000 a/mid.bin=90000
repo "$TOP" acme/voice $B config.json=310 same.bin=1200000 a/new.bin=310000 a/mid.bin=90000
repo "$TOP" acme/other $A other.bin=1500000 more.bin=70000
start_hub hub "$TOP"
make_bundles() {
	local v
	for v in A B; do
		jq -n --arg c "${!v}" '{format: "itts-manifest", version: 1, name: "voice", models: [
			{id: "acme/voice", revision: $c, views: [{files: "*", to: "m/"}]}]}' >"$T/$v.json"
		expect 0 itts lock -m "$T/$v.json" --lock "$T/$v.lock" --endpoint "$hub" --cache "$T/full"
		expect 0 itts pack --lock "$T/$v.lock" --endpoint "$hub" --cache "$T/full" -o "$T/$v.tar"
	done
	mkdir "$T/volumes" "$T/other"
	expect 0 itts pack --offline --lock "$T/B.lock" --cache "$T/full" -o "$T/volumes/v.tar" --volume-size 500K
	expect 0 itts pack acme/other --endpoint "$hub" --cache "$T/full" -o "$T/other/o.tar" --volume-size 500K
}
must make_bundles

# What a client does: refs/main, the snapshot that it names, every file of that. Bytes
# are wrong never. A file lacks only where whoever deletes revisions was allowed to.
cat >"$T/reader.py" <<'PYTHON'
import os, sys, time
repo, top, end, may_lack = sys.argv[1], sys.argv[2], time.monotonic() + float(sys.argv[3]), sys.argv[4] == "may-lack"
reads = 0


def main():
    with open(repo + "/refs/main") as f:
        return f.read()


while time.monotonic() < end:
    ref = main()
    right = "%s/models/acme/voice/%s" % (top, ref)
    for folder, _, names in os.walk(right):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), right)
            with open(os.path.join(right, path), "rb") as f:
                want = f.read()
            try:
                with open("%s/snapshots/%s/%s" % (repo, ref, path), "rb") as f:
                    got = f.read()
            except FileNotFoundError:
                if may_lack:
                    break
                sys.exit("%s lacks %s" % (ref, path))
            if got != want:
                sys.exit("%s has a wrong %s" % (ref, path))
            reads += 1
print(reads, "reads")
sys.exit(reads < 20)
PYTHON

# Each of them until $T/until is gone; what it says of the last time is in its log.
again() { # NAME STATUSES COMMAND...: one of these statuses, within a minute
	local name=$1 allowed=$2 status n=0
	shift 2
	while [ -e "$T/until" ]; do
		status=0
		timeout 60 "$@" >"$T/log/$name.out" 2>"$T/log/$name.err" || status=$?
		case " $allowed " in *" $status "*) ;; *) echo "$name: status $status" >>"$T/wrong" && return ;; esac
		n=$((n + 1))
	done
	echo "$name: $n times"
}
install() { # BUNDLE MODELS
	"$PROGRAM" install "$1" --cache "$C" --model-dir "$T/$2" --progress none
}
killed() { # in the middle, or done: parts are left for others to take up or to delete
	local pid
	rm -f "$C"/models--acme--other/blobs/*
	"$PROGRAM" install "$T/other" --cache "$C" --progress none &
	pid=$!
	sleep "0.0$((RANDOM % 9 + 1))"
	kill -9 $pid 2>/dev/null || true
	wait $pid || true
}
export -f install killed
export PROGRAM C

together() { # READER GC-OPTIONS...
	local may=$1 pid pids=()
	shift
	rm -rf "$C" "$T/m1" "$T/m2" "$T/wrong"
	expect 0 install "$T/A.tar" m1
	expect 0 install "$T/B.tar" m2
	: >"$T/until"
	again first 0 bash -c 'install "$T/A.tar" m1 && install "$T/B.tar" m1' &
	pids+=($!)
	again second 0 bash -c 'install "$T/volumes" m2 && install "$T/A.tar" m2' &
	pids+=($!)
	again killed 0 bash -c killed &
	pids+=($!)
	again gc "0 10" "$PROGRAM" gc --cache "$C" --grace 0 --yes --progress none "$@" &
	pids+=($!)
	[ "$may" = may-lack ] || {
		again verify 0 "$PROGRAM" verify --cache "$C" --lock "$T/A.lock" --progress none &
		pids+=($!)
	}
	python3 "$T/reader.py" "$R" "$TOP" "$SECONDS_EACH" "$may" || echo "the reader" >>"$T/wrong"
	rm "$T/until"
	for pid in "${pids[@]}"; do wait "$pid"; done
	[ ! -s "$T/wrong" ] || {
		cat "$T/wrong"
		tail -n 20 "$T"/log/*.err
		fail "see above"
	}
	# whoever comes last finds a cache in which all is right
	expect 0 install "$T/A.tar" m1
	expect 0 install "$T/B.tar" m2
	expect 0 install "$T/other" m3
	expect 0 itts gc --cache "$C" --grace 0 --yes
	cache_is_honest "$C"
	same "$(find "$C" -name '*.itts-trash' -o -name '*.itts-part')" ""
	for v in A B; do expect 0 itts verify --cache "$C" --lock "$T/$v.lock"; done
	for v in m1 m2; do expect 0 itts verify --model-dir "$T/$v"; done
}

check "gc beside installers: no file lacks at any time" together never-lacks
check "gc that deletes revisions: what an installer has left is whole" together may-lack --detached
finish
