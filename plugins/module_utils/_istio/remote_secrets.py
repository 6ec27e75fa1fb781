# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remote secrets: what istiod reads the services and endpoints of another cluster with.

Each is a Secret that holds a kubeconfig with the token of a ServiceAccount of the other cluster.
Source: https://istio.io/latest/docs/setup/install/multicluster/ and istioctl/pkg/multicluster of Istio 1.31.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import ipaddress
import json
import re
from datetime import datetime, timezone
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, library

# By this label istiod finds the Secrets.
LABEL = "istio/multiCluster"
ANNOTATION = "networking.istio.io/cluster"
# By this one the playbook join_meshes finds those of this collection.
OWNER_LABEL = "bare.mesh/remote-secret"
# The API server refuses to make tokens that live shorter.
SHORTEST = 600
# What it takes for the longest.
LONGEST = 2**32
# The last second of the year 9999, after which no date can be written.
LATEST = 253402300799

# Options that are parts of paths to the API servers.
NAMES = {
    "istio_namespace": "namespace",
    "remote_istio_namespace": "namespace",
    "service_account": "ServiceAccount",
}


class Access(NamedTuple):
    """What a remote secret says of the other cluster. Its CA certificates are in PEM."""

    server: str
    ca: str
    token: str


def option_faults(params: dict[str, Any]) -> list[str]:
    """What is wrong with the module's options, whatever the clusters are like."""
    faults = []
    name, seconds, before = params["cluster_name"], params["token_seconds"], params["renew_before"]
    # It is a part of the Secret's name, and the name of a file in it; istioctl asks for the same.
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        fix = "give the other cluster's istiod such a name in values.global.multiCluster.clusterName"
        faults.append(
            f"cluster_name is {name!r}, but it must have at most 63 characters, small letters, digits and hyphens"
            f" between them: {fix}"
        )
    faults += [
        f"{option} is {params[option]!r}, which is no name of a {kind}: give small letters, digits and hyphens"
        for option, kind in NAMES.items()
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", params[option])
    ]
    if params["state"] == "absent":
        return faults
    if not params["remote_kubeconfig"]:
        faults.append("remote_kubeconfig is missing: set it to a kubeconfig of the other cluster")
    if not SHORTEST <= seconds <= LONGEST:
        faults.append(f"token_seconds is {seconds}: give a number from {SHORTEST} to {LONGEST}, as Kubernetes asks for")
    elif before is not None and not 0 < before < seconds:
        faults.append(f"renew_before is {before}: give a number above 0 and below token_seconds ({seconds})")
    if params["server"] is not None:
        faults += server_faults(params["server"], "server")
    return faults


def server_faults(server: str, origin: str) -> list[str]:
    """What is wrong with the address of an API server that istiod shall reach from its pod."""
    example = "set server to an address that istiod's pod reaches, such as https://192.0.2.10:6443"
    try:
        parts = urlsplit(server)
        host = parts.hostname or ""
        usable = parts.scheme == "https" and parts.port != 0 and not set("@?#") & set(server)
    except ValueError:
        host, usable = "", False
    if not host or not usable or not re.fullmatch(r"[!-~]+", server):
        # It may have a password.
        shown = re.sub("//.*@", "//...@", server)
        return [f"{origin} is {shown!r}, which is no address with https:// alone: {example}"]
    try:
        address = ipaddress.ip_address(host)
        own = address.is_loopback or address.is_unspecified
    except ValueError:
        own = host == "localhost" or host.endswith(".localhost")
    return [f"{origin} is {server}, which leads istiod back to its own pod: {example}"] if own else []


