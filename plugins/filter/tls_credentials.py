# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: tls_credentials
short_description: Secrets of TLS credentials from files, with what is wrong with them and when they expire
version_added: 0.2.0
description:
  - Reads certificates and keys from files on the controller and makes the Secrets of them that a gateway of Istio names
    in C(credentialName).
  - Nothing is written. A key that does not belong to its certificate, or a certificate that has expired, is a fault.
positional: _input
options:
  _input:
    description: >-
      Credentials, each with C(name), C(namespace), C(certificate) (path of the certificate and its chain), C(key) (path
      of the private key) and, for mutual TLS, C(ca) (path of the CA certificates by which clients are judged).
    type: list
    elements: dict
    required: true
  variable:
    description: Name of the variable that holds the credentials, for messages.
    type: str
    default: credentials
  namespace:
    description: Namespace of credentials that name none.
    type: str
    default: default
  labels:
    description: Labels of the Secrets.
    type: dict
    default: {}
author:
  - The bare.mesh authors (@bare-mesh)
"""

EXAMPLES = r"""
- name: Write the credential of a gateway
  bare.mesh.k8s:
    resources: "{{ (credentials | bare.mesh.tls_credentials).secrets }}"
  vars:
    credentials:
      - {name: shop, namespace: istio-gateways, certificate: files/shop.crt, key: files/shop.key}
"""

RETURN = r"""
_value:
  description: What the files hold.
  type: dict
  contains:
    faults:
      description: What is wrong with them. If there is anything, there are no secrets.
      type: list
      elements: dict
      contains:
        where: {description: The credential and its field., type: str}
        what: {description: What is wrong with it., type: str}
        fix: {description: What to do., type: str}
    secrets: {description: Manifests of Secrets., type: list, elements: dict}
    expiries:
      description: When the certificates expire.
      type: list
      elements: dict
      contains:
        name: {description: The credential., type: str}
        namespace: {description: Its namespace., type: str}
        expires: {description: The day on which it expires., type: str, sample: '2027-03-01'}
"""

import base64
import datetime
import importlib
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

FIELDS = {"certificate": "tls.crt", "key": "tls.key", "ca": "ca.crt"}
Fault = dict[str, str]


def _cryptography(name: str) -> Any:
    """A part of the library, imported at its first use. ansible-core needs it, too, so it is always there."""
    return importlib.import_module(f"cryptography.{name}")


def _read(where: str, path: Any) -> tuple[bytes, list[Fault]]:
    try:
        return Path(str(path)).expanduser().read_bytes(), []
    except OSError as error:
        what = f"is {path}, which cannot be read: {error.strerror}"
        return b"", [{"where": where, "what": what, "fix": "Give the path of a file on the controller"}]


def _certificates(where: str, content: bytes) -> tuple[list[Any], list[Fault]]:
    try:
        found = _cryptography("x509").load_pem_x509_certificates(content)
    except ValueError:
        return [], [{"where": where, "what": "is no certificate in the PEM format", "fix": "Convert or replace it"}]
    now = datetime.datetime.now(datetime.timezone.utc)
    late = [one for one in found if one.not_valid_after_utc < now]
    faults = [
        {"where": where, "what": f"has expired on {one.not_valid_after_utc:%Y-%m-%d}", "fix": "Renew it"}
        for one in late
    ]
    return found, faults


def _key_faults(where: str, content: bytes, certificate: Any) -> list[Fault]:
    try:
        key = _cryptography("hazmat.primitives.serialization").load_pem_private_key(content, None)
    except TypeError:
        return [{"where": where, "what": "is encrypted", "fix": "Give a key without a password"}]
    except (ValueError, _cryptography("exceptions").UnsupportedAlgorithm):
        return [{"where": where, "what": "is no private key in the PEM format", "fix": "Convert or replace it"}]
    if certificate and key.public_key() != certificate.public_key():
        what = "does not belong to the certificate"
        return [{"where": where, "what": what, "fix": "Give the key by which the certificate was requested"}]
    return []


def _credential(where: str, given: dict[str, Any]) -> tuple[dict[str, bytes], str, list[Fault]]:
    """(contents of the files, the day on which the first certificate expires, faults)."""
    contents, faults = {}, []
    for field in FIELDS:
        if given.get(field) or field != "ca":
            contents[field], found = _read(f"{where}.{field}", given.get(field))
            faults += found
    if faults:
        return contents, "", faults
    certificates, faults = _certificates(f"{where}.certificate", contents["certificate"])
    faults += _key_faults(f"{where}.key", contents["key"], certificates[0] if certificates else None)
    if "ca" in contents:
        faults += _certificates(f"{where}.ca", contents["ca"])[1]
    expiry = min((one.not_valid_after_utc for one in certificates), default=None)
    return contents, f"{expiry:%Y-%m-%d}" if expiry else "", faults


def tls_credentials(
    given: Any, variable: str = "credentials", namespace: str = "default", labels: dict[str, str] | None = None
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    if not isinstance(given, (list, tuple)):
        raise AnsibleFilterError("tls_credentials needs a list of credentials")
    faults: list[Fault] = []
    secrets, expiries, names = [], [], set()
    for index, one in enumerate(given):
        name, place = str(one.get("name")), str(one.get("namespace") or namespace)
        contents, expiry, found = _credential(f"{variable}[{index}]", one)
        faults += found
        if (name, place) in names:
            what = f"is a second credential {name} of the namespace {place}"
            faults.append({"where": f"{variable}[{index}]", "what": what, "fix": "Give each a name of its own"})
        names.add((name, place))
        data = {FIELDS[field]: base64.b64encode(content).decode() for field, content in contents.items()}
        metadata = {"name": name, "namespace": place}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "labels": labels or {}}}
        secrets.append({**secret, "type": "kubernetes.io/tls", "data": data})
        expiries.append({**metadata, "expires": expiry})
    return {"faults": faults, "secrets": [] if faults else secrets, "expiries": [] if faults else expiries}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"tls_credentials": tls_credentials}
