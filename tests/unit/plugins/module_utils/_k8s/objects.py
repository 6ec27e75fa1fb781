# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Definitions of objects for the tests of the engine, and their paths on the API server."""

from __future__ import annotations


def one(kind, name, namespace="shop", api_version="v1", **more):
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


def crd(plural="things", kind="Thing"):
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind}}
    return one("CustomResourceDefinition", f"{plural}.example.com", None, "apiextensions.k8s.io/v1", spec=spec)


def deployment(replicas=1):
    return one("Deployment", "web", api_version="apps/v1", spec={"replicas": replicas})


CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com"
WEB_PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
MAP_PATH = "/api/v1/namespaces/shop/configmaps"
NAMESPACE = one("Namespace", "shop", None)


def settings(**data):
    """The ConfigMap settings."""
    return one("ConfigMap", "settings", data=data)


def web(**more):
    """The Deployment web."""
    return one("Deployment", "web", api_version="apps/v1", **more)


def actions(result):
    """What a module's result says it did, by the names of the objects."""
    return {changed["name"]: changed["action"] for changed in result["objects"]}
