#!/usr/bin/env python3
"""The table of chart/README.md: every value of chart/values.yaml, its default and its meaning, which is the comment at its line.

Usage: values-table.py write | check          check: exit 1 where the table is not current, or a value has no meaning
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2] / "chart"
BEGIN, END = "<!-- values: written by tests/tools/values-table.py -->\n", "<!-- /values -->\n"
LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w]+):(?: (?P<value>\"[^\"]*\"|\{[^#]*?\}|\[[^#]*?\]|[^#\s][^#]*?))?(?:\s+# (?P<meaning>.*))?$")


def values(text):
    """(dotted name, default, meaning) of each leaf; `None` as default where it is a map of the lines below."""
    path = []
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for here, below in zip(lines, lines[1:] + [""]):
        found = LINE.match(here)
        if not found:
            sys.exit(f"values-table.py: a line that it can't read: {here!r}")
        depth = len(found["indent"]) // 2
        path = path[:depth] + [found["key"]]
        has_more = len(below) - len(below.lstrip()) > len(found["indent"])
        yield ".".join(path), None if has_more else (found["value"] or '""').strip(), found["meaning"]


def table(text):
    rows, inherited = ["| value | default | meaning |", "|---|---|---|"], {}
    for name, default, meaning in values(text):
        parent = name.rpartition(".")[0]
        if default is None:
            inherited[name] = meaning
            continue
        if not meaning and name.endswith((".requests", ".limits")):
            meaning = inherited.get(parent)
        if not meaning:
            sys.exit(f"values-table.py: {name} has no comment that says what it means")
        rows.append(f"| `{name}` | `{default}` | {meaning.replace('|', '&#124;')} |")
    return "\n".join(rows) + "\n"


def main(command):
    readme = ROOT / "README.md"
    text = readme.read_text()
    head, rest = text.split(BEGIN)
    current = head + BEGIN + table((ROOT / "values.yaml").read_text()) + END + rest.split(END)[1]
    if command == "write":
        readme.write_text(current)
    elif current != text:
        sys.exit("chart/README.md is not current: run tests/tools/values-table.py write")


if sys.argv[1:] not in (["write"], ["check"]):
    sys.exit(__doc__)
main(sys.argv[1])
