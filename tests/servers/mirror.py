#!/usr/bin/env python3
"""Mirrors of the Hub as their sources and users describe them, each in front of a
local hub (hub.py):

    olah       a cache that people run for themselves (0.5): knows the API by its
               own routes, so it redirects where a slash lacks, and drops every part
               of a query but recursive and expand: of a listing in pages it gives
               the first again and again. Sends the bytes itself, under the
               SHA-256 as ETag, without X-Linked-*; does not know If-Range, git or
               Git LFS. A refusal behind it ends an answer in the middle.
    opencsg    below /csg/: one description with sizes and digests, no tree API; sends
               the bytes itself. --bare: sizes only.
    hf-mirror  relays, but: a Referer gets a page, some names are censored, headers
               are lost, Link leads away, listings under a branch's name are edited.

    mirror.py --kind KIND --upstream URL [--ready FILE] [--log FILE] [--bare] [--break N]

Python standard library only."""

import argparse
import json
import re
from urllib.parse import parse_qs, urljoin, urlsplit

from fault import Answer, fetch
from httpbase import Handler, RequestLog, Server, announce, serve

API = re.compile(r"/api/(models|datasets|spaces)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(/.*)?)?")
FILE = re.compile(r"/(?:(?:datasets|spaces)/)?[^/]+/[^/]+/resolve/[^/]+/.+")
CENSORED = re.compile("xjp|xijin|jinpin", re.IGNORECASE)
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
PAGE = b"<!DOCTYPE html><html><title>invalid referer</title></html>\n"


class Mirror(Handler):
    origin = "mirror"
    args = None
    broken = 0

    def handle_any(self):
        self.body = self.read_body() if self.command == "POST" else b""
        return getattr(self, self.args.kind.replace("-", "_"))(urlsplit(self.path))

    do_GET = do_HEAD = do_POST = handle_any

    # --- what is behind it -----------------------------------------------------------
    def upstream(self, path, *drop):
        headers = {k: v for k, v in self.headers.items()
                   if k.lower() not in ("host", "connection", "accept-encoding", *drop)}
        return fetch(self.command, self.args.upstream + path, headers, self.body)

    def followed(self, path, *drop):
        """The first answer and the last."""
        first = answer = self.upstream(path, *drop)
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("range",)}
        url = self.args.upstream + path
        while answer.get("Location"):
            url = urljoin(url, answer.get("Location"))
            answer = fetch("GET", url, headers, b"")
        return first, answer

    def relay(self, answer, *drop):
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in HOP and name.lower() not in drop:
                self.send_header(name, value)
        if "content-length" not in drop:
            self.send_header("Content-Length", str(len(answer.body)))
        elif self.command != "HEAD":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command != "HEAD" and "content-length" in drop:
            if answer.body:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(answer.body), answer.body))
            self.wfile.write(b"0\r\n\r\n")
        elif self.command != "HEAD":
            self.wfile.write(answer.body)
        self.note(answer.status, len(answer.body))

    def refuse(self, status, code=None):
        return self.answer(status, {"error": code or "Not Found"},
                           [("x-error-code", code)] if code else [])

    def own_file(self, path):
        """The bytes from here."""
        first, answer = self.followed(path, "if-range")
        if answer.status not in (200, 206):
            return self.relay(first)
        etag = first.get("X-Linked-ETag") or answer.get("ETag")
        headers = [("ETag", etag), ("x-repo-commit", first.get("X-Repo-Commit")),
                   ("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream")]
        if answer.status == 206:
            headers.append(("Content-Range", answer.get("Content-Range")))
        if self.command == "GET" and len(answer.body) > 100000 and Mirror.broken < self.args.break_count:
            Mirror.broken += 1
            whole, answer.body = answer.body, answer.body[:len(answer.body) // 2]
            self.send_response(answer.status)
            for name, value in headers + [("Content-Length", str(len(whole)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.note(answer.status, len(answer.body), broken=True)
            return self.cut()
        return self.relay(Answer(answer.status, headers, answer.body))

    # --- the kinds -----------------------------------------------------------------------
    def olah(self, url):
        match = API.fullmatch(url.path)
        if match and self.command == "POST":
            match = None
        if match and match.group(3) == "tree" and not match.group(5):
            to = self.server.url + url.path + "/" + ("?" + url.query if url.query else "")
            return self.answer(307, headers=[("Location", to)])
        if match:
            query = ""
            if match.group(3) == "tree":
                asked = parse_qs(url.query)
                query = "?recursive=%s&expand=%s" % (asked.get("recursive", ["false"])[0],
                                                     asked.get("expand", ["false"])[0])
            answer = self.upstream(url.path + query)
            if answer.status == 401:
                return self.refuse(401, "RepoNotFound")
            return self.relay(answer)
        if FILE.fullmatch(url.path) and self.command != "POST":
            return self.own_file(url.path)
        return self.refuse(404)

    def opencsg(self, url):
        if not url.path.startswith("/csg/"):
            return self.answer(404, b"<!DOCTYPE html><title>404</title>", kind="text/html")
        path = url.path[len("/csg"):]
        match = API.fullmatch(path)
        if match and match.group(3) == "revision" and self.command == "GET":
            answer = self.upstream(path + ("?" + url.query if url.query else ""))
            if answer.status == 200 and self.args.bare:
                info = json.loads(answer.body)
                info["siblings"] = [{k: s[k] for k in ("rfilename", "size") if k in s}
                                    for s in info["siblings"]]
                answer.body = json.dumps(info).encode()
            return self.relay(answer, "link")
        if FILE.fullmatch(path):
            return self.own_file(path)
        return self.refuse(404)

    def hf_mirror(self, url):
        if "/resolve/" in url.path and "hf-mirror" not in self.headers.get("Referer", "hf-mirror"):
            return self.answer(200, PAGE, kind="text/html")
        if CENSORED.search(url.path):
            return self.answer(403, b"invalid request", kind="text/plain")
        if url.path in ("/login", "/join"):
            return self.answer(200, PAGE, kind="text/html")
        answer = self.upstream(self.path)
        lost = ["x-repo-commit", "x-request-id"]
        if self.command == "HEAD" or "/tree/main" in url.path:
            lost.append("content-length")
        if "/tree/main" in url.path:
            answer.body = answer.body.replace(b"Hugging Face", b"HF Mirror")
        return self.relay(answer, *lost)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--kind", choices=["olah", "opencsg", "hf-mirror"], required=True)
    p.add_argument("--upstream", required=True)
    p.add_argument("--ready", help="file that gets the URL, as JSON, once listening")
    p.add_argument("--log", help="request log, one JSON object a line")
    p.add_argument("--bare", action="store_true", help="descriptions without digests")
    p.add_argument("--break", dest="break_count", type=int, default=0,
                   help="so many answers with bytes end in the middle")
    args = p.parse_args()
    Mirror.args, Mirror.log = args, RequestLog(args.log)
    server = Server("127.0.0.1", Mirror)
    announce(args.ready, mirror=server.url)
    serve([server])


if __name__ == "__main__":
    main()
