#!/usr/bin/env bash
# venv.sh: Python packages from PyPI in an environment of their own; prints its folder.
# Usage: venv.sh NAME PACKAGE==VERSION...       NAME tells versions apart: another one is fetched anew
# Env: CINEMA_TOOLS, the folder where it stays (default ~/.cache/cinemaabyss-tools); it is fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
[ $# -gt 1 ] || { sed -n 3p "$0" >&2; exit 2; }
name="$1" home="$tools/$1"; shift

if [ ! -f "$home/.complete" ]; then
  "$here/need.sh" python3=python3 >&2
  # Debian ships venv's ensurepip as a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || "$here/need.sh" ensurepip=python3-venv >&2
  mkdir -p "$tools"
  exec 9>"$tools/.$name.lock"; flock 9
  if [ ! -f "$home/.complete" ]; then
    echo "fetching $* from PyPI" >&2
    rm -rf "$home"; python3 -m venv "$home"
    "$home/bin/pip" install -q --disable-pip-version-check --only-binary :all: "$@" >&2
    touch "$home/.complete"
  fi
  exec 9>&-
fi
echo "$home"
