#!/usr/bin/env bash
# docker-entrypoint.sh: sets a new volume up as the image postgres does, as far as the project relies on it, and becomes the server.
# Usage: docker-entrypoint.sh [postgres] [ARG...]
# Env: POSTGRES_PASSWORD, POSTGRES_USER (postgres), POSTGRES_DB (POSTGRES_USER), PGDATA; files of /docker-entrypoint-initdb.d/*.sql are run.
set -euo pipefail
[ "${1:-}" != postgres ] || shift
user="${POSTGRES_USER:-postgres}" database="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"; chmod 700 "$PGDATA"
  initdb -U "$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:?}") -A scram-sha-256 -E UTF8 --locale=C.UTF-8 >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  export PGPASSWORD="$POSTGRES_PASSWORD"
  pg_ctl -w -o "-c listen_addresses=''" start >/dev/null
  [ "$database" = postgres ] || psql -q -v ON_ERROR_STOP=1 -U "$user" -d postgres -c "create database \"$database\""
  for file in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -e "$file" ] || psql -q -v ON_ERROR_STOP=1 --no-psqlrc -U "$user" -d "$database" -f "$file"
  done
  pg_ctl -w -m fast stop >/dev/null
fi
exec postgres "$@"
