# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Joins a host with a bootstrap token that exists for as long as the join takes."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.bare.mesh.plugins.module_utils._k8s.bootstrap import (
    bootstrap_token,
    certificate_authority,
    forget_node,
)
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure
from ansible_collections.bare.mesh.plugins.plugin_utils import ssh_tunnel

MODULE = "bare.mesh.kubeadm_join"


class ActionModule(ActionBase):
    """See the module of the same name."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        given = dict(self._task.args)
        # Without a token it looks, and does all that needs none.
        looked: dict[str, Any] = self._execute_module(MODULE, given, task_vars=task_vars)
        if self._task.check_mode or given.get("token") or not looked.get("join"):
            return looked
        try:
            return self._join(given, looked["node"], task_vars)
        except Failure as error:
            raise AnsibleActionFail(
                f"the host is to join the cluster, and no token can be made for it: {error}"
            ) from error

    def _join(self, given: dict[str, Any], node: str, task_vars: Any) -> dict[str, Any]:
        trouble = ssh_tunnel.reach(given)
        if trouble:
            raise Failure(trouble)
        client = Client({"kubeconfig": given.get("kubeconfig")})
        client.reach()
        authority, digest = certificate_authority(client)
        if given.get("node_ip"):
            forget_node(client, node, given["node_ip"])
        lifetime = int(given.get("token_ttl") or 900)
        joined: dict[str, Any] = {}
        try:
            with bootstrap_token(client, node, lifetime) as token:
                arguments = {**given, "token": token, "ca_cert_hash": digest, "ca_certificate": authority}
                joined = self._execute_module(MODULE, arguments, task_vars=task_vars)
        except Failure as error:
            if not joined:
                raise
            # How the join went is what the user has to know first.
            end = f"it expires {lifetime} seconds after it was made"
            warning = f"the join's bootstrap token could not be deleted; {end}: {error}"
            joined["warnings"] = [*joined.get("warnings", []), warning]
        return joined
