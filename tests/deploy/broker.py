"""The variables of a Kafka container, read by the program that reads them in the image apache/kafka: kafka.docker.KafkaDockerWrapper.

It writes the broker's settings, lets the broker's own code read them and formats the storage; the broker says what it understood.
"""
import pathlib
import re
import subprocess
import tempfile

import manifests

SETTING = re.compile(r"^\t([a-z.]+) = (.*)$", re.MULTILINE)
MOUNT = "/var/lib/kafka/data"


def variables(container, pod, index):
    known = {"POD_NAME": pod, "KAFKA_NODE_ID": str(index)}  # what the downward API says
    for variable in container["env"]:
        value = variable.get("value") or known[variable["name"]]
        yield variable["name"], re.sub(r"\$\((\w+)\)", lambda name: known[name[1]], value)


def understood(environment, given, jars):
    """What a broker takes its settings to be that is started with these variables and has these files mounted."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for name in ("defaults", "given", "final"):
            (work / name).mkdir()
        for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
            (work / "defaults" / name).touch()
        for name, text in given.items():
            (work / "given" / name).write_text(text)
        command = ["java", "-cp", f"{jars}/*", "kafka.docker.KafkaDockerWrapper", "setup", "--default-configs-dir", work / "defaults",
                   "--mounted-configs-dir", work / "given", "--final-configs-dir", work / "final"]
        here = {name: value.replace(MOUNT, folder) for name, value in environment.items()}
        done = subprocess.run(command, env={**here, "PATH": "/usr/local/bin:/usr/bin:/bin"}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the image would not start: {(done.stdout + done.stderr).strip()[-300:]}")
        return {name: value.replace(folder, MOUNT) for name, value in SETTING.findall(done.stdout + done.stderr)}


def differences(environment, given, wanted, jars):
    try:
        got = understood(environment, given, jars)
    except RuntimeError as error:
        return [str(error)]
    return [f"{name} is {got.get(name)} and not {value}" for name, value in wanted.items() if got.get(name) != value]


def faults(documents, brokers, jars):
    """What the last broker of a rendering of the chart takes wrongly."""
    index = brokers - 1
    wanted = {
        "node.id": str(index),
        "advertised.listeners": f"[PLAINTEXT://kafka-{index}.kafka:9092]",
        "controller.quorum.voters": "[" + ", ".join(f"{n}@kafka-{n}.kafka:9093" for n in range(brokers)) + "]",
        "log.dirs": f"[{MOUNT}/log]",
        "default.replication.factor": str(brokers),
        "offsets.topic.replication.factor": str(brokers),
        "min.insync.replicas": "2" if brokers == 3 else "1",
        "auto.create.topics.enable": "false",
    }
    (container,) = manifests.one(documents, "StatefulSet", "kafka")["spec"]["template"]["spec"]["containers"]
    given = manifests.one(documents, "ConfigMap", "kafka-config")["data"]
    return differences(dict(variables(container, f"kafka-{index}", index)), given, wanted, jars)
