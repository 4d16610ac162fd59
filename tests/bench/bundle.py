#!/usr/bin/env python3
"""Create and install a bundle: time, memory and disk, beside other carriers. See
bundle.sh; what is measured and how is bench.py's."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from bench import MIB, SIZE, Store, clear, interleave, median, run, sh, show, verdict

TAG = "bench--model"
CP, OPENSSL = "cp, sync, twice", "openssl dgst, twice"


def ours(program, store, bundle, target):
    return sh('"$1" pack --lock "$2" --cache "$3" --offline -o "$4" --quiet; '
              '"$1" install "$4" --cache "$5" --quiet',
              program, store.lock, store.root, bundle, target)


def peers(store, top, bundle):
    """name -> (what must be there, argv); each makes its archive and unpacks it, and is
    done when all of it is on disk."""
    out, back = os.path.join(top, "peer.out"), os.path.join(top, "peer.back")
    begin, end = 'mkdir "$2" "$3"; cd "$2"; ', '; sync -f "$3"'
    scripts = {
        "tar, zstd -T0": ("zstd", 'tar -C "$1" -cf - . | zstd -q -T0 -o a; zstd -qdc a | tar -C "$3" -xf -'),
        "dar --hash sha512": ("dar", 'dar -Q -q -3 sha512 -R "$1" -c a >&2; dar -Q -q -O -R "$3" -x a >&2'),
        "casync": ("casync", 'casync make --store=a.castr a.caidx "$1"; '
                             'casync extract --store=a.castr a.caidx "$3"'),
        "skopeo": ("skopeo", f'skopeo copy -q "oci:$4:{TAG}" "oci-archive:a.tar:{TAG}"; '
                             f'skopeo copy -q "oci-archive:a.tar:{TAG}" "oci:$3:{TAG}"'),
    }
    image = os.path.join(top, "image")
    if shutil.which("skopeo"):
        run(["skopeo", "copy", "-q", f"oci-archive:{bundle}:{TAG}", f"oci:{image}:{TAG}"])
    return {name: sh(begin + script + end, store.root, out, back, image)
            for name, (needs, script) in scripts.items() if shutil.which(needs)}, [out, back]


def judge(got, names, bar, what):
    verdict(f"pack and install to {what}",
            median(got["itts-pack"]) / max(median(got[n]) for n in names), bar)
    verdict("memory, MiB", median(got["itts-pack"], "peak") / MIB, 64)


def bench_peers(program, top):
    store = Store(top, 5, SIZE)
    bundle, target, copy = (os.path.join(top, n) for n in ("b.tar", "target", "copy"))
    run(ours(program, store, bundle, target))
    cases, made = peers(store, top, bundle)
    got = interleave({
        "itts-pack": ours(program, store, bundle, target),
        # from the store and from there on: as many bytes, as many of them in memory
        CP: sh('d=$1; shift; mkdir "$d" "$d/a" "$d/b"; cp "$@" "$d/a"; sync -f "$d"; '
               'cp "$d"/a/* "$d/b"; sync -f "$d"', copy, *store.blobs),
        OPENSSL: ["openssl", "dgst", "-sha256", *store.blobs, *store.blobs],
        **cases,
    }, lambda name: clear(bundle, target, copy, *made))
    print(f"create and unpack, {store.size // MIB} MiB in 5 files")
    for name, runs in got.items():
        show(name, runs, store.size)
    judge(got, (CP, OPENSSL), 1.1, "the slower of cp and openssl")


class Loop:
    """A file system of its own, as root."""

    def __init__(self, top, kind, size):
        self.image, self.place = os.path.join(top, kind + ".img"), os.path.join(top, kind)
        with open(self.image, "wb") as f:
            f.truncate(size)
        os.mkdir(self.place)
        subprocess.run([f"mkfs.{kind}", "-q", self.image], check=True,
                       stdout=subprocess.DEVNULL)
        # (or the image would be in memory, too, and with it half as much of the files)
        self.device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", self.image],
                                     check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        subprocess.run(["mount", self.device, self.place], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.place], check=False)
        subprocess.run(["losetup", "--detach", self.device], check=False)
        os.unlink(self.image)

    def used(self):
        s = os.statvfs(self.place)
        return (s.f_blocks - s.f_bfree) * s.f_frsize


def peak_use(loop, argv):
    """The most that a command takes of a file system at any time, unnamed files too."""
    before, most, done = loop.used(), [0], threading.Event()

    def watch():
        while not done.wait(0.02):
            most[0] = max(most[0], loop.used() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    run(argv)
    done.set()
    watcher.join()
    return max(most[0], loop.used() - before)


def bench_disk(program, top):
    store = Store(top, 5, SIZE)
    print(f"disk, {store.size // MIB} MiB, on an ext4 of its own for each side")
    # (ext4 keeps a twentieth for root)
    with Loop(top, "ext4", 2 * SIZE * 9 // 8 + 512 * MIB) as loop:
        bundle, target = os.path.join(loop.place, "b.tar"), os.path.join(loop.place, "hub")
        made = peak_use(loop, [program, "pack", "--lock", store.lock, "--cache", store.root,
                               "--offline", "-o", bundle, "--quiet"])
        put = peak_use(loop, [program, "install", bundle, "--cache", target, "--quiet"])
    # headers, lists and the file system's own blocks are the rest
    verdict("peak of pack to the payload", made / store.size, 1.01)
    verdict("peak of install to the payload", put / store.size, 1.01)


def warm(path):
    with open(path, "rb") as f:
        while f.read(8 * MIB):
            pass


def chill(path):
    with open(path, "rb") as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bench_loop(program, top, kind):
    """Where blocks can be shared hashing is all there is to do: of what is in the page cache,
    as everywhere here. The bundle is not, after a pack that has shared: the cold figure."""
    with Loop(top, kind, 4 * SIZE + 1024 * MIB) as loop:
        store = Store(loop.place, 5, SIZE)
        bundle, target = (os.path.join(loop.place, n) for n in ("b.tar", "target"))
        hashing, cold = "openssl, all cores", "install, bundle not in memory"
        install = [program, "install", bundle, "--cache", target, "--quiet"]

        def before(name):
            if name == "pack":
                clear(bundle)
            if name in ("install", cold):
                clear(target)
                (warm if name == "install" else chill)(bundle)
                time.sleep(3)

        got = interleave({
            "pack": [program, "pack", "--lock", store.lock, "--cache", store.root, "--offline",
                     "-o", bundle, "--quiet"],
            "install": install,
            cold: install,
            hashing: sh('printf "%s\\n" "$@" | xargs -P "$(nproc)" -n 1 openssl dgst -sha256',
                        *store.blobs),
        }, before)
        print(f"{kind}, everything on it, {store.size // MIB} MiB in 5 files")
        for name, runs in got.items():
            show(name, runs, store.size)
        for name in ("pack", "install"):
            verdict(f"{name} to hashing on all cores", median(got[name]) / median(got[hashing]), 1.1)
        verdict("memory, MiB", max(median(got[n], "peak") for n in ("pack", "install")) / MIB, 64)
        clear(bundle, target)
        used = loop.used()
        run(ours(program, store, bundle, target))
        os.sync()
        verdict("bundle and cache take, of the payload", (loop.used() - used) / store.size, 0.02)


CASES = {
    "peers": bench_peers,
    "disk": bench_disk,
    "xfs": lambda program, top: bench_loop(program, top, "xfs"),
    "btrfs": lambda program, top: bench_loop(program, top, "btrfs"),
}


def main():
    program = os.path.abspath(sys.argv[1])
    for name in sys.argv[2:] or CASES:
        if name != "peers" and os.geteuid() != 0:
            print(f"{name}: skipped, not root")
        elif name == "btrfs" and not shutil.which("mkfs.btrfs"):
            print(f"{name}: skipped, no mkfs.btrfs (tests/deps.sh)")
        else:
            with tempfile.TemporaryDirectory(prefix="itts-bench.") as top:
                CASES[name](program, top)


if __name__ == "__main__":
    main()
