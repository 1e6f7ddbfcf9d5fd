"""What holds of the system on a real node: started by tests/cluster/node, in the cluster's network."""
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from load import Load  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = sys.argv[1]
SPACE = "cinemaabyss"
WRITTEN = 'gateway_split_weight_ratio{route="movies",upstream="movies"}'
counts = {True: 0, False: 0}


def say(text):
    print(f"   {time.monotonic() - began:6.1f} s  {text}", flush=True)


def holds(name, *problems):
    problems = [str(problem) for problem in problems if problem]
    counts[not problems] += 1
    print(f"FAIL {name}: {'; '.join(problems)[:1500]}" if problems else f"ok {name}", flush=True)


def run(*command, given=None):
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def kubectl(*arguments, given=None):
    return run("kubectl", "-n", SPACE, *arguments, given=given)


def listed(kind, *arguments):
    return json.loads(kubectl("get", kind, *arguments, "-o", "json"))["items"]


def until(what, limit, question):
    end = time.monotonic() + limit
    while not (answer := question()):
        if time.monotonic() > end:
            raise RuntimeError(f"not within {limit} s: {what}")
        time.sleep(0.1)
    return answer


def page(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def gateways():
    """The admin listeners of the gateway's pods that are well and not about to end."""
    return [f"http://{pod['status']['podIP']}:9901" for pod in listed("pods", "-l", "app.kubernetes.io/name=proxy-service")
            if "deletionTimestamp" not in pod["metadata"] and pod["status"].get("podIP")
            and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))]


def metric(name):
    """Its value of every gateway."""
    pages = [page(f"{gateway}/metrics") for gateway in gateways()]
    return [float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1]) for text in pages]


def address(service):
    found = json.loads(kubectl("get", "service", service, "-o", "json"))["spec"]
    return found["clusterIP"], found["ports"][0]["port"]


def routes():
    return json.loads(kubectl("get", "configmap", "cinemaabyss-routes", "-o", "json"))["data"]["routes.yaml"]


def write(text):
    """`kubectl apply` of the ConfigMap with another file in it."""
    found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cinemaabyss-routes", "namespace": SPACE}, "data": {"routes.yaml": text}}
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=json.dumps(found))
    return time.monotonic()


def weight(percent):
    text, times = re.subn(r"(?m)^(      movies: )[\d.]+", rf"\g<1>{percent}", routes())
    assert times == 1, text
    return text


def nudge():
    """A change of a pod's annotations has the kubelet look at its volumes at once."""
    kubectl("annotate", "--overwrite", "pods", "-l", "app.kubernetes.io/name=proxy-service", f"cinemaabyss/nudged={time.time_ns()}")


