#!/usr/bin/env bash
# postgres.sh: a private PostgreSQL cluster on loopback for tests (trust, no fsync: not for data that matters).
# Usage: postgres.sh install | start --port N --data DIR | stop --data DIR
# As root the server runs under the account `postgres`, because it refuses root itself: DIR must be reachable for it.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
run_as=postgres port="" data=""

die() { echo "postgres.sh: $*" >&2; exit 1; }

find_bin() { # bin: the folder of the newest server on this machine
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin | sort -rV); do
    if [ -x "$dir/initdb" ]; then bin="$dir"; return 0; fi
  done
  if command -v initdb >/dev/null; then bin="$(dirname "$(command -v initdb)")"; return 0; fi
  return 1
}

as_pg() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u "$run_as" -- "$@"); else "$@"; fi; }

start() {
  if [ ! -f "$data/PG_VERSION" ]; then
    mkdir -p "$data"; chmod 700 "$data"
    if [ "$(id -u)" = 0 ]; then chown "$run_as" "$data"; fi
    as_pg test -w "$data" || die "the account $run_as cannot write to $data"
    as_pg "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null || die "initdb failed"
    as_pg tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 300
CONF
  fi
  as_pg "$bin/pg_ctl" -D "$data" -w -t 60 -l "$data/server.log" -o "-p $port" start >/dev/null 2>&1 \
    || { as_pg tail -20 "$data/server.log" >&2; die "the server did not start"; }
  echo "postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"
}

stop() {
  [ -f "$data/postmaster.pid" ] || return 0
  as_pg "$bin/pg_ctl" -D "$data" -w -t 30 -m fast stop >/dev/null 2>&1 || as_pg "$bin/pg_ctl" -D "$data" -w -t 10 -m immediate stop >/dev/null
}

command="${1:-}"; [ $# -eq 0 ] || shift
while [ $# -gt 0 ]; do
  case "$1" in
    --port) port="${2:?}"; shift 2 ;;
    --data) data="${2:?}"; shift 2 ;;
    *) die "unknown argument $1" ;;
  esac
done
find_bin || { "$here/need.sh" initdb=postgresql >&2; find_bin || die "no PostgreSQL server found: install PostgreSQL"; }
case "$command" in
  install) "$bin/postgres" --version ;;
  start) : "${port:?--port}" "${data:?--data}"; start ;;
  stop) : "${data:?--data}"; stop ;;
  *) sed -n 3p "$0"; exit 2 ;;
esac
