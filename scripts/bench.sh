#!/bin/sh
# Compares whole processes on this machine: `redis-cli --pipe`, a writer in Python, and ralphext. Prints Markdown.
#
#   scripts/bench.sh                 100,000 objects, 7 rounds
#   scripts/bench.sh --full          1,000,000 objects too (needs 6 GB of memory and of disk, takes long)
#   scripts/bench.sh --quick         10,000 objects, 3 rounds: does it work at all?
#   scripts/bench.sh --write FILE    the table goes into FILE too (docs/performance-table.md)
#
# Other options are those of benches/compare.py (--help). RALPHEXT names a binary to measure in place of the release
# build. Everything it makes stands under the target directory.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

die() {
  printf 'bench: error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}
command -v python3 >/dev/null 2>&1 || die "python3 is not installed" "on Debian: apt-get install python3 python3-venv"
scripts/setup.sh

if [ -z "${RALPHEXT-}" ]; then
  cargo build --release --locked --quiet
  RALPHEXT=$target/release/ralphext
fi

# The libraries a developer of Ralph would take, in an environment of their own; pinned, so that runs compare.
venv=$target/bench/venv
wanted='redis==8.1.0 hiredis==3.5.0 orjson==3.13.0'
if [ "$(cat "$venv/wanted" 2>/dev/null || :)" != "$wanted" ]; then
  rm -rf "$venv"
  mkdir -p "$target/bench"
  python3 -m venv "$venv" || die "python3 has no venv" "on Debian: apt-get install python3-venv"
  # shellcheck disable=SC2086 # the words are packages
  "$venv/bin/pip" install --quiet --disable-pip-version-check $wanted >&2 ||
    die "pip could not install: $wanted" "is there a package index within reach?"
  printf '%s' "$wanted" >"$venv/wanted"
fi

exec "$venv/bin/python" benches/compare.py --ralphext "$RALPHEXT" --work "$target/bench" "$@"
