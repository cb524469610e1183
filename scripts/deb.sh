#!/bin/sh
# Builds a Debian package into dist/: the binary, systemd units, completions, documents, licences. The binary is the static one,
# so it depends on nothing; RALPHEXT_BIN packs another.
#
#   scripts/deb.sh [--out DIR] [--fast]      --fast packs it less tightly
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=$here/dist
fast=
while [ $# -gt 0 ]; do
  case "$1" in
  --out) out=${2:?"which directory?"} && shift 2 ;;
  --fast) fast=--fast && shift ;;
  *) printf 'deb: error: unknown argument %s\nhint: there are --out DIR and --fast\n' "$1" >&2 && exit 2 ;;
  esac
done
mkdir -p "$out"
out=$(cd "$out" && pwd)

version=3.8.0
tools=${CARGO_TARGET_DIR:-$here/target}/tools
deb=$(command -v cargo-deb) || deb=$tools/bin/cargo-deb
if [ ! -x "$deb" ]; then
  echo "deb: installing cargo-deb $version into $tools" >&2
  cargo install --quiet --locked --root "$tools" "cargo-deb@$version" >&2
fi

binary=$("$here/scripts/static.sh")
# What cargo-deb calls target/release is made up here, so that any binary can be packed.
stage=$(mktemp -d "${TMPDIR:-/tmp}/ralphext-deb.XXXXXX")
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$stage/release/completions"
install -m 755 "$binary" "$stage/release/ralphext"
"$binary" completions bash >"$stage/release/completions/ralphext.bash"
"$binary" completions zsh >"$stage/release/completions/_ralphext"
"$binary" completions fish >"$stage/release/completions/ralphext.fish"
"$here/scripts/sbom.py" "$stage/release/licenses"
when=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
# shellcheck disable=SC2086 # it is one word, or none
CARGO_TARGET_DIR=$stage SOURCE_DATE_EPOCH=$when "$deb" --no-build --no-strip --manifest-path "$here/Cargo.toml" --output "$out" $fast
