# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release archives and Helm charts, with the files in which their publishers state the checksums."""

from __future__ import annotations

from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure
from ansible_collections.bare.mesh.plugins.module_utils._bundle.download import Downloader
from ansible_collections.bare.mesh.plugins.module_utils._bundle.entry import Entry
from ansible_collections.bare.mesh.plugins.module_utils._host import archive, charts


def fetch_archive(store: Downloader, wanted: dict[str, str]) -> list[Entry]:
    """A release archive: its url, its path in the bundle, and its checksum, or where that is stated.

    That is a URL, or the suffix of a file beside the archive. Such a file is stored, because those who install from the
    bundle read it, too.
    """
    url, path, checksum = wanted["url"], wanted["path"], wanted["checksum"].removeprefix("sha256:")
    if archive.SHA256.fullmatch(checksum):
        return [_get(store, "archive", url, path, checksum.lower())]
    entries: list[Entry] = []
    name = path.rpartition("/")[2]
    if "://" in checksum:
        text, place = store.fetcher.get(checksum).decode("utf-8", "replace"), checksum
    else:
        entries, place = [_get(store, "index", url + checksum, path + checksum)], url + checksum
        text = (store.place / entries[0].path).read_text(encoding="utf-8", errors="replace")
    stated = archive.published(text, name)
    if not stated:
        raise Failure(f"{place} names no SHA-256 for {name}; give the checksum itself")
    return [*entries, _get(store, "archive", url, path, stated)]


def fetch_charts(store: Downloader, wanted: dict[str, Any]) -> list[Entry]:
    """Charts of one version and the index of their repository, unchanged."""
    url, path, version = wanted["url"].rstrip("/"), wanted["path"].rstrip("/"), wanted["version"]
    index = _get(store, "index", f"{url}/index.yaml", f"{path}/index.yaml")
    served = charts.index((store.place / index.path).read_bytes(), f"{url}/index.yaml")
    found = {
        name: str(charts.entry(served, name, version).get("digest")).removeprefix("sha256:")
        for name in wanted["charts"]
    }
    missing = [name for name, digest in found.items() if not archive.SHA256.fullmatch(digest)]
    if missing:
        raise Failure(
            f"{url}/index.yaml has no {', '.join(missing)} {version} with a SHA-256: correct the version or the source"
        )
    entries = [index]
    for name, digest in found.items():
        file = f"{name}-{version}.tgz"
        one = _get(store, "chart", f"{url}/{file}", f"{path}/{file}", digest)
        entries.append(Entry("chart", one.path, one.sha256, one.size, name, version))
    return entries


def _get(store: Downloader, kind: str, url: str, path: str, sha256: str = "") -> Entry:
    digest = store.get(url, path, sha256)
    return Entry(kind, path, digest, store.sizes[path])
