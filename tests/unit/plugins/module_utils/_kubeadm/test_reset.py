# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm import reset
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.reset import NodeReset, without_cluster

SAVED = """*nat
:PREROUTING ACCEPT [1:60]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:FLANNEL-POSTRTG - [0:0]
[5:300] -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
[0:0] -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
[0:0] -A PREROUTING -j DOCKER
[0:0] -A KUBE-SERVICES -d 10.96.0.1/32 -j ACCEPT
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -j MASQUERADE
COMMIT
"""
KEPT = """*nat
:PREROUTING ACCEPT [1:60]
:DOCKER - [0:0]
[0:0] -A PREROUTING -j DOCKER
COMMIT
"""


def test_only_the_clusters_rules_go():
    assert without_cluster(SAVED) == KEPT


def test_rules_without_a_cluster_are_left_alone():
    assert without_cluster(KEPT) is None
    assert without_cluster("") is None


@pytest.mark.parametrize(("name", "ours"), [
    ("cni0", True), ("flannel.1", True), ("flannel-v6.1", True), ("kube-ipvs0", True),
    ("eth0", False), ("cni01", False), ("docker0", False), ("xcni0", False),
])  # fmt: skip
def test_links_of_the_cluster(name, ours):
    assert bool(reset.LINKS.fullmatch(name)) is ours


SUBNET = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_IPV6_NETWORK=fd00:10::/48\n"


@pytest.mark.parametrize(("route", "ours"), [
    ("10.244.2.0/24 via 10.87.0.13 dev host0", True),
    ("fd00:10:0:2::/64 via fe80::1 dev host0 metric 1024 pref medium", True),
    ("10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1", False),
    ("10.87.0.0/24 via 10.87.0.1 dev host0", False),
    ("0.0.0.0/1 via 10.8.0.1 dev tun0", False),
    ("10.244.0.0/15 via 10.8.0.1 dev tun0", False),
    ("default via 10.87.0.1 dev host0", False),
    ("unreachable 10.244.9.0/24", False),
])  # fmt: skip
def test_routes_to_pods_of_other_nodes(route, ours):
    assert reset.is_pod_route(route, reset.pod_networks(SUBNET)) is ours


def test_routes_go_only_where_flannel_has_run(tmp_path, monkeypatch):
    monkeypatch.setattr(reset, "SUBNET", str(tmp_path / "subnet.env"))
    assert NodeReset(Module(), None).routes() == []
    (tmp_path / "subnet.env").write_text("FLANNEL_NETWORK=10.2")
    assert NodeReset(Module(), None).routes() == []
    (tmp_path / "subnet.env").write_text(SUBNET)
    assert NodeReset(Module(), None).routes() == [["-4", "10.244.2.0/24", "via", "10.87.0.13", "dev", "host0"]]


class Module:
    def warn(self, text):
        self.warned = text

    def get_bin_path(self, name, required=False):
        return name

    def run_command(self, words, **options):
        outputs = {
            "ip -4 route show": "default via 10.87.0.1 dev host0\n10.244.2.0/24 via 10.87.0.13 dev host0 onlink\n",
            "nft list tables": "table ip kube-proxy\ntable ip nat\ntable inet firewalld\n",
            "ctr --connect-timeout 5s -n k8s.io containers ls -q": "abc\ndef\n",
        }
        return 0, outputs.get(" ".join(words), ""), ""


def test_other_nft_tables_stay():
    assert NodeReset(Module(), None).nft_tables() == [["ip", "kube-proxy"]]


def test_containers_are_found():
    assert NodeReset(Module(), None).containers() == ["abc", "def"]


def test_directories_that_packages_own_are_emptied_and_kept(tmp_path, monkeypatch):
    kept = tmp_path / "net.d"
    (kept / "deep").mkdir(parents=True)
    (kept / ".hidden").write_text("")
    (kept / "10-flannel.conflist").write_text("")
    monkeypatch.setattr(reset, "EMPTIED", (str(kept),))
    monkeypatch.setattr(reset, "FILES", (str(tmp_path / "*.conf"),))
    (tmp_path / "admin.conf").write_text("")
    found = NodeReset(Module(), None).files()
    assert [path.rsplit("/", 1)[1] for path in found] == ["admin.conf", ".hidden", "10-flannel.conflist", "deep"]


def test_nothing_is_deleted_below_what_is_still_mounted(tmp_path, monkeypatch):
    volume = tmp_path / "pods/1/volumes/data"
    volume.mkdir(parents=True)
    (volume / "precious").write_text("")
    monkeypatch.setattr(reset, "EMPTIED", (str(tmp_path),))
    monkeypatch.setattr(reset, "FILES", ())
    monkeypatch.setattr(NodeReset, "mounts", lambda self: [str(volume)])
    # This machine's own must not be looked for, and killed.
    monkeypatch.setattr(NodeReset, "processes", lambda self: [])
    with pytest.raises(Failure, match=f"still mounted: {volume}"):
        NodeReset(Module(), SimpleNamespace(program=None)).clean()
    assert (volume / "precious").exists()
