"""What `helm test` runs, run here: the container of the hook's pod, its words and its collection, against the real system, a process each."""
import pathlib
import subprocess
import tempfile

import manifests
from system import System

# The chart's word for a part -> its job in tests/observe/system.py.
PARTS = {"monolith": "monolith", "movies": "movies-service", "events": "events-service"}


def settings(urls):
    """Values that have the hook look for the services there."""
    return [word for name, job in PARTS.items() for word in ("--set", f"{name}.url={urls[job]}")]


def faults(render, programs):
    """RENDER gives the documents for values; what the hook's container says against them."""
    with tempfile.TemporaryDirectory() as folder, System(programs, folder) as system:
        documents = render(settings(system.urls))
        (container,) = manifests.one(documents, "Pod", "cinemaabyss-test")["spec"]["containers"]
        (mount,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "collection"]
        collection = pathlib.Path(folder, "cinemaabyss.json")
        collection.write_text(manifests.one(documents, "ConfigMap", "cinemaabyss-test")["data"][collection.name])
        words = [word.replace(f"{mount}/{collection.name}", str(collection)).replace("http://proxy-service", system.urls["proxy-service"])
                 for word in container["args"]]
        # `run` is the script's own word too.
        done = subprocess.run(["tests/tools/newman.sh", *words, "--color", "off"], capture_output=True, text=True, check=False)
        checked = [line for line in done.stdout.splitlines() if "assertions" in line]
        if done.returncode or not checked:
            return [f"status {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}"]
        return []
