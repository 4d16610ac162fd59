#!/usr/bin/env bash
# gc under concurrent fetches: rounds in which nothing has a link yet, so that all
# of it looks like garbage; and gc killed at random. ITTS_KILLS: how many rounds.
. "$(dirname "$0")/lib.sh"

need python3 jq
ROUNDS=${ITTS_GC_ROUNDS:-${ITTS_KILLS:-6}}
A=1111111111111111111111111111111111111111
TOP=$T/repos C=$T/cache
R=$C/models--acme--voice
repo "$TOP" acme/voice $A a.bin=30000 b.bin=30001 c.bin=30002 d.json=500 e.json=600
start_hub hub "$TOP"
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"
must itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$C"

# What huggingface_hub does for each file: look for the blob, take the lock,
# download under a name of its own, rename, link.
cat >"$T/python_client.py" <<'PYTHON'
import fcntl, hashlib, os, sys, time
cache, source, commit = sys.argv[1:]
repo = cache + "/models--acme--voice"
locks = cache + "/.locks/models--acme--voice"
os.makedirs(locks, exist_ok=True)
os.makedirs(repo + "/blobs", exist_ok=True)
os.makedirs(f"{repo}/snapshots/{commit}", exist_ok=True)
for name in sorted(os.listdir(source)):
    data = open(f"{source}/{name}", "rb").read()
    etag = (hashlib.sha256(data) if name.endswith(".bin") else
            hashlib.sha1(b"blob %d\0" % len(data) + data)).hexdigest()
    blob, pointer = f"{repo}/blobs/{etag}", f"{repo}/snapshots/{commit}/{name}"
    if os.path.exists(pointer):
        continue
    fd = os.open(f"{locks}/{etag}.lock", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o664)
    had = os.path.exists(blob)
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.05)
    if not had and not os.path.exists(blob):
        temp = f"{blob}.{os.getpid():08x}.incomplete"
        with open(temp, "wb") as f:
            f.write(data)
        os.replace(temp, blob)
    try:
        os.symlink(f"../../blobs/{etag}", pointer)
    except FileExistsError:  # as there: somebody else was as fast, with the same link
        if os.path.realpath(pointer) != os.path.realpath(blob):
            raise
    os.close(fd)
PYTHON

whole() { # every file of the commit is there and right
	local f
	for f in a.bin b.bin c.bin d.json e.json; do
		cmp "$TOP/models/acme/voice/$A/$f" "$R/snapshots/$A/$f"
	done
	cache_is_honest "$C"
}
unlink_all() { rm -rf "${R:?}/snapshots" "${R:?}/refs" "${R:?}/trees"; }
delay() { sleep "0.$(printf %02d $((RANDOM % 25)))"; }

against() { # PROGRAM...: one that fills the cache while gc runs
	local i pid got kept=0
	for ((i = 0; i < ROUNDS; i++)); do
		unlink_all
		"$@" >"$T/log/filler.txt" 2>&1 &
		pid=$!
		delay
		itts gc --cache "$C" --grace 0 --yes --json >"$T/gc.json"
		got=0
		wait $pid || got=$?
		[ $got -eq 0 ] || { cat "$T/log/filler.txt"; fail "round $i: filler ended with $got"; }
		whole
		kept=$((kept + $(jq '[.items[] | select(.state == "needed again" or .state == "in use")] | length' "$T/gc.json")))
	done
	echo "$ROUNDS rounds; gc gave way $kept times"
}
fetch() { "$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$C"; }
client() { python3 "$T/python_client.py" "$C" "$TOP/models/acme/voice/$A" $A; }
both() { fetch & client; wait $!; }

killed() { # gc killed at random, then everything is brought back or fetched again
	local i pid
	for ((i = 0; i < ROUNDS; i++)); do
		rm -f "$R/snapshots/$A/a.bin"
		"$PROGRAM" gc --cache "$C" --grace 0 --yes >"$T/log/gc.txt" 2>&1 &
		pid=$!
		sleep "0.$(printf %03d $((RANDOM % 500)))"
		kill -9 $pid 2>/dev/null || :
		wait $pid || :
		for f in b.bin c.bin d.json e.json; do
			cmp "$TOP/models/acme/voice/$A/$f" "$R/snapshots/$A/$f"
		done
		fetch
		whole
	done
	itts gc --cache "$C" --grace 0 --yes
	test -z "$(find "$C" -name '*.itts-trash')"
	whole
}

check "fetch and gc" against fetch
check "Python's client and gc" against client
check "all three" against both
check "gc killed at random" killed
finish
