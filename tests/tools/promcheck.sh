#!/usr/bin/env bash
# promcheck.sh: reads /metrics pages with prometheus_client's strict parser (PyPI); fails on what it refuses.
# Usage: promcheck.sh install | URL...
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
version=0.26.0
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }
home="$("$here/venv.sh" "promcheck-$version" "prometheus_client==$version")"
[ "$1" != install ] || { echo "prometheus_client $version"; exit 0; }
exec "$home/bin/python" "$here/promcheck.py" "$@"
