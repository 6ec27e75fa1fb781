# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gateways apart from the default one: TLS, calls that leave through one, and nothing of them afterwards."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
import truth
import yaml
from certificates import Authority
from conftest import ADDRESSES, LAB
from mesh_world import clients, wait_until

from tests.istio_kinds import load
from tests.module_process import run_module

BOOK = "playbooks/install_mesh.yml"
SPACE = "istio-gateways"
HTTPS, MUTUAL = 31443, 31444
OUTSIDE = "outside.example.com"


def settings(authority, folder):
    """A gateway with both kinds of TLS, two pods, and an egress gateway for the API server of the lab."""

    def server(number, name, mode):
        tls = {"mode": mode, "credentialName": name}
        return {"port": {"number": number, "name": name, "protocol": "HTTPS"}, "hosts": ["*"], "tls": tls}

    certificate, key = authority.issue("team.example.com", folder)
    return {
        "istio_gateway_gateways": [
            {
                "name": "team",
                "service_type": "NodePort",
                "min_replicas": 2,
                "max_replicas": 2,
                "ports": [
                    {"name": "https", "port": 443, "nodePort": HTTPS},
                    {"name": "mutual", "port": 8444, "nodePort": MUTUAL},
                ],
                "servers": [server(443, "simple", "SIMPLE"), server(8444, "both", "MUTUAL")],
            },
            {
                "name": "out",
                "type": "egress",
                "egress_hosts": [{"host": OUTSIDE, "port": 6443, "address": ADDRESSES["node1"]}],
                "ports": [{"name": "tls", "port": 6443}],
            },
        ],
        "istio_gateway_credentials": [
            {"name": "simple", "certificate": certificate, "key": key},
            {"name": "both", "certificate": certificate, "key": key, "ca": authority.path},
        ],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gateways")


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder)


def default_gateway():
    found = clients().core.list_namespaced_pod("istio-system", label_selector="istio=ingressgateway").items
    # A test before this one may have replaced the pod, and the old one takes its time to end.
    return [pod.metadata.uid for pod in found if pod.metadata.deletion_timestamp is None]


def run(folder, given, *options):
    extra = folder / "settings.yml"
    extra.write_text(yaml.safe_dump(given))
    return truth.play(folder / "runs.jsonl", BOOK, "-e", f"@{extra}", *options)


@pytest.fixture(scope="module")
def installed(folder, authority):
    """The gateways, foretold by check mode, and a route of Bookinfo on one of them."""
    before = default_gateway()
    given = settings(authority, folder)
    predicted, done, again = run(folder, given, "--check"), run(folder, given), run(folder, given)
    for one in (predicted, done, again):
        assert one["code"] == 0, one["errors"]
    assert truth.disagreements(predicted, done) == []
    assert again["changed"] == {}
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "team", "namespace": "bookinfo"},
        "spec": {
            "hosts": ["team.example.com"],
            "gateways": [f"{SPACE}/team"],
            "http": [{"route": [{"destination": {"host": "productpage", "port": {"number": 9080}}}]}],
        },
    }
    module = load("modules", "istio_config")
    made = run_module(module, kubeconfig=str(LAB / "kubeconfig"), resources=[route])
    assert "failed" not in made, made
    wait_until(lambda: get(HTTPS, authority.context()) == 200, "the route did not reach the gateway")
    yield before, done
    run_module(module, kubeconfig=str(LAB / "kubeconfig"), resources=[route], state="absent")
    assert run(folder, {})["code"] == 0


