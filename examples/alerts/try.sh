#!/bin/sh
# Serves what a Prometheus would answer, and takes it once.
set -eu
cd "$(dirname "$0")"
export PROMETHEUS_PORT="${PROMETHEUS_PORT:-9090}"
python3 -m http.server --bind 127.0.0.1 --directory prometheus "$PROMETHEUS_PORT" >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
i=0
until python3 -c "import socket; socket.create_connection(('127.0.0.1', $PROMETHEUS_PORT))" 2>/dev/null; do
  i=$((i + 1))
  [ "$i" -lt 100 ] || { echo "try.sh: error: nothing listens on port $PROMETHEUS_PORT" >&2; exit 1; }
  sleep 0.1
done
ralphext "${@:-once}"
