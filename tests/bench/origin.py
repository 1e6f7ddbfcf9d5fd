"""The upstreams behind every proxy: two ports of an nginx, and for WebSocket an echo; and what a request through a proxy says."""
import subprocess

from clients import ANSWER, Socket
from filled import filled
from processes import HERE, Unready


def start(processes, ports, cores):
    """Starts them on ORIGIN_A, ORIGIN_B, ECHO_A and ECHO_B."""
    files = processes.dir / "files"
    files.mkdir()
    (files / "64KiB").write_bytes(b"x" * 65536)
    with open(files / "100MiB", "wb") as large:
        large.truncate(100 << 20)
    config = filled(processes.dir, "origin.conf", {**ports, "DIR": processes.dir, "ANSWER": ANSWER})
    processes.start("origin", cores, ["nginx", "-e", "stderr", "-c", config], lambda: asked("http", ports["ORIGIN_A"], "/") == "a")
    for name in "ab":
        port = ports[f"ECHO_{name.upper()}"]
        processes.start(f"echo-{name}", cores, ["python3", HERE / "clients.py", "echo", port], lambda port=port: socket_opens(port))


def asked(scheme, port, path, *arguments):
    """Which upstream answered a request there, 200 and whole; None if nobody did. `arguments` are curl's."""
    got = subprocess.run(["curl", "-sk", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code} %{http_version} %header{x-origin}",
                          *arguments, f"{scheme}://127.0.0.1:{port}{path}"], capture_output=True, text=True).stdout.split()
    return got[2] if len(got) == 3 and got[0] == "200" else None


def socket_opens(port):
    """Whether a WebSocket there opens and echoes."""
    try:
        with Socket(port) as socket:
            socket.echo()
        return True
    except OSError:
        return False


def check(scenario, port):
    """That both upstreams are asked, evenly or by key. Unready if not."""
    if scenario.load == "websocket":
        if not socket_opens(port):
            raise Unready("a WebSocket does not open")
        return
    scheme = "https" if scenario.tls else "http"
    version = ["--http2-prior-knowledge"] if scenario.h2 else ["--tlsv1.3"]

    def ask(*arguments):
        return asked(scheme, port, scenario.first_path, *version, *arguments) or "-"

    if ask() == "-":
        raise Unready(f"no answer over {'HTTP/2' if scenario.h2 else scheme}")
    if scenario.keys:
        twice = ["".join(ask("-H", f"x-user-id: user-{key}") for key in range(20)) for _ in range(2)]
        if twice[0] != twice[1] or set(twice[0]) != {"a", "b"}:
            raise Unready(f"keys do not stick: {twice[0]}, then {twice[1]}")
        return
    seen = "".join(sorted(ask() for _ in range(10)))
    if set(seen) != {"a", "b"} or scenario.workers == 1 and seen != "aaaaabbbbb":  # each of several workers may take turns for itself
        raise Unready(f"no even split: {seen}")