def get(port, context):
    """The status of Bookinfo's page at a port of the gateway."""
    opened = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(f"https://{ADDRESSES['node3']}:{port}/productpage")
    request.add_header("Host", "team.example.com")
    try:
        with opened.open(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_example_of_the_role_is_possible(play):
    run = play("--check", "docs/examples/istio_gateway.yml")
    assert run["code"] == 0, run["errors"]
    assert "bare.mesh.istio_gateway : Run the gateways" in run["changed"]["localhost"]


@pytest.mark.feature("gateways-ingress", "gateways-tls")
def test_tls_with_the_credential_from_files(installed, authority):
    assert get(HTTPS, authority.context()) == 200


@pytest.mark.feature("gateways-tls")
def test_mutual_tls_wants_a_certificate_of_the_client(installed, authority, folder):
    with pytest.raises(OSError):
        get(MUTUAL, authority.context())
    assert get(MUTUAL, authority.context(authority.issue("client", folder))) == 200
    stranger = Authority(folder / "stranger")
    with pytest.raises(OSError):
        get(MUTUAL, authority.context(stranger.issue("stranger", folder)))


def test_the_report_says_addresses_and_expiry(installed, authority):
    output = installed[1]["output"]
    assert f"gateway team in {SPACE}: NodePort, ports 443:{HTTPS} 8444:{MUTUAL}" in output
    assert f"credential simple in {SPACE}: expires on {authority.expires}" in output
    assert "PRIVATE KEY" not in output


@pytest.mark.feature("gateways-ingress")
def test_two_pods_on_different_nodes(installed):
    found = clients().core.list_namespaced_pod(SPACE, label_selector="istio=team").items
    assert len({pod.spec.node_name for pod in found}) == 2
    names = [one.metadata.name for one in clients().policy.list_namespaced_pod_disruption_budget(SPACE).items]
    assert names == ["team"]


@pytest.mark.feature("gateways-egress")
def test_calls_leave_through_the_egress_gateway(installed):
    command = ["curl", "-sk", "--max-time", "10", "--connect-to", f"{OUTSIDE}:6443:192.0.2.9:6443"]
    done = run_module(
        load("modules", "k8s_exec"),
        kubeconfig=str(LAB / "kubeconfig"),
        namespace="bookinfo",
        label_selectors=["app=ratings"],
        container="ratings",
        command=[*command, f"https://{OUTSIDE}:6443/version"],
    )
    assert json.loads(done["stdout"])["major"] == "1", done
    (pod,) = clients().core.list_namespaced_pod(SPACE, label_selector="istio=out").items
    stats = run_module(
        load("modules", "k8s_exec"),
        kubeconfig=str(LAB / "kubeconfig"),
        namespace=SPACE,
        pod=pod.metadata.name,
        command=["pilot-agent", "request", "GET", f"clusters?filter={OUTSIDE}"],
    )
    totals = [line for line in stats["stdout"].splitlines() if OUTSIDE in line and "::rq_total::" in line]
    assert totals and int(totals[0].rpartition("::")[2]) > 0, stats


@pytest.mark.feature("gateways-ingress")
def test_the_default_gateway_is_not_touched(installed):
    assert default_gateway() == installed[0]


def test_a_credential_that_nobody_has_made_is_refused(installed, folder, authority):
    given = settings(authority, folder)
    given["istio_gateway_gateways"][0]["servers"][0]["tls"]["credentialName"] = "nobody"
    refused = run(folder, given)
    assert refused["code"] != 0 and refused["changed"] == {}
    assert f"names the credential nobody, and the namespace {SPACE} has no" in " ".join(refused["output"].split())


@pytest.mark.feature("gateways-removed")
def test_what_leaves_the_list_is_removed(installed, folder, authority):
    given = settings(authority, folder)
    del given["istio_gateway_gateways"][1]
    del given["istio_gateway_credentials"][1]
    given["istio_gateway_gateways"][0]["servers"].pop()
    predicted, done = run(folder, given, "--check"), run(folder, given)
    assert done["code"] == 0, done["errors"]
    assert truth.disagreements(predicted, done) == []
    core, custom = clients().core, clients().custom
    assert [one.metadata.name for one in core.list_namespaced_secret(SPACE).items] == ["simple"]
    assert {one.metadata.name for one in core.list_namespaced_service_account(SPACE).items} == {"default", "team"}
    assert [one.metadata.name for one in clients().apps.list_namespaced_deployment(SPACE).items] == ["team"]
    for kind, names in {"gateways": ["team"], "virtualservices": [], "serviceentries": []}.items():
        found = custom.list_namespaced_custom_object("networking.istio.io", "v1", SPACE, kind)["items"]
        assert [one["metadata"]["name"] for one in found] == names
