"""What must hold of any rendering of the chart: that its parts fit together, and that its pods may do no more than their work.

No cluster is asked; tests/cluster/api asks one.
"""
import network

WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")
# A Secret that somebody else makes, and the pull secret, which may be missing.
FOREIGN = {("Secret", "cinema-database"), ("Secret", "dockerconfigjson")}
# Pods that come and go: the load test, `helm test`, what is switched off.
PASSING = {"fortio", "cinemaabyss-test", "kafka-ui", "kafka-topics"}
PINS = {"MOVIES_MIGRATION_PERCENT", "GRADUAL_MIGRATION"}


def one(documents, kind, name):
    (found,) = [document for document in documents if (document["kind"], document["metadata"]["name"]) == (kind, name)]
    return found


def pods(documents):
    """(kind/name, labels, spec) of every pod that comes of it."""
    for document in documents:
        if document["kind"] in WORKLOADS:
            template = document if document["kind"] == "Pod" else document["spec"]["template"]
            yield f"{document['kind']}/{document['metadata']['name']}", template["metadata"].get("labels", {}), template["spec"]


def rules(documents):
    names = {(document["kind"], document["metadata"]["name"]) for document in documents}
    yield "each name once", [] if len(names) == len(documents) else ["two documents have one name"]
    yield "one namespace", [f"{document['kind']}/{document['metadata']['name']}" for document in documents
                            if document["kind"] != "Namespace" and document["metadata"].get("namespace") != "cinemaabyss"]
    yield "pods are confined", list(unconfined(documents))
    yield "pods say what they need and how they are", list(unsaid(documents))
    yield "what is named is there", list(dangling(documents, names))
    yield "Services and Ingresses lead to pods", list(unled(documents))
    yield "what selects pods finds some", list(idle(documents))
    yield "the mesh leads to Services", list(meshed(documents))
    if ("NetworkPolicy", "default-deny") in names:
        yield "who may talk to whom", list(network.faults(documents, list(pods(documents))))


def unconfined(documents):
    """Restricted Pod Security, and more than it asks: no token, no writable root, no variable that pins a weight."""
    for name, _, spec in pods(documents):
        security = spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or security.get("seccompProfile") != {"type": "RuntimeDefault"} or not security.get("runAsUser"):
            yield f"{name}: the pod's securityContext"
        if spec.get("automountServiceAccountToken") is not False or spec.get("enableServiceLinks") is not False:
            yield f"{name}: a token, or variables of Services"
        for container in spec.get("initContainers", []) + spec["containers"]:
            own = container.get("securityContext", {})
            if own != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}:
                yield f"{name}: its container's securityContext"
            if PINS & {variable["name"] for variable in container.get("env", [])}:
                yield f"{name}: the environment pins a weight"
            if ":" not in container["image"].rpartition("/")[2] or container["image"].endswith(":latest"):
                yield f"{name}: an image without a version"


def unsaid(documents):
    for name, _, spec in pods(documents):
        for container in spec["containers"]:
            resources = container.get("resources", {})
            if {"cpu", "memory"} - set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
                yield f"{name}: resources"
            if name.startswith(("Deployment/", "StatefulSet/")):
                wanted = {"startupProbe", "readinessProbe"} | (set() if name.endswith("/kafka-ui") else {"livenessProbe"})
                if wanted - set(container):
                    yield f"{name}: no {', '.join(wanted - set(container))}"
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if spec.get("terminationGracePeriodSeconds", 30) <= pause:
                yield f"{name}: it is killed before it has been told to end"


def referred(spec):
    """(kind, name) of what a pod mounts or reads."""
    yield "ServiceAccount", spec["serviceAccountName"]
    for secret in spec.get("imagePullSecrets", []):
        yield "Secret", secret["name"]
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env", []):
            for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if key in variable.get("valueFrom", {}):
                    yield kind, variable["valueFrom"][key]["name"]


