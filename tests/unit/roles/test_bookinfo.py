# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role's application and scenarios, as data."""

from __future__ import annotations

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


def test_every_scenario_has_routes_that_fit_its_versions():
    routes, versions = ROUTING["__bookinfo_reviews_routes"], ROUTING["__bookinfo_reviews_versions"]
    assert set(SCENARIOS) == set(routes) == set(versions)
    for scenario in set(SCENARIOS) - {"default"}:
        # The last route is the one that has no condition.
        assert {target["destination"]["subset"] for target in routes[scenario][-1]["route"]} == set(versions[scenario])
        assert sum(target.get("weight", 100) for target in routes[scenario][-1]["route"]) == 100
