#!/usr/bin/env python3
"""A local ModelScope for tests: the site and its CDN on loopback, over the same
folder of repositories as the local hub (hub_repos.py). It has what sets the real
one apart from Hugging Face: every answer in an envelope with Code and Success,
refusals with status 200, `master` instead of `main`, commits of its own, SHA-256
of small files too, a gateway that gets ranges of small files wrong, no HEAD, a
token that older paths want as a cookie and newer ones as a bearer.

    modelscope.py --root DIR [--ready FILE] [--log FILE] [--name HUB_ID=ID]... [options]

Python standard library only."""

import argparse
import hashlib
import hmac
import re
import secrets
import time
from urllib.parse import parse_qs, unquote, urlsplit

import hub_repos
from httpbase import Handler, RequestLog, Server, announce, parse_range, serve, tls_context

API = re.compile(r"/api/v1/(models|datasets)/([^/]+/[^/]+)/(repo/files|repo/tree|repo|commits|revisions)")
RESOLVE = re.compile(r"/(models|datasets)/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
NO_REPO, NO_REVISION, NO_FILE, NO_RIGHT = 10010205001, 10010205002, 10010205003, 10010101004


class Site:
    def __init__(self, args):
        self.args = args
        self.secret = secrets.token_bytes(16)
        self.cdn_url = args.cdn_url
        self.by_sha256 = {}
        names = dict(n.split("=", 1) for n in args.name)
        self.repos = {(kind, names.get(repo_id, repo_id)): repo for (kind, repo_id), repo
                      in hub_repos.load(args.root).items()}

    def commit(self, repo, revision):
        """(this site's id of a commit, the folder's), or None."""
        head = repo.resolve("main") or next(iter(repo.commits))
        for commit in repo.commits:
            own = hashlib.sha1(b"modelscope" + commit.encode()).hexdigest()
            if revision == own or (revision == "master" and commit == head):
                return own, commit
        return None

    def sign(self, path, expires):
        text = "%s %d" % (path, expires)
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()

    def location(self, file):
        h = file.sha256
        self.by_sha256[h] = file
        path = "/prod/lfs-objects/%s/%s/%s" % (h[:2], h[2:4], h[4:])
        expires = int(time.time()) + self.args.url_life
        return "%s%s?auth_key=%d-0-%s" % (self.cdn_url, path, expires, self.sign(path, expires))


class SiteHandler(Handler):
    origin = "modelscope"
    site = None

    def envelope(self, data, more=(), code=200, message="success", status=200):
        self.answer(status, {"Code": code, "Success": code == 200, "Message": message,
                             "RequestId": secrets.token_hex(8), "Data": data}, more)

    def refuse(self, code, message, status=200):
        self.envelope(None, (), code, message, status)

    def do_HEAD(self):
        self.answer(405)

    def do_GET(self):
        url = urlsplit(self.path)
        self.query = {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        match = API.fullmatch(url.path)
        if match:
            kind, repo_id, verb = match.groups()
            repo = self.find(kind, repo_id, self.cookie)
            calls = {"repo/files": self.files, "repo/tree": self.pages, "repo": self.form_a,
                     "commits": self.commits, "revisions": self.revisions}
            return calls[verb](repo) if repo else None
        match = RESOLVE.fullmatch(url.path)
        if match:
            kind, repo_id, revision, path = match.groups()
            repo = self.find(kind, repo_id, self.bearer)
            return self.file(repo, unquote(revision), unquote(path), True) if repo else None
        return self.answer(200, b"<!doctype html><title>ModelScope</title>", kind="text/html")

    @property
    def cookie(self):
        match = re.search(r"(?:^|; *)m_session_id=([^;]*)", self.headers.get("Cookie", ""))
        return match and match.group(1)

    @property
    def bearer(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def find(self, kind, repo_id, token):
        repo = self.site.repos.get((kind, unquote(repo_id)))
        if repo is None:
            return self.refuse(NO_REPO, "namespace %s name %s is not exists" % tuple(
                repo_id.split("/")), 404)
        if repo.settings.get("private") and (not token or token != self.site.args.token):
            return self.refuse(NO_RIGHT, "not authorized for this model")
        return repo

    def listing(self, repo, revision):
        found = self.site.commit(repo, revision)
        if found is None:
            return self.refuse(NO_REVISION, "revision %s is not exists" % revision)
        own, commit = found
        return [dict(Name=p.rsplit("/", 1)[-1], Path=p, Type="tree", Size=0, Mode="16384",
                     IsLFS=False) for p in hub_repos.tree(repo.files(commit), "", True)[0]] + [
            {"Name": f.path.rsplit("/", 1)[-1], "Path": f.path, "Type": "blob", "Size": f.size,
             "Sha256": f.sha256, self.site.args.lfs_key: f.is_lfs, "Mode": "33188",
             "InCheck": False, "Revision": own, "CommitMessage": "init",
             "CommittedDate": 1726842501, "CommitterName": "someone"}
            for f in repo.files(commit).values()] + [
            {"Name": p.rsplit("/", 1)[-1], "Path": p, "Type": "commit", "Size": 0,
             "Sha256": "", self.site.args.lfs_key: False, "Mode": "57344", "InCheck": False,
             "Revision": own} for p in repo.submodules]

    def files(self, repo):
        rows = self.listing(repo, self.query.get("Revision", "master"))
        if rows is not None:
            root = self.query.get("Root", "")
            rows = [r for r in rows if not root or r["Path"].startswith(root + "/")]
            if self.query.get("Recursive") != "True":
                rows = [r for r in rows if "/" not in r["Path"]]
            self.envelope({"Files": rows or None, "IsVisual": 0})

    def pages(self, repo):
        rows = self.listing(repo, self.query.get("Revision", "master"))
        if rows is not None:
            size = min(int(self.query.get("PageSize", 10)), self.site.args.page_size)
            start = (int(self.query.get("PageNumber", 1)) - 1) * size
            self.envelope({"Files": rows[start:start + size]})

    def commits(self, repo):
        found = self.site.commit(repo, self.query.get("Ref", "master"))
        if found is None:
            return self.refuse(NO_REVISION, "revision is not exists")
        return self.envelope({"Commit": [{"Id": found[0], "ShortId": found[0][:8],
                                          "Title": "init"}], "TotalCount": 1})

    def revisions(self, repo):
        self.envelope({"RevisionMap": {"Branches": [{"Revision": "master",
                                                     "CreatedAt": 1726842501}], "Tags": []}})

    def form_a(self, repo):
        self.file(repo, self.query.get("Revision", "master"), self.query.get("FilePath", ""), False)

    def file(self, repo, revision, path, linked):
        found = self.site.commit(repo, revision)
        file = repo.files(found[1]).get(path) if found else None
        if file is None:
            return self.refuse(NO_FILE, "the file path %s is not exists, please check" % path)
        if file.is_lfs:
            headers = [("Location", self.site.location(file))]
            if linked:
                headers += [("X-Linked-Etag", '"%s"' % file.sha256),
                            ("X-Linked-Size", str(file.size))]
            return self.answer(302, b"", headers, "text/html")
        return self.gateway(file, linked)

    def gateway(self, file, linked):
        """Sends all of it, whatever range was asked for, under a length that is
        the range's."""
        with open(file.place, "rb") as f:
            data = f.read()
        wanted = parse_range(self.headers.get("Range"), len(data))
        length = len(data)
        if isinstance(wanted, tuple):
            length = wanted[1] - wanted[0] + 1
            self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        if linked:
            self.send_header("X-Linked-Etag", '"%s"' % hashlib.md5(data).hexdigest())
        self.end_headers()
        self.wfile.write(data)
        self.note(200, len(data))


class CdnHandler(Handler):
    """Signed URLs; refuses whoever brings credentials along."""

    origin = "cdn"
    site = None

    def do_GET(self):
        url = urlsplit(self.path)
        expires, _, signature = parse_qs(url.query).get("auth_key", ["0-0-"])[0].split("-", 2)
        if "Authorization" in self.headers or "Cookie" in self.headers:
            return self.answer(400, b"<Error/>", kind="application/xml")
        if int(expires) < time.time() or not hmac.compare_digest(
                signature, self.site.sign(url.path, int(expires))):
            return self.answer(403, b"<Error/>", kind="application/xml")
        file = self.site.by_sha256["".join(url.path.split("/")[3:])]
        return self.send_range(file.place, '"%s"' % hashlib.md5(
            file.sha256.encode()).hexdigest(), [("Content-Type", "application/octet-stream")],
            self.site.args.rate)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--root", required=True)
    p.add_argument("--ready", help="file that gets the URLs, as JSON, once listening")
    p.add_argument("--log", help="request log, one JSON object a line")
    p.add_argument("--bind", default="127.0.0.1")
    p.add_argument("--name", action="append", default=[], metavar="HUB_ID=ID",
                   help="what a repository is called here")
    p.add_argument("--token", help="that private repositories want")
    p.add_argument("--lfs-key", default="IsLFS", help="how listings spell it")
    p.add_argument("--page-size", type=int, default=200, help="most rows of a page")
    p.add_argument("--cdn-url", help="CDN's URL in redirects, when another server is in front")
    p.add_argument("--url-life", type=int, default=3600, help="seconds a signed URL is good")
    p.add_argument("--rate", type=int, default=0, help="bytes a second of CDN answers")
    p.add_argument("--tls-cert")
    p.add_argument("--tls-key")
    args = p.parse_args()
    tls = tls_context(args.tls_cert, args.tls_key)
    site = Site(args)
    Handler.log = RequestLog(args.log)
    SiteHandler.site = CdnHandler.site = site
    front, cdn = Server(args.bind, SiteHandler, tls), Server(args.bind, CdnHandler, tls)
    site.cdn_url = site.cdn_url or cdn.url
    announce(args.ready, modelscope=front.url, cdn=cdn.url)
    serve([front, cdn])


if __name__ == "__main__":
    main()
