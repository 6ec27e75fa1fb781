# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kube-proxy and flannel write their rules in the same way."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = [
    "meta/defaults.yml", "meta/cluster.yml", "roles/kubeadm/defaults/main/main.yml", "roles/kubeadm/vars/main/main.yml",
    "roles/flannel/defaults/main/main.yml", "roles/flannel/vars/main/main.yml",
]  # fmt: skip
SHOWN = (
    "{{ {'proxy': __kubeadm_configuration[3], 'net': __flannel_config['net-conf.json'],"
    " 'cni': __flannel_config['cni-conf.json']} | to_json }}"
)


def setup(distribution, version):
    """What ansible.builtin.setup says of a host."""
    return {"ansible_facts": {"distribution": distribution, "distribution_version": version}}


def preflight(release, version):
    """What preflight has registered of a host, with the variables of its /etc/os-release."""
    return {"__preflight_inspection": {"report": {"os": {"ID": release, "VERSION_ID": version}}}}


HOSTS = {
    "rocky9": setup("Rocky", "9.6"),
    "debian": setup("Debian", "13"),
    "openeuler": setup("openEuler", "24.03"),
    "alma10": setup("AlmaLinux", "10.1"),
    "ubuntu-seen": preflight("ubuntu", "24.04"),
    "rhel9-seen": preflight("rhel", "9.6"),
    "centos10-seen": preflight("centos", "10"),
    "oracle10-seen": preflight("ol", "10.1"),
    "kylin-seen": preflight("kylin", "V11"),
    "alinux4-seen": preflight("alinux", "4"),
    "anolis23-seen": preflight("anolis", "23.3"),
    "openeuler-seen": preflight("openEuler", "24.03"),
    # As Ansible names them, which knows no others of these.
    "kylin": setup("Kylin Linux Advanced Server", "V11"),
    "alinux": setup("Alibaba", "4"),
    "ubuntu26": setup("Ubuntu", "26.04"),
    "silent": {},
}
# The beginning and the end of what kubeadm 1.36 keeps in the ConfigMap kube-proxy.
LIVE = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: %s\nwinkernel:\n  x: ''\n"
# Hosts of the cluster, settings, and the live configuration -> the modes of kube-proxy (of a new cluster) and flannel.
CASES = [
    (["rocky9", "debian", "openeuler"], {}, "", ("iptables", "iptables")),
    (["rocky9", "debian", "alma10"], {}, "", ("nftables", "nftables")),
    (["ubuntu-seen", "rhel9-seen"], {}, "", ("iptables", "iptables")),
    (["ubuntu-seen", "centos10-seen"], {}, "", ("nftables", "nftables")),
    (["rocky9", "oracle10-seen", "silent"], {}, "", ("nftables", "nftables")),
    (["silent"], {}, "", ("iptables", "iptables")),
    # Their releases have larger numbers than EL's, and their kernels have iptables.
    (["kylin-seen", "alinux4-seen", "anolis23-seen", "openeuler-seen"], {}, "", ("iptables", "iptables")),
    (["kylin", "alinux", "ubuntu26"], {}, "", ("iptables", "iptables")),
    (["anolis23-seen", "centos10-seen"], {}, "", ("nftables", "nftables")),
    (["rocky9"], {"bare_mesh_proxy_mode": "nftables"}, "", ("nftables", "nftables")),
    (["alma10"], {"bare_mesh_proxy_mode": "iptables"}, "", ("iptables", "iptables")),
    (["rocky9"], {"kubeadm_kube_proxy_config": {"mode": "nftables"}}, "", ("nftables", "nftables")),
    (["alma10"], {"kubeadm_kube_proxy_config": {"bindAddress": "::"}}, "", ("nftables", "nftables")),
    # The settings and the hosts have changed since the cluster was made.
    (["alma10"], {}, LIVE % '""', ("nftables", "iptables")),
    (["rocky9"], {}, LIVE % "nftables", ("iptables", "nftables")),
    (["rocky9"], {"bare_mesh_proxy_mode": "nftables"}, LIVE % "ipvs", ("nftables", "iptables")),
]


# What else kubeadm's configuration has of a host.
NODE = {
    "node_name": "a",
    "node_ip": "192.0.2.1",
    "ssh_address": "192.0.2.1",
    "names": ["a"],
    "control_plane": True,
    "container_runtime": "containerd",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the two are given in each of the cases, by one run."""
    folder = tmp_path_factory.mktemp("proxy-mode")
    inventory = {"all": {"vars": {"kubeadm_user": "root"}, "hosts": {name: {} for name in HOSTS}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    known = [
        {"ansible.builtin.set_fact": facts, "delegate_to": name, "delegate_facts": True}
        for name, facts in HOSTS.items()
        if facts
    ]
    tasks = [
        {
            "ansible.builtin.copy": {"dest": str(folder / str(number)), "content": SHOWN, "mode": "0600"},
            "vars": {
                **settings,
                # Above those of the files. ansible-core before 2.19 evaluates all of a list, also what nobody reads.
                "__bare_mesh_host": NODE,
                "__bare_mesh_hosts": [{**NODE, "name": name} for name in hosts],
                "__flannel_kube_proxy": {"result": live or None},
            },
        }
        for number, (hosts, settings, live) in enumerate(case[:3] for case in CASES)
    ]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "__bare_mesh_flannel_images": {},
            "__bare_mesh_kubernetes_minor": "1.36",
        },
        "vars_files": [str(ROOT / name) for name in FILES],
        "tasks": [*known, *tasks],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    command = ["ansible-playbook", "-i", str(folder / "hosts.yml"), str(folder / "play.yml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads((folder / str(number)).read_text()) for number in range(len(CASES))]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_both_write_their_rules_in_the_same_way(shown, number):
    found = shown[number]
    network, plugins = json.loads(found["net"]), json.loads(found["cni"])["plugins"]
    flannel = "nftables" if network.get("EnableNFTables", False) is True else "iptables"
    assert (found["proxy"]["mode"], flannel) == CASES[number][3]
    # Without the word, portmap takes iptables where the host has the program.
    assert plugins[1].get("backend", "iptables") == flannel
    assert plugins[1]["capabilities"] == {"portMappings": True} and network["Network"] == "10.244.0.0/16"
