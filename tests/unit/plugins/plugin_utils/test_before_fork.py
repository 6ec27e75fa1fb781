# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Ansible's main process loads for its workers."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys

from ansible_collections.bare.mesh.plugins.plugin_utils import before_fork

# As ansible-playbook begins, and then loads the action of a task.
MAIN = """
import sys
from ansible.plugins.loader import action_loader, init_plugin_loader
init_plugin_loader()
action_loader.get(sys.argv[1], class_only=True)
found = [name for name in sys.modules if name.startswith("ansible_collections.bare.mesh.plugins.filter.")]
print(len(found), "kubernetes.config" in sys.modules)
"""


def inherited(action):
    """How many filters are loaded, and whether the client library is."""
    done = subprocess.run([sys.executable, "-c", MAIN, action], capture_output=True, text=True, check=True)
    filters, library = done.stdout.split()
    return int(filters), library == "True"


def test_workers_inherit_the_client_library_and_in_a_site_the_filters():
    assert inherited("bare.mesh.k8s_info") == (0, True)
    filters, library = inherited("bare.mesh.preflight_check")
    assert filters >= 10 and library


def test_what_is_loaded_is_not_looked_through_again():
    gc.unfreeze()
    before_fork.load_library()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()


def test_without_the_library_the_module_says_so(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    before_fork.load_library()
    gc.unfreeze()
