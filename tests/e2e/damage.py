"""damage.py PROGRAM BUNDLE WORK SEED [all]: one flipped bit, one cut, one byte more:
verify and install (from the file and from a pipe) must say no, name the file, and
leave nothing wrong under a final name. Prints what was tried; status 1 if not.
Without "all" each case is tried with one of the two, in turn."""

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile

program, bundle, work = sys.argv[1:4]
pick = random.Random(int(sys.argv[4]))
thorough = sys.argv[5:] == ["all"]
turn = 0
with open(bundle, "rb") as f:
    whole = f.read()
case = os.path.join(work, "case.tar")
cache = os.path.join(work, "cache")
failures = []


def regions():
    """[(begin, end, name)] of payloads' bytes."""
    out = []
    with tarfile.open(bundle) as tar:
        members = tar.getmembers()
        paths = {}
        for m in members:
            if m.issym() and "/snapshots/" in m.name and m.name.startswith("hub/"):
                blob = os.path.normpath(os.path.join(os.path.dirname(m.name), m.linkname))
                paths[blob] = re.sub(".*/snapshots/[0-9a-f]*/", "", m.name)
        of = {m.linkname: paths[m.name] for m in reversed(members)
              if m.islnk() and m.name in paths}
        for m in members:
            if m.name in of and m.isreg() and m.size:
                out.append((m.offset_data, m.offset_data + m.size, of[m.name]))
    return out


def wrong_names():
    """What in the cache claims to be what it is not."""
    for top, _, names in os.walk(cache):
        for name in names:
            path = os.path.join(top, name)
            if os.path.basename(top) == "blobs" and re.fullmatch("[0-9a-f]{40,64}", name):
                with open(path, "rb") as f:
                    data = f.read()
                good = hashlib.sha256(data).hexdigest() if len(name) == 64 else \
                    hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                if good != name:
                    yield path
            elif "/refs" in top or "/snapshots" in top:
                yield path


def run(args, stream):
    if not stream:
        return subprocess.run([program] + args + [case], capture_output=True, check=False,
                              close_fds=False)
    with open(case, "rb") as f:
        cat = subprocess.Popen(["cat"], stdin=f, stdout=subprocess.PIPE)
        done = subprocess.run([program] + args + ["-"], stdin=cat.stdout, capture_output=True,
                              check=False)
        cat.stdout.close()
        cat.wait()
    return done


def attempt(what, data, name, allowed, stream):
    global turn
    with open(case, "wb") as f:
        f.write(data)
    turn += 1
    both = (["verify"], ["install", "--cache", cache])
    for args in both if thorough else (both[turn % 2],):
        done = run(args, stream)
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        where = "standard input" if stream else case
        if done.returncode not in allowed:
            failures.append("%s: %s ends with %d: %s" % (what, args[0], done.returncode, said))
        if (name or where) not in said:
            failures.append("%s: %s does not name %s: %s" % (what, args[0], name or where, said))
    wrong = list(wrong_names())
    if wrong:
        failures.append("%s: wrong in the cache: %s" % (what, wrong))
    shutil.rmtree(cache, ignore_errors=True)


def flip(at, name, stream):
    data = bytearray(whole)
    data[at] ^= 1 << pick.randrange(8)
    attempt("bit of byte %d" % at, data, name, (7, 8, 9), stream)


def main():
    payloads = regions()
    inside = bytearray(len(whole))
    for begin, end, _ in payloads:
        inside[begin:end] = b"\1" * (end - begin)
    other = [i for i in range(len(whole)) if not inside[i]]
    # every header byte field is hit by some member: a prime step over all of them
    step = max(1, len(other) // (2000 if thorough else 250))
    flips = other[pick.randrange(step)::step]
    for n, at in enumerate(flips):
        flip(at, None, n % 5 == 0)
    # the fields of the manifest that nothing else follows from
    serial = whole.index(b'"serial":') + 9
    for bit in range(8):
        data = bytearray(whole)
        data[serial] ^= 1 << bit
        attempt("bit %d of serial" % bit, data, None, (7, 8, 9), bit % 2 == 0)
    hits = 0
    total = sum(end - begin for begin, end, _ in payloads)
    while hits < 200:
        at = pick.randrange(total)
        for begin, end, name in payloads:
            if at < end - begin:
                flip(begin + at, name, hits % 5 == 0)
                break
            at -= end - begin
        hits += 1
    head = payloads[0][0]
    cuts = list(range(0, head + 1, 512)) + [pick.randrange(len(whole)) for _ in range(200)] + \
        [len(whole) - n for n in (1, 511, 512, 1024, 10240)]
    for n, size in enumerate(cuts):
        attempt("cut at %d" % size, whole[:size], None, (7, 9), n % 5 == 0)
    for tail in (b"\0", b"x", b"\0" * 512, b"\0" * 10240, whole[:10240]):
        for stream in (False, True):
            attempt("%d bytes more" % len(tail), whole + tail, None, (7, 9), stream)
    print(json.dumps({"flips": len(flips), "payload": hits, "cuts": len(cuts)}))


main()
print("\n".join(failures[:20]))
sys.exit(1 if failures else 0)
