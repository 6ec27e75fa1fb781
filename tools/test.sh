#!/bin/bash
# Everything that `make test` shows, on the lab. Warm about 40 minutes; the first time also builds the artifacts.
# A step that fails does not keep the others from being shown; the summary at the end names each.
# With the argument `lifecycle`: the scenarios too long for every run.
set -u -o pipefail
cd "$(dirname "$0")/.."
results=()
failures=0

step() { # NAME COMMAND...
  local name=$1 began=$SECONDS result=PASSED
  shift
  printf '\n=== %s (after %d min)\n' "$name" "$((SECONDS / 60))"
  "$@" || { result=FAILED; failures=$((failures + 1)); }
  results+=("$result $name ($((SECONDS - began)) s)")
  [ "$result" = PASSED ]
}

lab_up() { python -m lab artifacts && python -m lab up; }

browser() {
  command -v chromium >/dev/null || {
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium
  } >/dev/null
}

# A scenario's output is long (.lab/molecule-NAME.log): its end where it fails, and otherwise what pytest said.
scenario() {
  local log=.lab/molecule-$1.log
  NO_COLOR=1 molecule test --no-command-borders --destroy=never -s "$1" >"$log" 2>&1 || { tail -n 150 "$log"; return 1; }
  grep -E '^(tests|\.\./).*\[|[0-9]+ passed' "$log"
}

finish() {
  printf '\n=== summary (%d min)\n' "$((SECONDS / 60))"
  printf '%s\n' "${results[@]}"
  echo "$((${#results[@]} - failures)) passed, $failures failed"
  exit "$((failures > 0))"
}

if [ "${1:-}" = lifecycle ]; then
  step "lab up" lab_up && step "lifecycle" pytest -v tests/lab -m lifecycle
  finish
fi

step "check" tools/check.sh
step "browser" browser
step "lab up" lab_up || finish

# Each starts on bare nodes: --check, the run, --check, the run again, then what the hosts say. The last is the
# whole site, and leaves it standing for the tests after it.
for name in host_prep containerd kubeadm site; do
  step "molecule $name" scenario "$name"
done

# Alphabetical: the interrupted runs come in the middle, and what follows tests the cluster they left.
step "lab tests" pytest -v tests/lab --ignore tests/lab/test_truth.py --ignore tests/lab/test_secrets.py
step "lab down" python -m lab down
finish
