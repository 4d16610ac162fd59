#!/usr/bin/env python3
"""A local Hugging Face Hub for tests and for `make demo`: two origins on
loopback, the hub itself and its CDN, over repositories in a folder (hub_repos.py
says how they lie there). It follows huggingface.co where clients notice: pages
with Link headers, 307 for small files and 302 with X-Linked-* to signed URLs
that expire for LFS files, ranges, gated and private repositories, RateLimit.
SIGHUP makes it read the folder again.

    hub.py --root DIR [--ready FILE] [--log FILE] [options]

Python standard library only."""

import argparse
import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import secrets
import signal
import threading
import time
from urllib.parse import parse_qs, quote, unquote, urlsplit

import hub_repos
from httpbase import Handler, RequestLog, Server, announce, parse_range, serve, tls_context

API = re.compile(r"/api/(models|datasets|spaces)/([^/]+/[^/]+)(?:/(.*))?")
RESOLVE = re.compile(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/(resolve|raw)/([^/]+)/(.+)")
BATCH = re.compile(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch")
SMALL = re.compile(r"/api/resolve-cache/(models|datasets|spaces)/([^/]+/[^/]+)/([^/]+)/(.+)")


class Hub:
    """What both origins know."""

    def __init__(self, args):
        self.args = args
        self.load()
        self.secret = secrets.token_bytes(16)
        self.by_sha256 = {}  # of files that a redirect was handed out for
        self.cdn_url = args.cdn_url
        self.tokens = {}  # token -> may read gated repositories
        if args.tokens:
            with open(args.tokens, encoding="utf-8") as f:
                for line in f:
                    token, _, grant = line.strip().partition(" ")
                    self.tokens[token] = grant == "granted"
        self.lock = threading.Lock()
        self.window, self.used = 0, 0

    def load(self):
        self.repos = hub_repos.load(self.args.root)

    def sign(self, path, expires):
        text = "%s %d" % (path, expires)
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()

    def cdn_location(self, repo, file):
        self.by_sha256[file.sha256] = file
        path = "/repos/%s/%s" % (hashlib.sha1(repo.id.encode()).hexdigest()[:12], file.sha256)
        expires = int(time.time()) + self.args.url_life
        return "%s%s?Expires=%d&Signature=%s" % (self.cdn_url, path, expires,
                                                 self.sign(path, expires))

    def quota(self):
        """(remaining, seconds to the reset) of the caller's window, after this request."""
        size, seconds = self.args.quota, self.args.window
        with self.lock:
            window = int(time.time() / seconds)
            if window != self.window:
                self.window, self.used = window, 0
            self.used += 1
            return size - self.used, int((window + 1) * seconds - time.time()) + 1

    def altered(self, option, repo, path):
        return "%s:%s" % (repo.id, path) in getattr(self.args, option)

    def files(self, repo, commit):
        files = repo.files(commit)
        if self.args.hide:
            files = {p: f for p, f in files.items() if not self.altered("hide", repo, p)}
        return files


class HubHandler(Handler):
    origin = "hub"
    hub = None

    def answer(self, status, body=b"", headers=(), kind="application/json"):
        super().answer(status, body, list(headers) + self.common, kind)

    def fail(self, status, code, message, headers=()):
        named = [("X-Error-Message", message)] + ([("X-Error-Code", code)] if code else [])
        self.answer(status, {"error": message}, named + list(headers))

    def handle_any(self):
        url = urlsplit(self.path)
        self.query = parse_qs(url.query, keep_blank_values=True)
        body = self.read_body() if self.command == "POST" else b""
        left, reset = self.hub.quota()
        self.common = [
            ("X-Request-Id", secrets.token_hex(8)),
            ("RateLimit", '"resolvers";r=%d;t=%d' % (max(left, 0), reset)),
            ("RateLimit-Policy", '"fixed window";"resolvers";q=%d;w=%d'
             % (self.hub.args.quota, self.hub.args.window))]
        if left < 0:
            return self.answer(429, {"error": "We had to rate limit your IP"},
                               [("Retry-After", str(reset))])
        if self.token_is_bad():
            return self.fail(401, None, "Invalid credentials in Authorization header")
        for pattern, call in ((SMALL, self.small), (API, self.api), (RESOLVE, self.resolve),
                              (BATCH, self.batch)):
            match = pattern.fullmatch(url.path)
            if match:
                return call(body, *match.groups())
        return self.fail(404, None, "Sorry, we can't find the page you are looking for.")

    do_GET = do_HEAD = do_POST = handle_any

    # --- who asks, for what ---------------------------------------------------
    @property
    def token(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def token_is_bad(self):
        return self.token is not None and self.token not in self.hub.tokens

    def find(self, kind, repo_id, revision):
        """(repo, commit), or None after the answer that says why not."""
        repo = self.hub.repos.get((kind, unquote(repo_id)))
        if repo and repo.settings.get("moved"):
            to = self.path.replace(repo_id, repo.settings["moved"], 1)
            return self.answer(307, headers=[("Location", to)])
        if repo is None or (repo.settings.get("private") and not self.token):
            if self.token:
                return self.fail(404, "RepoNotFound", "Repository not found")
            return self.fail(401, None, "Invalid username or password.")
        if repo.settings.get("disabled"):
            return self.fail(403, None, "Access to this resource is disabled.")
        commit = repo.resolve(unquote(revision))
        if commit is None:
            return self.fail(404, "RevisionNotFound", "Invalid rev id: " + unquote(revision))
        return repo, commit

    def gate_is_shut(self, repo):
        if not repo.settings.get("gated") or self.hub.tokens.get(self.token):
            return False
        text = "Access to model %s is restricted" % repo.id
        if self.token:
            self.fail(403, "GatedRepo", text + " and you are not in the authorized list.")
        else:
            self.fail(401, "GatedRepo", text + ". You must have access to it and be "
                      "authenticated to access it. Please log in.")
        return True

    # --- /api/ ------------------------------------------------------------------
    def api(self, body, kind, repo_id, rest):
        verb, _, rest = (rest or "revision/HEAD").partition("/")
        revision, _, below = rest.partition("/")
        found = self.find(kind, repo_id, revision or "HEAD")
        if not found:
            return None
        calls = {"revision": self.info, "tree": self.tree, "paths-info": self.paths_info,
                 "refs": self.refs}
        if verb not in calls or (verb == "tree" and self.hub.args.no_tree):
            return self.fail(404, None, "Not found")
        return calls[verb](*found, unquote(below), body)

    def info(self, repo, commit, below, body):
        blobs = self.query.get("blobs") == ["true"]
        files = self.hub.files(repo, commit)
        self.answer(200, {
            "_id": hashlib.sha1(repo.id.encode()).hexdigest()[:24], "id": repo.id,
            "modelId": repo.id, "sha": commit, "private": bool(repo.settings.get("private")),
            "gated": repo.settings.get("gated", False), "disabled": False,
            "lastModified": "2026-01-01T00:00:00.000Z", "tags": [], "downloads": 0,
            "likes": 0, "usedStorage": 0,
            "siblings": [f.sibling(blobs) for f in files.values()] +
                        [{"rfilename": p} for p in repo.submodules]})

    def tree(self, repo, commit, below, body):
        expand = self.query.get("expand") == ["true"]
        found = hub_repos.tree(self.hub.files(repo, commit), below,
                               self.query.get("recursive", [""])[0] in ("true", "1"))
        if found is None:
            return self.fail(404, "EntryNotFound", below + " does not exist on \"main\"")
        folders, files = found
        if not below:
            files = files + [m for m in repo.submodules.values() if m.kind]
        count = len(folders) + len(files)
        limit = int(self.query.get("limit", [self.hub.args.page_size])[0])
        start = 0
        if "cursor" in self.query:
            start = int(base64.b64decode(self.query["cursor"][0]))
        page = [{"type": "directory", "oid": hashlib.sha1(p.encode()).hexdigest(),
                 "size": 0, "path": p} for p in folders[start:start + limit]]
        skip = max(0, start - len(folders))
        page += [f.tree_entry(expand, commit)
                 for f in files[skip:skip + limit - len(page)]]
        headers = []
        if start + limit < count:
            headers.append(("Link", '<%s>; rel="next"' % self.next_page(start + limit)))
        return self.answer(200, page, headers)

    def next_page(self, cursor):
        query = {k: v[0] for k, v in self.query.items()}
        query["cursor"] = base64.b64encode(b"%d" % cursor).decode()
        text = "&".join("%s=%s" % (k, quote(v, safe="")) for k, v in query.items())
        host = self.server.url if self.hub.args.link == "own" else "https://huggingface.co"
        return host + self.path.split("?")[0] + "?" + text

    def paths_info(self, repo, commit, below, body):
        if self.command != "POST":
            return self.fail(405, None, "Method not allowed")
        if "json" in self.headers.get("Content-Type", ""):
            form = json.loads(body)
            paths, expand = form["paths"], bool(form.get("expand"))
        else:
            form = parse_qs(body.decode())
            paths, expand = form.get("paths", []), form.get("expand") == ["true"]
        files = {**self.hub.files(repo, commit),
                 **{p: m for p, m in repo.submodules.items() if m.kind}}
        return self.answer(200, [files[p].tree_entry(expand, commit)
                                 for p in paths if p in files])

    def refs(self, repo, commit, below, body):
        def row(name, ref):
            return {"name": name, "ref": ref, "targetCommit": repo.refs[name]}
        branches = [row(n, "refs/heads/" + n) for n in repo.refs if not n.startswith("refs/")]
        pulls = [row(n, n) for n in repo.refs if n.startswith("refs/pr/")]
        self.answer(200, {"branches": branches, "tags": [], "converts": [],
                          **({"pullRequests": pulls} if "include_prs" in self.query else {})})

    # --- Git LFS ------------------------------------------------------------------
    def batch(self, body, kind, repo_id):
        found = self.find(kind or "models", repo_id, "main")
        if not found or self.gate_is_shut(found[0]):
            return None
        mime = "application/vnd.git-lfs+json"
        wanted = json.loads(body)
        if self.headers.get("Content-Type") != mime or len(wanted["objects"]) > 100:
            return self.answer(422, {"message": "Unprocessable"}, kind=mime)
        repo = found[0]
        files = {f.sha256: f for commit in repo.commits
                 for f in repo.files(commit).values() if f.is_lfs}
        rows = []
        for row in wanted["objects"]:
            file = files.get(row["oid"])
            if file is None or file.size != row["size"]:
                rows.append(dict(row, error={"code": 404, "message": "Object does not exist"}))
                continue
            rows.append(dict(row, authenticated=True, actions={"download": {
                "href": self.hub.cdn_location(repo, file), "header": {"X-Own": "1"},
                "expires_in": 3600}}))
        return self.answer(200, {"transfer": "basic", "hash_algo": "sha256", "objects": rows},
                           kind=mime)

    # --- files --------------------------------------------------------------------
    def file(self, kind, repo_id, revision, path):
        found = self.find(kind, repo_id, revision)
        if not found or self.gate_is_shut(found[0]):
            return None
        repo, commit = found
        file = self.hub.files(repo, commit).get(unquote(path))
        if file is None:
            return self.fail(404, "EntryNotFound", "Entry not found",
                             [("X-Repo-Commit", commit)])
        return repo, commit, file

    def resolve(self, body, kind, repo_id, verb, revision, path):
        found = self.file(kind or "models", repo_id, revision, path)
        if not found:
            return None
        repo, commit, file = found
        if verb == "raw" and file.is_lfs:
            return self.answer(200, file.pointer, kind="text/plain")
        headers = [("X-Repo-Commit", commit), ("Accept-Ranges", "bytes"),
                   ("X-Linked-ETag", '"%s"' % file.etag)]
        if self.headers.get("If-None-Match") == '"%s"' % file.etag:
            return self.answer(304, headers=headers)
        if file.is_lfs:
            api = "https://huggingface.co/api/%s/%s/xet-read-token/%s" % (
                repo.kind, repo.id, commit)
            headers += [("X-Linked-Size", str(file.size)), ("X-Xet-Hash", file.xet),
                        ("Link", '<%s>; rel="xet-auth"' % api),
                        ("Location", self.hub.cdn_location(repo, file))]
            return self.answer(302, b"Found. Redirecting to the CDN", headers, "text/plain")
        place = "/api/resolve-cache/%s/%s/%s/%s" % (repo.kind, repo.id, commit,
                                                    quote(file.path))
        headers.append(("Location", "%s?etag=%%22%s%%22" % (place, file.etag)))
        return self.answer(307, b"Temporary Redirect", headers, "text/plain")

    def small(self, body, kind, repo_id, commit, path):
        found = self.file(kind, repo_id, commit, path)
        if not found:
            return
        repo, commit, file = found
        headers = self.common + [
            ("X-Repo-Commit", commit), ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Disposition", "inline; filename*=UTF-8''" + quote(
                os.path.basename(file.path)))]
        if self.hub.altered("alter", repo, file.path):
            self.send_body(altered(file), headers, file.etag)
        elif "gzip" in self.headers.get("Accept-Encoding", "") and file.size < 1 << 20 \
                and not parse_range(self.headers.get("Range"), file.size):
            with open(file.place, "rb") as f:
                self.send_body(gzip.compress(f.read()), headers + [
                    ("Content-Encoding", "gzip")], file.etag)
        else:
            self.send_range(file.place, '"%s"' % file.etag, headers, self.hub.args.rate)

    def send_body(self, data, headers, etag):
        """As the hub sends text: in chunks, with no Content-Length."""
        self.send_response(200)
        for name, value in headers + [("ETag", 'W/"%s"' % etag),
                                      ("Transfer-Encoding", "chunked")]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if data else b"")
            self.wfile.write(b"0\r\n\r\n")
        self.note(200, len(data), whole=True)


