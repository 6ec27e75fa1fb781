# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that no role would take, found before any role runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.bare.mesh.plugins.filter import setting_faults

FAULTS = setting_faults.FilterModule().filters()["setting_faults"]
GROUPS = {"control_plane": ["n1"], "workers": ["n2"]}
ROOT = Path(__file__).resolve().parents[4]


def faults(everywhere=None, **hosts):
    hostvars = {name: {**(everywhere or {}), **hosts.get(name, {})} for name in ("n1", "n2", "localhost")}
    return [(one["where"], one["what"], one["fix"]) for one in FAULTS(GROUPS, hostvars)]


def test_every_default_is_a_good_setting():
    defaults = {}
    for name in ("defaults.yml",):
        defaults.update(yaml.safe_load((ROOT / "meta" / name).read_text()))
    for path in ROOT.glob("roles/*/defaults/main/main.yml"):
        defaults.update(yaml.safe_load(path.read_text()) or {})
    assert len(defaults) > 60 and faults(defaults) == []
    assert set(defaults) <= set(setting_faults.specifications())


def test_no_settings_and_others_settings():
    assert faults() == []
    assert (
        faults({"ansible_host": "192.0.2.1", "ntp_servers": [], "__istio_x": 1, "docker_users": [], "istiod": 1}) == []
    )


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("flannel_backend", "vxlam", "value of flannel_backend must be one of: vxlan, host-gw, got: vxlam"),
        ("bare_mesh_source", "nowhere", "value of bare_mesh_source must be one of:"),
        ("istio_operator_spec", "abc", "is of the type str, not dict"),
        ("kubeadm_token_ttl", "15m", "is of the type str, not int"),
        ("host_prep_upgrade", "perhaps", "is of the type str, not bool"),
        ("containerd_registries", ["docker.io"], "is of the type list, not dict"),
    ],
)
def test_a_value_that_its_role_would_refuse(name, value, what):
    ((where, said, fix),) = faults({name: value})
    assert where == name and what in said and "docs/variables.md" in fix


@pytest.mark.parametrize("name", setting_faults.URLS)
def test_urls_have_a_scheme(name):
    assert name in setting_faults.specifications()
    for good in ("", "https://192.0.2.1", "http://me:s3cret@proxy:3128"):
        assert faults({name: good}) == []
    for bad in ("192.0.2.1", "me:s3cret@proxy:3128", "https:/proxy", "ftp://proxy"):
        assert faults({name: bad})[0][:2] == (name, "is not a URL that begins with http:// or https://")


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("bare_mesh_pod_cird", "Did you mean bare_mesh_pod_cidr?"),
        ("istio_proflie", "Did you mean istio_profile?"),
        ("baremesh_pod_cidr", "Did you mean bare_mesh_pod_cidr?"),
        ("flanel_backend", "Did you mean flannel_backend?"),
        ("kubeadm_zzzzzzzzzzzz", "Remove it; docs/variables.md names all variables"),
    ],
)
def test_a_name_that_looks_like_ours(name, fix):
    assert faults({name: "x"}) == [(name, "is not a variable of this collection", fix)]


def test_the_hosts_are_named_where_not_all_have_the_fault():
    found = faults(n2={"flannel_backend": "vxlam"}, localhost={"flannel_backend": "vxlam", "istio_proflie": 1})
    assert [where for where, _what, _fix in found] == ["flannel_backend of n2, localhost", "istio_proflie of localhost"]


def test_all_faults_come_together():
    found = faults({"flannel_backend": "vxlam", "istio_proflie": 1, "bookinfo_routing": "all-v9"})
    assert [where for where, _what, _fix in found] == ["bookinfo_routing", "flannel_backend", "istio_proflie"]


