# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kubeadm_reset on a played node."""

from __future__ import annotations

import types

import pytest
from ansible_collections.bare.mesh.plugins.modules import kubeadm_reset

CONFIG = "clusters:\n- cluster:\n    certificate-authority-data: {}\n"


@pytest.fixture
def node(member, machine, monkeypatch, tmp_path):
    """A node with remains of each kind, all of which can be removed."""
    machine.programs |= {"ctr", "ip", "nft", "iptables-save", "iptables-restore", "umount"}
    machine.put("/etc/kubernetes/admin.conf", CONFIG.format("ours"))
    machine.put("/var/lib/etcd/member/snap/db")
    machine.put("/run/flannel/subnet.env", "FLANNEL_NETWORK=10.244.0.0/16\n")
    machine.put("/proc/self/mounts", "tmpfs /var/lib/kubelet/pods/1/v tmpfs rw 0 0\ntmpfs /home tmpfs rw 0 0\n")
    machine.put("/proc/7/cgroup", "0::/kubepods.slice/x")
    machine.put("/proc/7/cmdline", b"/pause\0")
    for name in ("cni0", "eth0"):
        machine.path(f"/sys/class/net/{name}").mkdir()
    state = {
        "ctr": "c1\n",
        "routes": "default via 10.8.0.1 dev eth0\n10.244.1.0/24 via 10.8.0.2 dev eth0\n",
        "nft": "table ip kube-proxy\ntable ip mine\n",
        "rules": "*nat\n:KUBE-X - [0:0]\nCOMMIT\n",
    }
    machine.looks |= {
        "ctr --connect-timeout 5s -n k8s.io containers ls -q": lambda _command: state["ctr"],
        "ctr --connect-timeout 5s version": "2",
        "nft list tables": lambda _command: state["nft"],
        "ip -4 route show": lambda _command: state["routes"],
        "ip -6 route show": "",
        "iptables-save -c": lambda _command: state["rules"],
    }
    machine.acts |= {
        "ctr -n k8s.io containers rm c1": lambda _command: state.update(ctr=""),
        "nft delete table ip kube-proxy": lambda _command: state.update(nft="table ip mine\n"),
        "iptables-restore -c": lambda _command: state.update(rules="*nat\nCOMMIT\n"),
        "umount -l /var/lib/kubelet/pods/1/v": lambda _command: machine.put("/proc/self/mounts") and "",
        "ip -4 route delete 10.244.1.0/24 via 10.8.0.2 dev eth0": lambda _command: state.update(routes=""),
        "ip link delete cni0": lambda _command: machine.path("/sys/class/net/cni0").rmdir(),
    }

    def kill(number, _signal):
        machine.ran.append(f"kill {number}")
        for name in ("cgroup", "cmdline"):
            machine.path(f"/proc/{number}/{name}").unlink()

    monkeypatch.setattr("os.kill", kill)
    monkeypatch.setattr(
        kubeadm_reset.pwd, "getpwnam", {"admin": types.SimpleNamespace(pw_dir=str(tmp_path))}.__getitem__
    )
    return machine


def test_check_mode_predicts_the_run(node, call):
    """In all but the remains that the run itself says it left."""
    before = node.everything()
    predicted = call(kubeadm_reset, check=True)
    assert node.everything() == before and node.ran == []
    done = call(kubeadm_reset)
    for name in ("changed", "diff", "removed"):
        assert predicted[name] == done[name]
    assert done["removed"] == [
        "kubelet enabled or running",
        "container c1",
        "process 7",
        "mount /var/lib/kubelet/pods/1/v",
        "link cni0",
        "route to 10.244.1.0/24",
        "rules of iptables",
        "nft table ip kube-proxy",
        "file /etc/kubernetes/admin.conf",
        "file /run/flannel/subnet.env",
        "file /var/lib/etcd/member",
    ]
    assert "kill 7" in node.ran and any(command.startswith("kubeadm reset --config") for command in node.ran)
    assert node.path("/sys/class/net/eth0").exists() and node.path("/var/lib/etcd").exists()
    for check in (True, False):
        again = call(kubeadm_reset, check=check)
        assert (again["changed"], again["removed"]) == (False, [])


def test_a_kubeconfig_goes_with_its_cluster(node, call, tmp_path):
    kubeconfig = tmp_path / ".kube/config"
    kubeconfig.parent.mkdir()
    for user in ("admin", "nobody"):
        kubeconfig.write_text(CONFIG.format("theirs"))
        assert f"file {kubeconfig}" not in call(kubeadm_reset, check=True, kubeconfig_user=user)["removed"]
    kubeconfig.write_text(CONFIG.format("ours"))
    assert f"file {kubeconfig}" in call(kubeadm_reset, check=True, kubeconfig_user="admin")["removed"]
    assert kubeconfig.exists()
    assert f"file {kubeconfig}" in call(kubeadm_reset, kubeconfig_user="admin")["removed"] and not kubeconfig.exists()
    assert not call(kubeadm_reset, kubeconfig_user="admin")["changed"]


def test_what_cannot_be_removed_is_named(node, call):
    node.acts |= {"ip link delete cni0": (1, "", "busy"), "kubeadm reset": (1, "", "etcd is gone")}
    failed = call(kubeadm_reset)
    assert "could not remove: link cni0. Reboot" in failed["msg"] and "etcd is gone" in failed["msg"]
    node.acts["ip link delete cni0"] = lambda _command: node.path("/sys/class/net/cni0").rmdir()
    assert call(kubeadm_reset)["removed"] == ["link cni0"]


def test_nothing_below_a_mount_that_stays_is_deleted(node, call):
    node.acts["umount"] = node.acts["umount -l /var/lib/kubelet/pods/1/v"] = (1, "", "busy")
    node.put("/var/lib/kubelet/pods/1/v/precious")
    assert "still mounted: /var/lib/kubelet/pods/1/v" in call(kubeadm_reset)["msg"]
    assert node.path("/var/lib/kubelet/pods/1/v/precious").exists()


def test_pods_on_docker(node, call):
    """kubeadm is told which runtime the node's is, because containerd's socket is there, too."""
    node.programs |= {"docker"}
    node.put("/var/lib/kubelet/instance-config.yaml", 'containerRuntimeEndpoint: "unix:///run/cri-dockerd.sock"\n')
    pods = ["d1", "d2"]
    node.looks["docker ps --all --quiet --filter label=io.kubernetes.pod.uid"] = lambda _command: "\n".join(pods)
    node.acts["docker rm --force"] = lambda command: pods.remove(command.split()[-1])
    predicted = call(kubeadm_reset, check=True)
    assert {"container c1", "container d1", "container d2"} <= set(predicted["removed"]) and len(pods) == 2
    done = call(kubeadm_reset)
    assert done["removed"] == predicted["removed"] and pods == []
    assert "systemctl start docker cri-docker" in node.ran
    assert '"criSocket": "unix:///run/cri-dockerd.sock"' in "".join(node.inputs)
    assert not call(kubeadm_reset)["changed"]


def test_a_host_that_never_was_a_node(machine, call):
    """Nor has any of the programs."""
    machine.put("/proc/self/mounts")
    machine.path("/sys/class/net").mkdir(parents=True)
    for check in (True, False):
        assert call(kubeadm_reset, check=check)["changed"] is False
    assert "Unsupported parameters" in call(kubeadm_reset, force=True)["msg"]
