# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_names on a played host."""

from __future__ import annotations

import pytest
from ansible_collections.bare.mesh.plugins.modules import host_names


def test_hosts_file_keeps_what_is_not_ours():
    text = "127.0.0.1 localhost\n10.0.0.9 other"
    once = host_names.with_block(text, {"a": "10.0.0.1"})
    assert once.startswith(text + "\n# BEGIN")
    assert host_names.with_block(once, {"a": "10.0.0.1"}) == once
    moved = host_names.with_block(once + "10.0.0.7 later\n", {"a": "10.0.0.2", "b": "10.0.0.3"})
    assert "10.0.0.1" not in moved
    assert moved.endswith("10.0.0.3 b\n# END bare.mesh: the cluster's hosts\n10.0.0.7 later\n")


def test_hosts_do_not_lead_to_themselves():
    text = "127.0.0.1 localhost\n127.0.1.1 a.example a\n127.0.1.1 other\n"
    assert host_names.with_block(text, {"a": "10.0.0.1"}).startswith("127.0.0.1 localhost\n127.0.1.1 other\n# BEGIN")


@pytest.fixture
def named(machine, monkeypatch):
    """A host that is called old; hostnamectl renames it."""
    machine.put("/etc/hosts", "127.0.0.1 localhost\n")
    machine.put("/etc/hostname", "old\n")
    monkeypatch.setattr(host_names.socket, "gethostname", lambda: machine.text("/etc/hostname").strip())
    machine.acts = {
        "hostnamectl set-hostname": lambda command: machine.put("/etc/hostname", command.split()[-1] + "\n") and ""
    }
    return machine


def test_check_mode_predicts_the_run(named, predicted):
    done = predicted(host_names, name="w1", hosts={"w1": "10.0.0.1"})
    assert [diff["before_header"] for diff in done["diff"]] == ["host name", "/etc/hosts"] and done["name"] == "w1"
    assert (done["diff"][0]["before"], done["diff"][0]["after"]) == ("old\n", "w1\n")
    assert named.ran == ["hostnamectl set-hostname w1"] and "10.0.0.1 w1\n" in named.text("/etc/hosts")
    done = predicted(host_names, name="w1", hosts={"w1": "10.0.0.2"})
    assert [diff["before_header"] for diff in done["diff"]] == ["/etc/hosts"] and len(named.ran) == 1


def test_a_name_that_the_host_gives_up_does_not_lead_to_it(named, predicted):
    """The line of Debian's installer goes with the name. Those of others stay."""
    kept = "127.0.0.1 localhost old\n127.0.1.1 older\n10.0.0.9 old\n"
    named.put("/etc/hosts", f"{kept}127.0.1.1 old.example old\n")
    assert predicted(host_names, name="w1", hosts={"w1": "10.0.0.1"})["changed"]
    assert named.text("/etc/hosts").startswith(f"{kept}# BEGIN")


@pytest.mark.parametrize("name", ["old", "localhost"])
def test_a_name_that_the_host_keeps_or_that_is_no_name_is_left(named, predicted, name):
    named.put("/etc/hostname", f"{name}\n")
    named.put("/etc/hosts", f"127.0.1.1 {name}\n")
    predicted(host_names, name="old", hosts={"w1": "10.0.0.1"})
    assert named.text("/etc/hosts").startswith(f"127.0.1.1 {name}\n")


def test_a_name_that_would_not_survive_a_reboot_is_a_change(named, predicted, monkeypatch):
    monkeypatch.setattr(host_names.socket, "gethostname", lambda: "w1")
    assert predicted(host_names, name="w1", hosts={})["changed"]
    assert named.text("/etc/hostname") == "w1\n"


def test_a_refusal_is_a_message(named, call):
    named.acts["hostnamectl"] = named.acts.pop("hostnamectl set-hostname") and (1, "", "Invalid hostname")
    assert call(host_names, name="w 1", hosts={})["msg"] == "Invalid hostname"
    assert "missing required arguments: hosts" in call(host_names, name="w1")["msg"]


def test_a_hosts_file_that_is_not_utf_8_keeps_its_bytes(named, call):
    named.put("/etc/hosts", b"# caf\xe9\n127.0.0.1 localhost\n")
    assert call(host_names, name="w1", hosts={"w1": "10.0.0.1"})["changed"]
    assert named.path("/etc/hosts").read_bytes().startswith(b"# caf\xe9\n127.0.0.1 localhost\n")