class Undefined(dict):
    """Variables of a host of which some need facts that are not gathered."""

    def __getitem__(self, name):
        if super().__getitem__(name) is None:
            raise AnsibleUndefinedVariable(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("value", [None, "{{ ansible_facts['processor_vcpus'] }}"])
def test_a_value_that_needs_facts_is_left_to_its_role(value):
    assert FAULTS({"workers": ["n2"]}, {"n2": Undefined(preflight_min_cpus=value)}) == []


def test_a_variable_of_several_roles_is_held_against_each(monkeypatch):
    known = {"x": [{"type": "str", "choices": ["a", "b"]}, {"type": "str", "choices": ["b"]}]}
    monkeypatch.setattr(setting_faults, "specifications", lambda: known)
    assert setting_faults.wrong_values("x", "b") == []
    assert len(setting_faults.wrong_values("x", "a")) == 1 and len(setting_faults.wrong_values("x", "c")) == 2


def test_every_key_is_documented():
    contains = yaml.safe_load(setting_faults.RETURN)["_value"]["contains"]
    (found,) = FAULTS({}, {"localhost": {"istio_proflie": 1}})
    assert set(contains) == set(found) and found["check"] == "names"


def test_names_and_values_are_different_checks():
    """What depends on the settings is judged although a name is unknown, and not where a value is wrong."""
    found = FAULTS({}, {"localhost": {"istio_proflie": 1, "flannel_backend": "vxlam"}})
    assert [one["check"] for one in found] == ["settings", "names"]


@pytest.mark.parametrize(
    ("groups", "where", "fix"),
    [
        ({"worker": ["n3"]}, "group worker", "Did you mean the group workers?"),
        ({"control-plane": ["n3"]}, "group control-plane", "Did you mean the group control_plane?"),
        ({"cluster": ["n1", "n2", "n3"]}, "group cluster", "Put each host of the cluster into one of the two groups"),
    ],
)
def test_hosts_in_a_group_that_no_play_uses(groups, where, fix):
    (found,) = FAULTS({**GROUPS, **groups}, {name: {} for name in ("n1", "n2", "n3")})
    assert (found["check"], found["where"], found["fix"]) == ("inventory", where, fix) and "has n3," in found["what"]


def test_groups_that_are_no_slip():
    others = {"cluster": ["n1", "n2"], "mirrors": ["m"], "worker": ["n2"], "all": ["n1", "n2", "m"], "rack1": ["n9"]}
    assert FAULTS({**GROUPS, **others}, {name: {} for name in ("n1", "n2", "m", "n9")}) == []


@pytest.mark.feature("form-refusals")
@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"istio_trace_sampling": 101}, "istio_trace_sampling is 101"),
        # A wrong type hides what depends on it.
        ({"istio_trace_sampling": 101, "istio_mtls": "ON"}, "istio_mtls value of istio_mtls must be one of:"),
        ({"istio_gateway_gateways": [{"name": "a"}, {"name": "a"}]}, "istio_gateway_gateways[1] has the name a of"),
        (
            {"istio_gateway_credentials": [{"name": "a", "certificate": "/none", "key": "/dev/null"}]},
            "istio_gateway_credentials[0].certificate is /none, which cannot be read",
        ),
        ({"load_balancer_addresses": ["n1"]}, "load_balancer_addresses[0] is 'n1', which is not a range"),
        (
            {"load_balancer_addresses": ["192.0.2.1-192.0.2.9"], "ansible_host": "192.0.2.9"},
            "load_balancer_addresses[0] is 192.0.2.1-192.0.2.9, which overlaps n1 (192.0.2.9)",
        ),
        (
            {"load_balancer_addresses": ["10.1.2.0/24"], "bare_mesh_pod_cidr": "10.1.0.0/16"},
            "load_balancer_addresses[0] is 10.1.2.0/24, which overlaps bare_mesh_pod_cidr (10.1.0.0/16)",
        ),
        ({"bookinfo_jwt": {"issuer": "robots"}}, "bookinfo_jwt has no keys"),
        (
            {"bookinfo_jwt": {"issuer": "robots", "key": "x"}},
            "bookinfo_jwt has bookinfo_jwt.key, which is not known. Known are: audiences,",
        ),
        ({"istio_high_availability": True}, "istio_required_workers is 3, and the inventory has 1 worker"),
        ({"istio_required_workers": "2"}, "istio_required_workers is 2, and the inventory has 1 worker"),
    ],
)
def test_settings_of_the_mesh_that_cannot_be(settings, what):
    fault = faults(settings)[0]
    assert f"{fault[0]} {fault[1]}".startswith(what)


def test_enough_workers():
    assert faults({"istio_high_availability": True, "istio_required_workers": 1}) == []
    assert faults({"istio_required_workers": 0}) == []
