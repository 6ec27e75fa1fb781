#!/bin/bash
# Lint, types, sanity and unit tests, in two parallel jobs, for two cores.
# The programs of .venv must be in PATH (make does this). Only ansible-test needs the network: it installs its pinned
# tools once into ~/.ansible/test/venv.
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

# ansible-test needs a directory that is named after the collection, and tests every file in it.
sanity() {
  local tree=$work/ansible_collections/bare/mesh
  mkdir -p "$tree"
  # Follow the links between roles and meta/, like the build of the collection.
  git ls-files -z --cached --others --exclude-standard -- \
    ':!lab' ':!benchmarks' ':!molecule' ':!tests/lab' ':!tools' ':!.ci' |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
    xargs -0 cp -dP --parents -t "$tree"
  # The pip that the pinned ansible-core needs in its virtual environments.
  local get_pip=~/.ansible/test/cache/get_pip_24_2.py
  mkdir -p "${get_pip%/*}"
  [ -e "$get_pip" ] || cp tools/get_pip.py "$get_pip"
  cd "$tree"
  ansible-test sanity --color no --truncate 0 --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
}

failed=0
sanity_lane() { step sanity sanity; }
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
