# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The versions to build: those in meta/, and those of the Go modules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.host_packages import HostError
from lab.paths import REPOSITORY

HERE = Path(__file__).parent
GO_MODULES = HERE / "go"
# Releases that the lab builds on request, besides the default ones, by the minor version of Kubernetes. Each is a pair
# that Istio supports.
OTHERS = {
    "1.35": {"kubernetes": "1.35.8", "istio": "1.29.1"},
    "1.34": {"kubernetes": "1.34.9", "istio": "1.31.0"},
}


@dataclass(frozen=True)
class Versions:
    """The versions from meta/versions.yml and meta/defaults.yml."""

    kubernetes: str
    containerd: str
    docker: str
    cri_dockerd: str
    flannel: str
    flannel_cni: str
    istio: str
    bookinfo: str
    metallb: str
    helm: str
    prometheus: str
    jaeger: str

    @property
    def kubernetes_minor(self) -> str:
        """The minor version, such as 1.36 for 1.36.5."""
        return ".".join(self.kubernetes.split(".")[:2])

    def place(self, path: Path) -> Path:
        """The file or directory for these releases: NAME-MINOR instead of NAME, where there is one."""
        release = self.istio if path.stem in ("istio", "requirements") else self.kubernetes
        minor = ".".join(release.split(".")[:2])
        own = path.with_name(f"{path.stem}-{minor}{path.suffix}")
        return own if own.exists() else path


def load(meta: Path = REPOSITORY / "meta", other: str = "") -> Versions:
    """Read the versions from meta/, so that each version is written only once. other: with these of OTHERS."""
    known = yaml.safe_load((meta / "versions.yml").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((meta / "defaults.yml").read_text(encoding="utf-8"))
    releases = OTHERS.get(other) or {name: defaults[f"bare_mesh_{name}_version"] for name in ("kubernetes", "istio")}
    return Versions(
        kubernetes=releases["kubernetes"],
        docker=known["__bare_mesh_docker_version"],
        cri_dockerd=known["__bare_mesh_cri_dockerd_version"],
        containerd=go_module("containerd", "github.com/containerd/containerd/v2"),
        flannel=known["__bare_mesh_flannel_version"],
        flannel_cni=known["__bare_mesh_flannel_cni_version"],
        istio=releases["istio"],
        bookinfo=known["__bare_mesh_bookinfo_version"],
        metallb=known["__bare_mesh_metallb_version"],
        helm=known["__bare_mesh_helm_version"],
        prometheus=known["__bare_mesh_prometheus_version"],
        jaeger=known["__bare_mesh_jaeger_version"],
    )


def go_module(component: str, module: str) -> str:
    """The version of a module in a component's go.mod, without the leading v. Raises HostError if it is missing."""
    text = (GO_MODULES / component / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^(?:require)?\s+{re.escape(module)} v(\S+)", text, re.MULTILINE)
    if not found:
        raise HostError(f"lab/artifacts/go/{component}/go.mod does not require {module}")
    return found.group(1)


def check_go_module(component: str, module: str, wanted: str, source: str = "meta/") -> None:
    """Check that source and go.mod have the same version, or raise HostError.

    Otherwise an old program would report the version of the source.
    """
    found = go_module(component, module)
    if found != wanted.lstrip("v"):
        raise HostError(
            f"{source} says {wanted} of {module}, lab/artifacts/go/{component}/go.mod v{found}: run 'go get -tool' for"
            f" {wanted} there"
        )
