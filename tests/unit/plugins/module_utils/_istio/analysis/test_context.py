# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What counts as known."""

from __future__ import annotations

from ansible_collections.bare.mesh.plugins.module_utils._istio.analysis.context import Context


def one(kind, name="a", api_version="networking.istio.io/v1"):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}}


def test_the_batch_replaces_what_is_live():
    live = [one("Gateway"), one("Gateway", "b"), one("Gateway", "c", "gateway.networking.k8s.io/v1")]
    context = Context([{**one("Gateway"), "spec": {}}], live)
    assert [len(context.mine("Gateway")), len(context.rest("Gateway")), len(context.all("Gateway"))] == [1, 1, 2]


def test_nothing_is_known():
    context = Context([one("Gateway")])
    assert context.alone and not context.complete("Gateway") and not context.complete("VirtualService", "shop")


def test_what_is_given_is_all_there_is():
    context = Context([], [one("Service", api_version="v1")])
    assert context.complete("Service", "shop") and context.complete("DestinationRule")
    assert not context.complete("Gateway", "shop") and not context.complete("Pod")


def test_what_was_listed_is_all_there_is():
    context = Context([], [one("Service", api_version="v1")], {("Service", "shop"), ("VirtualService", "")})
    assert context.complete("Service", "shop") and not context.complete("Service", "other")
    assert not context.complete("Service") and context.complete("VirtualService", "shop") and not context.alone
