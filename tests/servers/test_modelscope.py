"""Tests of the local ModelScope over real sockets."""

import hashlib
import json
import os
import shutil
import tempfile
import unittest

from starting import start
from test_hub import COMMIT, request


class ModelScopeCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.files = {"config.json": b'{"a": 1}\n' * 9, "sub/a b+c.txt": b"text\n",
                     "model.safetensors": bytes(range(256)) * 300}
        for repo, settings in (("acme/tiny", {}), ("acme/secret", {"private": True})):
            for path, data in cls.files.items():
                place = os.path.join(cls.dir, "models", repo, COMMIT, path)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "wb") as f:
                    f.write(data)
            with open(os.path.join(cls.dir, "models", repo, "hub.json"), "w",
                      encoding="utf-8") as f:
                json.dump(settings, f)
        cls.url = start(cls, "modelscope.py", "--root", cls.dir, "--name",
                        "acme/tiny=other/mini", "--token", "ms-1")["modelscope"]
        cls.api = cls.url + "/api/v1/models/other/mini"
        cls.commit = hashlib.sha1(b"modelscope" + COMMIT.encode()).hexdigest()

    def json(self, url, **headers):
        res = request(url, **headers)
        return res.status, json.loads(res.body)

    def test_listing(self):
        status, doc = self.json(self.api + "/repo/files?Revision=master&Recursive=True")
        self.assertEqual((status, doc["Code"], doc["Success"]), (200, 200, True))
        rows = {r["Path"]: r for r in doc["Data"]["Files"]}
        self.assertEqual(rows["sub"]["Type"], "tree")
        for path, data in self.files.items():
            self.assertEqual(rows[path]["Sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual(rows[path]["Size"], len(data))
            self.assertEqual(rows[path]["IsLFS"], path == "model.safetensors")
        self.assertIsNone(self.json(self.api + "/repo/files?Root=none")[1]["Data"]["Files"])

    def test_pages(self):
        seen = [len(self.json(self.api + "/repo/tree?Recursive=True&PageSize=3&PageNumber=%d"
                              % n)[1]["Data"]["Files"]) for n in (1, 2)]
        self.assertEqual(seen, [3, 1])

    def test_commit(self):
        doc = self.json(self.api + "/commits?Ref=master&PageNumber=1&PageSize=1")[1]
        self.assertEqual(doc["Data"]["Commit"][0]["Id"], self.commit)
        status, doc = self.json(self.api + "/commits?Ref=main")
        self.assertEqual((status, doc["Success"]), (200, False))

    def test_small_file(self):
        for url in (self.api + "/repo?Revision=master&FilePath=config.json",
                    self.url + "/models/other/mini/resolve/%s/config.json" % self.commit):
            res = request(url)
            self.assertEqual((res.status, res.body), (200, self.files["config.json"]))
        res = request(self.api + "/repo?Revision=master&FilePath=sub%2Fa+b%2Bc.txt")
        self.assertEqual(res.body, b"text\n")

    def test_small_range(self):
        res = request(self.api + "/repo?FilePath=config.json", Range="bytes=10-")
        self.assertEqual(res.status, 200)
        self.assertEqual(res.headers["Content-Length"], str(len(self.files["config.json"]) - 10))
        self.assertEqual(res.body, self.files["config.json"][:-10])

    def test_large_file(self):
        data = self.files["model.safetensors"]
        res = request(self.url + "/models/other/mini/resolve/master/model.safetensors")
        self.assertEqual(res.status, 302)
        self.assertEqual(res.headers["X-Linked-Etag"], '"%s"' % hashlib.sha256(data).hexdigest())
        to = res.headers["Location"]
        self.assertIn("/prod/lfs-objects/", to)
        self.assertEqual(request(to).body, data)
        res = request(to, Range="bytes=100-199")
        self.assertEqual((res.status, res.body), (206, data[100:200]))
        self.assertEqual(request(to, Cookie="m_session_id=x").status, 400)
        self.assertEqual(request(to.replace("auth_key=", "auth_key=1")).status, 403)

    def test_refusals(self):
        res = request(self.url + "/models/other/mini/resolve/master/none.bin")
        self.assertEqual((res.status, json.loads(res.body)["Success"]), (200, False))
        self.assertEqual(request(self.url + "/api/v1/models/acme/tiny/repo/files").status, 404)
        self.assertEqual(request(self.api + "/repo?FilePath=config.json", "HEAD").status, 405)

    def test_token(self):
        secret = self.url + "/api/v1/models/acme/secret/repo?FilePath=config.json"
        self.assertFalse(self.json(secret)[1].get("Success"))
        self.assertFalse(self.json(secret, Authorization="Bearer ms-1")[1].get("Success"))
        data = self.files["config.json"]
        self.assertEqual(request(secret, Cookie="m_session_id=ms-1").body, data)
        new = self.url + "/models/acme/secret/resolve/master/config.json"
        self.assertEqual(request(new, Authorization="Bearer ms-1").body, data)


if __name__ == "__main__":
    unittest.main()
