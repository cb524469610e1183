#!/bin/sh
# Packs the container image without a daemon and without a registry: dist/ralphext-<version>.oci.tar, for `skopeo copy`, `docker
# load` or `ctr images import`. The static binary is built where it is missing; RALPHEXT_BIN packs one that is built already.
#
#   scripts/image.sh [--out DIR]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=$here/dist
[ "${1-}" != --out ] || out=${2:?"which directory?"}

command -v buildah >/dev/null || {
  printf 'image: error: there is no buildah\nhint: run: scripts/setup.sh --all; or build with docker, as the Dockerfile says\n' >&2
  exit 1
}
RALPHEXT_ROOTFS=$here/dist/rootfs "$here/scripts/dist.sh" --out "$out"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/Cargo.toml" | head -n 1)
when=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
# A storage of its own, gone afterwards: nothing is left behind, and no other is needed.
storage=$(mktemp -d "${TMPDIR:-/tmp}/ralphext-image.XXXXXX")
trap 'rm -rf "$storage"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
owned() { buildah --storage-driver vfs --root "$storage/root" --runroot "$storage/run" "$@"; }
owned build --quiet --isolation chroot --target prebuilt --timestamp "$when" --tag "ralphext:$version" \
  --label "org.opencontainers.image.version=$version" --file "$here/Dockerfile" "$here" >&2
rm -f "$out/ralphext-$version.oci.tar"
owned push --quiet "ralphext:$version" "oci-archive:$out/ralphext-$version.oci.tar:ralphext:$version" >&2
printf '%s\n' "$out/ralphext-$version.oci.tar"
