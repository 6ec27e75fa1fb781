# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The release archive of cri-dockerd, with the layout of the official one."""

from __future__ import annotations

from pathlib import Path

from lab.artifacts import tarball
from lab.artifacts.store import Item
from lab.artifacts.tarball import pack
from lab.artifacts.versions import Versions


def archive(versions: Versions, cri_dockerd: Item) -> Item:
    """cri-dockerd-VERSION.amd64.tgz, and a file with its checksum, which the official server does not have."""

    def build(out: Path) -> None:
        version = versions.cri_dockerd
        top = out / "github.com/Mirantis/cri-dockerd"
        place = top / "releases/download" / f"v{version}"
        place.mkdir(parents=True)
        name = f"cri-dockerd-{version}.amd64.tgz"
        digest = pack(place / name, cri_dockerd.path() / "bin", "cri-dockerd", "cri-dockerd")
        (top / "SHA256SUMS").write_text(f"{digest} {name}\n", encoding="utf-8")

    return Item("cri-dockerd-release", [cri_dockerd, Path(__file__), tarball.SOURCE, versions.cri_dockerd], build)
