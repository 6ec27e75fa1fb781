# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role's application and scenarios, as data."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.module_utils.parsing.convert_bool import boolean

from lab.images.bookinfo.images import IMAGES

ROLE = Path(__file__).resolve().parents[3] / "roles/bookinfo"
APPLICATION = yaml.safe_load((ROLE / "vars/main/application.yml").read_text())
ROUTING = yaml.safe_load((ROLE / "vars/main/routing.yml").read_text())
OPTIONS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
SECURITY = yaml.safe_load((ROLE / "vars/main/security.yml").read_text())
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


def security(name, **settings):
    """The objects that a template renders, in the namespace shop."""
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters |= {"to_json": json.dumps, "bool": boolean}
    values = {"__bookinfo_callers": SECURITY["__bookinfo_callers"], "bookinfo_namespace": "shop"}
    values |= {"bookinfo_gateway_namespace": "edge", "__bookinfo_scenario": {}, "__bookinfo_extras": {}, **settings}
    text = environment.from_string((ROLE / f"templates/{name}.yml.j2").read_text()).render(values)
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}
    return {key: one for key, one in found.items() if one["apiVersion"].startswith("security.")}


JWT = {"issuer": "https://issuer.example", "jwks": '{"keys": [{"kty": "RSA"}]}'}
PROTECTION = [
    {"__bookinfo_strict": strict, "__bookinfo_issuer": issuer, "__bookinfo_token_required": required}
    for strict in (True, False)
    for issuer, required in ((JWT["issuer"], True), (JWT["issuer"], False), ("", False))
]


@pytest.mark.parametrize("settings", PROTECTION)
def test_protection_that_is_not_asked_for_is_removed(settings):
    wanted, surplus = (set(security(name, bookinfo_jwt=JWT, **settings)) for name in ("security", "surplus"))
    assert not wanted & surplus
    assert wanted | surplus == set(security("surplus"))


def test_only_the_callers_that_bookinfo_needs_are_allowed():
    found = security("security", __bookinfo_strict=True)
    assert SECURITY["__bookinfo_deny_all"]["spec"] == {}
    allowed = {}
    for one in found.values():
        rules = one["spec"]["rules"]
        assert [set(rule) for rule in rules] == [{"from"}]
        allowed[one["spec"]["selector"]["matchLabels"]["app"]] = [entry["source"] for entry in rules[0]["from"]]
    page = [{"serviceAccounts": ["shop/bookinfo-productpage"]}]
    assert allowed == {
        "productpage": [{"namespaces": ["edge"]}],
        "details": page,
        "reviews": page,
        "ratings": [{"serviceAccounts": ["shop/bookinfo-reviews"]}],
    }


@pytest.mark.parametrize("keys", [JWT["jwks"], json.loads(JWT["jwks"])])
def test_public_keys_are_text_in_the_object_also_if_ansible_has_read_them(keys):
    found = security("security", __bookinfo_issuer=JWT["issuer"], bookinfo_jwt={**JWT, "jwks": keys})
    [rule] = found["RequestAuthentication", "bookinfo-token"]["spec"]["jwtRules"]
    assert rule == JWT
    remote = {"issuer": JWT["issuer"], "jwks_uri": "https://issuer.example/keys", "audiences": ["books"]}
    expected = {"issuer": JWT["issuer"], "jwksUri": remote["jwks_uri"], "audiences": ["books"]}
    # Values of the command line are text.
    for more, said in (({}, {}), ("no", {}), ("yes", {"forwardOriginalToken": True})):
        setting = {**remote, "forward_original_token": more} if more else remote
        found = security("security", __bookinfo_issuer=JWT["issuer"], bookinfo_jwt=setting)
        [rule] = found["RequestAuthentication", "bookinfo-token"]["spec"]["jwtRules"]
        assert rule == expected | said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        (JWT, []),
        (
            {"jwks": '{"keys": []}', "jwks_uri": "ftp://issuer.example", "audiences": [1]},
            [
                "issuer is not set",
                "both jwks and jwks_uri",
                "jwks_uri is not a URL",
                "jwks is not a",
                r"audiences\[0\] is 1",
            ],
        ),
    ],
    ids=["none", "good", "bad"],
)
def test_the_role_alone_says_all_that_is_wrong_with_tokens(tmp_path, given, words):
    """Without the preflight of site.yml, in one message."""
    tasks = yaml.safe_load((ROLE / "tasks/validate.yml").read_text())[1:]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps({"bookinfo_jwt": given}), "play.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == (2 if words else 0), done.stdout + done.stderr
    assert [one for one in words if not re.search(one, done.stdout)] == [], done.stdout


@pytest.mark.parametrize("arguments", [[], ["name=jason", "http://localhost/page"]])
def test_the_script_prints_each_answer_with_its_status(arguments):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404)
            self.end_headers()
            self.wfile.write(f"cookie {self.headers['Cookie']}".encode())

        def do_POST(self):
            self.send_response(302)
            self.send_header("Set-Cookie", self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_header("Location", "/" if self.headers["Referer"] == arguments[1] else "/wrong")
            self.end_headers()

        def log_message(self, *_ignored):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [sys.executable, str(ROLE / "files/request.py"), "2", f"http://localhost:{server.server_port}/"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
        server.shutdown()
    assert done.stdout == f"cookie {arguments[0] if arguments else None}\n404" * 2
