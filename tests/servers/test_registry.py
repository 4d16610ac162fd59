"""Tests of the local registry over real sockets: what is right, and each wrong."""

import base64
import hashlib
import json
import os
import shutil
import tempfile
import time
import unittest

from starting import start
from test_hub import request

DATA = bytes(range(256)) * 40


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Registry(unittest.TestCase):
    asked = 0  # requests, each a line in the log

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.layout = os.path.join(cls.dir, "layout")
        os.makedirs(os.path.join(cls.layout, "blobs", "sha256"))
        cls.manifest = json.dumps({"layers": [{"digest": "sha256:" + digest(DATA)}]}).encode()
        for data in (DATA, cls.manifest):
            cls.put(os.path.join("layout", "blobs", "sha256", digest(data)), data)
        note = {"org.opencontainers.image.ref.name": "one"}
        index = {"manifests": [{"digest": "sha256:" + digest(cls.manifest), "annotations": note}]}
        cls.put("layout/index.json", json.dumps(index).encode())
        cls.log = os.path.join(cls.dir, "log")
        cls.url = start(cls, "registry.py", "--log", cls.log,
                        "--image", "a/b:v1=%s:one" % cls.layout)["registry"]

    @classmethod
    def put(cls, path, data):
        path = os.path.join(cls.dir, path)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def setUp(self):
        self.rules()

    def rules(self, *rules, **more):
        request(self.url + "/setup", "POST", json.dumps(dict(more, rules=rules)))

    def lines(self):
        with open(self.log, encoding="utf-8") as f:
            return f.readlines()

    def ask(self, path, **headers):
        """Its line in the log may come a moment after the answer: lines are in order."""
        type(self).asked += 1
        res = request(self.url + "/v2/" + path, **headers)
        for _ in range(1000):
            if len(self.lines()) >= self.asked:
                break
            time.sleep(0.01)
        self.assertEqual(len(self.lines()), self.asked)
        return res

    def get(self, path, **headers):
        return self.ask("a/b/" + path, **headers)

    def blob(self, **headers):
        return self.get("blobs/sha256:" + digest(DATA), **headers)

    def last(self):
        return json.loads(self.lines()[-1])

    def test_manifest(self):
        for reference in ("v1", "sha256:" + digest(self.manifest)):
            res = self.get("manifests/" + reference)
            self.assertEqual((res.status, res.body), (200, self.manifest))
            self.assertEqual(res.getheader("Docker-Content-Digest"),
                             "sha256:" + digest(self.manifest))
            self.assertEqual(res.getheader("Content-Type"),
                             "application/vnd.oci.image.manifest.v1+json")
        self.assertEqual(self.ask("").status, 200)

    def test_absent(self):
        for path in ("manifests/v2", "manifests/sha256:" + "0" * 64, "blobs/sha256:" + "0" * 64):
            res = self.get(path)
            self.assertEqual(res.status, 404)
            self.assertIn("UNKNOWN", json.loads(res.body)["errors"][0]["code"])
        self.assertEqual(self.ask("a/c/manifests/v1").status, 404)

    def test_ranges(self):
        self.assertEqual(self.blob().body, DATA)
        res = self.blob(Range="bytes=100-")
        self.assertEqual((res.status, res.body), (206, DATA[100:]))
        self.assertEqual(res.getheader("Content-Range"), "bytes 100-10239/10240")
        self.assertEqual(self.blob(Range="bytes=10240-").status, 416)

    def test_login(self):
        basic = "Basic " + base64.b64encode(b"eva:canary").decode()
        self.rules({"path": "manifests", "fault": "login", "scheme": "Bearer",
                    "realm": "https://else/token", "accept": [basic]}, canaries=["canary"])
        res = self.get("manifests/v1", Authorization="Bearer x")
        self.assertEqual(res.status, 401)
        self.assertEqual(res.getheader("WWW-Authenticate"),
                         'Bearer realm="https://else/token",service="test"')
        self.assertEqual((self.last()["auth"], self.last()["canary"]), (True, False))
        self.rules({"path": "manifests", "fault": "login", "scheme": "Basic", "realm": "r",
                    "accept": [basic], "others": ["Negotiate"]}, canaries=["canary"])
        self.assertEqual(self.get("manifests/v1").headers.get_all("WWW-Authenticate"),
                         ['Basic realm="r",service="test"', "Negotiate"])
        self.assertEqual(self.get("manifests/v1", Authorization=basic).body, self.manifest)
        self.assertTrue(self.last()["canary"])
        self.blob(X_Other="a canary it is")
        self.assertTrue(self.last()["canary"])

    def test_replace(self):
        other = json.dumps({"mediaType": "a/b", "layers": []}).encode()
        path = self.put("other", other)
        self.rules({"path": "manifests", "fault": "replace", "file": path},
                   {"path": "blobs", "fault": "blob", "file": path})
        res = self.get("manifests/v1")
        self.assertEqual((res.body, res.getheader("Content-Type")), (other, "a/b"))
        self.assertEqual(res.getheader("Docker-Content-Digest"), "sha256:" + digest(other))
        self.assertEqual(self.blob().body, other)
        self.assertEqual(self.blob(Range="bytes=3-").body, other[3:])

    def test_rules_of_fault(self):
        self.rules({"path": "blobs", "fault": "flip", "at": 7},
                   {"path": "manifests", "fault": "status", "status": 429})
        self.assertEqual(self.blob().body[7], DATA[7] ^ 1)
        self.assertEqual(self.get("manifests/v1").status, 429)


if __name__ == "__main__":
    unittest.main()
