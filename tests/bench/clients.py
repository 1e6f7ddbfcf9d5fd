#!/usr/bin/env python3
"""The traffic that wrk does not make: full TLS handshakes (wrk resumes its sessions), and WebSocket messages with an upstream that echoes them.

Usage: clients.py handshake|websocket PORT CONNECTIONS SECONDS   (prints a line of figures, as load.lua does)
       clients.py echo PORT

Slower than any proxy here, which is enough: what is measured is the proxy's CPU for each message or handshake, and those are counted.
"""
import base64
import hashlib
import json
import select
import socket
import ssl
import sys
import threading
import time

ANSWER = '{"films": "' + "x" * 887 + '"}'  # 900 bytes, about nine films; what every upstream answers
PAYLOAD = b"m" * 100
# Masked with zeros, so that a message is echoed by its bytes; a proxy passes either.
MESSAGE = bytes([0x82, 0x80 | len(PAYLOAD), 0, 0, 0, 0]) + PAYLOAD
ECHO = bytes([0x82, len(PAYLOAD)]) + PAYLOAD
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def accept_of(key):
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


class Socket:
    """A WebSocket client's connection, opened. OSError if it does not open."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", int(port)), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(f"GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            some = self.socket.recv(4096)
            if not some:
                break
            head += some
        if not head.startswith(b"HTTP/1.1 101") or accept_of(KEY).encode() not in head:
            self.socket.close()
            raise ConnectionError(f"no WebSocket: {head[:60]!r}")
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def echo(self):
        """Sends a message and waits for it."""
        self.send()
        while not self.receive():
            pass

    def send(self):
        self.sent = time.perf_counter()
        self.socket.sendall(MESSAGE)

    def receive(self):
        """Reads; whether the message is whole now."""
        some = self.socket.recv(4096)
        if not some:
            raise ConnectionError("closed")
        self.got += some
        if len(self.got) < len(ECHO):
            return False
        if self.got != ECHO:
            raise ConnectionError("another message came back")
        self.got = b""
        return True


def websocket(port, connections, seconds):
    """One message under way on each connection."""
    sockets, errors, took = {}, 0, []
    poll = select.epoll()
    for _ in range(connections):
        one = Socket(port)
        sockets[one.socket.fileno()] = one
        poll.register(one.socket, select.EPOLLIN)
    began = time.perf_counter()
    for one in sockets.values():
        one.send()
    while sockets and time.perf_counter() < began + seconds:
        for number, _ in poll.poll(1):
            one = sockets[number]
            try:
                if one.receive():
                    took.append(time.perf_counter() - one.sent)
                    one.send()
            except OSError:
                errors += 1
                del sockets[number]
                one.socket.close()
    return took, time.perf_counter() - began, errors


def handshake(port, connections, seconds):
    """`connections` threads that connect, shake hands in full, ask once and are done."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    request = f"GET /api/movies HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    took, errors, began = [], [], time.perf_counter()

    def client():
        while time.perf_counter() < began + seconds:
            start, answer = time.perf_counter(), b""
            try:
                with socket.create_connection(("127.0.0.1", int(port)), 5) as plain, context.wrap_socket(plain) as secure:
                    secure.sendall(request)
                    while some := secure.recv(16384):
                        answer += some
                    if secure.session_reused or not answer.endswith(ANSWER.encode()):
                        raise ConnectionError("not whole, or not a new session")
                took.append(time.perf_counter() - start)
            except OSError as problem:
                errors.append(problem)
    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, time.perf_counter() - began, len(errors)


def serve_echo(port):
    """An upstream: a WebSocket's messages are echoed, anything else has the answer of all upstreams."""
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=1024)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    clients = {}  # by descriptor: [socket, whether it is open as a WebSocket, what has come]
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = [client, False, b""]
                poll.register(client, select.EPOLLIN)
                continue
            state = clients[number]
            try:
                some = state[0].recv(65536)
                if some:
                    answer_echo(state, some)
            except OSError:
                some = b""
            if not some:
                clients.pop(number)[0].close()


def answer_echo(state, some):
    client, opened, before = state
    got = before + some
    if opened:
        while len(got) >= len(MESSAGE):
            client.sendall(ECHO)
            got = got[len(MESSAGE):]
    elif b"\r\n\r\n" in got:
        fields = dict(line.lower().split(": ", 1) for line in got.decode().split("\r\n\r\n")[0].split("\r\n")[1:])
        if fields.get("upgrade") == "websocket":
            key = next(line.split(": ", 1)[1] for line in got.decode().split("\r\n") if line.lower().startswith("sec-websocket-key:"))
            client.sendall(f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           f"Sec-WebSocket-Accept: {accept_of(key)}\r\n\r\n".encode())
            state[1] = True
        else:
            client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n\r\n{ANSWER}".encode())
        got = b""
    state[2] = got


def figures(took, seconds, errors):
    ordered = sorted(took) or [0]
    at = {name: round(ordered[int(len(ordered) * part)] * 1e6) for name, part in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}
    return {"requests": len(took), "us": round(seconds * 1e6), **at, "errors": errors}


if __name__ == "__main__":
    if sys.argv[1:2] == ["echo"] and len(sys.argv) == 3:
        serve_echo(sys.argv[2])
    if len(sys.argv) != 5 or sys.argv[1] not in ("handshake", "websocket"):
        sys.exit(__doc__.split("\n\n")[1])
    load = {"handshake": handshake, "websocket": websocket}[sys.argv[1]]
    print("FIGURES", json.dumps(figures(*load(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
