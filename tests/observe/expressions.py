"""The PromQL that the rules and the dashboard hold, and what it selects.

`expressions` lists (where, expression) of rules.yaml and of the dashboard; `selectors` finds in one expression each metric
with its matchers. Not a parser of PromQL (promtool checks the syntax): strings and clauses are cut out, names are left.
"""
import json
import re

import yaml

from system import ROOT

RULES = ROOT / "observe/rules.yaml"
DASHBOARD = ROOT / "observe/dashboards/cinemaabyss.json"
# Words that are neither a metric nor followed by a bracket.
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "inf", "nan"}
CLAUSE = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
RANGE = re.compile(r"\[[^\]]*\]")
SELECTOR = re.compile(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)(?![\w:])\s*(\{(?:[^}\"]|\"(?:[^\"\\]|\\.)*\")*\})?(?!\s*\()")
MATCHER = re.compile(r"([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")


def panels(dashboard):
    """Every panel, those of rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expressions():
    """(where, expression) for each rule, panel target and annotation, and the variables' queries."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield f"rule {rule.get('record') or rule['alert']}", rule["expr"]
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield f"panel {panel['title']!r}", target["expr"]
    for note in dashboard["annotations"]["list"]:
        yield f"annotation {note['name']!r}", note["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']!r}", re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"])[1]


def selectors(expression):
    """(metric, [(label, operator, value)]) for each selector."""
    bare = RANGE.sub("", CLAUSE.sub("", expression))
    for name, matchers in SELECTOR.findall(bare):
        if name not in WORDS:
            yield name, MATCHER.findall(matchers)


def recorded():
    """The names that recording rules make."""
    return {rule["record"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "record" in rule}


def alerts():
    """The names of the alerts."""
    return [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule]
