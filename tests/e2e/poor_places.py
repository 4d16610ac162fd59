"""poor_places.py PROGRAM SCENE HUB SWEEP: every command of the program, each in a copy of
SCENE, once as it should be and then in a poor place: streams that are closed, full or cut,
a directory that is gone, an odd environment. A result that did not arrive is status 3 and
one message; what does not touch a command changes neither its status, nor its output, nor
what it leaves on the disk.

SCENE has l.json, hub (a cache), b.tar, m (a model directory, installed from it), exp.tar
(an export), key (of ssh-keygen), hurt (a cache that lacks a file), home."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import bad_run

PROGRAM, SCENE, HUB, SWEEP = sys.argv[1:5]
PLACE = os.path.dirname(SCENE) + "/place"
ENV = {**bad_run.environment(PLACE + "/home"), "HF_ENDPOINT": HUB, "XDG_STATE_HOME": PLACE + "/home/state"}
del ENV["HF_HUB_OFFLINE"]
# "@" is the copy of SCENE
ROWS = (
    "adopt @/m --lock @/l.json --cache @/new", "completion bash", "doctor --model-dir @/m",
    "du --cache @/hub", "env --cache @/hub", "export acme/voice --cache @/hub -o @/x.tar",
    "export acme/voice --cache @/hub -o -", "fetch --lock @/l.json --cache @/new",
    "gc --cache @/hurt --lock @/l.json --yes", "help", "help pack", "help environment",
    "import @/exp.tar --cache @/new", "init -o @/i.json", "init -o -", "inspect @/b.tar",
    "install @/b.tar --cache @/new --model-dir @/nm", "inventory --cache @/hub",
    "lock acme/voice --cache @/new --lock @/nl.json", "ls --cache @/hub --revisions",
    "mirrors acme/voice", "pack --offline --cache @/hub --lock @/l.json -o @/n.tar",
    "pack --offline --cache @/hub --lock @/l.json -o -",
    "pack acme/voice --cache @/new -o @/v.tar --volume-size 128K", "recipes", "recipes indextts-2",
    "repair --from @/b.tar --cache @/hurt --lock @/l.json", "rm acme/voice --cache @/hub --yes --force",
    "run -- true", "run --model-dir @/m -- sh -c :", "sbom @/b.tar", "sbom @/b.tar -o @/s.json", "scan @/b.tar",
    "sign @/b.tar --key @/key", "verify @/b.tar", "verify --cache @/hub --lock @/l.json",
    "verify --model-dir @/m", "verify @/cut.tar", "version", "--version", "--help", "pack --help", "watch $",
)
# what runs, and how long it took, is not the same twice
VARIES = ("mirrors", "ls", "doctor", "run", "watch", "pack --help", "--help")
misfits = rows = 0


def wrong(what, text):
    global misfits
    misfits += 1
    print(what, "--", text)


def fresh():
    shutil.rmtree(PLACE, ignore_errors=True)
    shutil.copytree(SCENE, PLACE, symlinks=True)


def look():
    """What the place holds; not what quick checks remember, and not the home directory."""
    seen = {}
    for top, dirs, files in os.walk(PLACE):
        for name in dirs + files:
            path = os.path.join(top, name)
            short = os.path.relpath(path, PLACE)
            if "/.locks" in path or short.endswith("/checked") or short.startswith("home"):
                continue
            if os.path.islink(path):
                seen[short] = os.readlink(path)
            elif name in files:
                with open(path, "rb") as f:
                    seen[short] = hashlib.sha256(f.read()).hexdigest()
            else:
                seen[short] = "directory"
    return seen


class Ran:
    pass


def run(row, env=None, how='exec "$@"', cwd=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw):
    """HOW: shell text in front of the program, for what Popen has no word for."""
    global rows
    rows += 1
    r = Ran()
    e = {k: v for k, v in {**ENV, **(env or {})}.items() if v is not None}
    sleeper = None
    if "$" in row:
        sleeper = subprocess.Popen(["sleep", "0.3"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        row = row.replace("$", str(sleeper.pid))
    words = [w.replace("@", PLACE) if not w.startswith("acme") else w for w in row.split()]
    try:
        p = subprocess.run(["/bin/sh", "-c", how, "sh", PROGRAM, *words], cwd=cwd or PLACE, env=e,
                           stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, timeout=60, check=False, **kw)
        r.status, r.out, r.err = p.returncode, p.stdout or b"", p.stderr or b""
    except subprocess.TimeoutExpired:
        r.status, r.out, r.err = "waits", b"", b""
    if sleeper:
        sleeper.wait()
    r.errors = bad_run.errors(r.err)
    r.disk = look()
    return r


def plain(row, **kw):
    fresh()
    r = run(row, **kw)
    if r.status != (9 if "cut.tar" in row else r.status if row.startswith("doctor") else 0):
        wrong(row, "as it should be: status %s %s" % (r.status, r.err.decode()[-300:]))
    return r


def same(what, row, r, good, output=True):
    """As if nothing were odd."""
    if r.status != good.status:
        wrong(what, "status %s, not %s: %s" % (r.status, good.status, r.err.decode(errors="replace")[-400:]))
    if output and not row.startswith(VARIES) and r.out != good.out:
        wrong(what, "another output: %r, not %r" % (r.out[-200:], good.out[-200:]))
    same_disk(what, r, good)


def same_disk(what, r, good):
    for name in sorted(set(r.disk.items()) ^ set(good.disk.items()))[:3]:
        wrong(what, "on the disk: %s" % (name,))


def not_arrived(what, r, good, why, messages=1):
    """The result was not taken: what is on the disk is whole or was not begun."""
    if r.status != 3:
        wrong(what, "status %s, not 3: %s" % (r.status, r.err.decode(errors="replace")[-300:]))
    if len(r.errors) != messages:
        wrong(what, "%d messages: %s" % (len(r.errors), r.err.decode(errors="replace")[-300:]))
    elif messages and not re.search(why, r.errors[0]):
        wrong(what, "does not say why: %s" % r.errors[0])
    fresh()
    before = look()
    if r.disk not in (before, good.disk):
        same_disk(what, r, good)


def variants(row):
    yield row
    if not row.endswith("-o -") and not row.startswith("inventory"):
        yield row.replace(" --", " --json --", 1) if " -- " in row else row + " --json"


def closed():
    for base in ROWS:
        for row in variants(base):
            good = plain(row)
            for shut in ((0,), (1,), (2,), (0, 1, 2)) if row == base else ((1,),):
                fresh()
                how = 'exec "$@"' + "".join((" <&-", " >&-", " 2>&-")[n] for n in shut)
                r = run(row, how=how)
                what = "%s %s" % (row, how[9:])
                if 1 in shut and good.out:
                    not_arrived(what, r, good, b"standard output", 0 if 2 in shut else 1)
                else:
                    same(what, row, r, good, 1 not in shut)


def full():
    for base in ROWS:
        for row in variants(base):
            good = plain(row)
            fresh()
            with open("/dev/full", "wb") as f:
                r = run(row, stdout=f)
                what = row + " >/dev/full"
                (not_arrived(what, r, good, b"(?i)no space left") if good.out else same(what, row, r, good))
                fresh()
                same(row + " 2>/dev/full", row, run(row, stderr=f), good)


def cut():
    """Who closed the pipe knows it; but a bundle that nobody takes is an error."""
    for base in ROWS:
        for row in variants(base):
            good = plain(row)
            for name in ("stdout", "stderr"):
                fresh()
                ends = os.pipe()
                os.close(ends[0])
                r = run(row, **{name: ends[1]})
                os.close(ends[1])
                what = "%s, nobody reads %s" % (row, name)
                if name == "stderr":
                    same(what, row, r, good)
                elif row.startswith("run "):
                    same(what, row, r, good, False)
                elif good.out:
                    not_arrived(what, r, good, b"", 1 if row.endswith("-o -") and row[:4] in ("pack", "expo") else 0)
                else:
                    same(what, row, r, good)


def gone():
    """Absolute names need no working directory."""
    for row in ROWS:
        good = plain(row)
        fresh()
        r = run(row, how='mkdir gone && cd gone && rmdir ../gone && exec "$@"')
        same(row + ", working directory deleted", row, r, good)


def environments():
    home = PLACE + "/home"
    odd = [
        {"LC_ALL": "C", "TZ": "Nowhere/City", "TERM": None}, {"LC_ALL": "POSIX", "TZ": "", "TERM": ""},
        {"LC_ALL": "de_DE.UTF-8", "TZ": ":/etc/passwd", "TERM": "xterm", "NO_COLOR": "1"},
        {"LC_ALL": "xx_XX", "TZ": "A" * 5000, "NO_COLOR": "", "COLUMNS": "1"},
        {"LC_ALL": "", "LANG": "tr_TR.UTF-8", "TMPDIR": "/nowhere"}, {"LC_ALL": None, "LANG": None, "TZ": None},
        {"HOME": None}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": home + "/not/there"}, {"HOME": "/dev/null"},
        {"XDG_" + name: "relative" for name in ("CACHE_HOME", "CONFIG_HOME", "STATE_HOME", "RUNTIME_DIR")},
        {"XDG_" + name: "/dev/null" for name in ("CONFIG_HOME", "STATE_HOME", "RUNTIME_DIR")},
        {"PATH": "/nowhere"}, {"PATH": ""}, {"PATH": None}]
    for row in ROWS:
        good = plain(row)
        for env in odd:
            fresh()
            r = run(row, env=env)
            if env.get("PATH") in ("", "/nowhere") and row.startswith(("sign", "run")):
                if r.status != 6 or len(r.errors) != 1:
                    wrong("%s %s" % (row, env), "status %s: %s" % (r.status, r.err.decode()))
                continue
            same("%s %s" % (row, env), row, r, good)


def masks():
    """What a umask takes from us is an error, or made good; never a wrong success."""
    for row in ROWS:
        good = plain(row)
        for mask in ("0777", "0", "0277"):
            fresh()
            r = run(row, how='umask %s; exec "$@"' % mask)
            same("%s, umask %s" % (row, mask), row, r, good)


{"closed": closed, "full": full, "cut": cut, "gone": gone, "environments": environments, "masks": masks}[SWEEP]()
print(rows, "rows,", misfits, "misfits")
commands = set(re.findall(r"^  ([a-z]+)(?: {2,}|$)", subprocess.run(
    [PROGRAM, "--help"], env=ENV, check=True, capture_output=True, text=True).stdout, re.M))
lacking = commands - {row.split()[0] for row in ROWS}
if lacking:
    wrong("no row for", json.dumps(sorted(lacking)))
sys.exit(misfits > 0)
