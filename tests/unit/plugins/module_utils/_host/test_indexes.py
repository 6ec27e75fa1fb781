# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The indexes of package repositories, in the forms that their publishers use."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._host import indexes
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import FetchError

from tests.repository_trees import release, repomd

INDEX = b"""Package: kubelet
Version: 1.36.5-1.1
Architecture: amd64

Package: kubelet
Version: 1.36.4-1.1
Architecture: amd64

Package: kubelet
Version: 1.36.6-1.1
Architecture: arm64

Package: docs
Architecture: all
Version: 2:1-1
Depends: kubelet (>= 1)
"""
AMD64 = {"kubelet": ["1.36.5-1.1", "1.36.4-1.1"], "docs": ["2:1-1"]}
PRIMARY = b"""<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" packages="2">
<package type="rpm"><name>kubelet</name><arch>x86_64</arch><version epoch="0" ver="1.36.5" rel="1"/></package>
<package type="rpm"><name>kubelet</name><arch>aarch64</arch><version epoch="0" ver="1.36.6" rel="1"/></package>
<package type="rpm"><name>docs</name><arch>noarch</arch><version epoch="2" ver="1" rel="1"/></package>
</metadata>
"""
FLAT = {"url": "https://r/deb/", "suite": "/"}
SUITE = {"url": "https://r/debian", "suite": "bookworm stable"}
RPM = {"url": "https://r/rpm/"}


class Files:
    def __init__(self, **files):
        self.files = files

    def get(self, url):
        if url.rsplit("/", 1)[1] not in self.files:
            raise FetchError(f"{url} answers 404")
        return self.files[url.rsplit("/", 1)[1]]


@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
)
def test_a_debian_repository(suffix, pack):
    data = pack(INDEX)
    name = f"Packages{suffix}"
    assert indexes.served(FLAT, "x86_64", [release(**{name: data})], Files(**{name: data})) == AMD64
    path = f"stable/binary-arm64/{name}"
    found = indexes.served(SUITE, "aarch64", [release(**{path: data})], Files(**{name: data}))
    assert found == {"kubelet": ["1.36.6-1.1"], "docs": ["2:1-1"]}


def test_a_debian_repository_without_the_architecture():
    files = {"stable/binary-arm64/Packages": INDEX}
    assert indexes.served(SUITE, "x86_64", [release(**files)], Files()) == {}
    assert indexes.served(FLAT, "x86_64", [b"no sections"], Files()) == {}


def test_an_index_that_is_not_the_stated_one():
    with pytest.raises(FetchError, match="Packages is not the file whose checksum the repository states"):
        indexes.served(FLAT, "x86_64", [release(Packages=INDEX)], Files(Packages=INDEX + b"\n"))
    with pytest.raises(FetchError, match=r"Packages\.gz cannot be unpacked"):
        indexes.served(FLAT, "x86_64", [release(**{"Packages.gz": INDEX})], Files(**{"Packages.gz": INDEX}))


def test_an_rpm_repository():
    data = gzip.compress(PRIMARY)
    signed = [repomd(data, ".gz"), b"signature"]
    expected = {"kubelet": ["0:1.36.5-1"], "docs": ["2:1-1"]}
    assert indexes.served(RPM, "x86_64", signed, Files(**{"primary.xml.gz": data})) == expected
    # docker signs no index.
    files = Files(**{"repomd.xml": repomd(PRIMARY, kind="sha512"), "primary.xml": PRIMARY})
    assert indexes.served(RPM, "aarch64", [], files)["kubelet"] == ["0:1.36.6-1"]
    # Python's own library cannot unpack it before 3.14.
    assert indexes.served(RPM, "x86_64", [repomd(b"", ".zst")], Files()) is None
    assert indexes.served(RPM, "x86_64", [b"<repomd/>"], Files()) is None


def test_the_version_that_fits_a_pattern():
    wanted = [
        {"package": name, "version": version} for name, version in (("kubelet", "1.*"), ("docs", "2"), ("x", "1.*"))
    ]
    assert indexes.chosen(wanted, AMD64) == {"kubelet": "1.36.5-1.1"}
    assert indexes.chosen([{"package": "docs", "version": "1.*"}], AMD64) == {}


def test_missing_packages():
    wanted = [{"package": "kubelet", "version": version} for version in ("1.36.5", "1.36.50", "")]
    wanted.append({"package": "kubeadm", "version": ""})
    assert indexes.missing(wanted, AMD64) == [wanted[1], wanted[3]]
    wanted.append({"package": "kubelet", "version": "1.*"})
    assert indexes.missing(wanted, AMD64) == [wanted[1], wanted[3]]
    assert indexes.newest(["1.9.1-1", "0:1.36.5-1", "1.36.10-1", "1.36.4-1"]) == [
        "1.36.10-1",
        "0:1.36.5-1",
        "1.36.4-1",
    ]


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress), ("", bytes)]
)
def test_unpacking_stops_at_a_limit(suffix, pack):
    data = pack(b"x" * 5000)
    assert indexes.unpack(data, f"a{suffix}", 5000) == b"x" * 5000
    with pytest.raises(indexes.IndexFault, match="has more than 0 MiB"):
        indexes.unpack(data, f"a{suffix}", 4999)
    if suffix:
        assert indexes.unpack(data + data, f"a{suffix}") == b"x" * 10000
        for bad in (data[:-8], b"plain", data + b"rest"):
            with pytest.raises(indexes.IndexFault, match="cannot be unpacked"):
                indexes.unpack(bad, f"a{suffix}")


def test_xml_with_entities_is_refused():
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(indexes.IndexFault, match="has a document type"):
            list(indexes.elements(bomb.encode(encoding), "a"))
    for data in (f'<?xml version="1.0" encoding="cp037"?>{bomb}'.encode("cp037"), b"<a>"):
        with pytest.raises(indexes.IndexFault, match="is no XML"):
            list(indexes.elements(data, "a"))


def test_a_broken_list_of_rpms_names_its_repository():
    with pytest.raises(FetchError, match="an index of https://r/rpm/ is no XML"):
        indexes.served(RPM, "x86_64", [repomd(b"<html>")], Files(**{"primary.xml": b"<html>"}))
