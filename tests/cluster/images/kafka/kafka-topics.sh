#!/usr/bin/env bash
# kafka-topics.sh: Kafka's command for topics, as its release has it.
# Usage: kafka-topics.sh ARG...
set -euo pipefail
# shellcheck disable=SC2086  # options are words
exec java ${KAFKA_HEAP_OPTS:--Xmx256m} -cp '/opt/kafka/libs/*' org.apache.kafka.tools.TopicCommand "$@"
