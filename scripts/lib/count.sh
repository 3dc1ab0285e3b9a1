# shellcheck shell=bash
# Counting. A step ends by printing one line `N passed, N failed`, which scripts/test adds up.

PASSED=0
FAILED=0

count() {
  PASSED=$((PASSED + $1))
  FAILED=$((FAILED + $2))
}

# check NAME COMMAND...: one check, passed when the command succeeds.
check() {
  local name=$1
  shift
  if "$@"; then
    echo "ok: $name"
    count 1 0
  else
    echo "FAILED: $name"
    count 0 1
  fi
}

# last_count FILE: the numbers of the last line `N passed, N failed` in it; fails when there is none.
last_count() {
  local line
  line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1) || return 1
  line=${line% failed}
  echo "${line/ passed,/}"
}

# suite NAME COMMAND...: a program that counts its own tests and says so in such a line. That it fails without having
# counted a failure is one.
suite() {
  local name=$1 output status=0 passed failed
  shift
  output=$(mktemp)
  "$@" 2>&1 | tee "$output" || status=$?
  if read -r passed failed < <(last_count "$output") && [ $((passed + failed)) -gt 0 ]; then
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  else
    passed=0 failed=1
    echo "FAILED: $name counted nothing (exit status $status)"
  fi
  rm -f "$output"
  count "$passed" "$failed"
}

# run_ctest PRESET [CTEST ARGUMENT...]: a test that was skipped is not one that passed, nor one that failed.
run_ctest() {
  local preset=$1 report="$ROOT/build/logs/ctest-$1.xml" suite_line tests failures skipped
  shift
  mkdir -p "$ROOT/build/logs"
  rm -f "$report"
  (cd "$ROOT" && ctest --preset "$preset" --no-tests=error --output-junit "$report" "$@") || true
  if [ ! -s "$report" ]; then
    echo "FAILED: ctest --preset $preset wrote no report"
    count 0 1
    return
  fi
  suite_line=$(tr '\n' ' ' <"$report" | grep -o '<testsuite [^>]*>' | head -n 1)
  tests=$(attribute tests "$suite_line")
  failures=$(attribute failures "$suite_line")
  skipped=$(($(attribute skipped "$suite_line") + $(attribute disabled "$suite_line")))
  if [ "$skipped" -gt 0 ]; then echo "$skipped skipped"; fi
  if [ "$tests" -eq 0 ]; then failures=1 tests=1; fi
  count $((tests - failures - skipped)) "$failures"
}

attribute() { sed -nE "s/.*[[:space:]]$1=\"([0-9]+)\".*/\1/p" <<<"$2"; }

# The last line of each step.
finish() {
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" -eq 0 ]
}
