#!/bin/sh
# Prints the path of schemathesis, a property-based tester of HTTP APIs, for `make test-all`: one from the Python package index,
# kept in a virtual environment below the target directory.
set -eu

cd "$(dirname "$0")/.."

version=4.32.5
venv=${CARGO_TARGET_DIR:-target}/schemathesis-$version

die() { # message, hint
  printf 'schemathesis: error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

if ! "$venv/bin/schemathesis" --version >/dev/null 2>&1; then
  echo "schemathesis: installing schemathesis $version into $venv" >&2
  python3 -m venv "$venv" >&2 || die "python3 cannot make a virtual environment" "run: scripts/setup.sh --all"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" >&2 ||
    die "pip could not install schemathesis $version" "it needs Python 3.10 or newer; is the package index reachable?"
fi
printf '%s/bin/schemathesis\n' "$(cd "$venv" && pwd)"
