#!/bin/sh
# Lays out what is in the container image: the binary, the authorities' certificates of this machine, licences, a list of
# all that is linked in. The Dockerfile's stage `prebuilt` takes it from dist/rootfs.
#
#   scripts/rootfs.sh BINARY [DIR]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
binary=${1:?"which binary?"}
out=${2:-$here/dist/rootfs}

die() { # message, hint
  printf 'rootfs: error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}
if readelf --program-headers "$binary" 2>/dev/null | grep -q INTERP; then
  die "$binary is linked dynamically, and the image has no libraries" "take the binary that \`make dist\` builds"
fi
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  [ ! -s "$bundle" ] || break
done
[ -s "$bundle" ] || die "there are no authorities' certificates" "install ca-certificates"

rm -rf "$out"
mkdir -p "$out/etc/ssl/certs" "$out/licenses"
install -m 755 "$binary" "$out/ralphext"
install -m 644 "$bundle" "$out/etc/ssl/certs/ca-certificates.crt"
printf 'ralphext:x:65532:65532:ralphext:/:/sbin/nologin\n' >"$out/etc/passwd"
printf 'ralphext:x:65532:\n' >"$out/etc/group"
# Names are looked up in what Kubernetes mounts there, then in DNS.
printf 'hosts: files dns\n' >"$out/etc/nsswitch.conf"
install -m 644 "$here/LICENSE" "$out/licenses/LICENSE"
"$here/scripts/sbom.py" "$out/licenses"
