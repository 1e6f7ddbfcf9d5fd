#!/usr/bin/env bash
# h2spec.sh: the conformance test of HTTP/2 (github.com/summerwind/h2spec), built by Go as tests/tools/h2spec/go.mod pins it.
# Usage: h2spec.sh install | h2spec.sh ARG...
# Env: CINEMA_TOOLS, the folder where it stays (default ~/.cache/cinemaabyss-tools); it is built once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
pins="$here/h2spec"
home="$tools/h2spec-$(cat "$pins/go.mod" "$pins/go.sum" | cksum | cut -d' ' -f1)"
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }

install() {
  if [ -f "$home/.complete" ]; then return; fi
  PATH="$("$here/go.sh" path):$PATH"
  mkdir -p "$tools"
  exec 9>"$tools/.h2spec.lock"; flock 9
  if [ -f "$home/.complete" ]; then return; fi
  echo "building h2spec" >&2
  rm -rf "$home"; mkdir -p "$home"
  (cd "$pins" && GOBIN="$home" GOFLAGS=-mod=readonly GOTOOLCHAIN=local go install github.com/summerwind/h2spec/cmd/h2spec >&2)
  touch "$home/.complete"
  exec 9>&-
}

install
[ "$1" != install ] || { "$home/h2spec" --version; exit 0; }
exec "$home/h2spec" "$@"