class CdnHandler(Handler):
    """Signed URLs, GET only, no credentials: as object stores do."""

    origin = "cdn"
    hub = None

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        expires = int(query.get("Expires", ["0"])[0])
        signature = query.get("Signature", [""])[0]
        if "Authorization" in self.headers:
            return self.answer(400, b"<Error><Code>InvalidArgument</Code></Error>",
                               kind="application/xml")
        if expires < time.time() or not hmac.compare_digest(
                signature, self.hub.sign(url.path, expires)):
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>",
                               kind="application/xml")
        file = self.hub.by_sha256[url.path.rsplit("/", 1)[1]]
        if any(a.rsplit(":", 1)[1] == file.path for a in self.hub.args.alter):
            return self.answer(200, altered(file), kind="application/octet-stream")
        return self.send_range(file.place, '"%s"' % file.xet, [
            ("Content-Type", "application/octet-stream")], self.hub.args.rate)

    def do_HEAD(self):
        self.answer(403, kind="application/xml")


def altered(file):
    """Other bytes of the same length."""
    with open(file.place, "rb") as f:
        data = bytearray(f.read())
    data[:1] = bytes([data[0] ^ 1]) if data else b""
    return bytes(data)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--root", required=True)
    p.add_argument("--ready", help="file that gets the URLs, as JSON, once listening")
    p.add_argument("--log", help="request log, one JSON object a line")
    p.add_argument("--bind", default="127.0.0.1")
    p.add_argument("--page-size", type=int, default=1000)
    p.add_argument("--link", choices=["own", "huggingface.co"], default="huggingface.co",
                   help="host in Link headers")
    p.add_argument("--cdn-url", help="CDN's URL in redirects, when another server is in front")
    p.add_argument("--url-life", type=int, default=3600, help="seconds a signed URL is good")
    p.add_argument("--rate", type=int, default=0, help="bytes a second of each answer")
    p.add_argument("--quota", type=int, default=100000, help="requests a window")
    p.add_argument("--window", type=int, default=300, help="seconds")
    p.add_argument("--tokens", help='file with lines "TOKEN" or "TOKEN granted"')
    p.add_argument("--tls-cert")
    p.add_argument("--tls-key")
    p.add_argument("--no-tree", action="store_true", help="a mirror without the tree API")
    p.add_argument("--alter", action="append", default=[], metavar="ID:PATH",
                   help="serve other bytes of the same length")
    p.add_argument("--hide", action="append", default=[], metavar="ID:PATH",
                   help="leave the file out of every listing")
    args = p.parse_args()
    tls = tls_context(args.tls_cert, args.tls_key)
    hub = Hub(args)
    Handler.log = RequestLog(args.log)
    HubHandler.hub = CdnHandler.hub = hub
    front, cdn = Server(args.bind, HubHandler, tls), Server(args.bind, CdnHandler, tls)
    hub.cdn_url = hub.cdn_url or cdn.url
    signal.signal(signal.SIGHUP, lambda *_: hub.load())
    announce(args.ready, hub=front.url, cdn=cdn.url)
    serve([front, cdn])


if __name__ == "__main__":
    main()
