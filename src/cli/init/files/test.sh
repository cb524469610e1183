#!/bin/sh
# Tests the extension: its configuration, its records, and once all of it against a private Redis, if one is installed.
# RALPHEXT names the binary where it is not in PATH.
set -eu
cd "$(dirname "$0")/.."
ralphext=${RALPHEXT:-ralphext}

step() { printf '== %s\n' "$*"; }
fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

step configuration
"$ralphext" -c ralphext.toml check

step records
scratch=$(mktemp -d "${TMPDIR:-/tmp}/extension-test.XXXXXX")
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || :; fi
  rm -rf "$scratch"
}
trap finish EXIT
./extension@EXT@ --print >"$scratch/sample.ndjson"
"$ralphext" -c ralphext.toml lint "$scratch/sample.ndjson"
"$ralphext" -c ralphext.toml test --source stdin <"$scratch/sample.ndjson"
@OWN_WAY@
step redis
binary=$(command -v redis-server || command -v valkey-server || :)
if [ -z "$binary" ]; then
  echo 'neither redis-server nor valkey-server is installed: left out'
  exit 0
fi
"$binary" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save '' >"$scratch/redis.log" 2>&1 &
server=$!
tries=0
until [ -S "$scratch/redis.sock" ]; do
  tries=$((tries + 1))
  [ "$tries" -le 300 ] || fail "the private Redis did not start: $(tail -n 1 "$scratch/redis.log")"
  sleep 0.1
done
pass() {
  "$ralphext" -c ralphext.toml --set redis.url="unix://$scratch/redis.sock" --output json once --source stdin --complete \
    <"$scratch/sample.ndjson"
}
pass >"$scratch/first.json"
"$ralphext" --redis-url "unix://$scratch/redis.sock" get @SERVICE@ 4711
pass >"$scratch/second.json"
grep -q '"written":0' "$scratch/second.json" || fail "the second pass wrote again: $(cat "$scratch/second.json")"

echo 'all well'
