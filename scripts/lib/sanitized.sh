# shellcheck shell=bash
# What the steps asan and tsan share: the same tests as in release, in a build where every mistake ends the program.
source "$ROOT/scripts/lib/build.sh"
source "$ROOT/scripts/lib/node.sh"
source "$ROOT/scripts/lib/count.sh"

# sanitized_step PRESET SCRIPT [ARGUMENT...]
sanitized_step() {
  local preset=$1
  shift
  without_aslr "$@"
  export ASAN_OPTIONS=detect_stack_use_after_return=0:strict_string_checks=1:check_initialization_order=1
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  # A process that has threads left would wait a second at its end, in case they race with it.
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms=20
  configure_quickly "$preset" -DVERDIN_BUILD_BENCH=OFF
  build "$preset"
  run_ctest "$preset" -j "$(jobs_count)"
  suite "interop under $preset" node "$ROOT/tests/interop/run.mjs" --build "$ROOT/build/$preset"
  finish
}
