# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_packages against a played package manager: what it runs, in which mode, in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible_collections.bare.mesh.plugins.module_utils._host import packages
from ansible_collections.bare.mesh.plugins.modules import host_packages


class Host:
    """Answers run_command and remembers what changed the host."""

    def __init__(self, manager, packages):
        self.manager = manager
        self.packages = packages
        self.held = []
        # Name to the package that provides it.
        self.provides = {}
        self.ran = []
        self.refuse = []
        self.unit = "Id=x.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"

    def run_command(self, _module, arguments, **_options):
        program, *rest = [
            argument.rsplit("/", 1)[-1] if index == 0 else argument for index, argument in enumerate(arguments)
        ]
        if "--whatprovides" in rest:
            # As rpm 4.18.0 prints the version and what else the package provides, or that there is none.
            known = "".join(f"0:6.6.0-3 {owner} {name} tc \n" for name, owner in self.provides.items() if name in rest)
            return 1, f"{known}no package provides x\n", ""
        if program == "rpm":
            found = "".join(f"{name} 0:{version}\n" for name, version in self.packages.items())
            return 1, f"{found}package x is not installed\n", ""
        if program == "dpkg-query":
            return 1, "".join(f"{name} installed {version}\n" for name, version in self.packages.items()), ""
        if rest[0] == "showhold":
            return 0, "\n".join(self.held), ""
        if rest[0] == "show":
            return 0, self.unit, ""
        self.ran.append([program, *rest])
        if self.refuse:
            return self.refuse.pop(0)
        if "install" in rest:
            for spec in rest[rest.index("install") + 1 :]:
                name, _sign, version = spec.removesuffix("-*").partition("=") if "=" in spec else spec.partition("-")
                self.packages[name] = f"{version or '9'}-1"
        return 0, "", ""


