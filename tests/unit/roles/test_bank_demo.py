# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bank demo's application, scenarios and rules, as data."""

from __future__ import annotations

import json
from pathlib import Path

import jinja2
import pytest
import yaml

from lab.images.bank_demo.images import NAME, TAG

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/bank_demo"
SERVICES = yaml.safe_load((ROLE / "vars/main/application.yml").read_text())["__bank_demo_services"]
ROUTING = yaml.safe_load((ROLE / "vars/main/routing.yml").read_text())
EGRESS = yaml.safe_load((ROLE / "vars/main/egress.yml").read_text())
OPTIONS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
LAB = yaml.safe_load((ROOT / "inventories/lab/group_vars/all/settings.yml").read_text())


@pytest.fixture(scope="module")
def pods():
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters["to_json"] = json.dumps
    text = environment.from_string((ROLE / "templates/application.yml.j2").read_text()).render(
        __bank_demo_services=SERVICES,
        __bank_demo_external_url="http://out.example.com:80/",
        bank_demo_namespace="bank",
        bank_demo_image="registry.example/bank-demo:1",
        bank_demo_external_host="out.example.com",
        bank_demo_external_address="192.0.2.1",
    )
    objects = list(yaml.safe_load_all(text))
    assert {one["metadata"]["namespace"] for one in objects} == {"bank"}
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"}


def test_every_version_has_its_deployment(pods):
    added = {f"addedvalues-{version}" for version in ("v1", "v2", "v3")}
    assert set(pods) == {"productpage-v1", "details-v1", "styletransfer-v1", *added}


def test_only_version_3_of_addedvalues_knows_the_host_outside(pods):
    assert [name for name, pod in pods.items() if "hostAliases" in pod] == ["addedvalues-v3"]
    told = {name: [one["name"] for one in pod["containers"][0]["env"]] for name, pod in pods.items()}
    assert [name for name, names in told.items() if "EXTERNAL_URL" in names] == ["addedvalues-v3"]


def test_the_lab_deploys_the_image_that_it_builds():
    assert LAB["bank_demo_image"] == f"{NAME}:{TAG}"


def test_every_scenario_has_routes_that_fit_its_versions():
    routes, versions = ROUTING["__bank_demo_addedvalues_routes"], ROUTING["__bank_demo_versions"]
    assert set(OPTIONS["bank_demo_routing"]["choices"]) == set(routes) == set(versions)
    for scenario in set(routes) - {"default"}:
        # The last route is the one that has no condition.
        assert {one["destination"]["subset"] for one in routes[scenario][-1]["route"]} == set(versions[scenario])


def test_every_version_has_its_subset():
    subsets = {
        one["host"]: [each["name"] for each in one["subsets"]] for one in ROUTING["__bank_demo_destination_rules"]
    }
    assert subsets == {name: facts["versions"] for name, facts in SERVICES.items()}


def test_all_rules_are_removed_with_the_application():
    written = {
        "Gateway": ROUTING["__bank_demo_gateways"],
        "VirtualService": ROUTING["__bank_demo_virtual_services"],
        "DestinationRule": ROUTING["__bank_demo_destination_rules"],
        "Sidecar": EGRESS["__bank_demo_sidecars"],
        "ServiceEntry": EGRESS["__bank_demo_service_entries"],
    }
    named = {kind: {one["name"] for one in objects} for kind, objects in written.items()}
    assert named == {kind: set(names) for kind, names in EGRESS["__bank_demo_rule_names"].items()}
