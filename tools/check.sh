#!/bin/bash
# Lint, types, sanity and unit tests, in two parallel jobs, for two cores.
# The programs of .venv must be in PATH (make does this).
set -eu -o pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() {
  local started=$SECONDS name=$1
  shift
  if "$@" >"$work/$name.log" 2>&1; then
    echo "ok      $name ($((SECONDS - started)) s): $(tail -n 1 "$work/$name.log")"
  else
    echo "FAILED  $name ($((SECONDS - started)) s): $*"
    sed 's/^/    /' "$work/$name.log"
    return 1
  fi
}

failed=0
sanity_lane() { step sanity tools/sanity.sh "$work/sanity"; }
fast_lane() {
  local bad=0
  step ruff ruff check . || bad=1
  step format ruff format --check . || bad=1
  step yamllint yamllint -s . || bad=1
  step mypy mypy --no-error-summary lab plugins tools benchmarks || bad=1
  step unit pytest -q -n 2 tests/unit || bad=1
  step ansible-lint ansible-lint --offline -q || bad=1
  return $bad
}
sanity_lane & lane=$!
fast_lane || failed=1
wait "$lane" || failed=1
exit "$failed"
