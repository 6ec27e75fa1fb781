# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SSH tunnel that leads to an API server, as the kubeconfig that needs it describes it.

The description is an extension of the cluster's entry, which other programs pass over:
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#NamedExtension
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any, NamedTuple

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import library

EXTENSION = "ssh-tunnel.bare.mesh"
# A name that kubeadm puts into the certificate of every API server. The tunnel's own end has another one.
SERVER_NAME = "kubernetes"


class Tunnel(NamedTuple):
    """A connection that ssh keeps in the background, with its control socket."""

    # ssh and its options.
    command: list[str]
    destination: str
    control_path: str
    # HOST:PORT of the end on the controller, and of the API server as the destination reaches it.
    listen: str
    target: str

    def control(self, verb: str, *options: str) -> list[str]:
        """The command line that has the background process do something."""
        return [self.command[0], "-S", self.control_path, "-O", verb, *options, self.destination]

    def start(self, lifetime: int) -> list[str]:
        """The command line that opens it. It closes itself when it has not been used for lifetime seconds."""
        options = {
            "BatchMode": "yes",
            "ControlPersist": lifetime,
            "ExitOnForwardFailure": "yes",
            # One that leads nowhere any more ends within a minute.
            "ServerAliveCountMax": 3,
            "ServerAliveInterval": 15,
        }
        # ssh takes the first value that it is given for an option.
        first = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        program, *others = self.command
        master = ["-M", "-S", self.control_path, "-L", f"{self.listen}:{self.target}"]
        return [program, *first, *master, *others, self.destination, "true"]

    def is_open(self) -> bool:
        """Whether the background process is there."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self.control_path)
            except OSError:
                return False
        return True


def describe(tunnel: Tunnel) -> str:
    """The lines of a cluster's entry in a kubeconfig, without their indentation."""
    return "\n".join(
        [
            f"tls-server-name: {SERVER_NAME}",
            "extensions:",
            f"- name: {EXTENSION}",
            f"  extension: {json.dumps(tunnel._asdict(), sort_keys=True)}",
        ]
    )


def tunnel_of(path: str) -> Tunnel | None:
    """The tunnel that a kubeconfig describes; None if there is none, or no file. Raises Failure if it is damaged."""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError):
        return None
    return tunnel_in(text) if EXTENSION in text else None


def tunnel_in(text: str) -> Tunnel | None:
    """The tunnel that a kubeconfig's text describes. Raises Failure if the description is damaged."""
    try:
        found = _extensions(library("yaml", "PyYAML").safe_load(text))
        return Tunnel(**found[0]) if found else None
    except (KeyError, TypeError, ValueError, library("yaml", "PyYAML").YAMLError):
        fix = "run the playbook bare.mesh.install_kubernetes, which writes it again"
        raise Failure(f"the kubeconfig's extension {EXTENSION} is damaged: {fix}") from None


def _extensions(kubeconfig: Any) -> list[Any]:
    entries = [entry for cluster in kubeconfig["clusters"] for entry in cluster["cluster"].get("extensions") or []]
    return [entry["extension"] for entry in entries if entry["name"] == EXTENSION]
