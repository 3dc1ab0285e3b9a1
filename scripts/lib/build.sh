# shellcheck shell=bash
# Configuring and building presets.

# configure PRESET [CMAKE ARGUMENT...]: only when it was not yet, or when arguments are given; ninja repeats it by itself
# whenever a CMake file or the list of sources changed.
configure() {
  local preset=$1
  shift
  if have ccache; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  if [ -f "$ROOT/build/$preset/build.ninja" ] && [ $# -eq 0 ]; then return; fi
  (cd "$ROOT" && cmake --preset "$preset" "$@")
}

# configure_quickly PRESET [CMAKE ARGUMENT...]: for a build that runs once. Several sources are compiled at a time, which
# takes a third of the time; line tables are all that a report needs.
configure_quickly() {
  configure "$@" -DCMAKE_UNITY_BUILD=ON -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1"
}

# build PRESET [TARGET...]: goes on after an error, so that one run shows them all.
build() {
  local preset=$1 targets=()
  shift
  if [ $# -gt 0 ]; then targets=(--target "$@"); fi
  (cd "$ROOT" && cmake --build --preset "$preset" -j "$(jobs_count)" "${targets[@]}" -- -k 0)
}

# without_aslr SCRIPT [ARGUMENT...]: starts a step again with a fixed address layout, where that is allowed. The sanitizers
# of gcc 12 and clang 14 place their shadow where kernels with 32 bits of randomness may already have put something.
without_aslr() {
  if [ -z "${VERDIN_FIXED_LAYOUT:-}" ]; then
    export VERDIN_FIXED_LAYOUT=1
    if setarch "$(uname -m)" -R true 2>/dev/null; then exec setarch "$(uname -m)" -R "$@"; fi
  fi
}
