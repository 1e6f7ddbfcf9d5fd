#!/usr/bin/env python3
"""JSON schemas as kubeconform reads them, a file a kind, from what packages carry.

Usage: kube-schemas.py native SOURCE OUT          SOURCE: the folder of a release in PyPI's kubernetes-validate
       kube-schemas.py crds OUT FILE...           FILE: CustomResourceDefinitions, as YAML
"""
import json
import pathlib
import re
import sys

REFERENCE = re.compile(r'"(?:/api/_definitions\.json)?#/\$defs/([^"]+)"')
BRANCHES = ("oneOf", "anyOf", "allOf", "not")


def native(source, out):
    definitions = json.loads((source / "_definitions.json").read_text())["$defs"]
    needs = {name: set(REFERENCE.findall(json.dumps(body))) for name, body in definitions.items()}
    for file in source.glob("*-v[0-9]*.json"):
        text = file.read_text()
        if '"kind"' not in text:
            continue
        schema, wanted, open_ = json.loads(text), set(), set(REFERENCE.findall(text))
        while open_:  # each schema carries just the definitions that it reaches, so that it stands alone
            wanted |= open_
            open_ = set().union(*(needs[name] for name in open_)) - wanted
        schema.pop("$id", None)
        schema["$defs"] = {name: definitions[name] for name in sorted(wanted)}
        (out / file.name).write_text(REFERENCE.sub(r'"#/$defs/\1"', json.dumps(schema)))


def strict(node):
    """An object that lists its properties takes no others, as the API server's strict decoding has it."""
    if isinstance(node, dict):
        if node.get("x-kubernetes-int-or-string"):
            node.pop("anyOf", None)
            node["type"] = ["integer", "string"]
        if isinstance(node.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
            node.setdefault("additionalProperties", False)
        for key, value in node.items():
            if key not in ("default", "enum", "example"):
                strict(value)
    elif isinstance(node, list):
        for value in node:
            strict(value)


def reopen(node):
    if isinstance(node, dict):
        if node.get("additionalProperties") is False:
            del node["additionalProperties"]
        for value in node.values():
            reopen(value)
    elif isinstance(node, list):
        for value in node:
            reopen(value)


def with_open_branches(node):
    """The branches of oneOf and the like name properties only to require them: closed, they would refuse the rest."""
    if isinstance(node, dict):
        for key in BRANCHES:
            for branch in node.get(key, []) if isinstance(node.get(key), list) else [node.get(key)]:
                reopen(branch)
        for value in node.values():
            with_open_branches(value)
    elif isinstance(node, list):
        for value in node:
            with_open_branches(value)


def crds(out, files):
    import yaml

    for document in (document for file in files for document in yaml.safe_load_all(file.read_text())):
        if not document or document.get("kind") != "CustomResourceDefinition":
            continue
        spec = document["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            schema.setdefault("properties", {}).update(
                {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
            )
            strict(schema)
            with_open_branches(schema)
            schema["properties"]["metadata"].pop("additionalProperties", None)
            name = f"{spec['names']['kind'].lower()}-{spec['group']}-{version['name']}.json"
            (out / name).write_text(json.dumps(schema))


match sys.argv[1:]:
    case ["native", source, out]:
        native(pathlib.Path(source), pathlib.Path(out))
    case ["crds", out, *files] if files:
        crds(pathlib.Path(out), [pathlib.Path(file) for file in files])
    case _:
        sys.exit(__doc__)
