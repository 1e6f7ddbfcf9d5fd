#!/usr/bin/env bash
# promcheck.sh: reads /metrics pages with prometheus_client's strict parser (PyPI); fails on what it refuses.
# Usage: promcheck.sh install | URL...
# Env: CINEMA_TOOLS, the folder where it stays (default ~/.cache/cinemaabyss-tools); it is fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
version=0.26.0
home="$tools/promcheck-$version"
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }

if [ ! -f "$home/.complete" ]; then
  "$here/need.sh" python3=python3
  # Debian ships venv's ensurepip as a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || "$here/need.sh" ensurepip=python3-venv
  echo "fetching prometheus_client $version from PyPI"
  mkdir -p "$tools"; rm -rf "$home"
  python3 -m venv "$home"
  "$home/bin/pip" install -q --disable-pip-version-check "prometheus_client==$version"
  touch "$home/.complete"
fi
[ "$1" != install ] || { echo "prometheus_client $version"; exit 0; }
exec "$home/bin/python" "$here/promcheck.py" "$@"
