# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Helm's release archive and Istio's repository of charts, with the layouts of the official ones."""

from __future__ import annotations

from pathlib import Path

from lab.artifacts import tarball
from lab.artifacts.progress import run
from lab.artifacts.store import Item, workspace
from lab.artifacts.tarball import pack
from lab.artifacts.versions import Versions

# Name of the chart in the repository -> its directory in the release archive.
CHARTS = {
    "base": "base",
    "istiod": "istio-control/istio-discovery",
    "cni": "istio-cni",
    "ztunnel": "ztunnel",
    "gateway": "gateway",
}
REPOSITORY = Path("istio-release.storage.googleapis.com/charts")


def archive(versions: Versions, helm: Item) -> Item:
    """helm-vVERSION-linux-amd64.tar.gz and the file with its checksum."""

    def build(out: Path) -> None:
        place = out / "get.helm.sh"
        place.mkdir()
        name = f"helm-v{versions.helm}-linux-amd64.tar.gz"
        digest = pack(place / name, helm.path() / "bin", "helm", "linux-amd64")
        (place / f"{name}.sha256sum").write_text(f"{digest}  {name}\n", encoding="utf-8")

    return Item("helm-release", [helm, Path(__file__), tarball.SOURCE, versions.helm], build)


def charts(versions: Versions, istio_release: Item, helm: Item) -> Item:
    """The charts of Istio's release archive as a repository with an index."""

    def build(out: Path) -> None:
        place = out / REPOSITORY
        place.mkdir(parents=True)
        program = helm.path() / "bin" / "helm"
        (release,) = istio_release.path().rglob("istio-*.tar.gz")
        with workspace() as work:
            run(["tar", "--extract", "--file", release, "--directory", work, "--strip-components=1"])
            for directory in CHARTS.values():
                chart = work / "manifests" / "charts" / directory
                version = ["--version", versions.istio, "--app-version", versions.istio]
                run([program, "package", chart, *version, "--destination", place])
        run([program, "repo", "index", place, "--url", f"https://{REPOSITORY}"])

    return Item("istio-charts", [istio_release, helm, Path(__file__), versions.istio], build)
