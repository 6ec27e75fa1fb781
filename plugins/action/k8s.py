# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action of all modules that talk to the API server, and of others that run on the controller.

The files of their names are links to this one. Ansible loads an action before it forks its workers, so they inherit
the client library, which takes longer to load than most requests.
"""

from __future__ import annotations

import contextlib
import importlib

from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible_collections.bare.mesh.plugins.plugin_utils.in_worker import InWorkerAction

# Without the library, the module says so.
with contextlib.suppress(ImportError):
    importlib.import_module("kubernetes.config")


class ActionModule(InWorkerAction, NormalAction):
    """See the module of the same name."""
