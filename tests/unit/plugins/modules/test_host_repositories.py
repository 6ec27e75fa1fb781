# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_repositories, and where the packages of each system lie."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.bare.mesh.plugins.module_utils._host import distributions, fetch, openpgp
from ansible_collections.bare.mesh.plugins.modules import host_repositories

ROOT = Path(__file__).parents[4]
SOURCE = {"kubernetes": "https://k", "docker": "https://d"}


@pytest.mark.parametrize(("name", "version", "supported", "family"), [
    ("rocky", "9.6", True, "rpm"), ("rhel", "10.0", True, "rpm"), ("rhel", "8.10", False, "rpm"),
    ("openEuler", "24.03", True, "rpm"), ("anolis", "23.1", True, "rpm"), ("debian", "13", True, "deb"),
    ("ubuntu", "22.04", True, "deb"), ("ubuntu", "20.04", False, "deb"), ("ubuntu", "26.04", True, "deb"),
    ("anolis", "8.10", True, "rpm"), ("anolis", "7.9", False, "rpm"), ("alinux", "3", True, "rpm"),
    ("alinux", "4", True, "rpm"), ("kylin", "V11", True, "rpm"), ("kylin", "V10", False, "rpm"),
    ("kylin", "v11", False, "rpm"), ("openEuler", "22.03", True, "rpm"),
])  # fmt: skip
def test_systems(name, version, supported, family):
    release = {"ID": name, "VERSION_ID": version}
    assert distributions.supported(release) is supported
    assert distributions.family(release) == family


def test_os_release():
    text = 'ID="centos"\n# x=1\nVERSION_ID="9"\n\n'
    assert distributions.parse_os_release(text) == {"ID": "centos", "VERSION_ID": "9"}


