"""What is measured: each scenario's name, its traffic, and what the proxies are told beyond the split."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """Traffic and settings. Everything that a scenario does not say is as in `get`."""
    what: str
    load: str = "wrk"  # who sends it: wrk, h2load, or handshake and websocket of clients.py
    connections: int = 32
    path: str = "/api/movies"
    body: int = 0  # bytes of a POST's body; 0: a GET
    close: bool = False  # a new connection for each request
    tls: bool = False
    h2: bool = False  # HTTP/2 by prior knowledge
    routes: int = 0  # so many routes, asked in turn; 0: one for everything
    keys: int = 0  # so many users in turn, each of whom stays on one side
    log: bool = False
    workers: int = 1
    per: str = "request"

    @property
    def optional(self):
        """What a proxy need not speak: it is left out, with a line that says why."""
        return self.tls or self.h2 or self.load == "websocket"

    @property
    def first_path(self):
        return "/api/r0/films" if self.routes else self.path


SCENARIOS = {
    "get": Scenario("GET, 900 B answer, 32 kept connections"),
    "post": Scenario("POST 1 KiB, 900 B answer, 32 kept connections", body=1024),
    "connect": Scenario("GET, a new connection for each request, 32 at a time", close=True),
    "large": Scenario("GET, 64 KiB answer, 32 kept connections", path="/files/64KiB"),
    "many": Scenario("GET, 256 kept connections", connections=256),
    "tls": Scenario("GET over TLS 1.3, 32 kept connections", tls=True),
    "handshake": Scenario("GET over a new TLS 1.3 connection each, full handshakes with P-256, 8 at a time", load="handshake",
                          connections=8, tls=True, close=True),
    "h2": Scenario("GET over HTTP/2 without TLS, 16 connections of 8 streams", load="h2load", connections=16, h2=True),
    "websocket": Scenario("WebSocket echo, 100 B messages, 32 connections", load="websocket", path="/socket", per="message"),
    "routes-1": Scenario("GET through a table of 1 route", routes=1),
    "routes-100": Scenario("GET through 100 routes, each asked in turn", routes=100),
    "routes-10000": Scenario("GET through 10,000 routes, each asked in turn", routes=10_000),
    "sticky": Scenario("GET, 1,000 users by a header, each of whom stays on one upstream", keys=1000),
    "log": Scenario("GET with an access log, a JSON line a request into a file", log=True),
    "workers-2": Scenario("GET, two workers on two cores, 64 kept connections", connections=64, workers=2),
}
