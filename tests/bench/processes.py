"""Processes of a bench: started on a core, watched through /proc, and ended with the bench whatever ends it."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parent / "tools"
TICKS = os.sysconf("SC_CLK_TCK")


class Unready(Exception):
    """It runs, but does not answer as it should."""


class Processes:
    """A folder and what runs in it. As a context it stops everything and removes the folder."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cinemaabyss-bench.")
        self.dir = Path(self.folder.name)
        os.chmod(self.dir, 0o755)  # nginx's worker is another account where this runs as root
        self.running = []

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C leaves nothing behind either
        self.stop(self.running)
        self.folder.cleanup()

    def start(self, name, cores, command, ready, env=None, wait=15):
        """Starts `command` and waits until `ready()`; its process. What it prints is in <name>.log, its stdout in <name>.out."""
        for old in (self.dir / f"{name}.out", self.dir / f"{name}.log"):
            old.unlink(missing_ok=True)
        with open(self.dir / f"{name}.out", "ab") as out, open(self.dir / f"{name}.log", "ab") as log:
            # A group of its own, so that Ctrl-C comes to the bench alone; the system ends it should the bench be killed.
            process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", "taskset", "-c", cores, *map(str, command)], cwd=self.dir,
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True,
                                       env={**os.environ, **(env or {})})
        self.running.append(process)
        end = time.monotonic() + wait
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                if process.poll() is None:
                    raise Unready(f"not ready within {wait} s")
                said = (self.dir / f"{name}.log").read_text(errors="replace").strip()
                raise Unready(said[:2000] or f"it ended with status {process.returncode}")
            time.sleep(0.05)
        return process

    def stop(self, processes):
        """SIGTERM to all, SIGKILL to what is left of one after 15 s."""
        processes = [process for process in reversed(self.running) if process in processes]
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self.running.remove(process)


def cores():
    """All cores that the bench may use."""
    have = sorted(os.sched_getaffinity(0))
    if len(have) < 2:
        sys.exit("two cores are needed, one for the proxy and one for the load")
    return have


def listed(some):
    """As taskset wants them."""
    return ",".join(map(str, some))


def free_ports(names):
    """A free port for each name, as text."""
    found = subprocess.run([TOOLS / "ports.sh", str(len(names))], capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(names, found))


def family(pid):
    """The process and its children (nginx's workers)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_us(pid):
    """User and system time of all threads of a proxy's processes, µs."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * 1_000_000 / TICKS


def memory_kib(pid, line="VmRSS"):
    """Resident memory of a proxy's processes, KiB; the most that there was with line=VmHWM."""
    return sum(int(re.search(rf"{line}:\s+(\d+)", Path(f"/proc/{one}/status").read_text())[1]) for one in family(pid))
