"""What the test servers share: a threaded HTTP/1.1 server on loopback with TLS
where a certificate is given, a request log, byte ranges (RFC 9110, section 14).
Python standard library only."""

import json
import os
import re
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 256 * 1024


class RequestLog:
    """One JSON object a line. Says that credentials came, never which."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8") if path else None
        self.lock = threading.Lock()

    def write(self, **fields):
        if not self.file:
            return
        line = json.dumps(dict(time=round(time.time(), 3), **fields))
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, bind, handler, tls=None):
        super().__init__((bind, 0), handler)
        self.tls = tls

    @property
    def url(self):
        scheme = "https" if self.tls else "http"
        return "%s://%s:%d" % (scheme, *self.server_address[:2])

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


def tls_context(cert, key):
    if not cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key or cert)
    return context


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    origin = "?"
    log = RequestLog(None)

    def setup(self):
        if self.server.tls:
            self.request.settimeout(10)  # the handshake, here in our own thread
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, format, *args):
        pass

    def parse_request(self):
        self.began = time.time()
        return super().parse_request()

    def note(self, status, sent, **more):
        """Writes the request into the log; path only, for a query may be signed."""
        self.log.write(
            origin=self.origin, method=self.command, path=self.path.split("?")[0],
            range=self.headers.get("Range"), status=status, sent=sent,
            auth="Authorization" in self.headers, cookie="Cookie" in self.headers,
            via=self.headers.get("Via"), peer="%s:%d" % self.client_address[:2],
            began=round(self.began, 3), **more)

    def answer(self, status, body=b"", headers=(), kind="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        if status != 304:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)
        self.note(status, len(body) if self.command != "HEAD" else 0)

    def read_body(self, limit=8 << 20):
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, limit))

    def send_range(self, path, etag, headers, rate=0):
        """Serves a file, whole or the one range that was asked for."""
        with open(path, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            wanted = parse_range(self.headers.get("Range"), size)
            if wanted and self.headers.get("If-Range", etag) != etag:
                wanted = None
            if wanted == "unsatisfiable":
                return self.answer(416, {"error": "Range Not Satisfiable"},
                                   [("Content-Range", "bytes */%d" % size)])
            first, last = wanted or (0, size - 1)
            status = 206 if wanted else 200
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(last - first + 1))
            if wanted:
                self.send_header("Content-Range", "bytes %d-%d/%d" % (first, last, size))
            self.end_headers()
            if self.command == "HEAD":
                return self.note(status, 0)
            sent = 0
            try:
                for sent in self.stream(f, first, last - first + 1, rate):
                    pass
            finally:
                self.note(status, sent, whole=sent == last - first + 1)

    def stream(self, f, offset, count, rate):
        """Yields how many bytes went out so far; rate: bytes a second, 0: all."""
        f.seek(offset)
        step = min(CHUNK, max(1, rate // 20)) if rate else CHUNK
        sent, start = 0, time.monotonic()
        while sent < count:
            data = f.read(min(step, count - sent))
            if not data:
                self.close_connection = True
                return
            self.wfile.write(data)
            sent += len(data)
            yield sent
            if rate:
                time.sleep(max(0, start + sent / rate - time.monotonic()))

    def cut(self):
        """Ends the connection at once, in the middle of whatever it was."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def parse_range(text, size):
    """None (no range, or one not worth honouring), (first, last), or
    "unsatisfiable"."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (text or "").strip())
    if not match or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        count = min(int(last), size)
        return (size - count, size - 1) if count else "unsatisfiable"
    first = int(first)
    last = min(int(last), size - 1) if last else size - 1
    if first >= size:
        return "unsatisfiable"
    return (first, last) if first <= last else None


def announce(ready, **fields):
    """One line on stdout, and the same in a file that appears whole."""
    line = json.dumps(dict(fields, pid=os.getpid()))
    if ready:
        with open(ready + ".tmp", "w", encoding="utf-8") as f:
            f.write(line + "\n")
        os.rename(ready + ".tmp", ready)
    print(line, flush=True)


def serve(servers):
    """Runs until a signal ends the process."""
    threads = [threading.Thread(target=s.serve_forever, daemon=True) for s in servers]
    for thread in threads:
        thread.start()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
