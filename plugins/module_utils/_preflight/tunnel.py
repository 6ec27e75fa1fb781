# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's findings about the SSH tunnel to the API server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._preflight.finding import Finding, Mapping

SSH = ("ssh", "smart", "ansible.builtin.ssh")


def tunnel(settings: Mapping) -> Iterator[Finding]:
    """Whether an SSH tunnel can lead through the control plane's host, where one is asked for."""
    given = settings["tunnel"]
    if not given.get("wanted"):
        return
    if given["connection"] not in SSH:
        fix = "Set bare_mesh_ssh_tunnel to false, or ansible_connection of that host to ssh"
        what = f"no tunnel leads through {given['host']}, whose ansible_connection is {given['connection']}"
        yield Finding("settings", "bare_mesh_ssh_tunnel", what, fix)
    elif given["password"]:
        fix = "Give it a key (ssh-copy-id), and name the key in ansible_ssh_private_key_file"
        what = f"a tunnel needs a login without a password, and the inventory has one for {given['host']}"
        yield Finding("settings", "bare_mesh_ssh_tunnel", what, fix)
    if urlsplit(settings["api_url"]).hostname not in ("127.0.0.1", "localhost"):
        fix = "Leave kubeadm_api_url out, and set bare_mesh_ssh_tunnel_port if the port is to be another one"
        what = f"it is {settings['api_url']}, where no tunnel begins that bare_mesh_ssh_tunnel asks for"
        yield Finding("settings", "kubeadm_api_url", what, fix)
