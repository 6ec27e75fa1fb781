# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook join_meshes between API servers that answer over HTTP from their objects in memory."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml

from tests.unit.plugins.conftest import Cluster

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/multicluster.md").read_text()
SYSTEM = "/api/v1/namespaces/istio-system"
ACCOUNT = f"{SYSTEM}/serviceaccounts/istio-reader-service-account"
COLLECTIONS = ("secrets", "serviceaccounts", "deployments")


class Api:
    """A cluster with a mesh."""

    def __init__(self, name):
        self.cluster, self.name, self.made = Cluster(), name, 0
        self.cluster.objects |= {
            SYSTEM: {"metadata": {"name": "istio-system"}},
            ACCOUNT: {"metadata": {"name": "istio-reader-service-account", "namespace": "istio-system"}},
            f"{SYSTEM}/configmaps/kube-root-ca.crt": {"metadata": {}, "data": {"ca.crt": f"CA of {name}"}},
        }

    def token(self, body):
        self.made += 1
        end = int(time.time()) + body["spec"]["expirationSeconds"]
        parts = [{"alg": "RS256"}, {"exp": end, "jti": f"{self.name}-{self.made}"}, {"signature": "s" * 40}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return {"status": {"token": ".".join(encoded)}}

    def answer(self, method, path, query, body):
        """The object of an answer; None for 404."""
        if path == "/version":
            return {"gitVersion": "v1.36.0"}
        if method == "POST":
            if path == f"{ACCOUNT}/token":
                return self.token(json.loads(body))
            user = "system:serviceaccount:istio-system:istio-reader-service-account"
            return {"status": {"userInfo": {"username": user}}}
        dry = "dryRun" in query
        if method == "PATCH":
            return self.cluster.apply(path, json.loads(body), "bare-mesh", dry_run=dry)
        if method == "DELETE":
            return {"kind": "Status"} if self.cluster.delete(path, dry_run="dryRun" in json.loads(body)) else None
        if path.rpartition("/")[2] in COLLECTIONS:
            label, field = query.get("labelSelector", [""])[0], query.get("fieldSelector", [""])[0]
            items = [
                one
                for one in self.cluster.pages(path)
                # A selector is the name of a label, or label=value; another one is metadata.name=NAME.
                if (not label or label.partition("=")[0] in (one["metadata"].get("labels") or {}))
                and field in ("", f"metadata.name={one['metadata'].get('name')}")
            ]
            return {"kind": "List", "metadata": {}, "items": items}
        return self.cluster.get(path)

    def confidential(self):
        """The contents of the Secrets, and the tokens in them."""
        found = [
            text for path, one in self.cluster.objects.items() if "/secrets/" in path for text in one["data"].values()
        ]
        assert len(found) == 2
        return found + [yaml.safe_load(base64.b64decode(text))["users"][0]["user"]["token"] for text in found]

    def secrets(self):
        return sorted(path.rpartition("/")[2] for path in self.cluster.objects if "/secrets/" in path)


@contextlib.contextmanager
def listening(api):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path, _mark, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            found = api.answer(self.command, path, parse_qs(query), body)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found or {"message": "not found"}).encode())

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def meshes(tmp_path):
    """The APIs by name, what a list of clusters has of each, and what runs the playbook with such a list."""
    with contextlib.ExitStack() as stack:
        apis, entries = {}, {}
        for number, name in enumerate(("east", "west", "north"), 1):
            apis[name] = Api(name)
            config = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": {"server": stack.enter_context(listening(apis[name]))}}],
                "users": [{"name": "u", "user": {}}],
            }
            (tmp_path / name).write_text(yaml.safe_dump(config))
            kubeconfig, server = str(tmp_path / name), f"https://192.0.2.{number}:6443"
            entries[name] = {"name": name, "kubeconfig": kubeconfig, "server": server}

        def play(clusters, *options):
            # As docs/multicluster.md says it, with the list itself for the file with it.
            documented = re.findall(r"ansible-playbook (.*)-e @(?:/etc/mesh/)?clusters.yml bare.mesh.join_meshes", PAGE)
            assert len(documented) == 2 and len(set(documented)) == 1
            extra = json.dumps({"mesh_clusters": clusters})
            command = ["ansible-playbook", *documented[0].split(), "-e", extra, *options]
            done = subprocess.run(
                [*command, "playbooks/join_meshes.yml"], cwd=ROOT, capture_output=True, text=True, timeout=120,
                check=False, env={**os.environ, "ANSIBLE_NOCOLOR": "1", "no_proxy": "*"},
            )  # fmt: skip
            # ansible-core before 2.19 wraps the lines of a message, and doubles its quotes.
            return done.returncode, " ".join((done.stdout + done.stderr).replace("''", "'").split())

        yield apis, entries, play