def installed():
    run("kubectl", "apply", "--server-side", "-k", MANIFESTS)
    for kind in ("statefulset", "deployment"):
        for name in kubectl("get", kind, "-o", "name").split():
            kubectl("rollout", "status", name, "--timeout=300s")
    kubectl("wait", "--for=condition=complete", "job", "--all", "--timeout=180s")
    say("everything is ready")
    pods = listed("pods")
    holds("every pod runs under restricted Pod Security, read only and as nobody",
          *(pod["metadata"]["name"] for pod in pods for container in pod["spec"]["containers"]
            if not container["securityContext"]["readOnlyRootFilesystem"] or not pod["spec"]["securityContext"]["runAsNonRoot"]),
          run("kubectl", "get", "namespace", SPACE, "-o", r"jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}") != "restricted"
          and "the namespace does not enforce it")
    holds("nothing was restarted on the way", *(f"{pod['metadata']['name']}: {status['restartCount']}" for pod in pods
                                                for status in pod["status"]["containerStatuses"] if status["restartCount"]))
    for name in ("proxy-service", "monolith", "movies-service", "events-service"):
        pod = next(pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/name") == name)
        try:
            kubectl("exec", pod["metadata"]["name"], "--", "/program", "health")
            holds(f"{name}: `health` leaves with 0")
        except RuntimeError as error:
            holds(f"{name}: `health` leaves with 0", error)


def api():
    variables = [f"{name}={':'.join(map(str, address(service)))}" for name, service in
                 (("gatewayUrl", "proxy-service"), ("monolithUrl", "monolith"), ("moviesUrl", "movies-service"), ("eventsUrl", "events-service"))]
    report = ROOT / "target/newman-node.json"
    report.parent.mkdir(exist_ok=True)
    words = [word for pair in variables for word in ("--env-var", pair.replace("=", "=http://"))]
    subprocess.run([ROOT / "tests/tools/newman.sh", "run", "tests/postman/cinemaabyss.json", *words, "--timeout-request", "20000",
                    "--reporters", "json", "--reporter-json-export", report], cwd=ROOT, capture_output=True)
    said = json.loads(report.read_text())["run"]
    holds(f"the Postman collection, {said['stats']['assertions']['total']} assertions through Services and their names",
          *(f"{failure['source'].get('name')}: {failure['error']['message']}" for failure in said["failures"]),
          not said["stats"]["assertions"]["total"] and "nothing was asked")


def edits(load):
    for percent, hurried in ((80, False), (20, True)):
        wrote = write(weight(percent))
        if hurried:
            nudge()
        took = until(f"{percent} % in force", 150, lambda: set(metric(WRITTEN)) == {percent / 100} and time.monotonic()) - wrote
        settled = time.monotonic()
        share, of = until("2000 films", 60, lambda: (seen := load.share("movies", settled))[1] >= 2000 and seen)
        say(f"from apply to effect on every pod{', pods annotated' if hurried else ''}: {took:.1f} s; then {share:.2%} of {of} requests")
        holds(f"an apply of {percent} % shifts the split", abs(share - percent / 100) > 0.005 and f"{share:.2%} of {of}")


def bad_edit(load):
    good, before = routes(), metric("gateway_config_generation")
    write(good.replace("to: events", "to: evnts"))
    nudge()
    until("the metric says so", 150, lambda: set(metric("gateway_config_last_reload_successful")) == {0.0})
    since = time.monotonic()
    share, of = until("1000 films", 60, lambda: (seen := load.share("movies", since))[1] >= 1000 and seen)
    table = page(f"{gateways()[0]}/table")
    holds("a bad ConfigMap changes nothing and is loud", metric("gateway_config_generation") != before and "another table is in force",
          abs(share - 0.2) > 0.01 and f"{share:.2%} of {of}", "evnts" not in table and "/table does not say why")
    write(good)
    nudge()
    until("well again", 150, lambda: set(metric("gateway_config_last_reload_successful")) == {1.0})
    holds("the good file again, and the metric is well", set(metric(WRITTEN)) != {0.2} and "another split")


def restarts(load):
    for deployment in ("proxy-service", "movies-service", "monolith", "events-service"):
        before, lost, start = load.answered, len(load.failures), time.monotonic()
        kubectl("rollout", "restart", f"deployment/{deployment}")
        kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=300s")
        until("the old pods are gone", 120, lambda: not [pod for pod in listed("pods", "-l", f"app.kubernetes.io/name={deployment}")
                                                         if "deletionTimestamp" in pod["metadata"]])
        say(f"rolling restart of {deployment}: {time.monotonic() - start:.0f} s, {load.answered - before} requests, "
            f"{len(load.failures) - lost} lost")
        holds(f"a rolling restart of {deployment} under load loses nothing", *load.failures[lost:lost + 3])


began = time.monotonic()
try:
    installed()
    api()
    with Load(*address("proxy-service")) as load:
        until("traffic", 30, lambda: load.answered > 100)
        edits(load)
        bad_edit(load)
        holds(f"no request failed while files changed, of {load.answered}", *load.failures[:3])
        restarts(load)
    say(f"{load.answered} requests in all, {len(load.failures)} failed; {load.resent} GETs sent again, for their connection was closed at rest")
except Exception as error:  # noqa: BLE001: whatever it is, it is a failure to be counted
    holds("the run came to its end", error)
print(f"{counts[True]} passed, {counts[False]} failed")
sys.exit(1 if counts[False] else 0)
