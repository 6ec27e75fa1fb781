# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks of docs/routing.md run as they stand, and traffic does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from conftest import LAB, ROOT
from test_traffic import opener, versions

from tests.istio_kinds import load
from tests.module_process import run_module

PAGE = (ROOT / "docs/routing.md").read_text()
PLAYS = {
    play[0]["name"]: text
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    if "hosts" in (play := yaml.safe_load(text))[0]
}
# Files next to the playbooks. Their names are in the first line.
FILES = dict(re.findall(r"```yaml\n# (\S+\.yml)\n(.*?)```", PAGE, re.DOTALL))
CONFIG = {"kubeconfig": str(LAB / "kubeconfig")}


@pytest.fixture(scope="module", autouse=True)
def _bookinfo_as_before():
    yield
    import truth  # Fixtures of a test are not available here.

    run_module(load("modules", "istio_config"), resources=[], owner="bookinfo", prune=True, **CONFIG)
    policies = ["nothing", "page", "details-and-reviews", "ratings"]
    for module, names in (("peer_authentication", ["default"]), ("authorization_policy", policies)):
        for name in names:
            gone = run_module(load("modules", module), name=name, namespace="bookinfo", state="absent", **CONFIG)
            assert "failed" not in gone, gone
    assert truth.play(LAB / "runs-after-guide.jsonl", "playbooks/deploy_bookinfo.yml")["code"] == 0


@pytest.fixture
def run(tmp_path):
    """Run a playbook of the page, with kubeconfigs where the page says. Returns the number of changes."""
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    for name in ("config", "bare_mesh.kubeconfig"):
        (home / ".kube" / name).symlink_to(LAB / "kubeconfig")

    def run(name, *options):
        (tmp_path / "play.yml").write_text(PLAYS[name])
        for file, text in FILES.items():
            (tmp_path / file).write_text(text)
        done = subprocess.run(
            ["ansible-playbook", tmp_path / "play.yml", *options],
            env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return int(re.search(r"localhost .*changed=(\d+)", done.stdout)[1])

    return run


def seconds(url, user=None):
    """How long the page takes."""
    browser, began = opener(url, user), time.monotonic()
    browser.open(url, timeout=30).close()
    return time.monotonic() - began


def share():
    """The weight of version 3."""
    found = run_module(
        load("modules", "k8s_info"),
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        namespace="bookinfo",
        name="reviews",
        query="[0].spec.http[0].route[?destination.subset=='v3'].weight | [0]",
        **CONFIG,
    )
    return found["result"]


def test_the_kubeconfig_of_all_modules(run):
    assert run("Set the kubeconfig of all modules") == 0


def test_one_version_for_everyone(run, page_url):
    run("Send all requests to the first version")
    assert set(versions(page_url, 30)) == {"v1"}
    assert run("Send all requests to the first version") == 0
    assert run("Send all requests to the first version", "--check") == 0


@pytest.mark.feature("canary")
def test_a_canary_release(run, page_url):
    run("Send all requests to the first version")
    name = "Send more requests to the new version"
    assert run(name) == 1 and share() == 10
    assert run(name) == 1 and share() == 20
    assert set(versions(page_url, 100)) == {"v1", "v3"}
    for _step in range(8):
        run(name)
    assert share() == 100 and run(name) == 0
    assert set(versions(page_url, 30)) == {"v3"}


@pytest.mark.feature("canary-pauses")
def test_a_canary_release_in_one_run(run, page_url):
    run("Send all requests to the first version")
    name = "Send all requests to the new version in steps"
    assert run(name, "--check") == 4 and share() == 0
    # When each share was seen first.
    seen = {0: time.monotonic()}
    with ThreadPoolExecutor(1) as pool:
        release = pool.submit(run, name, "-e", "canary_pause=10")
        while not release.done():
            now = share()
            seen.setdefault(now, time.monotonic())
            if now == 50:
                assert set(versions(page_url, 60)) == {"v1", "v3"}
        assert release.result() == 4
    assert list(seen) == [0, 10, 25, 50, 100]
    times = list(seen.values())[1:]
    # A share is seen up to some seconds late: it is read between two pages.
    assert all(later - earlier > 5 for earlier, later in zip(times, times[1:])), seen
    assert set(versions(page_url, 30)) == {"v3"}
    assert run(name) == 0


def test_a_canary_release_goes_on_where_it_was(run):
    run("Send all requests to the first version")
    run("Send more requests to the new version")
    run("Send more requests to the new version")
    assert share() == 20
    assert run("Send all requests to the new version in steps", "-e", "canary_pause=0") == 3
    assert share() == 100


def test_a_canary_release_that_follows_metrics(run):
    """Foretold, which needs no Prometheus. test_traffic_shift.py takes such steps."""
    run("Send all requests to the first version")
    name = "Send all requests to the new version as long as it answers well"
    assert run(name, "--check") == 1 and share() == 0
    # The first version asks nobody for ratings, which the next blocks are about.
    assert run("Send all requests to the new version in steps", "-e", "canary_pause=0") == 4


def test_a_fault_for_one_user(run, page_url):
    run("Let the ratings be slow for jason")
    run("Set the kubeconfig of all modules")
    assert seconds(page_url, "jason") >= 2 > seconds(page_url, "mary")


@pytest.mark.feature("authorization")
def test_policies(run, page_url):
    run("Protect Bookinfo")

    def answer(url):
        asked = run_module(
            load("modules", "k8s_exec"),
            namespace="bookinfo",
            label_selectors=["app=ratings"],
            container="ratings",
            command=["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url],
            **CONFIG,
        )
        return asked["stdout"]

    end = time.monotonic() + 30
    for url in ("http://details:9080/details/0", "http://productpage:9080/productpage"):
        while answer(url) != "403":
            assert time.monotonic() < end, url
    # The page still has all of its parts.
    versions(page_url, 10)


@pytest.mark.feature("batches")
def test_a_folder(run, tmp_path):
    (tmp_path / "mesh").mkdir()
    names = ("one", "two")
    for name in names:
        body = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": name},
            "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": "ratings"}}]}]},
        }
        (tmp_path / f"mesh/{name}.yml").write_text(yaml.safe_dump(body))
    assert run("Apply a folder") == 1
    assert run("Apply a folder") == 0
    (tmp_path / "mesh/one.yml").unlink()
    assert run("Apply a folder") == 1
    assert run("Apply a folder", "--check") == 0


def test_every_playbook_of_the_page_is_run():
    here = (ROOT / "tests/lab/test_guide.py").read_text()
    assert [name for name in PLAYS if f'"{name}"' not in here] == []
