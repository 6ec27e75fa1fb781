# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Ansible's workers inherit.

Ansible loads an action in its main process, and forks a worker for each task and host afterwards. What is loaded here,
no worker loads again. docs/decisions.md has the measurements.
"""

from __future__ import annotations

import contextlib
import gc
import importlib

from ansible.plugins.loader import filter_loader


def load_library() -> None:
    """Load the client library, and keep the garbage collector away from what there is."""
    # It takes longer to load than most requests. Without it, the module says so.
    with contextlib.suppress(ImportError):
        importlib.import_module("kubernetes.config")
    # Each worker would look through all of it several times. https://docs.python.org/3/library/gc.html#gc.freeze
    gc.freeze()


def load_filters() -> None:
    """Load the collection's filters. For plays with many tasks: a single one that uses none has no need of them."""
    # Whichever filter Ansible looks for, it loads all files that may have it. Where it cannot, it says so to the task
    # that uses one.
    with contextlib.suppress(KeyError):
        filter_loader.get("bare.mesh.cluster_hosts")
