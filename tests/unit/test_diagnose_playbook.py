# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook diagnose, against an API server of two pods: what it prints, which logs it writes, and when it fails."""

from __future__ import annotations

import json
import stat
from functools import partial
from types import SimpleNamespace

import pytest

from tests.served_playbook import served

SHOP = "/api/v1/namespaces/shop"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
ENDS = ("-e", "diagnose_from=shop/cart", "-e", "diagnose_to=web:80")
FILES = ["istio-system_istiod_app.log", "shop_cart_app.log", "shop_web_app.log"]


def pod(namespace, name):
    """Without a sidecar, whose Envoy could only be asked by a command in the pod."""
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


WEB = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]},
}
SLICE = {
    "metadata": {"name": "web-1", "namespace": "shop"},
    "ports": [{"name": "http", "port": 8080}],
    "endpoints": [{"conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": "web"}}],
}
LISTS = {f"{SHOP}/pods": [pod("shop", "cart"), pod("shop", "web")], SLICES: [SLICE]}
LISTS["/api/v1/namespaces/istio-system/pods"] = [pod("istio-system", "istiod")]


@pytest.fixture
def play(tmp_path):
    """Run the playbook against these lists. Returns the exit code and the output."""
    lists = dict(LISTS)
    objects = {"/version": {}, f"{SHOP}/services/web": WEB}
    objects |= {f"{SHOP}/pods/{name}": pod("shop", name) for name in ("cart", "web")}

    def answer(path, query):
        if path.endswith("/log"):
            return 200, f"{path} {query}\n"
        found = objects.get(path, {"kind": "List", "metadata": {}, "items": lists.get(path, [])})
        return 404 if path not in objects and "/services/" in path else 200, json.dumps(found)

    home = tmp_path / "home"
    home.mkdir()
    with served(answer, tmp_path) as run:
        yield SimpleNamespace(run=partial(run, "playbooks/diagnose.yml", cwd=home), lists=lists, home=home)


def test_all_well(play):
    logs = play.home / "bare-mesh-diagnosis"
    code, said = play.run(*ENDS, "--check")
    assert code == 0 and "changed=1" in said, said
    assert not logs.exists()
    code, said = play.run(*ENDS)
    assert code == 0 and "changed=1" in said, said
    assert "ok     endpoints: Service shop/web has 1 ready endpoints" in said and "FAULT" not in said
    assert sorted(path.name for path in logs.iterdir()) == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in logs.iterdir()} == {0o600}
    assert (logs / "shop_web_app.log").read_text() == f"{SHOP}/pods/web/log container=app&tailLines=1000\n"
    code, said = play.run(*ENDS)
    assert code == 0 and "changed=0" in said, said


def test_a_fault_is_first_and_fails_the_playbook_after_the_logs(play):
    play.lists[SLICES] = []
    code, said = play.run(*ENDS, "-e", "diagnose_directory=of/today", "-e", "diagnose_log_lines=7")
    lines = [line.strip(' ",') for line in said.splitlines()]
    marks = [line.split()[0] for line in lines if line.startswith(("FAULT  ", "ok     "))]
    assert marks[0] == "FAULT" and set(marks[1:]) == {"ok"}, said
    logs = play.home / "of/today"
    assert sorted(path.name for path in logs.iterdir()) == FILES
    assert (logs / "shop_cart_app.log").read_text().endswith("tailLines=7\n")
    assert code != 0
    assert f"The logs are in {logs}." in said and "Service shop/web has no ready endpoint" in said


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ((), ("diagnose_from is ''", "diagnose_to is ''")),
        (("-e", "diagnose_from=cart", "-e", "diagnose_to=web:80"), ("diagnose_from is 'cart'",)),
        (("-e", "diagnose_from=shop/cart", "-e", "diagnose_to=http://web:80"), ("diagnose_to is 'http://web:80'",)),
    ],
)
def test_wrong_ends(play, given, wrong):
    code, said = play.run(*given)
    assert code != 0
    assert [name for name in ("diagnose_from is", "diagnose_to is") if name in said] == [
        f"{one.partition(' ')[0]} is" for one in wrong
    ]
    assert all(one in said for one in wrong)


def test_a_client_that_is_not_there(play):
    code, said = play.run("-e", "diagnose_from=shop/card", *ENDS[2:])
    assert code != 0 and "no pod or workload of the namespace shop is called 'card'; there run: cart, web" in said
