# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_service against a played systemd."""

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.bare.mesh.plugins.modules import host_service

RUNNING = {
    "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled",
    "ActiveEnterTimestamp": "Thu 1970-01-01 00:16:40 UTC",
}  # fmt: skip
NOT_THERE = {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}


@pytest.mark.parametrize(("unit", "state", "restart", "newest", "actions"), [
    (RUNNING, "started", False, 1000.9, []),
    (RUNNING, "started", False, 1001.0, ["restart"]),
    (RUNNING, "started", True, 0, ["restart"]),
    ({**RUNNING, "UnitFileState": "disabled"}, "started", False, 0, ["enable"]),
    ({**RUNNING, "ActiveState": "failed"}, "started", True, 2000, ["start"]),
    (NOT_THERE, "started", True, 5, ["enable", "start"]),
    (RUNNING, "stopped", False, 0, ["disable", "stop"]),
    (NOT_THERE, "stopped", False, 0, []),
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
    predicted = call(host_service, check=True, name="x")
    assert predicted["changed"]
    assert predicted["actions"] == ["enable", "start"]
    assert "no unit x" in call(host_service, name="x")["msg"]
    assert not call(host_service, name="x", state="stopped")["changed"]
    assert machine.ran == []


@pytest.mark.parametrize("dest", ["/etc/systemd/system/x.service", "/etc/systemd/system/x"])
def test_a_unit_that_the_task_brings(machine, predicted, dest):
    unit = played(machine, "not-found", "inactive", "")
    wanted = {"name": "x", "files": [{"dest": dest, "content": "[Service]\n"}]}
    assert predicted(host_service, **wanted)["actions"] == ["enable", "start"]
    assert machine.ran == ["systemctl daemon-reload", "systemctl enable x.service", "systemctl start x.service"]
    assert unit["ActiveState"] == "active"


def test_a_unit_is_started_after_a_reload(machine, call):
    unit = played(machine, "loaded", "inactive", "enabled")
    assert call(host_service, name="x")["actions"] == ["start"]
    assert machine.ran == ["systemctl daemon-reload", "systemctl start x.service"]
    unit.update(LoadState="masked", ActiveState="inactive", UnitFileState="masked")
    assert "systemctl unmask x" in call(host_service, name="x")["msg"]


def test_check_mode_predicts_each_way(machine, predicted):
    played(machine, "loaded", "inactive", "disabled")
    machine.put("/etc/x.conf")
    assert predicted(host_service, name="x", watch=["/etc/x.conf", "/etc/none"])["actions"] == ["enable", "start"]
    assert predicted(host_service, name="x", state="stopped")["actions"] == ["disable", "stop"]


def test_a_newer_file_restarts_the_unit(machine, predicted):
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 1970-01-01 00:16:40 UTC"
    machine.put("/etc/x.conf")
    done = predicted(host_service, name="x", watch=["/etc/x.conf"])
    assert done["actions"] == ["restart"] and done["diff"][-1]["after"] == "active, restarted\n"


def test_a_unit_that_does_not_start_shows_its_log(machine, call):
    played(machine, "loaded", "inactive", "enabled")
    machine.acts["systemctl start"] = (1, "", "Job for x.service failed.")
    machine.looks["journalctl -u x.service"] = "bad option in x.conf\n"
    failed = call(host_service, name="x")
    assert failed["failed"] and "Job for x.service failed" in failed["msg"] and "bad option in x.conf" in failed["msg"]


def file(dest, content, **more):
    return {"dest": dest, "content": content, **more}


@pytest.mark.parametrize("file_state", ["enabled", "disabled"])
def test_a_unit_that_is_left_as_it_is_takes_files_by_a_reload(machine, predicted, file_state):
    played(machine, "loaded", "active", file_state)
    wanted = {"name": "x", "state": "as_is", "files": [file("/etc/x/a", "one\n", reload=True)]}
    done = predicted(host_service, **wanted)
    assert (done["files"], done["actions"]) == (["/etc/x/a"], ["reload"])
    assert done["diff"][-1]["after"] == "active, reloaded\n"
    assert machine.ran == ["systemctl daemon-reload", "systemctl reload x.service"]
    # A file that is read at the start alone wins.
    wanted["files"] = [file("/etc/x/a", "two\n", reload=True), file("/etc/x/b", "two\n")]
    assert predicted(host_service, **wanted)["actions"] == ["restart"]


def test_a_unit_that_is_left_as_it_is_need_not_run(machine, predicted):
    played(machine, "loaded", "inactive", "disabled")
    done = predicted(host_service, name="x", state="as_is", files=[file("/etc/x/a", "one\n", reload=True)])
    assert (done["files"], done["actions"], machine.ran) == (["/etc/x/a"], [], [])


@pytest.mark.parametrize("check", [True, False])
def test_a_unit_that_is_left_as_it_is_need_not_be_there(machine, call, check):
    played(machine, "not-found", "inactive", "")
    done = call(host_service, check=check, name="x", state="as_is", files=[file("/etc/x/a", "one\n", reload=True)])
    assert (done["changed"], done["files"], done["diff"], machine.ran) == (False, [], [], [])
    assert not machine.path("/etc/x").exists()


def test_a_started_unit_is_reloaded_only_if_it_runs(machine, predicted):
    unit = played(machine, "loaded", "inactive", "enabled")
    wanted = {"name": "x", "files": [file("/etc/x/a", "one\n", reload=True)]}
    assert predicted(host_service, **wanted)["actions"] == ["start"] and unit["ActiveState"] == "active"
    wanted["files"] = [file("/etc/x/a", "two\n", reload=True)]
    assert predicted(host_service, **wanted)["actions"] == ["reload"]


def test_check_mode_predicts_the_files(machine, predicted):
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 2099-01-01 00:00:00 UTC"
    machine.put("/etc/old", "# bare.mesh\n")
    machine.put("/etc/theirs", "theirs\n")
    machine.put("/etc/b", "before\n")
    files = [file("/etc/x/a", "one\n", mode="0600"), file("/etc/b", "two\n")]
    done = predicted(host_service, name="x", files=files, absent=["/etc/old", "/etc/none", "/etc/theirs"])
    assert done["files"] == ["/etc/b", "/etc/old", "/etc/x/a"] and done["actions"] == ["restart"]
    assert {diff["before_header"]: (diff["before"], diff["after"]) for diff in done["diff"]} == {
        "/etc/x/a": ("", "one\n"),
        "/etc/b": ("before\n", "two\n"),
        "/etc/old": ("# bare.mesh\n", ""),
        "x": ("active\n", "active, restarted\n"),
    }
    assert (machine.text("/etc/x/a"), machine.text("/etc/b")) == ("one\n", "two\n")
    assert machine.text("/etc/theirs") == "theirs\n" and not machine.path("/etc/old").exists()
    assert (machine.mode("/etc/x/a"), machine.mode("/etc/b")) == (0o600, 0o644)
    assert sorted(path.name for path in machine.path("/etc").iterdir()) == ["b", "theirs", "x"]


def test_files_of_ours_that_nothing_asks_for_any_more(machine, predicted):
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 2099-01-01 00:00:00 UTC"
    for name in ("a.io", "b.io", "c.io:5000"):
        machine.put(f"/etc/d/{name}/hosts.toml", "# Written by bare.mesh.\n")
    machine.put("/etc/d/mine.io/hosts.toml", "server = 'https://mine.io'\n")
    files = [file("/etc/d/a.io/hosts.toml", "# Written by bare.mesh.\n")]
    done = predicted(host_service, name="x", files=files, absent=["/etc/d/*/hosts.toml"])
    assert done["files"] == ["/etc/d/b.io/hosts.toml", "/etc/d/c.io:5000/hosts.toml"]
    left = sorted(path.parent.name for path in machine.path("/etc/d").glob("*/hosts.toml"))
    assert left == ["a.io", "mine.io"]


@pytest.mark.parametrize("theirs", ["", '{"auths": {}}'])
def test_a_file_that_goes_or_becomes_the_hosts_own_again(machine, predicted, theirs):
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 2099-01-01 00:00:00 UTC"
    path = "/var/lib/x/config.json"
    if theirs:
        machine.put(path, theirs)
    predicted(host_service, name="x", files=[file(path, '{"//": "Written by bare.mesh."}', keep_original=True)])
    done = predicted(host_service, name="x", absent=[path], restore=[path])
    assert done["changed"] and not done.get("warnings")
    assert (machine.text(path) == theirs) if theirs else not machine.path(path).exists()
    assert len(list(machine.path("/var/lib/x").iterdir())) == bool(theirs)


@pytest.mark.parametrize(("restart", "actions"), [(True, ["restart"]), (False, [])])
def test_a_file_that_is_read_when_needed_restarts_nothing(machine, predicted, restart, actions):
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 1970-01-01 00:16:40 UTC"
    done = predicted(host_service, name="x", files=[file("/etc/a", "one", restart=restart)])
    assert (done["files"], done["actions"]) == (["/etc/a"], actions)


def test_a_run_that_was_killed_before_the_restart(machine, predicted):
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 1970-01-01 00:16:40 UTC"
    machine.put("/etc/a", "one")
    done = predicted(host_service, name="x", files=[file("/etc/a", "one")])
    assert (done["files"], done["actions"]) == ([], ["restart"])


def test_another_mode_is_a_change(machine, predicted):
    played(machine, "loaded", "active", "enabled")
    machine.put("/etc/b", "two\n")
    done = predicted(host_service, name="x", files=[file("/etc/b", "two\n", mode="0640")])
    assert done["files"] == ["/etc/b"] and machine.mode("/etc/b") == 0o640


@pytest.mark.parametrize("check", [True, False])
def test_bad_input_is_a_message_and_nothing_is_written(machine, call, check):
    played(machine, "loaded", "active", "enabled")
    before = machine.everything()

    def refusal(*files):
        return call(host_service, check=check, name="x", files=[file("/etc/a", "x"), *files])["msg"]

    assert refusal(file("etc/b", "x")) == "dest: etc/b is not an absolute path"
    assert "mode of /etc/b: rw is not an octal mode" in refusal(file("/etc/b", "x", mode="rw"))
    assert "src, content found in files" in refusal({"dest": "/etc/b"})
    assert "mutually exclusive: src|content" in refusal(file("/etc/b", "x", src="x.j2"))
    assert machine.everything() == before and machine.ran == []


def test_a_file_that_cannot_be_written(machine, call):
    played(machine, "loaded", "active", "enabled")
    machine.put("/etc/b", "x")
    assert "/etc/b" in call(host_service, name="x", files=[file("/etc/b/c", "x")])["msg"] and machine.ran == []


def test_a_host_without_systemd(machine, call):
    assert "systemctl" in call(host_service, name="x")["msg"]
    assert "missing required arguments: name" in call(host_service)["msg"]


CONF, SAVED = "/etc/x.conf", "/etc/x.conf.bare-mesh-saved"
OURS = "# Written by bare.mesh.\nours\n"


@pytest.fixture
def up(machine):
    """A unit that was started long ago."""
    unit = played(machine, "loaded", "active", "enabled")
    unit["ActiveEnterTimestamp"] = "Thu 1970-01-01 00:16:40 UTC"
    return machine


def replacing(content=OURS):
    return {"name": "x", "files": [file(CONF, content, keep_original=True)]}


RESTORING = {"name": "x", "restore": [CONF]}


def test_the_original_is_kept_and_comes_back(up, predicted):
    up.put(CONF, "theirs\n", 0o640)
    done = predicted(host_service, **replacing())
    assert (done["files"], done["actions"]) == ([CONF, SAVED], ["restart"])
    assert (up.text(CONF), up.text(SAVED), up.mode(SAVED)) == (OURS, "theirs\n", 0o640)
    assert predicted(host_service, **replacing(OURS + "more\n"))["files"] == [CONF]
    assert up.text(SAVED) == "theirs\n"
    done = predicted(host_service, **RESTORING)
    assert (done["files"], done["actions"]) == ([CONF, SAVED], ["restart"])
    assert {diff["before_header"]: (diff["before"], diff["after"]) for diff in done["diff"][:-1]} == {
        CONF: (OURS + "more\n", "theirs\n"),
        SAVED: ("theirs\n", ""),
    }
    assert (up.text(CONF), up.mode(CONF)) == ("theirs\n", 0o640) and not up.path(SAVED).exists()


@pytest.mark.parametrize(("wanted", "step"), [(replacing(), number) for number in range(1, 5)] + [
    (RESTORING, number) for number in range(1, 4)
])  # fmt: skip
def test_a_run_that_is_killed_between_two_steps(up, call, monkeypatch, wanted, step):
    """The next run finishes it, and the one after it changes nothing."""
    restoring = wanted is RESTORING
    up.put(CONF, OURS if restoring else "theirs\n")
    if restoring:
        up.put(SAVED, "theirs\n", 0o640)
    steps = iter(range(1, 9))

    def killed(real):
        def run(*arguments, **options):
            if next(steps) == step:
                raise KeyboardInterrupt
            return real(*arguments, **options)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(host_service.AnsibleModule, "atomic_move", killed(host_service.AnsibleModule.atomic_move))
        patch.setattr(host_service.os, "remove", killed(host_service.os.remove))
        patch.setattr(host_service, "act", killed(host_service.act))
        # Without a fourth step, the run is not killed.
        with contextlib.suppress(KeyboardInterrupt):
            call(host_service, **wanted)
    prediction, done = (call(host_service, check=check, **wanted) for check in (True, False))
    assert prediction == done and done["changed"] is (step < 4)
    assert up.text(CONF) == ("theirs\n" if restoring else OURS)
    assert up.path(SAVED).exists() is not restoring and (restoring or up.text(SAVED) == "theirs\n")
    assert "systemctl restart x.service" in up.ran
    assert not call(host_service, **wanted)["changed"]


def test_a_file_of_the_host_s_own_is_not_replaced_by_an_older_one(up, call):
    up.put(CONF, "new\n")
    up.put(SAVED, "old\n")
    call(host_service, **RESTORING)
    assert (up.text(CONF), up.text(SAVED)) == ("new\n", "old\n")
    call(host_service, **replacing())
    assert (up.text(CONF), up.text(SAVED)) == (OURS, "new\n")
    up.path(CONF).unlink()
    call(host_service, **RESTORING)
    assert up.text(CONF) == "new\n" and not up.path(SAVED).exists()


def test_where_there_was_no_original(up, call):
    assert call(host_service, **replacing())["files"] == [CONF]
    for check in (True, False):
        done = call(host_service, check=check, **RESTORING)
        assert done["changed"] is False and "no original at /etc/x.conf.bare-mesh-saved" in str(done["warnings"])
    assert up.text(CONF) == OURS
    up.path(CONF).unlink()
    assert "warnings" not in call(host_service, **RESTORING)


@pytest.mark.parametrize("check", [True, False])
def test_originals_that_could_be_lost(up, call, check):
    up.put(CONF, "theirs\n")
    failed = call(host_service, check=check, **replacing("no mark\n# bare.mesh\n"))
    assert failed["msg"] == "keep_original of /etc/x.conf: the first line of the content does not name bare.mesh"
    failed = call(host_service, check=check, **replacing(), restore=[CONF])
    assert "restore: /etc/x.conf is also one of files" in failed["msg"] and up.text(CONF) == "theirs\n"


def test_a_kept_original_restarts_nothing(up, call):
    up.put(CONF, "theirs\n")
    done = call(host_service, name="x", files=[file(CONF, OURS, keep_original=True, restart=False)])
    assert (done["files"], done["actions"]) == ([CONF, SAVED], [])
