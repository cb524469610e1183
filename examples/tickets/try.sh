#!/bin/sh
# Starts the sidecar and the service that pushes to it, until Ctrl-C.
set -eu
cd "$(dirname "$0")"
ralphext run &
sidecar=$!
trap 'kill $sidecar' EXIT
while [ ! -S tickets.sock ]; do sleep 0.1; done
python3 tickets.py tickets.sock tickets.ndjson "$@"
