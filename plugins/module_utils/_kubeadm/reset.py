# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking a node back to before kubeadm. It removes what it finds, so it also works where the cluster is broken."""

from __future__ import annotations

import os
import re
import shutil
import signal
from glob import glob
from ipaddress import IPv4Network, IPv6Network, ip_network

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.cluster import cri_socket
from ansible_collections.bare.mesh.plugins.module_utils._kubeadm.node import API_VERSION, Kubeadm

# The directories themselves stay: packages own them, or something is mounted there.
EMPTIED = (
    *("/var/lib/kubelet", "/var/lib/etcd", "/var/lib/cni", "/etc/cni/net.d", "/run/flannel"),
    # cri-dockerd's records of pods.
    "/var/lib/cri-dockerd/sandbox",
)
FILES = (
    "/etc/kubernetes/*.conf",
    "/etc/kubernetes/manifests/*",
    "/etc/kubernetes/pki",
    "/etc/kubernetes/tmp",
    "/etc/kubernetes/.bare-mesh-unfinished",
    # The DaemonSet's image brings this one; the other CNI plugins are a package's.
    "/opt/cni/bin/flannel",
)
LINKS = re.compile(r"cni0|flannel\.\d+|flannel-v6\.\d+|kube-ipvs0")
CHAINS = re.compile(r"^(KUBE|CNI|FLANNEL)-")
NFT_TABLES = ("kube-proxy", "flannel-ipv4", "flannel-ipv6", "cni_hostport", "cni_plugins_masquerade")
# What flannel writes when it starts, with the networks of the pods.
SUBNET = "/run/flannel/subnet.env"
# kubeadm asks a cluster that may be dead for its configuration; this is how long it may try.
RESET = {
    "apiVersion": API_VERSION,
    "kind": "ResetConfiguration",
    "force": True,
    "skipPhases": ["remove-etcd-member"],
    "timeouts": {"kubernetesAPICall": "5s", "etcdAPICall": "5s"},
}


def without_cluster(saved: str) -> str | None:
    """iptables-save's text without the cluster's chains and the rules that lead into them; None if it has none."""
    kept, dropped = [], False
    for line in saved.splitlines():
        if line.startswith(":"):
            ours = bool(CHAINS.match(line[1:]))
        else:
            # A rule of a chain (-A X) or into one (-j X, -g X).
            ours = any(CHAINS.match(name) for name in re.findall(r"(?:^|\s)-(?:A|j|g) (\S+)", line))
        dropped = dropped or ours
        if not ours:
            kept.append(line)
    return "\n".join(kept) + "\n" if dropped else None


def pod_networks(settings: str) -> list[IPv4Network | IPv6Network]:
    """The networks of all pods, from the text of flannel's subnet.env."""
    lines = (line.partition("=") for line in settings.splitlines())
    values = ",".join(value for name, _sign, value in lines if name in ("FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK"))
    return [ip_network(value.strip(), strict=False) for value in values.split(",") if value.strip()]


