#!/usr/bin/env python3
"""flip.py SECONDS DECOY PATH...: takes each PATH (a directory) away and puts a
symbolic link to DECOY there, back and forth as fast as it can: what another user of
a shared cache would do to a program that follows names. Prints how often."""
import ctypes, os, sys, time

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def exchange(a, b):
    return libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0


def main():
    end = time.monotonic() + float(sys.argv[1])
    decoy, paths = sys.argv[2], sys.argv[3:]
    count = 0
    links = {}
    while time.monotonic() < end:
        for path in paths:
            link = links.get(path)
            if link is None:
                if not os.path.isdir(path):
                    continue
                link = path + ".flip"
                try:
                    os.symlink(decoy, link)
                except FileExistsError:
                    pass
                links[path] = link
            if exchange(path, link):
                count += 1
    for path, link in links.items():
        if os.path.islink(path):
            exchange(path, link)
        if os.path.islink(link):
            os.unlink(link)
    print(count)


main()
