# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build every binary, package and image of the lab into the cache, from package registries."""

from __future__ import annotations

import time
from collections.abc import Iterable

from lab import host_packages
from lab.artifacts import (
    bundle,
    cri_dockerd,
    gobuild,
    helm_release,
    images,
    istio_release,
    os_packages,
    signing,
    store,
    vendor_packages,
    versions,
)
from lab.artifacts.store import Item


def _programs(wanted: versions.Versions) -> dict[str, Item]:
    programs = {name: gobuild.item(each) for name, each in gobuild.components(wanted).items()}
    return programs | {"pause": images.pause(), "envoy": images.envoy(wanted)}


def _releases(wanted: versions.Versions, programs: dict[str, Item]) -> list[Item]:
    """What each release of Kubernetes and Istio has of its own."""
    return [
        vendor_packages.kubernetes_repositories(wanted, programs["kubernetes"], programs["cni-plugins"]),
        istio_release.archive(wanted, programs["istio"]),
        images.kubernetes(wanted, programs),
        images.istio(wanted, programs),
    ]


def parts(others: Iterable[str] = ()) -> list[Item]:
    """The items of the bundle, with those of the other releases (versions.OTHERS). This does not build them."""
    wanted = versions.load()
    programs = _programs(wanted)
    debs = os_packages.downloads()
    asked = [versions.load(other=other) for other in others]
    istio = istio_release.archive(wanted, programs["istio"])
    return [
        *_releases(wanted, programs),
        *(item for each in asked for item in _releases(each, _programs(each))),
        vendor_packages.docker_repositories(wanted, programs),
        cri_dockerd.archive(wanted, programs["cri-dockerd"]),
        helm_release.archive(wanted, programs["helm"]),
        # Those of the default release alone: a repository has one index.
        helm_release.charts(wanted, istio, programs["helm"]),
        images.flannel(wanted, programs),
        images.metallb(wanted, programs),
        images.addons(wanted, programs),
        images.bookinfo(wanted),
        images.bank_demo(wanted),
        os_packages.debian_repository(debs),
        os_packages.el_repository(debs),
    ]


def build(others: Iterable[str] = ()) -> None:
    """Build the items that are missing in the cache, and publish the bundle."""
    start = time.monotonic()
    host_packages.ensure(host_packages.ARTIFACTS)
    with store.lock():
        try:
            signing.write_fingerprints()
            tree = bundle.publish(parts(others))
        finally:
            signing.stop_agent()
    print(f"artifacts: {tree} ({time.monotonic() - start:.1f} s)")
