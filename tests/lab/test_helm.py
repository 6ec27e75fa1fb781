# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mesh by Helm: a mesh of istioctl is taken over, and changed by a variable. istioctl then refuses it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import truth
from conftest import LAB

BY_HELM = ("playbooks/install_mesh.yml", "-e", "istio_method=helm")
RELEASES = ("istio-base", "istio-ingressgateway", "istiod")
OUR_CACHE = Path.home() / ".cache/bare_mesh"


def helm(*arguments):
    """What the helm that the role has installed answers, as data."""
    (program,) = OUR_CACHE.glob("helm/*/helm")
    command = [str(program), *arguments, "--kubeconfig", str(LAB / "kubeconfig"), "--output", "json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


def revisions():
    return {one["name"]: int(one["revision"]) for one in helm("list", "--all-namespaces")}


@pytest.fixture
def restored(play, tasks):
    """Afterwards istioctl has installed the mesh again."""
    yield
    absent = {"helm": str(next(OUR_CACHE.glob("helm/*/helm"))), "charts": str(OUR_CACHE / "charts")}
    version = next((OUR_CACHE / "charts").glob("istiod-*.tgz")).name.removeprefix("istiod-").removesuffix(".tgz")
    tasks([{"bare.mesh.istio_charts": {**absent, "version": version, "state": "absent"}}])
    done = play("playbooks/install_mesh.yml")
    assert done["code"] == 0, done["errors"]
    done = play("playbooks/deploy_bookinfo.yml")
    assert done["code"] == 0, done["errors"]


@pytest.mark.feature("install-helm")
def test_helm_takes_the_mesh_over_and_istioctl_refuses_it(play, restored):
    predicted = play(*BY_HELM, "--check")
    assert predicted["code"] == 0, predicted["errors"]
    done = play(*BY_HELM)
    assert done["code"] == 0, done["errors"]
    assert not truth.disagreements(predicted, done)
    assert revisions() == dict.fromkeys(RELEASES, 1)
    again = play(*BY_HELM)
    assert again["code"] == 0 and not again["changed"], again["errors"]

    # Only istiod's chart has this setting.
    setting = ("-e", "istio_access_log=json")
    predicted = play(*BY_HELM, *setting, "--check", "--diff")
    assert "accessLogEncoding: JSON" in predicted["output"], predicted["errors"]
    assert revisions() == dict.fromkeys(RELEASES, 1)
    done = play(*BY_HELM, *setting)
    assert done["code"] == 0 and not truth.disagreements(predicted, done), done["errors"]
    assert revisions() == {**dict.fromkeys(RELEASES, 1), "istiod": 2}

    # The page asks the gateway and all sidecars, whose proxies this istiod configures.
    page = play("playbooks/deploy_bookinfo.yml")
    assert page["code"] == 0 and not page["changed"], page["errors"]
    seen = play("playbooks/verify.yml", "-e", "istio_method=helm", *setting)
    assert seen["code"] == 0 and not seen["changed"], seen["errors"]

    refused = play("playbooks/install_mesh.yml")
    assert refused["code"] != 0 and "belongs to Helm, whose release istiod has istiod" in refused["output"]
    assert revisions() == {**dict.fromkeys(RELEASES, 1), "istiod": 2}
