"""doctor on complete model directories: each family and layout, with its environment."""
import os
import shutil
import subprocess
import sys
import tempfile

from bench import MIB, RUNS, median, run, verdict

SECONDS, PEAK = 0.2, 64
TREES = (
    ("IndexTTS-2, both layouts", ["--family", "2"]),
    ("IndexTTS-2, as of v2.0.0", ["--family", "2", "--program", "old", "--layout", "hub"]),
    ("IndexTTS-2.5", ["--family", "2.5"]),
    ("IndexTTS-1.5", ["--family", "1.5"]),
)
PACKAGES = ("torch=2.8.0", "transformers=4.52.1", "tokenizers=0.21.0", "safetensors=0.5.2")


def main():
    program = os.path.realpath(sys.argv[1])
    maker = os.path.join(os.path.dirname(__file__), "../e2e/model_tree.py")
    top = tempfile.mkdtemp(prefix="itts-bench-doctor.")
    venv = os.path.join(top, "venv")
    try:
        # an environment is some 200 packages
        more = [f"package{i}=1.{i}" for i in range(200)]
        subprocess.run([sys.executable, maker, "--venv", venv, *PACKAGES, *more], check=True)
        for number, (name, options) in enumerate(TREES):
            tree = os.path.join(top, str(number))
            subprocess.run([sys.executable, maker, tree, *options], check=True)
            # (the machine's own memory is no matter: its exit status is let go)
            argv = ["sh", "-c", 'cd "$1" && { "$2" doctor --venv "$3" || :; }', "sh",
                    tree, program, venv]
            runs = [run(argv) for _ in range(2 * RUNS + 1)]
            print(f"  doctor, {name:<26} {median(runs):6.3f} s, "
                  f"{max(r.peak for r in runs) / MIB:.0f} MiB peak")
            verdict("seconds", median(runs), SECONDS)
            verdict("MiB of memory", max(r.peak for r in runs) / MIB, PEAK)
    finally:
        shutil.rmtree(top)


main()
