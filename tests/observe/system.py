"""The real system, a process each, on embedded defaults and free ports, and traffic for it.

A context manager starts the gateway, monolith, movies and events from the folder of built programs, in a folder of its own
with a copy of the root's routes.yaml, waits until each answers its health and ends them all. `Traffic` asks at a steady rate.
"""
import json
import os
import pathlib
import random
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Job -> (program, health). The jobs are the Kubernetes Services' names, as in observe/prometheus.yml.
PARTS = {
    "monolith": (["monolith"], "/health"),
    "movies-service": (["movies"], "/api/movies/health"),
    "events-service": (["events"], "/api/events/health"),
    "proxy-service": (["gateway", "run"], "/health"),
}

# By this mark tests/run finds what was left running.
MARK = {name: value for name, value in os.environ.items() if name == "CINEMA_RUN"}


def until(what, test, seconds=30):
    """Waits for a state; an error that says which, if it does not come."""
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise SystemExit(f"not in {seconds} s: {what}")
        time.sleep(0.05)


def get(url, timeout=5):
    """(status, text); status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read().decode()
    except OSError:
        return 0, ""


class System:
    """The running parts. `urls` and `metrics` are by job."""

    def __init__(self, programs, folder):
        self.programs, self.folder = pathlib.Path(programs), pathlib.Path(folder)
        found = subprocess.run([ROOT / "tests/tools/ports.sh", "5"], check=True, capture_output=True, text=True)
        *ports, admin = found.stdout.split()
        self.ports = dict(zip(PARTS, ports))
        self.urls = {job: f"http://127.0.0.1:{port}" for job, port in self.ports.items()}
        self.metrics = dict(self.urls, **{"proxy-service": f"http://127.0.0.1:{admin}"})
        self.routes = self.folder / "routes.yaml"
        self.environment = {
            "ADMIN_LISTEN": f"127.0.0.1:{admin}", "ROUTES_FILE": str(self.routes),
            "MONOLITH_URL": self.urls["monolith"], "MOVIES_SERVICE_URL": self.urls["movies-service"],
            "EVENTS_SERVICE_URL": self.urls["events-service"],
        }
        self.running = {}

    def __enter__(self):
        self.routes.write_text((ROOT / "routes.yaml").read_text())
        try:
            for job in PARTS:
                self.start(job)
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, job):
        """Starts a part and waits for its health."""
        (program, *arguments), health = PARTS[job]
        with open(self.folder / f"{job}.log", "a", encoding="utf-8") as log:
            self.running[job] = subprocess.Popen(
                [self.programs / program, *arguments], cwd=self.folder, stdout=log, stderr=log,
                env={"PORT": self.ports[job], **self.environment, **MARK})
        until(f"{job} answers", lambda: get(self.urls[job] + health)[0] == 200 or self.ended(job))
        if self.ended(job):
            raise SystemExit(f"{job} ended: {(self.folder / f'{job}.log').read_text()[-500:]}")

    def ended(self, job):
        """Whether a part is no more."""
        return self.running[job].poll() is not None

    def stop(self, job):
        """Ends a part as a deployment would."""
        part = self.running.pop(job)
        part.terminate()
        try:
            part.wait(20)
        except subprocess.TimeoutExpired:
            part.kill()
            part.wait()

    def edit(self, old, new):
        """Changes routes.yaml as an editor does: a new file in the old one's place."""
        text = self.routes.read_text()
        if old not in text:
            raise SystemExit(f"routes.yaml holds no {old!r}")
        beside = self.routes.with_suffix(".new")
        beside.write_text(text.replace(old, new))
        beside.rename(self.routes)

    def gauge(self, name):
        """The value of one of the gateway's metrics without labels."""
        page = get(self.metrics["proxy-service"] + "/metrics")[1]
        return next((float(line.split()[1]) for line in page.splitlines() if line.startswith(name + " ")), None)

    def __exit__(self, *_):
        for job in reversed(list(self.running)):
            self.stop(job)


class Traffic:
    """Requests to the gateway at so many a second, a mix of what clients ask, until the context ends."""

    def __init__(self, system, rate=60, workers=4):
        self.url, self.pause, self.asked = system.urls["proxy-service"], workers / rate, 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(seed,)) for seed in range(workers)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def work(self, seed):
        """One client: the next request is due at a fixed time, however long the last one took."""
        chance, due = random.Random(seed), time.monotonic()
        while not self.over.wait(max(0.0, due - time.monotonic())):
            due += self.pause
            self.ask(chance)
            self.asked += 1

    def ask(self, chance):
        """One request: films mostly, by users and by nobody; then users, payments, events, what does not exist."""
        kind, body, headers = chance.random(), None, {}
        if kind < 0.35:
            path = "/api/movies"
        elif kind < 0.65:
            path, headers = f"/api/movies?id={chance.randint(1, 5)}", {"x-user-id": str(chance.randint(1, 2000))}
        elif kind < 0.85:
            path = chance.choice(["/api/users", "/api/payments", "/api/subscriptions"])
        elif kind < 0.97:
            path, body = "/api/events/movie", {"movie_id": chance.randint(1, 5), "title": "Solaris", "action": "viewed"}
            if kind > 0.92:
                path, body = "/api/events/user", {"user_id": 1, "action": "login", "timestamp": "2026-01-01T00:00:00Z"}
        else:
            path = "/api/nothing"
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=10) as answer:
                answer.read()
        except OSError:
            pass  # refusals are part of the run: the gateway counts them
