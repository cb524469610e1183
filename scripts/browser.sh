#!/bin/sh
# Makes a headless browser ready for the tests: prints the directory with node_modules/playwright-core and node_modules/axe-core on
# one line, and the path of Chromium on the next. The packages are installed below target/, from the npm registry, where they are
# missing; they bring no browser of their own.
set -eu

cd "$(dirname "$0")/.."

version=1.65.1
axe=4.14.1
dir=${CARGO_TARGET_DIR:-target}/browser

die() { # message, hint
  printf 'browser: error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

for name in chromium chromium-browser google-chrome; do
  chromium=$(command -v "$name") && break
done
[ -n "$chromium" ] || die "there is no Chromium" "run: scripts/setup.sh --all"
command -v npm >/dev/null || die "there is no npm" "run: scripts/setup.sh --all"

have=$(sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' "$dir/node_modules/playwright-core/package.json" 2>/dev/null | head -n 1)
has_axe=$(sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' "$dir/node_modules/axe-core/package.json" 2>/dev/null | head -n 1)
if [ "$have" != "$version" ] || [ "$has_axe" != "$axe" ]; then
  mkdir -p "$dir"
  log=$(npm install --prefix "$dir" --no-audit --no-fund --ignore-scripts "playwright-core@$version" "axe-core@$axe" 2>&1) ||
    die "npm could not install playwright-core $version and axe-core $axe: $log" "is the npm registry reachable?"
fi
(cd "$dir" && pwd)
printf '%s\n' "$chromium"
