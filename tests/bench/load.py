"""The load on a proxy: wrk, h2load, or clients.py for what neither does; all end in the same figures."""
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass

from processes import HERE


@dataclass
class Load:
    """What a load saw: requests answered, in how many µs; latencies in µs."""
    requests: int
    us: int
    p50: int
    p99: int
    p999: int
    errors: int


def load(scenario, port, seconds, cores):
    """Sends the scenario's traffic to the proxy on `port` for so many seconds."""
    if scenario.load == "h2load":
        return h2load(scenario, port, seconds, cores)
    if scenario.load == "wrk":
        scheme = "https" if scenario.tls else "http"
        command = ["wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "-s", HERE / "load.lua", f"{scheme}://127.0.0.1:{port}{scenario.path}"]
    else:
        command = ["python3", HERE / "clients.py", scenario.load, port, scenario.connections, seconds]
    settings = {"BENCH_METHOD": "POST" if scenario.body else "GET", "BENCH_BODY": scenario.body, "BENCH_CLOSE": int(scenario.close),
                "BENCH_ROUTES": scenario.routes, "BENCH_KEYS": scenario.keys}
    out = run(command, cores, seconds, {name: str(value) for name, value in settings.items()})
    return Load(**json.loads(re.search(r"^FIGURES (.*)$", out, re.M)[1]))


def run(command, cores, seconds, env=None):
    """A load's output. It ends with the bench."""
    return subprocess.run(["setpriv", "--pdeathsig", "TERM", "--", "taskset", "-c", cores, *map(str, command)], capture_output=True, text=True,
                          check=True, timeout=seconds + 60, env={**os.environ, **(env or {})}).stdout


def h2load(scenario, port, seconds, cores):
    """Eight streams a connection. h2load leaves percentiles to its log: start, status and duration of each request."""
    with tempfile.NamedTemporaryFile("r", prefix="cinemaabyss-h2load.") as log:
        out = run(["h2load", f"-c{scenario.connections}", "-m8", "-t1", f"-D{seconds}", f"--log-file={log.name}",
                   f"http://127.0.0.1:{port}{scenario.path}"], cores, seconds)
        rows = [line.split("\t") for line in log]
    took = sorted(int(row[2]) for row in rows if row[1] == "200")
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", re.search(r"^requests: (.*)$", out, re.M)[1])}
    at = [took[int(len(took) * share)] if took else 0 for share in (0.5, 0.99, 0.999)]
    return Load(len(took), round(seconds * 1e6), *at, counts["failed"] + counts["errored"] + counts["timeout"])
