#!/bin/sh
# Runs the long forms of the tests that have one, one after the other, and prints their figures as a Markdown table
# (docs/reliability.md says what they mean).
#
#   scripts/soak.sh                          all of them; about two hours
#   scripts/soak.sh faults::kills            those whose names contain one of the words
#
# RALPHEXT_ROUNDS=20         so many rounds of each, in place of its own number
# RALPHEXT_SEED=4711         repeats what failed: each test tells its seed
# RALPHEXT_SOAK_MINUTES=60   how long the steady change lasts
# RALPHEXT_BIN               a binary to test in place of the release build
set -eu

cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
figures=$target/soak.md

scripts/setup.sh --server
if [ -z "${RALPHEXT_BIN-}" ]; then
  cargo build --release --locked
  RALPHEXT_BIN=$target/release/ralphext
fi
rm -f "$figures"
export RALPHEXT_BIN RALPHEXT_SOAK=1 RALPHEXT_FIGURES="$figures"
[ $# -gt 0 ] || set -- faults:: bounds::
status=0
cargo test --locked --test it -- "$@" --test-threads=1 --nocapture || status=$?

printf '\n| what | faults | values read | values written | violations | recovery p50 / max | MiB first / last | fds first / last | took | of which |\n'
printf '|---|---|---|---|---|---|---|---|---|---|\n'
cat "$figures" 2>/dev/null || :
exit "$status"
