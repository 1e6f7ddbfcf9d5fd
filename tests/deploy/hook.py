"""What `helm test` runs, run here: the container of the hook's pod, its words and its collection, against the whole system in one process."""
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import manifests

PATIENCE = 60  # seconds, for the system to start on a busy machine
NAMES = ("gateway", "monolith", "movies", "events")


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


class System:
    """The program `cinemaabyss` on free ports, in a folder of its own."""

    def __init__(self, program, folder):
        *ports, admin = subprocess.run(["tests/tools/ports.sh", "5"], capture_output=True, text=True, check=True).stdout.split()
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in zip(NAMES, ports)}
        environment = {"PATH": os.environ["PATH"], "PORT": ports[0], "ADMIN_LISTEN": f"127.0.0.1:{admin}", "MONOLITH_URL": self.urls["monolith"],
                       "MOVIES_SERVICE_URL": self.urls["movies"], "EVENTS_SERVICE_URL": self.urls["events"]}
        environment |= {name: os.environ[name] for name in ("CINEMA_RUN",) if name in os.environ}
        pathlib.Path(folder, "routes.yaml").write_text(pathlib.Path("routes.yaml").read_text())
        with open(pathlib.Path(folder, "log"), "wb") as log:
            self.process = subprocess.Popen([pathlib.Path(program).resolve()], cwd=folder, env=environment, stdout=log, stderr=log)

    def __enter__(self):
        end = time.monotonic() + PATIENCE
        while not (answers(f"{self.urls['gateway']}/health") and answers(f"{self.urls['events']}/api/events/health")):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise RuntimeError("the system does not start")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def settings(urls):
    """Values that have the hook look for the services there."""
    return [word for name in NAMES[1:] for word in ("--set", f"{name}.url={urls[name]}")]


def faults(render, program):
    """RENDER gives the documents for values; what the hook's container says against them."""
    with tempfile.TemporaryDirectory() as folder, System(program, folder) as system:
        documents = render(settings(system.urls))
        (container,) = manifests.one(documents, "Pod", "cinemaabyss-test")["spec"]["containers"]
        (mount,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "collection"]
        collection = pathlib.Path(folder, "cinemaabyss.json")
        collection.write_text(manifests.one(documents, "ConfigMap", "cinemaabyss-test")["data"][collection.name])
        words = [word.replace(f"{mount}/{collection.name}", str(collection)).replace("http://proxy-service", system.urls["gateway"])
                 for word in container["args"]]
        # `run` is the script's own word too.
        done = subprocess.run(["tests/tools/newman.sh", *words, "--color", "off"], capture_output=True, text=True, check=False)
        checked = [line for line in done.stdout.splitlines() if "assertions" in line]
        if done.returncode or not checked:
            return [f"status {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}"]
        return []
