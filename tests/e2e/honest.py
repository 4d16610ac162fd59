"""honest.py CACHE...: ends with status 1 if a name in a Hub cache claims what its
bytes are not. Parts of unfinished downloads have names of their own and are fine."""

import hashlib
import os
import re
import sys

NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
PART = re.compile(r".*\.(itts-part|itts-trash|incomplete|itts-tmp[^/]*)")


def digest(path, name):
    with open(path, "rb") as f:
        data = f.read()
    if len(name) == 64:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def problems(cache):
    for top, folders, names in os.walk(cache):
        part = os.path.relpath(top, cache).split(os.sep)
        if not part[0].startswith(("models--", "datasets--", "spaces--")) or len(part) < 2:
            continue
        for name in names:
            path = os.path.join(top, name)
            if part[1] == "blobs":
                if NAME.fullmatch(name) and digest(path, name) != name:
                    yield path, "blob is not what its name says"
                elif not NAME.fullmatch(name) and not PART.fullmatch(name) \
                        and not name.startswith("."):
                    yield path, "strange name"
            elif part[1] == "snapshots":
                if not os.path.exists(path):
                    yield path, "leads nowhere"
                elif os.path.islink(path) and os.path.basename(os.path.dirname(
                        os.path.realpath(path))) != "blobs":
                    yield path, "leads to no blob"
            elif part[1] == "refs":
                with open(path, "rb") as f:
                    commit = f.read()
                if not re.fullmatch(rb"[0-9a-f]{40}", commit):
                    yield path, "no commit"
                elif not os.path.isdir(os.path.join(cache, part[0], "snapshots",
                                                    commit.decode())):
                    yield path, "snapshot of it is not there"


def main():
    found = [p for cache in sys.argv[1:] for p in problems(cache)]
    for place, why in found:
        print("%s: %s" % (place, why))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
