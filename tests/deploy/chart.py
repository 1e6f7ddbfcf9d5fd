"""What tests/deploy/chart checks, by Helm, kubeconform and the gateway itself. Called by it, with their programs on PATH."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import broker
import hook
import manifests

GATEWAY = os.environ.get("GATEWAY", "target/release/gateway")
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", "target/release")).resolve()
MATRIX = sorted(pathlib.Path("tests/deploy/values").glob("*.yaml"))

# What the chart must not take, and a word of the reason that it gives.
REFUSED = {
    "migration.moviesPercent=101": "moviesPercent",
    "migration.moviesPercent=12.345": "moviesPercent",
    "migration.moviePercent=10": "moviePercent",
    "gateway.port=70000": "port",
    "monolith.enabled=false": "monolith.url",
    "postgres.enabled=false": "postgres.external.host",
    "kafka.enabled=false": "kafka.external.brokers",
    "kafka.replicas=2": "replicas",
    "gateway.canary.enabled=true": "gateway.canary.tag",
    "gateway.accessLog=xml": "accessLog",
    "trustedProxies={10.0.0.0/8}": "trustedProxies",
}

failed = 0


def report(name, *problems):
    global failed
    problems = [problem for problem in problems if problem]
    failed += bool(problems)
    print(f"FAIL {name}: {'; '.join(problems)}" if problems else f"ok {name}", flush=True)


def run(*command, text=None):
    """(what was wrong, or nothing; standard output)"""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}") if done.returncode else "", done.stdout


def render(*arguments):
    wrong, text = run("helm", "template", "cinemaabyss", "chart", "--namespace", "cinemaabyss", *arguments)
    return wrong, text


def schemas(text):
    return run("tests/tools/kube-lint.sh", "manifests", "-", text=text)[0]


def routes(documents):
    """The routes file of a rendering is one that the gateway takes, with no variable left and no warning."""
    text = manifests.one(documents, "ConfigMap", "cinemaabyss-routes")["data"]["routes.yaml"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        wrong, said = run(GATEWAY, "check", file.name)
    return wrong, "a variable is left in it" if "${" in text else "", said.strip() if "note:" in said or "warning" in said else ""


def matrix():
    for values in MATRIX:
        name = values.stem
        report(f"helm lint --strict: {name}", run("helm", "lint", "--strict", "chart", "--values", str(values))[0])
        wrong, text = render("--values", str(values))
        if wrong:
            report(f"helm template: {name}", wrong)
            continue
        documents = [document for document in yaml.safe_load_all(text) if document]
        report(f"schemas: {name}", schemas(text))
        report(f"gateway check: {name}", *routes(documents))
        for rule, problems in manifests.rules(documents):
            report(f"{rule}: {name}", *problems)


def refusals():
    for setting, word in REFUSED.items():
        wrong, _ = render("--set", setting)
        report(f"refused: {setting}", "" if wrong and word in wrong else f"said {wrong[:200] or 'nothing'!r}")


def a_weight_is_one_line():
    """Shifting traffic restarts nothing: between two renderings one line differs, and it is the weight."""
    secrets = ("--set", "secrets.dbPassword=a,secrets.postgresPassword=b")
    before, after = (render(*secrets, "--set", f"migration.moviesPercent={percent}")[1].splitlines() for percent in (50, 60))
    differ = [(old.strip(), new.strip()) for old, new in zip(before, after) if old != new]
    report("a shift of traffic changes one line", "" if differ == [("movies: 50", "movies: 60")] and len(before) == len(after) else f"{differ}")


def brokers():
    """The last broker of one and of three understands its variables."""
    _, jars = run("tests/tools/kafka.sh", "jars")
    for number in (1, 3):
        documents = [document for document in yaml.safe_load_all(render("--set", f"kafka.replicas={number}")[1]) if document]
        report(f"the image apache/kafka understands the settings of {number}", *broker.faults(documents, number, jars.strip()))


def api_tests():
    def documents(settings):
        return [document for document in yaml.safe_load_all(render(*settings)[1]) if document]

    report("what `helm test` runs", *hook.faults(documents, PROGRAMS))


def blocks(page):
    return re.findall(r"```yaml\n(.*?)```", pathlib.Path(page).read_text(), re.DOTALL)


def pages():
    """Every YAML in the docs is a test: the overlay of docs/kubernetes.md, the values of the chart's README."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        (overlay,) = blocks("docs/kubernetes.md")
        pathlib.Path(folder, "kustomization.yaml").write_text(overlay)
        wrong, text = run("kubectl", "kustomize", folder)
        unheard = [word for word in ("registry.example.org/proxy-service:0.1.0", "host: films.example.org", "POSTGRES_PASSWORD: '...'") if word not in text]
        report("docs/kubernetes.md: the overlay", wrong or schemas(text), *(f"no {word} in it" for word in unheard))
        for number, values in enumerate(blocks("chart/README.md"), start=1):
            file = pathlib.Path(folder, "values.yaml")
            file.write_text(values)
            wrong, text = render("--values", str(file))
            problems = [wrong] if wrong else [schemas(text), *routes([document for document in yaml.safe_load_all(text) if document])]
            report(f"chart/README.md: values {number}", *problems)


def plain():
    report("k8s/, istio/ and chart/files are current", run("tests/tools/manifests.sh", "check")[0])
    report("the README's table of values is current", run("tests/tools/values-table.py", "check")[0])
    for folder in ["k8s", "istio", *sorted(str(path) for path in pathlib.Path("k8s/overlays").iterdir())]:
        wrong, text = run("kubectl", "kustomize", folder)
        report(f"kubectl kustomize and schemas: {folder}", wrong or schemas(text))


matrix()
refusals()
a_weight_is_one_line()
brokers()
api_tests()
pages()
plain()
sys.exit(1 if failed else 0)
