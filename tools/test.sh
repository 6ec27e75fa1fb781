#!/bin/bash
# Runs all steps of `make test` on the lab. About 40 minutes; the first time it also builds the artifacts.
# If a step fails, the others still run. The summary at the end lists all steps.
# With the argument `lifecycle`, it runs only the scenarios that are too long for every run.
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

# The output of a scenario is in .lab/molecule-NAME.log. After a failure, its end is shown, otherwise the result
# of pytest.
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
  # A machine of its own, before the lab takes its memory.
  step "artifacts" python -m lab artifacts && step "guest" pytest -v tests/guest
  step "lab up" lab_up && step "lifecycle" pytest -v tests/lab -m lifecycle
  finish
fi

step "check" tools/check.sh
step "browser" browser
step "lab up" lab_up || finish
step "charts" pytest -v tests/charts

# Each scenario starts on bare nodes: --check, the run, --check, the run again, then the tests of the hosts. The last
# scenario is the whole site. The tests after it use this site.
for name in host_prep containerd docker kubeadm site; do
  step "molecule $name" scenario "$name"
done

# In alphabetical order: the tests after the interrupted runs use the cluster that those have left.
# The tests that are left out are of a scenario each.
step "lab tests" pytest -v --durations 20 --durations-min 5 tests/lab --ignore tests/lab/test_truth.py --ignore tests/lab/test_secrets.py \
  --ignore tests/lab/test_docker.py
step "lab down" python -m lab down
finish
