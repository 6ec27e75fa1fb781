# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An API server in memory, and fixtures that run main() of a module against it. Only for unit tests."""

from __future__ import annotations

import copy
import json
import threading

import pytest
from ansible.module_utils import basic
from ansible_collections.bare.mesh.plugins.module_utils._k8s import client, module
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError
from ansible_collections.bare.mesh.plugins.module_utils._k8s.discovery import KNOWN

from tests.module_process import patch_module_args, run_module

# The lists whose items the server merges by their name; all others are atomic here.
KEYED = ("containers", "env", "volumes", "webhooks")


def fields(value, name=""):
    """The fields of a value in the form of fieldsV1."""
    if isinstance(value, list) and name in KEYED:
        names = [item.get("name") for item in value]
        if None in names or len(set(names)) < len(names):
            raise ApiError(422, f"{name}: each item needs a name of its own", "Invalid")
        return {"k:" + json.dumps({"name": item["name"]}): {".": {}, **fields(item)} for item in value}
    return {f"f:{key}": fields(inner, key) for key, inner in value.items()} if isinstance(value, dict) and value else {}


def merge(live, old, new):
    """Server-side apply: fields that the manager owned and no longer names are removed."""
    result = {name: value for name, value in live.items() if name in new or f"f:{name}" not in old}
    for name, value in new.items():
        had = old.get(f"f:{name}", {})
        if isinstance(value, dict) and isinstance(live.get(name), dict):
            result[name] = merge(live[name], had, value)
        elif name in KEYED and isinstance(value, list) and isinstance(live.get(name), list):
            result[name] = merge_items(live[name], had, value)
        else:
            result[name] = copy.deepcopy(value)
    return result


def merge_items(live, old, new):
    there, names = {item["name"]: item for item in live}, [item["name"] for item in new]
    owned = {json.loads(name[2:])["name"]: inner for name, inner in old.items() if name.startswith("k:")}
    merged = [
        merge(there[item["name"]], owned.get(item["name"], {}), item) if item["name"] in there else item for item in new
    ]
    return copy.deepcopy(merged + [item for name, item in there.items() if name not in names and name not in owned])


def merge_patch(live, patch):
    result = copy.deepcopy(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value) if isinstance(value, dict) else copy.deepcopy(value)
    return result


# The API groups of a server without CRDs.
BUILT_IN = {
    "": ["v1"],
    "admissionregistration.k8s.io": ["v1"],
    "apiextensions.k8s.io": ["v1"],
    "apps": ["v1"],
    "autoscaling": ["v2", "v1"],
    "batch": ["v1"],
    "networking.k8s.io": ["v1"],
    "policy": ["v1"],
    "rbac.authorization.k8s.io": ["v1"],
}
ISTIO = {
    "extensions.istio.io": ["v1alpha1"],
    "networking.istio.io": ["v1", "v1beta1", "v1alpha3"],
    "security.istio.io": ["v1"],
    "telemetry.istio.io": ["v1"],
}


