# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight's look at the source of artifacts, with answers instead of servers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.bare.mesh.plugins.module_utils._host.fetch import FetchError
from ansible_collections.bare.mesh.plugins.module_utils._preflight import source

FILES = Path(__file__).parents[1] / "files"
KEY = (FILES / "key.asc").read_bytes()
CLEARSIGNED = (FILES / "clearsigned.txt").read_bytes()
DETACHED = [(FILES / name).read_bytes() for name in ("signed.txt", "signed.txt.asc")]
FINGERPRINT = "E275AE3D22FF829D722070563C6A191E34774BAF"
PROGRAM = shutil.which("gpgv")


def run_gpgv(arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


GPGV = run_gpgv if PROGRAM else None
SETTINGS = {
    "kubernetes_version": "1.36.5",
    "kubernetes_minors": {"1.36": {}},
    "istio_version": "1.31.0",
    "istio_minors": {"1.31": {}},
    "istioctl_checksum": "",
    "istio_platform": "linux-amd64",
    "packages": [],
    "source": {
        "kubernetes": "k",
        "docker": "d",
        "istio": "i",
        "registries": {"docker.io": "https://r/v2/docker.io", "quay.io": "https://r/v2/quay.io"},
    },
    "fingerprints": dict.fromkeys(("kubernetes", "docker_deb", "docker_rpm"), FINGERPRINT),
}
REPORTS = {
    "el": {"os": {"ID": "rocky", "VERSION_ID": "9.6"}, "machine": "x86_64"},
    "debian": {"os": {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}, "machine": "x86_64"},
    "other": {"os": {"ID": "plan9", "VERSION_ID": "4"}, "machine": "x86_64"},
}


class Answers:
    """Answers by the end of the address; what is None cannot be reached."""

    def __init__(self, **changes):
        self.asked = []
        self.answers = {
            ".key": KEY, "gpg": KEY, "InRelease": CLEARSIGNED, "repomd.xml": DETACHED[0], ".asc": DETACHED[1],
            "/v2/": b"", ".sha256": b"abc  x\n", ".tgz": b"",
        } | {name.replace("_", "."): value for name, value in changes.items()}  # fmt: skip

    def get(self, url, method="GET"):
        self.asked.append(url)
        answer = next(value for end, value in self.answers.items() if url.endswith(end))
        if answer is None:
            raise FetchError(f"{url} cannot be reached: timed out")
        if isinstance(answer, str):
            raise FetchError(f"{url} answers {answer} ")
        return answer


def found(settings, reports, answers):
    return source.source(settings, source.repositories(settings, reports), answers, GPGV)


def faults(answers, **changes):
    return [(fault.check, fault.where) for fault in found({**SETTINGS, **changes}, REPORTS, answers)]


def test_a_good_source_has_no_fault():
    answers = Answers()
    assert faults(answers) == []
    assert answers.asked.count("https://r/v2/") == 1
    assert len(answers.asked) == len(set(answers.asked))


def test_servers_that_are_down():
    assert faults(Answers(_sha256=None)) == [("source", "bare_mesh_source")]
    (missing,) = found(SETTINGS, REPORTS, Answers(_sha256="404"))
    assert missing.where == "bare_mesh_istio_version" and missing.check == "source"
    assert missing.fix.startswith("This release may not exist: check bare_mesh_istio_version.")
    assert faults(Answers(**{"/v2/": None})) == [("registry", "bare_mesh_source")]
    assert faults(Answers(**{"/v2/": "401"})) == []
    assert faults(Answers(**{"/v2/": "404"})) == [("registry", "bare_mesh_source")]


def test_another_key():
    found = faults(Answers(), fingerprints={**SETTINGS["fingerprints"], "kubernetes": "AB" * 20})
    assert set(found) == {("signing_key", "bare_mesh_key_fingerprints.kubernetes")}
    assert ("signing_key", "bare_mesh_source") in faults(Answers(gpg=b"<html>"))


@pytest.mark.parametrize(
    "change", [{"InRelease": CLEARSIGNED.replace(b"tests", b"others")}, {"repomd_xml": b"other"}, {"_asc": b""}]
)
def test_an_index_that_the_key_did_not_sign(change):
    assert set(faults(Answers(**change))) == {("signing_key", "bare_mesh_source")}


def test_pinned_checksum():
    assert faults(Answers(), istioctl_checksum="sha256:ABC") == []
    assert faults(Answers(), istioctl_checksum="def") == [("checksum", "istioctl_checksum")]


def test_the_archive_of_cri_dockerd():
    settings = {**SETTINGS, "cri_dockerd_version": "0.4.3", "cri_dockerd_checksum": "0" * 64}
    settings["source"] = {**SETTINGS["source"], "cri_dockerd": "https://c"}
    url = "https://c/v0.4.3/cri-dockerd-0.4.3.amd64.tgz"
    answers = Answers()
    assert source.cri_dockerd(settings, set(), answers) == [] and answers.asked == []
    # A machine that is not supported is another check's fault.
    assert source.cri_dockerd(settings, {"x86_64", "riscv64"}, answers) == [] and answers.asked == [url]
    (unset,) = source.cri_dockerd({**settings, "cri_dockerd_checksum": ""}, {"x86_64"}, answers)
    assert unset.where == "docker_cri_dockerd_checksum" and url in unset.fix and "sha256sum" in unset.fix
    (missing,) = source.cri_dockerd(settings, {"x86_64"}, Answers(_tgz="404"))
    assert missing.check == "source" and url in missing.what


def test_packages_that_the_repository_does_not_have(monkeypatch):
    wanted = [
        {"repository": "bare-mesh-kubernetes", "package": name, "version": "1.36.9", "variable": "the_version"}
        for name in ("kubeadm", "kubelet")
    ]
    wanted.append({**wanted[0], "repository": "bare-mesh-docker", "package": "containerd.io", "variable": "c"})
    served = {"kubeadm": ["1.36.5-1"], "kubelet": ["1.36.5-1", "1.36.4-1"]}
    monkeypatch.setattr(source.indexes, "served", lambda *_arguments: served)
    lacking = found({**SETTINGS, "packages": wanted}, REPORTS, Answers())
    assert {(one.check, one.where) for one in lacking} == {("packages", "the_version"), ("packages", "c")}
    assert any("has no kubeadm 1.36.9 for x86_64. Its newest are: 1.36.5-1" in one.what for one in lacking)
    assert any("has no containerd.io 1.36.9 for x86_64. Its newest are: none" in one.what for one in lacking)
    # A host that has a package, or a newer one, does not need the repository for it.
    has = {"packages": {"kubeadm": "1.36.9-1", "kubelet": "1.36.10-1", "containerd.io": "1.36.9-1"}}
    assert found({**SETTINGS, "packages": wanted}, {"el": {**REPORTS["el"], **has}}, Answers()) == []
    monkeypatch.setattr(source.indexes, "served", lambda *_arguments: None)
    assert found({**SETTINGS, "packages": wanted}, REPORTS, Answers()) == []

    def unreachable(*_arguments):
        raise FetchError("https://k/Packages cannot be reached: timed out")

    monkeypatch.setattr(source.indexes, "served", unreachable)
    assert faults(Answers(), packages=wanted) == [("source", "bare_mesh_source")]
