#!/usr/bin/env python3
"""Runs a command on a terminal of its own and says what was to be seen there.

    terminal.py [--columns N] [--rows N] [--type KEYS@TEXT]
                [--resize N@TEXT] RECORD COMMAND...

KEYS are typed (^C for Ctrl-C), or the terminal gets N columns, once TEXT has been
printed. Ends with the command's status, 128 + signal where one has ended it.
RECORD gets a JSON document:
    raw      all that was printed
    screen   the lines that stand there at the end, as a terminal shows them
    widest   columns of the longest line that was drawn ...
    later    ... and of those drawn after the change of size
    wrapped  lines that went on in the next one
"""
import argparse
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(.)", re.S)


class Screen:
    """As much of a terminal as the program uses."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.widest = self.wrapped = 0

    def put(self, char):
        if self.column == self.columns:
            self.wrapped += 1
            self.newline()
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + char + line[self.column + 1:]
        self.column += 1
        self.widest = max(self.widest, self.column)

    def newline(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def steer(self, number, letter):
        if letter == "A":
            self.row = max(0, self.row - int(number or 1))
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif letter == "J":
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        elif letter != "m":
            raise ValueError("a sequence that nobody expects: %r%s" % (number, letter))

    def feed(self, text):
        for token in TOKEN.finditer(text):
            char = token.group(3)
            if char is None:
                self.steer(token.group(1), token.group(2))
            elif char == "\r":
                self.column = 0
            elif char == "\n":
                self.newline()
            elif char < " ":
                raise ValueError("a control character: %r" % char)
            else:
                self.put(char)


def set_size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def spawn(command, columns, rows):
    pid, fd = pty.fork()
    if pid == 0:
        set_size(0, columns, rows)
        os.execvp(command[0], command)
    return pid, fd


def read_some(fd, seconds):
    if not select.select([fd], [], [], seconds)[0]:
        return b""
    try:
        return os.read(fd, 65536) or None
    except OSError:
        return None  # the other side is closed


def wish(text):
    what, _, when = text.partition("@")
    return what, when.encode()


def watch(fd, args):
    """All that was printed, and how much of it before the change of size."""
    raw, changed = b"", None
    keys, keys_at = wish(args.type or "@")
    size, size_at = wish(args.resize or "@")
    end = time.monotonic() + 50
    while time.monotonic() < end:
        some = read_some(fd, 1)
        if some is None:
            return raw, changed
        raw += some
        if keys and keys_at in raw:
            os.write(fd, b"\x03" if keys == "^C" else keys.encode())
            keys = ""
        if size and size_at in raw:
            set_size(fd, int(size), args.rows)
            size = ""
            time.sleep(0.3)  # what was drawn for the old size is on its way
            raw += read_some(fd, 0) or b""
            changed = len(raw)
    raise TimeoutError("it does not end")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("record")
    p.add_argument("--columns", type=int, default=80)
    p.add_argument("--rows", type=int, default=24)
    p.add_argument("--type")
    p.add_argument("--resize")
    p.add_argument("command", nargs=argparse.REMAINDER)
    args = p.parse_args()
    pid, fd = spawn(args.command, args.columns, args.rows)
    try:
        raw, changed = watch(fd, args)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    before, after = Screen(args.columns), Screen(10000)
    before.feed(raw[:changed].decode(errors="replace"))
    if changed is not None:
        after.feed(raw[changed:].decode(errors="replace"))
    seen = {"raw": raw.decode(errors="replace"), "widest": before.widest,
            "wrapped": before.wrapped, "later": after.widest,
            "screen": [line.rstrip() for line in before.lines]}
    with open(args.record, "w", encoding="utf-8") as f:
        json.dump(seen, f)
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
