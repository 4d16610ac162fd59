#!/usr/bin/env python3
"""delay.py PORT TO-PORT SECONDS: a relay on loopback that hands on what a client
sends after so long, so that every request costs it. One thread and epoll by hand:
what the relay itself takes must not be what is measured."""
import collections
import select
import socket
import sys
import time

CHUNK = 1 << 18


class Relay:
    def __init__(self, port, to, delay):
        self.to, self.delay = ("127.0.0.1", to), delay
        self.poll = select.epoll()
        self.peers = {}  # descriptor -> (socket, the other one, from a client?)
        self.late = collections.deque()  # (when, socket, bytes), all late by the same
        self.door = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.door.setblocking(False)
        self.poll.register(self.door, select.EPOLLIN)

    def accept(self):
        client, _ = self.door.accept()
        server = socket.create_connection(self.to)
        for s, other in ((client, server), (server, client)):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers[s.fileno()] = (s, other, s is client)
            self.poll.register(s, select.EPOLLIN)

    def close(self, pair):
        for s in pair:
            if s.fileno() >= 0:
                self.poll.unregister(s)
                del self.peers[s.fileno()]
                s.close()

    def hand_on(self, s, other, is_client):
        try:
            data = s.recv(CHUNK)
            if data and is_client:
                self.late.append((time.monotonic() + self.delay, other, data))
            elif data:
                other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self.close((s, other))

    def hand_on_late(self):
        """Returns how long until there is more."""
        while self.late:
            when, to, data = self.late[0]
            left = when - time.monotonic()
            if left > 0:
                return left
            self.late.popleft()
            if to.fileno() >= 0:
                try:
                    to.sendall(data)
                except OSError:
                    self.close(self.peers[to.fileno()][:2])
        return -1

    def run(self):
        while True:
            for fd, _ in self.poll.poll(self.hand_on_late()):
                if fd == self.door.fileno():
                    self.accept()
                elif fd in self.peers:
                    self.hand_on(*self.peers[fd])


Relay(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])).run()
