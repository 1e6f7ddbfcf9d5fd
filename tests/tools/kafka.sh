#!/usr/bin/env bash
# kafka.sh: a real Apache Kafka broker for tests (KRaft, one node, loopback), from Maven Central.
# Usage: kafka.sh install | jars | start --port N --controller-port N --data DIR | stop --data DIR
# Env: CINEMA_TOOLS, the folder where the jars stay (default ~/.cache/cinemaabyss-tools); they are fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
version=4.3.1
home="$tools/kafka-$version-with-tools"
wait_seconds=90
port="" controller_port="" data=""

die() { echo "kafka.sh: $*" >&2; exit 1; }

# Flags that favour a quick start and a small process over throughput.
java_args=(-Xmx512m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Djava.awt.headless=true -Djava.net.preferIPv4Stack=true
  -Dorg.slf4j.simpleLogger.defaultLogLevel=info -Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS)

install() {
  "$here/need.sh" java=default-jre-headless >&2
  if [ -f "$home/.complete" ]; then return; fi
  "$here/need.sh" mvn=maven >&2
  mkdir -p "$tools"
  exec 9>"$tools/.kafka.lock"; flock 9
  if [ -f "$home/.complete" ]; then return; fi
  echo "fetching Apache Kafka $version from Maven Central" >&2
  local tmp; tmp="$(mktemp -d "$tools/.kafka.XXXXXX")"
  cat >"$tmp/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>cinemaabyss.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
  mvn -B -q -f "$tmp/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$tmp/libs" >&2 || { rm -rf "$tmp"; die "maven could not fetch Kafka $version"; }
  rm -rf "$home"; mv "$tmp" "$home"; touch "$home/.complete"
  exec 9>&-
}

properties() {
  cat <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data/log
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=8388608
CONF
}

alive() { # the pid of the broker of this data folder
  local pid; pid="$(cat "$data/pid" 2>/dev/null)" && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && echo "$pid"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

start() {
  local jars=("$home"/libs/*.jar) IFS=: pid end
  local class_path="${jars[*]}"
  mkdir -p "$data"
  properties >"$data/server.properties"
  if [ ! -f "$data/log/meta.properties" ]; then
    # A cluster id is 16 bytes in unpadded url-safe base64; one starting with '-' would read as an option.
    local id; id="C$(head -c 48 /dev/urandom | base64 -w0 | tr -d '+/=' | cut -c1-20)A"
    java "${java_args[@]}" -cp "$class_path" kafka.tools.StorageTool format -t "$id" -c "$data/server.properties" \
      >"$data/format.log" 2>&1 || { cat "$data/format.log" >&2; die "the storage could not be formatted"; }
  fi
  : >"$data/kafka.log"
  setsid java "${java_args[@]}" -cp "$class_path" kafka.Kafka "$data/server.properties" >>"$data/kafka.log" 2>&1 </dev/null &
  pid=$!; echo "$pid" >"$data/pid"
  end=$((SECONDS + wait_seconds))
  until grep -q 'Kafka Server started' "$data/kafka.log" && listening; do
    kill -0 "$pid" 2>/dev/null || { tail -20 "$data/kafka.log" >&2; die "the broker ended while starting"; }
    [ "$SECONDS" -lt "$end" ] || { tail -20 "$data/kafka.log" >&2; stop; die "not ready after $wait_seconds s"; }
    sleep 0.1
  done
  echo "127.0.0.1:$port"
}

stop() {
  local pid n=0
  pid="$(alive)" || return 0
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do
    n=$((n + 1)); [ "$n" -le 150 ] || { kill -9 "$pid" 2>/dev/null || true; break; }
    sleep 0.1
  done
  rm -f "$data/pid"
}

command="${1:-}"; [ $# -eq 0 ] || shift
while [ $# -gt 0 ]; do
  case "$1" in
    --port) port="${2:?}"; shift 2 ;;
    --controller-port) controller_port="${2:?}"; shift 2 ;;
    --data) data="${2:?}"; shift 2 ;;
    *) die "unknown argument $1" ;;
  esac
done
case "$command" in
  install) install; echo "Apache Kafka $version" ;;
  jars) install; echo "$home/libs" ;;
  start) : "${port:?--port}" "${controller_port:?--controller-port}" "${data:?--data}"; install; start ;;
  stop) : "${data:?--data}"; stop ;;
  *) sed -n 3p "$0"; exit 2 ;;
esac
