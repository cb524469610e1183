#!/bin/sh
# Prints the path of a statically linked release binary, built where it is missing or old; RALPHEXT_BIN is taken as it is.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
binary=${RALPHEXT_BIN-}
if [ -z "$binary" ]; then
  target=$(rustc -vV | sed -n 's/^host: //p')
  case "$target" in
  *-linux-gnu) ;;
  *)
    printf 'static: error: there are no releases for %s\nhint: build from source: cargo build --release\n' "$target" >&2
    exit 1
    ;;
  esac
  # A directory of its own: other flags would build everything anew in the usual one, each time.
  CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target}/dist
  export CARGO_TARGET_DIR
  # No path of this machine gets into the binary, so the same sources give the same bytes elsewhere.
  cargo_home=${CARGO_HOME:-$HOME/.cargo}
  RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static --remap-path-prefix=$here=/ralphext --remap-path-prefix=$cargo_home=/cargo" \
    cargo build --release --locked --manifest-path "$here/Cargo.toml" --target "$target" >&2
  binary=$CARGO_TARGET_DIR/$target/release/ralphext
fi
printf '%s\n' "$binary"
