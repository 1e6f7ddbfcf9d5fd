"""A real Envoy with the breaker and the outlier detection of istio/istio.yaml's DestinationRule, in front of the real movies service.

Usage: breaker.py PROGRAMS-FOLDER ENVOY FORTIO    run by tests/istio/run. Lines `ok NAME` and `FAIL NAME: WHY`; exit 1 if one failed.
Fortio asks as the Job of istio/fortio.yaml does; its tables and Envoy's counters are printed as a sidecar would show them.
The DestinationRule becomes Envoy's cluster as istiod translates it: connectionPool to circuit_breakers, outlierDetection by field.
"""
import concurrent.futures
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import yaml

from system import MARK, ROOT, get, until

HOST = "movies-service.cinemaabyss.svc.cluster.local"
CLUSTER = f"outbound|8081||{HOST}"
UNLIMITED = 4294967295
COUNTERS = ("upstream_cx_total", "upstream_cx_overflow", "upstream_rq_pending_total", "upstream_rq_pending_overflow",
            "outlier_detection.ejections_active", "outlier_detection.ejections_enforced_consecutive_5xx")
failed = 0


def said(name, wrong):
    """One line for one check."""
    global failed
    failed += bool(wrong)
    print(f"FAIL istio: {name}: {wrong}" if wrong else f"ok istio: {name}", flush=True)


def policy():
    """The trafficPolicy for movies-service, and the arguments that the Job gives fortio: for the load, for the counters."""
    rules = [one for one in yaml.safe_load_all((ROOT / "istio/istio.yaml").read_text()) if one["kind"] == "DestinationRule"]
    (found,) = [one["spec"]["trafficPolicy"] for one in rules if one["spec"]["host"] == HOST]
    job = next(one for one in yaml.safe_load_all((ROOT / "istio/fortio.yaml").read_text()) if one["kind"] == "Job")
    pod = job["spec"]["template"]["spec"]
    return found, pod["initContainers"][0]["args"], pod["containers"][0]["args"]


def free(count):
    """So many free ports."""
    return subprocess.run([ROOT / "tests/tools/ports.sh", str(count)], check=True, capture_output=True, text=True).stdout.split()


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": int(port)}}


def cluster(rule, ports):
    """Envoy's cluster for the rule, with these endpoints."""
    tcp, http, outlier = rule["connectionPool"]["tcp"], rule["connectionPool"]["http"], rule["outlierDetection"]
    return {
        "name": CLUSTER, "alt_stat_name": f"{CLUSTER};", "type": "STATIC", "lb_policy": "LEAST_REQUEST", "connect_timeout": tcp["connectTimeout"],
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}} for port in ports]}]},
        "circuit_breakers": {"thresholds": [{
            "max_connections": tcp["maxConnections"], "max_pending_requests": http["http1MaxPendingRequests"],
            "max_requests": UNLIMITED, "max_retries": UNLIMITED, "track_remaining": True}]},
        "outlier_detection": {
            "consecutive_5xx": outlier["consecutive5xxErrors"], "enforcing_consecutive_5xx": 100, "enforcing_success_rate": 0,
            "interval": outlier["interval"], "base_ejection_time": outlier["baseEjectionTime"], "max_ejection_percent": outlier["maxEjectionPercent"]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": {"idle_timeout": http["idleTimeout"]}, "explicit_http_config": {"http_protocol_options": {}}}},
    }


def bootstrap(rule, listen, admin, ports):
    """The whole configuration: one listener, one route without retries, one cluster."""
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "outbound", "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": HOST, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": CLUSTER}}]}]}}
    return {
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": "outbound", "address": address(listen), "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
            "clusters": [cluster(rule, ports)]}}


class Processes:
    """What was started, ended with the context."""

    def __init__(self, folder):
        self.folder, self.running = pathlib.Path(folder), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
            process.wait(20)

    def start(self, name, command, url, **environment):
        """Started, and answering: any status says that it is up."""
        with open(self.folder / f"{name}.log", "w", encoding="utf-8") as log:
            self.running.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env={**environment, **MARK}))
        until(f"{name} answers", lambda: get(url)[0] or self.running[-1].poll() is not None)
        if self.running[-1].poll() is not None:
            raise SystemExit(f"{name} ended: {(self.folder / f'{name}.log').read_text()[-800:]}")


class Sidecar:
    """An Envoy in front of movies services at `ports`."""

    def __init__(self, processes, envoy, rule, ports):
        listen, admin = free(2)
        self.url, self.admin = f"http://127.0.0.1:{listen}", f"http://127.0.0.1:{admin}"
        config = processes.folder / f"envoy-{listen}.yaml"
        config.write_text(yaml.safe_dump(bootstrap(rule, listen, admin, ports)))
        # Two workers, as a sidecar has by default.
        processes.start(f"envoy-{listen}", [envoy, "-c", config, "--concurrency", "2", "--disable-hot-restart", "--log-level", "warning"], f"{self.admin}/ready")

    def counters(self):
        """The cluster's counters by their last word."""
        page = get(f"{self.admin}/stats?filter=movies-service")[1]
        every = {key: int(value) for key, value in re.findall(r"svc\.cluster\.local;?\.(\S+): (\d+)$", page, re.M)}
        return {name: every[name] for name in COUNTERS}


