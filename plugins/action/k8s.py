# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action of all modules that talk to the API server, and of others that run on the controller.

The files of their names are links to this one.
"""

from __future__ import annotations

from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible_collections.bare.mesh.plugins.plugin_utils import before_fork
from ansible_collections.bare.mesh.plugins.plugin_utils.in_worker import InWorkerAction

before_fork.load_library()


class ActionModule(InWorkerAction, NormalAction):
    """See the module of the same name."""
