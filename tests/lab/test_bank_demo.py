# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bank demo: routes by the name of the user, and the call out of the mesh, measured at the gateway."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from conftest import LAB, ROOT
from kubernetes.client.exceptions import ApiException
from test_browser import browse

ROLE = ROOT / "roles/bank_demo"
HOST = yaml.safe_load((ROLE / "defaults/main/main.yml").read_text())["bank_demo_host"]
PLAYBOOK = "playbooks/deploy_bank_demo.yml"
NAMESPACE = "bank-demo"
SCREENSHOT = LAB / "bank-demo.png"
RULES = ("gateways", "virtualservices", "destinationrules", "sidecars", "serviceentries")
# Tasks of the role.
ROUTE, EGRESS = "Route the requests", "Make the host outside of the mesh known, or unknown"


@pytest.fixture(scope="module")
def clean(api):
    yield
    try:
        api.delete_namespace(NAMESPACE)
    except ApiException as error:
        assert error.status == 404, error


@pytest.fixture
def deploy(play):
    def run(*settings):
        """Run the playbook once. Returns the names of the changed tasks."""
        done = play(PLAYBOOK, *(word for setting in settings for word in ("-e", setting)))
        assert done["code"] == 0, done["errors"]
        return [name.rpartition(" : ")[2] for name in done["changed"].get("localhost", [])]

    return run


def page(url, user="", host=HOST):
    request = urllib.request.Request(url, headers={"Host": host, "Cookie": f"user={user}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def several(ask, times):
    """The different answers to a question that is asked several times at once."""
    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(lambda _number: ask(), range(times)))


def versions(url, user="", times=10):
    return several(lambda: re.search(r"addedvalues-(v\d)-[0-9a-f]+-\w+", page(url, user))[1], times)


def button(url, user=""):
    """What the button of the page is: enabled, disabled, or missing."""
    found = re.search(r'<button id="transfer"( disabled)?>', page(url, user))
    return ("disabled" if found[1] else "enabled") if found else "missing"


def look(url, folder):
    """Sign in as yunqi-test in Chromium, and keep a picture of the page."""
    address = urllib.parse.urlsplit(url)
    base = f"http://{HOST}:{address.port}/"
    resolve = f"--host-resolver-rules=MAP {HOST} {address.hostname}"
    signed_out = browse(folder / "nobody", resolve, "--dump-dom", f"{base}productpage")
    assert "addedvalues-v2" in signed_out and "yunqi-test" not in signed_out
    form = folder / "form.html"
    form.write_text(
        f'<body onload="document.forms[0].submit()"><form method="post" action="{base}login">'
        '<input name="username" value="yunqi-test"></form></body>'
    )
    options = [resolve, "--virtual-time-budget=10000"]
    signed_in = browse(folder / "user", *options, "--dump-dom", form.as_uri())
    assert "addedvalues-v3" in signed_in and "yunqi-test" in signed_in
    browse(folder / "user", *options, f"--screenshot={SCREENSHOT}", form.as_uri())
    assert SCREENSHOT.read_bytes().startswith(b"\x89PNG") and SCREENSHOT.stat().st_size > 20_000


@pytest.mark.feature("bank-demo", "bank-v2", "bank-users", "bank-egress")
def test_bank_demo(play, deploy, api, custom_api, page_url, clean, tmp_path):
    predicted = play(PLAYBOOK, "--check", "-e", "bank_demo_routing=all-v2")
    done = play(PLAYBOOK, "-e", "bank_demo_routing=all-v2")
    assert done["code"] == 0, done["errors"]
    assert predicted["changed"] == done["changed"] != {}
    assert versions(page_url, "yunqi-test") == versions(page_url) == {"v2"}
    assert "Risk and investment analysis" in page(page_url)
    assert button(page_url) == "missing"
    # Bookinfo keeps all other host names of the gateway.
    assert "Simple Bookstore App" in page(page_url, host="other.example.com")

    assert deploy("bank_demo_routing=yunqi-v3") == [ROUTE]
    assert versions(page_url, "yunqi-test") == versions(page_url, "yunqi") == {"v3"}
    # The expression holds for the whole name.
    assert versions(page_url, "mary") == versions(page_url, "not-yunqi") == versions(page_url) == {"v2"}
    assert button(page_url, "yunqi-test") == "disabled"
    assert "outside of the mesh" in page(page_url, "yunqi-test")

    assert deploy("bank_demo_routing=yunqi-v3", "bank_demo_egress=allowed") == [EGRESS]
    assert button(page_url, "yunqi-test") == "enabled"
    look(page_url, tmp_path)
    # A second run: the example of the role's README has the same settings.
    run = play(str(ROOT / "docs/examples/bank_demo.yml"))
    assert (run["code"], run["changed"]) == (0, {}), run["errors"]

    # The next run without these settings takes both back.
    assert set(deploy()) == {ROUTE, EGRESS}
    assert versions(page_url, times=30) == {"v1", "v2", "v3"}
    assert several(lambda: button(page_url), 30) == {"missing", "disabled"}

    assert deploy("bank_demo_state=absent") == ["Remove the application, its routes and its rules"]
    assert not api.list_namespaced_service(NAMESPACE).items
    for plural in RULES:
        assert not custom_api.list_namespaced_custom_object("networking.istio.io", "v1", NAMESPACE, plural)["items"]
    assert deploy("bank_demo_state=absent") == []


def test_wrong_settings_are_named_together_before_anything_is_changed(play, api):
    wrong = ("-e", "bank_demo_image=", "-e", "bank_demo_host=Bank", "-e", "bank_demo_external_host=192.0.2.1")
    done = play(PLAYBOOK, *wrong, "-e", "bank_demo_namespace=bank-demo-wrong")
    assert done["code"] != 0
    for said in ("bank_demo_image is empty", "bank_demo_host is Bank", "bank_demo_external_host is 192.0.2.1"):
        assert said in " ".join(done["output"].split())
    assert "bank-demo-wrong" not in [one.metadata.name for one in api.list_namespace().items]
