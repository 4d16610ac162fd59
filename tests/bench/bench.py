#!/usr/bin/env python3
"""Speed as a ratio to a peer that does comparable work on the same bytes.

Each case runs ours and its peers in turn, A B C A B C ..., and compares medians,
so that a machine whose speed drifts slows all of them. Only the standard library.

  bench.py PROGRAM [CASE...]      cases: version pack install verify inspect
  BENCH_MIB=2048  bytes of payload    BENCH_RUNS=5  runs of each
"""
import hashlib
import json
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SIZE = int(os.environ.get("BENCH_MIB", "2048")) * MIB
REPO, COMMIT = "bench/model", "b" * 40
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HF_HUB_OFFLINE": "1",
       "XDG_STATE_HOME": "/proc/none"}


class Run:
    """What the system says of a finished command."""

    def __init__(self, wall, cpu, peak):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def run(argv):
    """With time(1) between us: a child's peak begins at that of its parent."""
    with tempfile.NamedTemporaryFile() as figures:
        timed = ["/usr/bin/time", "-q", "-o", figures.name, "-f", "%U %S %M", *argv]
        start = time.monotonic()
        ended = subprocess.run(timed, env=ENV, stdin=subprocess.DEVNULL, check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wall = time.monotonic() - start
        if ended.returncode:
            sys.exit(f"{' '.join(argv)}: exit status {ended.returncode}\n"
                     f"{ended.stderr.decode()}")
        user, system, peak = figures.read().split()
    return Run(wall, float(user) + float(system), int(peak) * 1024)


class Memory:
    """The host of a virtual machine takes back what is free, within seconds, and the
    first use of such memory can cost more than the work to be measured. So some that
    has just been used is given free while a command runs, faster than it can take it."""

    RATE, STEP = 1536 * MIB, 0.04  # bytes a second; seconds

    def __init__(self, size):
        with open("/proc/meminfo") as f:
            free = next(int(x.split()[1]) << 10 for x in f if x.startswith("MemFree:"))
        self.size = min(size, free * 3 // 4) // (2 * MIB) * (2 * MIB)
        if not hasattr(mmap, "MADV_HUGEPAGE"):
            self.size = 0
        self.ended = threading.Event()
        self.giver = threading.Thread(target=self.give)

    def give(self):
        piece = int(self.RATE * self.STEP) // (2 * MIB) * (2 * MIB)
        for at in range(0, self.size, piece):
            self.memory.madvise(mmap.MADV_DONTNEED, at, min(piece, self.size - at))
            # (a third of a second's worth at once: starting costs nobody anything)
            if at > 8 * piece and self.ended.wait(self.STEP):
                return

    def __enter__(self):
        if self.size > 0:
            self.memory = mmap.mmap(-1, self.size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            self.memory.madvise(mmap.MADV_HUGEPAGE)
            for at in range(0, self.size, 2 * MIB):
                self.memory[at] = 1
            self.giver.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        if self.size > 0:
            self.giver.join()
            self.memory.close()


def interleave(cases, before, memory=3 * SIZE):
    """cases: name -> argv. before(name) clears the way, outside the clock. memory: bytes
    that a case may use, its files included."""
    got = {name: [] for name in cases}
    for turn in range(RUNS + 1):
        for name, argv in cases.items():
            before(name)
            with Memory(memory):
                result = run(argv)
            if turn:  # the first round warms the page cache
                got[name].append(result)
    return got


def median(runs, what="wall"):
    return statistics.median(getattr(r, what) for r in runs)


def show(name, runs, size):
    walls = sorted(r.wall for r in runs)
    print(f"  {name:<28} {median(runs):7.3f} s ({walls[0]:.3f} to {walls[-1]:.3f})"
          f"  {size / MIB / median(runs):6.0f} MiB/s"
          f"  {median(runs, 'cpu') / (size / (1 << 30)):5.2f} CPU s/GiB"
          f"  {median(runs, 'peak') / MIB:4.0f} MiB peak")


def verdict(text, value, bar, at_least=False):
    good = value >= bar if at_least else value <= bar
    print(f"  => {text}: {value:.2f} (bar: {'at least' if at_least else 'at most'} {bar}) "
          f"{'ok' if good else 'MISSED'}")


class Store:
    """A cache with count files of random bytes, as Python's client leaves it."""

    def __init__(self, top, count, size):
        self.root = os.path.join(top, "store")
        self.lock = os.path.join(top, "lock.json")
        self.blobs, self.size = [], 0
        home = os.path.join(self.root, "models--" + REPO.replace("/", "--"))
        snapshot = os.path.join(home, "snapshots", COMMIT)
        for sub in ("blobs", "refs"):
            os.makedirs(os.path.join(home, sub))
        os.makedirs(snapshot)
        files = []
        for i in range(count):
            files.append(self.add(home, snapshot, f"part-{i:02}.bin", size // count))
        with open(os.path.join(home, "refs", "main"), "w") as f:
            f.write(COMMIT)
        self.write_lock(files)

    def add(self, home, snapshot, name, size):
        digest = hashlib.sha256()
        temp = os.path.join(home, "blobs", "new")
        with open(temp, "wb") as f:
            for at in range(0, size, 8 * MIB):
                piece = os.urandom(min(8 * MIB, size - at))
                digest.update(piece)
                f.write(piece)
        hexa = digest.hexdigest()
        blob = os.path.join(home, "blobs", hexa)
        os.rename(temp, blob)
        os.symlink(f"../../blobs/{hexa}", os.path.join(snapshot, name))
        self.blobs.append(blob)
        self.size += size
        return {"path": name, "size": size, "etag": hexa, "sha256": hexa}

    def write_lock(self, files):
        lock = {"format": "itts-lock", "version": 1, "name": "bench",
                "manifest": "sha256:" + hashlib.sha256(b"bench").hexdigest(), "groups": [],
                "repos": [{"id": REPO, "type": "model", "revision": "main",
                           "commit": COMMIT, "refs": ["main"], "files": files}]}
        with open(self.lock, "w") as f:
            json.dump(lock, f)


def clear(*paths):
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    # what earlier runs wrote is not to be paid for by this one
    os.sync()


def slower_of(got, *names):
    return max(median(got[name]) for name in names)


def sh(script, *args):
    return ["sh", "-ec", script, "sh", *args]


def bench_pack(program, top):
    store = Store(top, 5, SIZE)
    out, copy = os.path.join(top, "out.tar"), os.path.join(top, "copy")
    got = interleave({
        "itts-pack pack": [program, "pack", "--lock", store.lock, "--cache", store.root,
                           "--offline", "-o", out, "--quiet"],
        "cp, fsync": sh('mkdir "$0"; cp "$@" "$0"; sync "$0"/*', copy, *store.blobs)[:3]
                     + [copy, *store.blobs],
        "openssl dgst -sha256": ["openssl", "dgst", "-sha256", *store.blobs],
    }, lambda name: clear(out, copy))
    print(f"pack, {store.size // MIB} MiB in 5 files")
    for name, runs in got.items():
        show(name, runs, store.size)
    verdict("to the slower of the two",
            median(got["itts-pack pack"]) / slower_of(got, "cp, fsync", "openssl dgst -sha256"), 1.25)


def bench_install(program, top):
    store = Store(top, 5, SIZE)
    bundle, target = os.path.join(top, "in.tar"), os.path.join(top, "target")
    copy = os.path.join(top, "copy.tar")
    run([program, "pack", "--lock", store.lock, "--cache", store.root, "--offline",
         "-o", bundle, "--quiet"])
    got = interleave({
        "itts-pack install": [program, "install", bundle, "--cache", target, "--quiet"],
        "cp, fsync": sh('cp "$1" "$0"; sync "$0"', bundle)[:3] + [copy, bundle],
        "openssl dgst -sha256": ["openssl", "dgst", "-sha256", bundle],
    }, lambda name: clear(target, copy))
    print(f"install, {store.size // MIB} MiB in 5 files, from a local file")
    for name, runs in got.items():
        show(name, runs, store.size)
    verdict("to the slower of the two",
            median(got["itts-pack install"]) / slower_of(got, "cp, fsync", "openssl dgst -sha256"), 1.25)


def bench_verify(program, top):
    store = Store(top, 20, SIZE)
    sums = os.path.join(top, "sums")
    with open(sums, "w") as f:
        for blob in store.blobs:
            f.write(f"{os.path.basename(blob)}  {blob}\n")
    got = interleave({
        "itts-pack verify": [program, "verify", "--cache", store.root, "--quiet"],
        "openssl dgst -sha256": ["openssl", "dgst", "-sha256", *store.blobs],
        "sha256sum -c": ["sha256sum", "-c", "--quiet", sums],
    }, lambda name: None)
    print(f"verify, {store.size // MIB} MiB in 20 files, {os.cpu_count()} cores")
    for name, runs in got.items():
        show(name, runs, store.size)
    ours = median(got["itts-pack verify"])
    verdict("times the rate of openssl", median(got["openssl dgst -sha256"]) / ours, 1.8, True)
    verdict("times the rate of sha256sum -c", median(got["sha256sum -c"]) / ours, 3, True)


def bytes_read(argv, top):
    trace = os.path.join(top, "trace")
    run(["strace", "-f", "-o", trace, "-e", "trace=read,pread64,readv,preadv", *argv])
    total = 0
    with open(trace) as f:
        for line in f:
            result = line.rsplit("=", 1)[-1].split()
            if "(" in line and result and result[0].isdigit():
                total += int(result[0])
    return total


def bench_inspect(program, top):
    """A bundle of 9 GiB of nothing: only its first bytes may be looked at."""
    store = Store(top, 1, 4 * MIB)
    size, digest, zeros = 9 << 30, hashlib.sha256(), bytes(8 * MIB)
    for _ in range(0, size, len(zeros)):
        digest.update(zeros)
    hexa = digest.hexdigest()
    home = os.path.join(store.root, "models--" + REPO.replace("/", "--"))
    with open(os.path.join(home, "blobs", hexa), "wb") as f:
        f.truncate(size)
    store.write_lock([{"path": "zeros.bin", "size": size, "etag": hexa, "sha256": hexa}])
    bundle = os.path.join(top, "big.tar")
    run([program, "pack", "--lock", store.lock, "--cache", store.root, "--offline",
         "-o", bundle, "--quiet"])
    inspect = [program, "inspect", bundle]
    got = interleave({"itts-pack inspect": inspect, "true": ["true"]}, lambda name: None,
                     0)
    print("inspect, a bundle of 9 GiB")
    show("itts-pack inspect", got["itts-pack inspect"], size)
    verdict("ms", median(got["itts-pack inspect"]) * 1000, 20)
    verdict("MiB read", bytes_read(inspect, top) / MIB, 1)


def bench_version(program, top):
    got = interleave({"itts-pack --version": [program, "--version"], "true": ["true"]},
                     lambda name: None, 0)
    print("--version")
    verdict("ms", median(got["itts-pack --version"]) * 1000, 20)
    print(f"     (true: {median(got['true']) * 1000:.2f} ms)")


CASES = {"version": bench_version, "verify": bench_verify, "pack": bench_pack,
         "install": bench_install, "inspect": bench_inspect}


def main():
    program = os.path.realpath(sys.argv[1])
    for name in sys.argv[2:] or CASES:
        top = tempfile.mkdtemp(prefix="itts-bench.", dir=os.environ.get("TMPDIR", "/tmp"))
        try:
            CASES[name](program, top)
        finally:
            shutil.rmtree(top)


if __name__ == "__main__":
    main()
