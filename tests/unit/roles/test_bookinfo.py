# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role's application and scenarios, as data."""

from __future__ import annotations

import json
from pathlib import Path

import jinja2
import pytest
import yaml

from lab.images.bookinfo.images import IMAGES

ROLE = Path(__file__).resolve().parents[3] / "roles/bookinfo"
APPLICATION = yaml.safe_load((ROLE / "vars/main/application.yml").read_text())
ROUTING = yaml.safe_load((ROLE / "vars/main/routing.yml").read_text())
OPTIONS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
SCENARIOS = OPTIONS["bookinfo_routing"]["choices"]
DEFINED = ROUTING["__bookinfo_scenarios"]


@pytest.fixture(scope="module")
def objects():
    template = jinja2.Template((ROLE / "templates/application.yml.j2").read_text(), trim_blocks=True)
    text = template.render(
        __bookinfo_services=APPLICATION["__bookinfo_services"],
        bookinfo_namespace="shop",
        bookinfo_registry="registry.example/istio",
        bookinfo_image_tag="1.2.3",
    )
    return list(yaml.safe_load_all(text))


def test_every_service_has_its_account_and_every_version_its_deployment(objects):
    kinds = ("Service", "ServiceAccount", "Deployment")
    names = {kind: {one["metadata"]["name"] for one in objects if one["kind"] == kind} for kind in kinds}
    assert names["Service"] == {"productpage", "details", "ratings", "reviews"}
    assert names["ServiceAccount"] == {f"bookinfo-{name}" for name in names["Service"]}
    versions = {"productpage-v1", "details-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"}
    assert names["Deployment"] == versions
    assert {one["metadata"]["namespace"] for one in objects} == {"shop"}


def test_images_are_those_that_the_lab_builds(objects):
    pods = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    images = {pod["containers"][0]["image"] for pod in pods}
    assert images == {f"registry.example/istio/{name}:1.2.3" for name in IMAGES}


def targets(routes):
    """The subsets of the last route, which has no condition, and the sum of their weights."""
    found = routes[-1]["route"]
    assert "match" not in routes[-1]
    return {one["destination"]["subset"] for one in found}, sum(one.get("weight", 100) for one in found)


def test_every_choice_is_a_scenario():
    assert list(DEFINED) == SCENARIOS
    fields = {"routes", "policies", "extras", "request", "versions", "visitor", "jason"}
    assert all(set(one) <= fields and ("versions" in one) != ("visitor" in one) for one in DEFINED.values())


@pytest.mark.feature("bookinfo-rules")
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if "routes" in DEFINED[name]])
def test_a_scenario_routes_to_versions_that_exist(scenario):
    services = APPLICATION["__bookinfo_services"]
    for service, routes in DEFINED[scenario]["routes"].items():
        reached, weights = targets(routes)
        assert weights == 100
        assert reached <= set(services[service]["versions"])
        if service == "reviews" and "versions" in DEFINED[scenario]:
            assert reached == set(DEFINED[scenario]["versions"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_a_scenario_lacks_is_removed(scenario):
    def rendered(name, scenario):
        values = {"__bookinfo_services": APPLICATION["__bookinfo_services"], "bookinfo_namespace": "shop"}
        values |= {"__bookinfo_scenario": scenario, "__bookinfo_extras": ROUTING["__bookinfo_extras"]}
        template = environment.from_string((ROLE / f"templates/{name}.yml.j2").read_text())
        return {
            (one["kind"], one["metadata"]["name"])
            for one in yaml.safe_load_all(template.render(values))
            if one and one["metadata"]["namespace"] == "shop"
        }

    environment = jinja2.Environment(trim_blocks=True)
    environment.filters["to_json"] = json.dumps
    wanted, surplus = (rendered(name, DEFINED[scenario]) for name in ("routes", "surplus"))
    assert not wanted & surplus
    # Without the application, all of them are removed.
    assert wanted | surplus == rendered("surplus", {})
