# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opens and closes the SSH tunnel that leads to an API server."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.plugins.connection import ConnectionBase
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._k8s.tunnel import Tunnel, tunnel_of

# Seconds. One that is not used any more closes itself, for whoever ends a run with Ctrl-C cannot close it.
LIFETIME = 3600
PATIENCE = 60
# Options of the connection -> those of ssh.
ARGUMENTS = ("ssh_args", "ssh_common_args", "ssh_extra_args")
FLAGS = {"port": "-p", "remote_user": "-l", "private_key_file": "-i"}


def plan(connection: ConnectionBase, kubeconfig: Path, server: str, target: str) -> Tunnel:
    """The tunnel to the API server target (its URL on the nodes), through the host of an SSH connection.

    server is its URL on the controller. Raises Failure if the connection or the URL does not allow one.
    """
    if connection.transport != "ssh":
        fix = "set bare_mesh_ssh_tunnel (option ssh_tunnel) to false, or the host's ansible_connection to ssh"
        raise Failure(f"no SSH tunnel leads through a connection of the type {connection.transport}: {fix}")
    here, there = urlsplit(server), urlsplit(target)
    if here.hostname not in ("127.0.0.1", "localhost") or not here.port:
        fix = "give it as https://127.0.0.1:PORT, or leave kubeadm_api_url out"
        raise Failure(f"kubeadm_api_url (option server) is {server}, to which no SSH tunnel can lead: {fix}")
    given = {name: connection.get_option(name) for name in (*ARGUMENTS, *FLAGS, "host", "ssh_executable", "timeout")}
    # Those of the user come first, as Ansible has it, because ssh takes an option's first value.
    words = [word for name in ARGUMENTS for word in shlex.split(given[name] or "")]
    if not connection.get_option("host_key_checking"):
        words += ["-o", "StrictHostKeyChecking=no"]
    words += [
        word for name, flag in FLAGS.items() if given[name] for word in (flag, os.path.expanduser(str(given[name])))
    ]
    words += ["-o", f"ConnectTimeout={given['timeout']}"]
    # A socket's path has at most 104 characters, and ssh needs 17 of them.
    name = f"bare-mesh-{hashlib.sha256(str(kubeconfig).encode()).hexdigest()[:12]}"
    folder = os.path.expanduser(connection.get_option("control_path_dir"))
    return Tunnel(
        command=[given["ssh_executable"], *words],
        destination=given["host"],
        control_path=os.path.join(folder, name),
        listen=f"{here.hostname}:{here.port}",
        target=f"{f'[{there.hostname}]' if ':' in (there.hostname or '') else there.hostname}:{there.port or 443}",
    )


def run(command: list[str]) -> None:
    """Run ssh. Raises Failure with what it says.

    What it leaves in the background has the files for its output, too, so these must not be pipes, which would only
    end with it.
    """
    with tempfile.TemporaryFile() as said:
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=PATIENCE, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            raise Failure(f"ssh did not end within {PATIENCE} seconds") from None
        except OSError as error:
            raise Failure(f"{command[0]} does not start: {error.strerror}") from error
        said.seek(0)
        words = said.read().decode(errors="replace").split()
    if code:
        raise Failure(" ".join(words) or f"ssh ended with code {code}")


def open_tunnel(tunnel: Tunnel) -> None:
    """Open it unless it is open. Raises Failure with what ssh says."""
    if tunnel.is_open():
        return
    os.makedirs(os.path.dirname(tunnel.control_path), mode=0o700, exist_ok=True)
    # Several tasks want it at the same time: one opens it, the others wait.
    with open(f"{tunnel.control_path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tunnel.is_open():
            return
        Path(tunnel.control_path).unlink(missing_ok=True)
        try:
            run(tunnel.start(LIFETIME))
        except Failure as error:
            fix = "check that `ssh` reaches the host without a password; another program may have the port"
            raise Failure(f"no SSH tunnel through {tunnel.destination} on {tunnel.listen}: {error}: {fix}") from error


def close_tunnel(tunnel: Tunnel) -> None:
    """Close it if it is open. Raises Failure with what ssh says."""
    if tunnel.is_open():
        run(tunnel.control("exit"))


def reach(arguments: dict[str, Any]) -> str:
    """Open the tunnels of a module's kubeconfigs, if they have any. Returns why one could not be opened."""
    own = arguments.get("kubeconfig") or os.environ.get("K8S_AUTH_KUBECONFIG")
    troubles = []
    # The second one is that of remote_secret, which connects two clusters.
    for path in filter(None, (own, arguments.get("remote_kubeconfig"))):
        try:
            tunnel = tunnel_of(str(path))
            if tunnel:
                open_tunnel(tunnel)
        except Failure as error:
            troubles.append(str(error))
    return "; ".join(troubles)
