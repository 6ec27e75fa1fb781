# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write OCI images directly into the storage of a registry (the file system layout of docker-registry)."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from lab.artifacts.progress import run
from lab.artifacts.store import workspace

# Images contain a fixed time, so that the same inputs give the same digest.
_CREATED = "2026-01-01T00:00:00Z"
MTIME = 1767225600
_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Image:
    """One image: its files, an optional root layer below them, and its configuration."""

    name: str
    tag: str
    # Path in the image -> local file.
    files: dict[str, Path]
    root: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = "/"
    mode: int = 0o755


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def compress_layer(tar: Path, out: Path) -> None:
    """Write a tar file as layer.tar.zst into a directory, with the digest of the uncompressed tar."""
    (out / "diff-id").write_text(file_digest(tar), encoding="utf-8")
    # zstd, because a node unpacks it several times faster than gzip, and a first run mostly waits for pulls.
    run(["zstd", "--quiet", "-3", "-T0", tar, "-o", out / "layer.tar.zst"])


def write_tar(files: dict[str, Path], mode: int, target: Path) -> None:
    """Write a reproducible tar of these files and their parent directories."""
    directories = sorted({parent for name in files for parent in Path(name.lstrip("/")).parents if str(parent) != "."})
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for directory in directories:
            entry = tarfile.TarInfo(str(directory))
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, MTIME
            tar.addfile(entry)
        for name, source in sorted(files.items()):
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.size, entry.mode, entry.mtime = source.stat().st_size, mode, MTIME
            with source.open("rb") as content:
                tar.addfile(entry, content)


def image_config(image: Image, diff_ids: list[str]) -> bytes:
    """The OCI configuration of the image."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **image.environment}
    running = {
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "User": image.user,
        "WorkingDir": image.workdir,
    }
    return _json(
        {
            "created": _CREATED,
            "architecture": "amd64",
            "os": "linux",
            "config": {name: value for name, value in running.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{each}" for each in diff_ids]},
            "history": [{"created": _CREATED, "created_by": "bare.mesh lab"} for _each in diff_ids],
        }
    )


def write_image(image: Image, root: Path | None, storage: Path) -> None:
    """Write the image into the storage of a registry. root is the directory of a finished layer."""
    with workspace() as work:
        layers = [root] if root else []
        if image.files:
            tar = work / "files.tar"
            write_tar(image.files, image.mode, tar)
            compress_layer(tar, work)
            layers.append(work)
        repository = Repository(storage, image.name)
        descriptors = [repository.add_layer(each / "layer.tar.zst") for each in layers]
        diff_ids = [(each / "diff-id").read_text(encoding="utf-8") for each in layers]
        config = repository.add_blob(image_config(image, diff_ids), _CONFIG)
        manifest = _json({"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": descriptors})
        repository.tag(manifest, image.tag)


class Repository:
    """One repository in the storage of a registry."""

    def __init__(self, storage: Path, name: str) -> None:
        top = storage / "docker" / "registry" / "v2"
        self._blobs = top / "blobs" / "sha256"
        self._repository = top / "repositories" / name

    def _blob(self, digest: str) -> Path:
        target = self._blobs / digest[:2] / digest / "data"
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _link(self, place: Path, digest: str) -> None:
        place.mkdir(parents=True, exist_ok=True)
        (place / "link").write_text(f"sha256:{digest}", encoding="utf-8")

    def add_layer(self, layer: Path) -> dict[str, object]:
        """Store a layer as a hard link. Source and storage must be on the same file system."""
        digest = file_digest(layer)
        target = self._blob(digest)
        if not target.exists():
            os.link(layer, target)
        self._link(self._repository / "_layers" / "sha256" / digest, digest)
        return {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": layer.stat().st_size}

    def add_blob(self, content: bytes, media_type: str) -> dict[str, object]:
        """Store a small blob of this repository."""
        digest = hashlib.sha256(content).hexdigest()
        self._blob(digest).write_bytes(content)
        self._link(self._repository / "_layers" / "sha256" / digest, digest)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def tag(self, manifest: bytes, tag: str) -> None:
        """Store a manifest and give it a tag."""
        digest = hashlib.sha256(manifest).hexdigest()
        self._blob(digest).write_bytes(manifest)
        manifests = self._repository / "_manifests"
        self._link(manifests / "revisions" / "sha256" / digest, digest)
        self._link(manifests / "tags" / tag / "current", digest)
        self._link(manifests / "tags" / tag / "index" / "sha256" / digest, digest)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
