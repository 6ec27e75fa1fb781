# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of host_prep that change a host as a whole: its firewall switched off, all of its packages upgraded.

After each test the hosts are as before.
"""

from __future__ import annotations

import base64
import errno
import io
import re
import socket
import tarfile
import time

import pytest
import truth
from conftest import ADDRESSES, node

from lab import host_packages
from lab.artifacts import repos, signing
from lab.artifacts.package import Package, build_deb, build_rpm, deb_name, rpm_name
from lab.artifacts.store import workspace

pytestmark = pytest.mark.lifecycle
BOOK = "playbooks/prepare_hosts.yml"
WITH_FIREWALLD = ("node1", "node2")
# Nobody listens there: the host refuses the connection, or its firewall does, in other words.
UNUSED, KUBELET = 9, 10250


def answer(name, port):
    """What a host says to a connection: 0 if it accepts it."""
    with socket.socket() as connection:
        connection.settimeout(10)
        return connection.connect_ex((ADDRESSES[name], port))


def services(name):
    """The chains of kube-proxy for services, as far as it writes them by iptables."""
    return set(re.findall(r"^:(KUBE-SVC-\S+)", node(name).check_output("iptables-save -t nat"), re.MULTILINE))


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory):
    """The site as it is, or built anew where an earlier test has left bare hosts."""
    done = truth.play(tmp_path_factory.mktemp("site") / "runs.jsonl", "site.yml")
    assert done["code"] == 0, done["errors"]


@pytest.fixture
def routed():
    """Wait until kube-proxy has written its rules again: firewalld flushes those of iptables when it starts and stops.

    It looks after them every 30 seconds.
    """
    before = {name: services(name) for name in WITH_FIREWALLD}

    def wait():
        deadline = time.monotonic() + 120
        while any(before[name] - services(name) for name in WITH_FIREWALLD):
            assert time.monotonic() < deadline, "kube-proxy does not write its rules again"
            time.sleep(2)

    return wait


@pytest.fixture
def switch_on(routed):
    """Firewalld runs again, which host_prep leaves to whoever wants that."""

    def switch():
        for name in WITH_FIREWALLD:
            node(name).check_output("systemctl enable --now firewalld")

    yield switch
    switch()
    routed()


@pytest.mark.feature("firewall-off")
def test_the_firewall_is_switched_off(play, routed, switch_on):
    for name in WITH_FIREWALLD:
        assert (answer(name, UNUSED), answer(name, KUBELET)) == (errno.EHOSTUNREACH, 0)
    off = (BOOK, "-e", "host_prep_firewall=off")
    predicted = play(*off, "--check")
    assert all(node(name).service("firewalld").is_running for name in WITH_FIREWALLD)
    done = play(*off)
    assert done["code"] == 0, done["errors"]
    assert truth.disagreements(predicted, done) == []
    assert done["changed"] == {name: ["bare.mesh.host_prep : Stop and disable firewalld"] for name in WITH_FIREWALLD}
    for name in WITH_FIREWALLD:
        firewalld = node(name).service("firewalld")
        assert not firewalld.is_running and not firewalld.is_enabled
        assert (answer(name, UNUSED), answer(name, KUBELET)) == (errno.ECONNREFUSED, 0)
    assert play(*off)["changed"] == {}
    routed()
    verified = play("playbooks/verify.yml")
    assert verified["code"] == 0, verified["errors"]
    # The way back: firewalld still has the ports, and a run has nothing to open.
    switch_on()
    back = play(BOOK)
    assert (back["code"], back["changed"]) == (0, {}), back["errors"]
    for name in WITH_FIREWALLD:
        assert (answer(name, UNUSED), answer(name, KUBELET)) == (errno.EHOSTUNREACH, 0)
    routed()
    verified = play("playbooks/verify.yml")
    assert verified["code"] == 0, verified["errors"]


# A package in two versions, of which a host has the old one, and its repository the new one.
PROBE = "bare-mesh-lab-probe"
OLD, NEW = (
    Package(PROBE, version, "1", "A package of a test of the lab", {f"/usr/share/{PROBE}": (f"{version}\n", 0o644)})
    for version in ("1.0", "2.0")
)
FOLDER = f"/var/opt/{PROBE}"
YUM, APT = f"/etc/yum.repos.d/{PROBE}.repo", f"/etc/apt/sources.list.d/{PROBE}.list"
HELD = ("kubelet", "containerd.io")


class El:
    """A host with dnf, which trusts the key of the lab."""

    name, build, index = "node2", staticmethod(build_rpm), staticmethod(repos.index_rpms)
    add = (
        f"dnf -q -y install {FOLDER}/old/{rpm_name(OLD)}",
        f"printf '[{PROBE}]\\nname={PROBE}\\nbaseurl=file://{FOLDER}/new\\ngpgcheck=1\\n"
        f"gpgkey=file://{FOLDER}/new/repodata/repomd.xml.key\\n' > {YUM}",
    )
    remove = f"dnf -q -y remove {PROBE}; rm -rf {YUM} {FOLDER} /var/cache/dnf/{PROBE}*"

    @staticmethod
    def version(package):
        return node(El.name).check_output(f"rpm -q --queryformat '%{{VERSION}}' {package}")

    @staticmethod
    def pending():
        """What a full upgrade would bring."""
        listed = node(El.name).run("dnf -q check-update").stdout.splitlines()
        return [line.split()[0] for line in listed if len(line.split()) == 3]


class Debian:
    """A host with apt."""

    name, build, index = "node3", staticmethod(build_deb), staticmethod(repos.index_flat_debs)
    add = (
        f"dpkg --install {FOLDER}/old/{deb_name(OLD)}",
        f"echo 'deb [signed-by={FOLDER}/new/Release.key] file:{FOLDER}/new /' > {APT}",
        "apt-get -q update",
    )
    remove = f"dpkg --purge {PROBE}; rm -rf {APT} {FOLDER}; apt-get -q update"

    @staticmethod
    def version(package):
        return node(Debian.name).check_output(f"dpkg-query --show --showformat '${{Version}}' {package}")

    @staticmethod
    def pending():
        """What a full upgrade would bring."""
        listed = node(Debian.name).check_output("apt-get -q -s dist-upgrade").splitlines()
        return [line.split()[1] for line in listed if line.startswith("Inst ")]


def supply(system):
    """Build both versions, and bring them and the repository to the host."""
    with workspace() as folder:
        for package, place in ((OLD, "old"), (NEW, "new")):
            system.build(package, folder / place)
        system.index(folder / "new")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(folder, ".")
    text = base64.b64encode(packed.getvalue()).decode()
    unpack = f"mkdir -p {FOLDER} && echo {text} | base64 -d | tar -xz --no-same-owner -C {FOLDER}"
    for command in (unpack, f"chmod -R a+rX {FOLDER}", *system.add):
        node(system.name).check_output(command)


@pytest.fixture
def outdated():
    """Hosts that have the old version of the package, and a repository with the new one."""
    host_packages.ensure(host_packages.ARTIFACTS)
    try:
        for system in (El, Debian):
            supply(system)
        signing.stop_agent()
        yield El, Debian
    finally:
        for system in (El, Debian):
            node(system.name).run(system.remove)


@pytest.mark.feature("full-upgrade")
def test_all_packages_are_upgraded(play, outdated):
    before = {}
    for system in outdated:
        assert system.version(PROBE).startswith("1.0")
        # Nothing else, so that the hosts are as before when the package is gone again.
        assert [name.partition(".")[0] for name in system.pending()] == [PROBE]
        before[system.name] = [system.version(name) for name in HELD]
    # Without the setting, nothing is upgraded.
    assert play(BOOK)["changed"] == {}
    book = (BOOK, "-e", "host_prep_upgrade=true")
    predicted = play(*book, "--check")
    assert all(system.version(PROBE).startswith("1.0") for system in outdated)
    done = play(*book)
    assert done["code"] == 0, done["errors"]
    task = "bare.mesh.host_prep : Install the distribution's packages that a node needs"
    assert done["changed"] == predicted["changed"] == {system.name: [task] for system in outdated}
    for system in outdated:
        assert system.version(PROBE).startswith("2.0")
        assert node(system.name).file(f"/usr/share/{PROBE}").content_string == "2.0\n"
        assert [system.version(name) for name in HELD] == before[system.name]
    assert play(*book)["changed"] == {}
