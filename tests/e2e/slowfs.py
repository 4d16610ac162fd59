"""A file system (FUSE) of one file, model.safetensors, of zeros, that is as slow as asked.

    slowfs.py DIR SIZE BYTES-A-SECOND

Mounts it on DIR, says so by DIR.ready, and serves it until it is unmounted."""

import ctypes
import errno
import os
import struct
import sys
import time

LOOKUP, FORGET, GETATTR, OPEN, READ, INIT, OPENDIR = 1, 2, 3, 14, 15, 26, 27
SILENT = FORGET, 36, 42  # these get no answer: interrupt, batch forget
CLOSING = 18, 25, 29  # release, flush, releasedir

where, size, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
fd = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
if libc.mount(b"slow", where.encode(), b"fuse", 0, options.encode()):
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
with open(where + ".ready", "w", encoding="ascii"):
    pass


def attributes(inode):
    mode, length = (0o40755, 0) if inode == 1 else (0o100644, size)
    return struct.pack("<6Q10I", inode, length, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(unique, data=b"", failed=0):
    os.write(fd, struct.pack("<IiQ", 16 + len(data), -failed, unique) + data)


while True:
    try:
        message = os.read(fd, 2 << 20)
    except OSError as e:
        if e.errno == errno.ENODEV:
            break
        continue
    _, what, number, node = struct.unpack_from("<IIQQ", message)
    body = message[40:]
    if what == INIT:
        answer(number, struct.pack("<4I2H2I2H8I", 7, 31, 1 << 20, 0, 16, 12, 1 << 20, 1, *[0] * 10))
    elif what == LOOKUP and body.rstrip(b"\0") == b"model.safetensors":
        answer(number, struct.pack("<4Q2I", 2, 0, 3600, 3600, 0, 0) + attributes(2))
    elif what == LOOKUP:
        answer(number, failed=errno.ENOENT)
    elif what == GETATTR:
        answer(number, struct.pack("<Q2I", 3600, 0, 0) + attributes(node))
    elif what in (OPEN, OPENDIR):
        answer(number, struct.pack("<Q2I", 0, 2, 0))
    elif what == READ:
        _, at, count = struct.unpack_from("<QQI", body)
        count = max(0, min(count, size - at))
        time.sleep(count / rate)
        answer(number, bytes(count))
    elif what in CLOSING:
        answer(number)
    elif what not in SILENT:
        answer(number, failed=errno.ENOSYS)