def secret(name):
    return f"istio-remote-secret-{name}"


def test_each_reads_all_others_until_one_leaves(meshes):
    apis, entries, play = meshes
    everybody = list(entries.values())
    code, said = play(everybody, "--check")
    assert code == 0 and "changed=1 " in said and not any(api.secrets() or api.made for api in apis.values()), said
    code, said = play(everybody, "-e", "mesh_token_seconds=86400", "-vvv", "--diff")
    assert code == 0 and "changed=1 " in said, said
    # Not even what Ansible prints for debugging has a token, as it is or in the Secret's encoding.
    assert "(hidden, after)" in said
    assert not [word for api in apis.values() for word in api.confidential() if word in said]
    for name, api in apis.items():
        assert api.secrets() == sorted(secret(other) for other in apis if other != name) and api.made == 2
    written = apis["east"].cluster.objects[f"{SYSTEM}/secrets/{secret('west')}"]["data"]["west"]
    assert yaml.safe_load(base64.b64decode(written))["clusters"][0]["cluster"]["server"] == "https://192.0.2.2:6443"
    code, said = play(everybody, "-e", "mesh_token_seconds=86400")
    assert code == 0 and "changed=0 " in said, said
    # All tokens end within what is asked for now.
    code, said = play(everybody[:2], "-e", "mesh_token_seconds=172800", "-e", "mesh_renew_before=86400")
    assert code == 0 and "changed=2 " in said and "east forgets north" in said, said
    assert apis["east"].secrets() == [secret("west")] and apis["west"].secrets() == [secret("east")]
    assert apis["east"].made == apis["west"].made == 3


def test_all_faults_before_the_first_secret(meshes):
    apis, entries, play = meshes
    east, west, north = entries.values()
    code, said = play([east, {"name": "east"}, {"kubeconfig": "x"}])
    assert code != 0
    for part in ("mesh_clusters[1] has no kubeconfig.", "mesh_clusters[2] has no name.", "have the name east"):
        assert part in said
    # The same cluster twice would read itself, and with a misspelt address the one of the kubeconfig would be taken.
    code, said = play(
        [east, {**west, "kubeconfig": east["kubeconfig"], "sever": "x"}, {**east, "name": "n", "context": "c"}]
    )
    assert code != 0 and "mesh_clusters[1] has sever, which is no field" in said
    assert "mesh_clusters[0] and mesh_clusters[1] have the same kubeconfig" in said and "mesh_clusters[2]" not in said
    del apis["east"].cluster.objects[ACCOUNT], apis["north"].cluster.objects[ACCOUNT]
    code, said = play([east, west, north])
    assert code != 0 and "east and north: there is no ServiceAccount" in said
    # The address of the third one's kubeconfig is the controller's own, and the second one's name is none.
    for name in ("east", "north"):
        apis[name].cluster.objects[ACCOUNT] = {"metadata": {"name": ACCOUNT.rpartition("/")[2]}}
    bare = {"name": "north", "kubeconfig": north["kubeconfig"]}
    code, said = play([east, {**west, "name": "West"}, bare])
    assert code != 0 and "cluster_name is 'West'" in said and "no address with https:// alone" in said
    assert not any(api.secrets() or api.made for api in apis.values())


def test_no_clusters(meshes):
    _apis, _entries, play = meshes
    code, said = play([])
    assert code != 0 and "mesh_clusters is empty or no list" in said


def test_names_that_yaml_takes_for_numbers(meshes):
    """Not written as text, a name like 2 is a number."""
    apis, entries, play = meshes
    pair = [{**entries["east"], "name": 1}, {**entries["west"], "name": 2}]
    code, said = play(pair)
    assert code == 0 and "forgets" not in said, said
    assert apis["east"].secrets() == [secret("2")] and apis["west"].secrets() == [secret("1")]
    code, said = play([pair[0], {**pair[1], "name": "1"}])
    assert code != 0 and "have the name 1" in said


@pytest.mark.parametrize("clusters", [{"east": {"kubeconfig": "x"}}, "east", 5])
def test_a_list_of_another_form(meshes, clusters):
    _apis, _entries, play = meshes
    code, said = play(clusters)
    assert code != 0 and "mesh_clusters is empty or no list" in said, said