class Cluster:
    """The part of Client that the engine uses."""

    def __init__(self):
        self.objects = {}
        self.requests = []
        self.writes = 0
        self.groups = {**BUILT_IN, **ISTIO}
        self.refuse = {}
        self.lock = threading.Lock()
        self.unreachable = []
        # Path of a container's log (pods/log) -> its text, or the error with which the server answers.
        self.logs = {}

    def reach(self):
        for error in self.unreachable:
            raise error

    def get(self, path):
        self.requests.append(("GET", path))
        parts = path.split("/")[2:]
        if path == "/api":
            return {"versions": self.groups[""]}
        if path.startswith("/apis/") and len(parts) == 1:
            group = parts[0]
            versions = [{"version": one, "groupVersion": f"{group}/{one}"} for one in self.groups.get(group) or []]
            return {"versions": versions} if versions else None
        if len(parts) == (1 if path.startswith("/api/") else 2):
            group, version = parts if len(parts) == 2 else ["", *parts]
            known = [{"kind": kind, "name": found.plural} for (owner, kind), found in KNOWN.items() if owner == group]
            return {"resources": known} if version in self.groups.get(group, []) else None
        return copy.deepcopy(self.objects.get(path))

    def remember(self):
        """Each list is read anew here, which gives the same where nobody else writes."""

    def pages(self, path, query=None):
        self.requests.append(("LIST", path))
        selector = (query or {}).get("labelSelector", "")
        wanted = dict(part.split("=") for part in selector.split(",") if "=" in part and "!=" not in part)
        unwanted = [part.split("!=") for part in selector.split(",") if "!=" in part]
        for where, one in sorted(self.objects.items()):
            labels = one["metadata"].get("labels") or {}
            plural = path.rpartition("/")[2]
            inside = where.startswith(path + "/") or (
                "/namespaces/" in where and where.split("/")[-2] == plural and path.count("/") < 5
            )
            if inside and all(labels.get(name) == value for name, value in wanted.items()):
                if any(labels.get(name) == value for name, value in unwanted):
                    continue
                yield copy.deepcopy(one)

    def text(self, path, query=None):
        """All of a log. Tests with limits give it a log that is as long as the limit."""
        self.requests.append(("LOG", path, query))
        log = self.logs.get(path, "")
        if isinstance(log, Exception):
            raise log
        return log

    def apply(self, path, body, manager, dry_run=False, validation="Strict"):
        with self.lock:
            self.requests.append(("DRYRUN" if dry_run else "APPLY", path))
            if path in self.refuse:
                raise ApiError(*self.refuse[path])
            live = self.objects.get(path)
            managed = (live or {}).get("metadata", {}).get("managedFields", [])
            entries = [one for one in managed if one["manager"] != manager]
            mine = [one for one in managed if one["manager"] == manager]
            old = mine[0]["fieldsV1"] if mine else {}
            named = {**body, "metadata": {n: v for n, v in body["metadata"].items() if n not in ("name", "namespace")}}
            own = fields({n: v for n, v in named.items() if n not in ("apiVersion", "kind") and v != {}})
            base = live or {
                "apiVersion": body["apiVersion"],
                "kind": body["kind"],
                "metadata": {"uid": path, "resourceVersion": "0"},
            }
            after = merge(base, old, body)
            after["metadata"]["managedFields"] = [*entries, {"manager": manager, "operation": "Apply", "fieldsV1": own}]
            if after != live:
                after["metadata"]["resourceVersion"] = str(int(base["metadata"]["resourceVersion"]) + 1)
            if not dry_run:
                self.writes += after != live
                self.objects[path] = after
            return copy.deepcopy(after)

    def patch(self, path, body, manager, dry_run=False, validation="Strict"):
        """A JSON merge patch: https://www.rfc-editor.org/rfc/rfc7386"""
        with self.lock:
            self.requests.append(("DRYRUN" if dry_run else "PATCH", path))
            if path in self.refuse:
                raise ApiError(*self.refuse[path])
            live = self.objects[path]
            after = merge_patch(live, body)
            if after != live:
                after["metadata"]["resourceVersion"] = str(int(live["metadata"]["resourceVersion"]) + 1)
                after["metadata"]["managedFields"].append({"manager": manager, "operation": "Update", "fieldsV1": {}})
            if not dry_run:
                self.writes += after != live
                self.objects[path] = after
            return copy.deepcopy(after)

    def delete(self, path, dry_run=False, propagation="Background"):
        self.requests.append(("DELETE", path))
        if not dry_run and path in self.objects:
            self.writes += 1
            del self.objects[path]
            return True
        return path in self.objects

    def edit(self, path, change, manager="person"):
        """Change an object as another field manager."""
        one = self.objects[path]
        change(one)
        one["metadata"]["resourceVersion"] = str(int(one["metadata"]["resourceVersion"]) + 1)
        one["metadata"]["managedFields"].append({"manager": manager, "operation": "Update", "fieldsV1": {}})


@pytest.fixture
def cluster(monkeypatch):
    fake = Cluster()
    monkeypatch.setattr(module, "Client", lambda params: fake)
    return fake


@pytest.fixture(name="run_module")
def _run_module(monkeypatch):
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning, **more: None)
    return run_module


@pytest.fixture
def run_for_real(capsys):
    """Run main() of a module and return its whole output with the arguments, as Ansible shows it with -vvv."""

    def run(module, check=False, **arguments):
        with (
            patch_module_args({**arguments, "_ansible_check_mode": check, "_ansible_diff": True}),
            pytest.raises(SystemExit),
        ):
            module.main()
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
