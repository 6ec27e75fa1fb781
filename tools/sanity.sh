#!/bin/bash
# ansible-test sanity on the files of the collection, with the ansible-core and the Python that are first in PATH.
# The argument is an empty directory for the copy. Only ansible-test needs the network: it installs its pinned tools
# once into ~/.ansible/test/venv.
set -eu -o pipefail
cd "$(dirname "$0")/.."
# ansible-test needs a directory that is named after the collection, and tests every file in it.
tree=$1/ansible_collections/bare/mesh
mkdir -p "$tree"
# Follow the links between roles and meta/, like the build of the collection.
git ls-files -z --cached --others --exclude-standard -- \
  ':!lab' ':!benchmarks' ':!molecule' ':!tests/lab' ':!tests/guest' ':!tools' ':!.ci' ':!.github' |
  while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
  xargs -0 cp -dP --parents -t "$tree"
# Each ansible-core names the pip for its virtual environments, and would fetch it from a site of its own.
versions=$(python -c 'import ansible_test; print(ansible_test.__path__[0])')/_internal/python_requirements.py
mkdir -p ~/.ansible/test/cache
for pip in $(sed -n "s/.*\bpip='\([0-9.]*\)'.*/\1/p" "$versions"); do
  get_pip=~/.ansible/test/cache/get_pip_${pip//./_}.py
  [ -e "$get_pip" ] || cp tools/get_pip.py "$get_pip"
done
cd "$tree"
ansible-test sanity --color no --truncate 0 --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
