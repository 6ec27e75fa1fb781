# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mirror that serves a tree of a test's own, and a small download that a bundle is made with."""

from __future__ import annotations

import hashlib
import shutil
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._base.errors import Failure

from tests.repository_trees import Signer, served


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    if not (shutil.which("gpg") and shutil.which("gpgv")):
        pytest.fail("gpg and gpgv are needed: install gnupg and gpgv")
    made = Signer(tmp_path_factory.mktemp("gpg") / "home")
    yield made
    made.stop()


@pytest.fixture
def mirror(tmp_path):
    """origin: the directory that is served as url; root: the bundle; asked: what was asked for; get: the download."""
    origin, root, asked, told = tmp_path / "origin", tmp_path / "root", [], []
    origin.mkdir()

    def get(url, path, sha256="", size=0):
        target = root / path
        if sha256 and target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == sha256:
            return sha256
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                data = answer.read()
        except urllib.error.HTTPError as error:
            raise Failure(f"{url} answers {error.code}") from error
        found = hashlib.sha256(data).hexdigest()
        if sha256 and found != sha256:
            raise Failure(f"the checksum of {url} is wrong: expected {sha256}, got {found}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return found

    with served(origin, asked) as url:
        yield SimpleNamespace(origin=origin, root=root, url=url, asked=asked, get=get, told=told)
