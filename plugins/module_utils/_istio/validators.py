# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Formats that several of Istio's kinds share. The functions return an error message or an empty string.

Rules of Istio 1.31's validation (pkg/config/validation, pkg/config/labels) and of Kubernetes:
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault

_LABEL = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_WILDCARD_LABEL = rf"\*|(?:\*|\*-)?{_LABEL}"
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_QUALIFIED = r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
# With the comma, because +-. is a range in Istio's expression.
_HEADER_NAME = re.compile(r"[-,!#$%&'*+.^_`|~0-9A-Za-z]+")
_PSEUDO_HEADERS = (":method", ":scheme", ":authority", ":path", ":status")
# pkg/jwt, ToRoutingClaim
_JWT_CLAIM = re.compile(r"@request\.auth\.claims(?:\..+|\[.+\])", re.IGNORECASE | re.DOTALL)
_KEY_PREFIX = rf"{_LABEL}(?:\.{_LABEL})*"
# pkg/config/validation, header_value_validator: arguments are in parentheses, plain or as a JSON list.
_TEXT = r'(?:\\.|[^\\)"])*'
_ARGUMENTS = rf' *(?:\[ *"|[^ \[]){_TEXT}(?:" *, *"{_TEXT})*(?:\)|" *\] *\))'
_VARIABLE = re.compile(rf"%%|%[^%(]*(?:\({_ARGUMENTS} *)?%", re.DOTALL)
# pkg/config/validation, validateMetadata
DRY_RUN = "istio.io/dry-run"
_FORBIDDEN_ANNOTATIONS = {
    "internal.istio.io/webhook-always-reject": "makes Istio reject the object: remove it",
    "internal.istio.io/parents": "is for objects that Istio makes itself: remove it",
    "internal.istio.io/parent-namespace": "is for objects that Istio makes itself: remove it",
}


def dns_label(text: str) -> bool:
    return len(text) <= 63 and re.fullmatch(_LABEL, text) is not None


def fqdn(text: str, wildcard: bool = False) -> str:
    """Check a domain name. With wildcard, its first label may begin with an asterisk."""
    if not text:
        return "must not be empty"
    if len(text) > 255:
        return "is longer than 255 characters"
    first, *rest = text.split(".")
    if rest and rest[-1] == "":
        rest.pop()
    if not (wildcard and len(first) <= 63 and re.fullmatch(_WILDCARD_LABEL, first)) and not dns_label(first):
        return f"{text!r} is not a domain name: {first!r} is not a valid part of one"
    bad = [part for part in rest if not dns_label(part)]
    if bad:
        return f"{text!r} is not a domain name: {bad[0]!r} is not a valid part of one"
    last = text.split(".")[-1]
    if (rest or not wildcard) and last.isdigit() and int(last) < 2**63:
        note = ", and IP addresses are not host names" if is_ip(text) else ""
        return f"{text!r} is not a domain name: its last part, {last!r}, is a number{note}"
    return ""


def sni_host(text: str) -> str:
    """Check a generated name for a cluster behind an AUTO_PASSTHROUGH gateway: outbound_.80_._.a.example.com."""
    direction, *parts = text.split("_")
    if len(text) > 255:
        return "is longer than 255 characters"
    if (
        direction != "outbound"
        or len(parts) < 3
        or not re.search("[0-9]", parts[0])
        or not re.search("[a-zA-Z]", parts[2])
    ):
        return f"{text!r} is not a generated host: its form is outbound_.PORT_._.HOST"
    return ""


def is_ip(text: str) -> bool:
    """Whether Go's netip.ParseAddr accepts the text. An IPv6 zone can be any text."""
    address, percent, zone = text.partition("%")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not percent or (parsed.version == 6 and zone != "")


def subnet(text: str) -> str:
    """Check an address or range by Go's netip.ParsePrefix: a length instead of a netmask, and no zone."""
    address, slash, length = text.partition("/")
    most = 128 if ":" in address else 32
    if not is_ip(address) or (
        slash and ("%" in address or not re.fullmatch("0|[1-9][0-9]{0,2}", length) or int(length) > most)
    ):
        return f"{text!r} is neither an IP address nor a range such as 10.0.0.0/16"
    return ""


