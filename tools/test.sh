#!/bin/bash
# Everything that `make test` shows, on the lab. Warm about 40 minutes; the first time also builds the artifacts.
# With the argument `lifecycle`: the scenarios too long for every run.
set -eu -o pipefail
cd "$(dirname "$0")/.."

title() { printf '\n=== %s (%d min)\n' "$1" "$((SECONDS / 60))"; }

lab_up() {
  title "artifacts and lab"
  python -m lab artifacts
  python -m lab up
}

if [ "${1:-}" = lifecycle ]; then
  lab_up
  exec pytest -v tests/lab -m lifecycle
fi

title "lint, types, sanity, unit tests"
tools/check.sh

lab_up
command -v chromium >/dev/null || {
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium
}

# Each starts on bare nodes: --check, the run, --check, the run again, then what the hosts say. The last is the
# whole site, and leaves it standing for the tests after it.
for scenario in host_prep containerd kubeadm site; do
  title "Molecule: $scenario"
  molecule test --destroy=never -s "$scenario"
done

title "lab tests"
# Alphabetical: the interrupted runs come in the middle, and what follows tests the cluster they left.
pytest -v tests/lab --ignore tests/lab/test_truth.py

title "lab down"
python -m lab down
title "all of it passed"