def definition(name: str, namespace: str, text: str) -> dict[str, Any]:
    """The Secret of a cluster whose kubeconfig is this text."""
    metadata = {
        "name": f"istio-remote-secret-{name}",
        "namespace": namespace,
        "labels": {LABEL: "true", OWNER_LABEL: name},
        "annotations": {ANNOTATION: name},
    }
    data = {name: base64.b64encode(text.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def kubeconfig(name: str, access: Access) -> str:
    """The text of a kubeconfig with one cluster, one user and one context, all of the cluster's name."""
    ca = base64.b64encode(access.ca.encode()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"certificate-authority-data": ca, "server": access.server}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "users": [{"name": name, "user": {"token": access.token}}],
    }
    text: str = library("yaml", "PyYAML").safe_dump(content, width=10**6)
    return text


def text_of(live: dict[str, Any], name: str) -> str:
    """The kubeconfig's text in a Secret; empty if there is none."""
    try:
        return base64.b64decode((live.get("data") or {}).get(name, "")).decode()
    except ValueError:
        return ""


def access_of(text: str, name: str) -> Access | None:
    """What a kubeconfig's text says; None if it is another than this collection writes for a cluster of this name."""
    yaml = library("yaml", "PyYAML")
    try:
        content = yaml.safe_load(text)
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        found = Access(cluster["server"], ca, user["token"])
        # A token has to fit into a header.
        same = re.fullmatch(r"[!-~]+", found.token) and yaml.safe_load(kubeconfig(name, found)) == content
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, yaml.YAMLError):
        return None
    return found if same else None


def claims(token: str) -> dict[str, Any]:
    """What a token says of itself (RFC 7519); nothing if it cannot be read. The API server knows whether it is true."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def end_of(token: str) -> int | None:
    """The second at which a token ends; None if it says none."""
    end = claims(token).get("exp")
    return end if isinstance(end, int) and 0 <= end <= LATEST else None


def iso(second: float) -> str:
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def request_token(client: Client, namespace: str, account: str, seconds: int) -> str:
    """A new token of a ServiceAccount, bound to no other object, for the API server itself.

    https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
    """
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }
    answer = client.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", body=body)
    token: str = answer["status"]["token"]
    return token


def as_bearer(client: Client, token: str) -> Client:
    """A connection on the same way as another one, by somebody who has a token alone.

    The API server judges the certificate of a client before it looks at a token, so it must not be shown.
    """
    other = copy.copy(client)
    other.settings = copy.deepcopy(client.settings)
    other.settings.cert_file = other.settings.key_file = None
    other.settings.refresh_api_key_hook = None
    other.settings.api_key = {"authorization": f"Bearer {token}"}
    other.settings.api_key_prefix = {}
    other.api_client = library("kubernetes.client", "kubernetes").ApiClient(configuration=other.settings)
    other.pool = other.api_client.rest_client.pool_manager
    return other


def user_of(client: Client) -> str:
    """As whom the API server knows the user of a connection; empty if it refuses the credentials.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review
    """
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
    except ApiError as error:
        if error.status != 401:
            raise
        return ""
    name: str = answer["status"]["userInfo"]["username"]
    return name


def istiod_names(client: Client, namespace: str) -> set[str]:
    """The names that the istiods of a cluster have for it."""
    found = client.pages(f"/apis/apps/v1/namespaces/{namespace}/deployments", {"labelSelector": "app=istiod"})
    containers = [container for one in found for container in one["spec"]["template"]["spec"]["containers"]]
    variables = [variable for container in containers for variable in container.get("env") or []]
    return {one["value"] for one in variables if one["name"] == "CLUSTER_ID" and one.get("value")}


def fingerprint(ca: str) -> str:
    return f"sha256:{hashlib.sha256(ca.strip().encode()).hexdigest()[:16]}"


def shown(before: Access | None, after: Access | None) -> tuple[str, str]:
    """What differs between the contents of two remote secrets, without their tokens."""

    def fields(access: Access | None, when: str) -> dict[str, str]:
        if access is None:
            return {}
        ca = fingerprint(access.ca) if access.ca else "(not known yet)"
        return {"server": access.server, "certificate authority": ca, "token": f"(hidden, {when})"}

    left, right = fields(before, "before"), fields(after, "after")
    if before and after and before.token == after.token:
        del left["token"], right["token"]
    return (
        "".join(f"{field}: {value}\n" for field, value in left.items() if right.get(field) != value),
        "".join(f"{field}: {value}\n" for field, value in right.items() if left.get(field) != value),
    )


def refuse(faults: list[str]) -> None:
    """Raise Failure with all faults, if there are any."""
    if faults:
        raise Failure(f"{'; '.join(faults)}. Nothing was written.")
