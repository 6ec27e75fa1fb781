# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes to an existing cluster: docs/changes.md says which are applied.

Those that are refused are in mistakes.yml.
"""

from __future__ import annotations

import json

import pytest
import truth
import yaml
from conftest import ADDRESSES, ROOT, node
from kubernetes import client

POD_ROUTE = "ip -4 route show 10.244.0.0/24"


def trusted(name):
    """The ranges that firewalld trusts on a node."""
    return node(name).check_output("firewall-cmd --zone=trusted --list-sources").split()


@pytest.fixture
def restored(request, play):
    """Whatever the test has left, the tests after it find the cluster as the inventory describes it."""
    failures = request.session.testsfailed
    yield
    if request.session.testsfailed > failures:
        assert play("site.yml")["code"] == 0


@pytest.mark.lifecycle
@pytest.mark.feature("flannel", "control-plane")
@pytest.mark.usefixtures("restored")
def test_the_backend_of_flannel(play, api):
    """When the run ends, flannel has restarted everywhere, and the API server reaches the webhook that routes need.

    The page answers after firewalld has been reloaded, too.
    """
    apps = client.AppsV1Api(api.api_client)
    for backend, routing, route in (("host-gw", "all-v1", "via 10.87.0.11"), ("vxlan", "default", "dev flannel.1")):
        settings = ["-e", f"flannel_backend={backend}", "-e", f"bookinfo_routing={routing}"]
        run = play("site.yml", *settings)
        assert run["code"] == 0, run["errors"]
        assert "bare.mesh.flannel : Set up the pod network" in run["changed"]["localhost"]
        status = apps.read_namespaced_daemon_set("kube-flannel-ds", "kube-flannel").status
        assert status.updated_number_scheduled == status.number_available == 3
        assert route in node("node2").check_output(POD_ROUTE)
        assert ("10.87.0.11" in trusted("node2")) == (backend == "host-gw")
        # Whoever changes something else in firewalld reloads it. That must not take the pods' rules away.
        for name in ("node1", "node2"):
            assert node(name).check_output("firewall-cmd --reload") == "success"
        page = play("playbooks/deploy_bookinfo.yml", *settings)
        assert (page["code"], page["changed"]) == (0, {}), page["errors"]
        assert play("site.yml", "--check", *settings)["changed"] == {}


def containers(api):
    """How often the containers of each pod have started."""
    return {
        f"{pod.metadata.namespace}/{pod.metadata.name}": [one.restart_count for one in pod.status.container_statuses]
        for pod in api.list_pod_for_all_namespaces().items
    }


@pytest.mark.usefixtures("restored")
def test_settings_of_the_hosts(play, api):
    """They are applied and taken back, and the pods keep running."""
    before = containers(api)
    known = yaml.safe_load((ROOT / "meta/sources.yml").read_text())["__bare_mesh_sources"]["mirror"]["registries"]
    registries = {name: url for name, url in known.items() if name != "quay.io"}
    settings = {
        "host_prep_sysctl": {"net.ipv4.ip_local_reserved_ports": "40000"},
        "host_prep_ntp_servers": ["10.87.0.1"],
        "containerd_registries": registries,
    }
    book = ("playbooks/prepare_hosts.yml", "-e", json.dumps(settings))
    predicted, done = play(*book, "--check"), play(*book)
    assert done["code"] == 0, done["errors"]
    assert truth.disagreements(predicted, done) == []
    asked = {
        "bare.mesh.containerd : Configure and run containerd",
        "bare.mesh.host_prep : Set modules, sysctls, swap and SELinux",
        "bare.mesh.host_prep : Synchronise the clock",
    }
    for name in ADDRESSES:
        assert set(done["changed"][name]) == asked
        assert node(name).check_output("sysctl -n net.ipv4.ip_local_reserved_ports") == "40000"
        assert not node(name).file("/etc/containerd/certs.d/quay.io/hosts.toml").exists
        assert "10.87.0.1" in node(name).check_output(
            "cat /etc/chrony/chrony.conf /etc/chrony.conf 2>/dev/null || true"
        )
    assert play(*book)["changed"] == {}
    back = play("playbooks/prepare_hosts.yml")
    assert back["code"] == 0, back["errors"]
    for name in ADDRESSES:
        assert set(back["changed"][name]) == asked
        assert node(name).file("/etc/containerd/certs.d/quay.io/hosts.toml").exists
        files = node(name).check_output("grep -rl ip_local_reserved_ports /etc/sysctl.d /etc/sysctl.conf || true")
        assert files == ""
    assert play("playbooks/prepare_hosts.yml", "--check")["changed"] == {}
    after = containers(api)
    assert {name: after.get(name) for name in before} == before