@pytest.mark.parametrize(("release", "docker"), [
    ({"ID": "rhel", "VERSION_ID": "10.1"}, "https://d/linux/centos/10/aarch64/stable/"),
    ({"ID": "openEuler", "VERSION_ID": "24.03"}, "https://d/linux/centos/9/aarch64/stable/"),
    ({"ID": "kylin", "VERSION_ID": "V11"}, "https://d/linux/centos/9/aarch64/stable/"),
    ({"ID": "alinux", "VERSION_ID": "4"}, "https://d/linux/centos/9/aarch64/stable/"),
    ({"ID": "anolis", "VERSION_ID": "23.1"}, "https://d/linux/centos/9/aarch64/stable/"),
    ({"ID": "anolis", "VERSION_ID": "8.10"}, "https://d/linux/rhel/8/aarch64/stable/"),
    ({"ID": "alinux", "VERSION_ID": "3"}, "https://d/linux/rhel/8/aarch64/stable/"),
    ({"ID": "ubuntu", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"}, "https://d/linux/ubuntu"),
])  # fmt: skip
def test_repositories(release, docker):
    kubernetes, runtime = distributions.repositories(release, "aarch64", SOURCE, "1.36.5")
    assert kubernetes["url"].startswith("https://k/core:/stable:/v1.36/")
    assert runtime["url"] == docker
    distribution = docker.split("/linux/")[1].partition("/")[0]
    assert runtime["key_url"] == f"https://d/linux/{distribution}/gpg"


@pytest.mark.parametrize(("system", "package"), [("debian", "deb"), ("rocky", "rpm")])
def test_a_mirror_whose_paths_have_no_colons(system, package):
    """As https://mirrors.aliyun.com/kubernetes-new/core/stable/v1.36/ is laid out."""
    release = {"ID": system, "VERSION_ID": {"debian": "12", "rocky": "9.6"}[system], "VERSION_CODENAME": "bookworm"}
    china = yaml.safe_load((ROOT / "meta/sources.yml").read_text())["__bare_mesh_sources"]["china"]
    kubernetes, _runtime = distributions.repositories(release, "x86_64", china, "1.36.5")
    assert kubernetes["url"] == f"https://mirrors.aliyun.com/kubernetes-new/core/stable/v1.36/{package}/"
    assert all(url.startswith(kubernetes["url"]) for url in (kubernetes["key_url"], *kubernetes["signed"]))


def test_yum_repositories_check_signatures_and_keep_pinned_packages():
    kubernetes, runtime = distributions.repositories({"ID": "rhel", "VERSION_ID": "9.6"}, "x86_64", SOURCE, "1.36.5")
    text = host_repositories.yum_file(kubernetes, "/key")
    assert "gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file:///key\n" in text
    assert "kubelet" in text.split("exclude=")[1]
    assert "\ngpgcheck=1\n" in host_repositories.yum_file(runtime, "/key")


def test_apt_sources_name_their_key():
    entries = distributions.repositories(
        {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}, "x86_64", SOURCE, "1.36.5"
    )
    flat, docker = (host_repositories.apt_file(entry, "/key", "amd64") for entry in entries)
    assert "Suites: /\nArchitectures: amd64\nSigned-By: /key\n" in flat
    assert "Suites: bookworm\nComponents: stable\n" in docker


def test_proxy_of_dnf_comes_and_goes():
    text = "[main]\ngpgcheck=1\n"
    once = host_repositories.dnf_conf(text, "http://p:1")
    assert once == "[main]\n# Written by bare.mesh:\nproxy=http://p:1\ngpgcheck=1\n"
    assert host_repositories.dnf_conf(once, "http://p:1") == once
    assert host_repositories.dnf_conf(once, "") == text
    assert host_repositories.dnf_conf(text + "proxy = http://own\n", "http://p:1") == once
    assert host_repositories.dnf_conf(text + "proxy = http://own\n", "") == text + "proxy = http://own\n"
    assert host_repositories.dnf_conf("", "http://p:1").startswith("[main]\n")


KEY = (Path(__file__).parent.parent / "module_utils/files/key.asc").read_bytes()
FINGERPRINT = "E275AE3D22FF829D722070563C6A191E34774BAF"
SYSTEMS = {
    "deb": "ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n",
    "rpm": "ID=rocky\nVERSION_ID=9.6\n",
}
PROXY_FILE = {"deb": host_repositories.APT_PROXY, "rpm": host_repositories.DNF_CONF}
KEY_FILE = {"deb": "/etc/apt/keyrings/bare-mesh-docker.gpg", "rpm": "/etc/pki/rpm-gpg/RPM-GPG-KEY-bare-mesh-docker"}
WANTED = {
    "source": {"kubernetes": "https://k", "docker": "https://d"},
    "kubernetes_version": "1.36.5",
    "fingerprints": dict.fromkeys(("kubernetes", "docker_deb", "docker_rpm"), FINGERPRINT.lower()),
}


@pytest.fixture
def answers(monkeypatch):
    """What the source gives for each key; an error is raised."""
    given = {"key": KEY}

    def get(fetcher, url, method="GET"):
        if isinstance(given["key"], Exception):
            raise given["key"]
        return given["key"]

    monkeypatch.setattr(fetch.Fetcher, "get", get)
    return given


@pytest.fixture(params=SYSTEMS)
def system(request, machine):
    machine.put("/etc/os-release", SYSTEMS[request.param])
    if request.param == "rpm":
        machine.put("/etc/dnf/dnf.conf", "[main]\ngpgcheck=1\n")
    return request.param


def test_check_mode_predicts_the_run(system, machine, answers, predicted):
    done = predicted(host_repositories, **WANTED)
    assert len(done["files"]) == 4 and KEY_FILE[system] in done["files"]
    assert f"the key {FINGERPRINT}\n" in [diff["after"] for diff in done["diff"]]
    assert machine.path(KEY_FILE[system]).read_bytes() == (KEY if system == "rpm" else openpgp.dearmor(KEY))
    source = {
        "deb": "/etc/apt/sources.list.d/bare-mesh-docker.sources",
        "rpm": "/etc/yum.repos.d/bare-mesh-docker.repo",
    }[system]
    assert "https://d/linux/" in machine.text(source)


def test_a_proxy_comes_and_goes(system, machine, answers, predicted):
    before = machine.everything().get(str(machine.path(PROXY_FILE[system])))
    assert PROXY_FILE[system] in predicted(host_repositories, proxy="http://p:1", **WANTED)["files"]
    assert "http://p:1" in machine.text(PROXY_FILE[system])
    assert predicted(host_repositories, **WANTED)["files"] == [PROXY_FILE[system]]
    after = machine.everything().get(str(machine.path(PROXY_FILE[system])))
    assert (before and before[2]) == (after and after[2])


def test_the_password_of_a_proxy_is_printed_nowhere(system, machine, answers, call):
    for check in (True, False):
        call(host_repositories, check=check, proxy="http://user:correct-horse@p:1", **WANTED)
        assert "correct-horse" not in call.printed
    assert "correct-horse" in machine.text(PROXY_FILE[system]) and machine.mode(PROXY_FILE[system]) == 0o600
    for proxy in ("http://p:1", ""):
        call(host_repositories, proxy="http://user:correct-horse@p:1", **WANTED)
        for check in (True, False):
            assert call(host_repositories, check=check, proxy=proxy, **WANTED)["changed"]
            assert "correct-horse" not in call.printed


FILES = Path(__file__).parent.parent / "module_utils/files"
OLD, NEW = ((FILES / name).read_bytes() for name in ("renewable.asc", "renewed.asc"))
# rpm 4.18.0, after rpmkeys --import renewable.asc. Its answer is the same after rpmkeys --import renewed.asc.
IMPORTED = (FILES / "renewable.rpm.txt").read_text()
RENEWABLE = "gpg-pubkey-008e7316-6b07c961"
RENEWED = {**WANTED, "fingerprints": dict.fromkeys(WANTED["fingerprints"], openpgp.fingerprints(OLD)[0])}


@pytest.fixture
def rpm(machine, answers):
    """rpm's own keys."""
    machine.put("/etc/os-release", SYSTEMS["rpm"])
    machine.programs |= {"rpm"}
    known = {RENEWABLE: IMPORTED, "gpg-pubkey-1-1": "gpg-pubkey-1-1\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n"}
    known["gpg-pubkey-1-1"] += "-----END PGP PUBLIC KEY BLOCK-----\n\n"
    machine.looks["rpm -q gpg-pubkey"] = lambda _command: "".join(known.values())
    machine.acts["rpm -e"] = lambda command: known.pop(command.split()[-1])

    def load(command):
        name = command.split()[-1]
        known[RENEWABLE] = f"{RENEWABLE}\n{machine.text(name)}\n"

    machine.acts["rpm --import"] = load
    answers["key"] = OLD
    return known


def test_a_key_with_a_new_expiry_replaces_the_copies_of_rpm_and_dnf(machine, rpm, answers, call, predicted):
    assert call(host_repositories, **RENEWED)["renewed"] == []
    assert not call(host_repositories, **RENEWED)["changed"] and machine.ran == []
    keyring, others = (f"/var/cache/dnf/{name}-0123/pubring" for name in ("bare-mesh-kubernetes", "baseos"))
    machine.put(f"{keyring}/pubring.kbx")
    machine.put(f"{others}/pubring.kbx")
    answers["key"] = NEW
    done = predicted(host_repositories, **RENEWED)
    assert done["renewed"] == [RENEWABLE]
    path = "/etc/pki/rpm-gpg/RPM-GPG-KEY-bare-mesh-kubernetes"
    assert machine.ran[:2] == [f"rpm -e --allmatches {RENEWABLE}", f"rpm --import {path}"]
    assert not machine.path(keyring).exists() and machine.path(others).exists()
    shown = [(diff["before"], diff["after"]) for diff in done["diff"]]
    name = openpgp.fingerprints(OLD)[0]
    assert ("", f"the key {name}, valid until 2030-01-01\n") in shown
    assert (f"the key {name}, valid until 2027-01-01\n", "") in shown


def test_a_copy_that_an_earlier_run_left_behind_is_replaced(machine, rpm, answers, call, predicted):
    """Whatever wrote the file."""
    answers["key"] = NEW
    call(host_repositories, **RENEWED)
    rpm[RENEWABLE] = IMPORTED
    assert predicted(host_repositories, **RENEWED)["files"] == []
    assert openpgp.term(rpm[RENEWABLE].partition("\n")[2].encode()) == openpgp.term(NEW)


def test_an_older_file_of_the_source_does_not_replace_a_newer_copy(machine, rpm, answers, call):
    rpm[RENEWABLE] = f"{RENEWABLE}\n{NEW.decode()}\n"
    assert call(host_repositories, **RENEWED)["renewed"] == []


def test_a_key_that_rpm_does_not_take_is_a_message(machine, rpm, answers, call):
    machine.acts["rpm --import"] = (1, "", "error: key 1 import failed.")
    answers["key"] = NEW
    failed = call(host_repositories, **RENEWED)
    assert failed["msg"].endswith("RPM-GPG-KEY-bare-mesh-kubernetes: error: key 1 import failed.")


def test_a_source_that_is_down_does_not_disturb_a_host_that_has_the_keys(system, machine, answers, call):
    answers["key"] = fetch.FetchError("https://k/key cannot be reached: timed out")
    failed = call(host_repositories, **WANTED)
    assert "cannot be reached: timed out; check source" in failed["msg"] and not machine.path(KEY_FILE[system]).exists()
    answers["key"] = KEY
    assert call(host_repositories, **WANTED)["changed"]
    answers["key"] = fetch.FetchError("https://k/key cannot be reached: timed out")
    assert not call(host_repositories, **WANTED)["changed"]


def test_another_key_is_refused(system, machine, answers, call):
    before = machine.everything()
    for check in (True, False):
        wanted = {**WANTED, "fingerprints": dict.fromkeys(WANTED["fingerprints"], "AB" * 20)}
        failed = call(host_repositories, check=check, **wanted)
        assert f"has the fingerprint {FINGERPRINT}" in failed["msg"] and "AB" * 20 in failed["msg"]
    assert "has no entry kubernetes" in call(host_repositories, **{**WANTED, "fingerprints": {}})["msg"]
    answers["key"] = b"<html>"
    assert "not an OpenPGP key; check source" in call(host_repositories, **WANTED)["msg"]
    assert machine.everything() == before


def test_a_damaged_key_or_authority_is_a_message(system, machine, answers, call):
    answers["key"] = fetch.FetchError("https://k/key cannot be reached: timed out")
    machine.put(KEY_FILE[system], b"\xe2")
    assert "cannot be reached: timed out" in call(host_repositories, **WANTED)["msg"]
    assert "ca is not a certificate in PEM form" in call(host_repositories, ca="garbage", **WANTED)["msg"]
