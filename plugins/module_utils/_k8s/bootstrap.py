# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host needs from the API server to join with kubeadm: a bootstrap token and the certificate authority.

https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ansible_collections.bare.mesh.plugins.module_utils._base.token import MARK, random_token
from ansible_collections.bare.mesh.plugins.module_utils._k8s.client import ApiError, Client
from ansible_collections.bare.mesh.plugins.module_utils._k8s.errors import Failure, library

SECRETS = "/api/v1/namespaces/kube-system/secrets"
CLUSTER_INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
# kubeadm gives this group the rights that a joining kubelet needs.
GROUP = "system:bootstrappers:kubeadm:default-node-token"


@contextmanager
def bootstrap_token(client: Client, node: str, lifetime: int) -> Iterator[str]:
    """A token for the join of a node. It is deleted at the end, also after an error.

    lifetime: seconds after which the cluster deletes the token, in case the run is killed.
    Raises Failure if the API server refuses the token or does not answer.
    """
    token = random_token()
    identity, secret = token.split(".")
    expiration = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=lifetime)
    definition = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{identity}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": identity,
            "token-secret": secret,
            "expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
            "auth-extra-groups": GROUP,
            "description": f"{MARK}{node} joins",
        },
    }
    try:
        try:
            client.request("POST", SECRETS, body=definition)
        except ApiError as error:
            # Created by an earlier attempt whose answer was lost.
            if not (error.status == 409 and error.repeated):
                raise
        yield token
    finally:
        client.delete(f"{SECRETS}/bootstrap-token-{identity}")


def certificate_authority(client: Client) -> tuple[str, str]:
    """The certificate authority of the cluster in PEM form, and the hash of its public key in kubeadm's form sha256:...

    Raises Failure if kubeadm has not published it, because kubeadm init did not finish.
    """
    info = client.get(CLUSTER_INFO)
    yaml = library("yaml", "PyYAML")
    try:
        kubeconfig = yaml.safe_load((info or {})["data"]["kubeconfig"])
        authority = base64.b64decode(kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"])
        certificate = library("cryptography.x509", "cryptography").load_pem_x509_certificate(authority)
    except (LookupError, TypeError, ValueError, yaml.YAMLError) as error:
        raise Failure(
            f"the cluster at {client.host} has no usable ConfigMap kube-public/cluster-info, which kubeadm init creates"
            " at its end: if a task of the control plane host failed, fix that first and run again"
        ) from error
    serialization = library("cryptography.hazmat.primitives.serialization", "cryptography")
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return authority.decode(), f"sha256:{hashlib.sha256(key).hexdigest()}"


def forget_node(client: Client, name: str, address: str) -> None:
    """Delete the Node object that an earlier installation of the same host left.

    kubeadm refuses to join if it exists. A Node object with the same name and another address belongs to another host
    and is not deleted.
    """
    path = f"/api/v1/nodes/{quote(name, safe='')}"
    addresses: list[dict[str, Any]] = ((client.get(path) or {}).get("status") or {}).get("addresses") or []
    if any(entry["type"] == "InternalIP" and entry["address"] == address for entry in addresses):
        client.delete(path)
