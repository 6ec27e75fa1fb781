# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trees of package repositories as their publishers lay them out, and a server for them."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

# The fields that createrepo_c 0.20.1 writes, as far as they matter.
REPOMD = """<repomd xmlns="http://linux.duke.edu/metadata/repo">
<data type="other"><location href="repodata/other.xml.gz"/></data>
<data type="primary"><checksum type="{kind}">{digest}</checksum><location href="repodata/primary.xml{suffix}"/></data>
</repomd>
"""
PRIMARY = '<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm">{}</metadata>'
PACKAGE = """<package type="rpm"><name>{name}</name><arch>{arch}</arch>
<version epoch="{epoch}" ver="{ver}" rel="{rel}"/>
<checksum type="sha256" pkgid="YES">{digest}</checksum><size package="{size}"/><location href="{path}"/>
<format><rpm:provides>{provides}</rpm:provides><rpm:requires>{requires}</rpm:requires></format></package>
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@contextmanager
def served(directory: Path, asked: list[str] | None = None) -> Iterator[str]:
    """The URL of a server of a directory. asked gets the paths of all requests."""

    class Handler(Quiet):
        def send_head(self):
            if asked is not None:
                asked.append(self.path)
            return super().send_head()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def release(**files: bytes) -> bytes:
    """A Release file that lists these files."""
    lines = "".join(f" {sha256(data)} {len(data)} {path}\n" for path, data in files.items())
    return f"Suite: x\nMD5Sum:\n {'0' * 32} 5 Packages\nSHA256:\n{lines}SHA512:\n {'0' * 128} 5 Packages\n".encode()


def repomd(data: bytes, suffix: str = "", kind: str = "sha256") -> bytes:
    """A repomd.xml that lists a primary.xml with this content."""
    return REPOMD.format(kind=kind, digest=sha256(data), suffix=suffix).encode()


class Signer:
    """A key of its own that signs indexes."""

    def __init__(self, home: Path, name: str = "Tests of bundles") -> None:
        home.mkdir(mode=0o700)
        self.home = home
        self.gpg("--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never")
        self.key = self.gpg("--armor", "--export")
        listed = self.gpg("--with-colons", "--list-keys").decode().splitlines()
        self.fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def gpg(self, *arguments: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", *arguments]
        return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout

    def clear(self, data: bytes) -> bytes:
        return self.gpg("--clear-sign", data=data)

    def detached(self, data: bytes) -> bytes:
        return self.gpg("--armor", "--detach-sign", data=data)

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=True, timeout=60)


def gpgv(arguments: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(
        [shutil.which("gpgv") or "gpgv", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@dataclass
class Package:
    """A package of a tree. needs is in the words of its kind: the field Depends, or elements of rpm:requires.

    first is the field Pre-Depends.
    """

    name: str
    version: str
    architecture: str
    needs: str = ""
    provides: str = ""
    path: str = ""
    first: str = ""

    @property
    def data(self) -> bytes:
        """Stands for the package itself, which nothing opens on its way."""
        return f"{self.name} {self.version} {self.architecture}\n".encode() * 50


def deb_index(packages: Iterable[Package], pool: str = "") -> bytes:
    """A Packages file, with the packages' places below the pool."""
    paragraphs = []
    for one in packages:
        file = f"{one.name}_{one.version.rpartition(':')[2]}_{one.architecture}.deb"
        one.path = one.path or f"{pool}{one.architecture}/{file}"
        fields = {
            "Package": one.name,
            "Version": one.version,
            "Architecture": one.architecture,
            "Pre-Depends": one.first,
            "Depends": one.needs,
            "Provides": one.provides,
            "Description": f"{one.name}\n Depends: nothing, this is text",
            "Filename": one.path,
            "Size": str(len(one.data)),
            "SHA256": sha256(one.data),
        }
        paragraphs.append("".join(f"{name}: {text}\n" for name, text in fields.items() if text))
    return "\n".join(paragraphs).encode()


