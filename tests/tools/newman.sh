#!/usr/bin/env bash
# newman.sh: Postman's command-line runner, as tests/postman/package-lock.json pins it, from npm.
# Usage: newman.sh install | run COLLECTION [ARG...]
# Env: CINEMA_TOOLS, the folder where it stays (default ~/.cache/cinemaabyss-tools); it is fetched once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
lock="$here/../postman/package-lock.json"
home="$tools/newman-$(cksum <"$lock" | cut -d' ' -f1)"

install() {
  "$here/need.sh" node=nodejs npm=npm >&2
  if [ -f "$home/.complete" ]; then return; fi
  mkdir -p "$tools"
  exec 9>"$tools/.newman.lock"; flock 9
  if [ -f "$home/.complete" ]; then return; fi
  echo "fetching newman from npm" >&2
  rm -rf "$home"; mkdir -p "$home"
  cp "$lock" "$here/../postman/package.json" "$home/"
  npm ci --prefix "$home" --no-audit --no-fund --loglevel=error >&2 || { echo "newman.sh: npm ci failed" >&2; exit 1; }
  touch "$home/.complete"
  exec 9>&-
}

command="${1:-}"; [ $# -eq 0 ] || shift
case "$command" in install | run) install ;; esac
case "$command" in
  install) echo "newman $(node "$home/node_modules/newman/bin/newman.js" --version)" ;;
  run) exec node "$home/node_modules/newman/bin/newman.js" run "$@" ;;
  *) sed -n 3p "$0"; exit 2 ;;
esac
