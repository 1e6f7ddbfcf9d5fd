"""The proxies: how each is told to do what a scenario asks, and started.

A proxy is a function from a scenario and values to its command line; it writes its configuration by the way. All of them
split evenly between ORIGIN_A and ORIGIN_B (for WebSocket ECHO_A and ECHO_B).
"""
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import origin
from filled import filled
from processes import TOOLS, Unready, free_ports, listed

ROOT = TOOLS.parent.parent
ENVOY = "type.googleapis.com/envoy.extensions"
LOGGED = ("time", "client", "method", "path", "status", "duration", "upstream", "request_id", "bytes")


class Unspoken(Exception):
    """The proxy does not speak what the scenario asks."""


@dataclass
class Proxy:
    """A running proxy."""
    name: str
    port: str
    pid: int
    process: object
    log: Path | None


def start(processes, name, scenario, upstreams, cores, connections=1024):
    """Starts it and sees that it splits; Unspoken if the scenario is optional and it can't."""
    ports = free_ports(["PORT", "ADMIN_PORT"])
    if scenario.load == "websocket":
        upstreams = {**upstreams, "ORIGIN_A": upstreams["ECHO_A"], "ORIGIN_B": upstreams["ECHO_B"]}
    values = {**upstreams, **ports, "DIR": processes.dir, "WORKERS": scenario.workers, "CONNECTIONS": connections}
    command = PROXIES[name](scenario, values)
    problem = None

    def ready():
        nonlocal problem
        try:
            return origin.check(scenario, ports["PORT"]) or True
        except Unready as unready:
            problem = unready
            return False
    try:
        process = processes.start(name, listed(cores), command, ready, wait=3 if scenario.optional else 20)
    except Unready as unready:
        said = f"{problem}; {unready}" if problem else str(unready)
        raise Unspoken(said) if scenario.optional else Unready(f"{name}: {said}") from None
    log = {"envoy": "envoy-access.log"}.get(name, f"{name}.out")
    return Proxy(name, ports["PORT"], process.pid, process, processes.dir / log if scenario.log else None)


