# shellcheck shell=bash
# npm packages. They are installed from the lock files in the repository, whose hashes npm verifies, and are never committed.

# Node has authorities of its own; those that this machine trusts besides (a company's proxy, say) are added.
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -f /etc/ssl/certs/ca-certificates.crt ]; then
  export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
fi

CLIENT_DIR=$ROOT/build/client
CLIENT_DIST=$CLIENT_DIR/node_modules/socket.io-client/dist

# npm_install DIR: node_modules in DIR as its lock file says; at once when it is there already.
npm_install() {
  local dir=$1 stamp=$1/node_modules/.installed want
  want=$(sha256sum "$dir/package-lock.json" | cut -d' ' -f1)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then return; fi
  say "npm ci in ${dir#"$ROOT"/}"
  # No install script of a package is run: nothing here needs one.
  retry 2 npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2 || return 1
  printf '%s' "$want" >"$stamp"
}

# The official client bundle that a server hands out under /socket.io/ (VERDIN_CLIENT_DIR of the CMake build).
install_client() {
  mkdir -p "$CLIENT_DIR"
  cp "$ROOT"/scripts/npm/client/package*.json "$CLIENT_DIR/"
  npm_install "$CLIENT_DIR"
}
