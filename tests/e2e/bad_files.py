"""bad_files.py PROGRAM DIR: every command that takes a file, with what is no such file.
DIR has good.tar, good.lock, good.json (a manifest), good.pub (allowed signers), hub (a
cache) and models (a model directory). One error that names the file, a status of the
right class, nothing on standard output, nothing changed, no waiting."""
import hashlib
import os
import subprocess
import sys

import bad_run

PROGRAM, DIR = sys.argv[1:3]
ENV = bad_run.environment(DIR + "/home")
NOBODY = 65534
FILES = ("missing", "dir", "empty", "binary", "sparse", "dangling", "loop", "below", "secret",
         "zeros", "text")
# What is said of each kind, whatever it should have been.
STATUS = {"missing": {6}, "dangling": {6}, "loop": {3, 6, 7}, "below": {3, 6}, "secret": {3},
          "dir": {2, 3, 6, 7}}
MALFORMED = {2, 7}
# Arguments with "@" where the file stands; more statuses that are right there.
ROWS = (
    ("lock -m @ --lock out/new.lock", ()), ("fetch -m @ --lock out/new.lock", ()),
    ("fetch --lock @", (2,)), ("pack --offline --lock @ -o out/new.tar", (2,)),
    ("pack --offline --lock good.lock --cache hub -o out/new.tar --for @", ()),
    ("pack --offline --lock good.lock --cache hub -o out/new.tar --installer @", ()),
    ("inspect @", ()), ("verify @", ()), ("verify --lock @ --cache hub", ()),
    ("install @ --cache new", ()), ("install --import @ --cache new", ()),
    ("install good.tar --cache new --policy @", ()),
    ("install good.tar --cache new --allowed-signers @", (8, 9)),
    ("install good.tar --cache new --allowed-signers good.pub --revoked @", (8,)),
    ("install good.tar --cache new --allowed-signers good.pub --signature @", (8,)),
    ("verify good.tar --allowed-signers @", (8, 9)), ("sign @ --key key", ()),
    ("sbom --lock @ -o out/new.sbom", ()), ("sbom @ -o out/new.sbom", ()),
    ("import @ --cache new", ()), ("repair --from @ --cache hub --lock good.lock", ()),
    ("scan @", ()), ("doctor --log @", ()),
)
CONTENT = ("empty", "binary", "sparse", "zeros", "text")
# Any bytes are right there; a directory may be scanned; nobody may have been revoked.
RIGHT = {"scan @": CONTENT + ("dir",), "doctor --log @": CONTENT,
         "install good.tar --cache new --allowed-signers good.pub --revoked @": ("empty",)}


def make():
    os.makedirs("dir")
    os.makedirs("out")
    os.chmod("out", 0o777)
    open("empty", "w").close()
    with open("binary", "wb") as f:
        f.write(b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(300)))
    with open("sparse", "wb") as f:
        f.truncate(20 << 30)
    with open("zeros", "wb") as f:
        f.write(bytes(8192))
    with open("text", "w", encoding="ascii") as f:
        f.write("just a text\n" * 50)
    os.symlink("nowhere", "dangling")
    os.symlink("loop", "loop")
    with open("secret", "w", encoding="ascii") as f:
        f.write("{}")
    os.chmod("secret", 0)


def look(command, kind, more):
    path = "empty/x" if kind == "below" else kind
    words = [path if w == "@" else w for w in command.split()]
    wanted = STATUS.get(kind, MALFORMED) | set(more)
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if kind == "secret" and os.geteuid() == 0 else {}
    try:
        p = subprocess.run([PROGRAM, *words, "--progress", "none"], env=ENV, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=20, check=False, **who)
    except subprocess.TimeoutExpired:
        return ["waits"]
    errors = bad_run.errors(p.stderr)
    wrong = []
    if p.returncode not in wanted:
        wrong.append(f"status {p.returncode}")
    if len(errors) != 1:
        wrong.append(f"{len(errors)} errors")
    elif path.encode() not in errors[0]:
        wrong.append("no name")
    if p.stdout:
        wrong.append("says something on stdout")
    return [", ".join(wrong) + "\n    " + p.stderr.decode(errors="replace")[-300:].replace("\n", "\n    ")
            + p.stdout.decode(errors="replace")[:200]] if wrong else []


os.chdir(DIR)
make()
base = bad_run.listing(".")
misfits = rows = 0
for command, more in ROWS:
    for kind in FILES:
        if kind in RIGHT.get(command, ()):
            continue
        rows += 1
        found = look(command, kind, more)
        now = bad_run.listing(".")
        if now != base:
            found.append("the disk has changed: %s" % sorted(set(now) ^ set(base))[:3])
            base = now
        for text in found:
            misfits += 1
            print(command.replace("@", kind), "--", text)
print(rows, "rows")
sys.exit(misfits > 0)
