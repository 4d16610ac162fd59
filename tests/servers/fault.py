#!/usr/bin/env python3
"""A small server that does wrong on request: a reverse proxy in front of an
upstream, or a server of one file, with faults that are set while it runs.

    fault.py [--upstream URL [--follow] | --file FILE] [--ready FILE] [--log FILE]

POST /setup with {"upstream": URL, "rules": [RULE...]} replaces what is given.
A rule: {"path": REGEX, "fault": NAME, "count": N, "method": "GET", ...}: the
first rule that fits the path (and has some of its count left; no count: for
ever) is applied to the answer. GET /summary says what was done; in the log, "open"
is how many answers were under way when this one began, itself counted.

    fault    further keys
    status   status, headers {}, body          instead of the answer
    drop                                       no answer at all
    cut      after, or at; whole               connection ends after so many bytes,
                                               or before that byte of the file; whole:
                                               Range is ignored, too
    stall    after, or at; seconds             silence, then the end
    slow     rate                              bytes a second
    flip     at                                one bit of that byte of the file
    other                                      the bytes of another file, and its ETag
    length   delta                             so many bytes more (or less)
    endless                                    bytes without end, no length
    unended  seconds                           the end of the file comes in chunks, and
                                               that there are no more, late
    chunked  more, last                        in chunks, and a trailer that says otherwise;
                                               more: so many bytes too many, in a chunk of
                                               their own; last: false: ends before the last
    html     same_length, type                 200 and a page for people
    pointer                                    a Git LFS pointer
    no-range                                   Range ignored: 200 and all
    wrong-range  lie                           206 from byte 0; lie: says otherwise
    gzip                                       compressed though nobody asked
    redirect to, status, headers {}            "self": a loop
    headers  drop [], set {}                   answer with other headers

Python standard library only."""

import argparse
import gzip
import http.client
import json
import re
import ssl
import threading
import time
from urllib.parse import urljoin, urlsplit

