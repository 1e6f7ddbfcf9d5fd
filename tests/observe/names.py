"""Compares what the rules, their tests and the dashboard select with what the real system's scrape holds.

Usage: names.py PROGRAMS-FOLDER    lines `ok NAME` and `FAIL NAME: WHY`; exit 1 if one failed. Run by tests/observe/run.
A selector must find a sample: its name, its labels and their values; what Prometheus adds (job, instance, namespace) is left out.
"""
import json
import re
import sys
import tempfile

import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

import expressions
from system import PARTS, ROOT, System, Traffic, get, until

ADDED = {"job", "instance", "namespace"}
# What the Prometheus data source reads of an annotation, and Grafana's model of a dashboard does not know.
ANNOTATION = {"titleFormat", "step", "useValueForTime"}
failed = 0


def said(name, wrong):
    """One line for one check."""
    global failed
    failed += bool(wrong)
    print(f"FAIL observe: {name}: {'; '.join(wrong)}" if wrong else f"ok observe: {name}")


def scrape(programs):
    """Every sample of every job: name -> list of labels."""
    samples = {"up": [{}]}  # made by Prometheus itself
    with tempfile.TemporaryDirectory() as folder, System(programs, folder) as system:
        with Traffic(system) as traffic:
            until("two hundred requests", lambda: traffic.asked >= 200)
        for job in PARTS:
            for family in text_string_to_metric_families(get(system.metrics[job] + "/metrics")[1]):
                for sample in family.samples:
                    samples.setdefault(sample.name, []).append(sample.labels)
    return samples


def holds(labels, matchers):
    """Whether a sample's labels satisfy matchers; a variable of the dashboard stands for anything."""
    for label, operator, value in matchers:
        if label in ADDED or "$" in value:
            continue
        found = labels.get(label)
        same = found is not None and (re.fullmatch(value, found) is not None if "~" in operator else found == value)
        if found is None or same == operator.startswith("!"):
            return False
    return True


def selected(samples):
    """Each selector of each expression finds something."""
    made = expressions.recorded()
    for where, expression in expressions.expressions():
        wrong = []
        for name, matchers in expressions.selectors(expression):
            if ":" in name:
                wrong += [] if name in made else [f"no rule records {name}"]
            elif name not in samples:
                wrong.append(f"no scrape holds {name}")
            elif not any(holds(labels, matchers) for labels in samples[name]):
                wrong.append(f"no sample of {name} has {matchers}")
        said(where, sorted(set(wrong)))


def cases(samples):
    """The rule tests speak of series as they are scraped, and hold both cases of each alert."""
    fires, quiet, wrong = set(), set(), set()
    for case in yaml.safe_load((ROOT / "observe/rules_test.yaml").read_text())["tests"]:
        for series in case["input_series"]:
            (name, matchers), = expressions.selectors(series["series"])
            labels = {label for label, _, _ in matchers} - ADDED
            if not any(labels == set(sample) for sample in samples.get(name, [])) and name != "up":
                wrong.add(f"{series['series']} is not scraped like that")
        for check in case["alert_rule_test"]:
            (fires if check["exp_alerts"] else quiet).add(check["alertname"])
    said("the series of rules_test.yaml", sorted(wrong))
    pages = (ROOT / "docs/observability.md").read_text()
    for alert in expressions.alerts():
        said(f"alert {alert}", [
            *([] if alert in fires else ["no case in which it fires"]),
            *([] if alert in quiet else ["no case in which it stays quiet"]),
            *([] if f"### {alert}\n" in pages else ["docs/observability.md does not say what to do"])])


def targets():
    """Prometheus in compose scrapes each job where it listens."""
    jobs = {job["job_name"] for job in yaml.safe_load((ROOT / "observe/prometheus.yml").read_text())["scrape_configs"]}
    said("the jobs of prometheus.yml", [f"{job} is missing" for job in PARTS if job not in jobs])


def lost(ours, theirs, where="dashboard"):
    """The keys and values of ours that theirs has not, or has otherwise."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours:
            if key not in theirs:
                if not (key in ANNOTATION and ".annotations." in where):
                    yield f"{where}.{key}"
            else:
                yield from lost(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, pair in enumerate(zip(ours, theirs)):
            yield from lost(*pair, f"{where}[{place}]")
    elif ours != theirs:
        yield where


def model():
    """Grafana's own model reads the dashboard and writes the same: a key that it does not know would be missing then."""
    plugins.register_default_plugins()
    ours = json.loads(expressions.DASHBOARD.read_text())
    said("the dashboard by Grafana's own model", list(lost(ours, json.loads(JSONEncoder().encode(Dashboard.from_json(ours))))))
    ids = [panel["id"] for panel in expressions.panels(ours)]
    said("each panel has an id of its own", [] if len(ids) == len(set(ids)) else [str(sorted(ids))])


def main():
    model()
    samples = scrape(sys.argv[1])
    selected(samples)
    cases(samples)
    targets()
    sys.exit(1 if failed else 0)


main()
