"""Starts a server for the tests of it."""

import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def start(case, script, *options):
    """What the server says when it is ready. It ends with the class of the tests."""
    ready = os.path.join(tempfile.mkdtemp(dir=case.dir), "ready")
    process = subprocess.Popen([sys.executable, os.path.join(HERE, script), "--ready", ready,
                                *options], stdout=subprocess.DEVNULL)
    case.addClassCleanup(process.wait)
    case.addClassCleanup(process.kill)
    deadline = time.monotonic() + 10
    while not os.path.exists(ready) and time.monotonic() < deadline:
        time.sleep(0.02)
    with open(ready, encoding="utf-8") as f:
        return json.load(f)
