"""kill_bundle.py PROGRAM STORE LOCK BUNDLE WORK KILLS: kill -9 of pack and install
at random instants. After each: nothing partial or wrong under a final name. Every
few kills the command is run to its end: it has to reuse every finished file."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time

program, store, lock, bundle, work = sys.argv[1:6]
kills = int(sys.argv[6])
pick = random.Random(os.environ.get("ITTS_SEED", "kill"))
cache, models, out = (os.path.join(work, n) for n in ("cache", "models", "out"))
with open(lock, encoding="utf-8") as f:
    repos = json.load(f)["repos"]
with open(bundle, "rb") as f:
    right_bundle = f.read()


def fail(text):
    print("FAIL:", text)
    sys.exit(1)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def start(args, stream):
    stdin = subprocess.DEVNULL
    if stream:
        cat = subprocess.Popen(["cat", bundle], stdout=subprocess.PIPE)
        stdin = cat.stdout
    child = subprocess.Popen([program] + args, stdin=stdin, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    if stream:
        cat.stdout.close()
    return child


def to_the_end(args):
    begin = time.monotonic()
    done = subprocess.run([program] + args + ["--json"], capture_output=True, check=False)
    if done.returncode:
        fail("%s: %s" % (args, done.stderr.decode()))
    return json.loads(done.stdout), time.monotonic() - begin


def pack_args():
    return ["pack", "--offline", "--cache", store, "--lock", lock, "-o", os.path.join(out, "b.tar")]


def install_args(source):
    return ["install", source, "--cache", cache, "--model-dir", models]


def check_pack():
    for name in os.listdir(out):
        # the instant between the two names of a complete one
        if name == "b.tar" or (name.startswith(".b.tar.") and name.endswith(".tmp")):
            with open(os.path.join(out, name), "rb") as file:
                if file.read() != right_bundle:
                    fail("a wrong " + name)
        else:
            fail("pack left %s behind" % name)


def finished():
    """Files of the lock whose blob has its name; each has to be right."""
    count = 0
    for repo in repos:
        top = os.path.join(cache, "models--" + repo["id"].replace("/", "--"))
        for entry in repo["files"]:
            blob = os.path.join(top, "blobs", entry.get("etag", entry["sha256"]))
            if os.path.lexists(blob):
                if sha256(blob) != entry["sha256"]:
                    fail("wrong: " + blob)
                count += 1
            link = os.path.join(top, "snapshots", repo["commit"], entry["path"])
            if os.path.lexists(link) and not os.path.exists(link):
                fail("leads nowhere: " + link)
            for view in entry.get("views", []):
                path = os.path.join(models, view)
                if os.path.lexists(path) and sha256(path) != entry["sha256"]:
                    fail("wrong: " + path)
        refs = os.path.join(top, "refs")
        for name in os.listdir(refs) if os.path.isdir(refs) else []:
            with open(os.path.join(refs, name), encoding="ascii") as file:
                if file.read() != repo["commit"]:
                    fail("wrong ref " + name)
            for entry in repo["files"]:
                if not os.path.exists(os.path.join(top, "snapshots", repo["commit"], entry["path"])):
                    fail("a ref, and no " + entry["path"])
    return count


def kill_one(args, length, stream):
    child = start(args, stream)
    time.sleep(pick.random() * 1.1 * length)
    child.kill()
    child.communicate()
    return child.returncode < 0


def main():
    os.makedirs(out)
    _, length = to_the_end(pack_args())
    check_pack()
    hit = 0
    for n in range(kills // 2):
        if n % 4 == 0:
            shutil.rmtree(out)
            os.makedirs(out)
        hit += kill_one(pack_args(), length, False)
        check_pack()
    to_the_end(pack_args())
    check_pack()
    _, length = to_the_end(install_args(bundle))
    reused = 0
    for n in range(kills // 2):
        if n % 4 == 0:
            before = finished()
            report, _ = to_the_end(install_args(bundle))
            if report["had_files"] != before:
                fail("%d files were finished, %d were reused" % (before, report["had_files"]))
            reused += before
            if finished() != sum(len(repo["files"]) for repo in repos):
                fail("not complete")
            shutil.rmtree(cache)
            shutil.rmtree(models)
        stream = n % 2 == 1
        hit += kill_one(install_args("-" if stream else bundle), length, stream)
        finished()
    to_the_end(install_args(bundle))
    left = [n for top, _, names in os.walk(cache) for n in names if "part" in n or "tmp" in n]
    left += [n for top, _, names in os.walk(models) for n in names if "tmp" in n]
    if left:
        fail("left behind: %s" % left)
    if hit < kills // 4:
        fail("only %d of %d were killed before their end" % (hit, kills))
    print("%d kills, %d before the end, %d finished files reused" % (kills, hit, reused))


main()
