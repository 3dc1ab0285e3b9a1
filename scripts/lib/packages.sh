# shellcheck shell=bash
# Debian packages: what is needed to build, what the tests need on top, and their installation.

# All that `cmake --preset release` asks for, and npm for the client bundle that the chat page loads.
BUILD_PACKAGES=(
  g++ cmake ninja-build pkg-config ccache ca-certificates
  libboost-context1.81-dev libev-dev liburing-dev libc-ares-dev libsimdjson-dev zlib1g-dev libbrotli-dev libssl-dev
  libsqlite3-dev libcli11-dev libspdlog-dev
  libgtest-dev libbenchmark-dev
)

# clang 14 is Debian 12's: its formatting and its checks are those that the repository is written to.
TEST_PACKAGES=(
  clang clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14
  libhttp-parser-dev
  git valgrind gdb openssl python3 python3-gevent procps util-linux netbase fonts-liberation
)

OLDEST_NODE=18

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo -n "$@" 2>/dev/null || sudo "$@"
  else
    die "not root, and there is no sudo: cannot run: $*"
  fi
}

apt() {
  # The timeout waits for another apt's lock on the package database; the retries around it wait for that on the lists.
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o APT::Color=0 "$@" </dev/null >&2
}

# missing_packages NAME...: those that are not installed, one a line. A `node` that is there already is kept, whoever
# installed it, and so is a browser.
missing_packages() {
  local name
  for name in "$@"; do
    case $name in
      nodejs) have node || echo nodejs ;;
      npm) have npm || echo npm ;;
      chromium) have chromium || echo chromium ;;
      *) is_installed "$name" || echo "$name" ;;
    esac
  done
}

check_node() {
  local version
  version=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || die "node does not run"
  if [ "$version" -lt "$OLDEST_NODE" ]; then die "node $OLDEST_NODE or newer is needed, found $(node --version)"; fi
}

# install_packages NAME...: does nothing at all, not even as root, when everything is there.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -gt 0 ]; then
    have apt-get || die "no apt-get here; install what corresponds to: ${missing[*]}"
    say "installing ${#missing[@]} packages: ${missing[*]}"
    retry 4 apt update
    retry 3 apt install --no-install-recommends "${missing[@]}"
  fi
  check_node
}

# require_packages NAME...: for --no-install. Only says what is missing: the tools may have come from elsewhere.
require_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -gt 0 ]; then say "note: not installed as packages: ${missing[*]}"; fi
}