def certificate(folder):
    """A self-signed certificate with a P-256 key: cert.pem, key.pem, and both.pem as HAProxy wants it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


def gateway_binary():
    """$GATEWAY, or what `make bench` builds."""
    if given := os.environ.get("GATEWAY"):
        return Path(given).resolve()
    target = json.loads(subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"], cwd=ROOT,
                                       capture_output=True, text=True, check=True).stdout)["target_directory"]
    return Path(target) / "dist/gateway"


def need_gateway():
    """Ends the bench where there is none."""
    if not gateway_binary().is_file():
        sys.exit(f"no gateway at {gateway_binary()}: `make dist` builds it, or set GATEWAY to one")


def gateway_config(scenario, values):
    """Its routes.yaml."""
    split = "split: { a: 50, b: rest }, writes: split" + (", sticky: header x-user-id" if scenario.keys else "")
    routes = [f"  - {{ name: r{i}, path: /api/r{i}, {split} }}" for i in range(scenario.routes)]
    more = {"ROUTES": "\n".join(routes or [f"  - {{ name: everything, path: /, {split} }}"]), "LOG": "json" if scenario.log else "off",
            "SERVER": f"  tls: {{ cert: {values['DIR']}/cert.pem, key: {values['DIR']}/key.pem }}" if scenario.tls else ""}
    return filled(values["DIR"], "gateway.yaml", {**values, **more})


def gateway(scenario, values):
    return [gateway_binary(), "run", "--routes", gateway_config(scenario, values)]


def nginx(scenario, values):
    server = "server 127.0.0.1:{};"
    kept = "keepalive 512; keepalive_requests 1000000000;"
    upstreams = f"upstream both {{ {server.format(values['ORIGIN_A'])} {server.format(values['ORIGIN_B'])} {kept} }}"
    to = "both"
    if scenario.keys:  # what nginx has for a split by key
        upstreams = (f"upstream a {{ {server.format(values['ORIGIN_A'])} {kept} }} upstream b {{ {server.format(values['ORIGIN_B'])} {kept} }}\n"
                     "  split_clients $http_x_user_id $side { 50% a; * b; }")
        to = "$side"
    locations = [f"location /api/r{i}/ {{ proxy_pass http://{to}; }}" for i in range(scenario.routes)]
    variables = dict(zip(LOGGED, ("$time_iso8601", "$remote_addr", "$request_method", "$uri", "$status", "$request_time", "$upstream_addr",
                                  "$request_id", "$bytes_sent")))
    more = {"UPSTREAMS": upstreams, "LOCATIONS": "\n    ".join(locations or [f"location / {{ proxy_pass http://{to}; }}"]),
            "LISTEN": (" ssl" if scenario.tls else "") + (" http2" if scenario.h2 else "") + (" reuseport" if scenario.workers > 1 else ""),
            "TLS": f"ssl_certificate {values['DIR']}/cert.pem; ssl_certificate_key {values['DIR']}/key.pem; ssl_protocols TLSv1.3;" if scenario.tls else "",
            "CONNECTION": 'upgrade; proxy_set_header Upgrade websocket' if scenario.load == "websocket" else '""',
            "LOG": f"log_format json '{json.dumps(variables)}'; access_log {values['DIR']}/nginx.out json;" if scenario.log else "access_log off;"}
    return ["nginx", "-e", "stderr", "-c", filled(values["DIR"], "nginx.conf", {**values, **more})]


def haproxy(scenario, values):
    routes = "default_backend both"
    if scenario.routes:  # a map is HAProxy's way to many routes: a list of ACLs is tried one by one
        entries = values["DIR"] / "haproxy.map"
        entries.write_text("".join(f"/api/r{i}/ both\n" for i in range(scenario.routes)))
        routes = f"use_backend %[path,map_beg({entries})]"
    variables = dict(zip(LOGGED, ("%t", "%ci", "%HM", "%HP", "%ST", "%Ta", "%s", "%ID", "%B")))
    # With more than a quarter of its descriptors in use HAProxy keeps no upstream connection: it is given plenty.
    more = {"ROUTES": routes, "CONNECTIONS": max(4096, values["CONNECTIONS"]), "BALANCE": "hdr(x-user-id)" if scenario.keys else "roundrobin",
            "BIND": (f" ssl crt {values['DIR']}/both.pem ssl-min-ver TLSv1.3" if scenario.tls else "") + (" proto h2" if scenario.h2 else ""),
            "LOG": f"log stdout format raw local0\n  log-format '{json.dumps(variables)}'" if scenario.log else ""}
    return ["haproxy", "-db", "-f", filled(values["DIR"], "haproxy.conf", {**values, **more})]


def envoy(scenario, values):
    routes = []
    for prefix in [f"/api/r{i}" for i in range(scenario.routes)] or ["/"]:
        match = {"path_separated_prefix": prefix} if scenario.routes else {"prefix": prefix}
        by_key = {"hash_policy": [{"header": {"header_name": "x-user-id"}}]} if scenario.keys else {}
        routes.append({"match": match, "route": {"cluster": "both", **by_key}})
    variables = dict(zip(LOGGED, ("%START_TIME%", "%DOWNSTREAM_REMOTE_ADDRESS%", "%REQ(:METHOD)%", "%REQ(:PATH)%", "%RESPONSE_CODE%", "%DURATION%",
                                  "%UPSTREAM_HOST%", "%REQ(X-REQUEST-ID)%", "%BYTES_SENT%")))
    log = [{"name": "file", "typed_config": {"@type": f"{ENVOY}.access_loggers.file.v3.FileAccessLog", "path": f"{values['DIR']}/envoy-access.log",
                                             "log_format": {"json_format": variables}}}]
    pair = {"certificate_chain": {"filename": f"{values['DIR']}/cert.pem"}, "private_key": {"filename": f"{values['DIR']}/key.pem"}}
    context = {"@type": f"{ENVOY}.transport_sockets.tls.v3.DownstreamTlsContext",
               "common_tls_context": {"tls_certificates": [pair], "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}}}
    plain = {"name": "plain", "typed_config": {"@type": f"{ENVOY}.transport_sockets.raw_buffer.v3.RawBuffer"}}
    more = {"ROUTES": json.dumps(routes), "BALANCE": "MAGLEV" if scenario.keys else "ROUND_ROBIN", "LOG": json.dumps(log if scenario.log else []),
            "TLS": json.dumps({"name": "tls", "typed_config": context} if scenario.tls else plain)}
    config = filled(values["DIR"], "envoy.yaml", {**values, **more})
    program = subprocess.run([TOOLS / "envoy.sh", "path"], capture_output=True, text=True, check=True).stdout.strip()
    return [program, "-c", config, "--concurrency", scenario.workers, "--disable-hot-restart", "--log-level", "error"]


PROXIES = {"gateway": gateway, "nginx": nginx, "haproxy": haproxy, "envoy": envoy}


def version(name):
    """Its version, for the record."""
    programs = {"gateway": [gateway_binary(), "--version"], "nginx": ["nginx", "-v"], "haproxy": ["haproxy", "-v"],
                "envoy": [TOOLS / "envoy.sh", "install"]}
    got = subprocess.run(programs[name], capture_output=True, text=True, check=True)
    return re.search(r"\d+\.\d+\.\d+", got.stdout + got.stderr)[0]
