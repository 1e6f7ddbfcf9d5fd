"""A real Prometheus (built by tests/tools/go-tools.sh) with observe's rules, scraping a running system, and its HTTP API."""
import json
import pathlib
import subprocess
import urllib.parse
import urllib.request

import yaml

from system import PARTS, ROOT, get, until


class Prometheus:
    """Started on a free port in `folder`, with observe/prometheus.yml's jobs turned to the system's ports."""

    def __init__(self, system, folder, interval):
        self.system, self.folder, self.interval = system, pathlib.Path(folder), interval
        port = subprocess.run([ROOT / "tests/tools/ports.sh", "1"], check=True, capture_output=True, text=True).stdout.strip()
        self.listen, self.url, self.process = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", None

    def __enter__(self):
        config = yaml.safe_load((ROOT / "observe/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": f"{self.interval}s", "evaluation_interval": f"{self.interval}s"}
        config["rule_files"] = [str(ROOT / "observe/rules.yaml")]
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in self.system.metrics]
        for job in config["scrape_configs"]:
            address = self.system.metrics[job["job_name"]].removeprefix("http://")
            # The instance is named as in compose, not by this run's ports.
            (host,) = job["static_configs"][0]["targets"]
            job["static_configs"] = [{"targets": [address], "labels": {"instance": host}}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        tools = pathlib.Path(subprocess.run([ROOT / "tests/tools/go-tools.sh", "path"], check=True, capture_output=True, text=True).stdout.strip())
        with open(self.folder / "prometheus.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [tools / "prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
                 f"--web.listen-address={self.listen}"], stdout=log, stderr=log)
        try:
            until("Prometheus is ready", lambda: get(self.url + "/-/ready")[0] == 200 or self.process.poll() is not None, 60)
            until("every job is scraped", lambda: len(self.now("up == 1")) == len(PARTS))
        except BaseException:
            self.__exit__()
            print((self.folder / "prometheus.log").read_text()[-2000:])
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, path, **parameters):
        """The `data` of an answer."""
        form = urllib.parse.urlencode(parameters).encode()
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", form or None, timeout=30) as answer:
            return json.load(answer)["data"]

    def now(self, expression, at=None):
        """[(labels, value)] of an instant query."""
        data = self.ask("query", query=expression, **({"time": at} if at else {}))
        return [(one["metric"], float(one["value"][1])) for one in data["result"]]

    def over(self, expression, start, end, step):
        """[(labels, [(time, value)])] of a range query."""
        data = self.ask("query_range", query=expression, start=start, end=end, step=step)
        return [(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in data["result"]]
