"""The figures: kept as JSON, and said as tables (the same on the screen and in results.md)."""
import datetime
import json
import os
import platform
import re
import statistics
from pathlib import Path

RIVALS = ("nginx", "haproxy")
LABELS = {"gateway": "gateway", "nginx": "nginx", "haproxy": "HAProxy", "envoy": "Envoy"}


def read(folder):
    """What was measured last."""
    path = folder / "results.json"
    return json.loads(path.read_text()) if path.exists() else {"scenarios": {}}


def begin(folder, versions):
    """The results so far, which a run of some scenarios only adds to, with where and on what this run is."""
    results = read(folder)
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    results["measured"] = {"day": datetime.date.today().isoformat(), "cores": len(os.sched_getaffinity(0)),
                           "machine": model[1] if model else platform.machine(), "kernel": ".".join(platform.release().split(".")[:2])}
    results["versions"] = {**results.get("versions", {}), **versions}
    return results


def write(folder, results):
    """results.json, and results.md from it."""
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    measured = results["measured"]
    head = ["<!-- Made by `make bench`. -->\n# Measured side by side\n",
            f"On {measured['day']}: {measured['machine']}, {measured['cores']} cores, Linux {measured['kernel']}. "
            + ", ".join(f"{LABELS[name]} {version}" for name, version in results["versions"].items())
            + ". How, and what each scenario is: [performance.md](../performance.md).\n", "![CPU a request](chart.svg)\n"]
    tables = [scenario_table(name, kept) for name, kept in results["scenarios"].items()]
    (folder / "results.md").write_text("\n".join([*head, summary(results), *tables]))


def column(kept, proxy, figure):
    return [one[figure] for one in kept["proxies"][proxy]["rounds"]]


def middle(values):
    """(median, least, most); None where there are none."""
    return (statistics.median(values), min(values), max(values)) if values else None


def cpu(kept, proxy):
    """CPU a request, µs: (median, least, most); None where it was not measured."""
    if proxy not in kept["proxies"]:
        return None
    return middle(column(kept, proxy, "cpu"))


def ratio(kept, proxy, other):
    """The CPU of one to the other's in the same round: (median, least, most); None where one is missing."""
    if proxy == other or not {proxy, other} <= set(kept["proxies"]):
        return None
    return middle([mine / theirs for mine, theirs in zip(column(kept, proxy, "cpu"), column(kept, other, "cpu"))])


def spread(three, digits):
    """As `13.4 (12.9..14.1)`."""
    return "-" if three is None else "{:.{d}f} ({:.{d}f}..{:.{d}f})".format(*three, d=digits)


def table(rows):
    """Markdown that also reads well as it is: the first row is the head, the first column a name."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))) + " |"
             for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)) + "|")
    return "\n".join(lines)


def scenario_table(name, kept):
    """All figures of a scenario."""
    rounds = max((len(one["rounds"]) for one in kept["proxies"].values()), default=0)
    lines = [f"\n## {name}\n", f"{kept['what']}. {kept['day']}, {rounds} rounds of {kept['seconds']} s; median (least..most).\n"]
    logged = any("logged" in one["rounds"][0] for one in kept["proxies"].values())
    rows = [["", f"CPU µs a {kept['per']}", "to nginx", "to HAProxy", f"{kept['per']}s/s", "p50 ms", "p99 ms", "p99.9 ms", "peak MiB", "errors",
             *(["lines logged"] if logged else [])]]
    for proxy, one in kept["proxies"].items():
        middle = {figure: statistics.median(column(kept, proxy, figure)) for figure in one["rounds"][0]}
        rows.append([LABELS[proxy], spread(cpu(kept, proxy), 1), *(spread(ratio(kept, proxy, rival), 2) for rival in RIVALS),
                     f"{middle['rate']:.0f}", *(f"{middle[part] / 1000:.2f}" for part in ("p50", "p99", "p999")), f"{one['peak_mib']:.1f}",
                     str(sum(column(kept, proxy, "errors"))), *([f"{middle['logged']:.1%}"] if logged else [])])
    lines += [table(rows)] if kept["proxies"] else []
    lines += [f"\nLeft out: {LABELS[proxy]} ({why})." for proxy, why in kept["skipped"].items()]
    return "\n".join(lines) + "\n"


def summary(results):
    """CPU a request of everyone in every scenario, and the gateway's ratios."""
    rows = [["CPU µs a request", *LABELS.values(), *(f"gateway / {LABELS[rival]}" for rival in RIVALS)]]
    for name, kept in results["scenarios"].items():
        middles = [cpu(kept, proxy) for proxy in LABELS]
        rows.append([name, *("-" if one is None else f"{one[0]:.1f}" for one in middles),
                     *(spread(ratio(kept, "gateway", rival), 2) for rival in RIVALS)])
    return "## Summary\n\n" + table(rows) + "\n"


def errors(results, names):
    """Errors of all proxies in these scenarios."""
    return sum(sum(column(kept, proxy, "errors")) for kept in map(results["scenarios"].get, names) for proxy in kept["proxies"])
