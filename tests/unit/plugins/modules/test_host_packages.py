# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_packages and host_service against a host whose programs are played: what they run, in which mode, in which order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.bare.mesh.plugins.module_utils import _packages
from ansible_collections.bare.mesh.plugins.modules import host_packages, host_service


class Host:
    """Answers run_command and remembers what changed the host."""

    def __init__(self, manager, packages):
        self.manager = manager
        self.packages = packages
        self.held = []
        self.ran = []
        self.refuse = []
        self.unit = "Id=x.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"

    def run_command(self, _module, arguments, **_options):
        program, *rest = [argument.rsplit("/", 1)[-1] if index == 0 else argument for index, argument in enumerate(arguments)]
        if program == "rpm":
            return 1, "".join(f"{name} 0:{version}\n" for name, version in self.packages.items()) + "package x is not installed\n", ""
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
        basic.AnsibleModule, "get_bin_path", lambda _module, name, **_kwargs: name if name in (*known, "systemctl") else None
    )
    monkeypatch.setattr(_packages, "POLICY", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(_packages.time, "sleep", lambda _seconds: None)
    return found


def call(module, capsys, check=False, **params):
    with patch_module_args({**params, "_ansible_check_mode": check}), pytest.raises(SystemExit):
        module.main()
    return json.loads(capsys.readouterr().out)


both = pytest.mark.parametrize("host", ["dnf", "apt"], indirect=True)
apt = pytest.mark.parametrize("host", ["apt"], indirect=True)
dnf = pytest.mark.parametrize("host", ["dnf"], indirect=True)


@both
def test_check_mode_foretells_the_run(host, capsys):
    wanted = {"packages": {"bash": "", "kubelet": "1.36.3"}}
    foretold = call(host_packages, capsys, check=True, **wanted)
    assert host.ran == []
    done = call(host_packages, capsys, **wanted)
    assert (foretold["changed"], foretold["installed"]) == (done["changed"], done["installed"]) == (True, ["kubelet"])
    assert not call(host_packages, capsys, **wanted)["changed"]


@dnf
def test_dnf_disregards_only_the_named_excludes(host, capsys):
    call(host_packages, capsys, packages={"kubelet": "1.36.3"}, disable_excludes=["repo"])
    assert host.ran[0][-3:] == ["--disableexcludes=repo", "install", "kubelet-1.36.3"]


@dnf
def test_dnf_looks_again_with_a_fresh_index(host, capsys):
    host.refuse = [(1, "", "No match for argument: kubelet-1.36.3")]
    assert call(host_packages, capsys, packages={"kubelet": "1.36.3"})["changed"]
    assert "--refresh" in host.ran[1]


@apt
def test_apt_waits_for_its_lock_and_holds(host, capsys):
    host.refuse = [(100, "", "E: Could not get lock /var/lib/apt/lists/lock")]
    done = call(host_packages, capsys, packages={"kubelet": "1.36.3"}, hold=True)
    assert done["held"] == ["kubelet"]
    assert host.ran[-1] == ["apt-mark", "hold", "kubelet"]
    assert "kubelet=1.36.3-*" in host.ran[-2]


@apt
def test_a_killed_run_s_policy_goes(host, capsys, monkeypatch):
    policy = Path(_packages.POLICY)
    monkeypatch.setattr(host_packages, "POLICY", str(policy))
    wanted = {"packages": {"bash": ""}}
    with pytest.raises(KeyboardInterrupt), _packages.Quiet(True):
        assert policy.stat().st_mode & 0o777 == 0o755 and "exit 101" in policy.read_text()
        raise KeyboardInterrupt
    assert not policy.exists()
    _packages.Quiet(True).__enter__()
    foretold = call(host_packages, capsys, check=True, **wanted)
    assert foretold["changed"] and policy.exists()
    done = call(host_packages, capsys, **wanted)
    assert done["diff"] == foretold["diff"] and not policy.exists()
    assert not call(host_packages, capsys, **wanted)["changed"]
    policy.write_text("#!/bin/sh\nexit 101\n")
    assert not call(host_packages, capsys, **wanted)["changed"] and policy.exists()


@both
def test_a_refusal_is_an_error_with_the_managers_words(host, capsys):
    host.refuse = [(1, "", "nothing provides it")] * 4
    failed = call(host_packages, capsys, packages={"kubelet": "1.36.3"})
    assert failed["failed"]
    assert "nothing provides it" in failed["msg"]


@both
def test_a_unit_that_is_not_there(host, capsys):
    foretold = call(host_service, capsys, check=True, name="x")
    assert foretold["changed"]
    assert foretold["actions"] == ["enable", "start"]
    assert "no unit x" in call(host_service, capsys, name="x")["msg"]
    assert not call(host_service, capsys, name="x", state="stopped")["changed"]


@both
def test_a_unit_is_started_after_a_reload(host, capsys):
    host.unit = "Id=x.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n"
    assert call(host_service, capsys, name="x")["actions"] == ["start"]
    assert host.ran == [["systemctl", "daemon-reload"], ["systemctl", "start", "x.service"]]
    host.unit = "Id=x.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
    assert "systemctl unmask x" in call(host_service, capsys, name="x")["msg"]
