# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad input ends a run before any host is changed, with a message that names the cause and the fix."""

from __future__ import annotations

import json
import re
import shutil
import time

import pytest
import yaml
from conftest import _INVENTORY, ADDRESSES, ROOT, node

# Seconds within which a run with wrong settings ends.
SOON = 10
REACH = "See that the controller can reach it.*bare_mesh_mirror_url"
COMPARE = "compare with its owner's published fingerprint"
WRONG_KEYS = dict.fromkeys(("kubernetes", "docker_deb", "docker_rpm"), "0123456789ABCDEF0123456789ABCDEF01234567")


def flat(output):
    """The output without Ansible's line wraps."""
    return " ".join(output.split())


def refused(run, culprit, fix):
    assert run["code"] != 0
    assert run["changed"] == {}
    assert re.search(f"(?:{culprit}).*(?:{fix})", flat(run["output"])), run["errors"]


@pytest.mark.feature("host-names-unique")
@pytest.mark.parametrize(
    ("variables", "culprit", "fix"),
    [
        ({"istio_profile": "nonsense"}, "istio_profile.*nonsense", "Choose from:.*default"),
        ({"bare_mesh_pod_cidr": "10.96.0.0/16"}, "bare_mesh_pod_cidr.*overlap", "Choose ranges that do not overlap"),
        ({"bare_mesh_mirror_url": "https://10.87.0.99"}, r"https://10\.87\.0\.99", REACH),
        (
            {"istioctl_checksum": "0" * 64},
            "istioctl_checksum.*0{64}",
            "set the checksum of this version, or leave it empty",
        ),
        ({"bare_mesh_key_fingerprints": WRONG_KEYS}, "bare_mesh_key_fingerprints.*0123456789ABCDEF", COMPARE),
        ({"istio_operator_spec": {"nonsense": True}}, "nonsense", "istio_operator_spec|IstioOperator"),
        (
            {"host_prep_hostname": "same"},
            "node1, node2, node3.*would all be named same",
            "Give each host a name of its own",
        ),
    ],
    ids=["profile", "ranges", "mirror", "checksum", "key", "spec", "names"],
)
def test_bad_setting(play, variables, culprit, fix):
    refused(play("site.yml", "-e", json.dumps(variables)), culprit, fix)


MISTAKES = yaml.safe_load((ROOT / "tests/lab/mistakes.yml").read_text())


@pytest.mark.feature("form-refusals", "versions-fit", "host-checks", "preflight-packages")
@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_come_in_one_message(play, tmp_path, name):
    """tests/lab/mistakes.yml says what each of them is."""
    shutil.copytree(ROOT / "inventories/lab", tmp_path / "inventory")
    extra = {"__lab_dir": f"{ROOT}/.lab"}
    for place, settings in MISTAKES[name].items():
        values = {variable: value for variable, (value, _words) in settings.items()}
        if place == "extra":
            extra.update(values)
        else:
            folder = tmp_path / "inventory" / ("group_vars/all" if place == "all" else "host_vars")
            folder.mkdir(exist_ok=True)
            # Read after the lab's own settings.
            (folder / ("zz.yml" if place == "all" else f"{place}.yml")).write_text(yaml.safe_dump(values))
    began = time.monotonic()
    run = play("site.yml", "-i", str(tmp_path / "inventory"), "-e", json.dumps(extra), inventory=False)
    assert time.monotonic() - began < SOON
    assert run["code"] != 0 and run["changed"] == {}
    lines = flat(run["output"]).split(" - ")
    words = [words for settings in MISTAKES[name].values() for _value, words in settings.values()]
    assert [one for one in words if not any(re.search(one, line) for line in lines)] == [], run["errors"]


def test_there_are_forty_mistakes():
    assert sum(len(settings) for run in MISTAKES.values() for settings in run.values()) >= 40


def test_a_setting_that_an_existing_cluster_does_not_take_is_said(play):
    settings = {
        "kubeadm_cluster_config": {
            "apiServer": {"certSANs": ["lb.example"]},
            "featureGates": {"RootlessControlPlane": False},
        },
        "kubeadm_kubelet_config": {"maxPods": 50},
        "preflight_allow": ["cgroup_v1"],
    }
    run = play("playbooks/preflight.yml", "-e", json.dumps(settings))
    assert run["code"] == 0 and run["changed"] == {}, run["errors"]
    for words in (
        "kubeadm_cluster_config, apiServer.certSANs, featureGates.RootlessControlPlane",
        "kubeadm_kubelet_config, maxPods",
    ):
        assert re.search(f"{words} .creation.: .* has no effect on a cluster", flat(run["output"])), run["output"]
    run = play("playbooks/preflight.yml")
    assert run["code"] == 0 and "[creation]" not in run["output"], run["output"]