def load(fortio, arguments, url, folder):
    """Runs fortio; (its table, answers by status)."""
    out = pathlib.Path(folder) / "fortio.json"
    out.unlink(missing_ok=True)
    arguments = [*arguments[:-1], "-json", str(out), "-quiet", url + "/api/movies"]
    done = subprocess.run([fortio, *arguments], capture_output=True, text=True, timeout=120, check=True)
    codes = {int(code): count for code, count in json.loads(out.read_text())["RetCodes"].items()}
    table = [line for line in (done.stdout + done.stderr).splitlines() if re.match(r"(# target (50|90|99)%|Code|All done|Sockets used)", line)]
    return "\n".join(table), codes


def refused(sidecar, movies, held):
    """While movies hangs, thirty more ask than the breaker holds: the `x-envoy-overloaded` of each that is refused at once.

    Twenty are waited for: a worker that owns no connection may open one above the limit.
    """
    def ask(_):
        try:
            with urllib.request.urlopen(f"{sidecar.url}/api/movies", timeout=30) as answer:
                return answer.status, None
        except urllib.error.HTTPError as problem:
            return problem.code, problem.headers["x-envoy-overloaded"]
    before = sidecar.counters()["upstream_rq_pending_overflow"]
    movies.send_signal(signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(held + 30) as clients:
            answers = [clients.submit(ask, number) for number in range(held + 30)]
            until("the breaker refuses twenty", lambda: sidecar.counters()["upstream_rq_pending_overflow"] >= before + 20)
            movies.send_signal(signal.SIGCONT)
            found = [answer.result() for answer in answers]
    finally:
        movies.send_signal(signal.SIGCONT)
    return [header for status, header in found if status == 503]


def show(title, table, counters):
    """What a person would look at."""
    print(f"--- {title}\n{table}")
    for name, count in counters.items():
        print(f"cluster.{CLUSTER};.{name}: {count}")


def at_clients(arguments, clients):
    """The same load by another number of clients."""
    changed = list(arguments)
    changed[changed.index("-c") + 1] = str(clients)
    return changed


def main():
    programs, envoy, fortio = map(pathlib.Path, sys.argv[1:4])
    rule, arguments, counting = policy()
    limit, queue = rule["connectionPool"]["tcp"]["maxConnections"], rule["connectionPool"]["http"]["http1MaxPendingRequests"]
    with tempfile.TemporaryDirectory() as folder, Processes(folder) as processes:
        well, ill = free(2)
        processes.start("movies", [programs / "movies"], f"http://127.0.0.1:{well}/api/movies", PORT=well)
        nowhere, = free(1)
        processes.start("movies-without-database", [programs / "movies"], f"http://127.0.0.1:{ill}/api/movies", PORT=ill,
                        DB_CONNECTION_STRING=f"postgres://nobody@127.0.0.1:{nowhere}/cinemaabyss?sslmode=disable")

        sidecar = Sidecar(processes, envoy, rule, [well])
        table, codes = load(fortio, arguments, sidecar.url, folder)
        counters = sidecar.counters()
        show(f"fifty clients, a breaker of {limit} and {queue}", table, counters)
        # How many find the breaker full depends on the machine; that some do is seen below, where movies hangs.
        said("every request was answered, with 200 or 503", "" if sum(codes.values()) == 500 and set(codes) <= {200, 503} else f"{codes}")
        said("each 503 is one that the breaker counts", "" if codes.get(503, 0) == counters["upstream_rq_pending_overflow"] else f"{codes}, {counters}")
        said("movies saw no more connections than the breaker lets through", "" if counters["upstream_cx_total"] <= limit + 1 else f"{counters}")
        shown = subprocess.run([fortio, *counting[:-1], counting[-1].replace("http://localhost:15000", sidecar.admin)], capture_output=True, text=True, check=True).stdout
        said("the Job's second step shows that counter", "" if f"upstream_rq_pending_overflow: {counters['upstream_rq_pending_overflow']}\n" in shown else shown)
        headers = refused(sidecar, processes.running[0], limit + queue)
        said("a refusal by the breaker comes at once and says that it is one", "" if set(headers) == {"true"} and len(headers) >= 20 else f"{headers}")

        sidecar = Sidecar(processes, envoy, rule, [well])
        # A cold pool has all of its requests wait for their connections: what may wait is what may come at once.
        table, codes = load(fortio, at_clients(arguments, queue), sidecar.url, folder)
        counters = sidecar.counters()
        show(f"{queue} clients, the same breaker", table, counters)
        said("whoever is within the breaker is answered", "" if codes == {200: 500} and not counters["upstream_rq_pending_overflow"] else f"{codes}, {counters}")

        sidecar = Sidecar(processes, envoy, rule, [well, ill])
        table, codes = load(fortio, at_clients(arguments, 4), sidecar.url, folder)
        counters = sidecar.counters()
        show("four clients, two pods of which one has lost its database", table, counters)
        said("a pod that fails costs as many requests as are counted, and some that are under way", "" if codes.get(503, 0) >= rule["outlierDetection"]["consecutive5xxErrors"] else f"{codes}")
        until("the pod that fails is left out", lambda: sidecar.counters()["outlier_detection.ejections_active"] == 1)
        _, codes = load(fortio, at_clients(arguments, 4), sidecar.url, folder)
        said("once it is left out, nothing fails", "" if codes == {200: 500} else f"{codes}, {sidecar.counters()}")
    sys.exit(1 if failed else 0)


main()
