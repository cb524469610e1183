#!/bin/sh
# Makes the database, starts the sidecar, and pushes a status; until Ctrl-C, or with --once until that is in Redis.
set -eu
cd "$(dirname "$0")"
python3 make-db.py
ralphext run &
sidecar=$!
trap 'kill $sidecar' EXIT
while [ ! -S monitor.sock ]; do sleep 0.1; done
python3 monitor.py monitor.sock 4711=up 4713=down
[ "${1:-}" = --once ] || wait $sidecar
