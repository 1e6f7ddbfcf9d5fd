#!/usr/bin/env bash
# need.sh: sees to it that commands exist; on Debian, as root, it installs the packages that bring them.
# Usage: need.sh COMMAND=PACKAGE...        as need.sh java=default-jre-headless mvn=maven
set -euo pipefail
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }

missing=() packages=()
for pair in "$@"; do
  command -v "${pair%%=*}" >/dev/null || { missing+=("${pair%%=*}"); packages+=("${pair#*=}"); }
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}. Install them first (Debian: sudo apt-get install ${packages[*]})." >&2
  exit 1
fi
echo "installing Debian packages: ${packages[*]}"
log="$(mktemp)"; trap 'rm -f "$log"' EXIT
# Servers are wanted as programs: their packages are told not to start one, and PostgreSQL's not to make a cluster.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f "$log" /usr/sbin/policy-rc.d' EXIT
fi
mkdir -p /etc/postgresql-common
[ -f /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  echo "apt-get could not install ${packages[*]}" >&2
  exit 1
fi