@pytest.fixture
def host(request, monkeypatch, tmp_path):
    found = Host(request.param, {"bash": "5-1"})

    def run_command(module, *args, **kwargs):
        return found.run_command(module, *args, **kwargs)

    monkeypatch.setattr(basic.AnsibleModule, "run_command", run_command)
    known = ("dnf",) if found.manager == "dnf" else ("apt-get",)
    monkeypatch.setattr(
        basic.AnsibleModule,
        "get_bin_path",
        lambda _module, name, **_kwargs: name if name in (*known, "systemctl") else None,
    )
    monkeypatch.setattr(packages, "POLICY", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(packages.time, "sleep", lambda _seconds: None)
    return found


both = pytest.mark.parametrize("host", ["dnf", "apt"], indirect=True)

apt = pytest.mark.parametrize("host", ["apt"], indirect=True)

dnf = pytest.mark.parametrize("host", ["dnf"], indirect=True)


@pytest.mark.parametrize(("wanted", "installed", "same"), [
    ("", "1:4.3-2", True),
    ("1.36.5", "1.36.5-1.1", True),
    ("1.36.5", "1.36.50-1.1", False),
    ("1.36.5-1.1", "1.36.5-1.1", True),
    ("2.4.2", "2.4.2-1~debian.12~bookworm", True),
    ("27.0.1", "5:27.0.1-1~debian", True),
    ("27.0.1", "3:27.0.2-1.el9", False),
    ("2.*", "2.4.2-1~debian.12~bookworm", True),
    ("2.*", "0:2.10.0-1.el9", True),
    ("2.*", "20.1-1", False),
    ("2.*", "1.7.2-1", False),
])  # fmt: skip
def test_versions_match(wanted, installed, same):
    assert packages.matches(wanted, installed) is same


def test_missing_packages():
    assert packages.missing({"a": "", "b": "2", "c": "1"}, {"b": "1-1", "c": "1-4"}) == ["a", "b"]


@both
def test_check_mode_predicts_the_run(host, call):
    wanted = {"packages": {"bash": "", "kubelet": "1.36.5"}}
    predicted = call(host_packages, check=True, **wanted)
    assert host.ran == []
    done = call(host_packages, **wanted)
    assert (predicted["changed"], predicted["installed"]) == (done["changed"], done["installed"]) == (True, ["kubelet"])
    assert not call(host_packages, **wanted)["changed"]


@both
def test_a_newer_package_is_kept_unless_a_downgrade_is_allowed(host, call):
    host.packages |= {"kubelet": "1.36.10-1.1", "kubeadm": "1.36.4-1.1"}
    wanted = {"packages": {"kubelet": "1.36.5", "kubeadm": "1.36.5", "kubectl": "1.36.5"}}
    predicted, done = (call(host_packages, check=check, **wanted) for check in (True, False))
    assert predicted["installed"] == done["installed"] == ["kubeadm", "kubectl"]
    assert "kubelet 1.36.10-1.1 is newer than 1.36.5, and is kept" in str(done["warnings"])
    assert host.packages["kubelet"] == "1.36.10-1.1" and "--allow-downgrades" not in str(host.ran)
    assert not call(host_packages, **wanted)["changed"]
    allowed = call(host_packages, **wanted, allow_downgrade=True)
    assert allowed["installed"] == ["kubelet"] and host.packages["kubelet"].startswith("1.36.5")


@both
def test_a_version_of_a_pattern_is_kept(host, call):
    host.packages["containerd.io"] = "2.3.1-1"
    assert not call(host_packages, packages={"containerd.io": "2.*"}, allow_downgrade=True)["changed"]
    host.packages["containerd.io"] = "3.0.0-1"
    kept = call(host_packages, packages={"containerd.io": "2.*"})
    assert not kept["changed"] and "containerd.io 3.0.0-1 is newer than 2.*, and is kept" in str(kept["warnings"])
    host.packages["containerd.io"] = "1.7.2-1"
    assert call(host_packages, check=True, packages={"containerd.io": "2.*"})["installed"] == ["containerd.io"]


@pytest.mark.parametrize(
    ("version", "found"),
    [("1.36.5-1.1", (1, 36, 5)), ("5:27.0.1~rc1-1", (27, 0, 1)), ("", ()), ("abc", ()), ("2.4.2", (2, 4, 2))],
)
def test_the_numbers_of_a_version(version, found):
    assert packages.numbers(version) == found


@dnf
def test_a_package_that_another_one_provides(host, call):
    """openEuler's iproute provides iproute-tc, which it has no package of."""
    host.provides = {"iproute-tc": "iproute", "kubelet": "other"}
    for check in (True, False):
        done = call(host_packages, check=check, packages={"iproute-tc": "", "bash": ""})
        assert not done["changed"] and "iproute-tc: 6.6.0-3\n" in done["diff"]["after"]
    # What has a version to be is that package itself.
    assert call(host_packages, check=True, packages={"kubelet": "1.36.5"})["installed"] == ["kubelet"]
    host.provides = {}
    assert call(host_packages, check=True, packages={"iproute-tc": ""})["installed"] == ["iproute-tc"]


@dnf
def test_dnf_disregards_only_the_named_excludes(host, call):
    call(host_packages, packages={"kubelet": "1.36.5"}, disable_excludes=["repo"])
    assert host.ran[0][-3:] == ["--disableexcludes=repo", "install", "kubelet-1.36.5"]


@dnf
def test_dnf_looks_again_with_a_fresh_index(host, call):
    host.refuse = [(1, "", "No match for argument: kubelet-1.36.5")]
    assert call(host_packages, packages={"kubelet": "1.36.5"})["changed"]
    assert "--refresh" in host.ran[1]


@apt
def test_apt_waits_for_its_lock_and_holds(host, call):
    host.refuse = [(100, "", "E: Could not get lock /var/lib/apt/lists/lock")]
    done = call(host_packages, packages={"kubelet": "1.36.5"}, hold=True)
    assert done["held"] == ["kubelet"]
    assert host.ran[-1] == ["apt-mark", "hold", "kubelet"]
    assert "kubelet=1.36.5-*" in host.ran[-2]


# apt-get 2.6.1: -s --no-remove install of a package that conflicts with others.
REFUSAL = """Building dependency tree...
The following packages will be REMOVED:
  containerd docker.io
  runc
The following NEW packages will be installed:
  containerd.io
0 upgraded, 1 newly installed, 3 to remove and 127 not upgraded.
"""


@apt
def test_apt_removes_nothing_to_install_a_package(host, call):
    # The index comes first.
    host.refuse = [(0, "", ""), (100, REFUSAL, "E: Packages need to be removed but remove is disabled.")]
    failed = call(host_packages, packages={"containerd.io": "2.*"})
    assert failed["msg"].startswith("the installation of containerd.io=2.* would remove containerd docker.io runc: run")
    assert all("--no-remove" in command for command in host.ran if "install" in command)
    host.refuse = []
    assert call(host_packages, packages={"containerd.io": "2.*"})["changed"]
    assert host.ran[-1][-3:] == ["--no-remove", "install", "containerd.io=2.*"]


@apt
def test_a_killed_run_s_policy_goes(host, call, monkeypatch):
    policy = Path(packages.POLICY)
    monkeypatch.setattr(host_packages, "POLICY", str(policy))
    wanted = {"packages": {"bash": ""}}
    with pytest.raises(KeyboardInterrupt), packages.Quiet(True):
        assert policy.stat().st_mode & 0o777 == 0o755 and "exit 101" in policy.read_text()
        raise KeyboardInterrupt
    assert not policy.exists()
    packages.Quiet(True).__enter__()
    predicted = call(host_packages, check=True, **wanted)
    assert predicted["changed"] and policy.exists()
    done = call(host_packages, **wanted)
    assert done["diff"] == predicted["diff"] and not policy.exists()
    assert not call(host_packages, **wanted)["changed"]
    policy.write_text("#!/bin/sh\nexit 101\n")
    assert not call(host_packages, **wanted)["changed"] and policy.exists()


@both
def test_a_refusal_is_an_error_with_the_managers_words(host, call):
    host.refuse = [(1, "", "nothing provides it")] * 4
    failed = call(host_packages, packages={"kubelet": "1.36.5"})
    assert failed["failed"]
    assert "nothing provides it" in failed["msg"]


@both
def test_a_run_that_does_not_bring_the_version_fails(host, call, monkeypatch):
    monkeypatch.setattr(host, "refuse", [(0, "", "")] * 9)
    assert "kubelet: still not at the wanted version" in call(host_packages, packages={"kubelet": "1.36.5"})["msg"]


@pytest.mark.feature("full-upgrade")
@dnf
def test_an_upgrade_of_dnf(host, call, monkeypatch):
    updates = {"check-update": (100, "\nbash.x86_64  5-2  base\n\nObsoleting Packages\nx.x86_64 1 base\n", "")}
    real = host.run_command

    def run_command(module, arguments, **options):
        if "upgrade" in arguments:
            updates.clear()
        if arguments[-1] == "check-update":
            return updates.get(arguments[-1], (0, "", ""))
        return real(module, arguments, **options)

    monkeypatch.setattr(host, "run_command", run_command)
    predicted = call(host_packages, check=True, packages={}, upgrade=True)
    assert host.ran == []
    done = call(host_packages, packages={}, upgrade=True)
    assert predicted["upgraded"] == done["upgraded"] == ["bash.x86_64"]
    assert predicted["changed"] is done["changed"] is True
    assert predicted["diff"] == done["diff"] and host.ran == [["dnf", "-y", "upgrade"]]
    assert not call(host_packages, packages={}, upgrade=True)["changed"]


@apt
def test_an_upgrade_of_apt(host, call, monkeypatch):
    updates = ["Inst bash [5-1] (5-2 stable)\nConf bash (5-2 stable)\n"]
    real = host.run_command

    def run_command(module, arguments, **options):
        if "-s" in arguments:
            return 0, "".join(updates), ""
        if arguments[-1] == "dist-upgrade":
            updates.clear()
        return real(module, arguments, **options)

    monkeypatch.setattr(host, "run_command", run_command)
    predicted = call(host_packages, check=True, packages={}, upgrade=True)
    assert [words for words in host.ran if words[-1] != "update"] == []
    done = call(host_packages, packages={}, upgrade=True)
    assert predicted["upgraded"] == done["upgraded"] == ["bash"] and predicted["changed"] is done["changed"] is True
    assert predicted["diff"] == done["diff"] and host.ran[-1][-1] == "dist-upgrade"
    assert not call(host_packages, packages={}, upgrade=True)["changed"]


@apt
def test_packages_that_are_held_already(host, call):
    predicted = call(host_packages, check=True, packages={"bash": ""}, hold=True)
    done = call(host_packages, packages={"bash": ""}, hold=True)
    assert predicted == done and done["held"] == ["bash"]
    host.held = ["bash"]
    assert not call(host_packages, packages={"bash": ""}, hold=True)["changed"]


def test_a_host_with_neither_manager(machine, call):
    assert "neither dnf nor apt-get" in call(host_packages, packages={})["msg"]
    assert "missing required arguments: packages" in call(host_packages)["msg"]
