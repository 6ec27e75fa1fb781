# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster of one node on a machine with a kernel of its own: swap, modules and sysctls, now and after a reboot.

The tests build on each other, in their order.
"""

from __future__ import annotations

import pytest
import yaml
from kubernetes import client, config
from truth import ROOT, disagreements

# An administrator's swap: a file in /etc/fstab, and one with a unit of its own.
SWAP = r"""set -e
for file in /swapfile /swapunit; do
  dd if=/dev/zero of=$file bs=1M count=64 status=none
  chmod 600 $file
  mkswap -q $file
done
echo '/swapfile none swap sw 0 0' >> /etc/fstab
printf '[Swap]\nWhat=/swapunit\n[Install]\nWantedBy=swap.target\n' > /etc/systemd/system/swapunit.swap
systemctl enable -q swapunit.swap
"""
KUBERNETES = yaml.safe_load((ROOT / "meta/defaults.yml").read_text())["bare_mesh_kubernetes_version"]
NEEDED = yaml.safe_load((ROOT / "meta/cluster.yml").read_text())["__bare_mesh_kernel_modules"]
SYSCTLS = {
    "fs.inotify.max_user_instances": 8192,
    "fs.inotify.max_user_watches": 524288,
    "kernel.panic": 10,
    "kernel.panic_on_oops": 1,
    "net.bridge.bridge-nf-call-ip6tables": 1,
    "net.bridge.bridge-nf-call-iptables": 1,
    "net.ipv4.ip_forward": 1,
    "vm.overcommit_memory": 1,
}
KERNEL_TASK = "Set modules, sysctls, swap and SELinux"
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
HOSTS, CLUSTER = "playbooks/prepare_hosts.yml", "playbooks/install_kubernetes.yml"


def swaps(host):
    """What swaps now."""
    return {line.split()[0] for line in host.check_output("cat /proc/swaps").splitlines()[1:]}


def loaded(host):
    """The modules that are loaded."""
    return {line.split()[0] for line in host.check_output("cat /proc/modules").splitlines()}


def wait_for(host, command, seconds=300):
    """Wait until the command succeeds in the guest. Shows what it said last otherwise."""
    done = host.run(f"timeout {seconds} sh -c 'until {command}; do sleep 1; done'")
    assert done.rc == 0, (done.stdout + done.stderr)[-2000:]


def test_swap_comes_by_every_way_before(guest, host):
    assert swaps(host) == {"/dev/vda2", "/dev/zram0"}, "by systemd-gpt-auto-generator and zram-generator"
    host.check_output(SWAP)
    guest.reboot()
    # While /etc/fstab names swap, systemd looks for no partition.
    assert swaps(host) == {"/swapfile", "/swapunit", "/dev/zram0"}
    assert loaded(host) & {*NEEDED} == set()
    assert {
        name for name, value in SYSCTLS.items() if host.run(f"sysctl -n {name}").stdout.strip() == str(value)
    } == set()


def run_as_predicted(play, playbook):
    """Run a playbook that changes the guest as --check has said, and a second time nothing."""
    predicted = play(playbook, "--check")
    assert predicted["code"] == 0, predicted["errors"]
    run = play(playbook)
    assert run["code"] == 0, run["errors"]
    assert disagreements(predicted, run) == [] and "guest1" in run["changed"]
    run = play(playbook)
    assert (run["code"], run["changed"]) == (0, {}), run["errors"]


def test_check_predicts_the_preparation_and_the_second_run_changes_nothing(play):
    run_as_predicted(play, HOSTS)


@pytest.fixture(scope="module", params=["now", "after a reboot"])
def prepared(request, guest, host):
    """The host after the run, and again after a reboot."""
    if request.param != "now":
        guest.reboot()
    return host


@pytest.mark.feature("swap-off")
def test_swap_is_off(prepared):
    assert prepared.check_output("swapon --show") == ""
    assert swaps(prepared) == set()


@pytest.mark.feature("kernel-settings")
def test_modules_are_loaded(prepared):
    assert {*NEEDED} - loaded(prepared) == set()


@pytest.mark.feature("kernel-settings")
def test_sysctls_are_set(prepared):
    assert {name: int(prepared.check_output(f"sysctl -n {name}")) for name in SYSCTLS} == SYSCTLS


def test_services_run(prepared):
    for name in ("containerd", "chrony"):
        assert prepared.service(name).is_enabled and prepared.service(name).is_running
    assert prepared.check_output("systemctl --failed --no-legend --plain") == ""


def test_it_is_the_role_that_keeps_swap_off(host):
    """At this boot, the unit of its own and the generators have brought their units, and none was started."""
    for unit in ("swapunit.swap", "dev-vda2.swap", "dev-zram0.swap"):
        shown = host.check_output(f"systemctl show -P LoadState -P ActiveState -P ConditionResult {unit}")
        assert shown.split() == ["loaded", "inactive", "no"], unit
        assert unit in host.check_output("systemctl show -P Wants swap.target")


def test_swap_comes_again_if_it_is_kept(play, guest, host):
    for wanted, expected in (("keep", {"/swapfile", "/swapunit", "/dev/zram0"}), ("off", set())):
        run = play(HOSTS, "-e", f"host_prep_swap={wanted}")
        assert run["code"] == 0, run["errors"]
        assert [task.partition(" : ")[2] for task in run["changed"]["guest1"]] == [KERNEL_TASK]
        if wanted == "keep":
            guest.reboot()
        assert swaps(host) == expected


def test_check_predicts_the_cluster_and_the_second_run_changes_nothing(play):
    """kubeadm refuses a host with swap: no check of it is left out."""
    run_as_predicted(play, CLUSTER)


@pytest.fixture(scope="module", params=["now", "after a reboot"])
def node(request, guest, host):
    """The node of the cluster, and again after a reboot."""
    if request.param != "now":
        guest.reboot()
    wait_for(host, "curl -fsk https://127.0.0.1:6443/readyz")
    return host


def test_the_node_is_ready(node, guest):
    """By the kubelet's own words since the last boot: it renews its report every few seconds."""
    boot = node.check_output("cat /proc/sys/kernel/random/boot_id")
    wait_for(node, f"{KUBECTL} get nodes -o yaml | grep -q {boot}")
    wait_for(node, f"{KUBECTL} wait --for condition=Ready node/guest1 --timeout 5s")
    wait_for(node, "curl -fs http://127.0.0.1:10248/healthz")
    config.load_kube_config(str(guest.directory / "kubeconfig"))
    info = client.CoreV1Api().read_node("guest1").status.node_info
    assert (info.boot_id, info.kubelet_version) == (boot, f"v{KUBERNETES}")
    assert info.kernel_version == node.check_output("uname -r")


def test_no_swap_below_the_kubelet(node):
    assert node.service("kubelet").is_enabled and node.service("kubelet").is_running
    assert swaps(node) == set()