def port(number: Any) -> str:
    return "" if isinstance(number, int) and 1 <= number <= 65535 else f"{number!r} is not a port: 1 to 65535"


def workload_selector(selector: dict[str, Any] | None, path: str, field: str = "matchLabels") -> Iterator[Fault]:
    """Check the labels by which a policy selects workloads. ServiceEntry and Sidecar have them in labels."""
    for key, value in ((selector or {}).get(field) or {}).items():
        where = f"{path}.{field}[{key!r}]"
        if not key:
            yield Fault(where, "a label has no empty key")
        if "*" in str(key) or "*" in str(value):
            yield Fault(where, f"{key}={value}: labels are compared as they are, without wildcards")


# Group and kind of what a policy can be attached to.
_TARGETS = (
    ("core", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
)


def targets(spec: dict[str, Any]) -> Iterator[Fault]:
    """Check targetRef and targetRefs of a policy. That only one of them and selector is set is in the schema."""
    places = [("spec.targetRef", spec["targetRef"])] if spec.get("targetRef") else []
    places += [(f"spec.targetRefs[{index}]", target) for index, target in enumerate(spec.get("targetRefs") or [])]
    for path, target in places:
        if target.get("namespace"):
            yield Fault(f"{path}.namespace", "must not be set: the target is in the namespace of the policy")
        if (target.get("group") or "core", target.get("kind")) not in _TARGETS:
            known = ", ".join(kind if group == "core" else f"{kind} ({group})" for group, kind in _TARGETS)
            yield Fault(f"{path}.kind", f"{target.get('kind')} ({target.get('group') or 'core'}) is none of {known}")


def overlap(one: str, other: str) -> bool:
    """Whether two host names, with or without wildcards, can match the same host."""
    if one.startswith("*") and other.startswith("*"):
        short, long = sorted((one[1:], other[1:]), key=len)
        return long.endswith(short)
    if one.startswith("*"):
        return other.endswith(one[1:])
    return one.endswith(other[1:]) if other.startswith("*") else one == other


def within(one: str, other: str) -> bool:
    """Whether the second name matches every host that the first one matches."""
    if not other.startswith("*"):
        return one == other
    return one.lstrip("*").endswith(other[1:]) and (not one.startswith("*") or len(one) >= len(other))


def _key(name: str, prefix_format: str) -> bool:
    """Whether a name is valid for a label or annotation: at most 63 characters after an optional domain and /."""
    prefix, slash, bare = name.rpartition("/")
    known = not slash or (len(prefix) <= 253 and re.fullmatch(prefix_format, prefix) is not None)
    return known and len(bare) <= 63 and re.fullmatch(_QUALIFIED, bare) is not None


def labels(values: dict[str, Any] | None, path: str, own: bool = False) -> Iterator[Fault]:
    """Check the labels of a selector by pkg/config/labels.

    With own, the labels of an object by the stricter rules of Kubernetes.
    """
    for name, value in (values or {}).items():
        if not _key(str(name), _SUBDOMAIN if own else _KEY_PREFIX):
            message = "is not a valid label name: at most 63 letters, digits, - _ . after an optional domain and /"
            yield Fault(f"{path}[{name!r}]", message)
        if not isinstance(value, str):
            yield Fault(f"{path}[{name!r}]", f"must be a string, is {value!r}: quote it")
        elif value and ((own and len(value) > 63) or not re.fullmatch(_QUALIFIED, value)):
            yield Fault(f"{path}[{name!r}]", f"{value!r} is not a valid label value: at most 63 letters, digits, - _ .")


def metadata(meta: dict[str, Any], kind: str = "") -> Iterator[Fault]:
    """Check names, labels and annotations by the limits of Kubernetes, and the annotations that Istio refuses."""
    odd = [field for field in ("labels", "annotations") if meta.get(field) and not isinstance(meta[field], dict)]
    if odd:
        yield Fault(f"metadata.{odd[0]}", f"must be a mapping of strings, is {meta[odd[0]]!r:.60}")
        return
    name, namespace = meta.get("name"), meta.get("namespace")
    if not isinstance(name, str) or not name:
        yield Fault("metadata.name", "is required")
    elif len(name) > 253 or not re.fullmatch(_SUBDOMAIN, name):
        yield Fault("metadata.name", f"{name!r} is not a valid name: at most 253 lower-case letters, digits, - and .")
    if namespace is not None and not (
        isinstance(namespace, str) and dns_label(namespace) and namespace == namespace.lower()
    ):
        yield Fault(
            "metadata.namespace", f"{namespace!r} is not a valid namespace: at most 63 lower-case letters, digits and -"
        )
    yield from labels(meta.get("labels"), "metadata.labels", own=True)
    for key, value in (meta.get("annotations") or {}).items():
        if key in _FORBIDDEN_ANNOTATIONS:
            yield Fault(f"metadata.annotations[{key!r}]", _FORBIDDEN_ANNOTATIONS[key])
        if key == DRY_RUN and kind != "AuthorizationPolicy":
            yield Fault(f"metadata.annotations[{key!r}]", "is only for AuthorizationPolicy: remove it")
        # Kubernetes compares the names of annotations in lower case.
        if not _key(str(key).lower(), _SUBDOMAIN):
            yield Fault(f"metadata.annotations[{key!r}]", "is not a valid annotation name")
        if not isinstance(value, str):
            yield Fault(f"metadata.annotations[{key!r}]", f"must be a string, is {value!r}: quote it")


def export_to(
    values: list[Any] | None, namespace: str, path: str = "spec.exportTo", none: bool = False
) -> Iterator[Fault]:
    """Check the namespaces that see an object. With none, ~ hides it from all of them."""
    seen: set[str] = set()
    for index, value in enumerate(values or []):
        meant = namespace if value == "." else value
        if meant in seen:
            yield Fault(f"{path}[{index}]", f"{value!r} is given twice (. is the namespace of the object)")
        seen.add(meant)
        if value not in (".", "*", *("~" * none)) and not dns_label(str(value)):
            yield Fault(f"{path}[{index}]", f"{value!r} is not ., {'~, ' * none}* or a namespace")
    if "*" in seen and len(seen) > 1:
        yield Fault(path, "* means all namespaces and cannot be combined with others")
    if none and "~" in seen and len(seen) > 1:
        yield Fault(path, "~ means no namespace and cannot be combined with others")


def gateway_names(values: list[Any] | None, path: str) -> Iterator[Fault]:
    """Check names by Istio's validateGatewayNames, which ignores all names after the first one without a namespace."""
    for index, value in enumerate(values or []):
        namespace, slash, name = str(value).partition("/")
        wrong = "" if slash else fqdn(namespace)
        if slash and not (dns_label(namespace) and dns_label(name)):
            wrong = "namespace and name must be DNS labels"
        if wrong:
            yield Fault(f"{path}[{index}]", f"{value!r} is not a gateway: {wrong}; write NAME, NAMESPACE/NAME or mesh")
        if not slash:
            return


def header_match_name(name: str) -> str:
    if is_jwt_claim(name) or name in _PSEUDO_HEADERS or _HEADER_NAME.fullmatch(name):
        return ""
    if name.lower().startswith("@request.auth.claims"):
        return f"{name!r} does not name a claim: write @request.auth.claims.NAME or @request.auth.claims[NAME]"
    return f"{name!r} is not a valid header name"


def header_name(name: str) -> str:
    return "" if _HEADER_NAME.fullmatch(name) else f"{name!r} is not a valid header name"


def header_value(value: Any) -> str:
    """Envoy's format: a percent sign begins a variable such as %HOSTNAME% or is written as %%."""
    if not isinstance(value, str):
        return ""
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        return f"{value!r} contains control characters"
    rest = _VARIABLE.sub("", value)
    return f"{value!r} has a single %: write %% for the character, or close the variable" if "%" in rest else ""


def is_jwt_claim(name: str) -> bool:
    return _JWT_CLAIM.fullmatch(name) is not None
