"""offline.py CACHE LOCK: looks up every file of the lock as huggingface_hub does
without network, by each ref and by the commit, and ends with status 1 if one is not
found or is another. As read in its source (1.22 and later): hf_hub_download() takes
refs/REVISION as it stands, byte for byte; snapshot_download() by commit needs
trees/COMMIT.json, and every file that it lists has to be in the snapshot."""

import hashlib
import json
import os
import re
import sys


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def commit_of(top, revision):
    if re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    with open(os.path.join(top, "refs", revision), encoding="utf-8") as f:
        return f.read()  # not stripped, as there


def listing(top, commit):
    path = os.path.join(top, "trees", commit + ".json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        tree = json.load(f)
    assert tree["format_version"] == 1, path
    return tree["files"]


def problems(cache, repo):
    top = os.path.join(cache, "%ss--%s" % (repo["type"], repo["id"].replace("/", "--")))
    if not os.path.isdir(os.path.join(top, "refs")):
        yield top, "no refs/: the scanner of npm fails"
    for revision in repo["refs"] + [repo["commit"]]:
        try:
            commit = commit_of(top, revision)
        except OSError:
            yield top, "no refs/" + revision
            continue
        folder = os.path.join(top, "snapshots", commit)
        for entry in repo["files"]:
            path = os.path.join(folder, entry["path"])
            if not os.path.exists(path):
                yield path, "LocalEntryNotFoundError"
            elif digest(path) != entry["sha256"]:
                yield path, "not what the lock says"
        files = listing(top, commit)
        if files is None:
            yield top, "OfflineModeIsEnabled: no listing of " + commit
            continue
        for name, entry in files.items():
            if not os.path.exists(os.path.join(folder, name)):
                yield os.path.join(folder, name), "IncompleteSnapshotError"
            elif os.path.getsize(os.path.join(folder, name)) != entry["size"]:
                yield os.path.join(folder, name), "not the size in the listing"
        for entry in repo["files"]:
            if entry["path"] not in files:
                yield top, "the listing has no " + entry["path"]


with open(sys.argv[2], encoding="utf-8") as lock:
    found = [p for repo in json.load(lock)["repos"] for p in problems(sys.argv[1], repo)]
for place, why in found:
    print("%s: %s" % (place, why))
sys.exit(1 if found else 0)
