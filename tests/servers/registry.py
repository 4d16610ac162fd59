#!/usr/bin/env python3
"""A small OCI registry (pull only) out of image layouts, that does wrong on request.

    registry.py --image NAME:TAG=LAYOUT:REF... [--ready FILE] [--log FILE]

LAYOUT is a directory with index.json and blobs/ (an unpacked bundle is one), REF
what its index.json calls the image. Manifests are had by tag and by digest, blobs
by digest, with ranges. Rules are those of fault.py, and:

    login    scheme, realm, accept     401 with a challenge, unless one of these
             others                    values is the request's Authorization; more
                                       challenges, each in a field of its own
    replace  file                      these bytes with their own digest in place of
                                       the manifest
    blob     file                      these bytes in place of those of the blob

POST /setup takes {"canaries": [TEXT...]} as well: in the log, "canary" is whether a
request has one of them, plain or in Basic credentials. A rule for /token, fault
status, makes a token server of it.

Python standard library only."""

import argparse
import base64
import hashlib
import json
import os
import re

from fault import Answer, FaultHandler, State
from httpbase import Handler, RequestLog, Server, announce, parse_range, serve, tls_context

MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/?]+)$")
BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/sha256:(?P<digest>[0-9a-f]{64})$")
IMAGE_TYPE = "application/vnd.oci.image.manifest.v1+json"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def error(status, code, headers=()):
    text = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
    return Answer(status, [("Content-Type", "application/json"), *headers], text)


class Images(State):
    def __init__(self, images):
        super().__init__()
        self.manifests, self.layouts, self.canaries = {}, {}, []
        for text in images:
            at, place = text.split("=", 1)
            name, tag = at.rsplit(":", 1)
            layout, ref = place.rsplit(":", 1)
            data = manifest_of(layout, ref)
            self.manifests[name, tag] = self.manifests[name, sha256(data)] = data
            self.layouts.setdefault(name, []).append(layout)

    def setup(self, wish):
        super().setup(wish)
        self.canaries = wish.get("canaries", self.canaries)

    def blob(self, name, digest):
        for layout in self.layouts.get(name, ()):
            path = os.path.join(layout, "blobs", "sha256", digest)
            if os.path.isfile(path):
                return read(path)
        return None


def manifest_of(layout, ref):
    for entry in json.loads(read(os.path.join(layout, "index.json")))["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == ref:
            return read(os.path.join(layout, "blobs", "sha256", entry["digest"].split(":")[1]))
    raise SystemExit("%s: no image %s" % (layout, ref))


class RegistryHandler(FaultHandler):
    origin = "registry"

    do_GET = do_HEAD = do_POST = FaultHandler.handle_any

    def note(self, status, sent, **more):
        super().note(status, sent, canary=self.has_canary(), **more)

    def has_canary(self):
        seen = [self.path, *self.headers.values()]
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            seen.append(base64.b64decode(value).decode("utf-8", "replace"))
        return any(c in text for c in self.state.canaries for text in seen)

    def right(self, body, span="as asked"):
        if span == "as asked":
            span = self.headers.get("Range")
        if self.path == "/v2/":
            return Answer(200, [("Content-Type", "application/json")], b"{}")
        match = MANIFEST.match(self.path)
        if match:
            data = self.state.manifests.get(match.groups())
            if data is None:
                return error(404, "MANIFEST_UNKNOWN")
            return self.manifest(data)
        match = BLOB.match(self.path)
        data = match and self.state.blob(*match.groups())
        if data is None:
            return error(404, "BLOB_UNKNOWN")
        return self.ranged(data, span)

    def manifest(self, data):
        kind = json.loads(data).get("mediaType", IMAGE_TYPE)
        return Answer(200, [("Content-Type", kind), ("Docker-Content-Digest", sha256(data))], data)

    def ranged(self, data, span):
        headers = [("Content-Type", "application/octet-stream"), ("Accept-Ranges", "bytes")]
        wanted = parse_range(span, len(data))
        if wanted == "unsatisfiable":
            return error(416, "RANGE_INVALID", [("Content-Range", "bytes */%d" % len(data))])
        if not wanted:
            return Answer(200, headers, data)
        headers.append(("Content-Range", "bytes %d-%d/%d" % (*wanted, len(data))))
        return Answer(206, headers, data[wanted[0]:wanted[1] + 1])

    # --- the wrong ones -----------------------------------------------------------
    def fault_login(self, rule, body):
        if self.headers.get("Authorization") in rule.get("accept", []):
            return self.deliver(self.right(body), "login")
        value = '%s realm="%s",service="test"' % (rule["scheme"], rule["realm"])
        values = [value] + rule.get("others", [])
        answer = error(401, "UNAUTHORIZED", [("WWW-Authenticate", v) for v in values])
        return self.deliver(answer, "login")

    def fault_replace(self, rule, body):
        self.deliver(self.manifest(read(rule["file"])), "replace")

    def fault_blob(self, rule, body):
        self.deliver(self.ranged(read(rule["file"]), self.headers.get("Range")), "blob")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--image", action="append", default=[], metavar="NAME:TAG=LAYOUT:REF")
    p.add_argument("--ready", help="file that gets the URL, as JSON, once listening")
    p.add_argument("--log", help="request log, one JSON object a line")
    p.add_argument("--tls-cert")
    p.add_argument("--tls-key")
    args = p.parse_args()
    Handler.log = RequestLog(args.log)
    FaultHandler.state = Images(args.image)
    server = Server("127.0.0.1", RegistryHandler, tls_context(args.tls_cert, args.tls_key))
    announce(args.ready, registry=server.url)
    serve([server])


if __name__ == "__main__":
    main()
