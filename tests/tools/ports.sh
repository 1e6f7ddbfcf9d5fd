#!/usr/bin/env bash
# ports.sh: prints N distinct TCP ports, one a line, on which nothing listens now.
# Usage: ports.sh N
# They lie below the range from which the kernel takes the ports of outgoing connections, so that none takes them in between.
set -euo pipefail
[ $# = 1 ] || { sed -n 3p "$0"; exit 2; }

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
found=" "
count=0
while [ "$count" -lt "$1" ]; do
  port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
  case "$found" in *" $port "*) continue ;; esac
  if taken "$port"; then continue; fi
  found+="$port "
  count=$((count + 1))
  echo "$port"
done
