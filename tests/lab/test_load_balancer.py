# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway gets an address of the nodes' network, which answers from outside, and loses it again."""

from __future__ import annotations

import urllib.request

import pytest
import truth
from conftest import ROOT
from mesh_world import clients, wait_until

BOOK = "playbooks/install_load_balancer.yml"
POOL = "load_balancer_addresses=10.87.0.200-10.87.0.203"
POOLS = ("metallb.io", "v1beta1", "metallb-system", "ipaddresspools")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    log = tmp_path_factory.mktemp("balancer") / "runs.jsonl"

    def run(book, *extra):
        options = [word for one in extra for word in ((one,) if one.startswith("--") else ("-e", one))]
        done = truth.play(log, book, *options)
        assert done["code"] == 0, done["errors"]
        return done

    return run


@pytest.fixture(scope="module")
def installed(run):
    predicted, done = run(BOOK, POOL, "--check"), run(BOOK, POOL)
    assert truth.disagreements(predicted, done) == []
    assert done["changed"] == {"localhost": ["bare.mesh.load_balancer : Run MetalLB"]}
    yield done
    run("playbooks/install_mesh.yml")
    predicted, gone = run(BOOK, "load_balancer_state=absent", "--check"), run(BOOK, "load_balancer_state=absent")
    assert truth.disagreements(predicted, gone) == []
    assert run(BOOK, "load_balancer_state=absent")["changed"] == {}
    assert "metallb-system" not in [one.metadata.name for one in clients().core.list_namespace().items]


def gateway():
    return clients().core.read_namespaced_service("istio-ingressgateway", "istio-system")


def test_a_second_run_changes_nothing(installed, run):
    assert run(BOOK, POOL)["changed"] == {}


@pytest.mark.feature("ingress-load-balancer", "report-services")
def test_the_gateway_answers_at_an_address_of_the_pool(installed, run):
    report = run("playbooks/install_mesh.yml", "istio_ingress_service_type=LoadBalancer")["output"]
    wait_until(lambda: gateway().status.load_balancer.ingress, "the gateway got no address")
    address = gateway().status.load_balancer.ingress[0].ip
    assert address.startswith("10.87.0.20")

    def answers():
        try:
            with urllib.request.urlopen(f"http://{address}/productpage", timeout=5) as page:
                return page.status == 200
        except OSError:
            return False

    wait_until(answers, f"nobody answers at {address}")
    again = run("playbooks/install_mesh.yml", "istio_ingress_service_type=LoadBalancer")
    assert again["changed"] == {}
    assert f"LoadBalancer {gateway().spec.cluster_ip}, outside {address}" in " ".join(again["output"].split()), report


@pytest.mark.feature("gateway-address")
def test_the_address_of_the_page_is_that_of_the_load_balancer(installed, run):
    address = gateway().status.load_balancer.ingress[0].ip
    page = run("playbooks/deploy_bookinfo.yml")["output"]
    assert f"Bookinfo: http://{address}:80/productpage" in page


def test_another_pool(installed, run):
    done = run(BOOK, "load_balancer_addresses=10.87.0.204/31")
    assert done["changed"] == {"localhost": ["bare.mesh.load_balancer : Run MetalLB"]}
    (pool,) = clients().custom.list_namespaced_custom_object(*POOLS)["items"]
    assert pool["spec"]["addresses"] == ["10.87.0.204/31"]


def test_the_example_is_possible(installed, run):
    assert run(str(ROOT / "docs/examples/load_balancer.yml"), "--check")["code"] == 0
