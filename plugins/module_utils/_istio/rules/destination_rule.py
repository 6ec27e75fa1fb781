# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Istio refuses in a DestinationRule. https://istio.io/latest/docs/reference/config/networking/destination-rule/

Rules of ValidateDestinationRule in Istio 1.31 (pkg/config/validation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.bare.mesh.plugins.module_utils._base.schema import Fault, nanoseconds
from ansible_collections.bare.mesh.plugins.module_utils._istio import validators
from ansible_collections.bare.mesh.plugins.module_utils._istio.rules.connection_pool import pool_faults

_POLICY = (
    "outlierDetection", "connectionPool", "loadBalancer", "tls",
    "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget",
)  # fmt: skip
_PORT_POLICY = ("outlierDetection", "connectionPool", "loadBalancer", "tls")
_TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def faults(definition: dict[str, Any]) -> Iterator[Fault]:
    spec, namespace = definition["spec"], definition["metadata"].get("namespace", "default")
    host = spec.get("host")
    if host is not None and validators.fqdn(host, wildcard=True):
        yield Fault("spec.host", validators.fqdn(host, wildcard=True))
    yield from _policy(spec.get("trafficPolicy"), "spec.trafficPolicy", namespace)
    names: set[str] = set()
    for index, subset in enumerate(spec.get("subsets") or []):
        path = f"spec.subsets[{index}]"
        name = subset.get("name") or ""
        if not validators.dns_label(name):
            yield Fault(f"{path}.name", f"{name!r} is not a valid subset name: at most 63 letters, digits and -")
        if name in names:
            yield Fault(f"{path}.name", f"there is another subset {name!r}: each needs its own name")
        names.add(name)
        yield from validators.labels(subset.get("labels"), f"{path}.labels")
        yield from _policy(subset.get("trafficPolicy"), f"{path}.trafficPolicy", namespace)
    exports = spec.get("exportTo") or []
    yield from validators.export_to(exports, namespace)
    if spec.get("workloadSelector") is not None:
        if any(value not in (".", namespace) for value in exports):
            yield Fault("spec.exportTo", "a rule with a workloadSelector can only be exported to its own namespace (.)")
        for name, value in (spec["workloadSelector"].get("matchLabels") or {}).items():
            if not name or "*" in name or "*" in str(value):
                yield Fault(
                    f"spec.workloadSelector.matchLabels[{name!r}]",
                    "names must not be empty, and wildcards are not allowed",
                )


def _policy(policy: dict[str, Any] | None, path: str, namespace: str) -> Iterator[Fault]:
    if policy is None:
        return
    # In protobuf an empty list is the same as a missing field.
    if not any(policy.get(name) not in (None, []) for name in _POLICY):
        yield Fault(path, f"is empty: at least one of {', '.join(_POLICY)} is required")
    if policy.get("tunnel") is not None and policy.get("proxyProtocol") is not None:
        yield Fault(path, "tunnel and proxyProtocol cannot be combined")
    yield from _settings(policy, path, namespace)
    for index, entry in enumerate(policy.get("portLevelSettings") or []):
        where = f"{path}.portLevelSettings[{index}]"
        if entry.get("port") is None:
            yield Fault(f"{where}.port", "is required, such as {number: 80}")
        if not any(entry.get(name) is not None for name in _PORT_POLICY):
            yield Fault(where, f"is empty: at least one of {', '.join(_PORT_POLICY)} is required")
        yield from _settings(entry, where, namespace)
    tunnel = policy.get("tunnel")
    if tunnel is not None:
        target = tunnel.get("targetHost") or ""
        if tunnel.get("protocol") not in (None, "", "CONNECT", "POST"):
            yield Fault(f"{path}.tunnel.protocol", f"{tunnel['protocol']!r} is neither CONNECT nor POST")
        if validators.fqdn(target) and not validators.is_ip(target):
            yield Fault(f"{path}.tunnel.targetHost", f"{target!r} is neither a domain name nor an IP address")
        if validators.port(tunnel.get("targetPort")):
            yield Fault(f"{path}.tunnel.targetPort", validators.port(tunnel.get("targetPort")))


def _settings(policy: dict[str, Any], path: str, namespace: str) -> Iterator[Fault]:
    """The settings that a policy can have for all ports or for one port."""
    yield from _outliers(policy.get("outlierDetection") or {}, f"{path}.outlierDetection")
    pool = policy.get("connectionPool")
    if pool is not None:
        yield from pool_faults(pool, f"{path}.connectionPool")
    yield from _balancer(policy.get("loadBalancer") or {}, f"{path}.loadBalancer")
    yield from _tls(policy.get("tls") or {}, f"{path}.tls", namespace)


def _outliers(outlier: dict[str, Any], path: str) -> Iterator[Fault]:
    for name in ("maxEjectionPercent", "minHealthPercent"):
        if not 0 <= (outlier.get(name) or 0) <= 100:
            yield Fault(f"{path}.{name}", f"{outlier[name]} is not a percentage: 0 to 100")
    if outlier.get("consecutiveLocalOriginFailures") and not outlier.get("splitExternalLocalOriginErrors"):
        yield Fault(f"{path}.consecutiveLocalOriginFailures", "needs splitExternalLocalOriginErrors: true")


def _balancer(balancer: dict[str, Any], path: str) -> Iterator[Fault]:
    hashing = balancer.get("consistentHash") or {}
    cookie = hashing.get("httpCookie")
    if cookie is not None and not cookie.get("name"):
        yield Fault(f"{path}.consistentHash.httpCookie.name", "is required")
    yield from _cookie(cookie or {}, f"{path}.consistentHash.httpCookie")
    size = (hashing.get("maglev") or {}).get("tableSize")
    if hashing.get("maglev") is not None and (not size or size >= 5000011 or not _prime(size)):
        yield Fault(
            f"{path}.consistentHash.maglev.tableSize", f"{size} must be a prime number below 5000011, such as 65537"
        )
    if hashing.get("minimumRingSize") and (hashing.get("ringHash") is not None or hashing.get("maglev") is not None):
        yield Fault(
            f"{path}.consistentHash",
            "minimumRingSize cannot be combined with ringHash or maglev: use ringHash.minimumRingSize",
        )
    warmup = balancer.get("warmup")
    if warmup is not None:
        if warmup.get("duration") is None:
            yield Fault(f"{path}.warmup.duration", "is required")
        if (warmup.get("minimumPercent") or 0) > 100:
            yield Fault(f"{path}.warmup.minimumPercent", f"{warmup['minimumPercent']} is not a percentage: 0 to 100")
        if warmup.get("aggression") is not None and warmup["aggression"] <= 0:
            yield Fault(f"{path}.warmup.aggression", f"{warmup['aggression']} must be greater than 0")
    yield from _locality(balancer.get("localityLbSetting") or {}, f"{path}.localityLbSetting")


def _cookie(cookie: dict[str, Any], path: str) -> Iterator[Fault]:
    if cookie.get("ttl") is not None and nanoseconds(cookie["ttl"]) is None:
        yield Fault(f"{path}.ttl", f"{cookie['ttl']!r} is not a duration, such as 0s, 10s or 1h")
    names: set[str] = set()
    for index, attribute in enumerate(cookie.get("attributes") or []):
        name = attribute.get("name") or ""
        if not name:
            yield Fault(f"{path}.attributes[{index}].name", "must not be empty, such as SameSite")
        elif name in names:
            yield Fault(
                f"{path}.attributes[{index}].name", f"there is another attribute {name!r}: remove one of the two"
            )
        names.add(name)


def _locality(setting: dict[str, Any], path: str) -> Iterator[Fault]:
    distribute, failover = setting.get("distribute") or [], setting.get("failover") or []
    if distribute and failover:
        yield Fault(path, "distribute and failover cannot be combined")
        return
    for index, entry in enumerate(distribute):
        weights = [weight or 0 for weight in (entry.get("to") or {}).values()]
        if any(not 1 <= weight <= 100 for weight in weights) or sum(weights) != 100:
            yield Fault(
                f"{path}.distribute[{index}].to",
                f"the weights must be 1 to 100 each and 100 together, they are {sum(weights)}",
            )
        to = list(entry.get("to") or {})
        # Istio reads the map in random order, so a pair that it refuses in one order is refused.
        for place, locality in enumerate(to):
            if wrong := _locality_fault(locality, to[:place] + to[place + 1 :]):
                yield Fault(f"{path}.distribute[{index}].to[{locality!r}]", wrong)
        if wrong := _locality_fault(entry.get("from") or "", [other.get("from") or "" for other in distribute[:index]]):
            yield Fault(f"{path}.distribute[{index}].from", wrong)
    for index, name in enumerate(setting.get("failoverPriority") or []):
        if failover and name in _TOPOLOGY:
            yield Fault(
                f"{path}.failoverPriority[{index}]", f"{name!r} cannot be combined with failover: remove one of the two"
            )
    for index, entry in enumerate(failover):
        sides = entry.get("from") or "", entry.get("to") or ""
        if sides[0] == sides[1]:
            yield Fault(f"{path}.failover[{index}]", "from and to must be different regions")
        if any("/" in side or "*" in side for side in sides):
            yield Fault(f"{path}.failover[{index}]", "from and to must be regions only, without / and *")


def _locality_fault(locality: str, before: list[str]) -> str:
    """Check a locality by Istio's validateLocalities: REGION/ZONE/SUBZONE, with one * instead of the last parts."""
    if "*" in locality[:-1]:
        return f"{locality!r}: * can only stand at the end, as in REGION/*"
    if "" in locality.split("/", 2):
        return f"{locality!r} has an empty part: write REGION, REGION/ZONE or REGION/ZONE/SUBZONE"
    twin = next((other for other in before if _covers(other, locality)), None)
    return f"{locality!r} overlaps with {twin!r}: remove one of the two" if twin is not None else ""


def _covers(earlier: str, later: str) -> bool:
    """Whether, for Istio, the earlier of two localities covers the later one or equals it."""
    if earlier == "*":
        return True
    known, parts = earlier.split("/", 2), later.split("/", 2)
    for depth, part in enumerate(parts):
        # An earlier locality that ends here, or has * here, covers every later part.
        if depth and (depth >= len(known) or known[depth] == "*"):
            return True
        if known[depth] != part:
            return False
    return True


def _prime(number: int) -> bool:
    """Whether a number is prime by Envoy's check, which accepts 1."""
    return number > 0 and all(number % factor for factor in range(2, int(number**0.5) + 1))


def _tls(tls: dict[str, Any], path: str, namespace: str) -> Iterator[Fault]:
    mode, credential = tls.get("mode") or "DISABLE", tls.get("credentialName") or ""
    if credential.startswith("configmap://"):
        owner, *names = credential.removeprefix("configmap://").split("/")
        if owner != namespace or not names or not names[0]:
            yield Fault(
                f"{path}.credentialName",
                f"{credential!r} must be configmap://{namespace}/NAME: in the namespace of the rule",
            )
    if tls.get("insecureSkipVerify"):
        never = {
            "SIMPLE": ("caCertificates", "credentialName", "subjectAltNames"),
            "MUTUAL": ("caCertificates", "subjectAltNames"),
        }
        for name in never.get(mode, ()):
            if tls.get(name):
                yield Fault(f"{path}.{name}", "cannot be combined with insecureSkipVerify: true")
    if mode in ("SIMPLE", "MUTUAL") and credential:
        for name in ("clientCertificate", "caCertificates", "privateKey", "caCrl"):
            if tls.get(name):
                yield Fault(f"{path}.{name}", "cannot be combined with credentialName, which holds it")
    elif mode == "MUTUAL":
        for name in ("clientCertificate", "privateKey"):
            if not tls.get(name):
                yield Fault(f"{path}.{name}", "is required with the mode MUTUAL, or credentialName instead")
