# shellcheck shell=bash
# Sourced first by every script: where the repository is, how to speak, how to fail.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export LC_ALL=C.UTF-8

# Progress goes to standard error: standard output belongs to what a script was asked for.
say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# jobs: how many compilers run at once.
jobs_count() { nproc 2>/dev/null || echo 2; }

# retry TIMES COMMAND...: for what depends on a network or on a lock that somebody else holds for a while.
retry() {
  local left=$1 pause=2
  shift
  until "$@"; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then return 1; fi
    say "retrying in $pause s: $*"
    sleep "$pause"
    pause=$((pause * 2))
  done
}
