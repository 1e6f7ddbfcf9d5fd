"""Clients that never stop asking, and count what they get: nothing that was sent may be lost.

A connection that the server closed while it was at rest is no loss to a client that may ask again: a GET on it is sent once more on a
new one, as every client of HTTP does, and counted apart. A POST always has a connection of its own.
"""
import collections
import http.client
import json
import threading
import time


class Load:
    """THREADS clients of HOST:PORT, from `with` on until its end."""

    def __init__(self, host, port, threads=8):
        self.address, self.threads = (host, port), threads
        self.lock, self.over = threading.Lock(), threading.Event()
        self.answered, self.resent, self.failures = 0, 0, []
        self.sides = collections.deque(maxlen=20000)  # of /api/movies without a key: (when, who)

    def __enter__(self):
        self.workers = [threading.Thread(target=self._work, args=[number]) for number in range(self.threads)]
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for worker in self.workers:
            worker.join()

    def share(self, upstream, since):
        """What part of the requests for films since then went to UPSTREAM, and of how many."""
        with self.lock:
            sides = [who for when, who in self.sides if when >= since]
        return (sides.count(upstream) / len(sides) if sides else 0.0), len(sides)

    def _work(self, number):
        connection, turn = None, number
        while not self.over.is_set():
            turn += 1
            if turn % 25 == 0:
                self._once(http.client.HTTPConnection(*self.address, timeout=10), "POST", "/api/events/movie", {},
                           json.dumps({"movie_id": turn, "title": "Solaris", "action": "viewed"}), 201, close=True)
            elif turn % 5 == 0:
                connection = self._get(connection, "/api/users", {})
            elif turn % 7 == 0:
                connection = self._get(connection, "/api/movies?id=1", {"x-user-id": str(turn % 100)})
            else:
                connection = self._get(connection, "/api/movies", {})
        if connection:
            connection.close()

    def _get(self, connection, path, headers):
        """The connection for the next request, if it is kept."""
        if connection:
            try:
                return self._asked(connection, "GET", path, headers, None, 200)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                with self.lock:
                    self.resent += 1
            except Exception as error:  # noqa: BLE001: whatever it is, it is a request lost
                return self._failed(path, error)
        return self._once(http.client.HTTPConnection(*self.address, timeout=10), "GET", path, headers, None, 200)

    def _once(self, connection, method, path, headers, body, expected, close=False):
        try:
            kept = self._asked(connection, method, path, headers, body, expected)
        except Exception as error:  # noqa: BLE001
            return self._failed(path, error)
        if close and kept:
            kept.close()
        return kept

    def _asked(self, connection, method, path, headers, body, expected):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        with self.lock:
            self.answered += 1
            if answer.status != expected:
                self.failures.append(f"{path}: {answer.status} {text[:120]!r}")
            elif path == "/api/movies":
                self.sides.append((time.monotonic(), answer.headers["x-served-by"]))
        if answer.will_close:
            connection.close()
            return None
        return connection

    def _failed(self, path, error):
        with self.lock:
            self.failures.append(f"{path}: {error!r}")
        return None
