"""Tests of the local hub over real sockets; the last ones with the JavaScript
client of Hugging Face, where it is installed (JUDGES=build/judges)."""

import hashlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from urllib.parse import urlsplit

from starting import HERE, start

JUDGES = os.path.abspath(os.environ.get("JUDGES", os.path.join(HERE, "../../build/judges")))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def request(url, method="GET", body=None, **headers):
    parts = urlsplit(url)
    link = http.client.HTTPConnection(parts.netloc, timeout=10)
    path = parts.path + ("?" + parts.query if parts.query else "")
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    try:
        link.request(method, path, body, {"Accept-Encoding": "identity", **headers})
        with link.getresponse() as res:
            res.body = res.read()
            return res
    finally:
        link.close()


class HubCase(unittest.TestCase):
    options = []

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.make_repos()
        cls.hub = start(cls, "hub.py", "--root", cls.dir, "--log", os.path.join(cls.dir, "log"),
                        *cls.options)["hub"]

    @classmethod
    def make_repos(cls):
        cls.files = {"config.json": b'{"a": 1}\n', "sub/dir/t\u00e4 +%.txt": b"text\n" * 40,
                     "model.safetensors": bytes(range(256)) * 300, "empty.txt": b""}
        cls.write("acme/tiny", COMMIT, cls.files)
        cls.write("acme/gated", COMMIT, {"a.bin": b"weights"}, gated="auto")
        cls.write("acme/secret", COMMIT, {"a.bin": b"weights"}, private=True)
        with open(os.path.join(cls.dir, "tokens"), "w", encoding="utf-8") as f:
            f.write("hf_yes granted\nhf_no\n")

    @classmethod
    def write(cls, repo, commit, files, **settings):
        top = os.path.join(cls.dir, "models", repo)
        for path, data in files.items():
            place = os.path.join(top, commit, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as f:
                f.write(data)
        if settings:
            with open(os.path.join(top, "hub.json"), "w", encoding="utf-8") as f:
                json.dump(settings, f)

    def get(self, path, **headers):
        return request(self.hub + path, **headers)


class Protocol(HubCase):
    @classmethod
    def setUpClass(cls):
        cls.options = ["--page-size", "2", "--link", "own"]
        super().setUpClass()

    def test_info(self):
        info = json.loads(self.get("/api/models/acme/tiny").body)
        self.assertEqual(info["sha"], COMMIT)
        self.assertEqual({s["rfilename"] for s in info["siblings"]}, set(self.files))
        self.assertNotIn("size", info["siblings"][0])
        info = json.loads(self.get("/api/models/acme/tiny/revision/main?blobs=true").body)
        lfs = [s["lfs"] for s in info["siblings"] if "lfs" in s]
        self.assertEqual(lfs[0]["sha256"],
                         hashlib.sha256(self.files["model.safetensors"]).hexdigest())

    def test_lfs_batch(self):
        data = self.files["model.safetensors"]
        oid = hashlib.sha256(data).hexdigest()
        body = json.dumps({"operation": "download", "transfers": ["basic"], "objects": [
            {"oid": oid, "size": len(data)}, {"oid": "0" * 64, "size": 1}]})
        mime = "application/vnd.git-lfs+json"
        url = self.hub + "/acme/tiny.git/info/lfs/objects/batch"
        rows = json.loads(request(url, "POST", body, Content_Type=mime).body)["objects"]
        self.assertEqual(request(rows[0]["actions"]["download"]["href"]).body, data)
        self.assertEqual(rows[1]["error"]["code"], 404)
        self.assertEqual(request(url, "POST", body, Content_Type="text/plain").status, 422)

    def test_tree_in_pages(self):
        url, rows, pages = self.hub + "/api/models/acme/tiny/tree/main?recursive=true", [], 0
        while url:
            res = request(url)
            rows += json.loads(res.body)
            pages += 1
            link = res.getheader("Link")
            url = link[1:link.index(">")] if link else None
        self.assertEqual(pages, 3)
        self.assertEqual({r["path"] for r in rows if r["type"] == "file"}, set(self.files))
        self.assertEqual({r["path"] for r in rows if r["type"] == "directory"},
                         {"sub", "sub/dir"})
        row = next(r for r in rows if r["path"] == "config.json")
        git = hashlib.sha1(b"blob 9\0" + self.files["config.json"]).hexdigest()
        self.assertEqual(row["oid"], git)
        row = next(r for r in rows if r["path"] == "model.safetensors")
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
            row["lfs"]["oid"].encode(), row["size"])
        self.assertEqual(row["lfs"]["pointerSize"], len(pointer))
        self.assertEqual(row["oid"],
                         hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest())

    def test_small_file(self):
        res = self.get("/acme/tiny/resolve/main/config.json")
        self.assertEqual(res.status, 307)
        self.assertTrue(res.getheader("Location").startswith("/api/resolve-cache/"))
        self.assertEqual(res.getheader("X-Repo-Commit"), COMMIT)
        second = self.get(res.getheader("Location"))
        self.assertEqual(second.body, self.files["config.json"])
        self.assertEqual(second.getheader("ETag"), res.getheader("X-Linked-ETag"))
        second = self.get(res.getheader("Location"), Accept_Encoding="gzip")
        self.assertEqual(second.getheader("Content-Encoding"), "gzip")

    def test_lfs_file(self):
        head = request(self.hub + "/acme/tiny/resolve/main/model.safetensors", "HEAD")
        data = self.files["model.safetensors"]
        self.assertEqual((head.status, head.getheader("X-Linked-Size")), (302, str(len(data))))
        self.assertEqual(head.getheader("X-Linked-ETag").strip('"'),
                         hashlib.sha256(data).hexdigest())
        url = head.getheader("Location")
        self.assertNotEqual(urlsplit(url).netloc, urlsplit(self.hub).netloc)
        whole = request(url)
        self.assertEqual(whole.body, data)
        self.assertNotEqual(whole.getheader("ETag"), head.getheader("X-Linked-ETag"))
        self.assertEqual(request(url, Authorization="Bearer hf_yes").status, 400)
        self.assertEqual(request(url + "0").status, 403)

    def test_ranges(self):
        url = request(self.hub + "/acme/tiny/resolve/main/model.safetensors").getheader("Location")
        data = self.files["model.safetensors"]
        etag = request(url).getheader("ETag")
        for text, first, last in (("bytes=5-9", 5, 9), ("bytes=76790-", 76790, 76799),
                                  ("bytes=-3", 76797, 76799), ("bytes=0-999999", 0, 76799)):
            res = request(url, Range=text)
            self.assertEqual((res.status, res.body), (206, data[first:last + 1]))
            self.assertEqual(res.getheader("Content-Range"), "bytes %d-%d/76800" % (first, last))
        self.assertEqual(request(url, Range="bytes=5-9", If_Range=etag).status, 206)
        self.assertEqual(request(url, Range="bytes=5-9", If_Range='"old"').status, 200)
        res = request(url, Range="bytes=76800-")
        self.assertEqual((res.status, res.getheader("Content-Range")), (416, "bytes */76800"))

    def test_errors(self):
        def answer(path, **headers):
            res = self.get(path, **headers)
            return res.status, res.getheader("X-Error-Code")
        self.assertEqual(answer("/no/such/resolve/main/a"), (401, None))
        self.assertEqual(answer("/api/models/acme/tiny/revision/nope"), (404, "RevisionNotFound"))
        self.assertEqual(answer("/acme/tiny/resolve/main/nope"), (404, "EntryNotFound"))
        self.assertEqual(answer("/api/whoami-v2"), (404, None))
        self.assertEqual(answer("/api/models/acme/tiny", Authorization="Bearer wrong"), (401, None))

    def test_escapes_refs_paths_info(self):
        path = "sub/dir/t%C3%A4%20%2B%25.txt"
        res = self.get("/acme/tiny/resolve/main/" + path)
        self.assertEqual(self.get(res.getheader("Location")).body, b"text\n" * 40)
        refs = json.loads(self.get("/api/models/acme/tiny/refs").body)
        self.assertEqual(refs["branches"][0]["targetCommit"], COMMIT)
        url = self.hub + "/api/models/acme/tiny/paths-info/main"
        for kind, body in (("application/x-www-form-urlencoded", "paths=config.json&paths=no"),
                           ("application/json", '{"paths":["config.json","no"]}')):
            res = request(url, "POST", body, Content_Type=kind)
            self.assertEqual([r["path"] for r in json.loads(res.body)], ["config.json"])

    def test_log_has_no_secret(self):
        self.get("/api/models/acme/tiny", Authorization="Bearer hf_secret")
        with open(os.path.join(self.dir, "log"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn('"auth": true', text)
        self.assertNotIn("hf_secret", text)
        self.assertNotIn("Signature", text)


class Doors(HubCase):
    @classmethod
    def setUpClass(cls):
        cls.options = ["--tokens", "PLACE", "--url-life", "0", "--quota", "60", "--no-tree",
                       "--alter", "acme/tiny:config.json", "--hide", "acme/tiny:empty.txt"]
        super().setUpClass()

    @classmethod
    def make_repos(cls):
        super().make_repos()
        cls.options[1] = os.path.join(cls.dir, "tokens")

    def code(self, path, token=None):
        headers = {"Authorization": "Bearer " + token} if token else {}
        res = self.get(path, **headers)
        return res.status, res.getheader("X-Error-Code")

    def test_gated_and_private(self):
        gated, secret = "/acme/gated/resolve/main/a.bin", "/acme/secret/resolve/main/a.bin"
        self.assertEqual(self.code(gated), (401, "GatedRepo"))
        self.assertEqual(self.code(gated, "hf_no"), (403, "GatedRepo"))
        self.assertEqual(self.code(gated, "hf_yes"), (302, None))
        self.assertEqual(self.code("/api/models/acme/gated"), (200, None))
        self.assertEqual(self.code(secret), (401, None))
        self.assertEqual(self.code(secret, "hf_no"), (302, None))
        self.assertEqual(self.code("/no/such/resolve/main/a", "hf_no"), (404, "RepoNotFound"))

    def test_faults(self):
        self.assertEqual(self.code("/api/models/acme/tiny/tree/main")[0], 404)
        info = json.loads(self.get("/api/models/acme/tiny").body)
        self.assertNotIn("empty.txt", [s["rfilename"] for s in info["siblings"]])
        res = self.get("/acme/tiny/resolve/main/config.json")
        body = self.get(res.getheader("Location")).body
        self.assertNotEqual(body, self.files["config.json"])
        self.assertEqual(len(body), len(self.files["config.json"]))
        url = self.get("/acme/tiny/resolve/main/model.safetensors").getheader("Location")
        time.sleep(1.1)
        self.assertEqual(request(url).status, 403)

    def test_zz_quota(self):
        for _ in range(61):
            res = self.get("/api/whoami-v2")
        self.assertEqual(res.status, 429)
        self.assertGreater(int(res.getheader("Retry-After")), 0)
        self.assertIn("r=0;", res.getheader("RateLimit"))


@unittest.skipUnless(os.path.isdir(JUDGES + "/node_modules") and shutil.which("node"),
                     "no @huggingface/hub")
class JavaScriptClient(HubCase):
    @classmethod
    def setUpClass(cls):
        cls.options = ["--page-size", "1", "--link", "own"]
        super().setUpClass()

    @classmethod
    def make_repos(cls):
        # that client cannot download empty files, and does not escape '+' and '%'
        cls.files = {"config.json": b'{"a": 1}\n', "sub/t\u00e4 x.txt": b"text\n" * 40,
                     "model.safetensors": bytes(range(256)) * 300}
        cls.write("acme/tiny", COMMIT, cls.files)

    def node(self, script, *args):
        return subprocess.run(["node", os.path.join(HERE, "../judges", script), *args],
                              env=dict(os.environ, JUDGES=JUDGES), capture_output=True,
                              text=True, timeout=60)

    def test_download_and_scan(self):
        cache = os.path.join(self.dir, "cache")
        done = self.node("download.mjs", self.hub, cache, "acme/tiny")
        self.assertEqual(done.returncode, 0, done.stderr)
        for path, data in self.files.items():
            with open(os.path.join(cache, "models--acme--tiny/snapshots", COMMIT, path), "rb") as f:
                self.assertEqual(f.read(), data)
        scan = self.node("scan.mjs", cache)
        self.assertEqual(scan.returncode, 0, scan.stdout + scan.stderr)
        self.assertEqual(json.loads(scan.stdout)["repos"][0]["id"], "acme/tiny")


if __name__ == "__main__":
    unittest.main()
