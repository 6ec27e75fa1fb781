# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module kubeconfig is documentation alone: its work is the action plugin's, see ../action/test_kubeconfig.py."""

from __future__ import annotations

import yaml
from ansible_collections.bare.mesh.plugins.modules import kubeconfig


def test_it_documents_the_options_of_the_action():
    assert not hasattr(kubeconfig, "main")
    options = yaml.safe_load(kubeconfig.DOCUMENTATION)["options"]
    for task in yaml.safe_load(kubeconfig.EXAMPLES):
        assert set(task["bare.mesh.kubeconfig"]) <= set(options)
