#!/usr/bin/env bash
# grpc.sh: a gRPC service and its client, of Google's library for Python (PyPI).
# Usage: grpc.sh install | serve | call HOST:PORT        call prints `ok NAME` for each case that holds
# Env: CINEMA_TOOLS, the folder where it stays (default ~/.cache/cinemaabyss-tools); it is fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
version=1.85.1
home="$tools/grpc-$version"
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }

if [ ! -f "$home/.complete" ]; then
  "$here/need.sh" python3=python3
  # Debian ships venv's ensurepip as a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || "$here/need.sh" ensurepip=python3-venv
  mkdir -p "$tools"
  exec 9>"$tools/.grpc.lock"; flock 9
  if [ ! -f "$home/.complete" ]; then
    echo "fetching grpcio $version from PyPI" >&2
    rm -rf "$home"; python3 -m venv "$home"
    "$home/bin/pip" install -q --disable-pip-version-check --only-binary :all: "grpcio==$version" >&2
    touch "$home/.complete"
  fi
  exec 9>&-
fi
[ "$1" != install ] || { echo "grpcio $version"; exit 0; }
exec "$home/bin/python" "$here/grpccheck.py" "$@"
