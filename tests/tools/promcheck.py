"""Reads Prometheus pages in full and strictly: what promtool's `check metrics` would complain of is an error here.

Usage: promcheck.py URL...    one line a page; exit 1 if a page has a fault. Run by promcheck.sh, which brings prometheus_client.
Each page is read by the lenient text parser, which tells how many samples it took, and, rewritten as OpenMetrics (counters
named without `_total`, `# EOF` at the end), by the strict one, which refuses duplicates, buckets out of order, stray labels.
"""
import re
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as lenient


def open_metrics(text):
    """The page in OpenMetrics' form."""
    counters = set(re.findall(r"^# TYPE (\S+)_total counter$", text, re.M))
    name = re.compile(r"^# (HELP|TYPE) (\S+)_total ", re.M)
    return name.sub(lambda m: f"# {m[1]} {m[2]} " if m[2] in counters else m[0], text) + "# EOF\n"


def faults(text):
    """(samples, what is wrong with the page)"""
    wrong = []
    families = list(lenient(text))
    samples = [s for family in families for s in family.samples]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if not lines:
        wrong.append("no sample at all")
    if len(samples) != len(lines):
        wrong.append(f"{len(lines)} lines but {len(samples)} samples")
    for family in families:
        if family.type == "unknown":
            wrong.append(f"{family.name} has no TYPE")
        if not family.documentation:
            wrong.append(f"{family.name} has no HELP")
        if family.type == "counter" and any(not s.name.endswith("_total") for s in family.samples):
            wrong.append(f"the counter {family.name} does not end in _total")
    try:
        list(strict(open_metrics(text)))
    except ValueError as problem:
        wrong.append(f"the strict parser refuses it: {problem}")
    return len(samples), wrong


def main():
    bad = 0
    for url in sys.argv[1:]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            kind, text = answer.headers.get("content-type", ""), answer.read().decode()
        count, wrong = faults(text)
        if not kind.startswith("text/plain"):
            wrong.append(f"content-type is {kind!r}")
        print(f"{'FAIL' if wrong else 'ok'}   {url}: {count} samples" + "".join(f"\n       {w}" for w in wrong))
        bad += bool(wrong)
    sys.exit(1 if bad else 0)


main()