def dangling(documents, names):
    for name, _, spec in pods(documents):
        for kind, wanted in set(referred(spec)) - names - FOREIGN:
            yield f"{name}: there is no {kind} {wanted}"
        volumes = {volume["name"] for volume in spec.get("volumes", [])} | {
            claim["metadata"]["name"] for document in documents if f"{document['kind']}/{document['metadata']['name']}" == name
            for claim in document["spec"].get("volumeClaimTemplates", [])}
        mounts = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
        if mounts != volumes:
            yield f"{name}: mounts {sorted(mounts)} of {sorted(volumes)}"
        if any("subPath" in mount and mount["mountPath"].startswith("/etc/gateway") for container in spec["containers"] for mount in container.get("volumeMounts", [])):
            yield f"{name}: a routes file that never changes"


def unled(documents):
    every = list(pods(documents))
    services = {document["metadata"]["name"]: document["spec"] for document in documents if document["kind"] == "Service"}
    for name, spec in services.items():
        behind = [pod for _, labels, pod in every if spec["selector"].items() <= labels.items()]
        if not behind:
            yield f"Service/{name} has no pods"
        for port in spec["ports"]:
            for pod in behind:
                if port["targetPort"] not in {own["name"] for container in pod["containers"] for own in container["ports"]}:
                    yield f"Service/{name}: no port {port['targetPort']}"
    for document in documents:
        if document["kind"] != "Ingress":
            continue
        for path in (path for rule in document["spec"]["rules"] for path in rule["http"]["paths"]):
            backend = path["backend"]["service"]
            ports = {port["name"] for port in services.get(backend["name"], {"ports": []})["ports"]}
            if backend["port"]["name"] not in ports:
                yield f"{document['metadata']['name']}: {path['path']} leads nowhere"


def meshed(documents):
    """Hosts of the mesh's resources are Services of ours, and their ports are there: istioctl does not look at full names."""
    services = {f"{one['metadata']['name']}.{one['metadata']['namespace']}.svc.cluster.local": {port["port"] for port in one["spec"]["ports"]}
                for one in documents if one["kind"] == "Service"}
    for document in documents:
        name, spec = f"{document['kind']}/{document['metadata']['name']}", document.get("spec", {})
        if document["kind"] == "DestinationRule" and spec["host"] not in services:
            yield f"{name}: there is no {spec['host']}"
        if document["kind"] == "VirtualService":
            for destination in (way["destination"] for rule in spec["http"] for way in rule["route"]):
                port = destination.get("port", {}).get("number")
                if destination["host"] not in services or (port and port not in services[destination["host"]]):
                    yield f"{name}: there is no {destination}"
        if document["kind"] == "PeerAuthentication":
            wanted = spec.get("selector", {"matchLabels": {}})["matchLabels"]
            found = {port["containerPort"] for _, labels, pod in pods(documents) if wanted.items() <= labels.items()
                     for container in pod["containers"] for port in container.get("ports", [])}
            for port in spec.get("portLevelMtls", {}):
                if int(port) not in found:
                    yield f"{name}: no pod listens on {port}"


def idle(documents):
    every = list(pods(documents))
    for document in documents:
        spec, name = document.get("spec", {}), f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "HorizontalPodAutoscaler":
            target = f"{spec['scaleTargetRef']['kind']}/{spec['scaleTargetRef']['name']}"
            scaled = [other for other in documents if f"{other['kind']}/{other['metadata']['name']}" == target]
            if not scaled or "replicas" in scaled[0]["spec"] or spec["minReplicas"] > spec["maxReplicas"]:
                yield f"{name}: its Deployment is missing or says a number too"
        elif document["kind"] in ("PodDisruptionBudget", "NetworkPolicy"):
            selector = spec.get("selector") or spec.get("podSelector")
            if not any(network.matches(selector, labels) for _, labels, _ in every) and document["metadata"]["name"] not in PASSING | {"kafka-clients"}:
                yield f"{name}: it selects no pod"
        elif document["kind"] == "ServiceMonitor":
            found = [other for other in documents if other["kind"] == "Service" and network.matches(spec["selector"], other["metadata"]["labels"])]
            for endpoint in spec["endpoints"]:
                if sum(port["name"] == endpoint["port"] for other in found for port in other["spec"]["ports"]) != 1:
                    yield f"{name}: not exactly one Service has a port {endpoint['port']}"
