"""Lists, audits and quick checks of a cache of 1,000 repositories and 100,000 files."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

from bench import MIB, median, run, verdict

REPOS = 1000
FILES = 100
RUNS = 7
# command, seconds at most (None: no promise), MiB at most
CASES = (
    (["ls"], 0.5, 64),
    (["du"], None, 64),
    (["gc"], None, 64),
    (["verify", "--quick"], 1.0, 64),
    (["verify"], None, 64),
)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def make_repo(top, number):
    repo = os.path.join(top, f"models--acme--model-{number:04d}")
    commit = hashlib.sha1(repo.encode()).hexdigest()
    snapshot = os.path.join(repo, "snapshots", commit)
    os.makedirs(os.path.join(repo, "blobs"))
    os.makedirs(os.path.join(snapshot, "part"))
    write(os.path.join(repo, "refs", "main"), commit)
    for i in range(FILES):
        text = f"{number} {i}\n"
        name = hashlib.sha256(text.encode()).hexdigest()
        write(os.path.join(repo, "blobs", name), text)
        below = f"part/file-{i:03d}.json" if i % 4 else f"file-{i:03d}.json"
        up = "../" * (below.count("/") + 2)
        os.symlink(f"{up}blobs/{name}", os.path.join(snapshot, below))


def main():
    program = os.path.realpath(sys.argv[1])
    top = tempfile.mkdtemp(prefix="itts-bench-cache.")
    cache = os.path.join(top, "hub")
    try:
        for number in range(REPOS):
            make_repo(cache, number)
        os.mkdir(os.path.join(cache, ".locks"))
        print(f"a cache of {REPOS} repositories and {REPOS * FILES} files")
        subprocess.run([program, "verify", "--cache", cache, "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
        for words, seconds, peak in CASES:
            argv = [program, *words, "--cache", cache, "--quiet"]
            runs = [run(argv) for _ in range(RUNS)]
            print(f"  itts-pack {' '.join(words):<16} {median(runs):6.3f} s, CPU "
                  f"{median(runs, 'cpu'):.2f} s, {max(r.peak for r in runs) / MIB:.0f} MiB peak")
            if seconds:
                verdict("seconds", median(runs), seconds)
            verdict("MiB of memory", max(r.peak for r in runs) / MIB, peak)
    finally:
        shutil.rmtree(top)


main()
