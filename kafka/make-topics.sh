#!/usr/bin/env bash
# make-topics.sh: makes those topics of the file `topics` beside it that are missing; what is there stays as it is.
# Usage: make-topics.sh HOST:PORT        in the image apache/kafka, once the broker answers
# Env: KAFKA_TOPICS, Kafka's own command for topics (default /opt/kafka/bin/kafka-topics.sh).
set -euo pipefail
[ $# = 1 ] || { sed -n 3p "$0" >&2; exit 2; }

while read -r name partitions settings; do
  case "$name" in '' | '#'*) continue ;; esac
  arguments=(--create --if-not-exists --topic "$name" --partitions "$partitions")
  for setting in $settings; do arguments+=(--config "$setting"); done
  "${KAFKA_TOPICS:-/opt/kafka/bin/kafka-topics.sh}" --bootstrap-server "$1" "${arguments[@]}" </dev/null
done <"$(dirname "$0")/topics"
