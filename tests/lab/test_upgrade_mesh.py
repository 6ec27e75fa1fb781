# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""playbooks/upgrade_mesh.yml, while Bookinfo's page is asked for. The hosts are bare afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager

import pytest
import truth
from conftest import ADDRESSES, LAB, ROOT, lab
from kubernetes import client, config

from lab.artifacts.versions import OTHERS, load

pytestmark = pytest.mark.lifecycle
BOOK = "playbooks/upgrade_mesh.yml"
OLD = OTHERS["1.35"]
KUBERNETES = ["-e", f"bare_mesh_kubernetes_version={OLD['kubernetes']}"]
ONLY_ONE_LEFT = {"namespace": "default", "name": "lonely"}


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory):
    """A site with the old release of Istio, in the revision without a name."""
    lab("artifacts", "--other", "1.35")
    lab("reset", *ADDRESSES)
    log = tmp_path_factory.mktemp("site") / "runs.jsonl"
    done = truth.play(log, "site.yml", *KUBERNETES, "-e", f"bare_mesh_istio_version={OLD['istio']}")
    assert done["code"] == 0, done["errors"]
    config.load_kube_config(str(LAB / "kubeconfig"))
    yield
    lab("reset", *ADDRESSES)


@pytest.fixture
def upgrade(play):
    """Run the playbook with a revision."""

    def run(revision, *more):
        return play(BOOK, *KUBERNETES, "-e", f"istio_revision={revision}", *more)

    return run


def ask(url):
    """What is wrong with the page; empty if nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
    except OSError as error:
        return repr(error)
    return "a part of the page is missing" if "unavailable" in text else ""


@contextmanager
def readers(url):
    """Two readers who ask for the page again and again. Yields the list of what went wrong, and the count."""
    wrong, count, stop = [], [0], threading.Event()

    def read():
        while not stop.wait(0.1):
            fault = ask(url)
            count[0] += 1
            wrong.extend([fault] if fault else [])

    threads = [threading.Thread(target=read) for _reader in range(2)]
    for one in threads:
        one.start()
    try:
        yield wrong, count
    finally:
        stop.set()
        for one in threads:
            one.join()


def revisions():
    """The revisions of istiod, and those of all proxies that are not about to end."""
    istiods = client.AppsV1Api().list_namespaced_deployment("istio-system", label_selector="app=istiod").items
    pods = client.CoreV1Api().list_pod_for_all_namespaces().items
    marks = [one.metadata.annotations or {} for one in pods if not one.metadata.deletion_timestamp]
    return (
        {one.metadata.labels["istio.io/rev"] for one in istiods},
        {one["istio.io/rev"] for one in marks if "istio.io/rev" in one},
    )


def served_by():
    """The Services that the tag's two webhook configurations name."""
    api = client.AdmissionregistrationV1Api()
    tag = api.read_mutating_webhook_configuration("istio-revision-tag-default")
    validator = api.read_validating_webhook_configuration("istiod-default-validator")
    return {hook.client_config.service.name for one in (tag, validator) for hook in one.webhooks}


def proxies(api):
    """The image of each proxy of Bookinfo and of the gateway."""
    pods = [pod for name in ("bookinfo", "istio-system") for pod in api.list_namespaced_pod(name).items]
    containers = [one for pod in pods for one in [*pod.spec.containers, *(pod.spec.init_containers or [])]]
    return {one.image.rpartition(":")[2] for one in containers if one.name == "istio-proxy"}


@pytest.mark.feature("upgrade-revisions", "upgrade-proxies", "upgrade-requests")
def test_another_release(play, upgrade, page_url):
    assert revisions() == ({"default"}, {"default"}) and proxies(client.CoreV1Api()) == {OLD["istio"]}
    predicted = upgrade("new", "--check", "--diff")
    assert revisions() == ({"default"}, {"default"})
    with readers(page_url) as (wrong, count):
        done = upgrade("new")
    assert done["code"] == 0, done["errors"]
    assert wrong == [] and count[0] > 100
    assert truth.disagreements(predicted, done) == []
    # Check mode has named all that was removed, and nothing that has stayed.
    removed = re.findall(r"^\+\+\+ after: Deployment \S+/(\S+)\n@@ \S+ \+0,0 @@", predicted["output"], re.MULTILINE)
    assert removed == ["istiod"]
    assert revisions() == ({"new"}, {"new"}) and served_by() == {"istiod-new"}
    assert proxies(client.CoreV1Api()) == {load().istio}
    assert upgrade("new")["changed"] == {}
    verified = play("playbooks/verify.yml", *KUBERNETES, "-e", "istio_revision=new")
    assert verified["code"] == 0, verified["errors"]
    # From here on, Bookinfo's namespace names the revision.
    after = play("site.yml", *KUBERNETES, "-e", "istio_revision=new")
    assert after["code"] == 0, after["errors"]
    deployed = "bare.mesh.bookinfo : Deploy the application with its routes and policies"
    assert after["changed"] == {"localhost": [deployed]}
    assert play("site.yml", *KUBERNETES, "-e", "istio_revision=new")["changed"] == {}


def pod_of_nobody(api):
    """A pod with a sidecar that nothing starts again."""
    pod = {
        "metadata": {**ONLY_ONE_LEFT, "labels": {"sidecar.istio.io/inject": "true", "istio.io/rev": "new"}},
        # Never started: it is about its mark.
        "spec": {"containers": [{"name": "web", "image": "none"}], "nodeSelector": {"none": "none"}},
    }
    api.create_namespaced_pod("default", pod)


def test_the_old_revision_stays_while_it_is_used(upgrade, page_url):
    api = client.CoreV1Api()
    pod_of_nobody(api)
    with readers(page_url) as (wrong, count):
        failed = upgrade("newer")
        assert failed["code"] != 0 and "Pod default/lonely has a proxy of the revision new" in failed["output"]
        assert revisions()[0] == {"new", "newer"}
        api.delete_namespaced_pod(**ONLY_ONE_LEFT, grace_period_seconds=0)
        # A killed run is finished by the next one.
        command = ["ansible-playbook", "-i", "inventories/lab", BOOK, *KUBERNETES, "-e", "istio_revision=newer"]
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL) as run:
            while revisions()[1] != {"new", "newer"}:
                assert run.poll() is None
                time.sleep(0.2)
            os.killpg(run.pid, signal.SIGKILL)
        done = upgrade("newer")
    assert done["code"] == 0, done["errors"]
    assert wrong == [] and count[0] > 100
    assert revisions() == ({"newer"}, {"newer"})


def test_there_and_back(upgrade, page_url):
    with readers(page_url) as (wrong, count):
        there = upgrade("newest", "-e", "istio_upgrade_keep_old=true")
        assert there["code"] == 0, there["errors"]
        assert revisions() == ({"newer", "newest"}, {"newest"}) and served_by() == {"istiod-newest"}
        back = upgrade("newer")
    assert back["code"] == 0, back["errors"]
    assert wrong == [] and count[0] > 100
    assert revisions() == ({"newer"}, {"newer"}) and served_by() == {"istiod-newer"}


@pytest.mark.parametrize(
    ("revision", "more", "words"),
    [
        ("''", [], "istio_revision is empty. Set it to the name of the new revision"),
        ("x", ["-e", "istio_namespace=elsewhere"], "The namespace elsewhere has no mesh of istioctl to upgrade"),
    ],
)
def test_faults_before_any_change(upgrade, revision, more, words):
    failed = upgrade(revision, *more)
    assert failed["code"] != 0 and failed["changed"] == {} and words in failed["output"]
