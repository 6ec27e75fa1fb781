# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Repositories of the packages of Kubernetes and docker, with the names, files and layouts of the originals."""

from __future__ import annotations

from pathlib import Path

from lab.artifacts import package, repos, signing
from lab.artifacts.package import Package
from lab.artifacts.store import Item
from lab.artifacts.versions import Versions, go_module

HERE = Path(__file__).parent
FILES = HERE / "files"
RECIPES = [HERE / "package.py", HERE / "repos.py", HERE / "vendor_packages.py"]


def kubernetes_packages(versions: Versions, programs: Path, plugins: Path, family: str) -> list[Package]:
    """kubelet, kubeadm, kubectl and kubernetes-cni for one family: deb or rpm."""
    deb = family == "deb"
    release = "1.1" if deb else "150500.1.1"
    settings = "/etc/default/kubelet" if deb else "/etc/sysconfig/kubelet"
    units = "/usr/lib/systemd/system"

    def since(name: str, version: str) -> str:
        return f"{name} (>= {version})" if deb else f"{name} >= {version}"

    def program(name: str, summary: str) -> Package:
        files: dict[str, tuple[package.Content, int]] = {f"/usr/bin/{name}": (programs / name, 0o755)}
        return Package(name, versions.kubernetes, release, summary, files)

    kubelet = program("kubelet", "Node agent for Kubernetes clusters")
    kubelet.files |= {
        f"{units}/kubelet.service": (FILES / "kubelet.service", 0o644),
        settings: ("KUBELET_EXTRA_ARGS=\n", 0o644),
    }
    kubelet.config = (settings,)
    kubelet.directories = ("/etc/kubernetes", "/etc/kubernetes/manifests", "/var/lib/kubelet")
    kubelet.requires = (since("iptables", "1.4.21"), since("kubernetes-cni", "1.2.0"), "util-linux")
    kubelet.unit = "kubelet.service"

    kubeadm = program("kubeadm", "Command-line utility for administering a Kubernetes cluster")
    kubeadm.files[f"{units}/kubelet.service.d/10-kubeadm.conf"] = (FILES / f"10-kubeadm-{family}.conf", 0o644)
    kubeadm.requires = (since("kubelet", "1.34.0"), since("kubectl", "1.34.0"))

    kubectl = program("kubectl", "Command-line utility for interacting with a Kubernetes cluster")

    cni = Package(
        "kubernetes-cni",
        go_module("cni-plugins", "github.com/containernetworking/plugins"),
        release,
        "Binaries required to provision container networking",
        {f"/opt/cni/bin/{each.name}": (each, 0o755) for each in sorted(plugins.iterdir())},
        directories=("/etc/cni/net.d",),
    )
    return [kubelet, kubeadm, kubectl, cni]


def containerd_package(versions: Versions, containerd: Path, runc: Path, family: str) -> Package:
    """The package containerd.io, with runc, like the one from docker."""
    deb = family == "deb"
    programs = [*sorted(containerd.iterdir()), *sorted(runc.iterdir())]
    return Package(
        "containerd.io",
        versions.containerd,
        "1~debian.12~bookworm" if deb else "1.el9",
        "An open and reliable container runtime",
        {
            **{f"/usr/bin/{each.name}": (each, 0o755) for each in programs},
            "/usr/lib/systemd/system/containerd.service": (FILES / "containerd.service", 0o644),
            "/etc/containerd/config.toml": (FILES / "containerd-config.toml", 0o644),
        },
        config=("/etc/containerd/config.toml",),
        requires=("libc6", "libseccomp2") if deb else ("libseccomp",),
        provides=("containerd", "runc"),
        conflicts=("containerd", "runc"),
        unit="containerd.service",
    )


def docker_packages(versions: Versions, engine: Path, client: Path, family: str) -> list[Package]:
    """The packages docker-ce and docker-ce-cli."""
    release = "1~debian.12~bookworm" if family == "deb" else "1.el9"
    units = "/usr/lib/systemd/system"
    return [
        Package(
            "docker-ce",
            versions.docker,
            release,
            "Docker: the open-source application container engine",
            {
                "/usr/bin/dockerd": (engine / "dockerd", 0o755),
                f"{units}/docker.service": (FILES / "docker.service", 0o644),
                f"{units}/docker.socket": (FILES / "docker.socket", 0o644),
            },
            requires=("containerd.io", "docker-ce-cli", "iptables"),
            unit="docker.service",
        ),
        Package(
            "docker-ce-cli",
            versions.docker,
            release,
            "Docker CLI: the open-source application container engine",
            {"/usr/bin/docker": (client / "docker", 0o755)},
        ),
    ]


def kubernetes_repositories(versions: Versions, kubernetes: Item, plugins: Item) -> Item:
    """The item pkgs.k8s.io: one RPM and one flat Debian repository per minor version."""

    def build(out: Path) -> None:
        base = out / "pkgs.k8s.io" / "core:" / "stable:" / f"v{versions.kubernetes_minor}"
        binaries = (kubernetes.path() / "bin", plugins.path() / "bin")
        for each in kubernetes_packages(versions, *binaries, "deb"):
            package.build_deb(each, base / "deb" / "amd64")
        repos.index_flat_debs(base / "deb")
        for each in kubernetes_packages(versions, *binaries, "rpm"):
            package.build_rpm(each, base / "rpm" / "x86_64")
        repos.index_rpms(base / "rpm")

    return Item("kubernetes-packages", [kubernetes, plugins, *_inputs(versions)], build)


def docker_repositories(versions: Versions, programs: dict[str, Item]) -> Item:
    """The item download.docker.com: linux/centos and linux/debian with containerd.io and docker-ce."""
    needed = [programs[name] for name in ("containerd", "runc", "dockerd", "docker-cli")]

    def packages(family: str) -> list[Package]:
        containerd, runc, engine, client = (each.path() / "bin" for each in needed)
        return [
            containerd_package(versions, containerd, runc, family),
            *docker_packages(versions, engine, client, family),
        ]

    def build(out: Path) -> None:
        linux = out / "download.docker.com" / "linux"
        debian = linux / "debian"
        suite = debian / "dists" / "bookworm"
        pool = suite / "pool" / "stable" / "amd64"
        for each in packages("deb"):
            package.build_deb(each, pool)
        fields = {
            "Origin": "Docker",
            "Label": "Docker CE",
            "Suite": "bookworm",
            "Codename": "bookworm",
            "Architectures": "amd64",
            "Components": "stable",
        }
        repos.index_debs(debian, pool, suite / "stable" / "binary-amd64", suite, fields)
        signing.publish_key(debian / "gpg")
        centos = linux / "centos"
        stable = centos / "9" / "x86_64" / "stable"
        for each in packages("rpm"):
            package.build_rpm(each, stable / "Packages")
        repos.index_rpms(stable)
        signing.publish_key(centos / "gpg")

    return Item("docker-packages", [*needed, *_inputs(versions)], build)


def _inputs(versions: Versions) -> list[str | Path]:
    numbers = (versions.kubernetes, versions.containerd, versions.docker)
    return [*RECIPES, *sorted(FILES.iterdir()), *numbers, signing.fingerprint()]
