# The commands of this repository. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help site url lab-up lab-down check test guest test-lifecycle bench docs venv lab-host mutation matrix

PYTHON ?= python3
VENV := $(CURDIR)/.venv
# The environment is built again when the files that it was built from have changed.
STAMP := $(VENV)/.made-$(shell cat requirements*.txt constraints.txt | sha256sum | cut -c1-16)
# First the environment's own programs, for whatever a target starts.
export PATH := $(VENV)/bin:$(PATH)
# The commands must not depend on what a caller's shell or another checkout has set.
unexport ANSIBLE_CONFIG ANSIBLE_COLLECTIONS_PATH ANSIBLE_INVENTORY PYTHONPATH

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 18

site: lab-host venv ## from nothing to the Bookinfo page: environment, artifacts, lab, site.yml
	python -m lab artifacts
	python -m lab up
	ANSIBLE_CALLBACKS_ENABLED=bare.mesh.progress,bare.mesh.report ansible-playbook site.yml -i inventories/lab
	@echo "Bookinfo: $$(python tools/bookinfo_url.py)"

url: $(STAMP) ## print the page's address
	@python tools/bookinfo_url.py

lab-up: lab-host venv ## start the lab's bare machines (artifacts are built when missing)
	python -m lab artifacts
	python -m lab up

lab-down: venv ## stop the lab; nothing is left mounted or running
	python -m lab down

check: venv ## lint, types, sanity, unit tests
	tools/check.sh

test: lab-host venv ## everything: check, Molecule scenarios, site, lab and browser tests
	tools/test.sh

guest: lab-host venv ## a cluster of one node on a virtual machine: swap, modules, sysctls, SELinux and reboots with a kernel of its own
	python -m lab artifacts
	pytest -v tests/guest

test-lifecycle: lab-host venv ## scenarios too long for every run
	tools/test.sh lifecycle

bench: lab-host venv ## measure site.yml against a shell script, and istio_config against kubectl and kubernetes.core
	python -m benchmarks

# Sanity and unit tests with every supported ansible-core (docs/matrix.md); PAIRS="2.16-3.10 2.21" selects pairs.
matrix: ## sanity and unit tests with each ansible-core and Python that is supported
	$(PYTHON) -m tools.matrix $(PAIRS)

docs: venv ## write the generated pages: role READMEs, docs/variables.md, docs/modules.md, docs/coverage.md
	python -m tools.docs

# Long, and about the tests alone (docs/mutation.md); FILES names parts of paths, as in FILES="_k8s/apply _host/openpgp".
mutation: venv
	python tools/mutation.py $(FILES)

venv: $(STAMP)

$(STAMP):
	@$(PYTHON) -m ensurepip --version >/dev/null 2>&1 || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv; } || \
	  { echo "$(PYTHON) has no venv module: install it (Debian: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	pip install -q --disable-pip-version-check -r requirements-dev.txt
	site=$$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	  mkdir -p $$site/ansible_collections/bare; ln -sfn $(CURDIR) $$site/ansible_collections/bare/mesh
	rm -f $(VENV)/.made-*
	touch $@

lab-host:
	@. /etc/os-release; [ "$$(id -u)" = 0 ] && [ "$$ID $$VERSION_ID $$(uname -m)" = "debian 12 x86_64" ] || \
	  { echo "The local lab needs root on Debian 12 (x86_64); for machines of your own see docs/real_machines.md." >&2; exit 1; }
