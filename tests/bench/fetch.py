#!/usr/bin/env python3
"""Downloads side by side; see fetch.sh."""
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import bench
from bench import COMMIT, MIB, REPO, SIZE, interleave, median, show, verdict

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
RATE = 20 * MIB  # of one connection, where they are limited

# Each TCP connection is paced by the kernel, not each request: SO_MAX_PACING_RATE of
# a listening socket is that of the connections which it accepts. nginx takes the
# sockets over as it does when its program file is replaced (variable NGINX).
PACING = {"plain": 0, "tls": 0, "fast": RATE, "slow": RATE // 5, "fast_bad": RATE}
SO_MAX_PACING_RATE = 47

NGINX = """
daemon off;
pid {top}/nginx.pid;
error_log {top}/nginx.error;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
	access_log off;
	sendfile on;
	keepalive_requests 100000;
	client_body_temp_path {top}/n1; proxy_temp_path {top}/n2; fastcgi_temp_path {top}/n3;
	uwsgi_temp_path {top}/n4; scgi_temp_path {top}/n5;
	split_clients "$connection$connection_requests$msec" $bad {{ 3% busy; 2% cut; * ""; }}
	server {{
		listen 127.0.0.1:{plain};
		listen 127.0.0.1:{fast};
		listen 127.0.0.1:{slow};
		listen 127.0.0.1:{tls} ssl;
		ssl_certificate {top}/server.pem;
		ssl_certificate_key {top}/server.key;
		location / {{ root {top}/src; }}
	}}
	server {{
		listen 127.0.0.1:{fast_bad};
		location / {{
			root {top}/src;
			if ($bad = busy) {{ return 503; }}
			if ($bad = cut) {{ return 444; }}
		}}
	}}
}}
"""

SQUID = """
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
pid_filename none
access_log none
cache_log {top}/squid.log
coredump_dir {top}
shutdown_lifetime 0
pinger_enable off
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def paced(rate):
    s = socket.socket()
    if rate:
        s.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)
    s.bind(("127.0.0.1", 0))
    s.listen(1024)
    return s


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Source:
    """Files below the path that a Hub gives them, and servers in front."""

    def __init__(self, top):
        self.top, self.started = top, []
        self.home = os.path.join(top, "src", REPO, "resolve", COMMIT)
        os.makedirs(self.home)
        self.ports = dict(zip(("squid", "delay"), free_ports(2)))
        self.sockets = {name: paced(rate) for name, rate in PACING.items()}
        self.ports.update((k, s.getsockname()[1]) for k, s in self.sockets.items())
        self.certificate()
        self.start_nginx()

    def certificate(self):
        with open(os.devnull, "w") as null:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                            "-days", "2", "-subj", "/CN=localhost", "-addext",
                            "subjectAltName=IP:127.0.0.1", "-keyout",
                            os.path.join(self.top, "server.key"), "-out",
                            os.path.join(self.top, "server.pem")],
                           check=True, stdout=null, stderr=null)

    def start(self, argv, port, **more):
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
        self.started.append(process)
        end = time.monotonic() + 20
        while not listens(port):
            if time.monotonic() > end or process.poll() is not None:
                sys.exit("%s does not start" % argv[0])
            time.sleep(0.05)

    def start_nginx(self):
        conf = os.path.join(self.top, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX.format(top=self.top, **self.ports))
        fds = [s.fileno() for s in self.sockets.values()]
        env = dict(os.environ, NGINX="".join("%d;" % fd for fd in fds))
        self.start(["nginx", "-c", conf], self.ports["plain"], env=env, pass_fds=fds)
        for s in self.sockets.values():
            s.close()

    def start_squid(self):
        conf = os.path.join(self.top, "squid.conf")
        with open(conf, "w") as f:
            f.write(SQUID.format(top=self.top, port=self.ports["squid"]))
        os.chmod(self.top, 0o777)
        self.start(["squid", "-N", "-f", conf], self.ports["squid"])

    def start_delay(self):
        relay = os.path.join(os.path.dirname(os.path.abspath(__file__)), "delay.py")
        self.start([sys.executable, relay, str(self.ports["delay"]), str(self.ports["plain"]),
                    "0.02"], self.ports["delay"])

    def url(self, server):
        scheme = "https" if server == "tls" else "http"
        return "%s://127.0.0.1:%d" % (scheme, self.ports[server])

    def file_url(self, server, name):
        return "/".join((self.url(server), REPO, "resolve", COMMIT, name))

    def fill(self, sizes):
        """Files of these sizes instead of what was there; returns the lock's path."""
        shutil.rmtree(self.home)
        os.makedirs(self.home)
        files = []
        for i, size in enumerate(sizes):
            name, digest = "file-%04d.bin" % i, hashlib.sha256()
            with open(os.path.join(self.home, name), "wb") as f:
                for at in range(0, size, 8 * MIB):
                    piece = os.urandom(min(8 * MIB, size - at))
                    digest.update(piece)
                    f.write(piece)
            files.append({"path": name, "size": size, "etag": digest.hexdigest(),
                          "sha256": digest.hexdigest()})
        self.files = files
        with open(os.path.join(self.top, "sums"), "w") as f:
            f.writelines("%s  %s\n" % (x["sha256"], x["path"]) for x in files)
        return self.lock("lock.json", files)

    def lock(self, name, files):
        path = os.path.join(self.top, name)
        with open(path, "w") as f:
            json.dump({"format": "itts-lock", "version": 1, "name": "bench",
                       "manifest": "sha256:" + hashlib.sha256(b"bench").hexdigest(),
                       "groups": [],
                       "repos": [{"id": REPO, "type": "model", "revision": "main",
                                  "commit": COMMIT, "refs": ["main"], "files": files}]}, f)
        return path

    def stop(self):
        for process in self.started:
            process.send_signal(signal.SIGTERM)
        for process in self.started:
            process.wait()


class Bench:
    def __init__(self, program, source, top):
        self.program, self.source = os.path.abspath(program), source
        self.out = os.path.join(top, "out")
        bench.ENV.pop("HF_HUB_OFFLINE", None)
        bench.ENV["HOME"] = source.top

    def clear(self, _name=None):
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)

    # --- who takes part -------------------------------------------------------------
    def ours(self, lock, servers, *more):
        argv = [self.program, "fetch", "--locked", "--lock", lock, "--cache",
                os.path.join(self.out, "cache"), "--progress", "none", "--ca-bundle",
                os.path.join(self.source.top, "server.pem"), *more]
        for server in servers:
            argv += ["--endpoint", self.source.url(server)]
        return argv

    def checked(self, command):
        """The command, then openssl on all cores and a look at what it says; and as
        ours ends when the bytes are on the disk, so does this."""
        # no more than one write(2) to the pipe takes whole
        each = max(1, min(40, len(self.source.files) // (4 * os.cpu_count())))
        sums = os.path.join(self.source.top, "sums")
        return ["sh", "-c", "cd '%s' && %s >/dev/null && ls file-* | xargs -P%d -n%d "
                "openssl dgst -sha256 -r | sed 's/ \\*/  /' | sort -k2 >got && cmp -s got '%s' && "
                "sync -f ." % (
                    self.out, command, os.cpu_count(), each, sums)]

    def aria2(self, servers, jobs=5, *more):
        listing = os.path.join(self.source.top, "aria2.%s" % "-".join(servers))
        with open(listing, "w") as f:
            for x in self.source.files:
                f.write("\t".join(self.source.file_url(s, x["path"]) for s in servers) + "\n")
                f.write("  out=%s\n" % x["path"])
        return self.checked(
            "aria2c -q --no-conf -x16 -s%d -k1M -j%d --file-allocation=falloc "
            "--ca-certificate='%s/server.pem' --max-tries=0 --retry-wait=1 %s -i '%s'" % (
                16 * len(servers), jobs, self.source.top, " ".join(more), listing))

    def curl(self, server, *more):
        config = os.path.join(self.source.top, "curl.%s" % server)
        with open(config, "w") as f:
            for x in self.source.files:
                f.write('url = "%s"\noutput = "%s"\n' % (
                    self.source.file_url(server, x["path"]), x["path"]))
        return self.checked("curl -sS -f -Z --parallel-immediate --http1.1 "
                            "--cacert '%s/server.pem' %s -K '%s'" % (
                                self.source.top, " ".join(more), config))

    def rclone(self, server):
        name = self.source.files[0]["path"]
        return self.checked("rclone --config /dev/null --ca-cert '%s/server.pem' "
                            "--multi-thread-cutoff 10M --multi-thread-streams 16 "
                            "--http-url '%s' copyto ':http:%s' %s" % (
                                self.source.top, self.source.file_url(server, ""), name, name))

    def race(self, title, cases, size):
        print(title)
        got = interleave(cases, self.clear)
        for name, runs in got.items():
            show(name, runs, size)
        ours = got["itts-pack"]
        peak = max(r.peak for r in ours) / MIB
        if peak > 64:
            print("  => memory: %.0f MiB (bar: at most 64) MISSED" % peak)
        return {name: median(runs) for name, runs in got.items()}

    # --- the cases ---------------------------------------------------------------------
    def throttled(self):
        lock = self.source.fill([SIZE])
        got = self.race("one file, %d MiB/s a connection" % (RATE // MIB), {
            "itts-pack": self.ours(lock, ["fast"]), "aria2c -x16": self.aria2(["fast"])}, SIZE)
        verdict("speed to aria2c's", got["aria2c -x16"] / got["itts-pack"], 1.0, True)
        verdict("connections' worth", SIZE / got["itts-pack"] / RATE, 14, True)

    def unthrottled(self, server):
        lock = self.source.fill([SIZE])
        cases = {"itts-pack": self.ours(lock, [server]), "aria2c -x4": self.checked(
            "aria2c -q --no-conf -x4 -s4 -k1M --file-allocation=falloc "
            "--ca-certificate='%s/server.pem' -o file-0000.bin '%s'" % (
                self.source.top, self.source.file_url(server, "file-0000.bin"))),
            "curl": self.curl(server), "rclone": self.rclone(server)}
        got = self.race("one file, %s" % server, cases, SIZE)
        verdict("speed to the best peer's",
                min(v for k, v in got.items() if k != "itts-pack") / got["itts-pack"], 1.2, True)

    def plain(self):
        self.unthrottled("plain")

    def tls(self):
        self.unthrottled("tls")

    def set(self):
        self.source.start_squid()
        large = [SIZE // 2, SIZE // 4, SIZE // 8, SIZE // 16, SIZE // 20]
        lock = self.source.fill(large + [1000 + 3000 * i for i in range(30)])
        proxy = "http://127.0.0.1:%d" % self.source.ports["squid"]
        size = sum(f["size"] for f in self.source.files)
        got = self.race("a set of 5 large and 30 small files through squid", {
            "itts-pack": self.ours(lock, ["plain"], "--proxy", proxy),
            "aria2c -x16 -j5": self.aria2(["plain"], 5, "--all-proxy=" + proxy),
            "curl -Z": self.curl("plain", "--noproxy '' --proxy", proxy)}, size)
        verdict("speed to the best peer's",
                min(v for k, v in got.items() if k != "itts-pack") / got["itts-pack"], 1.1, True)

    def small(self):
        """To memory: for minutes after many files were removed, ext4 without a journal
        looks at each of their inodes before it gives one away."""
        self.out = os.path.join(self.source.top, "out")
        self.source.start_delay()
        count = min(2000, max(50, SIZE // MIB))
        lock = self.source.fill([20 << 10] * count)
        got = self.race("%d files of 20 KiB, 20 ms a request" % count, {
            "itts-pack": self.ours(lock, ["delay"]),
            "aria2c -j16": self.aria2(["delay"], 16),
            "curl -Z": self.curl("delay"),
            "curl -Z --parallel-max 64": self.curl("delay", "--parallel-max 64"),
            "curl -Z --parallel-max 128": self.curl("delay", "--parallel-max 128")},
                        count * (20 << 10))
        verdict("speed to the best peer's",
                min(v for k, v in got.items() if k != "itts-pack") / got["itts-pack"], 1.2, True)

    def mirrors(self):
        """Beside the sum of what each delivers alone, to whom it delivers most, stands
        the nominal one. The slow one gets a part of the file that takes it as long."""
        whole = self.source.fill([SIZE])
        got = self.race("two mirrors, 5 : 1", {
            "itts-pack": self.ours(whole, ["fast", "slow"]),
            "itts-pack, the fast one": self.ours(whole, ["fast"]),
            "aria2c": self.aria2(["fast", "slow"]),
            "aria2c, the fast one": self.aria2(["fast"])}, SIZE)
        fast = SIZE / min(got["itts-pack, the fast one"], got["aria2c, the fast one"])
        part = SIZE // 5
        alone = self.race("the slow one, a fifth of that", {
            "itts-pack": self.ours(self.source.fill([part]), ["slow"]),
            "aria2c": self.aria2(["slow"])}, part)
        rate, slow = SIZE / got["itts-pack"], part / min(alone.values())
        verdict("of the sum of what each delivers alone", rate / (fast + slow), 0.95, True)
        verdict("of 16 connections to each, nominal", rate / (16 * RATE * 1.2), 0.95, True)
        verdict("speed to aria2c's", got["aria2c"] / got["itts-pack"], 1.0, True)

    def faults(self):
        lock = self.source.fill([SIZE])
        got = self.race("5 % of the answers 503 or cut", {
            "itts-pack": self.ours(lock, ["fast_bad"]),
            "itts-pack, no faults": self.ours(lock, ["fast"])}, SIZE)
        verdict("of the rate without faults",
                got["itts-pack, no faults"] / got["itts-pack"], 0.9, True)
        self.clear()
        argv = self.ours(lock, ["fast_bad"]) + ["--json"]
        result = json.loads(subprocess.run(argv, env=bench.ENV, check=True, text=True,
                                           stdout=subprocess.PIPE).stdout)
        verdict("bytes received to bytes needed",
                sum(s["received_bytes"] for s in result["sources"]) / SIZE, 1.02)


CASES = ("throttled", "plain", "tls", "set", "small", "mirrors", "faults")


def main():
    program, wanted = sys.argv[1], sys.argv[2:] or CASES
    os.umask(0o022)
    top = tempfile.mkdtemp(prefix="itts-fetch-bench.", dir=MEMORY)
    os.chmod(top, 0o755)  # servers run as somebody else
    disk = tempfile.mkdtemp(prefix="fetch-bench.", dir=os.environ.get(
        "BENCH_OUT") or os.path.dirname(os.path.abspath(program)))
    source = Source(top)
    try:
        for case in wanted:
            if case not in CASES:
                sys.exit("no case %s: %s" % (case, " ".join(CASES)))
            getattr(Bench(program, source, disk), case)()
    finally:
        source.stop()
        shutil.rmtree(top)
        shutil.rmtree(disk)


if __name__ == "__main__":
    main()
