#!/usr/bin/env bash
# routes.sh: writes the routes file of a deployment: routes.yaml with the given variables filled in, and their weights as plain numbers.
# Usage: routes.sh compose | NAME=VALUE...        prints it; a variable that is not named stays one
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || { sed -n 3p "$0" >&2; exit 2; }
# A weight that came from the environment would be pinned by it: an edit of the file would do nothing.
[ "$1" != compose ] || set -- MONOLITH_URL=http://monolith:8080 MOVIES_SERVICE_URL=http://movies-service:8081 \
  EVENTS_SERVICE_URL=http://events-service:8082 MOVIES_MIGRATION_PERCENT=50 GRADUAL_MIGRATION=true

edits=(-e 's|schema=./docs/|schema=../docs/|')
for pair in "$@"; do edits+=(-e "s|\${${pair%%=*}:-[^}]*}|${pair#*=}|"); done
sed "${edits[@]}" routes.yaml
