# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The operating systems the collection knows, and where the official servers have their packages."""

from __future__ import annotations

from typing import Any

# ID of /etc/os-release -> supported versions (major version, or all of it where the minor counts).
SUPPORTED = {
    "alinux": ("3", "4"),
    "almalinux": ("9", "10"),
    "anolis": ("8", "23"),
    "centos": ("9", "10"),
    "debian": ("12", "13"),
    # The server. The desktop, made of Debian's packages, says v11.
    "kylin": ("V11",),
    "ol": ("9", "10"),
    "openEuler": ("22.03", "24.03"),
    "rhel": ("9", "10"),
    "rocky": ("9", "10"),
    "ubuntu": ("22.04", "24.04", "26.04"),
}
# Those of the others with rpm whose C library is too old for packages of EL 9.
EL8 = (("alinux", "3"), ("anolis", "8"))
SUPPORTED_TEXT = (
    "RHEL, CentOS Stream, Rocky, AlmaLinux and Oracle Linux 9 and 10, openEuler 22.03 and 24.03, Anolis OS 8 and 23, "
    "Alibaba Cloud Linux 3 and 4, Kylin Linux Advanced Server V11, Debian 12 and 13, Ubuntu 22.04, 24.04 and 26.04"
)
# Where the official server has the stable releases of Kubernetes, below its base URL.
KUBERNETES_PATH = "core:/stable:"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def parse_os_release(text: str) -> dict[str, str]:
    """The variables of /etc/os-release."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def version(release: dict[str, str]) -> str:
    """The version as SUPPORTED names it: 9 for EL 9.6, but 22.04 for Ubuntu."""
    full = release.get("VERSION_ID", "")
    return full if release.get("ID") in ("ubuntu", "openEuler") else full.split(".")[0]


def supported(release: dict[str, str]) -> bool:
    """Whether the collection supports this system."""
    return version(release) in SUPPORTED.get(release.get("ID", ""), ())


def family(release: dict[str, str]) -> str:
    """deb or rpm."""
    return "deb" if release.get("ID") in ("debian", "ubuntu") else "rpm"


def repositories(
    release: dict[str, str], machine: str, source: dict[str, str], kubernetes_version: str
) -> list[dict[str, Any]]:
    """The package repositories a cluster host needs, as dicts.

    source has the base URLs `kubernetes` and `docker`, and `kubernetes_path` where that is not the official one.
    Docker publishes no packages for openEuler, Kylin, Anolis and Alibaba Cloud Linux; EL's fit there. Those of EL 8 are
    in the repository of RHEL alone.
    """
    minor = ".".join(kubernetes_version.split(".")[:2])
    base = f"{source['kubernetes']}/{source.get('kubernetes_path') or KUBERNETES_PATH}/v{minor}"
    docker = f"{source['docker']}/linux"
    if family(release) == "deb":
        distribution, codename = release["ID"], release.get("VERSION_CODENAME", "")
        return [
            {
                "name": "bare-mesh-kubernetes",
                "url": f"{base}/deb/",
                "suite": "/",
                "key_url": f"{base}/deb/Release.key",
                "signed": [f"{base}/deb/InRelease"],
                "key": "kubernetes",
            },
            {
                "name": "bare-mesh-docker",
                "url": f"{docker}/{distribution}",
                "suite": f"{codename} stable",
                "key_url": f"{docker}/{distribution}/gpg",
                "signed": [f"{docker}/{distribution}/dists/{codename}/InRelease"],
                "key": "docker_deb",
            },
        ]
    old = (release.get("ID"), version(release)) in EL8
    distribution, major = ("rhel", "8") if old else ("centos", "10" if version(release) == "10" else "9")
    packages = f"{docker}/{distribution}/{major}/{machine}/stable"
    return [
        {
            "name": "bare-mesh-kubernetes",
            "url": f"{base}/rpm/",
            "key_url": f"{base}/rpm/repodata/repomd.xml.key",
            "signed": [f"{base}/rpm/repodata/repomd.xml", f"{base}/rpm/repodata/repomd.xml.asc"],
            "key": "kubernetes",
            "exclude": ["cri-tools", "kubeadm", "kubectl", "kubelet", "kubernetes-cni"],
        },
        {
            "name": "bare-mesh-docker",
            "url": f"{packages}/",
            "key_url": f"{docker}/{distribution}/gpg",
            # Docker signs its RPMs, not the index of its RPM repositories.
            "signed": [],
            "key": "docker_rpm",
            "exclude": ["containerd.io", "docker-ce", "docker-ce-cli"],
        },
    ]
