# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Begins the run of a whole site, in which most tasks use one of the collection's filters."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.action.k8s import ActionModule as ActionOnController
from ansible_collections.bare.mesh.plugins.plugin_utils import before_fork

before_fork.load_filters()


class ActionModule(ActionOnController):
    """See the module of the same name."""