@pytest.mark.parametrize("group", ["k8s", "cluster"])
def test_the_hosts_are_in_another_group(play, tmp_path, group):
    """Ansible alone would look at no host, and end well."""
    hosts = {name: {"ansible_host": address} for name, address in ADDRESSES.items()}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({group: {"hosts": hosts}}))
    run = play("site.yml", "--check", "-i", str(tmp_path / "hosts.yml"), inventory=False)
    refused(run, "no hosts in the groups control_plane and workers", "Add your hosts to these groups")
    # The limit leaves out localhost, which says the above.
    run = play("site.yml", "--check", "-i", str(tmp_path / "hosts.yml"), "--limit", group, inventory=False)
    refused(run, "--limit leaves no host of the groups control_plane and workers", "Name hosts of these groups")


def test_kubeconfig_of_another_cluster(play, tmp_path):
    mine = tmp_path / "config"
    mine.write_text("clusters: [{name: a, cluster: {server: https://192.0.2.1:6443}}]\n")
    setting = json.dumps({"bare_mesh_kubeconfig": str(mine)})
    refused(play("site.yml", "-e", setting), f"{mine} is not a copy.*192.0.2.1", "Set bare_mesh_kubeconfig")
    assert mine.read_text().startswith("clusters: [{name: a,")


def test_inventory_without_a_control_plane(play, tmp_path):
    inventory = json.loads(json.dumps(_INVENTORY))
    cluster = inventory["all"]["children"]["cluster"]["children"]
    cluster["workers"]["hosts"].update(cluster["control_plane"].pop("hosts"))
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "group_vars").symlink_to(ROOT / "inventories/lab/group_vars")
    run = play("site.yml", "-i", str(tmp_path / "hosts.yml"), "-e", f"__lab_dir={ROOT}/.lab", inventory=False)
    refused(run, "control_plane.*has no host", "Put the host")


@pytest.mark.feature("host-checks")
def test_unsupported_system(play):
    host = node("node3")
    host.check_output("cp -P /etc/os-release /etc/os-release.kept")
    try:
        host.check_output(
            "sed 's/^ID=.*/ID=arch/' /usr/lib/os-release >/tmp/os-release && mv -f /tmp/os-release /etc/os-release"
        )
        refused(play("site.yml"), "node3.*is not supported", "Use one of:.*Debian 12")
    finally:
        host.check_output("mv -f /etc/os-release.kept /etc/os-release")


def test_weights_that_are_all_zero(play, tmp_path):
    destinations = [{"destination": {"host": "reviews", "subset": subset}, "weight": 0} for subset in ("v1", "v3")]
    task = {
        "name": "Route to nowhere",
        "bare.mesh.virtual_service": {
            "kubeconfig": "{{ bare_mesh_kubeconfig }}",
            "name": "reviews",
            "namespace": "bookinfo",
            "hosts": ["reviews"],
            "http": [{"route": destinations}],
        },
    }
    playbook = tmp_path / "weights.yml"
    playbook.write_text(
        yaml.safe_dump([{"name": "Route", "hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    )
    refused(play(str(playbook)), r"reviews.*http\[0\]\.route.*all weights are 0", "set at least one weight above 0")


def test_an_image_that_does_not_exist(play, tmp_path):
    """The task fails with the cause long before its timeout of an hour."""
    labels = {"app": "nothing"}
    container = {"name": "nothing", "image": "registry.k8s.io/nothing:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "nothing", "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    module = {"kubeconfig": "{{ bare_mesh_kubeconfig }}", "definition": deployment, "wait": True, "wait_timeout": 3600}
    tasks = [
        {"name": "Deploy it", "bare.mesh.k8s": module, "register": "deployed", "ignore_errors": True},
        {"name": "Remove it", "bare.mesh.k8s": {**module, "state": "absent"}},
        {"name": "Say what happened", "ansible.builtin.debug": {"msg": "{{ deployed.msg }}"}},
    ]
    playbook = tmp_path / "nothing.yml"
    playbook.write_text(
        yaml.safe_dump([{"name": "Deploy", "hosts": "localhost", "gather_facts": False, "tasks": tasks}])
    )
    run = play(str(playbook))
    assert run["code"] == 0, run["errors"]
    cause = r"waiting does not change that: pod nothing-\S+, container nothing: \w+ .*not found"
    assert re.search(cause, flat(run["output"])), run["errors"]


def test_tags_that_name_no_stage(play):
    refused(play("site.yml", "--tags", "mash"), "--tags mash", "The stages are hosts, kubernetes, mesh and bookinfo")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tags", "mesh"], "--tags left out: hosts, kubernetes, bookinfo"),
        (["--limit", "node3"], "--limit left out localhost.*add localhost to it"),
    ],
    ids=["tags", "limit"],
)
def test_a_run_of_a_part_says_so(play, arguments, words):
    run = play("site.yml", "--check", *arguments)
    assert run["code"] == 0 and run["changed"] == {}, run["errors"]
    *_before, last = flat(run["output"]).partition("PLAY RECAP")[0].split("TASK [")
    assert re.search(words, last), run["errors"]
