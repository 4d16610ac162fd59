"""bad_options.py PROGRAM DIR SWEEP: starts the program once a row, in DIR, with what
cannot be right. Commands and options are those of its help, so new ones are covered."""
import os
import re
import subprocess
import sys

import bad_run

PROGRAM, DIR, SWEEP = sys.argv[1:4]
DOCUMENTED = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
REPORTS = {("doctor", 1), ("verify", 9)}  # their result is a report, not an error
NUMBERS = ("0", "-1", "1e9", "0x10", "7 ", "99999999999999999999", "x")
LONGEST = 1100  # of a line of error
MAY_BE_0 = {"--retries"}
ENV = bad_run.environment(DIR + "/home")
misfits = rows = 0


def restore(base):
    """What a row that was right after all has made is no help to the next."""
    there = {(top, name) for top, name, *_ in base}
    for top, dirs, files in os.walk(DIR, topdown=False):
        for name in files + dirs:
            if (top, name) not in there:
                (os.rmdir if name in dirs else os.unlink)(os.path.join(top, name))


BASE = bad_run.listing(DIR)


def ask(*args):
    return subprocess.run([PROGRAM, *args], cwd=DIR, env=ENV, check=True,
                          capture_output=True, text=True).stdout


def row(args, wanted=DOCUMENTED, env=None, said=b"", **kw):
    global misfits, rows
    rows += 1
    e = {**ENV, **(env or {})}
    e = {k: v for k, v in e.items() if v is not None}
    try:
        p = subprocess.run([PROGRAM, *args], cwd=DIR, env=e, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=30, check=False, **kw)
    except subprocess.TimeoutExpired:
        print("waits for ever:", args, env)
        misfits += 1
        return
    errors = bad_run.errors(p.stderr)
    wrong = []
    if p.returncode not in wanted:
        wrong.append(f"status {p.returncode}")
    if p.returncode and len(errors) != 1 and (args[0], p.returncode) not in REPORTS:
        wrong.append(f"{len(errors)} error lines")
    if max(map(len, errors), default=0) > LONGEST or (said and said not in b"".join(errors)):
        wrong.append("the message")
    if bad_run.listing(DIR) != BASE:
        if p.returncode:
            wrong.append("the disk has changed")
        restore(BASE)
    if wrong:
        misfits += 1
        print([a[:60] for a in args[:4]], env or "", "--", ", ".join(wrong), p.stderr[-600:])


commands = re.findall(r"^  ([a-z]+)(?: {2,}|$)", ask("--help"), re.M)
options = {}
for command in commands:
    text = ask(command, "--help")
    options[command] = re.findall(r"^  (?:-\w, )?(--[a-z-]+) ([A-Z]+)(?:  |$)", text, re.M)
assert len(commands) > 25 and sum(map(len, options.values())) > 150, (commands, options)
common = set.intersection(*(set(o) for o in options.values()))
assert ("--jobs", "N") in common, common


def own(command):
    """Its own options; those of all commands with two of them are enough."""
    return [o for o in options[command] if o not in common or command in ("fetch", "verify")]


def empty():
    for command in commands:
        row([command, "--nonsense"], {2})
        for name, _ in own(command):
            row([command, name], {2})
            row([command, name + "="], {2})


def nearly():
    """A slip of the hand: what was meant is named. One letter that is none, and words that
    are too many for any command."""
    for command in commands:
        text = ask(command, "--help")
        for name in re.findall(r"^  (?:-\w, )?(--[a-z-]+)(?: |$)", text, re.M):
            row([command, name[:-1] + "z" if len(name) > 6 else name + "z"], {2}, said=b"(did you mean --")
        row([command, "-qX"], {2}, said=b"unknown option -X; see itts-pack help %s" % command.encode())
        row([command] + ["acme/w%d" % i for i in range(1100)], {2}, said=b"is one word too many")


def long():
    """Longer than names, paths and messages can be."""
    for command in commands:
        if command in ("run", "init", "completion", "help", "version"):
            continue
        for name, _ in own(command):
            for size in (300, 5000, 100000):
                row([command, name, "x" * size])
        row([command, "x" * 100000])


def numbers():
    for command in commands:
        for name, value in own(command):
            if value == "N":
                for text in NUMBERS[name in MAY_BE_0:]:
                    row([command, name, text], {2})


def values():
    for command in commands:
        if command in ("run", "watch", "completion", "help", "version"):
            continue
        for name, value in own(command):
            if value == "N":
                continue
            for text in (b"\xff\xfe\x80", b"missing/below/it", b"file/x" if value == "DIR" else b"dir"):
                row([command, name, text])
        row([command, "--cache", "file"])
    for command in ("lock", "fetch", "pack"):
        row([command, "-m", "file"], {7})
        row([command, "-m", "dir"], {3, 7})
    for out in ("dir", "missing/x.tar", "file/x.tar"):
        row(["init", "-o", out], {2, 3, 6})
    for command in ("install", "verify", "inspect", "sign"):
        for path, wanted in (("file", {2, 7}), ("dir", {2, 3, 7}), ("missing", {2, 6})):
            row([command, path], wanted)
    if os.getuid() == 0:
        os.chmod(os.path.dirname(DIR), 0o711)
        for args in (["inspect", "secret"], ["verify", "secret"], ["lock", "-m", "secret"],
                     ["fetch", "--lock", "secret"], ["init", "-o", "x.json"]):
            row(args, {2, 3}, user=65534, group=65534, extra_groups=[])


def environment():
    for env in ({"HOME": None}, {"HF_HOME": ""}, {"HF_HOME": "relative"}, {"HF_HUB_OFFLINE": "maybe"},
                {"HF_HUB_CACHE": "file"}, {"HOME": "file"}, {"HF_HUB_CACHE": "\udcff"}):
        for args in (["fetch", "a/b"], ["ls"], ["verify"], ["gc"], ["env"]):
            if "HF_HUB_OFFLINE" in env:
                args = args + ["--offline"]
            row(args, env=env)
    for name, value in (("HF_ENDPOINT", "garbage"), ("HF_ENDPOINT", "ftp://x"), ("http_proxy", "gopher://x"),
                        ("HF_ENDPOINT", "http://"), ("SSL_CERT_FILE", "missing"),
                        ("HF_TOKEN_PATH", "dir")):
        env = {"HF_HUB_OFFLINE": None, "HF_ENDPOINT": "http://127.0.0.1:9", name: value}
        for args in (["lock", "a/b"], ["mirrors"]):
            row([*args, "--retries", "0"], DOCUMENTED - {0}, env=env)


{"empty": empty, "nearly": nearly, "long": long, "numbers": numbers, "values": values, "environment": environment}[SWEEP]()
print(f"{rows} rows, {misfits} misfits")
sys.exit(misfits > 0)
