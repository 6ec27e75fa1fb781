# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A controller that reaches one machine, no node, and by it, through SSH, everything else.

The bastion is the lab's mirror, which is not part of the cluster. The controller is a network namespace of this
computer, with a route to that machine only.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time

import pytest
from conftest import ADDRESSES, LAB, lab

from lab.nodes.machines import BRIDGE

NAMESPACE = "bare-mesh-away"
INSIDE = ("ip", "netns", "exec", NAMESPACE)
BASTION = "10.87.0.10"
AWAY = "10.87.0.60"
TITLE = "<title>Simple Bookstore App</title>"
FETCH = """
import ssl, sys, urllib.request
try:
    # Only the way is looked at here.
    context = ssl._create_unverified_context()
    print(urllib.request.urlopen(sys.argv[1], timeout=10, context=context).read().decode())
except OSError as error:
    print(error)
"""
COUNT = """
import sys
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
print(len(client.CoreV1Api().list_node().items))
"""


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def inside(code, *arguments):
    """What a piece of Python prints on the controller."""
    command = [*INSIDE, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def fetch(url):
    """The page as the controller gets it, or the name of the error."""
    return inside(FETCH, url)


@pytest.fixture(scope="module")
def away():
    """The controller's network."""
    ip("netns", "add", NAMESPACE)
    try:
        ip("link", "add", "vb-away", "type", "veth", "peer", "name", "host0", "netns", NAMESPACE)
        ip("link", "set", "vb-away", "master", BRIDGE, "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("link", "set", "host0", "up"),
            # The nodes would be neighbours, too, so no network has a route, but one machine.
            ("address", "add", f"{AWAY}/32", "dev", "host0"),
            ("route", "add", f"{BASTION}/32", "dev", "host0", "src", AWAY),
        ):
            ip("-n", NAMESPACE, *command)
        yield
    finally:
        # Connections that Ansible and the tunnel keep open.
        pids = subprocess.run(["ip", "netns", "pids", NAMESPACE], capture_output=True, text=True, check=True)
        subprocess.run(["kill", *pids.stdout.split()], check=False)
        ip("netns", "delete", NAMESPACE)


@pytest.fixture
def options(away, tmp_path, monkeypatch):
    """What the user of such a network sets."""
    # No connection of another network's run.
    monkeypatch.setenv("ANSIBLE_SSH_CONTROL_PATH_DIR", str(tmp_path / "cp"))
    login = f"-i {LAB}/ssh/id_ed25519 -o UserKnownHostsFile={LAB}/ssh/known_hosts -o StrictHostKeyChecking=yes"
    jump = shlex.quote(f"ProxyCommand=ssh {login} -W %h:%p root@{BASTION}")
    settings = {
        "ansible_ssh_common_args": f"{login} -o {jump}",
        "bare_mesh_ssh_tunnel": True,
        "bare_mesh_kubeconfig": str(tmp_path / "kubeconfig"),
    }
    return ("-e", json.dumps(settings))


@pytest.fixture
def page(play):
    """Run a playbook there. Returns what it changed, and the address of the page that it prints."""

    def run(*arguments):
        done = play(*arguments, prefix=INSIDE)
        assert done["code"] == 0, done["errors"]
        _before, found, after = done["output"].rpartition("Bookinfo: ")
        return done["changed"], after.partition(",")[0] if found else ""

    return run


@pytest.mark.feature("bastion")
def test_the_site_goes_through_the_bastion(page, options, tmp_path):
    """On a cluster that is there, only the copy of the kubeconfig is new."""
    for address in ADDRESSES.values():
        assert "Network is unreachable" in fetch(f"https://{address}:6443/livez")
    changed, url = page("site.yml", *options)
    assert changed == {"node1": ["bare.mesh.kubeadm : Write the kubeconfig on the controller and for the host's user"]}
    assert url.startswith("http://127.0.0.1:") and TITLE in fetch(url)
    # Whatever reads the kubeconfig goes the same way.
    assert inside(COUNT, str(tmp_path / "kubeconfig")).strip() == "3"
    assert page("site.yml", *options) == ({}, url)
    # The tunnel breaks. Whatever runs next opens it again.
    (tunnel,) = (tmp_path / "cp").glob("bare-mesh-????????????")
    subprocess.run(["ssh", "-S", tunnel, "-O", "exit", "node1"], check=True, capture_output=True)
    assert "Connection refused" in fetch(url)
    assert page("playbooks/verify.yml", *options) == ({}, url)


@pytest.mark.lifecycle
@pytest.mark.feature("bastion")
def test_from_bare_hosts_through_the_bastion(page, play, options, tmp_path):
    lab("reset", *ADDRESSES)
    (LAB / "kubeconfig").unlink(missing_ok=True)
    predicted = play("site.yml", "--check", *options, prefix=INSIDE)
    assert predicted["code"] == 0, predicted["errors"]
    changed, url = page("site.yml", *options)
    assert changed == predicted["changed"]
    assert TITLE in fetch(url)
    assert page("site.yml", *options) == ({}, url)
    # A reset closes the tunnel.
    done = play("playbooks/reset.yml", *options, prefix=INSIDE)
    assert done["code"] == 0, done["errors"]
    time.sleep(1)
    assert not (tmp_path / "kubeconfig").exists() and not list((tmp_path / "cp").glob("bare-mesh-????????????"))
