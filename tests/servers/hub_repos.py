"""Repositories of the local hub: DIR/models/ORG/NAME/REVISION/files...

REVISION is a 40-hex commit id, or a branch name, which gets an id made from its
content. NAME/hub.json (all keys optional):
  refs     {"main": COMMIT, "v1.0": COMMIT, "refs/pr/1": COMMIT}
  lfs      globs of files stored by LFS whatever their size (default: weights)
  private, gated ("auto"), disabled, moved ("new/id")
  submodules  {"vendor/x": TYPE}: what a tree calls each; "": no tree shows it. Among
              the siblings they stand as git lists them, with the files
"""

import fnmatch
import hashlib
import json
import os
import re
import threading

TYPES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}
COMMIT = re.compile(r"[0-9a-f]{40}")
LFS_GLOBS = ["*.safetensors", "*.pth", "*.pt", "*.bin", "*.model", "*.wav", "*.gguf",
             "*/tokenizer.json", "*.tiktoken"]


class HubFile:
    """One file of a commit; digests are computed when first asked for."""

    def __init__(self, path, place, lfs):
        self.path, self.place, self.is_lfs = path, place, lfs
        self.size = os.stat(place).st_size
        self.lock = threading.Lock()
        self.digests = None

    def hashes(self):
        with self.lock:
            if self.digests is None:
                sha256 = hashlib.sha256()
                sha1 = hashlib.sha1(b"blob %d\0" % self.size)
                with open(self.place, "rb") as f:
                    for data in iter(lambda: f.read(1 << 20), b""):
                        sha256.update(data)
                        if not self.is_lfs:
                            sha1.update(data)
                self.digests = sha256.hexdigest(), sha1.hexdigest()
        return self.digests

    @property
    def sha256(self):
        return self.hashes()[0]

    @property
    def pointer(self):
        return ("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
                % (self.sha256, self.size)).encode()

    @property
    def oid(self):
        """The id of the git object: of the pointer, for LFS files."""
        if self.is_lfs:
            text = self.pointer
            return hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest()
        return self.hashes()[1]

    @property
    def etag(self):
        return self.sha256 if self.is_lfs else self.oid

    @property
    def xet(self):
        """Stands in for the Xet hash: 64 hex digits that are no SHA-256 of it."""
        return hashlib.sha256(b"xet" + self.sha256.encode()).hexdigest()

    def tree_entry(self, expand, commit):
        entry = {"type": "file", "oid": self.oid, "size": self.size, "path": self.path}
        if self.is_lfs:
            entry["lfs"] = {"oid": self.sha256, "size": self.size,
                            "pointerSize": len(self.pointer)}
            entry["xetHash"] = self.xet
        if expand:
            entry["lastCommit"] = {"id": commit, "title": "Upload",
                                   "date": "2026-01-01T00:00:00.000Z"}
            entry["securityFileStatus"] = {"status": "safe"}
        return entry

    def sibling(self, blobs):
        entry = {"rfilename": self.path}
        if blobs:
            entry.update(size=self.size, blobId=self.oid)
            if self.is_lfs:
                entry["lfs"] = {"sha256": self.sha256, "size": self.size,
                                "pointerSize": len(self.pointer)}
        return entry


class Submodule:
    """A commit of elsewhere."""

    def __init__(self, path, kind):
        self.path, self.kind = path, kind

    def tree_entry(self, expand, commit):
        return {"type": self.kind, "oid": hashlib.sha1(self.path.encode()).hexdigest(),
                "size": 0, "path": self.path}


class Repo:
    def __init__(self, kind, repo_id, folder):
        self.kind, self.id, self.folder = kind, repo_id, folder
        self.lock = threading.Lock()
        self.listings = {}
        self.settings = {}
        settings = os.path.join(folder, "hub.json")
        if os.path.exists(settings):
            with open(settings, encoding="utf-8") as f:
                self.settings = json.load(f)
        self.submodules = {p: Submodule(p, k)
                           for p, k in self.settings.get("submodules", {}).items()}
        self.commits = {}  # id -> folder
        names = sorted(n for n in os.listdir(folder) if n != "hub.json")
        self.refs = {}
        for name in names:
            place = os.path.join(folder, name)
            commit = name if COMMIT.fullmatch(name) else self.commit_of(place)
            self.commits[commit] = place
            if commit != name:
                self.refs[name] = commit
        if len(self.commits) == 1:
            self.refs.setdefault("main", next(iter(self.commits)))
        self.refs.update(self.settings.get("refs", {}))

    @staticmethod
    def commit_of(place):
        h = hashlib.sha1()
        for path, full in walk(place):
            with open(full, "rb") as f:
                h.update(path.encode() + b"\0" + f.read(1 << 20))
        return h.hexdigest()

    def resolve(self, revision):
        """A commit id, or None: branch, tag, refs/..., HEAD, whole or short id."""
        if revision == "HEAD":
            revision = "main"
        revision = self.refs.get(revision, revision)
        if revision in self.commits:
            return revision
        found = [c for c in self.commits if c.startswith(revision)]
        return found[0] if len(revision) >= 7 and len(found) == 1 else None

    def files(self, commit):
        """{path: HubFile} of a commit, sorted by path."""
        with self.lock:
            if commit not in self.listings:
                globs = self.settings.get("lfs", LFS_GLOBS)
                self.listings[commit] = {
                    path: HubFile(path, full, any(fnmatch.fnmatchcase(path, g) for g in globs))
                    for path, full in walk(self.commits[commit])}
            return self.listings[commit]


def walk(top):
    """(path with '/', full name) of all files below top, sorted by path."""
    found = []
    for folder, _, names in os.walk(top):
        for name in names:
            full = os.path.join(folder, name)
            found.append((os.path.relpath(full, top).replace(os.sep, "/"), full))
    return sorted(found)


def load(root):
    """{(kind, id): Repo} of everything below root."""
    repos = {}
    for kind in TYPES:
        top = os.path.join(root, kind)
        for org in sorted(os.listdir(top)) if os.path.isdir(top) else []:
            for name in sorted(os.listdir(os.path.join(top, org))):
                repo_id = org + "/" + name
                repos[kind, repo_id] = Repo(kind, repo_id, os.path.join(top, org, name))
    return repos


def tree(files, below, recursive):
    """Paths of a listing: (directory names, files), or None if below is absent."""
    prefix = below + "/" if below else ""
    inside = [f for p, f in files.items() if p.startswith(prefix)]
    if below and not inside:
        return None
    folders, shown = set(), []
    for f in inside:
        parts = f.path[len(prefix):].split("/")
        depth = len(parts) if recursive else min(2, len(parts))
        folders.update(prefix + "/".join(parts[:i]) for i in range(1, depth))
        if recursive or len(parts) == 1:
            shown.append(f)
    return sorted(folders), shown
