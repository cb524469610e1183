#!/bin/sh
# Installs what building and trying ralphext needs, where it is missing: a C compiler (for the TLS library and the
# linker), a Redis (or Valkey) server and its command line client. Rust itself is only checked: how it is installed
# is the user's choice. Quiet when there is nothing to do; may be run as often as one likes.
#
#   scripts/setup.sh            everything for `make test`
#   scripts/setup.sh --server   only what `make demo` needs: compiler and server
#   scripts/setup.sh --all      everything for `make test-all`: database servers, etcd, a browser, Python, Node.js too
set -eu

cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { # message, hint
  printf 'setup: error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

want_client=yes
want_all=no
case "${1-}" in
'') ;;
--server) want_client=no ;;
--all) want_all=yes ;;
-h | --help)
  sed -n '2,8s/^# \{0,1\}//p' "$0"
  exit 0
  ;;
*) die "unknown argument '$1'" "there are --server and --all" ;;
esac

# ---- Rust ------------------------------------------------------------------------------------------------------

check_rust() {
  need=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml)
  if ! have cargo; then
    if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
      die "cargo is installed but not in PATH" "run: . \"${CARGO_HOME:-$HOME/.cargo}/env\""
    fi
    die "cargo (Rust $need or newer) is not installed" "see https://rustup.rs, or your system's package 'cargo'"
  fi
  found=$(rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9.]*\).*/\1/p')
  [ -n "$found" ] || die "rustc does not run" "try: rustc --version"
  if ! awk -v have="$found" -v need="$need" 'BEGIN {
    split(have, h, "."); split(need, n, ".")
    for (i = 1; i <= 3; i++) if (h[i] + 0 != n[i] + 0) exit !(h[i] + 0 > n[i] + 0)
  }'; then
    hint="install Rust $need or newer (https://rustup.rs)"
    if have rustup; then hint="run: rustup update stable"; fi
    die "Rust $found is too old, $need is needed (rust-version in Cargo.toml)" "$hint"
  fi
}

# ---- what is missing -------------------------------------------------------------------------------------------

# Names of parts that are missing: cc server client.
missing() {
  have cc || echo cc # by this name: rustc calls it to link
  have redis-server || have valkey-server || echo server
  if [ "$want_client" = yes ]; then have redis-cli || have valkey-cli || echo client; fi
  # Examples and scaffolds are in Python, and are tested.
  if [ "$want_client" = yes ]; then have python3 || echo python3; fi
  [ "$want_all" = yes ] || return 0
  have postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || echo postgres
  have mariadbd || have mysqld || [ -x /usr/sbin/mariadbd ] || echo mariadb
  have chromium || have chromium-browser || have google-chrome || echo browser
  have node || echo node
  have npm || echo npm
  have promtool || echo promtool
  { have etcd && have etcdctl; } || echo etcd
  [ "$(uname -s)" != Linux ] || have buildah || echo buildah
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || echo python
}

# A part's packages, by package manager.
packages() { # manager, part
  case "$1:$2" in
  apt-get:cc) echo gcc libc6-dev ;;
  apt-get:server) echo redis-server ;;
  apt-get:client) echo redis-tools ;;
  *:python3) echo python3 ;;
  apt-get:postgres) echo postgresql ;;
  apt-get:mariadb) echo mariadb-server ;;
  apt-get:browser | dnf:browser | apk:browser) echo chromium ;;
  apt-get:node | apk:node | dnf:node | brew:node) echo nodejs ;;
  apt-get:npm | apk:npm | dnf:npm) echo npm ;;
  apt-get:promtool | apk:promtool | brew:promtool) echo prometheus ;;
  dnf:promtool) echo golang-github-prometheus ;;
  apt-get:etcd) echo etcd-server etcd-client ;;
  dnf:etcd | brew:etcd) echo etcd ;;
  apk:etcd) echo etcd etcd-ctl ;;
  apt-get:buildah | apk:buildah | dnf:buildah) echo buildah ;;
  apt-get:python) echo python3-venv ;;
  dnf:python | apk:python | brew:python) echo python3 ;;
  dnf:postgres) echo postgresql-server ;;
  apk:postgres | brew:postgres) echo postgresql ;;
  dnf:mariadb) echo mariadb-server ;;
  apk:mariadb | brew:mariadb) echo mariadb ;;
  dnf:cc) echo gcc ;;
  apk:cc) echo gcc musl-dev ;;
  brew:cc) ;; # comes with the Xcode command line tools, which brew itself needs
  dnf:* | apk:* | brew:*) echo redis ;;
  esac
}

# ---- installing ------------------------------------------------------------------------------------------------

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "installing needs root, and there is no sudo" "as root, run: $*"
  fi
}

policy=/usr/sbin/policy-rc.d
policy_is_ours=no

in_container() {
  [ -n "${CI-}" ] || [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ ! -d /run/systemd/system ]
}

# Debian's package starts its server on port 6379. Nobody asked for that on a build machine.
forbid_starting() {
  if in_container && [ ! -e "$policy" ]; then
    policy_is_ours=yes
    trap allow_starting EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
}

allow_starting() {
  if [ "$policy_is_ours" = yes ]; then
    policy_is_ours=no
    as_root rm -f "$policy"
  fi
}

apt_install() {
  forbid_starting
  # The lists may be missing (images ship without) or old: fetch them only when the first attempt fails.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 || {
    as_root apt-get update -qq >>"$log" 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1
  }
}

install() { # manager, packages...
  manager=$1
  shift
  case "$manager" in
  apt-get) apt_install "$@" ;;
  dnf) as_root dnf install -y -q "$@" >"$log" 2>&1 ;;
  apk) as_root apk add -q "$@" >"$log" 2>&1 ;;
  brew) brew install --quiet "$@" >"$log" 2>&1 ;;
  esac
}

install_missing() {
  parts=$(missing)
  [ -n "$parts" ] || return 0
  manager=
  for candidate in apt-get dnf apk brew; do
    if have "$candidate"; then
      manager=$candidate
      break
    fi
  done
  # shellcheck disable=SC2086 # the words are part names
  set -- $parts
  [ -n "$manager" ] || die "missing: $*; found none of apt-get, dnf, apk, brew" \
    "install a C compiler and redis-server (or valkey-server) by hand"
  wanted=
  for part; do wanted="$wanted $(packages "$manager" "$part")"; done
  # shellcheck disable=SC2086 # the words are package names
  set -- $wanted
  [ $# -gt 0 ] || die "missing: $parts" "run: xcode-select --install"

  log=$(mktemp "${TMPDIR:-/tmp}/ralphext-setup.XXXXXX")
  say "installing $* with $manager"
  if ! install "$manager" "$@"; then
    tail -n 20 "$log" >&2
    die "$manager could not install: $*" "its whole output is in $log"
  fi
  rm -f "$log"
  allow_starting

  left=$(missing)
  [ -z "$left" ] || die "still missing after the installation: $left" "is the directory of the new programs in PATH?"
  if [ "$manager" = apt-get ] && ! in_container; then
    say "the package may have started a server of its own on port 6379; ralphext does not use it"
    say "to stop it: sudo systemctl disable --now redis-server"
  fi
}

check_rust
install_missing
