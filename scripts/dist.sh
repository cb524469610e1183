#!/bin/sh
# Builds what is released: dist/ with a tarball, a wheel and their SHA-256 sums. The binary is static where that links,
# so it runs on every Linux of its machine; RALPHEXT_BIN packs one that is built already. With RALPHEXT_ROOTFS=DIR what is
# in the container image is laid out there, too.
#
#   scripts/dist.sh [--out DIR]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
binary=$("$here/scripts/static.sh")
[ -z "${RALPHEXT_ROOTFS-}" ] || "$here/scripts/rootfs.sh" "$binary" "$RALPHEXT_ROOTFS"
exec python3 "$here/scripts/dist.py" "$binary" "$@"