from httpbase import Handler, RequestLog, Server, announce, parse_range, serve, tls_context

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Answer:
    """What the client would get from a server without faults, in memory."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def get(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    def without(self, *names):
        low = [n.lower() for n in names]
        self.headers = [h for h in self.headers if h[0].lower() not in low]


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.upstream, self.file, self.follow = None, None, False
        self.rules, self.requests = [], 0
        self.open = 0  # answers under way

    def setup(self, wish):
        with self.lock:
            self.upstream = wish.get("upstream", self.upstream)
            if "rules" in wish:
                self.rules = [dict(r, hits=0) for r in wish["rules"]]

    def pick(self, method, path):
        with self.lock:
            self.requests += 1
            for rule in self.rules:
                if rule.get("method", method) == method and re.search(rule["path"], path) \
                        and rule["hits"] < rule.get("count", float("inf")):
                    rule["hits"] += 1
                    return dict(rule)
        return {"fault": None}

    def count(self, change):
        with self.lock:
            self.open += change
            return self.open

    def summary(self):
        with self.lock:
            return {"requests": self.requests, "rules": self.rules}


class FaultHandler(Handler):
    origin = "fault"
    state = None

    def handle_any(self):
        body = self.read_body() if self.command in ("POST", "PUT") else b""
        if self.path == "/setup":
            self.state.setup(json.loads(body))
            return self.control({})
        if self.path == "/summary":
            return self.control(self.state.summary())
        rule = self.state.pick(self.command, self.path)
        make = getattr(self, "fault_" + (rule["fault"] or "none").replace("-", "_"))
        self.open = self.state.count(1)
        try:
            return make(rule, body)
        finally:
            self.state.count(-1)

    def note(self, status, sent, **more):
        super().note(status, sent, open=self.open, **more)

    # as a proxy it only ever does wrong
    do_GET = do_HEAD = do_POST = do_CONNECT = handle_any

    def control(self, data):
        text = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    # --- the right answer ---------------------------------------------------------
    def right(self, body, span="as asked"):
        """span: the Range to ask for, None for the whole."""
        if span == "as asked":
            span = self.headers.get("Range")
        if self.state.file:
            return self.from_file(span)
        headers = {k: v for k, v in self.headers.items()
                   if k.lower() not in ("host", "range", "connection")}
        if span:
            headers["Range"] = span
        url = self.state.upstream + self.path
        # a mirror's ETag is its own, so it compares by itself
        wanted = [headers.pop(k) for k in list(headers)
                  if self.state.follow and k.lower() == "if-range"]
        answer = fetch(self.command, url, headers, body)
        first = answer
        while self.state.follow and answer.get("Location"):
            url = urljoin(url, answer.get("Location"))
            headers.pop("Authorization", None)
            answer = fetch(self.command, url, headers, body)
        if answer is not first:
            answer.without("X-Repo-Commit", "X-Linked-ETag", "X-Linked-Size", "ETag")
            answer.headers += [h for h in first.headers
                               if h[0].lower() in ("x-repo-commit", "x-linked-etag",
                                                   "x-linked-size")]
            answer.headers.append(("ETag", first.get("X-Linked-ETag") or '"x"'))
        if answer.status == 206 and wanted and wanted[0] != answer.get("ETag"):
            return self.right(body, None)
        return answer

    def from_file(self, span):
        with open(self.state.file, "rb") as f:
            data = f.read()
        headers = [("ETag", '"the-file"'), ("Content-Type", "application/octet-stream")]
        wanted = parse_range(span, len(data))
        if wanted == "unsatisfiable":
            return Answer(416, [("Content-Range", "bytes */%d" % len(data))], b"")
        if not wanted:
            return Answer(200, headers, data)
        headers.append(("Content-Range", "bytes %d-%d/%d" % (*wanted, len(data))))
        return Answer(206, headers, data[wanted[0]:wanted[1] + 1])

    def send_head(self, answer):
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in HOP:
                self.send_header(name, value)

    def send(self, answer, length=None):
        """Status and headers; returns whether a body is to follow."""
        self.send_head(answer)
        real = answer.get("Content-Length") if self.command == "HEAD" else None
        if length is None:
            length = real if real is not None else len(answer.body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        return self.command != "HEAD"

    def deliver(self, answer, fault):
        if self.send(answer):
            self.wfile.write(answer.body)
        self.note(answer.status, len(answer.body), fault=fault)

    def fault_none(self, rule, body):
        self.deliver(self.right(body), None)

    # --- the wrong ones --------------------------------------------------------------
    def fault_status(self, rule, body):
        headers = [("Content-Type", rule.get("type", "application/json"))]
        headers += list(rule.get("headers", {}).items())
        text = rule.get("body", '{"error":"set up to fail"}').encode()
        self.deliver(Answer(rule["status"], headers, text), "status")

    def fault_drop(self, rule, body):
        self.note(0, 0, fault="drop")
        self.cut()

    def break_off(self, rule, body, seconds):
        answer = self.right(body, None if rule.get("whole") else "as asked")
        after = rule["at"] - offset(answer) if "at" in rule else rule["after"]
        if "at" in rule and not 0 <= after < len(answer.body):
            return self.deliver(answer, None)
        if self.send(answer):
            self.wfile.write(answer.body[:after])
        self.note(answer.status, after, fault=rule["fault"])
        time.sleep(seconds)
        return self.cut()

    def fault_cut(self, rule, body):
        self.break_off(rule, body, 0)

    def fault_stall(self, rule, body):
        self.break_off(rule, body, rule.get("seconds", 60))

    def fault_slow(self, rule, body):
        answer = self.right(body)
        rate = rule["rate"]
        step = max(1, rate // 10)
        self.note(answer.status, len(answer.body), fault="slow")
        if self.send(answer):
            for at in range(0, len(answer.body), step):
                self.wfile.write(answer.body[at:at + step])
                time.sleep(step / rate)

    def fault_flip(self, rule, body):
        answer = self.right(body)
        at = rule.get("at", 0) - offset(answer)
        data = bytearray(answer.body)
        if 0 <= at < len(data) and answer.status in (200, 206):
            data[at] ^= 1
        answer.body = bytes(data)
        self.deliver(answer, "flip")

    def fault_other(self, rule, body):
        answer = self.right(body)
        if answer.status in (200, 206):
            answer.body = bytes(b ^ 0x55 for b in answer.body)
            answer.without("ETag")
            answer.headers.append(("ETag", '"another"'))
        self.deliver(answer, "other")

    def fault_length(self, rule, body):
        answer = self.right(body)
        delta = rule["delta"]
        answer.body = answer.body + b"\0" * delta if delta > 0 else answer.body[:delta]
        answer.without("Content-Length")
        self.deliver(answer, "length")

    def fault_endless(self, rule, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        try:
            while sent < 1 << 34:
                self.wfile.write(b"10000\r\n" + b"\0" * 0x10000 + b"\r\n")
                sent += 0x10000
        finally:
            self.note(200, sent, fault="endless")

    def fault_unended(self, rule, body):
        answer = self.right(body)
        total = re.search(r"/(\d+)$", answer.get("Content-Range") or "")
        if total and offset(answer) + len(answer.body) < int(total[1]):
            return self.deliver(answer, None)
        self.note(answer.status, len(answer.body), fault="unended")
        self.send_head(answer)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(answer.body), answer.body))
        time.sleep(rule.get("seconds", 60))
        return self.wfile.write(b"0\r\n\r\n")

    def fault_chunked(self, rule, body):
        answer = self.right(body)
        self.send_head(answer)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "ETag, Content-Range, Content-Encoding")
        self.end_headers()
        for chunk in answer.body, b"m" * rule.get("more", 0):
            if chunk:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.note(answer.status, len(answer.body), fault="chunked")
        if not rule.get("last", True):
            return self.cut()
        return self.wfile.write(b'0\r\nETag: "trailer"\r\nContent-Range: bytes 0-0/1\r\n'
                                b"Content-Encoding: gzip\r\n\r\n")

    def fault_html(self, rule, body):
        page = b"<!DOCTYPE html><html><body>Please log in to the network</body></html>\n"
        if rule.get("same_length"):
            size = len(self.right(body, None).body)
            page = (page + b" " * size)[:size]
        headers = [("Content-Type", rule.get("type", "text/html"))]
        self.deliver(Answer(200, headers, page), "html")

    def fault_pointer(self, rule, body):
        size = len(self.right(body, None).body)
        text = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
            "0" * 64, size)
        self.deliver(Answer(200, [("Content-Type", "text/plain")], text.encode()), "pointer")

    def fault_no_range(self, rule, body):
        self.deliver(self.right(body, None), "no-range")

    def fault_wrong_range(self, rule, body):
        asked = self.headers.get("Range")
        answer = self.right(body, None)
        if asked and answer.status == 200:
            whole = len(answer.body)
            first, last = parse_range(asked, whole)
            answer.status = 206
            answer.body = answer.body[:last - first + 1]
            if not rule.get("lie"):
                first, last = 0, last - first
            answer.without("Content-Range", "Content-Length")
            answer.headers.append(("Content-Range", "bytes %d-%d/%d" % (first, last, whole)))
        self.deliver(answer, "wrong-range")

    def fault_gzip(self, rule, body):
        answer = self.right(body)
        answer.body = gzip.compress(answer.body)
        answer.without("Content-Encoding", "Content-Length")
        answer.headers.append(("Content-Encoding", "gzip"))
        self.deliver(answer, "gzip")

    def fault_redirect(self, rule, body):
        to = self.server.url + self.path if rule["to"] == "self" else rule["to"]
        headers = [("Location", to), *rule.get("headers", {}).items()]
        self.deliver(Answer(rule.get("status", 302), headers, b""), "redirect")

    def fault_headers(self, rule, body):
        answer = self.right(body)
        answer.without(*rule.get("drop", []), *rule.get("set", {}))
        answer.headers += list(rule.get("set", {}).items())
        self.deliver(answer, "headers")


def offset(answer):
    """Where in the file the body begins."""
    begin = re.match(r"bytes (\d+)-", answer.get("Content-Range") or "bytes 0-")
    return int(begin.group(1)) if begin else 0


def fetch(method, url, headers, body):
    """One request to the upstream, whole."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link = http.client.HTTPSConnection(parts.netloc, timeout=60, context=context)
    else:
        link = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        path = parts.path + ("?" + parts.query if parts.query else "")
        link.request(method, path, body or None, headers)
        res = link.getresponse()
        return Answer(res.status, res.getheaders(), res.read())
    finally:
        link.close()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--upstream", help="scheme://host:port of the right server")
    p.add_argument("--follow", action="store_true",
                   help="follow redirects itself, as a mirror that has the bytes")
    p.add_argument("--file", help="serve this file under any path")
    p.add_argument("--ready", help="file that gets the URL, as JSON, once listening")
    p.add_argument("--log", help="request log, one JSON object a line")
    p.add_argument("--bind", default="127.0.0.1")
    p.add_argument("--tls-cert")
    p.add_argument("--tls-key")
    args = p.parse_args()
    state = State()
    state.upstream, state.file, state.follow = args.upstream, args.file, args.follow
    Handler.log = RequestLog(args.log)
    FaultHandler.state = state
    server = Server(args.bind, FaultHandler, tls_context(args.tls_cert, args.tls_key))
    announce(args.ready, fault=server.url)
    serve([server])


if __name__ == "__main__":
    main()
