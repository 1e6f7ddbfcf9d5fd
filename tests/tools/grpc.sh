#!/usr/bin/env bash
# grpc.sh: a gRPC service and its client, of Google's library for Python (PyPI).
# Usage: grpc.sh install | serve | call HOST:PORT        call prints `ok NAME` for each case that holds
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
version=1.85.1
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }
home="$("$here/venv.sh" "grpc-$version" "grpcio==$version")"
[ "$1" != install ] || { echo "grpcio $version"; exit 0; }
exec "$home/bin/python" "$here/grpccheck.py" "$@"
