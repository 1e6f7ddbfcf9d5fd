"""NetworkPolicies worked out on paper: which pod reaches which port, and whether that is what the system needs and no more.

As Kubernetes has it: a pod that a policy of a direction selects takes (or sends) only what one of those policies names; both ends have to agree.
"""

INGRESS, PROMETHEUS, DNS, STRANGER = "ingress-nginx", "monitoring", "kube-system", "default"
SERVICES = {"monolith": "database", "movies-service": "database", "users-service": "database", "payments-service": "database",
            "events-service": "kafka"}


def matches(selector, labels):
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for term in selector.get("matchExpressions", []):
        if term["operator"] != "In":
            raise ValueError(f"an operator that is not known here: {term['operator']}")
        if labels.get(term["key"]) not in term["values"]:
            return False
    return True


class Place:
    """One end of a connection: a namespace, the labels of a pod there, and its ports by name."""

    def __init__(self, name, namespace="cinemaabyss", labels=None, ports=None):
        self.name, self.namespace, self.ports = name, namespace, ports or {}
        self.labels = labels if labels is not None else {"app.kubernetes.io/name": name}


def is_peer(peer, place):
    if "ipBlock" in peer:
        return False
    if "namespaceSelector" in peer:
        if not matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": place.namespace}):
            return False
    elif place.namespace != "cinemaabyss":
        return False
    return matches(peer.get("podSelector", {}), place.labels)


def agrees(policies, direction, key, own, other, target, port):
    """One end's word: does `own` take from, or send to, `other` at a port of `target`?"""
    if own.namespace != "cinemaabyss":
        return True
    spoken = [policy["spec"] for policy in policies
              if direction in policy["spec"]["policyTypes"] and matches(policy["spec"]["podSelector"], own.labels)]
    if not spoken:
        return True
    numbers = {port, *(name for name, number in target.ports.items() if number == port)}
    for rule in (rule for spec in spoken for rule in spec.get(direction.lower(), [])):
        peers, ports = rule.get(key), rule.get("ports")
        if (not peers or any(is_peer(peer, other) for peer in peers)) and (not ports or any(one["port"] in numbers for one in ports)):
            return True
    return False


def reaches(policies, source, target, port):
    return agrees(policies, "Egress", "to", source, target, target, port) and agrees(policies, "Ingress", "from", target, source, target, port)


def wanted(source, target, port):
    """Whether the system needs it."""
    name, to = source.name, target.name
    if to == "dns":
        return source.namespace == "cinemaabyss"
    if to == "proxy-service":
        return (name in (INGRESS, "cinemaabyss-test") and port == target.ports["http"]) or (name == PROMETHEUS and port == target.ports["admin"])
    if to in SERVICES:
        return name in ("proxy-service", PROMETHEUS) or (name == "cinemaabyss-test" and to in ("monolith", "movies-service", "events-service")) \
            or (name, to) in ((INGRESS, "events-service"), ("fortio", "movies-service"))
    if to == "postgres":
        return SERVICES.get(name) == "database"
    if to == "kafka":
        return name == "kafka" or (name in ("events-service", "kafka-topics", "kafka-ui") and port == 9092)
    return False


def faults(documents, pods):
    policies = [document for document in documents if document["kind"] == "NetworkPolicy"]
    places = {}
    for _, labels, spec in pods:
        name = labels.get("app.kubernetes.io/name", "cinemaabyss-test")
        places[name] = Place(name, labels=labels, ports={port["name"]: port["containerPort"] for container in spec["containers"] for port in container.get("ports", [])})
    for passing in ("fortio", "cinemaabyss-test"):
        places[passing] = Place(passing)
    outside = [Place(namespace, namespace, {}) for namespace in (INGRESS, PROMETHEUS, STRANGER)]
    dns = Place("dns", DNS, {"k8s-app": "kube-dns"}, {"dns": 53})
    for source in [*places.values(), *outside]:
        for target in [*places.values(), dns]:
            for port in target.ports.values():
                if source.namespace != "cinemaabyss" and target is dns:
                    continue
                needed, open_ = bool(wanted(source, target, port)), reaches(policies, source, target, port)
                if needed != open_:
                    yield f"{source.name} {'does not reach' if needed else 'reaches'} {target.name}:{port}"
