# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Istio's release archive, with the layout of the official one."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.artifacts import tarball
from lab.artifacts.progress import run
from lab.artifacts.store import Item, workspace
from lab.artifacts.tarball import pack
from lab.artifacts.versions import Versions


def archive(versions: Versions, istio: Item) -> Item:
    """istio-VERSION-linux-amd64.tar.gz and the file with its checksum."""

    def build(out: Path) -> None:
        place = out / "github.com" / "istio" / "istio" / "releases" / "download" / versions.istio
        place.mkdir(parents=True)
        name = f"istio-{versions.istio}-linux-amd64.tar.gz"
        with workspace() as work:
            top = work / f"istio-{versions.istio}"
            _lay_out(versions, istio.path(), top)
            digest = pack(place / name, work, top.name)
        (place / f"{name}.sha256").write_text(f"{digest} {name}\n", encoding="utf-8")

    return Item("istio-release", [istio, Path(__file__), tarball.SOURCE, versions.istio], build)


def _lay_out(versions: Versions, built: Path, top: Path) -> None:
    (top / "bin").mkdir(parents=True)
    istioctl = top / "bin" / "istioctl"
    shutil.copy2(built / "bin" / "istioctl", istioctl)
    share = built / "share"
    shutil.copyfile(share / "LICENSE", top / "LICENSE")
    for name in ("manifests", "samples"):
        shutil.copytree(share / name, top / name)
    # A release contains the names of its own images. The source tree contains the names of the development images.
    for values in (top / "manifests").rglob("*.yaml"):
        text = values.read_text(encoding="utf-8")
        released = text.replace("hub: registry.istio.io/testing", "hub: docker.io/istio")
        released = released.replace("hub: gcr.io/istio-testing", "hub: docker.io/istio")
        released = released.replace("tag: latest", f"tag: {versions.istio}")
        if released != text:
            values.write_text(released, encoding="utf-8")
    (top / "tools").mkdir()
    for shell, name in (("bash", "istioctl.bash"), ("zsh", "_istioctl")):
        (top / "tools" / name).write_text(run([istioctl, "completion", shell]), encoding="utf-8")