def deb_tree(
    root: Path,
    packages: Iterable[Package],
    suite: str = "/",
    clear: Callable[[bytes], bytes] | None = None,
    key: bytes = b"",
    **options: str,
) -> None:
    """A flat repository, or one with a pool and the component stable, with its indexes packed in two ways.

    options are fields of Release.
    """
    packages, files = list(packages), {}
    if suite == "/":
        base = root
        index = deb_index(packages)
        files = {"Packages": index, "Packages.gz": gzip.compress(index)}
    else:
        base = root / "dists" / suite
        for architecture in sorted({one.architecture for one in packages}):
            fitting = [one for one in packages if one.architecture == architecture]
            index = deb_index(fitting, f"dists/{suite}/pool/stable/")
            name = f"stable/binary-{architecture}/Packages"
            files |= {name: index, f"{name}.gz": gzip.compress(index)}
    for path, data in files.items():
        write(base / path, data)
        if "Acquire_By_Hash" in options:
            write((base / path).parent / "by-hash/SHA256" / sha256(data), data)
    for one in packages:
        if ".." not in one.path and not one.path.startswith("/"):
            write(root / one.path, one.data)
    text = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in options.items()).encode()
    write(base / "Release", text + release(**files))
    write(root / "Release.key", key)
    sign = clear or unsigned
    write(base / "InRelease", sign(text + release(**files)))


def unsigned(data: bytes) -> bytes:
    """The form of a clear-signed file, with a signature of nobody."""
    head, tail = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n", b"-----BEGIN PGP SIGNATURE-----\n\nAA==\n"
    return head + data + tail + b"-----END PGP SIGNATURE-----\n"


def rpm_tree(
    root: Path,
    packages: Iterable[Package],
    detached: Callable[[bytes], bytes] | None = None,
    key: bytes = b"",
    pack: tuple[str, Callable[[bytes], bytes]] = (".gz", gzip.compress),
    algorithm: str = "sha256",
) -> None:
    """An RPM repository with the lists primary and filelists."""
    elements = ""
    for one in packages:
        epoch, _colon, rest = one.version.rpartition(":")
        version, _dash, rel = rest.partition("-")
        one.path = one.path or f"{one.architecture}/{one.name}-{rest}.{one.architecture}.rpm"
        elements += PACKAGE.format(
            name=one.name, arch=one.architecture, epoch=epoch or 0, ver=version, rel=rel, digest=sha256(one.data),
            size=len(one.data), path=one.path, provides=one.provides, requires=one.needs,
        )  # fmt: skip
        if ".." not in one.path and not one.path.startswith("/"):
            write(root / one.path, one.data)
    suffix, packer = pack
    listed = ""
    for kind, text in (("primary", PRIMARY.format(elements)), ("filelists", "<filelists/>")):
        data = packer(text.encode())
        digest = hashlib.new(algorithm, data).hexdigest()
        path = f"repodata/{digest[:64]}-{kind}.xml{suffix}"
        write(root / path, data)
        listed += (
            f'<data type="{kind}"><checksum type="{algorithm}">{digest}</checksum><location href="{path}"/>'
            f"<size>{len(data)}</size></data>"
        )
    index = f'<repomd xmlns="http://linux.duke.edu/metadata/repo">{listed}</repomd>'.encode()
    write(root / "repodata/repomd.xml", index)
    write(root / "repodata/repomd.xml.key", key)
    if detached:
        write(root / "repodata/repomd.xml.asc", detached(index))


def names(entries: Iterable[Any]) -> list[str]:
    """The packages among the entries of a bundle, with their versions."""
    return sorted(f"{one.name} {one.version}" for one in entries if one.kind == "package")


def runs(fetch: Callable[..., list[Any]]) -> tuple[Callable[..., list[Any]], Callable[..., list[str]]]:
    """What fetches a repository from a mirror (a fixture of the tests of bundles), and what returns its faults."""

    def run(mirror: Any, repository: dict[str, Any], verifier: Any = None) -> list[Any]:
        return fetch(mirror.get, mirror.root, repository, verifier, mirror.told.append)

    def faults(mirror: Any, repository: dict[str, Any], verifier: Any = None) -> list[str]:
        with pytest.raises(Failure) as raised:
            run(mirror, repository, verifier)
        return raised.value.data.get("faults", [str(raised.value)])

    return run, faults
