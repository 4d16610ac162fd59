"""Tests of the fault server over real sockets: each fault is what it says."""

import gzip
import http.client
import json
import os
import shutil
import tempfile
import time
import unittest

from starting import start
from test_hub import request

DATA = bytes(range(256)) * 40


class Fault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        with open(os.path.join(cls.dir, "file"), "wb") as f:
            f.write(DATA)
        cls.origin = cls.start("--file", os.path.join(cls.dir, "file"))
        cls.proxy = cls.start("--upstream", cls.origin)

    @classmethod
    def start(cls, *options):
        return start(cls, "fault.py", *options)["fault"]

    def rule(self, fault, **more):
        rules = [dict(more, path="^/f", fault=fault)]
        request(self.proxy + "/setup", "POST", json.dumps({"rules": rules}))

    def get(self, **headers):
        return request(self.proxy + "/f", **headers)

    def test_connect(self):
        """As a proxy: what a rule says in place of a tunnel."""
        for fault, status, more in (("status", 407, {"status": 407}), ("html", 200, {})):
            rules = [dict(more, path="^host:443$", fault=fault)]
            request(self.proxy + "/setup", "POST", json.dumps({"rules": rules}))
            link = http.client.HTTPConnection(self.proxy.split("//")[1], timeout=10)
            link.request("CONNECT", "host:443")
            res = link.getresponse()
            self.assertEqual(res.status, status)
            if fault == "html":
                self.assertIn(b"<html>", res.read())
            link.close()

    def test_none_and_summary(self):
        self.rule("drop", count=0)
        self.assertEqual(self.get().body, DATA)
        res = self.get(Range="bytes=10-19")
        self.assertEqual((res.status, res.body), (206, DATA[10:20]))
        self.assertEqual(self.get(Range="bytes=99999-").status, 416)
        self.rule("status", status=503, count=1)
        self.get()
        summary = json.loads(request(self.proxy + "/summary").body)
        self.assertEqual(summary["rules"][0]["hits"], 1)

    def test_status_with_count(self):
        self.rule("status", status=429, headers={"Retry-After": "2"}, count=2)
        self.assertEqual([self.get().status for _ in range(3)], [429, 429, 200])

    def test_cut_and_drop(self):
        self.rule("cut", after=100)
        with self.assertRaises(http.client.IncompleteRead) as e:
            self.get()
        self.assertEqual(e.exception.partial, DATA[:100])
        self.rule("drop")
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
            self.get()

    def test_cut_at(self):
        self.rule("cut", at=1000)
        for begin in (0, 600):
            with self.assertRaises(http.client.IncompleteRead) as e:
                self.get(Range="bytes=%d-" % begin)
            self.assertEqual(e.exception.partial, DATA[begin:1000])
        self.assertEqual(self.get(Range="bytes=1001-").body, DATA[1001:])
        self.rule("cut", at=1000, whole=True)
        with self.assertRaises(http.client.IncompleteRead) as e:
            self.get(Range="bytes=1001-")
        self.assertEqual(e.exception.partial, DATA[:1000])

    def test_other(self):
        self.rule("other", count=1)
        res = self.get()
        self.assertEqual(len(res.body), len(DATA))
        self.assertNotEqual(res.body, DATA)
        self.assertEqual(res.getheader("ETag"), '"another"')
        self.assertEqual(self.get().body, DATA)

    def test_stall(self):
        self.rule("stall", after=100, seconds=0.3)
        start = time.monotonic()
        with self.assertRaises(http.client.IncompleteRead):
            self.get()
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_slow(self):
        self.rule("slow", rate=40960)
        start = time.monotonic()
        self.assertEqual(self.get().body, DATA)
        self.assertGreater(time.monotonic() - start, 0.2)

    def test_flip(self):
        self.rule("flip", at=1000)
        body = self.get().body
        self.assertEqual([i for i in range(len(DATA)) if body[i] != DATA[i]], [1000])
        self.assertNotEqual(self.get(Range="bytes=900-").body, DATA[900:])
        self.assertEqual(self.get(Range="bytes=1001-").body, DATA[1001:])

    def test_length(self):
        self.rule("length", delta=5)
        self.assertEqual(len(self.get().body), len(DATA) + 5)
        self.rule("length", delta=-5)
        self.assertEqual(self.get().body, DATA[:-5])

    def test_endless(self):
        self.rule("endless")
        link = http.client.HTTPConnection(self.proxy[7:], timeout=10)
        link.request("GET", "/f")
        res = link.getresponse()
        self.assertEqual(len(res.read(1 << 20)), 1 << 20)
        self.assertIsNone(res.getheader("Content-Length"))
        link.close()

    def test_chunked(self):
        self.rule("chunked")
        res = self.get(Range="bytes=10-")
        self.assertEqual((res.status, res.body), (206, DATA[10:]))
        self.assertIsNone(res.getheader("Content-Length"))
        self.rule("chunked", more=5)
        self.assertEqual(self.get().body, DATA + b"mmmmm")
        self.rule("chunked", last=False)
        with self.assertRaises(http.client.IncompleteRead) as e:
            self.get()
        self.assertEqual(e.exception.partial, DATA)

    def test_html(self):
        self.rule("html")
        self.assertEqual(self.get().getheader("Content-Type"), "text/html")
        self.rule("html", same_length=True)
        res = self.get()
        self.assertTrue(res.body.startswith(b"<!DOCTYPE html>"))
        self.assertEqual(len(res.body), len(DATA))

    def test_pointer(self):
        self.rule("pointer")
        self.assertTrue(self.get().body.startswith(b"version https://git-lfs.github.com/spec/v1\n"))

    def test_ranges(self):
        self.rule("no-range")
        res = self.get(Range="bytes=10-")
        self.assertEqual((res.status, res.body), (200, DATA))
        self.rule("wrong-range")
        res = self.get(Range="bytes=10-")
        self.assertEqual((res.status, res.body), (206, DATA[:-10]))
        self.assertEqual(res.getheader("Content-Range"), "bytes 0-10229/10240")
        self.rule("wrong-range", lie=True)
        res = self.get(Range="bytes=10-")
        self.assertEqual(res.getheader("Content-Range"), "bytes 10-10239/10240")
        self.assertEqual(res.body, DATA[:-10])

    def test_gzip(self):
        self.rule("gzip")
        res = self.get()
        self.assertEqual(res.getheader("Content-Encoding"), "gzip")
        self.assertEqual(gzip.decompress(res.body), DATA)

    def test_redirect(self):
        self.rule("redirect", to="self")
        self.assertEqual(self.get().getheader("Location"), self.proxy + "/f")
        self.rule("redirect", to="file:///etc/passwd", status=307)
        res = self.get()
        self.assertEqual((res.status, res.getheader("Location")), (307, "file:///etc/passwd"))
        self.rule("redirect", to="self", headers={"X-New": "1"})
        self.assertEqual(self.get().getheader("X-New"), "1")

    def test_headers(self):
        self.rule("headers", drop=["ETag"], set={"X-New": "1"})
        res = self.get()
        self.assertEqual((res.getheader("ETag"), res.getheader("X-New")), (None, "1"))
        self.assertEqual(res.body, DATA)

    def test_follow(self):
        mirror = self.start("--upstream", self.proxy, "--follow")
        self.rule("redirect", to=self.origin + "/g", count=1)
        res = request(mirror + "/f")
        self.assertEqual((res.status, res.body), (200, DATA))


if __name__ == "__main__":
    unittest.main()