def is_pod_route(route: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    """Whether a line of `ip route` leads to the pods of another node."""
    words = route.split()
    if len(words) < 3 or words[1] != "via" or not re.fullmatch(r"[0-9a-f.:]+(/\d+)?", words[0]):
        return False
    there = ip_network(words[0])
    return any(there.network_address in pods and there.prefixlen >= pods.prefixlen for pods in networks)


class NodeReset:
    """What a cluster left on this node, and its removal."""

    def __init__(self, module: AnsibleModule, kubeadm: Kubeadm) -> None:
        self.module = module
        self.kubeadm = kubeadm
        self.warnings: list[str] = []

    def output(self, *command: str) -> str:
        """A command's output; empty where the program is missing or fails."""
        program = self.module.get_bin_path(command[0])
        if not program:
            return ""
        code, out, _err = self.module.run_command([program, *command[1:]], environ_update={"LC_ALL": "C"})
        return "" if code else out

    def containers(self) -> list[str]:
        return self.output("ctr", "--connect-timeout", "5s", "-n", "k8s.io", "containers", "ls", "-q").split()

    def docker_containers(self) -> list[str]:
        """The containers of pods. Those that users have started with docker have no such label."""
        return self.output("docker", "ps", "--all", "--quiet", "--filter", "label=io.kubernetes.pod.uid").split()

    def processes(self) -> list[int]:
        """Processes of pods and their shims, which outlive a dead containerd."""
        found = []
        for directory in glob("/proc/[0-9]*"):
            try:
                with open(f"{directory}/cgroup", encoding="utf-8") as file:
                    pod = "/kubepods" in file.read()
                with open(f"{directory}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            shim = words[0].endswith(b"containerd-shim-runc-v2") and b"k8s.io" in words
            if pod or shim:
                found.append(int(os.path.basename(directory)))
        return found

    def mounts(self) -> list[str]:
        with open("/proc/self/mounts", encoding="utf-8") as file:
            points = [line.split()[1].encode().decode("unicode_escape") for line in file]
        # The kernel names a mount point by its real path.
        kubelet = {f"{path}/" for path in ("/var/lib/kubelet", os.path.realpath("/var/lib/kubelet"))}
        ours = (*kubelet, "/run/netns/cni-", "/var/run/netns/cni-")
        # Innermost first.
        return sorted({point for point in points if point.startswith(ours)}, reverse=True)

    def links(self) -> list[str]:
        return [name for name in sorted(os.listdir("/sys/class/net")) if LINKS.fullmatch(name)]

    def routes(self) -> list[list[str]]:
        """The routes of flannel's backend host-gw, as arguments of ip.

        In the next cluster this node can get the range of another one. Then such a route hides its own pods from it.
        """
        try:
            with open(SUBNET, encoding="utf-8") as file:
                networks = pod_networks(file.read())
        except (OSError, ValueError):
            # Without a file that can be read, nothing says which routes are flannel's.
            return []
        found = []
        for family in ("-4", "-6"):
            lines = self.output("ip", family, "route", "show").splitlines() if networks else []
            found += [[family, *line.split()[:5]] for line in lines if is_pod_route(line, networks)]
        return found

    def files(self) -> list[str]:
        patterns = [*FILES, *(f"{directory}/{mask}" for directory in EMPTIED for mask in ("*", ".[!.]*"))]
        return sorted(path for pattern in patterns for path in glob(pattern))

    def rules(self) -> dict[str, str]:
        """Restoring command and its input, for each iptables that holds rules of the cluster."""
        tools = (f"{family}{variant}" for family in ("iptables", "ip6tables") for variant in ("", "-legacy", "-nft"))
        cleaned = {tool: without_cluster(self.output(f"{tool}-save", "-c")) for tool in tools}
        return {f"{tool}-restore": text for tool, text in cleaned.items() if text}

    def nft_tables(self) -> list[list[str]]:
        rows = (line.split() for line in self.output("nft", "list", "tables").splitlines())
        return [row[1:] for row in rows if len(row) == 3 and row[2] in NFT_TABLES]

    def kubelet(self) -> bool:
        state = self.output("systemctl", "show", "kubelet", "-p", "ActiveState,UnitFileState")
        return "UnitFileState=enabled" in state or "ActiveState=active" in state or "ActiveState=activating" in state

    def leftovers(self) -> list[str]:
        """One line for everything that is there."""
        return [
            *(["kubelet enabled or running"] if self.kubelet() else []),
            *(f"container {name}" for name in (*self.containers(), *self.docker_containers())),
            *(f"process {number}" for number in self.processes()),
            *(f"mount {point}" for point in self.mounts()),
            *(f"link {name}" for name in self.links()),
            *(f"route to {route[1]}" for route in self.routes()),
            *(f"rules of {tool.replace('-restore', '')}" for tool in self.rules()),
            *(f"nft table {' '.join(table)}" for table in self.nft_tables()),
            *(f"file {path}" for path in self.files()),
        ]

    def clean(self) -> None:
        """Removes all of it. A step that fails does not keep the others from running."""
        self.output("systemctl", "disable", "--now", "kubelet")
        # kubeadm, ctr and docker remove containers through them.
        units = [["containerd"], ["docker", "cri-docker"]][: 2 if self.module.get_bin_path("docker") else 1]
        for unit in units:
            self.output("systemctl", "start", *unit)
        if self.kubeadm.program:
            # Where a host has several container runtimes, kubeadm must be told which is the node's.
            socket = cri_socket()
            try:
                self.kubeadm.run("reset", config=[{**RESET, "criSocket": socket} if socket else RESET])
            except Failure as error:
                # The rest of this method does what kubeadm has not done.
                self.warnings.append(str(error))
        if self.module.get_bin_path("ctr") and not self.output("ctr", "--connect-timeout", "5s", "version"):
            self.module.warn(
                "containerd does not run, so its records of old containers stay; start it and run this again"
            )
        for name in self.containers():
            self.output("ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", name)
            self.output("ctr", "-n", "k8s.io", "tasks", "rm", "-f", name)
            self.output("ctr", "-n", "k8s.io", "containers", "rm", name)
        for name in self.docker_containers():
            self.output("docker", "rm", "--force", name)
        for number in self.processes():
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for point in self.mounts():
            self.output("umount", "-l", point)
        left = self.mounts()
        if left:
            # A volume's data may lie below it, and must not be deleted.
            raise Failure(f"these are still mounted: {', '.join(left)}. Unmount them and run this again.")
        for path in glob("/run/netns/cni-*"):
            os.remove(path)
        for name in self.links():
            self.output("ip", "link", "delete", name)
        for family, *route in self.routes():
            self.output("ip", family, "route", "delete", *route)
        for tool, text in self.rules().items():
            self.module.run_command([self.module.get_bin_path(tool, required=True), "-c"], data=text, check_rc=True)
        for family, table in self.nft_tables():
            self.output("nft", "delete", "table", family, table)
        for path in self.files():
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)
