"""kill_fetch.py PROGRAM LOCK HUB LOG CACHE SOURCE COUNT: kills `fetch` with SIGKILL at
COUNT random instants, each run continuing what the one before left, and demands
after each: no name in the cache that its bytes do not deserve (honest.py); a ref or
listing only where all that it promises is there; that a file which had its name is
never asked for again, and that blocks that a journal vouches for are used. Whenever a run ends by itself the whole is compared with
SOURCE and a new cache begun. The seed is printed; ITTS_SEED repeats it."""

import json
import os
import random
import shutil
import subprocess
import sys
import time

import honest

PROGRAM, LOCK, HUB, LOG, CACHE, SOURCE, COUNT = sys.argv[1:]
SEED = int(os.environ.get("ITTS_SEED", time.time_ns() % 1000000))
with open(LOCK, encoding="utf-8") as text:
    REPO = json.load(text)["repos"][0]
FILES = {f["path"]: f.get("etag", f["sha256"]) for f in REPO["files"]}
TOP = os.path.join(CACHE, "models--" + REPO["id"].replace("/", "--"))
BLOCK = 1 << 20  # of a journal
SNAPSHOT = os.path.join(TOP, "snapshots", REPO["commit"])


def die(text):
    sys.exit("seed %d: %s" % (SEED, text))


def finished():
    folder = os.path.join(TOP, "blobs")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return {n for n in names if not n.endswith(".itts-part")}


def asked(since):
    """Paths of files that were asked for from then on: the hub notes a request when it
    has been answered, which may be after the death of the run that made it."""
    with open(LOG, "r+", encoding="utf-8") as log:
        lines = [json.loads(line) for line in log]
        log.truncate(0)
    return [r["path"] for r in lines if r["began"] >= since and
            (r["origin"] == "cdn" or "/resolve" in r["path"])]


def check_no_refetch(had, since):
    paths = asked(since)
    for path, etag in FILES.items():
        if etag in had:
            again = [p for p in paths if etag in p or "/%s/%s" % (REPO["commit"], path) in p]
            if again:
                die("%s was finished and is asked for again: %s" % (path, again))


def check_state():
    for place, why in honest.problems(CACHE):
        die("%s: %s" % (place, why))
    for promise in "refs/main", "trees/%s.json" % REPO["commit"]:
        if os.path.exists(os.path.join(TOP, promise)):
            lacking = [p for p in FILES if not os.path.exists(os.path.join(SNAPSHOT, p))]
            if lacking:
                die("%s is there, %s are not" % (promise, lacking))


def check_complete():
    for path in FILES:
        with open(os.path.join(SOURCE, path), "rb") as a, \
                open(os.path.join(SNAPSHOT, path), "rb") as b:
            if a.read() != b.read():
                die("%s differs" % path)
    with open(os.path.join(TOP, "refs", "main"), encoding="ascii") as ref:
        if ref.read() != REPO["commit"]:
            die("refs/main is wrong")
    left = set(os.listdir(os.path.join(TOP, "blobs"))) ^ set(FILES.values())
    if left:
        die("left over, or lacking: %s" % left)


def vouched():
    """Bytes of blocks in journals of files that are not finished."""
    total = 0
    for path, etag in FILES.items():
        journal = os.path.join(TOP, "blobs", etag + ".journal.itts-part")
        if etag in finished() or not os.path.exists(journal):
            continue
        size, blocks = os.path.getsize(os.path.join(SOURCE, path)), set()
        with open(journal, encoding="ascii") as lines:
            for word, number in (line.split()[:2] for line in lines if line.endswith("\n")):
                if word == "block":
                    blocks.add(int(number))
                elif word == "lost":
                    blocks.discard(int(number))
        total += sum(min(BLOCK, size - i * BLOCK) for i in blocks)
    return total


def run_for(seconds):
    """What it printed, or None: killed after so many seconds. And how long it took."""
    start = time.monotonic()
    run = subprocess.Popen([PROGRAM, "fetch", "--lock", LOCK, "--endpoint", HUB, "--cache", CACHE,
                            "--json", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, text = run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        run.kill()
        run.communicate()
        return None, time.monotonic() - start
    if run.returncode:
        die("status %d: %s" % (run.returncode, text.decode()))
    return json.loads(out), time.monotonic() - start


def complete():
    """The next run finishes what is there, and asks for nothing that is finished."""
    had, since, kept = finished(), time.time(), vouched()
    result, took = run_for(60)
    if result is None:
        die("a run does not end")
    check_no_refetch(had, since)
    if result["resumed_bytes"] < kept:
        die("journals vouch for %d bytes, and %d were used" % (kept, result["resumed_bytes"]))
    check_state()
    check_complete()
    shutil.rmtree(CACHE)
    return took


def main():
    rng = random.Random(SEED)
    print("seed %d" % SEED)
    whole = complete()
    kills, with_parts, with_blobs, next_run = 0, 0, 0, 0
    while kills < int(COUNT):
        had, since = finished(), time.time()
        result, took = run_for(rng.uniform(0, 1.1 * whole))
        check_no_refetch(had, since)
        check_state()
        if result:
            check_complete()
            shutil.rmtree(CACHE)
            whole = min(whole, took) if not had else whole
            continue
        kills += 1
        folder = os.path.join(TOP, "blobs")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        with_parts += any(n.endswith(".itts-part") for n in names)
        with_blobs += bool(finished())
        # most are finished by the next run, some only after several kills
        if rng.random() < 0.4:
            complete()
            next_run += 1
    complete()
    print("%d kills: %d left parts, %d finished files; %d times finished by the next run"
          % (kills, with_parts, with_blobs, next_run + 1))
    if int(COUNT) >= 20 and not (with_parts and (with_blobs or len(FILES) == 1)):
        die("the kills came too early or too late to show anything")


main()
