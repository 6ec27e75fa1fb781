# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_service against a played systemd."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.modules import host_service

RUNNING = {
    "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "ActiveEnterTimestamp": "Thu 1970-01-01 00:16:40 UTC",
}  # fmt: skip


@pytest.mark.parametrize(("unit", "state", "restart", "newest", "actions"), [
    (RUNNING, "started", False, 1000.9, []),
    (RUNNING, "started", False, 1001.0, ["restart"]),
    (RUNNING, "started", True, 0, ["restart"]),
    ({**RUNNING, "UnitFileState": "disabled"}, "started", False, 0, ["enable"]),
    ({**RUNNING, "ActiveState": "failed"}, "started", True, 2000, ["start"]),
    ({"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}, "started", True, 5, ["enable", "start"]),
    (RUNNING, "stopped", False, 0, ["disable", "stop"]),
    ({"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}, "stopped", False, 0, []),
])  # fmt: skip
def test_service_plan(unit, state, restart, newest, actions):
    assert host_service.plan(unit, state, restart, newest) == actions


def played(machine, load, active, file_state):
    """The unit x in one state; systemctl's verbs change it."""
    machine.programs = {"systemctl"}
    unit = {"Id": "x.service", "LoadState": load, "ActiveState": active, "UnitFileState": file_state}

    def becomes(**state):
        return lambda _command: unit.update(state) or ""

    machine.looks = {"systemctl show x": lambda _command: "".join(f"{name}={value}\n" for name, value in unit.items())}
    machine.acts = {
        "systemctl enable": becomes(UnitFileState="enabled"),
        "systemctl disable": becomes(UnitFileState="disabled"),
        "systemctl start": becomes(ActiveState="active", ActiveEnterTimestamp="Thu 2099-01-01 00:00:00 UTC"),
        "systemctl restart": becomes(ActiveState="active", ActiveEnterTimestamp="Thu 2099-01-01 00:00:00 UTC"),
        "systemctl stop": becomes(ActiveState="inactive"),
    }
    return unit


def test_a_unit_that_is_not_there(machine, call):
    played(machine, "not-found", "inactive", "")
    foretold = call(host_service, check=True, name="x")
    assert foretold["changed"]
    assert foretold["actions"] == ["enable", "start"]
    assert "no unit x" in call(host_service, name="x")["msg"]
    assert not call(host_service, name="x", state="stopped")["changed"]
    assert machine.ran == []


def test_a_unit_is_started_after_a_reload(machine, call):
    unit = played(machine, "loaded", "inactive", "enabled")
    assert call(host_service, name="x")["actions"] == ["start"]
    assert machine.ran == ["systemctl daemon-reload", "systemctl start x.service"]
    unit.update(LoadState="masked", ActiveState="inactive", UnitFileState="masked")
    assert "systemctl unmask x" in call(host_service, name="x")["msg"]


def test_check_mode_foretells_each_way(machine, foretold):
    played(machine, "loaded", "inactive", "disabled")
    machine.put("/etc/x.conf")
    assert foretold(host_service, name="x", files=["/etc/x.conf", "/etc/none"])["actions"] == ["enable", "start"]
    assert foretold(host_service, name="x", state="stopped")["actions"] == ["disable", "stop"]


def test_a_newer_file_restarts_the_unit(machine, foretold):
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 1970-01-01 00:16:40 UTC"
    machine.put("/etc/x.conf")
    done = foretold(host_service, name="x", files=["/etc/x.conf"])
    assert done["actions"] == ["restart"] and done["diff"]["after"] == "x: active, restarted\n"


def test_a_unit_that_does_not_start_shows_its_log(machine, call):
    played(machine, "loaded", "inactive", "enabled")
    machine.acts["systemctl start"] = (1, "", "Job for x.service failed.")
    machine.looks["journalctl -u x.service"] = "bad option in x.conf\n"
    failed = call(host_service, name="x")
    assert failed["failed"] and "Job for x.service failed" in failed["msg"] and "bad option in x.conf" in failed["msg"]


def test_a_host_without_systemd(machine, call):
    assert "systemctl" in call(host_service, name="x")["msg"]
    assert "missing required arguments: name" in call(host_service)["msg"]
