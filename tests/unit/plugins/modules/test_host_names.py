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


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1", "::1"])
def test_a_name_keeps_its_domain(named, predicted, address):
    """`hostname -f` says what the first line with the name says."""
    named.put(
        "/etc/hosts",
        f"127.0.0.1 localhost\n{address} w1.corp.example w1\n::1 localhost w1\n10.0.0.9 w2.corp.example w2\n",
    )
    hosts = {"w1": "10.0.0.1", "w2": "10.0.0.2"}
    predicted(host_names, name="w1", hosts=hosts)
    kept = "127.0.0.1 localhost\n::1 localhost w1\n10.0.0.9 w2.corp.example w2\n"
    assert named.text("/etc/hosts").startswith(f"{kept}# BEGIN")
    assert "10.0.0.1 w1.corp.example w1\n10.0.0.2 w2\n# END" in named.text("/etc/hosts")
    predicted(host_names, name="w1", hosts={"w1": "10.0.0.5"})
    assert "10.0.0.5 w1.corp.example w1\n# END" in named.text("/etc/hosts")


def test_the_name_of_a_member_of_a_domain_stays(named, predicted):
    named.put("/etc/hostname", "n7.corp.example\n")
    named.put("/etc/hosts", "127.0.1.1 n7.corp.example n7\n")
    done = predicted(host_names, name="w1", set_name=False, hosts={"w1": "10.0.0.1"})
    assert done["name"] == "n7.corp.example" and named.ran == []
    assert [diff["before_header"] for diff in done["diff"]] == ["/etc/hosts"]
    assert named.text("/etc/hosts").startswith("127.0.1.1 n7.corp.example n7\n# BEGIN")


# What cloud-init 24.1 has in templates/hosts.debian.tmpl and hosts.redhat.tmpl, without the lines about IPv6.
NOTE = """# Your system has configured 'manage_etc_hosts' as True.
# As a result, if you wish for changes to this file to persist
# then you will need to either
# a.) make changes to the master file in /etc/cloud/templates/hosts.%s.tmpl
# b.) change or remove the value of 'manage_etc_hosts' in
#     /etc/cloud/cloud.cfg or cloud-config from user-data
#
"""
DEBIAN = "## template:jinja\n" + NOTE % "debian" + "127.0.1.1 {{fqdn}} {{hostname}}\n127.0.0.1 localhost\n"
REDHAT = (
    "## template:jinja\n"
    + NOTE % "redhat"
    + "127.0.0.1 {{fqdn}} {{hostname}}\n127.0.0.1 localhost.localdomain localhost\n"
)
OLD = NOTE % "redhat" + "127.0.0.1 ${fqdn} ${hostname}\n127.0.0.1 localhost.localdomain localhost\n"


def cloud_init(template):
    """What it makes of the template at a boot."""
    text = template.partition("template:jinja\n")[2] or template
    for fqdn, hostname in (("{{fqdn}}", "{{hostname}}"), ("${fqdn}", "${hostname}")):
        text = text.replace(fqdn, "w1.cloud.example").replace(hostname, "w1")
    return text


@pytest.mark.parametrize(("family", "template"), [("debian", DEBIAN), ("redhat", REDHAT), ("redhat", OLD)])
def test_a_hosts_file_that_cloud_init_makes(named, predicted, call, family, template):
    """It is the same after a boot as after the run, and the next run finds nothing to do."""
    path = f"/etc/cloud/templates/hosts.{family}.tmpl"
    named.put(path, template, 0o640)
    named.put("/etc/cloud/templates/hosts.suse.tmpl", template)
    named.put("/etc/hosts", cloud_init(template))
    done = predicted(host_names, name="w1", hosts={"w1": "10.0.0.1", "w2": "10.0.0.2"})
    assert [diff["before_header"] for diff in done["diff"]] == ["host name", "/etc/hosts", path]
    assert "10.0.0.1 w1.cloud.example w1\n10.0.0.2 w2\n# END" in named.text("/etc/hosts")
    assert cloud_init(named.text(path)) == named.text("/etc/hosts") and named.mode(path) == 0o640
    assert named.text(path).startswith(template[:20])
    assert named.text("/etc/cloud/templates/hosts.suse.tmpl") == template
    named.put("/etc/hosts", cloud_init(named.text(path)))
    assert call(host_names, name="w1", hosts={"w1": "10.0.0.1", "w2": "10.0.0.2"})["changed"] is False


@pytest.mark.parametrize(
    "path",
    ["/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/90_x.cfg", "/var/lib/cloud/instance/vendor-cloud-config.txt"],
)
def test_a_hosts_file_that_cloud_init_will_make(named, predicted, path):
    """A template without its note, or a hosts file of before the setting."""
    named.put("/etc/debian_version", "12.7\n")
    named.put(path, "#cloud-config\nmanage_etc_hosts: true\n")
    named.put("/etc/cloud/templates/hosts.debian.tmpl", "127.0.0.1 localhost\n")
    predicted(host_names, name="w1", hosts={"w1": "10.0.0.1"})
    assert "10.0.0.1 w1\n" in named.text("/etc/cloud/templates/hosts.debian.tmpl")


@pytest.mark.parametrize("setting", ["", "manage_etc_hosts: false\n", "# manage_etc_hosts: true\n"])
def test_a_hosts_file_that_cloud_init_leaves(named, call, setting):
    named.put("/etc/cloud/cloud.cfg", setting)
    named.put("/etc/cloud/templates/hosts.redhat.tmpl", REDHAT)
    done = call(host_names, name="w1", hosts={"w1": "10.0.0.1"})
    assert done["changed"] and "warnings" not in done
    assert named.text("/etc/cloud/templates/hosts.redhat.tmpl") == REDHAT


@pytest.mark.parametrize("check", [True, False])
def test_a_template_that_is_not_there(named, call, check):
    named.put("/etc/cloud/cloud.cfg", "manage_etc_hosts: True\n")
    named.path("/etc/cloud/templates").mkdir()
    before = named.everything()
    failed = call(host_names, check=check, name="w1", hosts={"w1": "10.0.0.1"})
    assert "no template /etc/cloud/templates/hosts.redhat.tmpl" in failed["msg"]
    assert "set manage_etc_hosts to false" in failed["msg"] and named.everything() == before and named.ran == []


def test_an_image_that_has_lost_cloud_init(named, predicted):
    named.put("/etc/hosts", cloud_init(DEBIAN))
    assert predicted(host_names, name="w1", hosts={"w1": "10.0.0.1"})["changed"]


def test_cloud_init_that_adds_the_name_at_each_boot(named, call):
    named.put("/var/lib/cloud/instance/cloud-config.txt", "manage_etc_hosts: localhost\n")
    done = call(host_names, name="w1", hosts={"w1": "10.0.0.1"})
    assert done["changed"] and "manage_etc_hosts is localhost" in str(done["warnings"])


def test_a_refusal_is_a_message(named, call):
    named.acts["hostnamectl"] = named.acts.pop("hostnamectl set-hostname") and (1, "", "Invalid hostname")
    assert call(host_names, name="w 1", hosts={})["msg"] == "Invalid hostname"
    assert "missing required arguments: hosts" in call(host_names, name="w1")["msg"]


def test_a_hosts_file_that_is_not_utf_8_keeps_its_bytes(named, call):
    named.put("/etc/hosts", b"# caf\xe9\n127.0.0.1 localhost\n")
    assert call(host_names, name="w1", hosts={"w1": "10.0.0.1"})["changed"]
    assert named.path("/etc/hosts").read_bytes().startswith(b"# caf\xe9\n127.0.0.1 localhost\n")
